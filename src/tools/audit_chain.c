#include "audit_chain.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* ---- paths ---- */

const char *audit_file_path(const char *directory, unsigned file, char *buffer)
{
	snprintf(buffer, AUDIT_PATH_MAX, "%s/audit/%08u.jsonl", directory, file);
	return buffer;
}

const char *audit_anchor_path(const char *directory, char *buffer)
{
	snprintf(buffer, AUDIT_PATH_MAX, "%s/audit/anchor", directory);
	return buffer;
}

void audit_boot_id(char ret[AUDIT_BOOT_TEXT + 1])
{
	_cleanup_(cleanup_close) int fd =
		open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, ret, AUDIT_BOOT_TEXT) != AUDIT_BOOT_TEXT)
		memset(ret, '0', AUDIT_BOOT_TEXT);
	ret[AUDIT_BOOT_TEXT] = '\0';
}

/* ---- key ---- */

static int key_failed(const char *path, const char *what, int errnum, struct error *error)
{
	error_set(error, ERROR_STORE_FAILED, NULL, "Cannot %s the audit key %s: %s", what, path,
		  strerror(errnum));
	if (errnum == EACCES || errnum == EPERM)
		error_hint(error, "only the daemon's user and root can read it");
	return -errnum;
}

/* The key appears under its name only once it is whole: a crash leaves none, never half of one. */
static int key_create(const char *path, struct audit_key *ret, struct error *error)
{
	_cleanup_(cleanup_close) int fd = -1;
	char temporary[AUDIT_PATH_MAX + 4];

	snprintf(temporary, sizeof(temporary), "%s.new", path);
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return key_failed(path, "create", errno, error);
	randombytes_buf(ret->bytes, sizeof(ret->bytes));
	if (write(fd, ret->bytes, sizeof(ret->bytes)) != sizeof(ret->bytes) || fsync(fd) < 0 ||
	    rename(temporary, path) < 0) {
		int errnum = errno ?: EIO;

		unlink(temporary);
		return key_failed(path, "write", errnum, error);
	}
	return 0;
}

int audit_key_load(const char *directory, bool create, struct audit_key *ret, struct error *error)
{
	char path[AUDIT_PATH_MAX];
	_cleanup_(cleanup_close) int fd = -1;

	if (sodium_init() < 0)
		return error_set(error, ERROR_INTERNAL, NULL, "libsodium does not start");
	snprintf(path, sizeof(path), "%s/audit.key", directory);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT && create)
		return key_create(path, ret, error);
	if (fd < 0)
		return key_failed(path, "open", errno, error);
	if (read(fd, ret->bytes, sizeof(ret->bytes)) != sizeof(ret->bytes))
		return key_failed(path, "read", EIO, error);
	return 0;
}

/* ---- anchor ---- */

#define POSITION_FORMAT "%08x:%016" PRIx64 ":%016" PRIx64 ":%s"
#define POSITION_BYTES	(8 + 1 + 16 + 1 + 16 + 1 + AUDIT_CHAIN_BYTES * 2)
#define MAGIC		"aiosnet-audit 1"
#define SIGNED_BYTES	(sizeof(MAGIC) - 1 + 1 + AUDIT_BOOT_TEXT + 3 * (1 + POSITION_BYTES))

static const char *position_print(const struct audit_position *position,
				  char buffer[POSITION_BYTES + 1])
{
	char chain[AUDIT_CHAIN_BYTES * 2 + 1];

	audit_chain_print(position->chain, chain);
	snprintf(buffer, POSITION_BYTES + 1, POSITION_FORMAT, position->file,
		 (uint64_t)position->offset, position->sequence, chain);
	return buffer;
}

static void sign(const char *text, const struct audit_key *key, char ret[AUDIT_CHAIN_BYTES * 2 + 1])
{
	static const uint8_t separate[AUDIT_CHAIN_BYTES] = "anchor";
	uint8_t mac[AUDIT_CHAIN_BYTES];

	audit_chain_next(key, separate, text, SIGNED_BYTES, mac);
	audit_chain_print(mac, ret);
}

void audit_anchor_print(const struct audit_anchor *anchor, const struct audit_key *key,
			char ret[AUDIT_ANCHOR_BYTES])
{
	char first[POSITION_BYTES + 1], last[POSITION_BYTES + 1], flushed[POSITION_BYTES + 1];
	char mac[AUDIT_CHAIN_BYTES * 2 + 1];
	int n = snprintf(ret, AUDIT_ANCHOR_BYTES, MAGIC " %s %s %s %s", anchor->boot,
			 position_print(&anchor->first, first), position_print(&anchor->last, last),
			 position_print(&anchor->flushed, flushed));

	sign(ret, key, mac);
	n += snprintf(ret + n, AUDIT_ANCHOR_BYTES - (size_t)n, " %s", mac);
	memset(ret + n, ' ', AUDIT_ANCHOR_BYTES - (size_t)n);
	ret[AUDIT_ANCHOR_BYTES - 1] = '\n';
}

static int position_parse(const char *text, struct audit_position *ret)
{
	char chain[AUDIT_CHAIN_BYTES * 2 + 1];
	uint64_t offset;

	if (sscanf(text, "%8x:%16" SCNx64 ":%16" SCNx64 ":%64[0-9a-f]", &ret->file, &offset,
		   &ret->sequence, chain) != 4)
		return -EBADMSG;
	ret->offset = (off_t)offset;
	return sodium_hex2bin(ret->chain, sizeof(ret->chain), chain, sizeof(chain) - 1, NULL, NULL,
			      NULL) < 0
		       ? -EBADMSG
		       : 0;
}

int audit_anchor_parse(const char *bytes, size_t length, const struct audit_key *key,
		       struct audit_anchor *ret)
{
	struct audit_position *const positions[] = {&ret->first, &ret->last, &ret->flushed};
	char text[AUDIT_ANCHOR_BYTES + 1], mac[AUDIT_CHAIN_BYTES * 2 + 1];
	const char *at = text + sizeof(MAGIC);

	if (length != AUDIT_ANCHOR_BYTES)
		return -EBADMSG;
	memcpy(text, bytes, length);
	text[length] = '\0';
	sign(text, key, mac);
	if (text[SIGNED_BYTES] != ' ' ||
	    sodium_memcmp(mac, text + SIGNED_BYTES + 1, sizeof(mac) - 1) != 0)
		return -EBADMSG;
	text_copy(ret->boot, sizeof(ret->boot), at);
	at += AUDIT_BOOT_TEXT + 1;
	for (size_t i = 0; i < ARRAY_SIZE(positions); i++, at += POSITION_BYTES + 1)
		if (position_parse(at, positions[i]) < 0)
			return -EBADMSG;
	return 0;
}

/* ---- chain ---- */

void audit_chain_print(const uint8_t chain[AUDIT_CHAIN_BYTES], char ret[AUDIT_CHAIN_BYTES * 2 + 1])
{
	sodium_bin2hex(ret, AUDIT_CHAIN_BYTES * 2 + 1, chain, AUDIT_CHAIN_BYTES);
}

void audit_chain_next(const struct audit_key *key, const uint8_t previous[AUDIT_CHAIN_BYTES],
		      const char *text, size_t length, uint8_t ret[AUDIT_CHAIN_BYTES])
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, key->bytes, sizeof(key->bytes), AUDIT_CHAIN_BYTES);
	crypto_generichash_update(&state, previous, AUDIT_CHAIN_BYTES);
	crypto_generichash_update(&state, (const unsigned char *)text, length);
	crypto_generichash_final(&state, ret, AUDIT_CHAIN_BYTES);
}

int audit_chain_step(const struct audit_key *key, const char *line, size_t length,
		     struct audit_position *position, const char **fault)
{
	const char *end = memchr(line, '\n', length), *tail;
	char wanted[AUDIT_CHAIN_BYTES * 2 + 1];
	uint8_t chain[AUDIT_CHAIN_BYTES];
	uint64_t sequence;

	if (!end)
		return 1;
	tail = end + 1 - AUDIT_TAIL_BYTES;
	*fault = "is no line of the record";
	if (end + 1 - line < (ptrdiff_t)(AUDIT_TAIL_BYTES + sizeof("{\"sequence\":0")) ||
	    sscanf(line, "{\"sequence\":%" SCNu64 ",", &sequence) != 1 ||
	    memcmp(tail, AUDIT_CHAIN_MEMBER, sizeof(AUDIT_CHAIN_MEMBER) - 1) != 0 ||
	    memcmp(end - 2, "\"}", 2) != 0)
		return -EBADMSG;
	audit_chain_next(key, position->chain, line, (size_t)(tail - line), chain);
	audit_chain_print(chain, wanted);
	*fault = "does not fit the chain: it, or a line before it, was changed, removed or moved";
	if (sodium_memcmp(wanted, tail + sizeof(AUDIT_CHAIN_MEMBER) - 1, sizeof(wanted) - 1) != 0)
		return -EBADMSG;
	*fault = "has not the next sequence number";
	if (sequence != position->sequence + 1)
		return -EBADMSG;
	position->offset += end + 1 - line;
	position->sequence = sequence;
	memcpy(position->chain, chain, sizeof(chain));
	return 0;
}
