/*
 * What the kernel does not announce of routes, we add. When a link goes down or away, or loses its
 * last IPv4 address, the kernel flushes its IPv4 routes without a word (fib_frontend.c,
 * fib_disable_ip()), and before Linux 6.6 also those whose preferred source was removed. Where the
 * effect of an event cannot be known from it, the kind is dumped again:
 *
 *  - a route replaces one of several that hold the place, or one that the mirror leaves out does;
 *  - an IPv6 route becomes one nexthop of a multipath route, or ceases to be one: of a multipath
 *    route we keep the first nexthop and the number of them;
 *  - a link loses its routes while there are multipath routes, any of which may use it.
 */
#include "observed-internal.h"

/* ---- routes that go without a word ---- */

void observed_link_lost_routes(struct observed *observed, int link, int family)
{
	struct table *routes = &observed->tables[OBJECT_ROUTE];
	struct route *route = table_next(routes, NULL), *next;
	bool multipath = false;

	for (; route; route = next) {
		next = table_next(routes, route);
		if (family != AF_UNSPEC && route->destination.address.family != family)
			continue;
		if (route->nexthops > 1)
			multipath = true;
		else if (route->link == link)
			observed_object_remove(observed, OBJECT_ROUTE, route);
	}
	if (multipath)
		netlink_monitor_doubt(observed->monitor, OBJECT_ROUTE,
				      "a link lost its routes, and multipath routes may use it");
}

static bool address_is_held(const struct observed *observed, const struct ip_address *local)
{
	const struct address *address = NULL;

	while ((address = observed_next_address(observed, address)))
		if (ip_address_equal(&address->prefix.address, local))
			return true;
	return false;
}

static bool link_is_in_vrf(const struct observed *observed, int index)
{
	const struct link *link = observed_link(observed, index);
	const struct link *master = link ? observed_link(observed, link->master) : NULL;

	return master && !strcmp(master->info_kind, "vrf");
}

/* fib_semantics.c, fib_sync_down_addr() */
void observed_source_lost_routes(struct observed *observed, const struct address *address)
{
	struct table *routes = &observed->tables[OBJECT_ROUTE];
	const struct ip_address *local = &address->prefix.address;
	struct route *route, *next;

	if (local->family != AF_INET || address_is_held(observed, local) ||
	    link_is_in_vrf(observed, address->link))
		return;
	for (route = table_next(routes, NULL); route; route = next) {
		next = table_next(routes, route);
		if (route->table == RT_TABLE_MAIN && ip_address_equal(&route->source, local))
			observed_object_remove(observed, OBJECT_ROUTE, route);
	}
}

/* ---- routes that share a place ---- */

/* The first route other than `route` in its place, or that after `cursor`. */
static struct route *route_beside(const struct observed *observed, const struct route *route,
				  const struct route *cursor)
{
	const struct table *routes = &observed->tables[OBJECT_ROUTE];
	uint32_t hash = object_hash(OBJECT_ROUTE, route);
	struct route *candidate = table_candidate(routes, hash, cursor);

	while (candidate &&
	       (!route_same_place(candidate, route) || object_same(OBJECT_ROUTE, candidate, route)))
		candidate = table_candidate(routes, hash, candidate);
	return candidate;
}

static void route_doubt(struct observed *observed)
{
	netlink_monitor_doubt(observed->monitor, OBJECT_ROUTE, "routes share a place");
}

static bool route_is_ipv6_multipath(const struct route *route)
{
	return route->destination.address.family == AF_INET6 && route->nexthops > 1;
}

void observed_route_left_out(struct observed *observed, const struct route *route,
			     enum netlink_announcement announcement)
{
	if (route_beside(observed, route, NULL) &&
	    (announcement == NETLINK_REPLACES || route_is_ipv6_multipath(route)))
		route_doubt(observed);
}

void observed_route_announced(struct observed *observed, const struct route *route,
			      enum netlink_announcement announcement)
{
	struct route *found = table_find(&observed->tables[OBJECT_ROUTE], route);
	struct route *beside = route_beside(observed, route, NULL);

	if (announcement == NETLINK_REPLACES && beside && !found &&
	    !route_beside(observed, route, beside)) {
		observed_object_change(observed, OBJECT_ROUTE, beside, route);
		return;
	}
	if (found)
		observed_object_change(observed, OBJECT_ROUTE, found, route);
	else
		observed_object_add(observed, OBJECT_ROUTE, route);
	if (beside && (announcement == NETLINK_REPLACES || route_is_ipv6_multipath(route)))
		route_doubt(observed);
}

/* Routes that we removed ourselves are announced, too; those beside them are in no doubt. */
void observed_route_gone(struct observed *observed, const struct route *route)
{
	struct route *found = table_find(&observed->tables[OBJECT_ROUTE], route);
	struct route *beside = NULL;

	if (found) {
		observed_object_remove(observed, OBJECT_ROUTE, found);
		return;
	}
	while ((beside = route_beside(observed, route, beside)))
		if (beside->link == route->link || beside->nexthops > 1) {
			route_doubt(observed);
			return;
		}
}

/* A route that the kernel is about to flush, since it says of its link that it is down already. */
static bool route_is_doomed(const struct observed *observed, const struct route *route)
{
	const struct link *link = route->link ? observed_link(observed, route->link) : NULL;

	return link && !(link->flags & IFF_UP) && route->nexthops <= 1;
}

void observed_route_dumped(struct observed *observed, const struct route *route)
{
	if (!route_is_doomed(observed, route))
		observed_object_there(observed, OBJECT_ROUTE, route);
}

void observed_nexthop_gone(void *userdata)
{
	struct observed *observed = userdata;
	const struct route *route = NULL;

	while ((route = observed_next_route(observed, route)))
		if (route->flags & ROUTE_BY_OBJECT) {
			netlink_monitor_doubt(observed->monitor, OBJECT_ROUTE,
					      "a nexthop object was removed");
			return;
		}
}

/* ---- a crowd ---- */

void observed_route_counted(struct observed *observed, const struct route *before,
			    const struct route *after)
{
	if (before)
		observed->routes_of[before->protocol]--;
	if (!after || ++observed->routes_of[after->protocol] <= ROUTES_OF_ONE_MOST ||
	    after->protocol == AIOSNET_PROTOCOL || after->protocol == RTPROT_KERNEL)
		return;
	if (observed_keeps_route(observed, after) && after->destination.length > 0)
		netlink_monitor_leave_out(observed->monitor, after->protocol);
}
