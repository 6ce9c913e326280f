#include "link_local.h"

#include <arpa/inet.h>

/* RFC 3927 section 9 */
#define MAX_CONFLICTS	    10
#define RATE_LIMIT_INTERVAL (60 * USEC_PER_SEC)

#define NETWORK	   0xa9fe0000u /* 169.254.0.0 */
#define FIRST	   0x0100u     /* the first and the last 256 addresses are reserved */
#define CANDIDATES (0xff00u - FIRST)

/* FNV-1a and a finish that spreads its last bytes: uniform, and no secret. */
struct in_addr link_local_candidate(const struct hardware_address *mac, unsigned attempt)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (unsigned i = 0; i < mac->length; i++)
		hash = (hash ^ mac->bytes[i]) * UINT64_C(0x100000001b3);
	hash = (hash ^ attempt) * UINT64_C(0x100000001b3);
	hash ^= hash >> 33;
	hash *= UINT64_C(0xff51afd7ed558ccd);
	hash ^= hash >> 33;
	return (struct in_addr){htonl(NETWORK + FIRST + (uint32_t)(hash % CANDIDATES))};
}

static void probe(struct link_local *local, usec_t now)
{
	local->state = LINK_LOCAL_PROBING;
	local->resume = USEC_INFINITY;
	acd_start(&local->acd, now, &local->mac,
		  link_local_candidate(&local->mac, local->conflicts));
}

void link_local_init(struct link_local *local)
{
	*local = (struct link_local){.resume = USEC_INFINITY};
	acd_stop(&local->acd);
}

void link_local_start(struct link_local *local, usec_t now, const struct hardware_address *mac)
{
	link_local_init(local);
	local->mac = *mac;
	probe(local, now);
}

void link_local_resume(struct link_local *local, usec_t now, const struct hardware_address *mac,
		       struct in_addr address)
{
	unsigned conflicts = local->conflicts;

	link_local_init(local);
	local->mac = *mac;
	local->conflicts = conflicts;
	local->state = LINK_LOCAL_IN_USE;
	acd_start(&local->acd, now, mac, address);
}

void link_local_stop(struct link_local *local)
{
	link_local_init(local);
}

enum link_local_verdict link_local_receive(struct link_local *local, usec_t now,
					   const struct arp_packet *packet)
{
	bool in_use = local->state == LINK_LOCAL_IN_USE;

	if (acd_receive(&local->acd, now, packet) != ACD_LOST)
		return LINK_LOCAL_NOTHING;
	local->conflicts++;
	if (local->conflicts < MAX_CONFLICTS) {
		probe(local, now);
	} else {
		local->state = LINK_LOCAL_PAUSED;
		local->resume = usec_add(now, RATE_LIMIT_INTERVAL);
		acd_stop(&local->acd);
	}
	return in_use ? LINK_LOCAL_LOST : LINK_LOCAL_NOTHING;
}

enum link_local_verdict link_local_timeout(struct link_local *local, usec_t now, uint32_t random)
{
	if (local->state == LINK_LOCAL_PAUSED && now >= local->resume) {
		probe(local, now);
		return LINK_LOCAL_NOTHING;
	}
	acd_timeout(&local->acd, now, random);
	if (local->state != LINK_LOCAL_PROBING || local->acd.state == ACD_PROBING)
		return LINK_LOCAL_NOTHING;
	local->state = LINK_LOCAL_IN_USE;
	return LINK_LOCAL_USABLE;
}

usec_t link_local_deadline(const struct link_local *local)
{
	return MIN(local->acd.next, local->resume);
}

bool link_local_pop_packet(struct link_local *local, struct arp_packet *ret)
{
	return acd_pop_packet(&local->acd, ret);
}

struct in_addr link_local_address(const struct link_local *local)
{
	return local->state == LINK_LOCAL_IN_USE ? local->acd.address : (struct in_addr){0};
}
