/* Resource type `device` on a real kernel: what is made, changed, refused, undone and left alone.
 */
#include "kinds_world.h"

#define BRIDGE "[\"device\",{\"name\":\"br0\",\"kind\":\"bridge\"}]"
#define VETH   "[\"device\",{\"name\":\"v0\",\"kind\":\"veth\",\"veth\":{\"peer\":\"v1\"}}]"
/* Fails when it is applied: no link has the gateway. */
#define IMPOSSIBLE                                                                                 \
	"[\"route\",{\"link\":\"lo\",\"destination\":\"198.51.100.0/24\",\"gateway\":\"192.0.2."   \
	"99\"}]"

static void test_bad_values_name_the_member(void **state)
{
	static const struct {
		const char *spec, *code, *parameter;
	} rows[] = {
		{"{\"kind\":\"bridge\"}", "parameter.missing", "name"},
		{"{\"name\":\"a/b\",\"kind\":\"bridge\"}", "name.invalid", "name"},
		{"{\"name\":\"x\"}", "parameter.missing", "kind"},
		{"{\"name\":\"x\",\"kind\":\"toaster\"}", "parameter.range", "kind"},
		{"{\"name\":\"x\",\"kind\":\"bridge\",\"bridge\":1}", "parameter.type", "bridge"},
		{"{\"name\":\"x\",\"kind\":\"bridge\",\"bridge\":{\"stp\":1}}", "parameter.type",
		 "bridge.stp"},
		{"{\"name\":\"x\",\"kind\":\"bridge\",\"bridge\":{\"speed\":1}}",
		 "parameter.unknown", "bridge.speed"},
		{"{\"name\":\"x\",\"kind\":\"bridge\",\"bridge\":{\"priority\":65536}}",
		 "parameter.range", "bridge.priority"},
		{"{\"name\":\"x\",\"kind\":\"bridge\",\"bridge\":{\"stp\":true,\"forward_delay\":1}"
		 "}",
		 "parameter.range", "bridge.forward_delay"},
		{"{\"name\":\"x\",\"kind\":\"vlan\"}", "parameter.missing", "vlan.id"},
		{"{\"name\":\"x\",\"kind\":\"vlan\",\"vlan\":{\"id\":4095,\"parent\":\"e\"}}",
		 "parameter.range", "vlan.id"},
		{"{\"name\":\"x\",\"kind\":\"vlan\",\"vlan\":{\"id\":5}}", "parameter.missing",
		 "vlan.parent"},
		{"{\"name\":\"x\",\"kind\":\"vlan\",\"vlan\":{\"id\":5,\"parent\":\"x\"}}",
		 "parameter.conflict", "vlan.parent"},
		{"{\"name\":\"x\",\"kind\":\"macvlan\",\"macvlan\":{\"parent\":\"e\",\"mode\":"
		 "\"fast\"}}",
		 "parameter.range", "macvlan.mode"},
		{"{\"name\":\"x\",\"kind\":\"veth\"}", "parameter.missing", "veth.peer"},
		{"{\"name\":\"x\",\"kind\":\"veth\",\"veth\":{\"peer\":\"a:b\"}}", "name.invalid",
		 "veth.peer"},
		{"{\"name\":\"x\",\"kind\":\"bond\",\"bond\":{\"mode\":3}}", "parameter.type",
		 "bond.mode"},
		{"{\"name\":\"x\",\"kind\":\"vxlan\",\"vxlan\":{\"id\":16777216}}",
		 "parameter.range", "vxlan.id"},
		{"{\"name\":\"x\",\"kind\":\"vxlan\",\"vxlan\":{\"id\":1,\"remote\":\"239.1.1.1\"}"
		 "}",
		 "parameter.range", "vxlan.remote"},
		{"{\"name\":\"x\",\"kind\":\"vxlan\",\"vxlan\":{\"id\":1,\"group\":\"239.1.1.1\"}}",
		 "parameter.missing", "vxlan.parent"},
		{"{\"name\":\"x\",\"kind\":\"vxlan\",\"vxlan\":{\"id\":1,\"remote\":\"192.0.2.1\","
		 "\"local\":\"2001:db8::1\"}}",
		 "parameter.conflict", "vxlan.local"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[512];

		snprintf(text, sizeof(text), "[[\"device\",%s]]", rows[i].spec);
		assert_refused(*state, text, rows[i].code, rows[i].parameter);
		assert_true(((struct world *)*state)->error.message[0]);
	}
}

static void test_bridge(void **state)
{
	struct world *world = *state;
	uint64_t changed;

	world_put(world, "[" BRIDGE "]");
	assert_int_equal(world_link(world, "br0")->kind, LINK_BRIDGE);
	assert_int_equal(world_put(world, "[" BRIDGE "]"), 0);
	changed = world_put(world, "[[\"device\",{\"name\":\"br0\",\"kind\":\"bridge\",\"bridge\":{"
				   "\"stp\":true,\"forward_delay\":4,\"ageing_time\":20,"
				   "\"priority\":4096}}]]");
	assert_true(world_shows("ip -d link show br0", "forward_delay 400"));
	assert_true(
		world_shows("ip -d link show br0", "ageing_time 2000 stp_state 1 priority 4096"));
	world_undo(world, changed);
	assert_true(world_shows("ip -d link show br0", "forward_delay 1500"));
	assert_true(world_shows("ip -d link show br0", "stp_state 0 priority 32768"));
	world_put(world, "[[\"device/br0\"]]");
	assert_null(world_link(world, "br0"));
	assert_false(world_shows("ip link", "br0"));
}

static void test_a_kernel_without_a_kind_says_what_it_lacks(void **state)
{
	static const struct {
		const char *spec, *kind, *feature;
	} rows[] = {
		{"\"bond\"", "bond", "module bonding"},
		{"\"dummy\"", "dummy", "module dummy"},
		{"\"vlan\",\"vlan\":{\"id\":7,\"parent\":\"v0\"}", "vlan", "module 8021q"},
	};
	struct world *world = *state;

	world_put(world, "[" VETH "]");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[256];

		snprintf(text, sizeof(text),
			 "[" BRIDGE ",[\"device\",{\"name\":\"x0\",\"kind\":%s}]]", rows[i].spec);
		if (world_run(world, text, NULL) < 0) {
			assert_int_equal(world->error.code, ERROR_LINK_KIND_UNSUPPORTED);
			assert_non_null(strstr(world->error.message, rows[i].feature));
			assert_null(world_link(world, "br0"));
		} else {
			assert_string_equal(world_link(world, "x0")->info_kind, rows[i].kind);
			world_put(world, "[[\"device/x0\"],[\"device/br0\"]]");
		}
		assert_null(world_link(world, "x0"));
	}
}

static void test_vlan_filtering_is_there_or_named(void **state)
{
	struct world *world = *state;

	if (world_run(world,
		      "[[\"device\",{\"name\":\"br0\",\"kind\":\"bridge\",\"bridge\":{"
		      "\"vlan_filtering\":true}}]]",
		      NULL) < 0) {
		assert_int_equal(world->error.code, ERROR_LINK_KIND_UNSUPPORTED);
		assert_non_null(strstr(world->error.message, "CONFIG_BRIDGE_VLAN_FILTERING"));
		assert_null(world_link(world, "br0"));
		return;
	}
	assert_true(world_shows("ip -d link show br0", "vlan_filtering 1"));
}

static void test_veth_and_what_lies_on_it(void **state)
{
	struct world *world = *state;
	uint64_t all;

	all = world_put(
		world, "[" VETH
		       ",[\"device\",{\"name\":\"m0\",\"kind\":\"macvlan\",\"macvlan\":{\"parent\":"
		       "\"v0\"}}],"
		       "[\"device\",{\"name\":\"x0\",\"kind\":\"vxlan\",\"vxlan\":{\"id\":42,"
		       "\"parent\":\"v0\",\"group\":\"239.1.1.1\",\"local\":\"192.0.2.1\"}}],"
		       "[\"link\",{\"name\":\"v0\",\"up\":true}],[\"link\",{\"name\":\"v1\",\"up\":"
		       "true}],"
		       "[\"address\",{\"link\":\"v0\",\"address\":\"192.0.2.1/24\"}],"
		       "[\"route\",{\"link\":\"v0\",\"destination\":\"198.51.100.0/24\","
		       "\"gateway\":\"192.0.2.2\"}]]");
	assert_true(world_shows("ip -d link show m0", "macvlan mode bridge"));
	assert_true(world_shows("ip -d link show x0",
				"vxlan id 42 group 239.1.1.1 local 192.0.2.1 dev v0"));
	assert_true(world_shows("ip -d link show x0", "dstport 4789"));
	assert_true(world_shows("ip route", "198.51.100.0/24 via 192.0.2.2 dev v0"));
	assert_int_equal(world_link(world, "v0")->lower, world_link(world, "v1")->index);
	assert_int_equal(world_link(world, "v1")->lower, world_link(world, "v0")->index);

	world_put(world,
		  "[[\"device\",{\"name\":\"m0\",\"kind\":\"macvlan\",\"macvlan\":{\"parent\":"
		  "\"v0\",\"mode\":\"private\"}}]]");
	assert_true(world_shows("ip -d link show m0", "macvlan mode private"));
	assert_refused(world,
		       "[[\"device\",{\"name\":\"m0\",\"kind\":\"macvlan\",\"macvlan\":{"
		       "\"parent\":\"v1\"}}]]",
		       "link.immutable", "macvlan.parent");
	assert_refused(world,
		       "[[\"device\",{\"name\":\"x0\",\"kind\":\"vxlan\",\"vxlan\":{\"id\":43}}]]",
		       "link.immutable", "vxlan.id");
	assert_refused(world, "[[\"device\",{\"name\":\"v0\",\"kind\":\"bridge\"}]]", "link.exists",
		       "kind");
	assert_refused(
		world,
		"[[\"device\",{\"name\":\"v9\",\"kind\":\"veth\",\"veth\":{\"peer\":\"m0\"}}]]",
		"link.exists", "veth.peer");
	world_put(world,
		  "[[\"device\",{\"name\":\"m0\",\"kind\":\"macvlan\",\"macvlan\":{\"parent\":"
		  "\"v0\"}}]]");
	assert_true(transaction_undo(world->core, all, ASKER_ADMINISTRATOR,
				     &(struct provenance){.owner = "x"}, false, NULL,
				     &world->error) < 0);
	assert_int_equal(world->error.code, ERROR_TX_NOT_UNDOABLE);
}

static void test_rollback_leaves_nothing(void **state)
{
	struct world *world = *state;

	assert_true(
		world_run(
			world,
			"[" BRIDGE "," VETH ",[\"link\",{\"name\":\"br0\",\"up\":true}],"
			"[\"address\",{\"link\":\"br0\",\"address\":\"192.0.2.1/24\"}]," IMPOSSIBLE
			"]",
			NULL) < 0);
	assert_null(world_link(world, "br0"));
	assert_null(world_link(world, "v0"));
	assert_null(world_link(world, "v1"));
	assert_int_equal(core_resource_count(world->core), 0);
}

static void test_removal_is_rolled_back_too(void **state)
{
	struct world *world = *state;

	world_put(world,
		  "[" BRIDGE ",[\"address\",{\"link\":\"br0\",\"address\":\"192.0.2.1/24\"}]]");
	/* Settings that had a former state, and then the device goes in the same transaction. */
	world_put(world, "[[\"link\",{\"name\":\"br0\",\"up\":true}]]");
	world_put(world, "[[\"link/br0\"],[\"address/br0/192.0.2.1/24\"],[\"device/br0\"]]");
	assert_null(world_link(world, "br0"));
	assert_int_equal(core_resource_count(world->core), 0);
}

static void test_undo_of_a_whole(void **state)
{
	struct world *world = *state;
	uint64_t number =
		world_put(world, "[" BRIDGE ",[\"link\",{\"name\":\"br0\",\"up\":true}],"
				 "[\"address\",{\"link\":\"br0\",\"address\":\"192.0.2.1/24\"}]]");

	world_undo(world, number);
	assert_null(world_link(world, "br0"));
}

static void test_what_was_there_is_left(void **state)
{
	struct world *world = *state;

	world_shell(world, "ip link add br0 type bridge forward_delay 600");
	world_put(world, "[" BRIDGE "]");
	assert_true(world_shows("ip -d link show br0", "forward_delay 1500"));
	world_put(world, "[[\"device/br0\"]]");
	assert_non_null(world_link(world, "br0"));
	assert_true(world_shows("ip -d link show br0", "forward_delay 600"));
}

static void test_what_somebody_removed_or_changed_comes_back(void **state)
{
	struct world *world = *state;

	world_put(world, "[" BRIDGE ",[\"link\",{\"name\":\"br0\",\"up\":true}],"
			 "[\"address\",{\"link\":\"br0\",\"address\":\"192.0.2.1/24\"}]]");
	world_shell(world, "ip link del br0");
	world_settle(world);
	assert_true(world_shows("ip addr show br0", "192.0.2.1/24"));
	world_shell(world, "ip link set br0 type bridge forward_delay 700");
	for (int i = 0; i < 20 && !world_shows("ip -d link show br0", "forward_delay 1500"); i++)
		world_settle(world);
	assert_true(world_shows("ip -d link show br0", "forward_delay 1500"));
}

static void test_ours_by_intent(void **state)
{
	struct world *world = *state;
	const char *why;

	world_put(world, "[" BRIDGE "," VETH "]");
	world_shell(world, "ip link add br1 type bridge");
	assert_int_equal(link_ownership(world->core, world_link(world, "br0"), &why), LINK_OURS);
	assert_int_equal(link_ownership(world->core, world_link(world, "v1"), &why), LINK_OURS);
	assert_int_equal(link_ownership(world->core, world_link(world, "br1"), &why), LINK_FOREIGN);
}

static void test_a_restart_writes_nothing(void **state)
{
	struct world *world = *state;
	int index;

	world_put(world, "[" BRIDGE "," VETH "]");
	index = world_link(world, "br0")->index;
	world_close(world);
	world_open(world);
	assert_int_equal(world_link(world, "br0")->index, index);
	world_put(world, "[[\"device/br0\"],[\"device/v0\"]]");
	assert_null(world_link(world, "br0"));
	assert_null(world_link(world, "v1"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_bad_values_name_the_member),
		TEST(test_bridge),
		TEST(test_a_kernel_without_a_kind_says_what_it_lacks),
		TEST(test_vlan_filtering_is_there_or_named),
		TEST(test_veth_and_what_lies_on_it),
		TEST(test_rollback_leaves_nothing),
		TEST(test_removal_is_rolled_back_too),
		TEST(test_undo_of_a_whole),
		TEST(test_what_was_there_is_left),
		TEST(test_what_somebody_removed_or_changed_comes_back),
		TEST(test_ours_by_intent),
		TEST(test_a_restart_writes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
