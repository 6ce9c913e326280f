/* The mirror follows the kernel: links, addresses, rules, neighbours, and what is asked for. */
#include <linux/if_link.h>

#include "observed_world.h"

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
	assert_int_equal(observed_link_by_name(world->observed, "vx")->kind, LINK_VXLAN);

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
	    "ip neigh add 192.0.2.9 lladdr 02:00:00:00:00:01 dev near && "
	    "ip neigh add 192.0.2.8 lladdr 02:00:00:00:00:08 dev near");
	assert_mirror_equals_kernel(world);
	assert_int_equal(observed_count(world->observed, OBJECT_NEIGHBOUR), 1);
	run("ip rule del ipproto tcp dport 443 lookup 100 prio 50 && "
	    "ip neigh replace 192.0.2.9 lladdr 02:00:00:00:00:02 dev near");
	assert_mirror_equals_kernel(world);
	run("ip rule del ipproto tcp dport 80 lookup 100 prio 50 && ip neigh del 192.0.2.9 dev "
	    "near");
	assert_mirror_equals_kernel(world);
}

/* What is there already is told when it is followed; what is no longer followed is forgotten. */
static void test_followed_neighbours(void **state)
{
	struct world *world = *state;
	const struct ip_address other = address("192.0.2.8"), ipv6 = address("2001:db8::9");
	const struct neighbour *neighbour;
	int link;

	run("ip addr add 2001:db8::1/64 dev near nodad && "
	    "ip neigh add 192.0.2.8 lladdr 02:00:00:00:00:08 dev near");
	observe(world, 0);
	link = link_index(world, "near");
	assert_int_equal(observed_count(world->observed, OBJECT_NEIGHBOUR), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(observed_follow_neighbour(world->observed, world->socket, link,
							   &other),
				 0);
	neighbour = observed_next_neighbour(world->observed, NULL);
	assert_non_null(neighbour);
	assert_int_equal(neighbour->mac.bytes[5], 8);
	assert_int_equal(count_changes(world, OBJECT_NEIGHBOUR, OBSERVED_ADDED), 1);

	assert_int_equal(observed_follow_neighbour(world->observed, world->socket, link, &ipv6), 0);
	run("ip neigh add 2001:db8::9 lladdr 02:00:00:00:00:09 dev near && "
	    "ip neigh add 2001:db8:0:0:1::9 lladdr 02:00:00:00:00:10 dev near");
	assert_int_equal(observed_drain(world->observed), 0);
	assert_int_equal(observed_count(world->observed, OBJECT_NEIGHBOUR), 2);

	observed_unfollow_neighbour(world->observed, &other);
	assert_int_equal(observed_count(world->observed, OBJECT_NEIGHBOUR), 2);
	observed_unfollow_neighbour(world->observed, &other);
	observed_unfollow_neighbour(world->observed, &ipv6);
	assert_int_equal(observed_count(world->observed, OBJECT_NEIGHBOUR), 0);
	run("ip neigh replace 192.0.2.8 lladdr 02:00:00:00:00:18 dev near");
	assert_mirror_equals_kernel(world);
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
		MIRROR_TEST(test_followed_neighbours),
		MIRROR_TEST(test_statistics),
		MIRROR_TEST(test_details),
		MIRROR_TEST(test_resynchronisation_is_silent),
	};

	log_setup(LOG_LEVEL_ERROR, false);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
