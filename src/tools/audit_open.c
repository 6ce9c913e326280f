/*
 * Opening the audit record: what the last run left is continued, mended after a crash or a power
 * cut, or set aside where it does not verify.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "audit-internal.h"

#define FILE_SIZE_DEFAULT (4 * 1024 * 1024)
#define FILES_DEFAULT	  8

struct opening {
	struct audit *audit;
	enum audit_opened how;
	char *note; /* 256 bytes */
};

static int open_anchor(struct audit *audit, struct error *error)
{
	char path[AUDIT_PATH_MAX];

	snprintf(path, sizeof(path), "%s/audit", audit->directory);
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return audit_failed("opened", errno, error);
	audit->anchor_fd = open(audit_anchor_path(audit->directory, path),
				O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (audit->anchor_fd < 0)
		return audit_failed("opened", errno, error);
	if (flock(audit->anchor_fd, LOCK_EX | LOCK_NB) < 0)
		return error_set(error, ERROR_DAEMON_RUNNING, NULL,
				 "Another daemon writes the audit record in %s", audit->directory);
	return 0;
}

/* The anchor is written before the first line: lines without an anchor are never a crash's work. */
static int create(struct opening *opening, struct error *error)
{
	struct audit *audit = opening->audit;

	audit->anchor.first = (struct audit_position){.file = 1};
	audit->anchor.last = audit->anchor.flushed = audit->anchor.first;
	audit_boot_id(audit->anchor.boot);
	audit->fd = audit_open_file(audit, 1, O_CREAT);
	if (audit->fd < 0)
		return audit_failed("created", -audit->fd, error);
	if (audit_sync_directory(audit) < 0)
		return audit_failed("created", EIO, error);
	return audit_write_anchor(audit, error);
}

/* Puts the whole record away and begins a new one: what is broken stays to be looked at. */
static int set_aside(struct opening *opening, const char *why, struct error *error)
{
	struct audit *audit = opening->audit;
	char from[AUDIT_PATH_MAX], to[AUDIT_PATH_MAX];
	int r;

	snprintf(from, sizeof(from), "%s/audit", audit->directory);
	snprintf(to, sizeof(to), "%s/audit.broken-%" PRIu64, audit->directory,
		 clock_realtime_usec());
	if (rename(from, to) < 0)
		return audit_failed("set aside", errno, error);
	close(TAKE_FD(audit->anchor_fd));
	if (audit->fd >= 0)
		close(TAKE_FD(audit->fd));
	opening->how = AUDIT_SET_ASIDE;
	snprintf(opening->note, 256, "The audit record does not verify (%s); it was kept as %s",
		 why, strrchr(to, '/') + 1);
	r = open_anchor(audit, error);
	return r < 0 ? r : create(opening, error);
}

/* Takes in whole lines from `position` to the end of its file; cuts off what is torn. Returns the
 * number of lines, or -EBADMSG. */
static int take_in(struct audit *audit, struct audit_position *position, off_t size)
{
	_cleanup_(cleanup_free) char *bytes = NULL;
	size_t length = (size_t)(size - position->offset), used = 0;
	const char *fault;
	int lines = 0, r = 0;

	if (length == 0)
		return 0;
	bytes = malloc(length);
	if (!bytes || pread(audit->fd, bytes, length, position->offset) != (ssize_t)length)
		return -EIO;
	while (used < length && r == 0) {
		off_t before = position->offset;

		r = audit_chain_step(&audit->key, bytes + used, length - used, position, &fault);
		used += (size_t)(position->offset - before);
		lines += r == 0;
	}
	/* A power cut may leave blocks of zeros behind the last line: no more than a torn one. */
	if (r < 0 && bytes[used] != '\0')
		return -EBADMSG;
	if (used < length && ftruncate(audit->fd, position->offset) < 0)
		return -errno;
	return lines;
}

/* Moves to the newest file that is there: a rotation may have been cut short. */
static void find_newest(struct audit *audit, struct audit_position *position)
{
	int fd;

	while ((fd = audit_open_file(audit, position->file + 1, 0)) >= 0) {
		close(audit->fd);
		audit->fd = fd;
		position->file++;
		position->offset = 0;
	}
}

static int resume(struct opening *opening, struct error *error)
{
	struct audit *audit = opening->audit;
	struct audit_anchor *anchor = &audit->anchor;
	char boot[AUDIT_BOOT_TEXT + 1];
	struct audit_position position = anchor->last;
	uint64_t expected = anchor->last.sequence;
	struct stat status;
	bool same_boot;
	int taken;

	audit_boot_id(boot);
	same_boot = strcmp(boot, anchor->boot) == 0;
	audit->fd = audit_open_file(audit, anchor->last.file, 0);
	if (audit->fd < 0 || fstat(audit->fd, &status) < 0)
		return set_aside(opening, "its newest file is gone", error);
	if (status.st_size < anchor->last.offset) {
		if (same_boot || status.st_size < anchor->flushed.offset)
			return set_aside(opening, "it was cut", error);
		position = anchor->flushed;
	}
	taken = take_in(audit, &position, status.st_size);
	if (taken >= 0 && position.sequence >= expected) {
		find_newest(audit, &position);
		if (fstat(audit->fd, &status) == 0 && status.st_size > position.offset)
			taken = take_in(audit, &position, status.st_size);
	}
	if (taken < 0 || (same_boot && position.sequence > expected + 1))
		return set_aside(opening, "its end does not fit its anchor", error);
	anchor->last = position;
	if (position.sequence < expected) {
		opening->how = AUDIT_RECOVERED;
		snprintf(opening->note, 256,
			 "A power cut took %" PRIu64 " lines of the audit record",
			 expected - position.sequence);
	}
	return 0;
}

static int open_record(struct opening *opening, struct error *error)
{
	struct audit *audit = opening->audit;
	char bytes[AUDIT_ANCHOR_BYTES + 1], path[AUDIT_PATH_MAX];
	ssize_t n = pread(audit->anchor_fd, bytes, sizeof(bytes), 0);
	struct stat first;

	if (n < 0)
		return audit_failed("read", errno, error);
	if (n == 0 && stat(audit_file_path(audit->directory, 1, path), &first) == 0 &&
	    first.st_size > 0)
		return set_aside(opening, "its anchor is gone", error);
	if (n == 0) {
		opening->how = AUDIT_CREATED;
		return create(opening, error);
	}
	if (audit_anchor_parse(bytes, (size_t)n, &audit->key, &audit->anchor) < 0)
		return set_aside(opening, "its anchor does not verify", error);
	return resume(opening, error);
}

/* The first line of each run says how the record was found, and the log gets the head. A full disk
 * does not keep the daemon from starting: it keeps it from changing anything. */
static void begin_run(struct opening *opening)
{
	struct audit *audit = opening->audit;
	const struct audit_record record = {
		.kind = "note",
		.reason = opening->note[0] ? opening->note : "The daemon started",
	};
	char head[AUDIT_CHAIN_BYTES * 2 + 1];
	struct error error;

	audit_boot_id(audit->anchor.boot);
	if (audit_append(audit, &record, &error) < 0)
		log_error("tools: %s", error.message);
	audit_chain_print(audit->anchor.last.chain, head);
	log_info("tools: the audit record goes on; head %" PRIu64 " %s",
		 audit->anchor.last.sequence, head);
}

static int establish(struct opening *opening, struct error *error)
{
	struct audit *audit = opening->audit;
	int r = audit_key_load(audit->directory, true, &audit->key, error);

	if (r == 0)
		r = open_anchor(audit, error);
	if (r == 0)
		r = open_record(opening, error);
	if (r < 0) {
		cleanup_close(&audit->fd);
		cleanup_close(&audit->anchor_fd);
		audit->fd = audit->anchor_fd = -1;
		return r;
	}
	begin_run(opening);
	return 0;
}

int audit_ensure(struct audit *audit, struct error *error)
{
	char note[256] = "";
	struct opening opening = {.audit = audit, .note = note};

	return audit->fd >= 0 ? 0 : establish(&opening, error);
}

int audit_open(struct audit **ret, const struct audit_config *config, enum audit_opened *ret_how,
	       char *note, struct error *error)
{
	_cleanup_(audit_cleanup) struct audit *audit = calloc(1, sizeof(*audit));
	struct opening opening = {.audit = audit, .how = AUDIT_CONTINUED, .note = note};
	struct error why;
	int r;

	if (!audit)
		return audit_failed("opened", ENOMEM, error);
	note[0] = '\0';
	audit->fd = audit->anchor_fd = -1;
	audit->file_size = config->file_size ?: FILE_SIZE_DEFAULT;
	audit->files = config->files ?: FILES_DEFAULT;
	audit->directory = strdup(config->directory);
	if (!audit->directory)
		return audit_failed("opened", ENOMEM, error);
	r = establish(&opening, &why);
	if (r < 0 && why.code == ERROR_STORE_FAILED) {
		opening.how = AUDIT_ABSENT;
		text_copy(note, 256, why.message);
	} else if (r < 0) {
		if (error)
			*error = why;
		return r;
	}
	*ret_how = opening.how;
	*ret = TAKE_PTR(audit);
	return 0;
}
