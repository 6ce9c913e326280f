/*
 * The mirror against the kernel, in network namespaces that die with the test: what its tests
 * share. After whatever was done the mirror must equal what a dump, asked over another socket,
 * says.
 */
#pragma once

#include <endian.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdarg.h>
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
#define FOLLOWED      "192.0.2.9" /* the neighbour that the mirror has, beside others */
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

static inline void run(const char *format, ...) _printf_(1, 2);

static inline void run(const char *format, ...)
{
	char command[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

static inline void on_change(enum object_kind kind, enum observed_change change,
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

static inline void on_synchronised(bool first, void *userdata)
{
	struct world *world = userdata;

	world->synchronised++;
	world->synchronised_first += first;
}

static inline void observe(struct world *world, int receive_buffer)
{
	struct ip_address followed;

	assert_int_equal(ip_address_parse(FOLLOWED, &followed, NULL, NULL), 0);
	assert_int_equal(observed_new(&world->observed, world->event, receive_buffer), 0);
	assert_int_equal(observed_add_handler(world->observed, on_change, on_synchronised, world),
			 0);
	assert_int_equal(observed_follow_neighbour(world->observed, world->socket, 1, &followed),
			 0);
	assert_int_equal(observed_wait_synchronised(world->observed, PATIENCE), 0);
	assert_true(observed_is_synchronised(world->observed));
	world->change_count = 0;
}

/* A namespace of its own with two connected links, near and far, both up. */
static inline int setup(void **state)
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

static inline int teardown(void **state)
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
static inline bool mirror_equal(enum object_kind kind, const void *mirrored, const void *there)
{
	union object object;

	if (kind == OBJECT_ROUTE)
		return object_same(kind, mirrored, there);
	memcpy(&object, mirrored, object_size(kind));
	if (kind == OBJECT_LINK)
		object.link.carrier_changes = ((const struct link *)there)->carrier_changes;
	return object_equal(kind, &object, there);
}

/* The mirror leaves out the rest. */
static inline bool is_kept(const struct observed *observed, enum object_kind kind,
			   const union object *object)
{
	struct ip_address followed;

	assert_int_equal(ip_address_parse(FOLLOWED, &followed, NULL, NULL), 0);
	return kind == OBJECT_ROUTE	  ? observed_keeps_route(observed, &object->route)
	       : kind == OBJECT_NEIGHBOUR ? ip_address_equal(&object->neighbour.address, &followed)
					  : true;
}

struct collection {
	const struct observed *observed;
	struct table *table;
};

static inline int collect(const struct nlmsghdr *message, void *userdata)
{
	const struct collection *collection = userdata;
	union object object;
	enum object_kind kind;
	int r = netlink_parse(message, &kind, &object);

	if (r == 0 && is_kept(collection->observed, kind, &object))
		assert_non_null(table_add(collection->table, &object));
	return r < 0 ? r : 0;
}

static inline const void *mirror_next(const struct observed *observed, enum object_kind kind,
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

static inline void dump(struct world *world, enum object_kind kind, struct table *kernel)
{
	struct collection collection = {world->observed, kernel};
	uint8_t buffer[NETLINK_MESSAGE_MAX];
	int r;

	table_init(kernel, kind);
	do {
		/* again where an object was larger than the buffer */
		table_clear(kernel);
		r = netlink_query(world->socket, netlink_build_dump(buffer, kind, 0), collect,
				  &collection);
	} while (r == -EAGAIN);
	assert_int_equal(r, 0);
}

/* Returns what is wrong with the mirror, or NULL. */
static inline const char *difference(struct world *world, enum object_kind kind)
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

static inline void assert_kind_equals_kernel(struct world *world, enum object_kind kind)
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

static inline void assert_mirror_equals_kernel(struct world *world)
{
	assert_int_equal(observed_wait_synchronised(world->observed, PATIENCE), 0);
	for (int kind = 0; kind < _OBJECT_KIND_MAX; kind++)
		assert_kind_equals_kernel(world, (enum object_kind)kind);
}

/* The last change of a kind, or NULL. */
static inline const struct change *last(const struct world *world, enum object_kind kind)
{
	for (size_t i = world->change_count; i-- > 0;)
		if (world->changes[i % CHANGES_MAX].kind == kind)
			return &world->changes[i % CHANGES_MAX];
	return NULL;
}

static inline size_t count_changes(const struct world *world, enum object_kind kind,
				   enum observed_change change)
{
	size_t count = 0;

	for (size_t i = 0; i < world->change_count; i++)
		count += world->changes[i].kind == kind && world->changes[i].change == change;
	return count;
}

/* ---- what we build ---- */

static inline int link_index(const struct world *world, const char *name)
{
	const struct link *link = observed_link_by_name(world->observed, name);

	assert_non_null(link);
	return link->index;
}

static inline struct ip_prefix prefix(const char *text)
{
	struct ip_prefix parsed;

	assert_int_equal(ip_prefix_parse(text, &parsed, NULL, NULL), 0);
	return parsed;
}

static inline struct ip_address address(const char *text)
{
	struct ip_address parsed;

	assert_int_equal(ip_address_parse(text, &parsed, NULL, NULL), 0);
	return parsed;
}

static inline struct route route_to(const struct world *world, const char *destination,
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

static inline int change_route(struct netlink_socket *socket, bool add, const struct route *route)
{
	uint8_t buffer[NETLINK_MESSAGE_MAX];

	return netlink_request(socket, netlink_build_route(buffer, add, route));
}

/* The n-th of many host routes. */
static inline struct route nth_route(int link, uint32_t n)
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

static inline void change_many(struct netlink_socket *socket, int link, bool add, uint32_t from,
			       uint32_t count)
{
	for (uint32_t n = from; n < from + count; n++) {
		struct route route = nth_route(link, n);

		assert_int_equal(change_route(socket, add, &route), 0);
	}
}

#define MIRROR_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
