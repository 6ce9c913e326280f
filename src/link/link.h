/*
 * link: the interfaces of this host, their addresses and their routes.
 *
 * Holds the resource types `device`, `link`, `port`, `mtu`, `setting`, `address`, `route` and
 * `rule`, decides which interfaces are ours to configure, and configures them as they appear: at
 * boot and whenever one is plugged in. An interface that somebody else made (a container's veth,
 * docker0, a virtual machine's tap) is left alone unless intent names it.
 *
 *     *_type.c      the resource types; device_kinds.c has the kinds of devices
 *     ownership.c   whose a link is
 *     manager.c     boot detection, and what is plugged in later
 *     management.c  the guard rail that nobody locks himself out
 *     outlook.h     the network as a plan would leave it; path.h the kernel's choice of a way
 */
#pragma once

#include "core/core.h"

/* ---- type "link": key NAME ---- */

struct link_spec {
	char name[IFNAMSIZ];
	struct link_settings settings;
};

/* ---- type "device": key NAME. An interface that is made: bridge, bond, vlan, ... ---- */

struct device_spec {
	char name[IFNAMSIZ];
	char kind[16];		    /* as IFLA_INFO_KIND */
	char parent[IFNAMSIZ];	    /* that it lies on, "" for none */
	char peer[IFNAMSIZ];	    /* the other end of a veth pair */
	union link_options options; /* of the kind; but for the links in it */
};

/* ---- type "port": key LINK. A link that is a port of a bridge or a bond. ---- */

struct port_spec {
	char link[IFNAMSIZ];
	char controller[IFNAMSIZ];
	bool has_vlans; /* of a bridge's port: exactly these; else they are left to the kernel */
	struct port_vlans vlans;
};

/* ---- type "mtu": key LINK. What a network announces (DHCP option 26); intent for the link itself
 * that names an MTU comes first. ---- */

struct mtu_spec {
	char link[IFNAMSIZ];
	uint32_t mtu; /* bytes */
};

/* ---- type "setting": key LINK/NAME. What the kernel does with the packets of a link. ---- */

struct setting_spec {
	char link[IFNAMSIZ];
	char name[32]; /* of a row in setting_type.c */
	int32_t value;
};

/* ---- type "rule": key FAMILY/PRIORITY. By which packets which table is asked. ---- */

struct rule_spec {
	uint8_t family;
	uint8_t action;				     /* FR_ACT_* */
	uint32_t priority;			     /* lower is asked first */
	uint32_t table;				     /* of FR_ACT_TO_TBL, else 0 */
	uint32_t mark, mask;			     /* mask 0: whatever the mark */
	struct ip_prefix from, to;		     /* unset: any */
	char incoming[IFNAMSIZ], outgoing[IFNAMSIZ]; /* "": any */
	bool foreign;				     /* observed only: it bears `protocol` */
	uint8_t protocol;
};

/* ---- type "address": key LINK/ADDRESS/LENGTH ---- */

struct address_spec {
	char link[IFNAMSIZ];
	struct ip_prefix prefix;
	struct ip_address broadcast; /* unset: none */
	uint32_t metric;	     /* of the prefix route, 0: the kernel's default */
	usec_t valid_until;	     /* boottime, USEC_INFINITY for ever */
	bool foreign;		     /* observed only: not made by us, it bears `protocol` */
	uint8_t protocol;	     /* IFA_PROTO of a foreign one */
};

/* ---- type "route": key TABLE/DESTINATION/METRIC, for IPv6 also /LINK ("" of several) ---- */

#define ROUTE_NEXTHOPS_MAX 8

struct route_nexthop {
	char link[IFNAMSIZ];
	struct ip_address gateway; /* unset: on-link */
	uint16_t weight;	   /* 1 to 256: the share of connections that take it */
};

struct route_spec {
	char link[IFNAMSIZ]; /* "" for blackhole and unreachable */
	struct ip_prefix destination;
	struct ip_address gateway; /* unset: on-link */
	struct ip_address source;  /* preferred source, unset: the kernel chooses */
	uint32_t table;		   /* 254 is main */
	uint32_t metric;
	uint32_t mtu;		/* bytes, 0: the link's */
	uint8_t type;		/* RTN_UNICAST, RTN_BLACKHOLE, RTN_UNREACHABLE, RTN_PROHIBIT */
	uint8_t nexthops_count; /* of a multipath route, whose own link and gateway are unset */
	bool onlink;		/* the gateway is reached though no prefix has it */
	bool foreign;		/* observed only: not made by us, it bears `protocol` */
	uint8_t protocol;	/* rtm_protocol of a foreign one */
	struct route_nexthop nexthops[ROUTE_NEXTHOPS_MAX];
};

extern const struct resource_type device_type;
extern const struct resource_type link_type;
extern const struct resource_type port_type;
extern const struct resource_type mtu_type;
extern const struct resource_type setting_type;
extern const struct resource_type address_type;
extern const struct resource_type route_type;
extern const struct resource_type rule_type;

/* ---- which links are ours ---- */

enum link_ownership {
	LINK_OURS,    /* configured by us */
	LINK_FOREIGN, /* somebody else's: left alone */
	LINK_IGNORED, /* loopback */
};

/* The owner in the provenance of what boot detection configured. */
#define LINK_BOOT_OWNER "boot"

/* Whose the link is, and why, in words ("a bridge that docker made"); `ret_why` may be NULL, the
 * text is a constant. A link that intent names is ours. */
enum link_ownership link_ownership(const struct core *core, const struct link *link,
				   const char **ret_why);

/* The resource TYPE/NAME of intent, or NULL. */
const struct resource *link_resource(const struct core *core, const char *type, const char *name);
/* Is the link the other end of a veth pair that intent made? */
bool link_is_peer_of_ours(const struct core *core, const struct link *link);

/* ---- the manager ---- */

struct link_manager;

/* What an administrator has stated about who manages this host. */
struct management_stated {
	struct ip_prefix peer; /* must be reached at all times; unset: none */
	uint16_t port;	       /* whoever is connected to it must be; 0: none */
};

#define MANAGEMENT_STATED_MAX 64

struct link_manager_config {
	bool configure_new; /* configure links of ours that intent does not name, by DHCP */
	/* Is the link to be left as it is, though nobody named it in intent? NULL: none is. */
	bool (*leaves_alone)(const struct link *link, void *userdata);
	/* What was stated, beyond ports 22 and 9090; returns how many of `ret` were filled. NULL:
	 * nothing. */
	unsigned (*stated)(struct management_stated ret[MANAGEMENT_STATED_MAX], void *userdata);
	void *userdata;
};

/* Registers the types; begins to watch links with core_start(). */
int link_manager_new(struct link_manager **ret, struct core *core,
		     const struct link_manager_config *config);
void link_manager_free(struct link_manager *manager);
DEFINE_CLEANUP(struct link_manager *, link_manager_cleanup, link_manager_free)

/* Boot detection: configures every link of ours that intent does not name yet. Called once after
 * core_start(). A link that is refused is told of, and tried again. */
void link_manager_start(struct link_manager *manager);

enum peer_standing {
	PEER_CONNECTED, /* to a management port, perhaps a stranger */
	PEER_AT_WORK,	/* more went to it than a stranger gets */
	PEER_STATED,	/* by an administrator */
	PEER_CALLER,	/* asks for the change: its process descends from one of the connection */
};

/* Somebody who manages this host from outside. */
struct management_peer {
	struct ip_address address;
	char link[IFNAMSIZ]; /* by which an address of fe80::/10 is reached; else "" */
	enum peer_standing standing;
	uint16_t port;	       /* of this host, that it is connected to; 0: to none */
	uint64_t acknowledged; /* bytes that it has acknowledged on connections that stand */
};

/*
 * Who manages this host from outside, those that count most first: at most `most`; returns how
 * many. Where peers were stated it is those that are single hosts, and who is connected from the
 * prefixes; else all who are connected to a management port. The connection that the process
 * `caller` comes by is there in any case. Read from the kernel at most once a second.
 */
unsigned link_manager_peers(struct link_manager *manager, pid_t caller, struct management_peer *ret,
			    unsigned most);
/* Reads anew what the peers have acknowledged; as it was where that fails. */
void link_manager_look_at_peers(struct link_manager *manager, struct management_peer *peers,
				unsigned count);

/* Looks again for links to configure, soon: those that were left alone may be others now. */
void link_manager_look(struct link_manager *manager);

/* The metric for a new uplink on `link`, which need not exist yet: observed_free_metric(), and no
 * default route of another link in intent has it either. */
uint32_t link_uplink_metric(const struct core *core, const char *link);
