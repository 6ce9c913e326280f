/*
 * The mirror against the kernel, in network namespaces that die with the test. After whatever was
 * done the mirror must equal what a dump, asked over another socket, says.
 */
#include <endian.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/observed.h"
#include "core/observed_table.h"
#include "unit.h"

#define PATIENCE      (20 * USEC_PER_SEC)
#define SMALL_BUFFER  4096
#define ROUTES	      20000
#define CHANGES_MAX   256
#define OUR_PROTOCOL  AIOSNET_PROTOCOL
#define FIRST_NETWORK 0x0b000000u /* 11.0.0.0 */

struct change {
	enum object_kind kind;
	enum observed_change change;
	union object before, after;
};

struct world {
	sd_event *event;
	struct netlink_socket *socket;
	struct observed *observed;
	struct change changes[CHANGES_MAX];
	size_t change_count;
	unsigned synchronised, synchronised_first;
};

/* ---- the world ---- */

static void run(const char *format, ...) _printf_(1, 2);

static void run(const char *format, ...)
{
	char command[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

static void on_change(enum object_kind kind, enum observed_change change,
		      const union object *before, const union object *after, void *userdata)
{
	struct world *world = userdata;
	struct change *noted = &world->changes[world->change_count % CHANGES_MAX];

	*noted = (struct change){.kind = kind, .change = change};
	if (before)
		noted->before = *before;
	if (after)
		noted->after = *after;
	world->change_count++;
}

static void on_synchronised(bool first, void *userdata)
{
	struct world *world = userdata;

	world->synchronised++;
	world->synchronised_first += first;
}

static void observe(struct world *world, int receive_buffer)
{
	assert_int_equal(observed_new(&world->observed, world->event, receive_buffer), 0);
	assert_int_equal(observed_add_handler(world->observed, on_change, on_synchronised, world),
			 0);
	assert_int_equal(observed_wait_synchronised(world->observed, PATIENCE), 0);
	assert_true(observed_is_synchronised(world->observed));
	world->change_count = 0;
}

/* A namespace of its own with two connected links, near and far, both up. */
static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	/* without link-local addresses: their duplicate detection would announce things later */
	run("ip link set lo up && ip link add near type veth peer name far && "
	    "ip link set near addrgenmode none && ip link set far addrgenmode none && "
	    "ip link set near up && ip link set far up && ip addr add 192.0.2.1/24 dev near");
	assert_int_equal(sd_event_new(&world->event), 0);
	assert_int_equal(netlink_socket_new(&world->socket, NETLINK_ROUTE, USEC_PER_SEC), 0);
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;

	if (world->observed)
		observed_free(world->observed);
	netlink_socket_free(world->socket);
	sd_event_unref(world->event);
	free(world);
	return 0;
}

/* ---- mirror and kernel ---- */

/* Flags of routes change without a word (dead, linkdown), and so do counts of changes of carrier.
 */
static bool mirror_equal(enum object_kind kind, const void *mirrored, const void *there)
{
	union object object;

	if (kind == OBJECT_ROUTE)
		return object_same(kind, mirrored, there);
	memcpy(&object, mirrored, object_size(kind));
	if (kind == OBJECT_LINK)
		object.link.carrier_changes = ((const struct link *)there)->carrier_changes;
	return object_equal(kind, &object, there);
}

static int collect(const struct nlmsghdr *message, void *userdata)
{
	struct table *table = userdata;
	union object object;
	enum object_kind kind;
	int r = netlink_parse(message, &kind, &object);

	if (r == 0)
		assert_non_null(table_add(table, &object));
	return r < 0 ? r : 0;
}

static const void *mirror_next(const struct observed *observed, enum object_kind kind,
			       const void *cursor)
{
	switch (kind) {
	case OBJECT_LINK:
		return observed_next_link(observed, cursor);
	case OBJECT_ADDRESS:
		return observed_next_address(observed, cursor);
	case OBJECT_ROUTE:
		return observed_next_route(observed, cursor);
	case OBJECT_RULE:
		return observed_next_rule(observed, cursor);
	default:
		return observed_next_neighbour(observed, cursor);
	}
}

static void dump(struct world *world, enum object_kind kind, struct table *kernel)
{
	uint8_t buffer[NETLINK_MESSAGE_MAX];
	int r;

	table_init(kernel, kind);
	do {
		/* again where an object was larger than the buffer */
		table_clear(kernel);
		r = netlink_query(world->socket, netlink_build_dump(buffer, kind, 0), collect,
				  kernel);
	} while (r == -EAGAIN);
	assert_int_equal(r, 0);
}

/* Returns what is wrong with the mirror, or NULL. */
static const char *difference(struct world *world, enum object_kind kind)
{
	const char *found = NULL;
	const void *object = NULL, *there;
	struct table kernel;
	size_t count = 0;

	dump(world, kind, &kernel);
	while (!found && (object = mirror_next(world->observed, kind, object))) {
		there = table_find(&kernel, object);
		if (!there)
			found = "has what the kernel has not";
		else if (!mirror_equal(kind, object, there))
			found = "has an older state";
		count++;
	}
	if (!found && count != kernel.count)
		found = "lacks what the kernel has";
	if (!found && count != observed_count(world->observed, kind))
		found = "does not count right";
	table_clear(&kernel);
	return found;
}

static void assert_kind_equals_kernel(struct world *world, enum object_kind kind)
{
	const char *found = difference(world, kind);

	/* A lost carrier shows in a dump at once, but is announced within a second
	 * (link_watch.c). */
	for (int i = 0; found && kind == OBJECT_LINK && i < 200; i++) {
		usleep(10 * USEC_PER_MSEC);
		assert_int_equal(observed_wait_synchronised(world->observed, PATIENCE), 0);
		found = difference(world, kind);
	}
	if (found)
		fail_msg("the mirror's kind %s %s", object_kind_text(kind), found);
}

static void assert_mirror_equals_kernel(struct world *world)
{
	assert_int_equal(observed_wait_synchronised(world->observed, PATIENCE), 0);
	for (int kind = 0; kind < _OBJECT_KIND_MAX; kind++)
		assert_kind_equals_kernel(world, (enum object_kind)kind);
}

/* The last change of a kind, or NULL. */
static const struct change *last(const struct world *world, enum object_kind kind)
{
	for (size_t i = world->change_count; i-- > 0;)
		if (world->changes[i % CHANGES_MAX].kind == kind)
			return &world->changes[i % CHANGES_MAX];
	return NULL;
}

static size_t count_changes(const struct world *world, enum object_kind kind,
			    enum observed_change change)
{
	size_t count = 0;

	for (size_t i = 0; i < world->change_count; i++)
		count += world->changes[i].kind == kind && world->changes[i].change == change;
	return count;
}

/* ---- what we build ---- */

static int link_index(const struct world *world, const char *name)
{
	const struct link *link = observed_link_by_name(world->observed, name);

	assert_non_null(link);
	return link->index;
}

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix parsed;

	assert_int_equal(ip_prefix_parse(text, &parsed, NULL, NULL), 0);
	return parsed;
}

static struct ip_address address(const char *text)
{
	struct ip_address parsed;

	assert_int_equal(ip_address_parse(text, &parsed, NULL, NULL), 0);
	return parsed;
}

static struct route route_to(const struct world *world, const char *destination,
			     const char *gateway)
{
	struct route route = {
		.destination = prefix(destination),
		.link = link_index(world, "near"),
		.table = RT_TABLE_MAIN,
		.metric = 100,
		.protocol = OUR_PROTOCOL,
		.type = RTN_UNICAST,
	};

	if (gateway)
		route.gateway = address(gateway);
	else if (route.destination.address.family == AF_INET)
		route.scope = RT_SCOPE_LINK;
	return route;
}

static int change_route(struct netlink_socket *socket, bool add, const struct route *route)
{
	uint8_t buffer[NETLINK_MESSAGE_MAX];

	return netlink_request(socket, netlink_build_route(buffer, add, route));
}

/* The n-th of many host routes. */
static struct route nth_route(int link, uint32_t n)
{
	return (struct route){
		.destination = {ip_address_v4(htobe32(FIRST_NETWORK + n)), 32},
		.link = link,
		.table = RT_TABLE_MAIN,
		.protocol = OUR_PROTOCOL,
		.scope = RT_SCOPE_LINK,
		.type = RTN_UNICAST,
	};
}

static void change_many(struct netlink_socket *socket, int link, bool add, uint32_t from,
			uint32_t count)
{
	for (uint32_t n = from; n < from + count; n++) {
		struct route route = nth_route(link, n);

		assert_int_equal(change_route(socket, add, &route), 0);
	}
}

/* ---- following ---- */

static void test_first_synchronisation(void **state)
{
	struct world *world = *state;
	const struct link *near, *far;

	observe(world, 0);
	assert_int_equal(world->synchronised, 1);
	assert_int_equal(world->synchronised_first, 1);
	assert_mirror_equals_kernel(world);

	near = observed_link_by_name(world->observed, "near");
	far = observed_link_by_name(world->observed, "far");
	assert_non_null(near);
	assert_int_equal(near->kind, LINK_VETH);
	assert_true(near->carrier);
	assert_int_equal(near->lower, far->index);
	assert_null(observed_link_by_name(world->observed, "nowhere"));
	assert_null(observed_link(world->observed, 0));
	/* in the order of their index */
	for (const struct link *link = NULL, *before = NULL;
	     (link = observed_next_link(world->observed, link)); before = link)
		assert_true(!before || before->index < link->index);
}

static void test_event_loop(void **state)
{
	struct world *world = *state;

	assert_int_equal(observed_new(&world->observed, world->event, 0), 0);
	assert_int_equal(observed_add_handler(world->observed, on_change, on_synchronised, world),
			 0);
	while (!world->synchronised)
		assert_true(sd_event_run(world->event, PATIENCE) > 0);
	assert_mirror_equals_kernel(world);
	/* and is quiet then: nothing is left that wakes the loop up */
	assert_int_equal(sd_event_run(world->event, 20 * USEC_PER_MSEC), 0);

	world->change_count = 0;
	run("ip link set near mtu 1400");
	while (!world->change_count)
		assert_true(sd_event_run(world->event, PATIENCE) > 0);
	assert_int_equal(observed_link_by_name(world->observed, "near")->mtu, 1400);
}

static void test_links(void **state)
{
	struct world *world = *state;
	int index;

	observe(world, 0);
	index = link_index(world, "near");

	run("ip link set near down && ip link set near name other && ip link set other up mtu "
	    "1300");
	assert_int_equal(observed_drain(world->observed), 0);
	assert_null(observed_link_by_name(world->observed, "near"));
	assert_int_equal(link_index(world, "other"), index);
	assert_int_equal(observed_link(world->observed, index)->mtu, 1300);

	/* two links swap their names */
	run("ip link set other down && ip link set far down && ip link set far name third && "
	    "ip link set other name far && ip link set third name near");
	assert_int_equal(observed_drain(world->observed), 0);
	assert_int_equal(link_index(world, "far"), index);
	assert_mirror_equals_kernel(world);

	/* a bridge takes a port and lets it go: that is no removal */
	run("ip link add bridge type bridge && ip link set near master bridge");
	assert_int_equal(observed_drain(world->observed), 0);
	assert_int_equal(observed_link_by_name(world->observed, "bridge")->kind, LINK_BRIDGE);
	assert_int_equal(observed_link_by_name(world->observed, "near")->master,
			 link_index(world, "bridge"));
	run("ip link set near nomaster");
	assert_int_equal(observed_drain(world->observed), 0);
	assert_int_equal(observed_link_by_name(world->observed, "near")->master, 0);
	assert_mirror_equals_kernel(world);

	run("ip tuntap add tap0 mode tap && ip link add vx type vxlan id 1 dstport 4789");
	assert_int_equal(observed_drain(world->observed), 0);
	assert_int_equal(observed_link_by_name(world->observed, "tap0")->kind, LINK_TUN);
	assert_int_equal(observed_link_by_name(world->observed, "vx")->kind, LINK_VIRTUAL);

	run("ip link del near");
	assert_int_equal(observed_drain(world->observed), 0);
	assert_null(observed_link(world->observed, index));
	assert_null(observed_link_by_name(world->observed, "near"));
	assert_mirror_equals_kernel(world);
}

static void test_link_moves_away(void **state)
{
	struct world *world = *state;
	int index;

	run("ip link set far down && ip link set near down");
	observe(world, 0);
	index = link_index(world, "near");
	/* a process that sleeps holds the other namespace */
	run("unshare -n sh -c 'echo $$ >/tmp/test_observed.%d; exec sleep 5' & sleep 0.2",
	    getpid());
	run("ip link set near netns $(cat /tmp/test_observed.%d)", getpid());
	assert_int_equal(observed_drain(world->observed), 0);
	assert_null(observed_link(world->observed, index));
	/* the peer is in another namespace now, of which nothing was announced */
	assert_true(observed_link_by_name(world->observed, "far")->lower_namespace >= 0);
	assert_mirror_equals_kernel(world);
	run("nsenter -t $(cat /tmp/test_observed.%d) -n ip link set near netns %d", getpid(),
	    getpid());
	assert_int_equal(observed_drain(world->observed), 0);
	assert_non_null(observed_link_by_name(world->observed, "near"));
	assert_mirror_equals_kernel(world);
	run("kill $(cat /tmp/test_observed.%d); rm /tmp/test_observed.%d", getpid(), getpid());
}

static void test_link_settings(void **state)
{
	struct world *world = *state;
	struct link_settings settings = {
		.fields = LINK_FIELD_UP | LINK_FIELD_MTU | LINK_FIELD_MAC |
			  LINK_FIELD_IGNORE_DEAD_ROUTES | LINK_FIELD_PROMOTE_SECONDARIES,
		.up = true,
		.mtu = 1400,
		.mac = {6, {2, 0, 0, 0, 0, 9}},
		.ignore_dead_routes = true,
		.promote_secondaries = true,
	};
	uint8_t buffer[NETLINK_MESSAGE_MAX];
	const struct link *link;
	int index;

	observe(world, 0);
	index = link_index(world, "near");
	assert_int_equal(netlink_request(world->socket,
					 netlink_build_link_set(buffer, index, &settings)),
			 0);
	assert_int_equal(observed_drain(world->observed), 0);
	link = observed_link(world->observed, index);
	assert_int_equal(link->mtu, 1400);
	assert_int_equal(link->mac.bytes[5], 9);
	assert_true(link->ignore_dead_routes);
	assert_true(link->promote_secondaries);
	run("test $(cat /proc/sys/net/ipv4/conf/near/ignore_routes_with_linkdown) = 1");
	run("test $(cat /proc/sys/net/ipv4/conf/near/promote_secondaries) = 1");

	settings = (struct link_settings){.fields = LINK_FIELD_UP | LINK_FIELD_IGNORE_DEAD_ROUTES};
	assert_int_equal(netlink_request(world->socket,
					 netlink_build_link_set(buffer, index, &settings)),
			 0);
	assert_int_equal(observed_drain(world->observed), 0);
	link = observed_link(world->observed, index);
	assert_false(link->flags & IFF_UP);
	assert_false(link->carrier);
	assert_true(link->ignore_dead_routes);
	assert_int_equal(observed_refresh_link(world->observed, world->socket, index), 0);
	assert_int_equal(last(world, OBJECT_LINK)->change, OBSERVED_CHANGED);
	assert_false(link->ignore_dead_routes);
	assert_true(link->promote_secondaries);
	assert_mirror_equals_kernel(world);
}

static void test_kernel_words(void **state)
{
	struct world *world = *state;
	struct link_settings settings = {.fields = LINK_FIELD_MTU, .mtu = 20};
	uint8_t buffer[NETLINK_MESSAGE_MAX];

	observe(world, 0);
	assert_int_equal(netlink_request(world->socket,
					 netlink_build_link_set(buffer, link_index(world, "near"),
								&settings)),
			 -EINVAL);
	assert_string_not_equal(netlink_socket_words(world->socket), "");
	assert_int_equal(netlink_request(world->socket, netlink_build_link_get(buffer, 9999)),
			 -ENODEV);
	assert_int_equal(netlink_request(world->socket, netlink_build_link_get(buffer, 1)), 0);
	assert_string_equal(netlink_socket_words(world->socket), "");
}

static void test_addresses(void **state)
{
	struct world *world = *state;
	struct address ours = {
		.prefix = prefix("198.51.100.7/24"),
		.broadcast = address("198.51.100.255"),
		.protocol = OUR_PROTOCOL,
		.metric = 300,
		.preferred = 1800,
		.valid = 3600,
	};
	uint8_t buffer[NETLINK_MESSAGE_MAX];
	const struct address *found;

	observe(world, 0);
	ours.link = link_index(world, "near");
	assert_int_equal(netlink_request(world->socket, netlink_build_address(buffer, true, &ours)),
			 0);
	assert_int_equal(observed_drain(world->observed), 0);
	found = observed_address(world->observed, ours.link, &ours.prefix);
	assert_non_null(found);
	assert_int_equal(found->protocol, OUR_PROTOCOL);
	assert_int_equal(found->metric, 300);
	assert_in_range(found->valid, 3590, 3600);
	assert_true(ip_address_equal(&found->broadcast, &ours.broadcast));
	assert_int_equal(last(world, OBJECT_ADDRESS)->change, OBSERVED_ADDED);

	/* again with another lifetime: the same address, changed */
	ours.valid = ours.preferred = 7200;
	assert_int_equal(netlink_request(world->socket, netlink_build_address(buffer, true, &ours)),
			 0);
	assert_int_equal(observed_drain(world->observed), 0);
	assert_int_equal(last(world, OBJECT_ADDRESS)->change, OBSERVED_CHANGED);
	assert_mirror_equals_kernel(world);

	assert_int_equal(netlink_request(world->socket,
					 netlink_build_address(buffer, false, &ours)),
			 0);
	assert_int_equal(observed_drain(world->observed), 0);
	assert_null(observed_address(world->observed, ours.link, &ours.prefix));
	assert_mirror_equals_kernel(world);

	/* one address in two roles */
	run("ip addr add 10.1.1.1 peer 10.1.1.2/32 dev near && "
	    "ip addr add 10.1.1.1 peer 10.1.1.3/32 dev near && ip addr add 2001:db8::1/64 dev "
	    "near");
	assert_mirror_equals_kernel(world);
	run("ip addr del 10.1.1.1 peer 10.1.1.2/32 dev near && ip addr flush dev near");
	assert_mirror_equals_kernel(world);
}

static void test_rules_and_neighbours(void **state)
{
	struct world *world = *state;

	observe(world, 0);
	run("ip rule add from 192.0.2.0/24 lookup 100 && ip -6 rule add fwmark 1 lookup 100 && "
	    "ip rule add ipproto tcp dport 80 lookup 100 prio 50 && "
	    "ip rule add ipproto tcp dport 443 lookup 100 prio 50 && "
	    "ip neigh add 192.0.2.9 lladdr 02:00:00:00:00:01 dev near");
	assert_mirror_equals_kernel(world);
	run("ip rule del ipproto tcp dport 443 lookup 100 prio 50 && "
	    "ip neigh replace 192.0.2.9 lladdr 02:00:00:00:00:02 dev near");
	assert_mirror_equals_kernel(world);
	run("ip rule del ipproto tcp dport 80 lookup 100 prio 50 && ip neigh del 192.0.2.9 dev "
	    "near");
	assert_mirror_equals_kernel(world);
}

/* ---- routes ---- */

static void test_routes(void **state)
{
	struct world *world = *state;
	struct route route, other;
	const struct route *found;

	observe(world, 0);
	route = route_to(world, "0.0.0.0/0", "192.0.2.254");
	route.source = address("192.0.2.1");
	assert_int_equal(change_route(world->socket, true, &route), 0);
	assert_int_equal(observed_drain(world->observed), 0);
	found = observed_route(world->observed, &route);
	assert_non_null(found);
	assert_true(ip_address_equal(&found->gateway, &route.gateway));
	assert_int_equal(last(world, OBJECT_ROUTE)->change, OBSERVED_ADDED);

	/* another gateway takes the place */
	other = route;
	other.gateway = address("192.0.2.253");
	assert_int_equal(change_route(world->socket, true, &other), 0);
	assert_int_equal(observed_drain(world->observed), 0);
	assert_int_equal(last(world, OBJECT_ROUTE)->change, OBSERVED_CHANGED);
	assert_true(
		ip_address_equal(&last(world, OBJECT_ROUTE)->before.route.gateway, &route.gateway));
	found = observed_route(world->observed, &route);
	assert_true(ip_address_equal(&found->gateway, &other.gateway));
	assert_mirror_equals_kernel(world);

	/* another metric is another place */
	route.metric = 200;
	assert_null(observed_route(world->observed, &route));
	assert_int_equal(change_route(world->socket, true, &route), 0);
	assert_int_equal(observed_drain(world->observed), 0);
	assert_non_null(observed_route(world->observed, &route));
	route.link = 0;
	assert_non_null(observed_route(world->observed, &route));
	assert_int_equal(change_route(world->socket, false, &other), 0);
	assert_int_equal(observed_drain(world->observed), 0);
	assert_null(observed_route(world->observed, &other));
	assert_int_equal(observed_statistics(world->observed)->doubts, 0);
	assert_mirror_equals_kernel(world);
}

static void test_routes_that_share_a_place(void **state)
{
	struct world *world = *state;

	observe(world, 0);
	run("ip route add 198.51.100.0/24 via 192.0.2.10 && "
	    "ip route append 198.51.100.0/24 via 192.0.2.11 && "
	    "ip route prepend 198.51.100.0/24 via 192.0.2.12");
	assert_mirror_equals_kernel(world);
	run("ip route replace 198.51.100.0/24 via 192.0.2.13");
	assert_mirror_equals_kernel(world);
	run("ip route del 198.51.100.0/24 via 192.0.2.11");
	assert_mirror_equals_kernel(world);
	run("ip route add 203.0.113.0/24 nexthop via 192.0.2.10 nexthop via 192.0.2.11 && "
	    "ip route replace 203.0.113.0/24 nexthop via 192.0.2.12 nexthop via 192.0.2.11 && "
	    "ip route add blackhole 203.0.114.0/24 && ip route add 203.0.115.0/24 dev near tos 8");
	assert_mirror_equals_kernel(world);
}

static void test_ipv6_multipath(void **state)
{
	struct world *world = *state;

	run("ip addr add 2001:db8::1/64 dev near nodad");
	observe(world, 0);
	run("ip -6 route add 2001:db8:1::/48 via 2001:db8::10");
	assert_mirror_equals_kernel(world);
	run("ip -6 route append 2001:db8:1::/48 via 2001:db8::11");
	assert_mirror_equals_kernel(world);
	run("ip -6 route append 2001:db8:1::/48 via 2001:db8::12");
	assert_mirror_equals_kernel(world);
	run("ip -6 route del 2001:db8:1::/48 via 2001:db8::10");
	assert_mirror_equals_kernel(world);
	run("ip -6 route replace 2001:db8:1::/48 via 2001:db8::13");
	assert_mirror_equals_kernel(world);
	run("ip -6 route add 2001:db8:2::/48 nexthop via 2001:db8::10 nexthop via 2001:db8::11");
	assert_mirror_equals_kernel(world);
	run("ip -6 route del 2001:db8:2::/48");
	assert_mirror_equals_kernel(world);
}

/* The kernel flushes without a word; the mirror must know, and say so. */
static void test_link_down_takes_routes(void **state)
{
	struct world *world = *state;
	struct route route;

	observe(world, 0);
	route = route_to(world, "0.0.0.0/0", "192.0.2.254");
	assert_int_equal(change_route(world->socket, true, &route), 0);
	assert_int_equal(observed_drain(world->observed), 0);
	world->change_count = 0;
	run("ip link set near down");
	assert_int_equal(observed_drain(world->observed), 0);
	assert_null(observed_route(world->observed, &route));
	assert_int_equal(last(world, OBJECT_ROUTE)->change, OBSERVED_REMOVED);
	assert_mirror_equals_kernel(world);

	run("ip link set near up && ip route add 198.51.100.0/24 via 192.0.2.254 && "
	    "ip link add two type veth peer name twofar && "
	    "ip link set two addrgenmode none && ip link set twofar addrgenmode none && ip link "
	    "set two up && "
	    "ip link set twofar up && ip addr add 192.0.3.1/24 dev two && "
	    "ip route add 203.0.113.0/24 nexthop via 192.0.2.254 nexthop via 192.0.3.254");
	assert_mirror_equals_kernel(world);
	run("ip link set two down");
	assert_mirror_equals_kernel(world);
	run("ip link del near");
	assert_mirror_equals_kernel(world);
}

static void test_address_takes_routes(void **state)
{
	struct world *world = *state;

	observe(world, 0);
	run("ip addr add 198.51.100.1/32 dev near && "
	    "ip route add 203.0.113.0/24 dev near src 198.51.100.1 && "
	    "ip route add 203.0.114.0/24 dev near src 198.51.100.1 table 100");
	assert_mirror_equals_kernel(world);
	run("ip addr del 198.51.100.1/32 dev near");
	assert_mirror_equals_kernel(world);
}

static void test_nexthop_object_takes_routes(void **state)
{
	struct world *world = *state;

	observe(world, 0);
	run("ip nexthop add id 7 via 192.0.2.254 dev near && ip route add 203.0.113.0/24 nhid 7");
	assert_mirror_equals_kernel(world);
	run("ip nexthop del id 7");
	assert_mirror_equals_kernel(world);
}

/* ---- losses ---- */

static size_t heap_bytes(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

static void test_many_routes_small_buffer(void **state)
{
	struct world *world = *state;
	const struct netlink_monitor_statistics *statistics;
	size_t before, after;
	usec_t began;
	int link;

	observe(world, SMALL_BUFFER);
	link = link_index(world, "near");
	before = heap_bytes();
	change_many(world->socket, link, true, 0, ROUTES);
	began = clock_boottime_usec();
	assert_int_equal(observed_wait_synchronised(world->observed, PATIENCE), 0);
	print_message("# %u routes mirrored in %llu us after the last was made", ROUTES,
		      (unsigned long long)(clock_boottime_usec() - began));
	after = heap_bytes();
	statistics = observed_statistics(world->observed);
	assert_true(statistics->overruns > 0);
	assert_true(observed_count(world->observed, OBJECT_ROUTE) >= ROUTES);
	print_message(", %zu bytes each; %llu overruns\n", (after - before) / ROUTES,
		      (unsigned long long)statistics->overruns);
	assert_mirror_equals_kernel(world);

	change_many(world->socket, link, false, 0, ROUTES);
	assert_mirror_equals_kernel(world);
}

static void test_dump_is_bounded(void **state)
{
	struct world *world = *state;
	usec_t longest = 0;

	observe(world, 0);
	change_many(world->socket, link_index(world, "near"), true, 0, ROUTES);
	observed_free(world->observed);
	assert_int_equal(observed_new(&world->observed, world->event, 0), 0);
	while (!observed_is_synchronised(world->observed)) {
		usec_t began = clock_boottime_usec();

		assert_true(sd_event_run(world->event, PATIENCE) > 0);
		longest = MAX(longest, clock_boottime_usec() - began);
	}
	print_message("# the longest turn of the loop in a dump of %u routes: %llu us\n", ROUTES,
		      (unsigned long long)longest);
	assert_mirror_equals_kernel(world);
}

static void test_hundred_overruns(void **state)
{
	struct world *world = *state;
	const struct netlink_monitor_statistics *statistics;
	int link;

	observe(world, SMALL_BUFFER);
	link = link_index(world, "near");
	statistics = observed_statistics(world->observed);
	for (unsigned i = 0; i < 100; i++) {
		uint64_t overruns = statistics->overruns;

		change_many(world->socket, link, i % 2 == 0, 0, 100);
		assert_int_equal(observed_wait_synchronised(world->observed, PATIENCE), 0);
		assert_true(statistics->overruns > overruns);
		assert_kind_equals_kernel(world, OBJECT_ROUTE);
	}
	assert_mirror_equals_kernel(world);
	assert_int_equal(statistics->malformed, 0);
	assert_int_equal(statistics->stalled, 0);
}

/* Alternative names are announced with their link, and may be many. */
static void add_names(struct world *world, int index, unsigned count)
{
	static uint8_t buffer[65536];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
	struct nlattr *list = mnl_attr_nest_start(message, IFLA_PROP_LIST);

	message->nlmsg_type = RTM_NEWLINKPROP;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | NLM_F_APPEND;
	header->ifi_index = index;
	for (unsigned i = 0; i < count; i++) {
		char name[128];

		snprintf(name, sizeof(name), "%0127u", i);
		mnl_attr_put_strz(message, IFLA_ALT_IFNAME, name);
	}
	mnl_attr_nest_end(message, list);
	assert_int_equal(netlink_request(world->socket, message), 0);
}

static void test_datagram_larger_than_the_buffer(void **state)
{
	struct world *world = *state;
	const struct netlink_monitor_statistics *statistics;
	int index;

	observe(world, 0);
	index = link_index(world, "near");
	statistics = observed_statistics(world->observed);
	add_names(world, index, 300);
	run("ip link set near mtu 1400");
	assert_int_equal(observed_wait_synchronised(world->observed, PATIENCE), 0);
	assert_in_range(statistics->truncated, 1, 10);
	assert_int_equal(observed_link(world->observed, index)->mtu, 1400);
	assert_mirror_equals_kernel(world);
	/* and from now on it fits */
	run("ip link set near mtu 1300");
	assert_int_equal(observed_drain(world->observed), 0);
	assert_int_equal(observed_link(world->observed, index)->mtu, 1300);
}

/* Someone else changes the namespace as fast as he can. */
struct churn {
	pthread_t thread;
	int link;
	atomic_bool stop;
	unsigned rounds;
};

static void churn_address(struct netlink_socket *socket, int link, bool add, uint32_t n)
{
	struct address churned = {
		.link = link,
		.prefix = {ip_address_v4(htobe32(0x0c000001u + (n << 8))), 24},
	};
	uint8_t buffer[NETLINK_MESSAGE_MAX];

	if (netlink_request(socket, netlink_build_address(buffer, add, &churned)) < 0)
		abort();
}

static void *churn_main(void *userdata)
{
	struct churn *churn = userdata;
	_cleanup_(netlink_socket_cleanup) struct netlink_socket *socket = NULL;

	if (netlink_socket_new(&socket, NETLINK_ROUTE, USEC_PER_SEC) < 0)
		abort();
	for (; !churn->stop; churn->rounds++) {
		bool add = churn->rounds % 2 == 0;

		for (uint32_t n = 0; n < 200 && !churn->stop; n++) {
			/* spread over the table, so that a dump meets it everywhere */
			struct route route = nth_route(churn->link, 100000 + n * 7);

			route.metric = 1;
			(void)change_route(socket, add, &route);
			if (n % 8 == 0)
				churn_address(socket, churn->link, add, n);
		}
	}
	return NULL;
}

static void add_up(struct netlink_monitor_statistics *sum,
		   const struct netlink_monitor_statistics *one)
{
	sum->overruns += one->overruns;
	sum->interrupted += one->interrupted;
	sum->doubts += one->doubts;
	sum->resynchronisations += one->resynchronisations;
	sum->malformed += one->malformed;
	sum->stalled += one->stalled;
}

static void churn_run(struct world *world, int receive_buffer)
{
	struct churn churn = {};
	struct netlink_monitor_statistics sum = {};
	usec_t end;

	observe(world, receive_buffer);
	churn.link = link_index(world, "near");
	change_many(world->socket, churn.link, true, 0, 2000);
	assert_int_equal(pthread_create(&churn.thread, NULL, churn_main, &churn), 0);
	end = clock_boottime_usec() + USEC_PER_SEC;
	/* A fresh mirror each time begins in the middle of it. */
	for (unsigned i = 0; clock_boottime_usec() < end; i++) {
		if (i % 50 == 49) {
			add_up(&sum, observed_statistics(world->observed));
			observed_free(world->observed);
			assert_int_equal(observed_new(&world->observed, world->event,
						      receive_buffer),
					 0);
		}
		assert_true(sd_event_run(world->event, USEC_PER_MSEC) >= 0);
	}
	churn.stop = true;
	assert_int_equal(pthread_join(churn.thread, NULL), 0);
	assert_mirror_equals_kernel(world);
	add_up(&sum, observed_statistics(world->observed));
	print_message("# %u rounds of churn; %llu overruns, %llu interrupted, %llu doubts, "
		      "%llu synchronisations\n",
		      churn.rounds, (unsigned long long)sum.overruns,
		      (unsigned long long)sum.interrupted, (unsigned long long)sum.doubts,
		      (unsigned long long)sum.resynchronisations);
	assert_int_equal(sum.malformed, 0);
	assert_int_equal(sum.stalled, 0);
}

static void test_churn(void **state)
{
	churn_run(*state, 0);
}

static void test_churn_small_buffer(void **state)
{
	churn_run(*state, SMALL_BUFFER);
}

/* ---- the rest ---- */

static void test_statistics(void **state)
{
	struct world *world = *state;
	uint64_t before;

	observe(world, 0);
	before = observed_link_by_name(world->observed, "lo")->statistics.receive_packets;
	run("ping -c 3 -i 0.01 127.0.0.1 >/dev/null");
	world->change_count = 0;
	assert_int_equal(observed_refresh_statistics(world->observed, world->socket), 0);
	assert_true(observed_link_by_name(world->observed, "lo")->statistics.receive_packets >=
		    before + 6);
	assert_int_equal(world->change_count, 0);
}

static void test_details(void **state)
{
	struct world *world = *state;
	struct link_details details;

	observe(world, 0);
	assert_int_equal(observed_link_details(world->observed,
					       observed_link_by_name(world->observed, "near"),
					       &details),
			 0);
	assert_string_equal(details.driver, "veth");
	assert_int_equal(details.speed, 10000);
	assert_true(details.full_duplex);
	assert_int_equal(observed_link_details(world->observed,
					       observed_link_by_name(world->observed, "lo"),
					       &details),
			 0);
	assert_int_equal(details.speed, 0);
	assert_false(netlink_link_is_wireless(link_index(world, "near")));
}

/* A resynchronisation that finds nothing new tells nothing. */
static void test_resynchronisation_is_silent(void **state)
{
	struct world *world = *state;

	run("ip addr add 198.51.100.1/24 dev near valid_lft 100 preferred_lft 100");
	observe(world, SMALL_BUFFER);
	change_many(world->socket, link_index(world, "near"), true, 0, 100);
	assert_int_equal(observed_wait_synchronised(world->observed, PATIENCE), 0);
	assert_true(world->synchronised > 1);
	assert_int_equal(world->synchronised_first, 1);
	assert_int_equal(count_changes(world, OBJECT_ROUTE, OBSERVED_ADDED), 100);
	assert_int_equal(world->change_count, 100);
}

#define MIRROR_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MIRROR_TEST(test_first_synchronisation),
		MIRROR_TEST(test_event_loop),
		MIRROR_TEST(test_links),
		MIRROR_TEST(test_link_moves_away),
		MIRROR_TEST(test_link_settings),
		MIRROR_TEST(test_kernel_words),
		MIRROR_TEST(test_addresses),
		MIRROR_TEST(test_rules_and_neighbours),
		MIRROR_TEST(test_routes),
		MIRROR_TEST(test_routes_that_share_a_place),
		MIRROR_TEST(test_ipv6_multipath),
		MIRROR_TEST(test_link_down_takes_routes),
		MIRROR_TEST(test_address_takes_routes),
		MIRROR_TEST(test_nexthop_object_takes_routes),
		MIRROR_TEST(test_many_routes_small_buffer),
		MIRROR_TEST(test_dump_is_bounded),
		MIRROR_TEST(test_hundred_overruns),
		MIRROR_TEST(test_datagram_larger_than_the_buffer),
		MIRROR_TEST(test_churn),
		MIRROR_TEST(test_churn_small_buffer),
		MIRROR_TEST(test_statistics),
		MIRROR_TEST(test_details),
		MIRROR_TEST(test_resynchronisation_is_silent),
	};

	log_setup(LOG_LEVEL_ERROR, false);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
