/* The way of a packet: the pure choice, and that it is the kernel's own. */
#include <arpa/inet.h>
#include <linux/fib_rules.h>

#include "kinds_world.h"
#include "link/outlook.h"

/* ---- the pure choice ---- */

struct table_row {
	uint32_t table;
	const char *destination;
	uint32_t metric;
	uint8_t type;
	const char *link, *gateway;
	enum hop_state state;
};

struct case_of {
	const struct table_row *rows; /* ended by one without a destination */
	const char *own;
};

static struct ip_address address_of(const char *text)
{
	struct ip_address address = {0};

	if (text)
		assert_int_equal(ip_address_parse(text, &address, NULL, NULL), 0);
	return address;
}

static struct ip_prefix prefix_of(const char *text)
{
	struct ip_prefix prefix = {0};

	if (text)
		assert_int_equal(ip_network_parse(text, &prefix, NULL, NULL), 0);
	return prefix;
}

static void consider_rows(uint32_t table, const struct flow *flow, struct way *best, void *userdata)
{
	const struct case_of *given = userdata;

	for (const struct table_row *row = given->rows; row->destination; row++) {
		struct way way = {.destination = prefix_of(row->destination),
				  .metric = row->metric,
				  .type = row->type};

		if (row->table != table || !ip_prefix_contains(&way.destination, &flow->remote))
			continue;
		if (row->link) {
			way.hops_count = 1;
			way.hops[0] = (struct hop){.gateway = address_of(row->gateway),
						   .state = row->state};
			text_copy(way.hops[0].link, IFNAMSIZ, row->link);
		}
		path_consider(best, &way);
	}
}

static bool is_own(const struct ip_address *address, void *userdata)
{
	const struct case_of *given = userdata;
	struct ip_address own = address_of(given->own);

	return given->own && ip_address_equal(&own, address);
}

static const struct rule local_rule = {.family = AF_INET,
				       .action = FR_ACT_TO_TBL,
				       .table = RT_TABLE_LOCAL};
static const struct rule main_rule = {.family = AF_INET,
				      .action = FR_ACT_TO_TBL,
				      .priority = 32766,
				      .table = RT_TABLE_MAIN};

static struct path find(const struct case_of *given, const struct rule *first, bool others_match)
{
	const struct rule *rules[] = {&local_rule, first ?: &main_rule, &main_rule};
	const struct path_world world = {.rules = rules,
					 .rules_count = 3,
					 .others_match = others_match,
					 .table = consider_rows,
					 .is_own = is_own,
					 .userdata = (void *)given};
	const struct flow flow = {.local = address_of("192.0.2.1"),
				  .remote = address_of("198.51.100.7")};
	struct path path;

	path_find(&world, &flow, &path);
	return path;
}

#define UNICAST	  RTN_UNICAST
#define ROWS(...) ((const struct table_row[]){__VA_ARGS__, {0}})

static void test_best_route_of_a_table(void **state)
{
	const struct {
		const struct table_row *rows;
		enum path_end end;
		const char *link;
	} cases[] = {
		{ROWS({254, "0.0.0.0/0", 0, UNICAST, "a", NULL, 0}), PATH_SENT, "a"},
		{ROWS({254, "0.0.0.0/0", 0, UNICAST, "a", NULL, 0},
		      {254, "198.51.100.0/24", 9, UNICAST, "b", NULL, 0}),
		 PATH_SENT, "b"},
		{ROWS({254, "0.0.0.0/0", 9, UNICAST, "a", NULL, 0},
		      {254, "0.0.0.0/0", 5, UNICAST, "b", NULL, 0}),
		 PATH_SENT, "b"},
		{ROWS({254, "0.0.0.0/0", 9, UNICAST, "a", NULL, 0},
		      {254, "198.51.100.7/32", 5, UNICAST, "b", NULL, HOP_PASSED_OVER}),
		 PATH_SENT, "a"},
		{ROWS({254, "0.0.0.0/0", 9, UNICAST, "a", NULL, 0},
		      {254, "198.51.100.7/32", 5, UNICAST, "b", NULL, HOP_DEAD}),
		 PATH_DEAD, "b"},
		{ROWS({254, "0.0.0.0/0", 9, UNICAST, "a", NULL, 0},
		      {254, "198.51.100.7/32", 5, RTN_BLACKHOLE, NULL, NULL, 0}),
		 PATH_REFUSED, NULL},
		{ROWS({254, "0.0.0.0/0", 9, RTN_PROHIBIT, NULL, NULL, 0}), PATH_REFUSED, NULL},
		{ROWS({254, "0.0.0.0/0", 9, RTN_THROW, NULL, NULL, 0}), PATH_NOWHERE, NULL},
		{ROWS({100, "0.0.0.0/0", 9, UNICAST, "a", NULL, 0}), PATH_NOWHERE, NULL},
		{ROWS({254, "192.0.2.0/24", 9, UNICAST, "a", NULL, 0}), PATH_NOWHERE, NULL},
		{ROWS({255, "198.51.100.7/32", 0, RTN_BLACKHOLE, NULL, NULL, 0},
		      {254, "0.0.0.0/0", 9, UNICAST, "a", NULL, 0}),
		 PATH_REFUSED, NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct case_of given = {.rows = cases[i].rows};
		struct path path = find(&given, NULL, false);

		assert_int_equal(path.end, cases[i].end);
		if (cases[i].link)
			assert_string_equal(path.way.hops[0].link, cases[i].link);
	}
}

static void test_own_address_is_sent_to_nobody(void **state)
{
	const struct case_of given = {.rows = ROWS({254, "0.0.0.0/0", 0, UNICAST, "a", NULL, 0}),
				      .own = "198.51.100.7"};

	assert_int_equal(find(&given, NULL, false).end, PATH_HERE);
}

static void test_rules_in_their_order(void **state)
{
	const struct case_of given = {
		.rows = ROWS({254, "0.0.0.0/0", 0, UNICAST, "a", NULL, 0},
			     {254, "198.51.100.0/24", 0, UNICAST, "c", NULL, 0},
			     {100, "0.0.0.0/0", 0, UNICAST, "b", NULL, 0})};
	static const struct {
		struct rule rule;
		enum path_end end;
		const char *link, *from, *to;
		bool others_match;
	} cases[] = {
		{{.action = FR_ACT_TO_TBL, .table = 100}, PATH_SENT, "b", NULL, NULL, false},
		{{.action = FR_ACT_TO_TBL, .table = 101}, PATH_SENT, "c", NULL, NULL, false},
		{{.action = FR_ACT_TO_TBL, .table = 100},
		 PATH_SENT,
		 "b",
		 "192.0.2.0/24",
		 NULL,
		 false},
		{{.action = FR_ACT_TO_TBL, .table = 100},
		 PATH_SENT,
		 "c",
		 "192.0.3.0/24",
		 NULL,
		 false},
		{{.action = FR_ACT_TO_TBL, .table = 100},
		 PATH_SENT,
		 "b",
		 NULL,
		 "198.51.100.7/32",
		 false},
		{{.action = FR_ACT_TO_TBL, .table = 100},
		 PATH_SENT,
		 "c",
		 NULL,
		 "198.51.100.8/32",
		 false},
		{{.action = FR_ACT_TO_TBL, .table = 100, .invert = true},
		 PATH_SENT,
		 "b",
		 NULL,
		 "198.51.100.8/32",
		 false},
		{{.action = FR_ACT_TO_TBL, .table = 100, .mark = 1, .mask = 1},
		 PATH_SENT,
		 "c",
		 NULL,
		 NULL,
		 false},
		{{.action = FR_ACT_TO_TBL, .table = 100, .mask = 1},
		 PATH_SENT,
		 "b",
		 NULL,
		 NULL,
		 false},
		{{.action = FR_ACT_TO_TBL, .table = 100, .input = "lo"},
		 PATH_SENT,
		 "b",
		 NULL,
		 NULL,
		 false},
		{{.action = FR_ACT_TO_TBL, .table = 100, .input = "a"},
		 PATH_SENT,
		 "c",
		 NULL,
		 NULL,
		 false},
		{{.action = FR_ACT_TO_TBL, .table = 100, .output = "a"},
		 PATH_SENT,
		 "c",
		 NULL,
		 NULL,
		 false},
		/* What stands for all but the default route. */
		{{.action = FR_ACT_TO_TBL, .table = 100, .least_length = 1},
		 PATH_SENT,
		 "c",
		 NULL,
		 NULL,
		 false},
		{{.action = FR_ACT_TO_TBL, .table = 100, .others = 7},
		 PATH_SENT,
		 "c",
		 NULL,
		 NULL,
		 false},
		{{.action = FR_ACT_TO_TBL, .table = 100, .others = 7},
		 PATH_SENT,
		 "b",
		 NULL,
		 NULL,
		 true},
		{{.action = FR_ACT_BLACKHOLE}, PATH_REFUSED, NULL, NULL, NULL, false},
		{{.action = FR_ACT_PROHIBIT}, PATH_REFUSED, NULL, NULL, "198.51.100.0/24", false},
		{{.action = FR_ACT_UNREACHABLE}, PATH_SENT, "c", NULL, "198.51.101.0/24", false},
		{{.action = FR_ACT_NOP}, PATH_SENT, "c", NULL, NULL, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct rule rule = cases[i].rule;
		struct path path;

		rule.family = AF_INET;
		rule.priority = 100;
		rule.source = prefix_of(cases[i].from);
		rule.destination = prefix_of(cases[i].to);
		path = find(&given, &rule, cases[i].others_match);
		assert_int_equal(path.end, cases[i].end);
		if (cases[i].link)
			assert_string_equal(path.way.hops[0].link, cases[i].link);
	}
}

/* ---- before and after ---- */

static bool same_link(const char *before, const char *after, void *userdata)
{
	return strcmp(before, after) == 0;
}

static struct path path_by(const struct table_row *rows)
{
	const struct case_of given = {.rows = rows};

	return find(&given, NULL, false);
}

static void test_another_way_is_not_known_to_lead_there(void **state)
{
	const struct {
		const struct table_row *before, *after;
		enum path_verdict verdict;
	} cases[] = {
		{ROWS({254, "0.0.0.0/0", 0, UNICAST, "a", "192.0.2.9", 0}),
		 ROWS({254, "198.51.100.7/32", 5, UNICAST, "a", "192.0.2.9", 0}), PATH_KEPT},
		{ROWS({254, "0.0.0.0/0", 0, UNICAST, "a", "192.0.2.9", 0}),
		 ROWS({254, "0.0.0.0/0", 0, UNICAST, "a", "192.0.2.8", 0}), PATH_UNPROVED},
		{ROWS({254, "0.0.0.0/0", 0, UNICAST, "a", "192.0.2.9", 0}),
		 ROWS({254, "0.0.0.0/0", 0, UNICAST, "b", "192.0.2.9", 0}), PATH_UNPROVED},
		{ROWS({254, "0.0.0.0/0", 0, UNICAST, "a", "192.0.2.9", 0}),
		 ROWS({254, "198.51.100.7/32", 0, UNICAST, "a", NULL, 0}), PATH_UNPROVED},
		{ROWS({254, "0.0.0.0/0", 0, UNICAST, "a", "192.0.2.9", 0}),
		 ROWS({254, "0.0.0.0/0", 0, UNICAST, "a", "192.0.2.9", HOP_DOUBTFUL}),
		 PATH_UNPROVED},
		{ROWS({254, "0.0.0.0/0", 0, UNICAST, "a", "192.0.2.9", 0}),
		 ROWS({254, "0.0.0.0/0", 0, UNICAST, "a", "192.0.2.9", HOP_DEAD}), PATH_LOST},
		{ROWS({254, "0.0.0.0/0", 0, UNICAST, "a", "192.0.2.9", 0}),
		 ROWS({254, "192.0.2.0/24", 0, UNICAST, "a", NULL, 0}), PATH_LOST},
		/* Two alike, of which the kernel may take either. */
		{ROWS({254, "0.0.0.0/0", 0, UNICAST, "a", "192.0.2.9", 0}),
		 ROWS({254, "0.0.0.0/0", 0, UNICAST, "a", "192.0.2.9", 0},
		      {254, "0.0.0.0/0", 0, UNICAST, "b", "192.0.2.9", 0}),
		 PATH_UNPROVED},
		{ROWS({254, "0.0.0.0/0", 0, UNICAST, "a", "192.0.2.9", 0},
		      {254, "0.0.0.0/0", 0, UNICAST, "b", "192.0.2.9", 0}),
		 ROWS({254, "0.0.0.0/0", 0, UNICAST, "b", "192.0.2.9", 0}), PATH_KEPT},
		/* What did not lead there cannot be lost. */
		{ROWS({254, "192.0.2.0/24", 0, UNICAST, "a", NULL, 0}),
		 ROWS({254, "0.0.0.0/0", 0, RTN_BLACKHOLE, NULL, NULL, 0}), PATH_KEPT},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct path before = path_by(cases[i].before), after = path_by(cases[i].after);

		assert_int_equal(path_compare(&before, &after, same_link, NULL), cases[i].verdict);
	}
}

static void test_reverse_path(void **state)
{
	struct path by_a = path_by(ROWS({254, "0.0.0.0/0", 0, UNICAST, "a", NULL, 0}));
	struct path both = path_by(ROWS({254, "0.0.0.0/0", 0, UNICAST, "a", NULL, 0},
					{254, "0.0.0.0/0", 0, UNICAST, "b", NULL, 0}));
	struct path none = path_by(ROWS({254, "192.0.2.0/24", 0, UNICAST, "a", NULL, 0}));
	struct path dropped = path_by(ROWS({254, "0.0.0.0/0", 0, RTN_BLACKHOLE, NULL, NULL, 0}));

	assert_true(path_is_accepted(&by_a, "a", 1) && path_is_accepted(&both, "b", 1));
	assert_false(path_is_accepted(&by_a, "b", 1));
	assert_true(path_is_accepted(&by_a, "b", 2) && path_is_accepted(&by_a, "b", 0));
	assert_false(path_is_accepted(&none, "a", 2) || path_is_accepted(&dropped, "a", 2));
	assert_true(path_is_accepted(&none, "a", 0));
}

/* ---- the kernel's own choice ---- */

static unsigned dice(unsigned below)
{
	static uint64_t seed = 1;

	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % below;
}

static void random_route(char *command, size_t size)
{
	static const char *const destinations[] = {"default", "198.51.0.0/16", "198.51.100.0/24",
						   "198.51.100.0/28", "198.51.100.7/32"};
	static const char *const kinds[] = {"",		  "",	       "",	 "",
					    "blackhole ", "prohibit ", "throw ", "unreachable "};
	const char *kind = kinds[dice(ARRAY_SIZE(kinds))];
	const char *destination = destinations[dice(ARRAY_SIZE(destinations))];
	unsigned table = 100 + dice(3), metric = dice(3);
	char by[64] = "";

	/* A gateway is of the network of its link. */
	if (!kind[0]) {
		unsigned link = dice(3);

		snprintf(by, sizeof(by), "via 192.0.%u.9 dev v%u", link, link);
	}
	snprintf(command, size, "ip route replace %s%s %s table %u metric %u 2>&1", kind,
		 destination, by, table == 102 ? RT_TABLE_MAIN : table, metric);
}

static void random_rule(char *command, size_t size)
{
	static const char *const selectors[] = {"",
						"from 192.0.0.1",
						"from 192.0.1.0/24",
						"to 198.51.100.0/24",
						"not to 198.51.100.7",
						"iif lo",
						"iif v0",
						"fwmark 5"};
	static const char *const actions[] = {"table 100",
					      "table 101",
					      "table main suppress_prefixlength 0",
					      "table main suppress_prefixlength 24",
					      "table 100",
					      "table main",
					      "prohibit",
					      "blackhole"};

	snprintf(command, size, "ip rule add %s %s priority %u 2>&1",
		 selectors[dice(ARRAY_SIZE(selectors))], actions[dice(ARRAY_SIZE(actions))],
		 1 + dice(1000));
}

/* What "ip route get" says, in the words of this test: "v1 192.0.1.9", or "none". */
static void kernel_choice(const char *local, const char *remote, char ret[64])
{
	char command[128], output[512] = "";
	const char *via, *device;
	char gateway[32] = "", link[IFNAMSIZ] = "";
	FILE *pipe;

	snprintf(command, sizeof(command), "ip route get %s from %s 2>/dev/null", remote, local);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	(void)!fread(output, 1, sizeof(output) - 1, pipe);
	pclose(pipe);
	via = strstr(output, "via ");
	device = strstr(output, "dev ");
	if (via)
		sscanf(via, "via %31s", gateway);
	if (device)
		sscanf(device, "dev %15s", link);
	snprintf(ret, 64, "%s", device && strcmp(link, "lo") != 0 ? link : "none");
	if (via && strcmp(ret, "none") != 0)
		snprintf(ret + strlen(ret), 64 - strlen(ret), " %s", gateway);
}

static void our_choice(struct world *world, const char *local, const char *remote, char ret[64])
{
	_cleanup_outlook_ struct outlook outlook;
	const struct flow flow = {.local = address_of(local), .remote = address_of(remote)};
	char gateway[IP_ADDRESS_TEXT_MAX];
	struct path path;

	assert_int_equal(outlook_init(&outlook, world->core, NULL, NULL), 0);
	outlook_path(&outlook, &flow, &path);
	snprintf(ret, 64, "none");
	if (path.end != PATH_SENT && path.end != PATH_DEAD)
		return;
	snprintf(ret, 64, "%s", path.way.hops[0].link);
	if (ip_address_is_set(&path.way.hops[0].gateway))
		snprintf(ret + strlen(ret), 64 - strlen(ret), " %s",
			 ip_address_print(&path.way.hops[0].gateway, gateway));
}

static void compare(struct world *world, unsigned round)
{
	static const char *const locals[] = {"192.0.0.1", "192.0.1.1", "192.0.2.1"};
	static const char *const remotes[] = {"198.51.100.7", "198.51.100.1", "198.51.100.99",
					      "198.51.1.1",   "203.0.113.1",  "192.0.1.77"};

	for (size_t i = 0; i < ARRAY_SIZE(locals); i++)
		for (size_t k = 0; k < ARRAY_SIZE(remotes); k++) {
			char kernel[64], ours[64];

			kernel_choice(locals[i], remotes[k], kernel);
			our_choice(world, locals[i], remotes[k], ours);
			if (strcmp(kernel, ours) != 0) {
				(void)!system("ip -4 rule; ip -4 route show table all");
				fail_msg("round %u, %s to %s: the kernel chooses %s, we %s", round,
					 locals[i], remotes[k], kernel, ours);
			}
		}
}

static void test_choice_is_the_kernels_own(void **state)
{
	struct world *world = *state;
	char command[256];

	for (unsigned i = 0; i < 3; i++) {
		snprintf(command, sizeof(command),
			 "ip link add v%u type veth peer name w%u && ip link set v%u up && "
			 "ip link set w%u up && ip addr add 192.0.%u.1/24 dev v%u",
			 i, i, i, i, i, i);
		world_shell(world, command);
	}
	for (unsigned round = 0; round < 6; round++) {
		if (round == 3)
			world_shell(world,
				    "ip rule flush && ip rule add priority 32766 lookup main; "
				    "ip route flush table 100; ip route flush table 101");
		for (unsigned i = 0; i < 4; i++) {
			random_route(command, sizeof(command));
			(void)!system(command);
			random_rule(command, sizeof(command));
			(void)!system(command);
		}
		if (round == 50)
			world_shell(world, "ip link set w1 down");
		if (round == 5)
			world_shell(world, "ip link set v2 down");
		while (observed_drain(core_observed(world->core)) > 0)
			world_settle(world);
		compare(world, round);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_best_route_of_a_table),
		cmocka_unit_test(test_own_address_is_sent_to_nobody),
		cmocka_unit_test(test_rules_in_their_order),
		cmocka_unit_test(test_another_way_is_not_known_to_lead_there),
		cmocka_unit_test(test_reverse_path),
		cmocka_unit_test_setup_teardown(test_choice_is_the_kernels_own, world_setup,
						world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
