#include "own_mac.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#define STORE_KIND "link"
#define STORE_KEY  "mac-secret"
#define MAC_BYTES  6
#define MAC_LOCAL  0x02 /* of the first byte: administered locally */
#define MAC_GROUP  0x01

_Static_assert(crypto_shorthash_BYTES >= MAC_BYTES, "an address is cut out of the hash");

bool own_mac_is_given(const char *kind)
{
	static const char *const kinds[] = {"bridge", "macvlan", "veth", "vxlan", "dummy"};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(kinds[i], kind) == 0)
			return true;
	return false;
}

static bool secret_parse(const json_t *stored, unsigned char ret[crypto_shorthash_KEYBYTES])
{
	const char *hex = json_member_text(stored, "hex");
	size_t length;

	return hex &&
	       sodium_hex2bin(ret, crypto_shorthash_KEYBYTES, hex, strlen(hex), NULL, &length,
			      NULL) == 0 &&
	       length == crypto_shorthash_KEYBYTES;
}

static int secret(struct core *core, unsigned char ret[crypto_shorthash_KEYBYTES])
{
	char hex[crypto_shorthash_KEYBYTES * 2 + 1];
	_cleanup_json_ json_t *stored = NULL, *made = NULL;

	if (store_get(core_store(core), STORE_KIND, STORE_KEY, &stored) >= 0 &&
	    secret_parse(stored, ret))
		return 0;
	if (sodium_init() < 0)
		return -EIO;
	randombytes_buf(ret, crypto_shorthash_KEYBYTES);
	sodium_bin2hex(hex, sizeof(hex), ret, crypto_shorthash_KEYBYTES);
	made = json_pack("{s:s}", "hex", hex);
	return made ? store_put(core_store(core), STORE_KIND, STORE_KEY, made) : -ENOMEM;
}

int own_mac(struct core *core, const char *name, struct hardware_address *ret)
{
	unsigned char key[crypto_shorthash_KEYBYTES], hash[crypto_shorthash_BYTES];
	int r = secret(core, key);

	if (r < 0)
		return r;
	crypto_shorthash(hash, (const unsigned char *)name, strlen(name), key);
	hash[0] = (unsigned char)((hash[0] | MAC_LOCAL) & ~MAC_GROUP);
	*ret = (struct hardware_address){.length = MAC_BYTES};
	memcpy(ret->bytes, hash, MAC_BYTES);
	return 0;
}
