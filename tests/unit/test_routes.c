/* Resource type `route` on a real kernel: several nexthops, and the routes that drop packets. */
#include "kinds_world.h"

#define VETH	      "[\"device\",{\"name\":\"v0\",\"kind\":\"veth\",\"veth\":{\"peer\":\"v1\"}}]"
#define UP(v)	      "[\"link\",{\"name\":\"" v "\",\"up\":true}]"
#define ADDRESS(v, a) "[\"address\",{\"link\":\"" v "\",\"address\":\"" a "\"}]"
#define NET                                                                                        \
	VETH "," UP("v0") "," UP("v1") "," ADDRESS("v0", "192.0.2.1/25") "," ADDRESS(              \
		"v1",                                                                              \
		"192.0.2.129/25") "," ADDRESS("v0",                                                \
					      "2001:db8:1::1/64") "," ADDRESS("v1",                \
									      "2001:db8:2::1/64")
#define MULTIPATH(weight)                                                                          \
	"[\"route\",{\"destination\":\"198.51.100.0/24\",\"nexthops\":[{\"link\":\"v0\","          \
	"\"gateway\":\"192.0.2.2\"},{\"link\":\"v1\",\"gateway\":\"192.0.2.130\","                 \
	"\"weight\":" weight "}]}]"
#define MULTIPATH_IPV6                                                                             \
	"[\"route\",{\"destination\":\"2001:db8:9::/48\",\"nexthops\":[{\"link\":\"v0\","          \
	"\"gateway\":\"2001:db8:1::2\"},{\"link\":\"v1\",\"gateway\":\"2001:db8:2::2\"}]}]"

static void test_bad_values_name_the_member(void **state)
{
	static const struct {
		const char *members, *code, *parameter;
	} rows[] = {
		{"\"nexthops\":5", "parameter.type", "nexthops"},
		{"\"nexthops\":[{\"link\":\"v0\"}]", "parameter.range", "nexthops"},
		{"\"nexthops\":[1,2]", "parameter.type", "nexthops"},
		{"\"nexthops\":[{\"link\":\"v0\"},{}]", "parameter.missing", "nexthops.link"},
		{"\"nexthops\":[{\"link\":\"v0\"},{\"link\":\"v1\",\"weight\":257}]",
		 "parameter.range", "nexthops.weight"},
		{"\"nexthops\":[{\"link\":\"v0\"},{\"link\":\"v1\",\"gateway\":\"x\"}]",
		 "address.invalid", "nexthops.gateway"},
		{"\"nexthops\":[{\"link\":\"v0\"},{\"link\":\"v1\",\"gateway\":\"2001:db8::1\"}]",
		 "parameter.conflict", "nexthops.gateway"},
		{"\"link\":\"v0\",\"nexthops\":[{\"link\":\"v0\"},{\"link\":\"v1\"}]",
		 "parameter.conflict", "nexthops"},
		{"\"type\":\"blackhole\",\"nexthops\":[{\"link\":\"v0\"},{\"link\":\"v1\"}]",
		 "parameter.conflict", "nexthops"},
		{"\"type\":\"hole\"", "parameter.range", "type"},
		{"\"type\":\"blackhole\",\"table\":-1", "parameter.range", "table"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[512];

		snprintf(text, sizeof(text),
			 "[[\"route\",{\"destination\":\"198.51.100.0/24\",%s}]]", rows[i].members);
		assert_refused(*state, text, rows[i].code, rows[i].parameter);
	}
}

static void test_multipath(void **state)
{
	struct world *world = *state;
	uint64_t changed;

	world_put(world, "[" NET "," MULTIPATH("3") "]");
	assert_true(world_shows("ip route show 198.51.100.0/24",
				"nexthop via 192.0.2.130 dev v1 weight 3"));
	assert_int_equal(world_put(world, "[" MULTIPATH("3") "]"), 0);
	changed = world_put(world, "[" MULTIPATH("7") "]");
	assert_true(world_shows("ip route show 198.51.100.0/24", "dev v1 weight 7"));
	world_undo(world, changed);
	assert_true(world_shows("ip route show 198.51.100.0/24", "dev v1 weight 3"));
	world_put(world, "[[\"route/254/198.51.100.0/24/0\"]]");
	assert_false(world_shows("ip route", "198.51.100.0/24"));
}

static void test_a_nexthop_that_somebody_changed_comes_back(void **state)
{
	struct world *world = *state;

	world_put(world, "[" NET "," MULTIPATH("3") "]");
	world_settle(world);
	world_shell(world,
		    "ip route replace 198.51.100.0/24 proto 161 nexthop via 192.0.2.2 dev v0 "
		    "nexthop via 192.0.2.131 dev v1 weight 3");
	for (int i = 0; i < 20 && world_shows("ip route", "192.0.2.131"); i++)
		world_settle(world);
	assert_true(
		world_shows("ip route show 198.51.100.0/24", "via 192.0.2.130 dev v1 weight 3"));
}

#define MANY 300 /* more than go to the kernel at once */

/* One transaction of so many routes, of which that of number `wrong` has a gateway that is nowhere
 * (-1: none); or one that removes them. */
static int run_many(struct world *world, int wrong, bool remove)
{
	_cleanup_text_buffer_ struct text_buffer text = {0};

	for (int i = 0; i < MANY; i++)
		text_buffer_format(&text,
				   remove ? "%s[\"route/254/198.18.%d.%d/32/0\"]"
					  : "%s[\"route\",{\"link\":\"v0\",\"destination\":"
					    "\"198.18.%d.%d/32\",\"gateway\":\"192.0.2.%d\"}]",
				   i ? "," : "[", i / 256, i % 256, i == wrong ? 200 : 2);
	text_buffer_append(&text, "]", 2);
	return world_run(world, text.data, NULL);
}

static unsigned routes_shown(void)
{
	FILE *pipe = popen("ip route show root 198.18.0.0/15 | wc -l", "r");
	unsigned count = 0;

	assert_non_null(pipe);
	assert_int_equal(fscanf(pipe, "%u", &count), 1);
	assert_int_equal(pclose(pipe), 0);
	return count;
}

static void test_many_at_once(void **state)
{
	struct world *world = *state;

	world_put(world, "[" VETH "," UP("v0") "," ADDRESS("v0", "192.0.2.1/25") "]");
	assert_true(run_many(world, 170, false) < 0);
	assert_non_null(strstr(world->error.message, "the route to 198.18.0.170/32"));
	assert_int_equal(routes_shown(), 0);
	assert_int_equal(run_many(world, -1, false), 0);
	assert_int_equal(routes_shown(), MANY);

	/* One of them is looked after as if it were alone. */
	world_settle(world);
	world_shell(world, "ip route del 198.18.1.7");
	world_settle(world);
	assert_int_equal(routes_shown(), MANY);

	/* What is gone already is no failure. */
	world_shell(world, "ip route del 198.18.0.9");
	assert_int_equal(run_many(world, -1, true), 0);
	assert_int_equal(routes_shown(), 0);
}

static void test_multipath_ipv6(void **state)
{
	struct world *world = *state;

	world_put(world, "[" NET "," MULTIPATH_IPV6 "]");
	assert_true(world_shows("ip -6 route show 2001:db8:9::/48",
				"nexthop via 2001:db8:1::2 dev v0"));
	assert_true(world_shows("ip -6 route show 2001:db8:9::/48",
				"nexthop via 2001:db8:2::2 dev v1"));
	assert_int_equal(world_put(world, "[" MULTIPATH_IPV6 "]"), 0);
	world_put(world, "[[\"route/254/2001:db8:9::/48/1024\"]]");
	assert_false(world_shows("ip -6 route", "2001:db8:9::/48"));
}

static void test_multipath_rolls_back_whole(void **state)
{
	struct world *world = *state;

	world_put(world, "[" NET "," MULTIPATH("3") "]");
	assert_true(world_run(world,
			      "[" MULTIPATH("9") ",[\"route\",{\"destination\":\"203.0.113.0/24\","
						 "\"link\":\"v0\",\"gateway\":\"192.0.2.200\"}]]",
			      NULL) < 0);
	assert_true(world_shows("ip route show 198.51.100.0/24", "dev v1 weight 3"));
	assert_true(world_shows("ip route show 198.51.100.0/24", "via 192.0.2.2 dev v0 weight 1"));
}

static void test_all_of_it_in_one_and_undone(void **state)
{
	struct world *world = *state;
	uint64_t number = world_put(
		world,
		"[" NET
		"," MULTIPATH("2") ",[\"route\",{\"destination\":\"203.0.113.0/25\",\"type\":"
				   "\"blackhole\"}],[\"route\",{\"destination\":\"203.0.113.128/"
				   "25\",\"type\":"
				   "\"unreachable\",\"table\":1000}],[\"route\",{\"destination\":"
				   "\"2001:db8:8::/48\","
				   "\"type\":\"prohibit\",\"metric\":7}],[\"route\",{"
				   "\"destination\":\"default\","
				   "\"link\":\"v0\",\"gateway\":\"198.18.0.1\",\"onlink\":true,"
				   "\"metric\":50,"
				   "\"source\":\"192.0.2.1\",\"table\":70000}],[\"rule\",{"
				   "\"family\":\"ipv4\","
				   "\"priority\":1000,\"from\":\"192.0.2.1\",\"table\":70000}]]");

	assert_true(world_shows("ip route", "blackhole 203.0.113.0/25"));
	assert_true(world_shows("ip route show table 1000", "unreachable 203.0.113.128/25"));
	assert_true(world_shows("ip -6 route", "prohibit 2001:db8:8::/48 dev lo"));
	assert_true(world_shows("ip route show table 70000",
				"default via 198.18.0.1 dev v0 proto 161 src 192.0.2.1 metric 50 "
				"onlink"));
	world_undo(world, number);
	assert_null(world_link(world, "v0"));
	assert_false(world_shows("ip route show table all", "proto 161"));
	assert_false(world_shows("ip -6 route", "2001:db8:8::/48"));
	assert_false(world_shows("ip rule", "1000:"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_bad_values_name_the_member),
		TEST(test_multipath),
		TEST(test_many_at_once),
		TEST(test_multipath_ipv6),
		TEST(test_a_nexthop_that_somebody_changed_comes_back),
		TEST(test_multipath_rolls_back_whole),
		TEST(test_all_of_it_in_one_and_undone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
