#include "audit.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "audit_chain.h"
#include "text_buffer.h"

#define FILE_SIZE_DEFAULT (4 * 1024 * 1024)
#define FILES_DEFAULT	  8
#define RESERVE_STEP	  ((off_t)(8 * AUDIT_RECORD_MAX))
#define INPUT_SHOWN	  ((size_t)8 * 1024)
#define OUTPUT_SHOWN	  ((size_t)4 * 1024)
#define LONG_SHOWN	  1024 /* of an input beyond */

struct audit {
	char *directory;
	off_t file_size;
	unsigned files;
	struct audit_key key;
	struct audit_anchor anchor; /* its `last` is where the next line goes */
	int fd, anchor_fd;
	off_t reserved; /* the file has blocks up to here */
	unsigned unsynced;
};

/* ---- lines ---- */

static void put_member(struct text_buffer *line, const char *name, const char *text)
{
	char shown[256];

	if (!text)
		return;
	text_copy(shown, sizeof(shown), text);
	text_buffer_format(line, ",\"%s\":", name);
	text_buffer_quote(line, shown, strlen(shown));
}

/* JSON as it is while it is short, else its length and hash, with its first `shown` bytes. */
static void put_json(struct text_buffer *line, const char *name, const char *json, size_t length,
		     size_t most, size_t shown)
{
	uint8_t hash[32];
	char hex[sizeof(hash) * 2 + 1], begins[LONG_SHOWN + 1];

	if (!json)
		return;
	text_buffer_format(line, ",\"%s\":", name);
	if (length <= most) {
		text_buffer_append(line, json, length);
		return;
	}
	crypto_generichash(hash, sizeof(hash), (const unsigned char *)json, length, NULL, 0);
	sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
	text_buffer_format(line, "{\"bytes\":%zu,\"blake2b\":\"%s\"", length, hex);
	if (shown > 0) {
		char *start = strndup(json, MIN(length, (size_t)LONG_SHOWN * 2));

		text_copy(begins, sizeof(begins), start);
		free(start);
		text_buffer_put(line, ",\"begins\":");
		text_buffer_quote(line, begins, strlen(begins));
	}
	text_buffer_put(line, "}");
}

static void compose(struct text_buffer *line, uint64_t sequence, const struct audit_record *record)
{
	char time[32];

	text_buffer_format(line, "{\"sequence\":%" PRIu64 ",\"time\":\"%s\"", sequence,
			   clock_print_realtime(clock_realtime_usec(), time, sizeof(time)));
	put_member(line, "kind", record->kind);
	if (record->tool)
		text_buffer_format(line, ",\"call\":%" PRIu64 ",\"uid\":%u,\"gid\":%u,\"pid\":%d",
				   record->call, record->uid, record->gid, record->pid);
	put_member(line, "role", record->role);
	put_member(line, "client", record->client);
	put_member(line, "tool", record->tool);
	put_json(line, "input", record->input, record->input_length, INPUT_SHOWN, LONG_SHOWN);
	put_member(line, "reason", record->reason);
	put_member(line, "result", record->result);
	put_json(line, "output", record->output, record->output_length, OUTPUT_SHOWN, 0);
	if (record->transaction)
		text_buffer_format(line, ",\"transaction\":%" PRIu64, record->transaction);
	if (record->tool)
		text_buffer_format(line, ",\"duration_us\":%" PRIu64, record->duration);
}

/* ---- files ---- */

static int failed(const char *what, int errnum, struct error *error)
{
	error_set(error, ERROR_STORE_FAILED, NULL, "The audit record cannot be %s: %s", what,
		  strerror(errnum));
	if (errnum == ENOSPC)
		error_hint(error, "free space in the state directory");
	return -errnum;
}

static int write_anchor(struct audit *audit, struct error *error)
{
	char bytes[AUDIT_ANCHOR_BYTES];
	ssize_t n;

	audit_anchor_print(&audit->anchor, &audit->key, bytes);
	n = pwrite(audit->anchor_fd, bytes, sizeof(bytes), 0);
	return n == sizeof(bytes) ? 0 : failed("anchored", n < 0 ? errno : ENOSPC, error);
}

static int open_file(const struct audit *audit, unsigned file, int flags)
{
	char path[AUDIT_PATH_MAX];
	int fd = open(audit_file_path(audit->directory, file, path),
		      O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | flags, 0600);

	return fd < 0 ? -errno : fd;
}

/* A new file is there after a power cut only when its directory says so. */
static int sync_directory(const struct audit *audit)
{
	char path[AUDIT_PATH_MAX];
	_cleanup_(cleanup_close) int fd = -1;

	snprintf(path, sizeof(path), "%s/audit", audit->directory);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* Blocks for what comes next; where the filesystem cannot promise any, none are promised. */
static int reserve(int fd, off_t from)
{
	if (fallocate(fd, FALLOC_FL_KEEP_SIZE, from, RESERVE_STEP) < 0 && errno != EOPNOTSUPP)
		return -errno;
	return 0;
}

/* The end of the oldest file is where the kept lines begin once it is gone. */
static int position_after_file(const struct audit *audit, unsigned file, struct audit_position *ret)
{
	_cleanup_(cleanup_close) int fd = open_file(audit, file, 0);
	char tail[AUDIT_RECORD_MAX + 1], *line;
	off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
	size_t wanted = (size_t)MIN(size, (off_t)AUDIT_RECORD_MAX);
	const char *chain;

	if (size <= (off_t)AUDIT_TAIL_BYTES ||
	    pread(fd, tail, wanted, size - (off_t)wanted) != (ssize_t)wanted ||
	    tail[wanted - 1] != '\n')
		return -EBADMSG;
	tail[wanted - 1] = '\0';
	line = strrchr(tail, '\n');
	line = line ? line + 1 : tail;
	chain = tail + wanted - AUDIT_TAIL_BYTES + sizeof(AUDIT_CHAIN_MEMBER) - 1;
	*ret = (struct audit_position){.file = file + 1};
	if (sscanf(line, "{\"sequence\":%" SCNu64 ",", &ret->sequence) != 1 ||
	    sodium_hex2bin(ret->chain, sizeof(ret->chain), chain, AUDIT_CHAIN_BYTES * 2, NULL, NULL,
			   NULL) < 0)
		return -EBADMSG;
	return 0;
}

static void drop_oldest(struct audit *audit)
{
	char path[AUDIT_PATH_MAX];
	struct audit_position first;
	unsigned oldest = audit->anchor.first.file;

	if (audit->anchor.last.file - oldest < audit->files)
		return;
	/* The anchor first: a file too many is removed at the next start, one too few is damage. */
	if (position_after_file(audit, oldest, &first) < 0)
		return;
	audit->anchor.first = first;
	if (write_anchor(audit, NULL) == 0 &&
	    unlink(audit_file_path(audit->directory, oldest, path)) < 0)
		log_warning("tools: %s cannot be removed: %s", path, strerror(errno));
}

/* Goes on in a new file. Where that cannot be made, the present one serves on. */
static void rotate(struct audit *audit)
{
	struct audit_position *last = &audit->anchor.last;
	char path[AUDIT_PATH_MAX], head[AUDIT_CHAIN_BYTES * 2 + 1];
	int fd;

	if (last->offset < audit->file_size || audit_sync(audit) < 0)
		return;
	fd = open_file(audit, last->file + 1, O_CREAT | O_EXCL);
	if (fd < 0)
		return;
	if (reserve(fd, 0) < 0 || sync_directory(audit) < 0) {
		close(fd);
		unlink(audit_file_path(audit->directory, last->file + 1, path));
		return;
	}
	if (ftruncate(audit->fd, last->offset) < 0)
		log_warning("tools: unused blocks of the audit record stay: %s", strerror(errno));
	close(audit->fd);
	audit->fd = fd;
	audit->reserved = RESERVE_STEP;
	last->file++;
	last->offset = 0;
	audit->anchor.flushed = *last;
	drop_oldest(audit);
	audit_chain_print(last->chain, head);
	log_info("tools: the audit record goes on in file %u; head %" PRIu64 " %s", last->file,
		 last->sequence, head);
}

int audit_reserve(struct audit *audit, struct error *error)
{
	off_t offset = audit->anchor.last.offset;
	int r;

	if (offset + 2 * (off_t)AUDIT_RECORD_MAX <= audit->reserved)
		return 0;
	r = reserve(audit->fd, offset);
	if (r < 0)
		return failed("kept, and what is not recorded is not changed", -r, error);
	audit->reserved = offset + RESERVE_STEP;
	return 0;
}

int audit_append(struct audit *audit, const struct audit_record *record, struct error *error)
{
	_cleanup_text_buffer_ struct text_buffer line = {0};
	struct audit_position before;
	char chain[AUDIT_CHAIN_BYTES * 2 + 1];
	struct audit_position *last = &audit->anchor.last;
	ssize_t n;
	int r = 0;

	rotate(audit);
	before = *last;
	compose(&line, last->sequence + 1, record);
	if (!text_buffer_ok(&line))
		return failed("written", ENOMEM, error);
	audit_chain_next(&audit->key, before.chain, line.data, line.length, last->chain);
	audit_chain_print(last->chain, chain);
	text_buffer_format(&line, AUDIT_CHAIN_MEMBER "%s\"}\n", chain);
	n = text_buffer_ok(&line) ? write(audit->fd, line.data, line.length) : -1;
	if (n != (ssize_t)line.length)
		r = failed("written", n < 0 ? errno : ENOSPC, error);
	if (r == 0) {
		last->sequence++;
		last->offset += n;
		r = write_anchor(audit, error);
	}
	if (r == 0) {
		if (++audit->unsynced >= AUDIT_UNSYNCED_MAX)
			(void)audit_sync(audit);
		return 0;
	}
	*last = before;
	if (n > 0 && ftruncate(audit->fd, before.offset) < 0)
		log_error("tools: part of a line stays in the audit record: %s", strerror(errno));
	return r;
}

int audit_sync(struct audit *audit)
{
	if (audit->unsynced == 0)
		return 0;
	if (fdatasync(audit->fd) < 0) {
		log_error("tools: the audit record is not on the disk: %s", strerror(errno));
		return -errno;
	}
	audit->unsynced = 0;
	audit->anchor.flushed = audit->anchor.last;
	return write_anchor(audit, NULL);
}

void audit_close(struct audit *audit)
{
	if (audit->fd >= 0) {
		(void)audit_sync(audit);
		if (ftruncate(audit->fd, audit->anchor.last.offset) < 0)
			log_warning("tools: unused blocks of the audit record stay: %s",
				    strerror(errno));
		close(audit->fd);
	}
	if (audit->anchor_fd >= 0)
		close(audit->anchor_fd);
	sodium_memzero(&audit->key, sizeof(audit->key));
	free(audit->directory);
	free(audit);
}

/* ---- opening ---- */

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
		return failed("opened", errno, error);
	audit->anchor_fd = open(audit_anchor_path(audit->directory, path),
				O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (audit->anchor_fd < 0)
		return failed("opened", errno, error);
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
	audit->fd = open_file(audit, 1, O_CREAT);
	if (audit->fd < 0)
		return failed("created", -audit->fd, error);
	if (sync_directory(audit) < 0)
		return failed("created", EIO, error);
	return write_anchor(audit, error);
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
		return failed("set aside", errno, error);
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

	while ((fd = open_file(audit, position->file + 1, 0)) >= 0) {
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
	audit->fd = open_file(audit, anchor->last.file, 0);
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
		return failed("read", errno, error);
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

int audit_open(struct audit **ret, const struct audit_config *config, enum audit_opened *ret_how,
	       char *note, struct error *error)
{
	_cleanup_(audit_cleanup) struct audit *audit = calloc(1, sizeof(*audit));
	struct opening opening = {.audit = audit, .how = AUDIT_CONTINUED, .note = note};
	int r;

	if (!audit)
		return failed("opened", ENOMEM, error);
	note[0] = '\0';
	audit->fd = audit->anchor_fd = -1;
	audit->file_size = config->file_size ?: FILE_SIZE_DEFAULT;
	audit->files = config->files ?: FILES_DEFAULT;
	audit->directory = strdup(config->directory);
	if (!audit->directory)
		return failed("opened", ENOMEM, error);
	r = audit_key_load(config->directory, true, &audit->key, error);
	if (r == 0)
		r = open_anchor(audit, error);
	if (r == 0)
		r = open_record(&opening, error);
	if (r < 0)
		return r;
	begin_run(&opening);
	*ret_how = opening.how;
	*ret = TAKE_PTR(audit);
	return 0;
}
