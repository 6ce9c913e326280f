/*
 * The record of calls: who called what, with which arguments and which result, in a chain.
 *
 * Files. DIRECTORY/audit/NUMBER.jsonl, one JSON object a line; DIRECTORY/audit/anchor; and
 * DIRECTORY/audit.key, 32 random bytes readable by the daemon's user alone.
 *
 * Chain. The last member of each line is "chain": BLAKE2b-256, keyed with audit.key, over the chain
 * value before it and the exact bytes of the line up to that member. So any byte that is changed,
 * any line that is removed, inserted or moved breaks the chain from there on; and nobody without
 * the key can write a line that fits.
 *
 * Anchor. One sector that says where the chain begins (rotation drops the oldest files) and where
 * it ends, under a MAC of the same key. It is written after each line, so that a cut tail shows:
 *  - The chain must reach the anchor's end. Beyond it there may be what was written between a line
 *    and its anchor when the daemon was killed: one line at most in the same boot, of which the
 * last one may be torn. The next start takes such a line in and cuts a torn one off.
 *  - Lines are flushed to the disk with audit_sync(): after each change, and after each
 *    AUDIT_UNSYNCED_MAX lines. A power cut may take what came later, and it takes the boot id with
 *    it: so in another boot the chain must reach the anchor's flushed end, and what is missing from
 *    there to its end is counted as lost, and said in the record by the next start.
 *
 * What it stands against. Somebody who can write the files but not read the key (a group with write
 * access, a restored backup, a stolen descriptor) can change nothing unseen. Root on the host can:
 * he has the key. Against him only a copy of the head elsewhere helps: the head is logged at each
 * start and rotation, and audit_verify() prints it, to be compared with what was noted.
 */
#pragma once

#include <sys/types.h>

#include "base/base.h"

struct audit;

#define AUDIT_CHAIN_BYTES  32
#define AUDIT_UNSYNCED_MAX 256
#define AUDIT_RECORD_MAX   ((size_t)32 * 1024) /* a line, bytes */

struct audit_config {
	const char *directory; /* the state directory */
	off_t file_size;       /* rotation beyond, bytes; 0: 4 MiB */
	unsigned files;	       /* kept, 0: 8 */
};

/* One call. All members are borrowed; texts may be NULL. */
struct audit_record {
	const char *kind; /* "begin" before a change, "call" after a call, "note" of our own */
	uint64_t call;	  /* number that ties "begin" and "call" together */
	uid_t uid;
	gid_t gid;
	pid_t pid;
	const char *role;
	const char *client; /* its own claim */
	const char *tool;
	const char *input; /* JSON with secrets redacted */
	size_t input_length;
	const char *output; /* JSON of the result or the error; NULL where there is none yet */
	size_t output_length;
	const char *result; /* "ok", "error", "cancelled", "timeout" */
	const char *reason;
	usec_t duration;
	uint64_t transaction; /* 0 for none */
};

enum audit_opened {
	AUDIT_CONTINUED,
	AUDIT_CREATED,
	AUDIT_RECOVERED,
	AUDIT_SET_ASIDE,
	AUDIT_ABSENT, /* the disk cannot be written: each append tries again to open it */
};

/*
 * Opens the record for writing, one writer at a time. `ret_how` tells what was found, with `note`
 * (256 bytes) in words for the last three.
 */
int audit_open(struct audit **ret, const struct audit_config *config, enum audit_opened *ret_how,
	       char *note, struct error *error);
void audit_close(struct audit *audit);
DEFINE_CLEANUP(struct audit *, audit_cleanup, audit_close)

/* Makes sure that the disk has room for the lines of one change, so that a change is never made
 * that cannot be recorded. */
int audit_reserve(struct audit *audit, struct error *error);

/* Appends a line: one write() and one of the anchor. On failure nothing of it remains. */
int audit_append(struct audit *audit, const struct audit_record *record, struct error *error);

/* Flushes to the disk; waits for it. */
int audit_sync(struct audit *audit);

struct audit_report {
	uint64_t records;
	uint64_t first, last; /* sequence numbers */
	unsigned files;
	unsigned unanchored; /* lines beyond the anchor, see above */
	bool torn;	     /* the last line is incomplete: a crash while it was written */
	uint64_t lost;	     /* lines that a power cut took */
	unsigned set_aside;  /* older records that were found broken at a start */
	char head[AUDIT_CHAIN_BYTES * 2 + 1];
};

/*
 * Verifies the whole record of a state directory, also while a daemon writes to it. Returns 0 and
 * `ret`; -EBADMSG with audit.broken that names file, line and fault; or another negative errno.
 */
int audit_verify(const char *directory, struct audit_report *ret, struct error *error);
