/*
 * The way of a packet out of this host, as the kernel chooses it: which rule is asked first, which
 * table it names, which route of that table, which link. A pure function of rules and routes, so
 * that a change can be weighed before it is made.
 *
 * As in the kernel (fib_rules.c, fib_rules_lookup(); fib_trie.c, fib_table_lookup()): rules in the
 * order of their priorities; in a table the longest prefix, then the lowest metric, and of several
 * alike all; a route whose links are all down is passed over; where a table has no route, the next
 * rule is asked. Left aside are the type of service and marks: nobody's management has any.
 */
#pragma once

#include <net/if.h>

#include "netlink/types.h"

#define PATH_HOPS_MAX NEXTHOPS_MAX

enum hop_state {
	HOP_CARRIES,
	HOP_DOUBTFUL,	 /* it stands, but what is changed of it may keep packets from arriving */
	HOP_DEAD,	 /* the kernel sends by it, and nothing arrives */
	HOP_PASSED_OVER, /* the kernel does not send by it: the link is down or gone */
};

/* One nexthop of a route. */
struct hop {
	char link[IFNAMSIZ];
	struct ip_address gateway; /* unset: on-link */
	enum hop_state state;
};

/* A route by which a table would send to the flow's destination. */
struct way {
	struct ip_prefix destination;
	uint32_t metric; /* as in the kernel */
	uint8_t type;	 /* RTN_* */
	unsigned hops_count;
	struct hop hops[PATH_HOPS_MAX];
};

/* What is sent: from `local` (unset: the kernel has not chosen yet) to `remote`. */
struct flow {
	struct ip_address local, remote;
	char link[IFNAMSIZ]; /* that the socket is bound to, "" for none */
};

/* What there is. */
struct path_world {
	const struct rule *const *rules; /* of any family, in the order of their priorities */
	unsigned rules_count;
	bool others_match; /* do rules with selectors that nobody knows here (rule.others) match? */
	/* Passes the routes of the table whose prefix has the flow's destination to
	 * path_consider().
	 */
	void (*table)(uint32_t table, const struct flow *flow, struct way *best, void *userdata);
	/* Is the address one of this host's own? */
	bool (*is_own)(const struct ip_address *address, void *userdata);
	void *userdata;
};

enum path_end {
	PATH_NOWHERE, /* no rule led to a route */
	PATH_REFUSED, /* a rule or a route says so: blackhole, unreachable, prohibit */
	PATH_HERE,    /* the destination is one of this host's own addresses */
	PATH_DEAD,    /* by a link that carries nothing */
	PATH_SENT,
};

struct path {
	enum path_end end;
	uint32_t priority; /* of the rule that decided */
	uint32_t table;	   /* that it named, 0 for none */
	struct way way;	   /* of PATH_SENT and PATH_DEAD; of PATH_REFUSED by a route */
};

void path_find(const struct path_world *world, const struct flow *flow, struct path *ret);

/* Is the route better than the best of its table so far? Then it becomes that; one that is as good
 * adds its nexthops. A `best` that is zeroed is none. */
void path_consider(struct way *best, const struct way *way);

enum path_verdict {
	PATH_KEPT,
	PATH_UNPROVED, /* another way, of which nobody knows that it leads there, too */
	PATH_LOST,
};

/* Is what was sent by `before` sent by `after` to the same place? `same_wire` tells whether what
 * is sent by the link that was, and by that which will be, leaves by one cable. */
enum path_verdict path_compare(const struct path *before, const struct path *after,
			       bool (*same_wire)(const char *before, const char *after,
						 void *userdata),
			       void *userdata);

/* Does the kernel take what comes from the flow's remote by the link (fib_frontend.c,
 * fib_validate_source())? `back` is the way that it would answer by; `rp_filter` is 0 for no check,
 * 1 for strict, 2 for loose. */
bool path_is_accepted(const struct path *back, const char *link, int32_t rp_filter);

#define PATH_TEXT_MAX 160

/* For people: "192.0.2.0/24 on eth0 (table 254, rule 32766)". Returns `buffer`. */
const char *path_print(const struct path *path, char buffer[PATH_TEXT_MAX]);
