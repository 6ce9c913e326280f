#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "audit-internal.h"

#define RESERVE_STEP ((off_t)(8 * AUDIT_RECORD_MAX))
#define INPUT_SHOWN  ((size_t)8 * 1024)
#define OUTPUT_SHOWN ((size_t)4 * 1024)
#define LONG_SHOWN   1024 /* of an input beyond */

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

int audit_failed(const char *what, int errnum, struct error *error)
{
	error_set(error, ERROR_STORE_FAILED, NULL, "The audit record cannot be %s: %s", what,
		  strerror(errnum));
	if (errnum == ENOSPC)
		error_hint(error, "free space in the state directory");
	return -errnum;
}

int audit_write_anchor(struct audit *audit, struct error *error)
{
	char bytes[AUDIT_ANCHOR_BYTES];
	ssize_t n;

	audit_anchor_print(&audit->anchor, &audit->key, bytes);
	n = pwrite(audit->anchor_fd, bytes, sizeof(bytes), 0);
	return n == sizeof(bytes) ? 0 : audit_failed("anchored", n < 0 ? errno : ENOSPC, error);
}

int audit_open_file(const struct audit *audit, unsigned file, int flags)
{
	char path[AUDIT_PATH_MAX];
	int fd = open(audit_file_path(audit->directory, file, path),
		      O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | flags, 0600);

	return fd < 0 ? -errno : fd;
}

int audit_sync_directory(const struct audit *audit)
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
	_cleanup_(cleanup_close) int fd = audit_open_file(audit, file, 0);
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
	if (audit_write_anchor(audit, NULL) == 0 &&
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
	fd = audit_open_file(audit, last->file + 1, O_CREAT | O_EXCL);
	if (fd < 0)
		return;
	if (reserve(fd, 0) < 0 || audit_sync_directory(audit) < 0) {
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
	off_t offset;
	int r = audit_ensure(audit, error);

	if (r < 0)
		return r;
	offset = audit->anchor.last.offset;
	if (offset + 2 * (off_t)AUDIT_RECORD_MAX <= audit->reserved)
		return 0;
	r = reserve(audit->fd, offset);
	if (r < 0)
		return audit_failed("kept, and what is not recorded is not changed", -r, error);
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
	int r = audit_ensure(audit, error);

	if (r < 0)
		return r;
	rotate(audit);
	before = *last;
	compose(&line, last->sequence + 1, record);
	if (!text_buffer_ok(&line))
		return audit_failed("written", ENOMEM, error);
	audit_chain_next(&audit->key, before.chain, line.data, line.length, last->chain);
	audit_chain_print(last->chain, chain);
	text_buffer_format(&line, AUDIT_CHAIN_MEMBER "%s\"}\n", chain);
	n = text_buffer_ok(&line) ? write(audit->fd, line.data, line.length) : -1;
	if (n != (ssize_t)line.length)
		r = audit_failed("written", n < 0 ? errno : ENOSPC, error);
	if (r == 0) {
		last->sequence++;
		last->offset += n;
		r = audit_write_anchor(audit, error);
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
	return audit_write_anchor(audit, NULL);
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
