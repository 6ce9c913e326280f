/* The mirror follows the routes, also where the kernel says nothing. */
#include "observed_world.h"

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

/* ---- routes of routing daemons, which are left out ---- */

static void count_route(const struct route *route, void *userdata)
{
	assert_in_range(route->protocol, RTPROT_ZEBRA, RTPROT_BIRD);
	++*(unsigned *)userdata;
}

static unsigned count_left_out(const struct world *world, int family, uint32_t table)
{
	unsigned count = 0;

	assert_int_equal(observed_each_left_out(world->observed, world->socket, family, table,
						count_route, &count),
			 0);
	return count;
}

static void test_routes_that_are_left_out(void **state)
{
	const struct ip_address there = address("198.51.100.7"), far = address("203.0.113.7");
	const struct ip_address ipv6 = address("2001:db8:9::7");
	struct world *world = *state;
	struct route route;

	run("ip addr add 2001:db8::1/64 dev near nodad");
	observe(world, 0);
	assert_false(observed_leaves_out_routes(world->observed));
	assert_int_equal(observed_ask_route(world->observed, world->socket, &there, &route), 0);
	run("ip route add 198.51.100.0/24 via 192.0.2.254 proto bird && "
	    "ip route add 198.51.0.0/16 via 192.0.2.254 proto bird table 100 && "
	    "ip -6 route add 2001:db8:9::/48 via 2001:db8::2 proto zebra && "
	    "ip route add default via 192.0.2.253 proto bird");
	assert_mirror_equals_kernel(world);
	assert_true(observed_leaves_out_routes(world->observed));
	assert_int_equal(count_left_out(world, AF_UNSPEC, 0), 3);
	assert_int_equal(count_left_out(world, AF_INET6, 0), 1);
	assert_int_equal(count_left_out(world, AF_INET, 100), 1);
	assert_int_equal(count_left_out(world, AF_INET, 101), 0);

	assert_int_equal(observed_ask_route(world->observed, world->socket, &there, &route), 1);
	assert_int_equal(route.protocol, RTPROT_BIRD);
	assert_int_equal(route.destination.length, 24);
	assert_int_equal(observed_ask_route(world->observed, world->socket, &far, &route), 1);
	assert_int_equal(route.destination.length, 0);
	assert_int_equal(observed_ask_route(world->observed, world->socket, &ipv6, &route), 1);
	assert_int_equal(route.destination.length, 48);
	run("ip route del default && ip route del 198.51.100.0/24");
	assert_mirror_equals_kernel(world);
	assert_int_equal(observed_ask_route(world->observed, world->socket, &there, &route), 0);
}

/* What a daemon puts in the place of a mirrored route takes it out of the mirror. */
static void test_left_out_in_the_place_of_a_mirrored_one(void **state)
{
	struct world *world = *state;
	struct route ours;

	observe(world, 0);
	ours = route_to(world, "203.0.113.0/24", "192.0.2.254");
	run("ip route add 198.51.100.0/24 via 192.0.2.254 proto bird");
	assert_mirror_equals_kernel(world);
	assert_int_equal(change_route(world->socket, true, &ours), 0);
	assert_mirror_equals_kernel(world);
	assert_non_null(observed_route(world->observed, &ours));
	run("ip route replace 203.0.113.0/24 via 192.0.2.253 metric 100 proto bird");
	assert_mirror_equals_kernel(world);
	assert_null(observed_route(world->observed, &ours));
	assert_int_equal(change_route(world->socket, true, &ours), 0);
	assert_mirror_equals_kernel(world);
	assert_non_null(observed_route(world->observed, &ours));
	run("ip addr add 2001:db8::1/64 dev near nodad && "
	    "ip -6 route add 2001:db8:9::/48 via 2001:db8::2 proto static && "
	    "ip -6 route append 2001:db8:9::/48 via 2001:db8::3 proto bird");
	assert_mirror_equals_kernel(world);
	run("ip -6 route replace 2001:db8:9::/48 via 2001:db8::3 proto bird");
	assert_mirror_equals_kernel(world);
}

/* Of anybody's routes too many are left out, but not of ours. */
static void test_a_crowd_is_left_out(void **state)
{
	struct world *world = *state;
	struct route route;
	int link;

	observe(world, 0);
	link = link_index(world, "near");
	run("ip route add default via 192.0.2.253 proto static && "
	    "ip route add 203.0.113.0/24 via 192.0.2.253 proto static");
	for (uint32_t n = 0; n < ROUTES_OF_ONE_MOST; n++) {
		route = nth_route(link, n);
		route.protocol = RTPROT_STATIC;
		assert_int_equal(change_route(world->socket, true, &route), 0);
	}
	assert_mirror_equals_kernel(world);
	assert_true(observed_leaves_out_routes(world->observed));
	assert_false(observed_keeps_route(world->observed, &route));
	assert_in_range(observed_count(world->observed, OBJECT_ROUTE), 2, 100);
	assert_int_equal(observed_ask_route(world->observed, world->socket,
					    &route.destination.address, &route),
			 1);
	assert_int_equal(route.protocol, RTPROT_STATIC);

	change_many(world->socket, link, true, ROUTES_OF_ONE_MOST, ROUTES);
	assert_mirror_equals_kernel(world);
	assert_true(observed_count(world->observed, OBJECT_ROUTE) > ROUTES);
	run("ip route flush proto static");
	assert_mirror_equals_kernel(world);
	assert_int_equal(observed_statistics(world->observed)->malformed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MIRROR_TEST(test_routes),
		MIRROR_TEST(test_routes_that_share_a_place),
		MIRROR_TEST(test_ipv6_multipath),
		MIRROR_TEST(test_link_down_takes_routes),
		MIRROR_TEST(test_address_takes_routes),
		MIRROR_TEST(test_nexthop_object_takes_routes),
		MIRROR_TEST(test_routes_that_are_left_out),
		MIRROR_TEST(test_left_out_in_the_place_of_a_mirrored_one),
		MIRROR_TEST(test_a_crowd_is_left_out),
	};

	log_setup(LOG_LEVEL_ERROR, false);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
