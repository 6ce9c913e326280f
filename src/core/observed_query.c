#include <linux/rtnetlink.h>

#include "observed-internal.h"

/* The bases of metrics, as other network managers have them. */
#define METRIC_ETHERNET 100
#define METRIC_WIRELESS 600
#define METRIC_WINDOW	1024

const struct link *observed_link(const struct observed *observed, int index)
{
	struct link key = {.index = index};

	return table_find(&observed->tables[OBJECT_LINK], &key);
}

const struct link *observed_link_by_name(const struct observed *observed, const char *name)
{
	return observed_link(observed, link_index_by_name(&observed->links, name));
}

const struct address *observed_address(const struct observed *observed, int link,
				       const struct ip_prefix *prefix)
{
	const struct table *table = &observed->tables[OBJECT_ADDRESS];
	struct address key = {.link = link, .prefix = *prefix};
	uint32_t hash = object_hash(OBJECT_ADDRESS, &key);
	const struct address *address = table_candidate(table, hash, NULL);

	/* Any peer will do. */
	while (address && (address->link != link || !ip_prefix_equal(&address->prefix, prefix)))
		address = table_candidate(table, hash, address);
	return address;
}

const struct route *observed_route(const struct observed *observed, const struct route *route)
{
	const struct table *table = &observed->tables[OBJECT_ROUTE];
	uint32_t hash = object_hash(OBJECT_ROUTE, route);
	const struct route *found = table_candidate(table, hash, NULL);

	while (found &&
	       (!route_same_place(found, route) || (route->link && found->link != route->link)))
		found = table_candidate(table, hash, found);
	return found;
}

const struct link *observed_next_link(const struct observed *observed, const struct link *cursor)
{
	int index = link_index_after(&observed->links, cursor ? cursor->index : 0);

	return index ? observed_link(observed, index) : NULL;
}

const struct address *observed_next_address(const struct observed *observed,
					    const struct address *cursor)
{
	return table_next(&observed->tables[OBJECT_ADDRESS], cursor);
}

const struct route *observed_next_route(const struct observed *observed, const struct route *cursor)
{
	return table_next(&observed->tables[OBJECT_ROUTE], cursor);
}

const struct rule *observed_next_rule(const struct observed *observed, const struct rule *cursor)
{
	return table_next(&observed->tables[OBJECT_RULE], cursor);
}

const struct neighbour *observed_next_neighbour(const struct observed *observed,
						const struct neighbour *cursor)
{
	return table_next(&observed->tables[OBJECT_NEIGHBOUR], cursor);
}

size_t observed_count(const struct observed *observed, enum object_kind kind)
{
	return observed->tables[kind].count;
}

/* ---- metrics ---- */

/* One pass over the routes for a window of metrics, not one for each: there may be a thousand
 * uplinks, of which each asks. */
struct metrics {
	uint32_t from;
	bool taken[METRIC_WINDOW];
};

void metrics_take(struct metrics *metrics, uint32_t metric)
{
	if (metric >= metrics->from && metric - metrics->from < METRIC_WINDOW)
		metrics->taken[metric - metrics->from] = true;
}

static void take_metrics_of_routes(struct metrics *metrics, const struct observed *observed,
				   const struct link *link)
{
	const struct route *route = NULL;

	while ((route = observed_next_route(observed, route)))
		if (route->destination.length == 0 && route->table == RT_TABLE_MAIN &&
		    (!link || route->link != link->index))
			metrics_take(metrics, route->metric);
}

uint32_t observed_free_metric(const struct observed *observed, const struct link *link,
			      metrics_reserve_t reserve, void *userdata)
{
	uint32_t from = link && link->kind == LINK_WIFI ? METRIC_WIRELESS : METRIC_ETHERNET;

	for (;; from += METRIC_WINDOW) {
		struct metrics metrics = {.from = from};

		take_metrics_of_routes(&metrics, observed, link);
		reserve(&metrics, userdata);
		for (uint32_t i = 0; i < METRIC_WINDOW; i++)
			if (!metrics.taken[i])
				return from + i;
	}
}

/* ---- statistics ---- */

static int take_statistics(const struct nlmsghdr *message, void *userdata)
{
	struct observed *observed = userdata;
	union object object;
	enum object_kind kind;
	struct link *link;

	if (netlink_parse(message, &kind, &object) != 0 || kind != OBJECT_LINK)
		return 0;
	link = table_find(&observed->tables[OBJECT_LINK], &object);
	if (link)
		link->statistics = object.link.statistics;
	return 0;
}

int observed_refresh_statistics(struct observed *observed, struct netlink_socket *socket)
{
	uint8_t buffer[NETLINK_MESSAGE_MAX];
	int r = netlink_query(socket, netlink_build_dump(buffer, OBJECT_LINK, 0), take_statistics,
			      observed);

	/* Links that came or went meanwhile do not matter: the others were counted. */
	return r == -EAGAIN ? 0 : r;
}
