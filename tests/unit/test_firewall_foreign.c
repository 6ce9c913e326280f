/* Tables of others, as nft loads them: read from the kernel, and part of the proof. */
#include "unit.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firewall/field.h"
#include "firewall/foreign.h"
#include "firewall/prove.h"

struct world {
	struct netfilter *netfilter;
	struct netfilter_state state;
};

static int world_new(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_int_equal(netfilter_new(&world->netfilter), 0);
	*state = world;
	return 0;
}

static int world_free(void **state)
{
	struct world *world = *state;

	netfilter_state_clear(&world->state);
	netfilter_free(world->netfilter);
	free(world);
	return 0;
}

static void load(struct world *world, const char *text)
{
	FILE *nft = popen("nft -f -", "w");

	assert_non_null(nft);
	assert_int_equal(fputs(text, nft) >= 0, 1);
	assert_int_equal(pclose(nft), 0);
	netfilter_state_clear(&world->state);
	assert_int_equal(netfilter_state_read(&world->state, world->netfilter, "ours"), 0);
}

/* New TCP connections from an IPv4 address to a port of this host. */
static struct proof ask(struct world *world, const char *source, uint32_t port)
{
	_cleanup_region_ struct packet_region region = {0};
	const struct {
		enum packet_field field;
		struct packet_value value;
	} wanted[] = {
		{FIELD_PROTOCOL, packet_value_number(FIELD_PROTOCOL, IPPROTO_TCP)},
		{FIELD_DESTINATION_PORT, packet_value_number(FIELD_DESTINATION_PORT, port)},
		{FIELD_STATE, packet_value_number(FIELD_STATE, STATE_NEW)},
	};
	struct match match = {.kind = MATCH_RANGE, .field_count = 1, .fields = {FIELD_SOURCE4}};
	struct ip_prefix prefix;
	struct proof proof;

	packet_region_of_hook(HOOK_INPUT, &region);
	assert_int_equal(ip_prefix_parse(source, &prefix, "source", NULL), 0);
	packet_value_prefix(&prefix, &match.range.low, &match.range.high);
	assert_int_equal(packet_region_match(&region, &match), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(wanted); i++) {
		match.fields[0] = (uint8_t)wanted[i].field;
		match.range.low = match.range.high = wanted[i].value;
		assert_int_equal(packet_region_match(&region, &match), 0);
	}
	assert_int_equal(prove_always(&world->state, HOOK_INPUT, &region, &proof), 0);
	return proof;
}

static enum proof_answer answer(struct world *world, const char *source, uint32_t port)
{
	return ask(world, source, port).answer;
}

static void test_sets_are_read(void **state)
{
	struct world *world = *state;

	load(world, "table ip theirs {\n"
		    " set nets { type ipv4_addr; flags interval;\n"
		    "  elements = { 10.0.0.0/8, 192.0.2.4-192.0.2.9, 255.0.0.0/8 }; }\n"
		    " set pairs { type ipv4_addr . inet_service; flags interval;\n"
		    "  elements = { 172.16.0.0/12 . 80-90 }; }\n"
		    " chain input { type filter hook input priority 5; policy accept;\n"
		    "  ip saddr @nets drop\n"
		    "  ip saddr . tcp dport @pairs drop\n"
		    "  tcp dport { 25, 1000-2000 } drop\n }\n}\n");
	assert_int_equal(answer(world, "10.1.0.0/16", 22), PROOF_VIOLATED);
	assert_int_equal(answer(world, "192.0.2.4/31", 22), PROOF_VIOLATED);
	assert_int_equal(answer(world, "192.0.2.0/30", 22), PROOF_HOLDS);
	assert_int_equal(answer(world, "192.0.2.10/31", 22), PROOF_HOLDS);
	assert_int_equal(answer(world, "255.255.255.254/31", 22), PROOF_VIOLATED);
	assert_int_equal(answer(world, "172.17.0.0/16", 85), PROOF_VIOLATED);
	assert_int_equal(answer(world, "172.17.0.0/16", 91), PROOF_HOLDS);
	assert_int_equal(answer(world, "198.51.100.0/24", 25), PROOF_VIOLATED);
	assert_int_equal(answer(world, "198.51.100.0/24", 1500), PROOF_VIOLATED);
	assert_int_equal(answer(world, "198.51.100.0/24", 2001), PROOF_HOLDS);
	assert_string_equal(ask(world, "10.1.0.0/16", 22).decides.chain->table->name, "theirs");
}

static void test_what_cannot_be_read_is_unknown(void **state)
{
	struct world *world = *state;

	load(world, "table inet odd {\n"
		    " chain input { type filter hook input priority 5; policy accept;\n"
		    "  tcp flags & (fin|syn) == fin|syn drop\n"
		    "  udp length 100 drop\n }\n}\n");
	assert_int_equal(answer(world, "10.1.0.0/16", 22), PROOF_UNKNOWN);

	load(world, "flush ruleset\ntable inet maps {\n"
		    " chain input { type filter hook input priority 5; policy accept;\n"
		    "  tcp dport vmap { 22 : drop, 80 : accept }\n }\n}\n");
	assert_int_equal(answer(world, "10.1.0.0/16", 22), PROOF_UNKNOWN);

	load(world, "flush ruleset\ntable bridge b {\n"
		    " chain c {\n  type filter hook input priority 0; policy drop;\n }\n}\n");
	assert_int_equal(answer(world, "10.1.0.0/16", 22), PROOF_UNKNOWN);
}

static void test_ours_and_what_sleeps_are_left_out(void **state)
{
	static const char text[] =
		"table inet ours {\n"
		" chain input {\n  type filter hook input priority 5; policy drop;\n }\n}\n"
		"table ip asleep {\n flags dormant;\n"
		" chain input {\n  type filter hook input priority 5; policy drop;\n }\n}\n";
	struct world *world = *state;

	load(world, text);
	assert_int_equal(world->state.table_count, 0);
	assert_int_equal(answer(world, "10.1.0.0/16", 22), PROOF_HOLDS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_new, world_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_sets_are_read),
		TEST(test_what_cannot_be_read_is_unknown),
		TEST(test_ours_and_what_sleeps_are_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
