/*
 * Observed state: the mirror of the kernel that everything else reads.
 *
 * Filled by the netlink monitor; look-ups are by hash and never ask the kernel. Pointers returned
 * here are borrowed and hold until the event loop runs again.
 *
 * Left out is what there may be very much of: neighbours but those that somebody follows, and
 * routes of routing daemons, or of anybody else who made more than ROUTES_OF_ONE_MOST, but for
 * default routes. Who decides by routes
 * asks for those with observed_ask_route() or observed_each_left_out(), which cost nothing where
 * there are none.
 */
#pragma once

#include "netlink/netlink.h"

struct observed;

#define ROUTES_OF_ONE_MOST 16384 /* of one protocol, ours and the kernel's apart */

enum observed_change { OBSERVED_ADDED, OBSERVED_CHANGED, OBSERVED_REMOVED };

/*
 * Called after the mirror has changed. `before` is the object as it was (NULL when added), `after`
 * as it is (NULL when removed); both are borrowed for the call. Handlers may not change the kernel.
 */
typedef void (*observed_handler_t)(enum object_kind kind, enum observed_change change,
				   const union object *before, const union object *after,
				   void *userdata);
/* Called when the mirror is known to be true again: at the start and after each resynchronisation.
 */
typedef void (*observed_synchronised_t)(bool first, void *userdata);

int observed_new(struct observed **ret, sd_event *event, int receive_buffer);
void observed_free(struct observed *observed);
DEFINE_CLEANUP(struct observed *, observed_cleanup, observed_free)

/* Handlers are called in the order in which they were added; all live as long as the mirror. */
int observed_add_handler(struct observed *observed, observed_handler_t handler,
			 observed_synchronised_t synchronised, void *userdata);

/* See netlink_monitor_drain() and netlink_monitor_wait_synchronised(). */
int observed_drain(struct observed *observed);
int observed_wait_synchronised(struct observed *observed, usec_t timeout);
bool observed_is_synchronised(const struct observed *observed);
/* The same of one kind: the others may be read anew meanwhile. */
bool observed_knows(const struct observed *observed, enum object_kind kind);
const struct netlink_monitor_statistics *observed_statistics(const struct observed *observed);

const struct link *observed_link(const struct observed *observed, int index);
const struct link *observed_link_by_name(const struct observed *observed, const char *name);
const struct address *observed_address(const struct observed *observed, int link,
				       const struct ip_prefix *prefix);
/* The route that holds the place (table, destination, tos, metric, link) that `route` names; where
 * `route->link` is 0 any link does. */
const struct route *observed_route(const struct observed *observed, const struct route *route);

/* Iteration over all mirrored objects of a kind: start with cursor NULL; returns NULL at the end.
 * Links come in the order of their index, other kinds in no stated order. */
const struct link *observed_next_link(const struct observed *observed, const struct link *cursor);
const struct address *observed_next_address(const struct observed *observed,
					    const struct address *cursor);
const struct route *observed_next_route(const struct observed *observed,
					const struct route *cursor);
const struct rule *observed_next_rule(const struct observed *observed, const struct rule *cursor);
const struct neighbour *observed_next_neighbour(const struct observed *observed,
						const struct neighbour *cursor);
size_t observed_count(const struct observed *observed, enum object_kind kind);

/* Metrics that are taken, of those that a search looks at. */
struct metrics;
void metrics_take(struct metrics *metrics, uint32_t metric);
/* Takes those that the mirror does not know of yet. May be called several times. */
typedef void (*metrics_reserve_t)(struct metrics *metrics, void *userdata);

/* The lowest metric for default routes by `link` (NULL: not here yet), from a base by kind
 * (ethernet before wireless), that no default route by another link has in the main table, and that
 * `reserve` does not take. */
uint32_t observed_free_metric(const struct observed *observed, const struct link *link,
			      metrics_reserve_t reserve, void *userdata);

/* Reads one link anew, on `socket`: after a change that the kernel does not announce. Returns 0,
 * -EBUSY from inside a handler, or the kernel's negative errno. */
int observed_refresh_link(struct observed *observed, struct netlink_socket *socket, int index);

/* Are there routes that the mirror leaves out, or were there at some time? */
bool observed_leaves_out_routes(const struct observed *observed);
bool observed_keeps_route(const struct observed *observed, const struct route *route);

/* The route, mirrored or not, by which the kernel sends to `address` now. Returns 1, or 0 where
 * there is none, the kernel does not say, or the mirror leaves out nothing. */
int observed_ask_route(const struct observed *observed, struct netlink_socket *socket,
		       const struct ip_address *address, struct route *ret);

/* Passes to `each` every route of the family and table (AF_UNSPEC, 0: of all) that the mirror
 * leaves out, read from the kernel now: of a million that takes most of a second. Returns 0 or a
 * negative errno. */
int observed_each_left_out(const struct observed *observed, struct netlink_socket *socket,
			   int family, uint32_t table,
			   void (*each)(const struct route *route, void *userdata), void *userdata);

/*
 * Has the neighbour `address`, on any link, in the mirror from here on, until it is unfollowed as
 * often as it was followed. What the kernel has of it on `link` is in the mirror on return, and
 * handlers were told. Returns 0 or a negative errno, and is then followed all the same.
 */
int observed_follow_neighbour(struct observed *observed, struct netlink_socket *socket, int link,
			      const struct ip_address *address);
void observed_unfollow_neighbour(struct observed *observed, const struct ip_address *address);

/* Reads the statistics of all links anew, in one dump on `socket`; no handler is called. */
int observed_refresh_statistics(struct observed *observed, struct netlink_socket *socket);

/* What only ethtool tells; asked from the kernel at each call. Unknown members are "" and 0. */
struct link_details {
	char driver[32];
	uint32_t speed; /* Mbit/s, 0 for unknown */
	bool full_duplex;
};
int observed_link_details(struct observed *observed, const struct link *link,
			  struct link_details *ret);
