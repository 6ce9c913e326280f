/* The form of the audit record on the disk, for its writer and its verifier. */
#pragma once

#include "audit.h"

#define AUDIT_ANCHOR_BYTES 512 /* one sector: it is written whole or not at all */
#define AUDIT_KEY_BYTES	   32
#define AUDIT_PATH_MAX	   4096
#define AUDIT_BOOT_TEXT	   36

/* A place between two lines, with the chain value that the next line continues. */
struct audit_position {
	unsigned file;
	off_t offset;
	uint64_t sequence; /* of the line before it */
	uint8_t chain[AUDIT_CHAIN_BYTES];
};

struct audit_anchor {
	char boot[AUDIT_BOOT_TEXT + 1]; /* boot id of who wrote it */
	struct audit_position first;	/* where the kept lines begin */
	struct audit_position last;	/* where they ended */
	struct audit_position flushed;	/* up to here they are on the disk */
};

struct audit_key {
	uint8_t bytes[AUDIT_KEY_BYTES];
};

int audit_key_load(const char *directory, bool create, struct audit_key *ret, struct error *error);

/* "DIRECTORY/audit/NUMBER.jsonl"; `buffer` of AUDIT_PATH_MAX; returned. */
const char *audit_file_path(const char *directory, unsigned file, char *buffer);
const char *audit_anchor_path(const char *directory, char *buffer);

void audit_boot_id(char ret[AUDIT_BOOT_TEXT + 1]);

void audit_anchor_print(const struct audit_anchor *anchor, const struct audit_key *key,
			char ret[AUDIT_ANCHOR_BYTES]);
/* 0, or -EBADMSG when it is none of ours. */
int audit_anchor_parse(const char *bytes, size_t length, const struct audit_key *key,
		       struct audit_anchor *ret);

/* The chain value of a line: `text` is the line up to its last member. */
void audit_chain_next(const struct audit_key *key, const uint8_t previous[AUDIT_CHAIN_BYTES],
		      const char *text, size_t length, uint8_t ret[AUDIT_CHAIN_BYTES]);
void audit_chain_print(const uint8_t chain[AUDIT_CHAIN_BYTES], char ret[AUDIT_CHAIN_BYTES * 2 + 1]);

/* The end of each line: ,"chain":"HEX"} and the newline. */
#define AUDIT_CHAIN_MEMBER ",\"chain\":\""
#define AUDIT_TAIL_BYTES   (sizeof(AUDIT_CHAIN_MEMBER) - 1 + AUDIT_CHAIN_BYTES * 2 + 3)

/*
 * Moves `position` over the line at `line` (without a bound of its own: `length` bytes are there).
 * Returns 0; 1 when there is no whole line (nothing, or one without its newline); -EBADMSG when it
 * does not fit the chain, with `fault` a phrase.
 */
int audit_chain_step(const struct audit_key *key, const char *line, size_t length,
		     struct audit_position *position, const char **fault);
