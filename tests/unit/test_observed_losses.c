/* The mirror becomes true again after the kernel dropped announcements. */
#include <libmnl/libmnl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>

#include "observed_world.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		MIRROR_TEST(test_many_routes_small_buffer),
		MIRROR_TEST(test_dump_is_bounded),
		MIRROR_TEST(test_hundred_overruns),
		MIRROR_TEST(test_datagram_larger_than_the_buffer),
		MIRROR_TEST(test_churn),
		MIRROR_TEST(test_churn_small_buffer),
	};

	log_setup(LOG_LEVEL_ERROR, false);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
