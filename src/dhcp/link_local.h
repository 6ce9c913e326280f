/*
 * An address without a server: IPv4 link-local (RFC 3927), where nobody answers DHCP.
 *
 *     IDLE --start--> PROBING --silence--> IN_USE
 *                      ^   |                 | somebody else has it
 *                      |   | conflict        |
 *                      +---+-----------------+    (after 10 conflicts: one attempt a minute)
 *
 * Unlike a server's address, this one is nobody's until the probes were not answered: it is used
 * after them, not beside them. Which address is tried follows from the MAC alone, so that a host
 * has the same one each time.
 *
 * A pure object, as acd.h is: ARP packets and the time in, ARP packets and a verdict out.
 */
#pragma once

#include "acd.h"

#define LINK_LOCAL_PREFIX_LENGTH 16

enum link_local_state {
	LINK_LOCAL_IDLE,
	LINK_LOCAL_PROBING,
	LINK_LOCAL_IN_USE,
	LINK_LOCAL_PAUSED, /* too many conflicts: the next attempt waits */
};

struct link_local {
	enum link_local_state state;
	struct hardware_address mac;
	struct acd acd;	    /* of the address that is probed for or in use */
	unsigned conflicts; /* since start: the number of the candidate, too */
	usec_t resume;	    /* of PAUSED, else USEC_INFINITY */
};

enum link_local_verdict {
	LINK_LOCAL_NOTHING,
	LINK_LOCAL_USABLE, /* link_local_address() may be used from now on */
	LINK_LOCAL_LOST,   /* it may not be any more; another one is sought */
};

/* The `attempt`-th address of that MAC, in 169.254.1.0 to 169.254.254.255 (section 2.1). */
struct in_addr link_local_candidate(const struct hardware_address *mac, unsigned attempt);

void link_local_init(struct link_local *local);
/* Begins to probe for the first candidate. */
void link_local_start(struct link_local *local, usec_t now, const struct hardware_address *mac);
/* Goes on with an address that is in use: after a restart of the daemon, or of the cable, when it
 * is probed for again while it stays in use. */
void link_local_resume(struct link_local *local, usec_t now, const struct hardware_address *mac,
		       struct in_addr address);
void link_local_stop(struct link_local *local);

/* An ARP packet of the link that no MAC of this host has sent. */
enum link_local_verdict link_local_receive(struct link_local *local, usec_t now,
					   const struct arp_packet *packet);
/* The time has come that link_local_deadline() names. `random` spreads the probes. */
enum link_local_verdict link_local_timeout(struct link_local *local, usec_t now, uint32_t random);
usec_t link_local_deadline(const struct link_local *local);
/* The packet to broadcast now, if there is one. */
bool link_local_pop_packet(struct link_local *local, struct arp_packet *ret);
/* The address in use, or 0.0.0.0. */
struct in_addr link_local_address(const struct link_local *local);
