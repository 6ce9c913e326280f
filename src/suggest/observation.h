/* One thing heard on a link, as a plain value. */
#pragma once

#include "base/base.h"

enum observation_kind {
	OBSERVATION_ARP_REQUEST,    /* RFC 826: `sender` (0.0.0.0: a probe) asks for `target` */
	OBSERVATION_ARP_REPLY,	    /* `sender` has `mac` */
	OBSERVATION_IPV4_BROADCAST, /* `sender` to `target`, a broadcast frame */
	OBSERVATION_IPV4_MULTICAST, /* `sender` to the group `target` */
	OBSERVATION_DHCP_SERVER,    /* an offer or acknowledgement for somebody else */
	OBSERVATION_ROUTER_ADVERTISEMENT, /* of IPv6: `mac` is a router */
	OBSERVATION_DHCP_CLIENT,	  /* somebody else wants `named`, of `server` */
	OBSERVATION_LLDP,		  /* IEEE 802.1AB: `router` tells of its capability */
	OBSERVATION_CDP,		  /* Cisco's, with the same */
	OBSERVATION_BPDU,		  /* IEEE 802.1D: a bridge that speaks STP */
	OBSERVATION_OWN_PROBE,		  /* we asked for `target` by ARP */
	OBSERVATION_OWN_GUESS,		  /* we asked for `target`, which is hardly anybody's */
	_OBSERVATION_KIND_MAX
};

struct observation {
	enum observation_kind kind;
	usec_t time;		     /* of the caller's clock, when it was heard last */
	unsigned times;		     /* heard, 0 for once: record.h counts */
	struct hardware_address mac; /* who sent it: of ARP the sender inside of the packet */
	struct in_addr sender, target;
	uint8_t ttl;		     /* of IPv4 */
	bool router;		     /* of LLDP and CDP */
	uint8_t prefix;		     /* of DHCP, 0 for none */
	struct in_addr gateway, dns; /* of DHCP, 0.0.0.0 for none */
	struct in_addr server;	     /* of DHCP: its identifier */
	/* Told of inside: a lease, a management address, the address of a name; 0.0.0.0 for none.
	 */
	struct in_addr named;
	struct in6_addr prefix6; /* of a router advertisement */
	uint8_t prefix6_length;	 /* 0 for none */
};

/* Does it name this address in any way? Not unspecified. */
bool observation_names(const struct observation *observation, struct in_addr address);
/* Is it a question of our own? */
static inline bool observation_is_own(const struct observation *observation)
{
	return observation->kind == OBSERVATION_OWN_PROBE ||
	       observation->kind == OBSERVATION_OWN_GUESS;
}

/* A frame with its Ethernet header (802.1Q tags are none of ours). 0; 1 when it tells nothing;
 * -EBADMSG when it is cut off. Checksums are not verified: an observation is a hint. */
int observation_parse(const void *frame, size_t size, usec_t now, struct observation *ret);
