/* What of a ruleset does nothing or is contradicted, and what a change changes. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "firewall/audit.h"
#include "firewall/field.h"
#include "firewall/parse.h"
#include "firewall/policy.h"

struct world {
	struct netfilter_state state;
};

static int world_new(void **state)
{
	static const struct firewall_policy policy = {
		.mode = FIREWALL_ENFORCE,
		.management_count = 1,
		.management = {{{.family = AF_INET, .bytes = {192, 0, 2}}, 24}},
	};
	_cleanup_ruleset_ struct ruleset ruleset = {0};
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	assert_int_equal(policy_ruleset(&policy, 0, &ruleset), 0);
	assert_int_equal(netfilter_state_put(&world->state, &ruleset), 0);
	*state = world;
	return 0;
}

static int world_free(void **state)
{
	struct world *world = *state;

	netfilter_state_clear(&world->state);
	free(world);
	return 0;
}

static struct filter_element of_network(uint64_t id, const char *network, uint32_t low,
					uint32_t high)
{
	struct filter_element element = {.id = id};
	struct ip_prefix prefix;

	assert_int_equal(ip_prefix_parse(network, &prefix, "network", NULL), 0);
	packet_value_prefix(&prefix, &element.low[0], &element.high[0]);
	element.low[1] = element.high[1] = packet_value_number(FIELD_PROTOCOL, IPPROTO_TCP);
	element.low[2] = packet_value_number(FIELD_DESTINATION_PORT, low);
	element.high[2] = packet_value_number(FIELD_DESTINATION_PORT, high);
	return element;
}

static struct filter_element of_port(uint64_t id, uint32_t port)
{
	struct filter_element element = {.id = id};

	element.low[0] = element.high[0] = packet_value_number(FIELD_PROTOCOL, IPPROTO_TCP);
	element.low[1] = element.high[1] = packet_value_number(FIELD_DESTINATION_PORT, port);
	return element;
}

static void put(struct world *world, const char *set, struct filter_element element)
{
	assert_int_equal(packet_set_add(netfilter_state_set(&world->state, FIREWALL_TABLE, set),
					&element),
			 0);
}

static struct audit_finding audit(struct world *world, const char *name, uint64_t id)
{
	const struct packet_set *set = netfilter_state_set(&world->state, FIREWALL_TABLE, name);
	struct audit_finding finding;
	size_t number = 0;

	while (set->ids[number] != id)
		assert_true(++number < set->count);
	assert_int_equal(audit_element(&world->state, set, number, &finding), 0);
	return finding;
}

static void test_what_is_needed(void **state)
{
	struct world *world = *state;

	put(world, "input_allow_port", of_port(1, 80));
	put(world, "input_allow_network4", of_network(2, "10.0.0.0/8", 1000, 2000));
	put(world, "input_deny_network4", of_network(3, "10.1.0.0/16", 80, 80));
	assert_int_equal(audit(world, "input_allow_network4", 2).kind, AUDIT_NONE);
	assert_int_equal(audit(world, "input_deny_network4", 3).kind, AUDIT_NONE);
}

static void test_contradiction(void **state)
{
	struct world *world = *state;
	struct audit_finding finding;

	put(world, "input_allow_port", of_port(1, 80));
	put(world, "input_deny_network4", of_network(3, "10.1.0.0/16", 80, 80));
	finding = audit(world, "input_allow_port", 1);
	assert_int_equal(finding.kind, AUDIT_CONTRADICTED);
	assert_int_equal(finding.by.element, 3);
	assert_int_equal(finding.example.source[1], 1);
	assert_int_equal(finding.example.destination_port, 80);
}

static void test_shadowed(void **state)
{
	struct world *world = *state;
	struct audit_finding finding;

	put(world, "input_deny_network4", of_network(3, "10.0.0.0/8", 1, 65535));
	put(world, "input_allow_network4", of_network(4, "10.2.0.0/16", 80, 81));
	finding = audit(world, "input_allow_network4", 4);
	assert_int_equal(finding.kind, AUDIT_SHADOWED);
	assert_int_equal(finding.by.element, 3);
}

/* Port 22 of the management network is open without it; of everybody, it is not. */
static void test_redundant(void **state)
{
	struct world *world = *state;
	struct audit_finding finding;

	put(world, "input_allow_network4", of_network(5, "192.0.2.0/25", 22, 22));
	finding = audit(world, "input_allow_network4", 5);
	assert_int_equal(finding.kind, AUDIT_SHADOWED);
	assert_int_equal(finding.by.rule->rule.verdict, RULE_ACCEPT);

	put(world, "input_allow_network4", of_network(6, "192.0.2.0/23", 22, 22));
	assert_int_equal(audit(world, "input_allow_network4", 6).kind, AUDIT_NONE);

	put(world, "input_allow_network4", of_network(7, "10.0.0.0/8", 8000, 8100));
	put(world, "input_allow_network4", of_network(8, "10.0.0.0/16", 8050, 8050));
	finding = audit(world, "input_allow_network4", 8);
	assert_true(finding.kind == AUDIT_REDUNDANT || finding.kind == AUDIT_SHADOWED);
	assert_int_equal(finding.by.element, 7);
}

/* A denial of what would be dropped anyway. */
static void test_redundant_denial(void **state)
{
	struct world *world = *state;

	put(world, "input_deny_network4", of_network(9, "10.0.0.0/8", 8000, 8000));
	assert_int_equal(audit(world, "input_deny_network4", 9).kind, AUDIT_REDUNDANT);
}

static void test_difference(void **state)
{
	struct world *world = *state, *other;
	struct filter_element element = of_network(4, "10.2.0.0/16", 80, 81);
	_cleanup_(state_difference_clear) struct state_difference difference = {0};
	_cleanup_region_ struct packet_region region = {0};
	_cleanup_text_buffer_ struct text_buffer text = {0};
	const struct packet_set *set;
	void *pointer;

	assert_int_equal(world_new(&pointer), 0);
	other = pointer;
	put(other, "input_allow_network4", element);
	set = netfilter_state_set(&other->state, FIREWALL_TABLE, "input_allow_network4");
	element_region(&other->state, set, &element, HOOK_INPUT, &region);
	assert_int_equal(state_differ(&world->state, &other->state, HOOK_INPUT, &region,
				      &difference),
			 0);
	assert_int_equal(difference.less.count, 0);
	assert_true(difference.more.count > 0);
	assert_false(difference.in_doubt);
	for (size_t i = 0; i < difference.more.count; i++) {
		struct packet packet;

		assert_true(packet_box_witness(&difference.more.boxes[i], &packet));
		assert_int_equal(packet.source[1], 2);
		assert_in_range(packet.destination_port, 80, 81);
		assert_int_equal(packet.protocol, IPPROTO_TCP);
	}
	packet_box_describe(&difference.more.boxes[0], &text);
	text_buffer_append(&text, "", 1);
	assert_non_null(strstr(text.data, "IPv4 TCP from 10.2.0.0/16 "));
	assert_non_null(strstr(text.data, " to port 80-81 "));

	state_difference_clear(&difference);
	assert_int_equal(state_differ(&other->state, &world->state, HOOK_INPUT, &region,
				      &difference),
			 0);
	assert_int_equal(difference.more.count, 0);
	assert_true(difference.less.count > 0);
	world_free(&pointer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_new, world_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_is_needed), TEST(test_contradiction),	TEST(test_shadowed),
		TEST(test_redundant),	   TEST(test_redundant_denial), TEST(test_difference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
