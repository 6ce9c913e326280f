/*
 * The mirror itself, shared by the part that follows the kernel (observed.c), the part that answers
 * (observed_query.c), and the part that asks the kernel for what is not announced or not mirrored
 * (observed_ask.c).
 */
#pragma once

#include "observed.h"
#include "observed_links.h"
#include "observed_table.h"

struct handler {
	observed_handler_t changed;
	observed_synchronised_t synchronised;
	void *userdata;
};

struct followed {
	struct ip_address address;
	unsigned uses;
};

struct observed {
	struct netlink_monitor *monitor;
	struct table tables[_OBJECT_KIND_MAX];
	struct link_index links;
	struct followed *followed; /* neighbours; all others are left out */
	size_t followed_count;
	uint32_t routes_of[256]; /* by protocol */
	struct handler *handlers;
	size_t handler_count;
	bool synchronised, synchronised_once;
	usec_t told_at;
	int ethtool_fd; /* -1 until it is needed */
};

/* Changes of the mirror, with the handlers told. `object` of the first two is the mirror's own; the
 * state that it changes to has the same hash: a new state of the same object, or a route in
 * another's place. */
void observed_object_remove(struct observed *observed, enum object_kind kind, void *object);
void observed_object_change(struct observed *observed, enum object_kind kind, void *object,
			    const void *state);
void observed_object_add(struct observed *observed, enum object_kind kind, const void *object);
/* An object as the kernel has it: added, or changed. */
void observed_object_there(struct observed *observed, enum object_kind kind, const void *object);
/* The same of a link, whose kind is completed. */
void observed_link_there(struct observed *observed, const struct link *announced);
bool observed_follows(const struct observed *observed, const struct ip_address *address);

/* observed_routes.c: what an announcement or a dump says of a route, */
void observed_route_announced(struct observed *observed, const struct route *route,
			      enum netlink_announcement announcement);
void observed_route_gone(struct observed *observed, const struct route *route);
void observed_route_dumped(struct observed *observed, const struct route *route);
/* of one that is left out: it matters only if it took the place of another or joined it, */
void observed_route_left_out(struct observed *observed, const struct route *route,
			     enum netlink_announcement announcement);
/* and what goes without a word: the link's routes of one family, or of all (AF_UNSPEC); and those
 * of the main table that prefer the source `address`, if no link holds it any more. */
void observed_link_lost_routes(struct observed *observed, int link, int family);
void observed_source_lost_routes(struct observed *observed, const struct address *address);
/* The mirror's routes are one less by `before`, one more by `after`; either may be NULL. A protocol
 * of which there are too many is left out from here on. */
void observed_route_counted(struct observed *observed, const struct route *before,
			    const struct route *after);
/* A nexthop object is gone, and with it its routes. */
void observed_nexthop_gone(void *userdata);
