/* What the kernel is asked for, because it does not announce it or the mirror leaves it out. */
#include "netlink/filter.h"
#include "observed-internal.h"

/* ---- links ---- */

static int take_link(const struct nlmsghdr *message, void *userdata)
{
	union object object;
	enum object_kind kind;
	int r = netlink_parse(message, &kind, &object);

	if (r == 0 && kind == OBJECT_LINK)
		observed_link_there(userdata, &object.link);
	return MIN(r, 0);
}

int observed_refresh_link(struct observed *observed, struct netlink_socket *socket, int index)
{
	uint8_t buffer[NETLINK_MESSAGE_MAX];

	/* What was announced before is older than the answer, and must not come after it. */
	int r = observed_drain(observed);

	if (r < 0)
		return r;
	return netlink_query(socket, netlink_build_link_get(buffer, index), take_link, observed);
}

/* ---- neighbours ---- */

static struct followed *followed_find(const struct observed *observed,
				      const struct ip_address *address)
{
	for (size_t i = 0; i < observed->followed_count; i++)
		if (ip_address_equal(&observed->followed[i].address, address))
			return &observed->followed[i];
	return NULL;
}

bool observed_follows(const struct observed *observed, const struct ip_address *address)
{
	return followed_find(observed, address);
}

static int tell_monitor(struct observed *observed)
{
	_cleanup_(cleanup_free) struct ip_address *addresses =
		calloc(MAX(observed->followed_count, 1u), sizeof(*addresses));

	if (!addresses)
		return -ENOMEM;
	for (size_t i = 0; i < observed->followed_count; i++)
		addresses[i] = observed->followed[i].address;
	return netlink_monitor_follow_neighbours(observed->monitor, addresses,
						 observed->followed_count);
}

static int followed_add(struct observed *observed, const struct ip_address *address)
{
	struct followed *followed =
		reallocarray(observed->followed, observed->followed_count + 1, sizeof(*followed));

	if (!followed)
		return -ENOMEM;
	followed[observed->followed_count++] = (struct followed){*address, 1};
	observed->followed = followed;
	return tell_monitor(observed);
}

static int take_neighbour(const struct nlmsghdr *message, void *userdata)
{
	union object object;
	enum object_kind kind;
	int r = netlink_parse(message, &kind, &object);

	if (r == 0 && kind == OBJECT_NEIGHBOUR)
		observed_object_there(userdata, kind, &object);
	return MIN(r, 0);
}

int observed_follow_neighbour(struct observed *observed, struct netlink_socket *socket, int link,
			      const struct ip_address *address)
{
	struct followed *followed = followed_find(observed, address);
	uint8_t buffer[NETLINK_MESSAGE_MAX];
	int r = 0;

	if (followed)
		followed->uses++;
	else
		r = followed_add(observed, address);
	if (r < 0)
		return r;
	r = netlink_query(socket, netlink_build_neighbour_get(buffer, link, address),
			  take_neighbour, observed);
	return r == -ENOENT ? 0 : r;
}

/* Without telling anybody: they are still there, only no longer looked at. */
static void forget_neighbours(struct observed *observed, const struct ip_address *address)
{
	struct table *table = &observed->tables[OBJECT_NEIGHBOUR];
	struct neighbour *neighbour = table_next(table, NULL), *next;

	for (; neighbour; neighbour = next) {
		next = table_next(table, neighbour);
		if (ip_address_equal(&neighbour->address, address))
			table_remove(table, neighbour);
	}
}

void observed_unfollow_neighbour(struct observed *observed, const struct ip_address *address)
{
	struct followed *followed = followed_find(observed, address);

	if (!followed || --followed->uses > 0)
		return;
	*followed = observed->followed[--observed->followed_count];
	forget_neighbours(observed, address);
	/* With the filter as it was, more is passed on than is needed. */
	if (tell_monitor(observed) < 0)
		log_debug("observed: the filter of neighbours could not be narrowed");
}

/* ---- routes ---- */

bool observed_leaves_out_routes(const struct observed *observed)
{
	return netlink_monitor_filter(observed->monitor)->leaves_out;
}

bool observed_keeps_route(const struct observed *observed, const struct route *route)
{
	return filter_keeps_route(netlink_monitor_filter(observed->monitor), route);
}

struct route_answer {
	struct route *route;
	bool found;
};

static int take_route(const struct nlmsghdr *message, void *userdata)
{
	struct route_answer *answer = userdata;
	union object object;
	enum object_kind kind;

	if (netlink_parse(message, &kind, &object) == 0 && kind == OBJECT_ROUTE) {
		*answer->route = object.route;
		answer->found = true;
	}
	return 0;
}

int observed_ask_route(const struct observed *observed, struct netlink_socket *socket,
		       const struct ip_address *address, struct route *ret)
{
	struct route_answer answer = {.route = ret};
	uint8_t buffer[NETLINK_MESSAGE_MAX];

	if (!observed_leaves_out_routes(observed))
		return 0;
	return netlink_query(socket, netlink_build_route_get(buffer, address), take_route,
			     &answer) == 0 &&
	       answer.found;
}

struct left_out {
	const struct filter *filter;
	void (*each)(const struct route *route, void *userdata);
	void *userdata;
};

static int take_left_out(const struct nlmsghdr *message, void *userdata)
{
	const struct left_out *left_out = userdata;
	union object object;
	enum object_kind kind;

	if (filter_leaves_out(left_out->filter, message) &&
	    netlink_parse(message, &kind, &object) == 0)
		left_out->each(&object.route, left_out->userdata);
	return 0;
}

int observed_each_left_out(const struct observed *observed, struct netlink_socket *socket,
			   int family, uint32_t table,
			   void (*each)(const struct route *route, void *userdata), void *userdata)
{
	struct left_out left_out = {netlink_monitor_filter(observed->monitor), each, userdata};
	uint8_t buffer[NETLINK_MESSAGE_MAX];
	int r;

	if (!observed_leaves_out_routes(observed))
		return 0;
	r = netlink_query(socket, netlink_build_table_dump(buffer, family, table), take_left_out,
			  &left_out);
	/* Without the table there are none; those that came or went meanwhile do not matter. */
	return r == -ENOENT || r == -EAGAIN ? 0 : r;
}
