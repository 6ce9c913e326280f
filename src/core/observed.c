/*
 * The mirror follows the kernel. What the kernel does not announce, we add: of routes that is much
 * (observed_routes.c); and the end of a veth pair that stays does not tell where the other end
 * went.
 */
#include "observed-internal.h"

#define LOG_INTERVAL (1 * USEC_PER_SEC) /* losses are told at most so often */

/* ---- telling ---- */

static void tell(const struct observed *observed, enum object_kind kind,
		 enum observed_change change, const union object *before, const union object *after)
{
	for (size_t i = 0; i < observed->handler_count; i++)
		observed->handlers[i].changed(kind, change, before, after,
					      observed->handlers[i].userdata);
}

/* Objects in the tables are only as large as their kind. */
static void copy_out(enum object_kind kind, union object *to, const void *object)
{
	memcpy(to, object, object_size(kind));
}

static void tell_added(const struct observed *observed, enum object_kind kind, const void *object)
{
	union object after;

	copy_out(kind, &after, object);
	tell(observed, kind, OBSERVED_ADDED, NULL, &after);
}

/* ---- changes of single objects ---- */

static void out_of_memory(struct observed *observed, enum object_kind kind)
{
	netlink_monitor_doubt(observed->monitor, kind, "out of memory");
}

void observed_object_remove(struct observed *observed, enum object_kind kind, void *object)
{
	union object before;

	copy_out(kind, &before, object);
	if (kind == OBJECT_ROUTE)
		observed_route_counted(observed, &before.route, NULL);
	if (kind == OBJECT_LINK)
		link_index_remove(&observed->links, &before.link);
	table_remove(&observed->tables[kind], object);
	tell(observed, kind, OBSERVED_REMOVED, &before, NULL);
	if (kind == OBJECT_LINK)
		observed_link_lost_routes(observed, before.link.index, AF_UNSPEC);
}

void observed_object_add(struct observed *observed, enum object_kind kind, const void *object)
{
	struct table *table = &observed->tables[kind];
	const void *added = table_add(table, object);

	if (!added) {
		out_of_memory(observed, kind);
		return;
	}
	if (kind == OBJECT_LINK && link_index_add(&observed->links, object) < 0) {
		table_remove(table, added);
		out_of_memory(observed, kind);
		return;
	}
	table_mark(table, added);
	if (kind == OBJECT_ROUTE)
		observed_route_counted(observed, NULL, added);
	tell_added(observed, kind, added);
}

void observed_object_change(struct observed *observed, enum object_kind kind, void *object,
			    const void *state)
{
	union object before, after;

	copy_out(kind, &before, object);
	memcpy(object, state, object_size(kind));
	table_mark(&observed->tables[kind], object);
	if (object_equal(kind, &before, object))
		return;
	if (kind == OBJECT_ROUTE)
		observed_route_counted(observed, &before.route, object);
	if (kind == OBJECT_LINK && link_index_rename(&observed->links, &before.link, object) < 0)
		out_of_memory(observed, kind);
	copy_out(kind, &after, object);
	tell(observed, kind, OBSERVED_CHANGED, &before, &after);
	if (kind == OBJECT_LINK && before.link.flags & IFF_UP && !(after.link.flags & IFF_UP))
		observed_link_lost_routes(observed, after.link.index, AF_UNSPEC);
}

/* ---- peers that move without a word ---- */

/* The two ends of a veth pair state each other. When one end moves to another namespace, or comes
 * back, the other end is told otherwise from then on, but this is not announced. */
static void peer_moved(struct observed *observed, const struct link *end, int lower,
		       int lower_namespace)
{
	struct link key = {.index = end->lower}, state;
	struct link *peer = table_find(&observed->tables[OBJECT_LINK], &key);

	if (end->kind != LINK_VETH || end->lower_namespace >= 0 || !peer || peer->kind != LINK_VETH)
		return;
	memcpy(&state, peer, sizeof(state));
	state.lower = lower;
	state.lower_namespace = lower_namespace;
	observed_object_change(observed, OBJECT_LINK, peer, &state);
}

void observed_object_there(struct observed *observed, enum object_kind kind, const void *object)
{
	void *found = table_find(&observed->tables[kind], object);

	if (found)
		observed_object_change(observed, kind, found, object);
	else
		observed_object_add(observed, kind, object);
}

/* ---- the monitor's words ---- */

/* rtnetlink does not know a wireless link; asked once, when the link is new. */
void observed_link_there(struct observed *observed, const struct link *announced)
{
	const struct link *known = observed_link(observed, announced->index);
	struct link link;

	memcpy(&link, announced, sizeof(link));
	if (link.kind == LINK_ETHERNET && !link.info_kind[0] &&
	    (known ? known->kind == LINK_WIFI : netlink_link_is_wireless(link.index)))
		link.kind = LINK_WIFI;
	observed_object_there(observed, OBJECT_LINK, &link);
	if (!known)
		peer_moved(observed, &link, link.index, -1);
}

static void link_gone(struct observed *observed, const struct link *announced)
{
	struct link *known = table_find(&observed->tables[OBJECT_LINK], announced);
	struct link link;

	if (!known)
		return;
	memcpy(&link, known, sizeof(link));
	observed_object_remove(observed, OBJECT_LINK, known);
	if (announced->moved_namespace >= 0)
		peer_moved(observed, &link,
			   announced->moved_index ? announced->moved_index : link.index,
			   announced->moved_namespace);
}

static bool link_has_ipv4(const struct observed *observed, int link)
{
	const struct address *address = NULL;

	while ((address = observed_next_address(observed, address)))
		if (address->link == link && address->prefix.address.family == AF_INET)
			return true;
	return false;
}

static void address_gone(struct observed *observed, const struct address *announced)
{
	struct address *known = table_find(&observed->tables[OBJECT_ADDRESS], announced);

	if (known)
		observed_object_remove(observed, OBJECT_ADDRESS, known);
	observed_source_lost_routes(observed, announced);
	if (announced->prefix.address.family == AF_INET &&
	    !link_has_ipv4(observed, announced->link))
		observed_link_lost_routes(observed, announced->link, AF_INET);
}

static void object_gone(struct observed *observed, enum object_kind kind,
			const union object *announced)
{
	void *known;

	switch (kind) {
	case OBJECT_LINK:
		link_gone(observed, &announced->link);
		break;
	case OBJECT_ADDRESS:
		address_gone(observed, &announced->address);
		break;
	case OBJECT_ROUTE:
		observed_route_gone(observed, &announced->route);
		break;
	default:
		known = table_find(&observed->tables[kind], announced);
		if (known)
			observed_object_remove(observed, kind, known);
	}
}

/* What an event said is newer than the dump, and every change has its event. Only of what is not in
 * the mirror is it open whether it is gone, or was never told of. */
static void object_outdated(struct observed *observed, enum object_kind kind, const void *object)
{
	void *known = table_find(&observed->tables[kind], object);

	if (known)
		table_mark(&observed->tables[kind], known);
	else
		netlink_monitor_doubt(observed->monitor, kind, "it changed while it was dumped");
}

/* The monitor's filter lets a few neighbours through. */
static bool is_kept(const struct observed *observed, enum object_kind kind,
		    const union object *object)
{
	return kind != OBJECT_NEIGHBOUR || observed_follows(observed, &object->neighbour.address);
}

static void on_object(enum object_kind kind, const union object *object,
		      enum netlink_announcement announcement, void *userdata)
{
	struct observed *observed = userdata;

	if (!is_kept(observed, kind, object))
		return;
	if (announcement == NETLINK_OUTDATED)
		object_outdated(observed, kind, object);
	else if (announcement == NETLINK_GONE)
		object_gone(observed, kind, object);
	else if (kind == OBJECT_LINK)
		observed_link_there(observed, &object->link);
	else if (kind == OBJECT_ROUTE && announcement == NETLINK_DUMPED)
		observed_route_dumped(observed, &object->route);
	else if (kind == OBJECT_ROUTE && !observed_keeps_route(observed, &object->route))
		observed_route_left_out(observed, &object->route, announcement);
	else if (kind == OBJECT_ROUTE)
		observed_route_announced(observed, &object->route, announcement);
	else
		observed_object_there(observed, kind, object);
}

static void on_dump_begins(enum object_kind kind, void *userdata)
{
	struct observed *observed = userdata;

	table_clear_marks(&observed->tables[kind]);
}

static void on_dump_ends(enum object_kind kind, void *userdata)
{
	struct observed *observed = userdata;
	struct table *table = &observed->tables[kind];
	void *object = table_next_unmarked(table, NULL), *next;

	for (; object; object = next) {
		next = table_next_unmarked(table, object);
		observed_object_remove(observed, kind, object);
	}
}

static void on_synchronised(void *userdata)
{
	struct observed *observed = userdata;
	bool first = !observed->synchronised_once;

	log_debug("observed: in step with the kernel: %u links, %u addresses, %u routes",
		  observed->tables[OBJECT_LINK].count, observed->tables[OBJECT_ADDRESS].count,
		  observed->tables[OBJECT_ROUTE].count);
	observed->synchronised = observed->synchronised_once = true;
	for (size_t i = 0; i < observed->handler_count; i++)
		if (observed->handlers[i].synchronised)
			observed->handlers[i].synchronised(first, observed->handlers[i].userdata);
}

static void on_lost(const char *reason, void *userdata)
{
	struct observed *observed = userdata;
	usec_t now = clock_boottime_usec();

	observed->synchronised = false;
	if (observed->told_at && now < observed->told_at + LOG_INTERVAL) {
		log_debug("observed: %s; resynchronising", reason);
		return;
	}
	observed->told_at = now;
	log_notice("observed: %s; resynchronising", reason);
}

/* ---- life ---- */

static const struct netlink_monitor_handlers monitor_handlers = {
	.object = on_object,
	.nexthop_gone = observed_nexthop_gone,
	.dump_begins = on_dump_begins,
	.dump_ends = on_dump_ends,
	.synchronised = on_synchronised,
	.lost = on_lost,
};

int observed_new(struct observed **ret, sd_event *event, int receive_buffer)
{
	_cleanup_(observed_cleanup) struct observed *observed = calloc(1, sizeof(*observed));
	int r;

	if (!observed)
		return -ENOMEM;
	observed->ethtool_fd = -1;
	for (int kind = 0; kind < _OBJECT_KIND_MAX; kind++)
		table_init(&observed->tables[kind], (enum object_kind)kind);
	r = netlink_monitor_new(&observed->monitor, event, receive_buffer, &monitor_handlers,
				observed);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(observed);
	return 0;
}

void observed_free(struct observed *observed)
{
	if (observed->monitor)
		netlink_monitor_free(observed->monitor);
	for (int kind = 0; kind < _OBJECT_KIND_MAX; kind++)
		table_clear(&observed->tables[kind]);
	link_index_clear(&observed->links);
	cleanup_close(&observed->ethtool_fd);
	free(observed->handlers);
	free(observed->followed);
	free(observed);
}

int observed_add_handler(struct observed *observed, observed_handler_t handler,
			 observed_synchronised_t synchronised, void *userdata)
{
	struct handler *handlers =
		reallocarray(observed->handlers, observed->handler_count + 1, sizeof(*handlers));

	if (!handlers)
		return -ENOMEM;
	handlers[observed->handler_count++] = (struct handler){handler, synchronised, userdata};
	observed->handlers = handlers;
	return 0;
}

int observed_drain(struct observed *observed)
{
	return netlink_monitor_drain(observed->monitor);
}

int observed_wait_synchronised(struct observed *observed, usec_t timeout)
{
	return netlink_monitor_wait_synchronised(observed->monitor, timeout);
}

bool observed_is_synchronised(const struct observed *observed)
{
	return observed->synchronised;
}

bool observed_knows(const struct observed *observed, enum object_kind kind)
{
	return netlink_monitor_knows(observed->monitor, kind);
}

const struct netlink_monitor_statistics *observed_statistics(const struct observed *observed)
{
	return netlink_monitor_statistics(observed->monitor);
}
