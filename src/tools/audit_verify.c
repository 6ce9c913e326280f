#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "audit_chain.h"

#define ATTEMPTS 4 /* while a daemon rotates the files away under us */

struct verification {
	const char *directory;
	struct audit_key key;
	struct audit_anchor anchor; /* as it was before the walk */
	struct audit_position position;
	struct audit_report report;
	bool reached_last, reached_flushed;
};

static int broken(const struct verification *v, const char *what, struct error *error)
{
	int r = error_set(error, ERROR_AUDIT_BROKEN, NULL, "%s", what);

	error_hint(error, "file %08u.jsonl, after line %" PRIu64 " of the record", v->position.file,
		   v->position.sequence);
	return r;
}

static int read_anchor(const struct verification *v, struct audit_anchor *ret, struct error *error)
{
	char path[AUDIT_PATH_MAX], bytes[AUDIT_ANCHOR_BYTES + 1];
	_cleanup_(cleanup_close) int fd =
		open(audit_anchor_path(v->directory, path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n;

	if (fd < 0 && errno != ENOENT)
		return error_set(error, ERROR_STORE_FAILED, NULL, "Cannot open %s: %s", path,
				 strerror(errno));
	if (fd < 0)
		return error_set(error, ERROR_AUDIT_BROKEN, NULL, "The anchor is gone");
	n = pread(fd, bytes, sizeof(bytes), 0);
	if (n < 0 || audit_anchor_parse(bytes, (size_t)n, &v->key, ret) < 0)
		return error_set(error, ERROR_AUDIT_BROKEN, NULL,
				 "The anchor does not verify: it was changed, or the key was");
	return 0;
}

static void note_reached(struct verification *v)
{
	const struct audit_position *at = &v->position;

	if (at->sequence == v->anchor.last.sequence &&
	    memcmp(at->chain, v->anchor.last.chain, sizeof(at->chain)) == 0)
		v->reached_last = true;
	if (at->sequence == v->anchor.flushed.sequence &&
	    memcmp(at->chain, v->anchor.flushed.chain, sizeof(at->chain)) == 0)
		v->reached_flushed = true;
}

/* Every line of one file in memory. */
static int verify_lines(struct verification *v, const char *bytes, size_t size, struct error *error)
{
	char what[160];
	size_t offset = 0;

	while (offset < size) {
		const char *fault = "";
		off_t before = v->position.offset;
		int r = audit_chain_step(&v->key, bytes + offset, size - offset, &v->position,
					 &fault);

		if (r < 0) {
			snprintf(what, sizeof(what), "Line %" PRIu64 " %s",
				 v->position.sequence + 1, fault);
			return broken(v, what, error);
		}
		if (r > 0) {
			v->report.torn = true;
			return 0;
		}
		offset += (size_t)(v->position.offset - before);
		v->report.records++;
		note_reached(v);
	}
	return 0;
}

/* 0; 1 when there is no such file. */
static int verify_file(struct verification *v, unsigned file, struct error *error)
{
	char path[AUDIT_PATH_MAX];
	_cleanup_(cleanup_close) int fd =
		open(audit_file_path(v->directory, file, path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat status;
	void *bytes;
	int r;

	if (fd < 0 && errno == ENOENT)
		return 1;
	if (fd < 0 || fstat(fd, &status) < 0)
		return error_set(error, ERROR_STORE_FAILED, NULL, "Cannot open %s: %s", path,
				 strerror(errno));
	if (v->report.torn)
		return broken(v, "A file follows an incomplete line", error);
	v->position.file = file;
	v->position.offset = 0;
	v->report.files++;
	if (status.st_size == 0)
		return 0;
	bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		return error_set(error, ERROR_STORE_FAILED, NULL, "Cannot read %s: %s", path,
				 strerror(errno));
	r = verify_lines(v, bytes, (size_t)status.st_size, error);
	munmap(bytes, (size_t)status.st_size);
	return r;
}

/* The tail against the anchor; see audit.h for what each boot may lack or have. */
static int verify_end(struct verification *v, struct error *error)
{
	struct audit_anchor now;
	char boot[AUDIT_BOOT_TEXT + 1];
	uint64_t end = v->position.sequence;
	bool same_boot;
	int r = read_anchor(v, &now, error);

	if (r < 0)
		return r;
	audit_boot_id(boot);
	same_boot = strcmp(boot, v->anchor.boot) == 0;
	if (!v->reached_flushed)
		return broken(v, "The record ends before what the anchor has as written", error);
	if (!v->reached_last && same_boot)
		return broken(v, "The record was cut: it ends before its anchor", error);
	if (!v->reached_last && end >= v->anchor.last.sequence)
		return broken(v, "The record is not the one that the anchor is of", error);
	if (!v->reached_last)
		v->report.lost = v->anchor.last.sequence - end;
	/* A daemon may have gone on while we read. */
	if (end > now.last.sequence)
		v->report.unanchored = (unsigned)(end - now.last.sequence);
	if (same_boot && v->report.unanchored > 1)
		return broken(v, "More than one line is beyond the anchor", error);
	return 0;
}

static unsigned count_set_aside(const char *directory)
{
	DIR *dir = opendir(directory);
	const struct dirent *entry;
	unsigned count = 0;

	while (dir && (entry = readdir(dir)))
		count += strncmp(entry->d_name, "audit.broken-", 13) == 0;
	if (dir)
		closedir(dir);
	return count;
}

static int verify_once(struct verification *v, struct error *error)
{
	int r = read_anchor(v, &v->anchor, error);

	if (r < 0)
		return r;
	v->position = v->anchor.first;
	v->report = (struct audit_report){.first = v->anchor.first.sequence + 1};
	v->reached_last = v->reached_flushed = false;
	note_reached(v);
	for (unsigned file = v->anchor.first.file; r == 0; file++)
		r = verify_file(v, file, error);
	return r < 0 ? r : verify_end(v, error);
}

int audit_verify(const char *directory, struct audit_report *ret, struct error *error)
{
	struct verification v = {.directory = directory};
	struct audit_anchor now;
	int r = audit_key_load(directory, false, &v.key, error);

	if (r < 0)
		return r;
	for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
		r = verify_once(&v, error);
		if (r == 0 || read_anchor(&v, &now, NULL) < 0 ||
		    now.first.file == v.anchor.first.file)
			break;
	}
	if (r < 0)
		return r;
	v.report.last = v.position.sequence;
	v.report.set_aside = count_set_aside(directory);
	audit_chain_print(v.position.chain, v.report.head);
	*ret = v.report;
	return 0;
}
