/* Resource type `port` on a real kernel, and the VLANs of a port in messages. */
#include <linux/if_bridge.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kinds_world.h"

#define BRIDGE(name) "[\"device\",{\"name\":\"" name "\",\"kind\":\"bridge\"}]"
#define VETH	     "[\"device\",{\"name\":\"v0\",\"kind\":\"veth\",\"veth\":{\"peer\":\"v1\"}}]"
#define PORT(name)   "[\"port\",{\"link\":\"v0\",\"controller\":\"" name "\"}]"

static const char *master_of(struct world *world, const char *name)
{
	const struct link *master =
		observed_link(core_observed(world->core), world_link(world, name)->master);

	return master ? master->name : "";
}

static void test_bad_values_name_the_member(void **state)
{
	static const struct {
		const char *spec, *code, *parameter;
	} rows[] = {
		{"{\"controller\":\"b\"}", "parameter.missing", "link"},
		{"{\"link\":\"a\"}", "parameter.missing", "controller"},
		{"{\"link\":\"a\",\"controller\":\"a\"}", "parameter.conflict", "controller"},
		{"{\"link\":\"a\",\"controller\":\"b\",\"vlans\":5}", "parameter.type", "vlans"},
		{"{\"link\":\"a\",\"controller\":\"b\",\"vlans\":[5]}", "parameter.type", "vlans"},
		{"{\"link\":\"a\",\"controller\":\"b\",\"vlans\":[{\"id\":0}]}", "parameter.range",
		 "vlans.id"},
		{"{\"link\":\"a\",\"controller\":\"b\",\"vlans\":[{\"id\":5,\"pvid\":1}]}",
		 "parameter.type", "pvid"},
		{"{\"link\":\"a\",\"controller\":\"b\",\"vlans\":[{\"id\":5,\"pvid\":true},{"
		 "\"id\":6,\"pvid\":true}]}",
		 "parameter.conflict", "vlans.pvid"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[512];

		snprintf(text, sizeof(text), "[[\"port\",%s]]", rows[i].spec);
		assert_refused(*state, text, rows[i].code, rows[i].parameter);
	}
}

static void test_made_moved_and_released(void **state)
{
	struct world *world = *state;
	uint64_t moved;

	world_put(world, "[" BRIDGE("br0") "," BRIDGE("br1") "," VETH "," PORT("br0") "]");
	assert_string_equal(master_of(world, "v0"), "br0");
	assert_true(world_shows("ip link show v0", "master br0"));
	moved = world_put(world, "[" PORT("br1") "]");
	assert_true(world_shows("ip link show v0", "master br1"));
	world_undo(world, moved);
	assert_true(world_shows("ip link show v0", "master br0"));
	world_put(world, "[[\"port/v0\"]]");
	assert_false(world_shows("ip link show v0", "master"));
}

static void test_a_site_in_one_transaction(void **state)
{
	struct world *world = *state;
	uint64_t number = world_put(
		world, "[" BRIDGE("br0") "," VETH "," PORT(
			       "br0") ",[\"link\",{\"name\":\"br0\",\"up\":true}],[\"link\",{"
				      "\"name\":\"v0\",\"up\":true}],[\"link\",{\"name\":\"v1\","
				      "\"up\":true}],[\"address\",{\"link\":\"br0\",\"address\":"
				      "\"192.0.2.1/24\"}],[\"route\",{\"link\":\"br0\","
				      "\"destination\":\"198.51.100.0/24\",\"gateway\":\"192.0.2."
				      "7\"}]]");

	assert_true(world_shows("ip route", "198.51.100.0/24 via 192.0.2.7 dev br0"));
	world_undo(world, number);
	assert_null(world_link(world, "br0"));
	assert_null(world_link(world, "v0"));
	assert_false(world_shows("ip route", "198.51.100.0"));
}

static void test_rollback_leaves_nothing(void **state)
{
	struct world *world = *state;

	world_put(world, "[" VETH "]");
	assert_true(world_run(world,
			      "[" BRIDGE("br0") "," PORT(
				      "br0") ",[\"route\",{\"link\":\"v1\",\"destination\":"
					     "\"198.51.100.0/24\",\"gateway\":\"192.0.2.7\"}]]",
			      NULL) < 0);
	assert_false(world_shows("ip link", "br0"));
	assert_string_equal(master_of(world, "v0"), "");
}

/* Boot detection configured the link; what it is a port of has the addresses from then on. */
static void test_boot_detection_leaves_devices_and_keeps_ports_up(void **state)
{
	struct world *world = *state;

	world_shell(world, "ip link add v0 type veth peer name v1");
	world_close(world);
	world->configure_new = true;
	world_open(world);
	assert_true(world_link(world, "v0")->flags & IFF_UP);
	assert_string_equal(core_resource(world->core, "link/v0")->provenance.owner,
			    LINK_BOOT_OWNER);
	world_put(world,
		  "[" BRIDGE("br0") "," PORT("br0") ",[\"device\",{\"name\":\"w0\",\"kind\":"
						    "\"veth\",\"veth\":{\"peer\":\"w1\"}}]]");
	world_settle(world);
	assert_true(world_link(world, "v0")->flags & IFF_UP);
	assert_string_equal(master_of(world, "v0"), "br0");
	assert_null(core_resource(world->core, "link/br0"));
	assert_null(core_resource(world->core, "link/w0"));
	assert_null(core_resource(world->core, "link/w1"));
}

/* ---- a crash: the last step of the plan ends the process ---- */

static int bomb_parse(const json_t *object, void *ret_spec, struct error *error)
{
	return 0;
}

static json_t *bomb_print(const void *spec)
{
	return json_object();
}

static void bomb_key(const void *spec, char buffer[RESOURCE_KEY_MAX])
{
	strcpy(buffer, "bomb");
}

static int bomb_observe(struct core *core, const void *wanted, void *ret_spec)
{
	return 0;
}

static bool bomb_satisfied(const void *wanted, const void *observed)
{
	return true;
}

static bool bomb_comes_last(const void *spec)
{
	return true;
}

static int bomb_apply(struct core *core, const void *before, const void *after, struct error *error)
{
	if (after)
		_exit(7);
	return 0;
}

static const struct resource_type bomb_type = {
	.name = "bomb",
	.order = 60,
	.spec_size = 1,
	.parse = bomb_parse,
	.print = bomb_print,
	.key = bomb_key,
	.comes_last = bomb_comes_last,
	.observe = bomb_observe,
	.satisfied = bomb_satisfied,
	.apply = bomb_apply,
};

/* Runs the edits, and then the bomb, in a process that it ends. */
static void crash(struct world *world, const char *edits)
{
	pid_t child;
	int status;

	world_close(world);
	world->also = &bomb_type;
	child = fork();
	if (child == 0) {
		world_open(world);
		(void)world_run(world, edits, NULL);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(WEXITSTATUS(status), 7);
	world_open(world);
}

static void test_a_crash_leaves_nothing(void **state)
{
	struct world *world = *state;

	crash(world,
	      "[" BRIDGE("br0") "," VETH "," PORT(
		      "br0") ",[\"link\",{\"name\":\"br0\",\"up\":"
			     "true}],[\"setting\",{\"link\":\"v0\",\"name\":\"proxy_arp\","
			     "\"value\":1}],"
			     "[\"address\",{\"link\":\"br0\",\"address\":\"192.0.2.1/24\"}],"
			     "[\"rule\",{\"family\":\"ipv4\",\"priority\":1000}],[\"bomb\",{}]]");
	assert_false(world_shows("ip link", "br0"));
	assert_false(world_shows("ip link", "v0"));
	assert_false(world_shows("ip rule", "1000:"));
	assert_int_equal(core_resource_count(world->core), 0);
}

#define SITE                                                                                       \
	BRIDGE("br0")                                                                              \
	"," BRIDGE("br1") "," VETH "," PORT("br0") ",[\"setting\",{\"link\":\"v0\",\"name\":"      \
						   "\"proxy_arp\",\"value\":1}],[\"address\",{"    \
						   "\"link\":\"br0\",\"address\":\"192.0.2.1/24"   \
						   "\"}]"

static void check_site(struct world *world)
{
	world_settle(world);
	assert_string_equal(master_of(world, "v0"), "br0");
	assert_true(world_shows("cat /proc/sys/net/ipv4/conf/v0/proxy_arp", "1"));
	assert_true(world_shows("ip addr show br0", "192.0.2.1/24"));
}

static void test_a_crash_changes_nothing(void **state)
{
	struct world *world = *state;

	world_put(world, "[" SITE "]");
	crash(world, "[" PORT("br1") ",[\"setting\",{\"link\":\"v0\",\"name\":\"proxy_arp\","
				     "\"value\":0}],[\"bomb\",{}]]");
	check_site(world);
}

static void test_a_crash_brings_back_what_was_removed(void **state)
{
	struct world *world = *state;

	world_put(world, "[" SITE "]");
	crash(world, "[[\"setting/v0/proxy_arp\"],[\"address/br0/192.0.2.1/24\"],[\"port/v0\"],"
		     "[\"device/v0\"],[\"device/br0\"],[\"bomb\",{}]]");
	check_site(world);
}

static void test_ports_of_others_are_not_taken(void **state)
{
	struct world *world = *state;

	world_put(world, "[" VETH "," BRIDGE("br0") "]");
	world_shell(world, "ip link add other type bridge && ip link set v0 master other");
	assert_refused(world, "[" PORT("br0") "]", "link.port", "link");
	assert_non_null(strstr(world->error.message, "other"));
	/* What is so already is taken into intent, and left when it is released. */
	world_put(world, "[" PORT("other") "]");
	world_put(world, "[[\"port/v0\"]]");
	assert_string_equal(master_of(world, "v0"), "other");
}

static void test_what_somebody_released_comes_back(void **state)
{
	struct world *world = *state;

	world_put(world, "[" VETH "," BRIDGE("br0") "," PORT("br0") ",[\"link\",{\"name\":\"v0\","
								    "\"up\":true}]]");
	world_shell(world, "ip link set v0 nomaster");
	world_settle(world);
	assert_string_equal(master_of(world, "v0"), "br0");
}

static void test_vlans_are_set_or_the_feature_is_named(void **state)
{
	struct world *world = *state;

	world_put(world, "[" VETH "]");
	if (world_run(
		    world,
		    "[[\"device\",{\"name\":\"br0\",\"kind\":\"bridge\"}],[\"port\",{\"link\":"
		    "\"v0\","
		    "\"controller\":\"br0\",\"vlans\":[{\"id\":10,\"untagged\":true,\"pvid\":true},"
		    "{\"id\":20},{\"id\":21},{\"id\":22}]}]]",
		    NULL) < 0) {
		assert_int_equal(world->error.code, ERROR_KERNEL_UNSUPPORTED);
		assert_string_equal(world->error.parameter, "vlans");
		assert_non_null(strstr(world->error.message, "CONFIG_BRIDGE_VLAN_FILTERING"));
		assert_null(world_link(world, "br0"));
		assert_string_equal(master_of(world, "v0"), "");
		return;
	}
	assert_true(world_shows("bridge vlan show dev v0", "10 PVID Egress Untagged"));
	assert_true(world_shows("bridge vlan show dev v0", "21"));
	assert_false(world_shows("bridge vlan show dev v0", " 1 "));
}

/* The kernel's answer, as it would be: port 7 has 10 (PVID, untagged) and 20 to 22. */
static void test_vlans_in_messages(void **state)
{
	struct {
		struct nlmsghdr header;
		struct br_vlan_msg port;
		struct {
			struct nlattr entry, info;
			struct bridge_vlan_info vlan;
		} first;
		struct {
			struct nlattr entry, info;
			struct bridge_vlan_info vlan;
			struct nlattr range;
			uint16_t last, padding;
		} second;
	} message = {
		.header = {.nlmsg_len = sizeof(message)},
		.port = {.family = AF_BRIDGE, .ifindex = 7},
		.first = {{12, BRIDGE_VLANDB_ENTRY | NLA_F_NESTED},
			  {8, BRIDGE_VLANDB_ENTRY_INFO},
			  {BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED, 10}},
		.second = {{20, BRIDGE_VLANDB_ENTRY | NLA_F_NESTED},
			   {8, BRIDGE_VLANDB_ENTRY_INFO},
			   {0, 20},
			   {6, BRIDGE_VLANDB_ENTRY_RANGE},
			   22,
			   0},
	};
	struct port_vlans vlans = {0};

	assert_int_equal(netlink_parse_port_vlans(&message.header, 8, &vlans), 0);
	assert_false(vlan_bit(vlans.member, 10));
	assert_int_equal(netlink_parse_port_vlans(&message.header, 7, &vlans), 0);
	assert_int_equal(vlans.pvid, 10);
	assert_true(vlan_bit(vlans.member, 10) && vlan_bit(vlans.untagged, 10));
	assert_true(vlan_bit(vlans.member, 20) && vlan_bit(vlans.member, 22));
	assert_false(vlan_bit(vlans.member, 19) || vlan_bit(vlans.member, 23) ||
		     vlan_bit(vlans.untagged, 21));
	message.second.last = 4096;
	assert_int_equal(netlink_parse_port_vlans(&message.header, 7, &vlans), -EBADMSG);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_bad_values_name_the_member),
		TEST(test_made_moved_and_released),
		TEST(test_a_site_in_one_transaction),
		TEST(test_rollback_leaves_nothing),
		TEST(test_boot_detection_leaves_devices_and_keeps_ports_up),
		TEST(test_a_crash_leaves_nothing),
		TEST(test_a_crash_changes_nothing),
		TEST(test_a_crash_brings_back_what_was_removed),
		TEST(test_ports_of_others_are_not_taken),
		TEST(test_what_somebody_released_comes_back),
		TEST(test_vlans_are_set_or_the_feature_is_named),
		cmocka_unit_test(test_vlans_in_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
