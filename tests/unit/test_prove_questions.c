/* What is asked of a firewall, on the ruleset that ships and on small ones of which the answer is
 * known. */
#include "unit.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <stdio.h>
#include <string.h>

#include "firewall/parse.h"
#include "firewall/policy.h"
#include "firewall/prove.h"

/* ---- asking ---- */

static void no_gap(const struct parse_gap *gap, void *userdata)
{
	fail_msg("line %u: %s", gap->line, gap->text);
}

static void put(struct netfilter_state *state, const char *text)
{
	_cleanup_ruleset_ struct ruleset ruleset = {0};
	struct error error = {0};

	assert_int_equal(ruleset_parse(text, strlen(text), &ruleset, no_gap, NULL, &error), 0);
	assert_int_equal(netfilter_state_put(state, &ruleset), 0);
}

static void put_default(struct netfilter_state *state)
{
	static const struct firewall_policy policy = {
		.mode = FIREWALL_ENFORCE,
		.management_count = 2,
		.management = {{{.family = AF_INET, .bytes = {192, 0, 2}}, 24},
			       {{.family = AF_INET6, .bytes = {0xfd}}, 8}},
	};
	_cleanup_ruleset_ struct ruleset ruleset = {0};

	assert_int_equal(policy_ruleset(&policy, 7, &ruleset), 0);
	assert_int_equal(netfilter_state_put(state, &ruleset), 0);
}

/* The region is written as the rule that takes it. */
static void region_of(const char *rule, struct packet_region *region)
{
	_cleanup_ruleset_ struct ruleset ruleset = {0};
	struct error error = {0};
	char text[512];

	snprintf(text, sizeof(text), "table inet t {\n\tchain c {\n\t\t%s accept\n\t}\n}\n", rule);
	assert_int_equal(ruleset_parse(text, strlen(text), &ruleset, no_gap, NULL, &error), 0);
	packet_region_of_hook(HOOK_NONE, region);
	for (unsigned i = 0; i < ruleset.chains[0].rules[0].match_count; i++)
		assert_int_equal(packet_region_match(region,
						     &ruleset.chains[0].rules[0].matches[i]),
				 0);
}

static struct proof ask(const struct netfilter_state *state, bool never, enum packet_hook hook,
			const char *rule)
{
	_cleanup_region_ struct packet_region region = {0};
	struct proof proof;

	region_of(rule, &region);
	if (never)
		assert_int_equal(prove_never(state, hook, &region, &proof), 0);
	else
		assert_int_equal(prove_always(state, hook, &region, &proof), 0);
	return proof;
}

static enum proof_answer always(const struct netfilter_state *state, enum packet_hook hook,
				const char *rule)
{
	return ask(state, false, hook, rule).answer;
}

static enum proof_answer never(const struct netfilter_state *state, enum packet_hook hook,
			       const char *rule)
{
	return ask(state, true, hook, rule).answer;
}

/* ---- the ruleset that ships ---- */

#define UNSPOOFED "fib saddr type unicast ct state new,established "

static void test_default_management(void **unused)
{
	_cleanup_state_ struct netfilter_state state = {0};
	struct proof proof;

	put_default(&state);
	assert_int_equal(always(&state, HOOK_INPUT, UNSPOOFED "ip saddr 192.0.2.0/24 tcp dport 22"),
			 PROOF_HOLDS);
	assert_int_equal(always(&state, HOOK_INPUT, UNSPOOFED "ip6 saddr fd00::/8 tcp dport 9090"),
			 PROOF_HOLDS);
	assert_int_equal(never(&state, HOOK_INPUT, "iifname \"eth0\" ct state new tcp dport 23"),
			 PROOF_HOLDS);

	proof = ask(&state, false, HOOK_INPUT, UNSPOOFED "ip saddr 192.0.2.0/23 tcp dport 22");
	assert_int_equal(proof.answer, PROOF_VIOLATED);
	assert_int_equal(proof.packet.source[2], 3);
	assert_string_equal(proof.decides.chain->name, "input");
	assert_int_equal(proof.decides.rule->rule.verdict, RULE_DROP);

	proof = ask(&state, true, HOOK_INPUT, "ct state new tcp dport 22");
	assert_int_equal(proof.answer, PROOF_VIOLATED);
}

static void test_default_limits_are_unknown(void **unused)
{
	_cleanup_state_ struct netfilter_state state = {0};
	struct proof proof;

	put_default(&state);
	proof = ask(&state, false, HOOK_INPUT, UNSPOOFED "icmp type echo-request");
	assert_int_equal(proof.answer, PROOF_UNKNOWN);
	assert_int_equal(proof.doubt, DOUBT_LIMIT);
	assert_true(proof.decides.rule->rule.limit_rate > 0);
}

static void test_default_blocked(void **unused)
{
	const struct filter_element element = {.low = {{{192, 0, 2, 4}}},
					       .high = {{{192, 0, 2, 7}}},
					       .id = 77};
	_cleanup_state_ struct netfilter_state state = {0};
	struct packet_set *set;
	struct proof proof;

	put_default(&state);
	set = netfilter_state_set(&state, FIREWALL_TABLE, "block4");
	assert_non_null(set);
	assert_int_equal(packet_set_add(set, &element), 0);
	assert_int_equal(packet_set_add(set, &element), 1);

	proof = ask(&state, false, HOOK_INPUT, UNSPOOFED "ip saddr 192.0.2.0/24 tcp dport 22");
	assert_int_equal(proof.answer, PROOF_VIOLATED);
	assert_int_equal(proof.decides.element, 77);
	assert_true(proof.packet.source[3] >= 4 && proof.packet.source[3] <= 7);

	assert_int_equal(packet_set_remove(set, &element), 0);
	assert_int_equal(packet_set_remove(set, &element), -ENOENT);
	assert_int_equal(always(&state, HOOK_INPUT, UNSPOOFED "ip saddr 192.0.2.0/24 tcp dport 22"),
			 PROOF_HOLDS);
}

/* A guard rail need not be proved again for an element that it has nothing to do with. */
static void test_concerns(void **unused)
{
	const struct filter_element element = {
		.low = {{{192, 0, 2, 4}}, {{IPPROTO_TCP}}, {{0, 22}}},
		.high = {{{192, 0, 2, 4}}, {{IPPROTO_TCP}}, {{0, 22}}}};
	static const struct {
		const char *rule;
		enum packet_hook hook;
		bool concerned;
	} rows[] = {
		{"ip saddr 192.0.2.0/24 tcp dport 22", HOOK_INPUT, true},
		{"tcp dport 20-30", HOOK_INPUT, true},
		{"tcp dport 23", HOOK_INPUT, false},
		{"udp dport 22", HOOK_INPUT, false},
		{"ip saddr 192.0.3.0/24 tcp dport 22", HOOK_INPUT, false},
		{"tcp dport 22", HOOK_OUTPUT, false},
	};
	_cleanup_state_ struct netfilter_state state = {0};
	const struct packet_set *set;

	put_default(&state);
	set = netfilter_state_set(&state, FIREWALL_TABLE, "input_allow_host4");
	assert_non_null(set);
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_region_ struct packet_region region = {0};

		region_of(rows[i].rule, &region);
		assert_int_equal(proof_concerns(&state, set, &element, rows[i].hook, &region),
				 rows[i].concerned);
	}
}

/* ---- other tables, and what is not understood ---- */

static void test_other_tables(void **unused)
{
	static const char mgmt[] = "ct state new ip saddr 10.0.0.0/8 tcp dport 22";
	_cleanup_state_ struct netfilter_state state = {0};
	struct proof proof;

	put(&state, "table inet ours {\n"
		    "chain input {\n type filter hook input priority 0; policy drop;\n"
		    " ip saddr 10.0.0.0/8 accept\n }\n}\n");
	assert_int_equal(always(&state, HOOK_INPUT, mgmt), PROOF_HOLDS);

	/* An accept does not outdo a drop of somebody else, before or behind. */
	put(&state, "table ip theirs {\n"
		    "chain INPUT {\n type filter hook input priority 10; policy accept;\n"
		    " ip saddr 10.7.0.0/16 tcp dport 22 drop\n }\n}\n");
	proof = ask(&state, false, HOOK_INPUT, mgmt);
	assert_int_equal(proof.answer, PROOF_VIOLATED);
	assert_string_equal(proof.decides.chain->table->name, "theirs");
	assert_int_equal(proof.packet.source[1], 7);

	assert_int_equal(netfilter_state_remove(&state, "theirs", NFPROTO_IPV4), 0);
	assert_int_equal(always(&state, HOOK_INPUT, mgmt), PROOF_HOLDS);
	assert_int_equal(netfilter_state_remove(&state, "ours", NFPROTO_INET), 0);
	assert_int_equal(always(&state, HOOK_INPUT, mgmt), PROOF_HOLDS); /* nobody refuses */
}

static void add_unknown_rule(struct netfilter_state *state, enum rule_verdict verdict)
{
	_cleanup_ruleset_ struct ruleset ruleset = {.table = "odd", .family = NFPROTO_INET};
	struct filter_chain *chain = ruleset_add_chain(&ruleset, "c");
	struct filter_rule *rule;

	assert_non_null(chain);
	chain->hook = HOOK_INPUT;
	rule = filter_chain_add_rule(chain);
	assert_non_null(rule);
	rule->match_count = 2;
	rule->matches[0].kind = MATCH_UNKNOWN;
	rule->matches[1] = (struct match){.kind = MATCH_RANGE,
					  .field_count = 1,
					  .fields = {FIELD_PROTOCOL},
					  .range = {{{IPPROTO_TCP}}, {{IPPROTO_TCP}}}};
	rule->verdict = verdict;
	assert_int_equal(netfilter_state_put(state, &ruleset), 0);
}

static void test_unknown_never_holds(void **unused)
{
	static const enum rule_verdict verdicts[] = {RULE_DROP, RULE_UNKNOWN, RULE_REJECT,
						     RULE_CONTINUE};
	_cleanup_state_ struct netfilter_state state = {0};

	for (unsigned i = 0; i < ARRAY_SIZE(verdicts); i++) {
		add_unknown_rule(&state, verdicts[i]);
		assert_int_equal(always(&state, HOOK_INPUT, "tcp dport 22"), PROOF_UNKNOWN);
		/* What is known of the rule still counts. */
		assert_int_equal(always(&state, HOOK_INPUT, "udp dport 22"), PROOF_HOLDS);
	}
}

/* A set of which only the name is known, a chain that is not there, and names that were cut. */
static void test_what_was_not_read(void **unused)
{
	static const char cut[] = "a-name-that-is-just-too-long-fo";
	_cleanup_ruleset_ struct ruleset ruleset = {.table = "odd", .family = NFPROTO_INET};
	_cleanup_state_ struct netfilter_state state = {0};
	struct filter_chain *chain = ruleset_add_chain(&ruleset, cut);
	struct filter_set *set = ruleset_add_set(&ruleset, "s");
	struct filter_rule *rule;

	assert_int_equal(strlen(cut), RULESET_NAME_MAX - 1);
	assert_non_null(chain);
	assert_non_null(set);
	set->unknown = true;
	chain = ruleset_add_chain(&ruleset, "input");
	assert_non_null(chain);
	chain->hook = HOOK_INPUT;
	rule = filter_chain_add_rule(chain);
	assert_non_null(rule);
	rule->match_count = 1;
	rule->matches[0] = (struct match){.kind = MATCH_SET,
					  .field_count = 1,
					  .fields = {FIELD_PROTOCOL},
					  .set = "s"};
	rule->verdict = RULE_DROP;
	assert_int_equal(netfilter_state_put(&state, &ruleset), 0);
	assert_int_equal(always(&state, HOOK_INPUT, "tcp dport 22"), PROOF_UNKNOWN);

	rule->match_count = 0;
	rule->verdict = RULE_JUMP;
	memcpy(rule->target, cut, sizeof(cut));
	assert_int_equal(netfilter_state_put(&state, &ruleset), 0);
	assert_int_equal(ask(&state, false, HOOK_INPUT, "tcp dport 22").doubt, DOUBT_CHAIN);
}

static void test_translation(void **unused)
{
	_cleanup_ruleset_ struct ruleset ruleset = {.table = "nat", .family = NFPROTO_INET};
	_cleanup_state_ struct netfilter_state state = {0};
	struct filter_chain *chain = ruleset_add_chain(&ruleset, "prerouting");
	struct filter_rule *rule;
	struct proof proof;

	assert_non_null(chain);
	chain->hook = HOOK_PREROUTING;
	chain->nat = true;
	chain->priority = CHAIN_PRIORITY_DNAT;
	rule = filter_chain_add_rule(chain);
	assert_non_null(rule);
	rule->match_count = 1;
	rule->matches[0] = (struct match){.kind = MATCH_RANGE,
					  .field_count = 1,
					  .fields = {FIELD_DESTINATION_PORT},
					  .range = {{{0, 80}}, {{0, 80}}}};
	rule->verdict = RULE_DESTINATION_NAT;

	/* Without rules that translate, nothing new is translated. */
	assert_int_equal(always(&state, HOOK_INPUT, "ct state new tcp dport 80"), PROOF_HOLDS);
	assert_int_equal(netfilter_state_put(&state, &ruleset), 0);
	proof = ask(&state, false, HOOK_INPUT, "ct state new tcp dport 80");
	assert_int_equal(proof.answer, PROOF_VIOLATED);
	assert_int_equal(proof.decides.rule->rule.verdict, RULE_DESTINATION_NAT);
	assert_int_equal(always(&state, HOOK_INPUT, "ct state new tcp dport 81"), PROOF_HOLDS);
	/* A translation is decided with the first packet. */
	assert_int_equal(always(&state, HOOK_INPUT, "ct state established tcp dport 80"),
			 PROOF_HOLDS);
}

static void test_links(void **unused)
{
	_cleanup_state_ struct netfilter_state state = {0};
	struct proof proof;

	put(&state, "table inet t {\n"
		    "chain forward {\n type filter hook forward priority 0; policy drop;\n"
		    " iifname \"eth0\" oifname \"eth1\" accept\n"
		    " iifname \"br-*\" accept\n }\n}\n");
	assert_int_equal(always(&state, HOOK_FORWARD, "iifname \"eth0\" oifname \"eth1\""),
			 PROOF_HOLDS);
	assert_int_equal(never(&state, HOOK_FORWARD, "iifname \"eth0\" oifname \"eth2\""),
			 PROOF_HOLDS);
	assert_int_equal(always(&state, HOOK_FORWARD, "iifname \"br-lan\""), PROOF_HOLDS);
	assert_int_equal(never(&state, HOOK_FORWARD, "iifname \"br\""), PROOF_HOLDS);
	proof = ask(&state, false, HOOK_FORWARD, "iifname \"eth0\"");
	assert_int_equal(proof.answer, PROOF_VIOLATED);
	assert_string_not_equal(proof.packet.out_link, "");
	assert_string_not_equal(proof.packet.out_link, "eth1");
}

/* ICMP has no ports, but the kernel reads its bytes as such. */
static void test_ports_of_icmp(void **unused)
{
	_cleanup_state_ struct netfilter_state state = {0};

	put(&state, "table inet t {\n"
		    "chain input {\n type filter hook input priority 0; policy drop;\n"
		    " th sport 2048-2303 accept\n }\n}\n");
	assert_int_equal(always(&state, HOOK_INPUT, "icmp type 8"), PROOF_HOLDS);
	assert_int_equal(never(&state, HOOK_INPUT, "icmp type 0"), PROOF_HOLDS);
}

static void test_explanation(void **unused)
{
	_cleanup_state_ struct netfilter_state state = {0};
	struct explanation told;
	struct packet packet = {
		.family = NFPROTO_IPV4,
		.in_link = "eth0",
		.source = {192, 0, 2, 9},
		.destination = {192, 0, 2, 1},
		.protocol = IPPROTO_TCP,
		.transport = true,
		.source_port = 40000,
		.destination_port = 22,
		.user = PACKET_USER_NONE,
		.state = STATE_NEW,
		.source_type = 1,
		.destination_type = 2,
	};

	put_default(&state);
	explain_packet(&state, HOOK_INPUT, &packet, &told);
	assert_int_equal(told.fate, FATE_ACCEPTED);
	assert_string_equal(told.decides.chain->name, "input");
	assert_int_equal(told.decides.rule->rule.verdict, RULE_ACCEPT);
	assert_true(told.step_count >= 3);

	packet.source[2] = 3;
	explain_packet(&state, HOOK_INPUT, &packet, &told);
	assert_int_equal(told.fate, FATE_REFUSED);
	assert_int_equal(told.decides.rule->rule.verdict, RULE_DROP);
}

static void test_words(void **unused)
{
	static const struct {
		const char *rule, *words;
	} rows[] = {
		{"ip saddr 10.0.0.0/24 tcp dport 22 iifname \"eth0\"",
		 "IPv4 TCP from 10.0.0.0/24 to port 22 in by eth0"},
		{"ip6 daddr fd00::1 udp sport 67-68 ct state new,established",
		 "IPv6 UDP source port 67-68 to fd00::1, new or established"},
		{"ip saddr 10.0.0.1-10.0.0.3 icmp type 8",
		 "IPv4 ICMP from 10.0.0.1-10.0.0.3 type 8"},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_region_ struct packet_region region = {0};
		_cleanup_text_buffer_ struct text_buffer text = {0};

		region_of(rows[i].rule, &region);
		assert_int_equal(region.count, 1);
		packet_box_describe(&region.boxes[0], &text);
		text_buffer_append(&text, "", 1);
		assert_string_equal(text.data, rows[i].words);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default_management),
		cmocka_unit_test(test_default_limits_are_unknown),
		cmocka_unit_test(test_default_blocked),
		cmocka_unit_test(test_concerns),
		cmocka_unit_test(test_other_tables),
		cmocka_unit_test(test_unknown_never_holds),
		cmocka_unit_test(test_what_was_not_read),
		cmocka_unit_test(test_translation),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_ports_of_icmp),
		cmocka_unit_test(test_explanation),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
