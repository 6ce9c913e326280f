/*
 * What the kernel has, as values: links, addresses, routes, rules, neighbours. None owns memory.
 */
#pragma once

#include <net/if.h>

#include "base/base.h"

/* The mark of what we made: rtm_protocol of routes and IFA_PROTO of addresses. Values above 4 are
 * free for daemons (rtnetlink.h); no other daemon in iproute2's rt_protos uses this one. */
#define AIOSNET_PROTOCOL 161

enum object_kind {
	OBJECT_LINK,
	OBJECT_ADDRESS,
	OBJECT_ROUTE,
	OBJECT_RULE,
	OBJECT_NEIGHBOUR,
	_OBJECT_KIND_MAX
};

enum link_kind {
	LINK_ETHERNET,
	LINK_LOOPBACK,
	LINK_WIFI,
	LINK_BRIDGE,
	LINK_VETH,
	LINK_TUN, /* tun and tap */
	LINK_BOND,
	LINK_VLAN,
	LINK_MACVLAN,
	LINK_VXLAN,
	LINK_DUMMY,
	LINK_WIREGUARD,
	LINK_VIRTUAL, /* any other kind that the kernel made without hardware */
	_LINK_KIND_MAX
};

struct link_statistics {
	uint64_t receive_bytes, transmit_bytes;
	uint64_t receive_packets, transmit_packets;
	uint64_t receive_errors, transmit_errors;
	uint64_t receive_dropped, transmit_dropped;
};

/* What a device of a kind is, beside the links that it lies on; as the kernel counts. */
union link_options {
	struct {
		uint32_t stp;		/* 0 none, 1 the kernel's, 2 a daemon's */
		uint32_t forward_delay; /* 1/100 s */
		uint32_t ageing_time;	/* 1/100 s */
		uint16_t priority;
		uint8_t vlan_filtering;
	} bridge;
	struct {
		uint32_t miimon; /* ms */
		uint8_t mode;
		uint8_t lacp_rate;
		uint8_t xmit_hash_policy;
	} bond;
	struct {
		uint16_t id;
		uint16_t protocol; /* ETH_P_8021Q or ETH_P_8021AD, network order */
	} vlan;
	struct {
		uint32_t mode; /* MACVLAN_MODE_* */
	} macvlan;
	struct {
		uint32_t id;
		uint32_t link;			 /* index of the link below, 0 for none */
		struct ip_address local, remote; /* remote: of a host or of a group */
		uint16_t port;			 /* network order */
		uint8_t learning;
	} vxlan;
};

struct link {
	int index;
	char name[IFNAMSIZ];
	char info_kind[16]; /* IFLA_INFO_KIND, "" for hardware */
	enum link_kind kind;
	uint16_t type;	/* ARPHRD_* */
	uint32_t flags; /* IFF_* */
	uint8_t operstate;
	bool carrier;			/* IFF_UP and IFF_LOWER_UP: a link that is down has none */
	uint32_t mtu, mtu_min, mtu_max; /* bytes; 0 for not stated */
	uint32_t carrier_changes;
	int master;	     /* index, 0 for none */
	int lower;	     /* IFLA_LINK: index of the link below or of the peer, 0 for none */
	int lower_namespace; /* IFLA_LINK_NETNSID, -1 when in our own */
	/* Only where it is told that the link is gone, because it was moved to another namespace:
	 * that one's id and the index there, else -1 and 0. */
	int moved_namespace, moved_index;
	struct hardware_address mac;
	struct hardware_address permanent_mac;
	bool ignore_dead_routes;    /* ipv4 devconf ignore_routes_with_linkdown */
	bool promote_secondaries;   /* ipv4 devconf promote_secondaries */
	union link_options options; /* of kinds that can be made, else zeros */
	struct link_statistics statistics;
};

/* The VLANs of a bridge's port: bit N % 8 of byte N / 8 is that of VLAN N. */
#define VLAN_MAX   4094
#define VLAN_BYTES 512

struct port_vlans {
	uint8_t member[VLAN_BYTES];
	uint8_t untagged[VLAN_BYTES]; /* leave without a tag */
	uint16_t pvid;		      /* of what comes without a tag, 0 for none */
};

static inline bool vlan_bit(const uint8_t *bits, unsigned id)
{
	return bits[id / 8] & 1u << id % 8;
}

struct address {
	int link; /* index */
	struct ip_prefix prefix;
	struct ip_address peer;	     /* point to point, else unset */
	struct ip_address broadcast; /* unset for none */
	uint8_t scope;
	uint8_t protocol; /* IFA_PROTO, 0 for none */
	uint32_t flags;	  /* IFA_F_* */
	uint32_t metric;  /* of the prefix route, 0 for the kernel's default */
	/* Seconds from the kernel's last message about it, UINT32_MAX for ever. To be built, 0 in
	 * `valid` means for ever too. */
	uint32_t preferred, valid;
};

/* In `flags`, between the kernel's: the nexthops are those of a nexthop object. */
#define ROUTE_BY_OBJECT 0x80

/* Kept small, since a mirror may hold very many: 88 bytes. */
struct route {
	struct ip_prefix destination;
	struct ip_address gateway; /* unset for on-link */
	struct ip_address source;  /* preferred source, unset for none */
	int link;		   /* index, 0 for none or multipath */
	uint32_t table;
	uint32_t metric;
	uint32_t mtu;	  /* bytes, 0 for the link's */
	uint16_t flags;	  /* RTNH_F_*, those RTM_F_* that fit, ROUTE_BY_OBJECT */
	uint8_t protocol; /* RTPROT_* */
	uint8_t scope;
	uint8_t type; /* RTN_* */
	uint8_t tos;
	uint8_t nexthops; /* more than 1 for multipath; gateway and link are the first one's */
	uint8_t digest;	  /* of all nexthops of a multipath route, in any order */
};

#define NEXTHOPS_MAX 16 /* of a multipath route that is read or built */

struct nexthop {
	int link; /* index */
	struct ip_address gateway;
	unsigned weight; /* 1 to 256 */
};

struct nexthops {
	struct nexthop at[NEXTHOPS_MAX];
	unsigned count; /* may be more than there is room for */
};

struct rule {
	uint8_t family;
	uint8_t action; /* FR_ACT_* */
	uint8_t protocol;
	uint32_t priority;
	uint32_t table;
	uint32_t mark, mask;
	uint32_t least_length; /* routes of shorter prefixes do not count; 0: all do */
	uint32_t others;       /* digest of the selectors that have no member here, so that two
				* rules that differ in one of them stay two; 0 for none */
	bool invert;
	struct ip_prefix source, destination;
	char input[IFNAMSIZ], output[IFNAMSIZ];
};

struct neighbour {
	int link; /* index */
	struct ip_address address;
	struct hardware_address mac;
	uint16_t state; /* NUD_* */
	uint8_t flags;	/* NTF_* */
};

union object {
	struct link link;
	struct address address;
	struct route route;
	struct rule rule;
	struct neighbour neighbour;
};

/* Do both name the same thing in the kernel? A link is named by its index; an address by link,
 * prefix and peer; a neighbour by link and address; routes and rules, of which the kernel may hold
 * several in one place, by all that they say but flags. */
bool object_same(enum object_kind kind, const void *a, const void *b);
/* Do both say the same, too? Counters and lifetimes that merely ran on make no difference. */
bool object_equal(enum object_kind kind, const void *a, const void *b);
/* Equal for all that are the same. Routes hash by their place (see route_same_place()), addresses
 * by link and prefix, so that both can be looked up by less than their whole. */
uint32_t object_hash(enum object_kind kind, const void *object);
size_t object_size(enum object_kind kind);
/* The same table, destination, tos and metric: where a replacing route replaces. */
bool route_same_place(const struct route *a, const struct route *b);

const char *object_kind_text(enum object_kind kind); /* "link", "address", ... */
const char *link_kind_text(enum link_kind kind);     /* "ethernet", "wifi", ... */
