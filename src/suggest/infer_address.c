#include "inference.h"

#define POOL_FIRST   100 /* last octets that DHCP servers commonly hand out */
#define POOL_LAST    199
#define SEARCH_MOST  65536
#define GOLDEN_RATIO 0x9e3779b9u /* spreads small numbers */

static bool is_taken(const struct inference *inference, uint32_t address, bool avoid_pools)
{
	const struct in_addr value = {htonl(address)};
	uint32_t last = address & 0xff;

	for (size_t i = 0; i < inference->count; i++) {
		const struct observation *each = &inference->observations[i];

		if (!hardware_address_equal(&each->mac, inference->mac) &&
		    observation_names(each, value))
			return true;
	}
	if (last == 0 || last == 255)
		return true;
	return avoid_pools &&
	       (last == 1 || last == 254 || (last >= POOL_FIRST && last <= POOL_LAST));
}

/* FNV-1a */
static uint32_t hash_mac(const struct hardware_address *mac)
{
	uint32_t hash = 2166136261u;

	for (unsigned i = 0; i < mac->length; i++)
		hash = (hash ^ mac->bytes[i]) * 16777619u;
	return hash ^ hash >> 15;
}

/* An odd step meets every host of a power of two once. */
static uint32_t find_free(const struct inference *inference, uint32_t near, unsigned prefix,
			  bool avoid_pools, unsigned salt)
{
	uint32_t mask = UINT32_MAX >> prefix;
	uint32_t hash = hash_mac(inference->mac) + salt * GOLDEN_RATIO;
	uint32_t step = hash >> 8 | 1, limit = MIN(mask, (uint32_t)SEARCH_MOST);

	for (uint32_t i = 0; i <= limit; i++) {
		uint32_t part = (hash + i * step) & mask;

		if (part > 1 && part + 1 < mask &&
		    !is_taken(inference, (near & ~mask) | part, avoid_pools))
			return (near & ~mask) | part;
	}
	for (uint32_t part = 1; !avoid_pools && part < MIN(mask, (uint32_t)SEARCH_MOST); part++)
		if (!is_taken(inference, (near & ~mask) | part, false))
			return (near & ~mask) | part;
	return 0;
}

uint32_t infer_address(const struct inference *inference, uint32_t near, unsigned proved,
		       unsigned prefix, unsigned salt)
{
	uint32_t address = 0;

	for (unsigned length = MAX(proved, prefix); !address && length >= prefix; length--)
		for (unsigned avoid = 2; !address && avoid-- > 0;)
			address = find_free(inference, near, length, avoid, salt);
	return address;
}

uint32_t infer_link_local(const struct inference *inference)
{
	/* The first and last 256 addresses are reserved. */
	return 0xa9fe0100 + hash_mac(inference->mac) % 0xfe00;
}
