/* Resource types `setting` and `rule` on a real kernel. */
#include "kinds_world.h"

#define VETH "[\"device\",{\"name\":\"v0\",\"kind\":\"veth\",\"veth\":{\"peer\":\"v1\"}}]"
/* Fails when it is applied: no link has the gateway. */
#define IMPOSSIBLE                                                                                 \
	"[\"route\",{\"link\":\"v0\",\"destination\":\"198.51.100.0/24\",\"gateway\":\"192.0.2."   \
	"99\"}]"
#define SETTING(name, value)                                                                       \
	"[\"setting\",{\"link\":\"v0\",\"name\":\"" name "\",\"value\":" value "}]"
#define SYSCTL(family, name) "cat /proc/sys/net/" family "/conf/v0/" name

static void test_bad_values_name_the_member(void **state)
{
	static const struct {
		const char *type, *spec, *code, *parameter;
	} rows[] = {
		{"setting", "{\"name\":\"forwarding\",\"value\":1}", "parameter.missing", "link"},
		{"setting", "{\"link\":\"all\",\"name\":\"forwarding\",\"value\":1}",
		 "name.invalid", "link"},
		{"setting", "{\"link\":\"x\",\"value\":1}", "parameter.missing", "name"},
		{"setting", "{\"link\":\"x\",\"name\":\"../forwarding\",\"value\":1}",
		 "parameter.range", "name"},
		{"setting", "{\"link\":\"x\",\"name\":\"forwarding\"}", "parameter.missing",
		 "value"},
		{"setting", "{\"link\":\"x\",\"name\":\"forwarding\",\"value\":true}",
		 "parameter.type", "value"},
		{"setting", "{\"link\":\"x\",\"name\":\"rp_filter\",\"value\":3}",
		 "parameter.range", "value"},
		{"rule", "{\"priority\":1}", "parameter.missing", "family"},
		{"rule", "{\"family\":\"ipx\",\"priority\":1}", "parameter.range", "family"},
		{"rule", "{\"family\":\"ipv4\"}", "parameter.missing", "priority"},
		{"rule", "{\"family\":\"ipv4\",\"priority\":0}", "parameter.range", "priority"},
		{"rule", "{\"family\":\"ipv4\",\"priority\":-1}", "parameter.range", "priority"},
		{"rule", "{\"family\":\"ipv4\",\"priority\":1,\"action\":\"shout\"}",
		 "parameter.range", "action"},
		{"rule", "{\"family\":\"ipv4\",\"priority\":1,\"from\":\"2001:db8::/32\"}",
		 "parameter.conflict", "from"},
		{"rule", "{\"family\":\"ipv4\",\"priority\":1,\"to\":\"192.0.2.1/24\"}",
		 "prefix.host_bits", "to"},
		{"rule", "{\"family\":\"ipv4\",\"priority\":1,\"incoming\":\"a/b\"}",
		 "name.invalid", "incoming"},
		{"rule", "{\"family\":\"ipv4\",\"priority\":1,\"mark\":5,\"mask\":1}",
		 "parameter.conflict", "mark"},
		{"rule", "{\"family\":\"ipv4\",\"priority\":1,\"action\":\"prohibit\",\"table\":7}",
		 "parameter.conflict", "table"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[512];

		snprintf(text, sizeof(text), "[[\"%s\",%s]]", rows[i].type, rows[i].spec);
		assert_refused(*state, text, rows[i].code, rows[i].parameter);
	}
}

static void test_settings_are_set_and_come_back(void **state)
{
	struct world *world = *state;

	world_put(world, "[" VETH "]");
	world_shell(world, "echo 0 >/proc/sys/net/ipv4/conf/v0/rp_filter");
	world_put(world, "[" SETTING("rp_filter", "2") "," SETTING("forwarding", "1") "," SETTING(
				 "accept_ra", "0") "," SETTING("disable_ipv6", "1") "]");
	assert_true(world_shows(SYSCTL("ipv4", "rp_filter"), "2"));
	assert_true(world_shows(SYSCTL("ipv4", "forwarding"), "1"));
	assert_true(world_shows(SYSCTL("ipv6", "accept_ra"), "0"));
	assert_true(world_shows(SYSCTL("ipv6", "disable_ipv6"), "1"));
	world_put(world, "[" SETTING("rp_filter", "1") "]");
	assert_true(world_shows(SYSCTL("ipv4", "rp_filter"), "1"));
	world_put(world, "[[\"setting/v0/rp_filter\"],[\"setting/v0/forwarding\"],[\"setting/v0/"
			 "accept_ra\"],[\"setting/v0/disable_ipv6\"]]");
	assert_true(world_shows(SYSCTL("ipv4", "rp_filter"), "0"));
	assert_true(world_shows(SYSCTL("ipv4", "forwarding"), "0"));
	assert_true(world_shows(SYSCTL("ipv6", "accept_ra"), "1"));
	assert_true(world_shows(SYSCTL("ipv6", "disable_ipv6"), "0"));
}

static void test_settings_of_a_link_that_is_made_with_them(void **state)
{
	struct world *world = *state;
	uint64_t number = world_put(world, "[" VETH "," SETTING("forwarding", "1") "]");

	assert_true(world_shows(SYSCTL("ipv4", "forwarding"), "1"));
	world_undo(world, number);
	assert_null(world_link(world, "v0"));
}

static void test_settings_roll_back(void **state)
{
	struct world *world = *state;

	world_put(world, "[" VETH "]");
	assert_true(world_run(world, "[" SETTING("proxy_arp", "1") "," IMPOSSIBLE "]", NULL) < 0);
	assert_true(world_shows(SYSCTL("ipv4", "proxy_arp"), "0"));
}

static void test_settings_that_somebody_changed_come_back(void **state)
{
	struct world *world = *state;

	world_put(world, "[" VETH "," SETTING("forwarding", "1") "," SETTING("rp_filter", "1") "]");
	world_settle(world);
	world_shell(world, "echo 0 >/proc/sys/net/ipv4/conf/v0/forwarding;"
			   "echo 2 >/proc/sys/net/ipv4/conf/v0/rp_filter");
	world_settle(world);
	assert_true(world_shows(SYSCTL("ipv4", "forwarding"), "1"));
	assert_true(world_shows(SYSCTL("ipv4", "rp_filter"), "1"));
}

#define RULE(members) "[[\"rule\",{\"family\":\"ipv4\",\"priority\":1000," members "}]]"

static void test_rules(void **state)
{
	struct world *world = *state;
	uint64_t changed;

	world_put(world, RULE("\"from\":\"192.0.2.0/24\",\"table\":1000,\"mark\":16,\"incoming\":"
			      "\"v0\""));
	assert_true(
		world_shows("ip rule",
			    "1000:\tfrom 192.0.2.0/24 fwmark 0x10 iif v0 [detached] lookup 1000"));
	assert_int_equal(world_put(world, RULE("\"from\":\"192.0.2.0/24\",\"table\":1000,\"mark\":"
					       "16,\"incoming\":\"v0\"")),
			 0);
	changed = world_put(world, RULE("\"to\":\"198.51.100.0/24\",\"action\":\"prohibit\""));
	assert_true(world_shows("ip rule", "1000:\tfrom all to 198.51.100.0/24 prohibit"));
	assert_false(world_shows("ip rule", "192.0.2.0/24"));
	world_undo(world, changed);
	assert_true(world_shows("ip rule", "1000:\tfrom 192.0.2.0/24"));
	assert_false(world_shows("ip rule", "prohibit"));
	world_put(world, "[[\"rule/ipv4/1000\"]]");
	assert_false(world_shows("ip rule", "1000"));

	world_put(world, "[[\"rule\",{\"family\":\"ipv6\",\"priority\":1000,\"outgoing\":\"v0\","
			 "\"action\":\"unreachable\"}]]");
	assert_true(world_shows("ip -6 rule", "1000:\tfrom all oif v0 [detached] unreachable"));
}

static void test_rules_come_back_and_roll_back(void **state)
{
	struct world *world = *state;

	world_put(world, "[" VETH "]");
	assert_true(world_run(world,
			      "[[\"rule\",{\"family\":\"ipv4\",\"priority\":4321}],"
			      "[\"route\",{\"link\":\"v0\",\"destination\":\"198.51.100.0/"
			      "24\",\"gateway\":\"192.0.2.99\",\"metric\":9}]]",
			      NULL) < 0);
	assert_false(world_shows("ip rule", "4321:"));
	world_put(world, RULE("\"action\":\"blackhole\",\"mark\":0,\"mask\":1"));
	world_shell(world, "ip rule del priority 1000");
	world_settle(world);
	assert_true(world_shows("ip rule", "1000:\tfrom all fwmark 0/0x1 blackhole"));
}

static void test_a_rule_of_others_is_left(void **state)
{
	struct world *world = *state;

	world_shell(world, "ip rule add priority 1000 from 192.0.2.0/24 table 1000");
	assert_true(world_put(world, RULE("\"from\":\"192.0.2.0/24\",\"table\":1000")) > 0);
	assert_false(world_shows("ip rule | grep -c 1000:", "2"));
	world_put(world, "[[\"rule/ipv4/1000\"]]");
	assert_true(world_shows("ip rule", "1000:\tfrom 192.0.2.0/24 lookup 1000"));
	/* One that says something else in the same place stays beside ours. */
	world_put(world, RULE("\"from\":\"203.0.113.0/24\",\"table\":1000"));
	assert_true(world_shows("ip rule | grep -c 1000:", "2"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_bad_values_name_the_member),
		TEST(test_settings_are_set_and_come_back),
		TEST(test_settings_of_a_link_that_is_made_with_them),
		TEST(test_settings_roll_back),
		TEST(test_settings_that_somebody_changed_come_back),
		TEST(test_rules),
		TEST(test_rules_come_back_and_roll_back),
		TEST(test_a_rule_of_others_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
