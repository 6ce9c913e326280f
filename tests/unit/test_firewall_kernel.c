/*
 * The ruleset and the kernel: what is sent is read back as the same, and nft makes the same of the
 * text of it.
 */
#include "unit.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "firewall/decode.h"
#include "firewall/encode.h"
#include "firewall/field.h"
#include "firewall/policy.h"
#include "firewall/text.h"

struct world {
	struct netfilter *netfilter;
	struct ruleset ruleset;
};

static int world_new(void **state)
{
	static const struct firewall_policy policy = {
		.mode = FIREWALL_ENFORCE,
		.management_count = 2,
		.management = {{{.family = AF_INET, .bytes = {192, 0, 2}}, 24},
			       {{.family = AF_INET6, .bytes = {0xfd}}, 8}},
	};
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_int_equal(netfilter_new(&world->netfilter), 0);
	assert_int_equal(policy_ruleset(&policy, 0, &world->ruleset), 0);
	*state = world;
	return 0;
}

static int world_free(void **state)
{
	struct world *world = *state;

	ruleset_clear(&world->ruleset);
	netfilter_free(world->netfilter);
	free(world);
	return 0;
}

static void print_rule(const char *what, const struct filter_rule *rule)
{
	_cleanup_text_buffer_ struct text_buffer buffer = {0};

	filter_rule_text(rule, &buffer);
	print_message("%s: %.*s\n", what, (int)buffer.length, buffer.data);
}

static void assert_same_chain(const struct filter_chain *wanted, const struct filter_chain *read)
{
	assert_non_null(read);
	assert_int_equal(wanted->hook, read->hook);
	assert_int_equal(wanted->drops, read->drops);
	assert_int_equal(wanted->priority, read->priority);
	assert_int_equal(wanted->rule_count, read->rule_count);
	for (size_t i = 0; i < wanted->rule_count; i++) {
		if (filter_rule_equal(&wanted->rules[i], &read->rules[i]))
			continue;
		print_rule("wanted", &wanted->rules[i]);
		print_rule("read", &read->rules[i]);
		fail_msg("chain %s, rule %zu", wanted->name, i);
	}
}

static void assert_kernel_has(struct world *world, const struct ruleset *wanted)
{
	_cleanup_ruleset_ struct ruleset read = {0};

	assert_int_equal(ruleset_decode(world->netfilter, NFPROTO_INET, wanted->table, &read), 1);
	assert_int_equal(wanted->chain_count, read.chain_count);
	assert_int_equal(wanted->set_count, read.set_count);
	assert_int_equal(wanted->counter_count, read.counter_count);
	for (size_t i = 0; i < wanted->chain_count; i++)
		assert_same_chain(&wanted->chains[i], ruleset_chain(&read, wanted->chains[i].name));
}

static void commit(struct world *world, const struct netfilter_batch *batch)
{
	struct netfilter_refusal refusal;
	int r = netfilter_commit(world->netfilter, batch, 0, &refusal);

	if (r < 0)
		fail_msg("message %u of %u: %s: %s", refusal.message, batch->count, strerror(-r),
			 refusal.words);
}

static void load(struct world *world)
{
	_cleanup_batch_ struct netfilter_batch batch = {0};

	assert_int_equal(ruleset_encode(&world->ruleset, &batch), 0);
	commit(world, &batch);
}

static void test_kernel_reads_back(void **state)
{
	struct world *world = *state;

	load(world);
	assert_kernel_has(world, &world->ruleset);
	/* Twice is as once. */
	load(world);
	assert_kernel_has(world, &world->ruleset);
}

static void test_nft_makes_the_same_of_the_text(void **state)
{
	_cleanup_text_buffer_ struct text_buffer buffer = {0};
	struct world *world = *state;
	FILE *nft;

	ruleset_text(&world->ruleset, &buffer);
	assert_true(text_buffer_ok(&buffer));
	nft = popen("nft -f -", "w");
	assert_non_null(nft);
	assert_int_equal(fwrite(buffer.data, 1, buffer.length, nft), buffer.length);
	assert_int_equal(pclose(nft), 0);
	assert_kernel_has(world, &world->ruleset);
}

static void test_rules_alone_leave_elements(void **state)
{
	_cleanup_batch_ struct netfilter_batch batch = {0};
	struct world *world = *state;
	struct filter_set *set = ruleset_set(&world->ruleset, "input_allow_port");
	struct filter_element element = {
		.low = {packet_value_number(FIELD_PROTOCOL, IPPROTO_TCP),
			packet_value_number(FIELD_DESTINATION_PORT, 80)},
	};
	struct set_element key = {.timeout = 60000, .note_size = 4, .note = "note"}, read;
	struct element_writer writer;

	memcpy(element.high, element.low, sizeof(element.high));
	load(world);
	netfilter_elements_begin(&writer, &batch, FIREWALL_TABLE, set->name, false);
	filter_element_encode(set, &element, &key);
	netfilter_elements_put(&writer, &key);
	netfilter_elements_end(&writer);
	assert_int_equal(ruleset_encode_rules(&world->ruleset, &batch), 0);
	commit(world, &batch);
	assert_kernel_has(world, &world->ruleset);
	filter_element_encode(set, &element, &key);
	assert_int_equal(netfilter_get_element(world->netfilter, FIREWALL_TABLE, set->name, &key,
					       &read),
			 1);
	assert_int_equal(read.timeout, 60000);
	assert_in_range(read.expires, 50000, 60000);
	assert_memory_equal(read.note, "note", 4);
	assert_int_equal(read.packets, 0);
}

static void test_refused_batch_names_the_message(void **state)
{
	_cleanup_batch_ struct netfilter_batch batch = {0};
	struct world *world = *state;
	struct netfilter_refusal refusal;
	struct set_element key = {.key = {1, 2, 3}, .key_size = 3};
	struct element_writer writer;
	uint32_t generation, later;

	load(world);
	assert_true(netfilter_generation(world->netfilter, &generation) >= 0);
	assert_true(generation > 0);
	assert_int_equal(ruleset_encode_rules(&world->ruleset, &batch), 0);
	netfilter_elements_begin(&writer, &batch, FIREWALL_TABLE, "input_allow_port", false);
	netfilter_elements_put(&writer, &key);
	netfilter_elements_end(&writer);
	assert_true(netfilter_commit(world->netfilter, &batch, 0, &refusal) < 0);
	assert_int_equal(refusal.message, batch.count - 1);
	assert_true(netfilter_generation(world->netfilter, &later) >= 0);
	assert_int_equal(generation, later);
	assert_kernel_has(world, &world->ruleset);
}

static void test_old_generation_is_refused(void **state)
{
	_cleanup_batch_ struct netfilter_batch batch = {0};
	struct world *world = *state;
	uint32_t generation;

	load(world);
	assert_true(netfilter_generation(world->netfilter, &generation) >= 0);
	load(world);
	assert_int_equal(ruleset_encode_rules(&world->ruleset, &batch), 0);
	assert_int_equal(netfilter_commit(world->netfilter, &batch, generation, NULL), -EAGAIN);
	assert_int_equal(netfilter_commit(world->netfilter, &batch, generation + 1, NULL), 0);
}

static void test_removal_of_what_is_not_there(void **state)
{
	_cleanup_batch_ struct netfilter_batch batch = {0};
	_cleanup_ruleset_ struct ruleset read = {0};
	struct world *world = *state;

	assert_int_equal(ruleset_encode_removal(FIREWALL_TABLE, &batch), 0);
	commit(world, &batch);
	load(world);
	commit(world, &batch);
	assert_int_equal(ruleset_decode(world->netfilter, NFPROTO_INET, FIREWALL_TABLE, &read), 0);
}

/* What the kernel would understand otherwise is not sent. */
static void test_range_of_users_is_refused(void **state)
{
	_cleanup_batch_ struct netfilter_batch batch = {0};
	_cleanup_ruleset_ struct ruleset ruleset = {.family = NFPROTO_INET, .table = "t"};
	struct filter_chain *chain = ruleset_add_chain(&ruleset, "c");
	struct filter_rule *rule = filter_chain_add_rule(chain);

	rule->verdict = RULE_ACCEPT;
	rule->match_count = 1;
	rule->matches[0] =
		(struct match){.kind = MATCH_RANGE, .field_count = 1, .fields = {FIELD_USER}};
	rule->matches[0].range.low = packet_value_number(FIELD_USER, 1000);
	rule->matches[0].range.high = packet_value_number(FIELD_USER, 1000);
	assert_int_equal(ruleset_encode(&ruleset, &batch), 0);
	rule->matches[0].range.high = packet_value_number(FIELD_USER, 2000);
	assert_int_equal(ruleset_encode(&ruleset, &batch), -EOPNOTSUPP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_kernel_reads_back, world_new, world_free),
		cmocka_unit_test_setup_teardown(test_nft_makes_the_same_of_the_text, world_new,
						world_free),
		cmocka_unit_test_setup_teardown(test_rules_alone_leave_elements, world_new,
						world_free),
		cmocka_unit_test_setup_teardown(test_refused_batch_names_the_message, world_new,
						world_free),
		cmocka_unit_test_setup_teardown(test_old_generation_is_refused, world_new,
						world_free),
		cmocka_unit_test_setup_teardown(test_removal_of_what_is_not_there, world_new,
						world_free),
		cmocka_unit_test(test_range_of_users_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
