/* Proofs against a second opinion: one packet at a time, straight from the ruleset. */
#include "firewall/audit.h"
#include "firewall/prove_walk.h"
#include "firewall_random.h"
#include "unit.h"

#define RULESETS     400
#define PACKETS_EACH 24
#define REGIONS_EACH 4
#define TABLES_MAX   3

/* ---- the second opinion: what may become of a packet ---- */

enum { MAY_ACCEPT = 1, MAY_REFUSE = 2, MAY_BACK = 4 };

struct opinion {
	const struct packet *packet;
	const struct ruleset *ruleset;
	struct field_context context;
};

/* 0 no, 1 yes, 2 maybe */
static int opinion_set(const struct opinion *opinion, const struct match *match)
{
	const struct filter_set *set = ruleset_set(opinion->ruleset, match->set);
	struct packet_value values[MATCH_FIELDS_MAX];

	for (unsigned i = 0; i < set->field_count; i++)
		if (!packet_field_value(opinion->packet, match->fields[i], &values[i]))
			return 0;
	for (size_t n = 0; n < set->element_count; n++) {
		const struct filter_element *element = &set->elements[n];
		bool in = true;

		for (unsigned i = 0; i < set->field_count; i++)
			in &= memcmp(values[i].bytes, element->low[i].bytes, PACKET_VALUE_MAX) >=
				      0 &&
			      memcmp(values[i].bytes, element->high[i].bytes, PACKET_VALUE_MAX) <=
				      0;
		if (in)
			return !match->negated;
	}
	return set->unknown ? 2 : match->negated;
}

static int opinion_match(const struct opinion *opinion, const struct match *match)
{
	if (match->kind == MATCH_UNKNOWN)
		return 2;
	for (unsigned i = 0; i < match->field_count; i++)
		if (field_doubt(&opinion->context, match->fields[i]) != DOUBT_NONE)
			return 2;
	if (match->kind == MATCH_SET)
		return opinion_set(opinion, match);
	return packet_matches(opinion->packet, match);
}

static int opinion_rule(struct opinion *opinion, const struct filter_rule *rule)
{
	int matches = rule->limit_rate ? 2 : 1;

	for (unsigned i = 0; i < rule->match_count; i++) {
		int one = opinion_match(opinion, &rule->matches[i]);

		if (one == 0)
			return 0;
		matches = MAX(matches, one);
	}
	for (unsigned i = 0; i < rule->match_count; i++)
		opinion->context.remarked |= rule->matches[i].kind == MATCH_UNKNOWN;
	return matches;
}

/* `flags` get what of the packet may be another from here on. */
static int opinion_chain(struct opinion *opinion, const struct filter_chain *chain, size_t from,
			 bool *rewritten)
{
	for (size_t i = from; i < chain->rule_count; i++) {
		const struct filter_rule *rule = &chain->rules[i];
		int matches = opinion_rule(opinion, rule), fates = 0;

		if (matches == 0 || rule->verdict == RULE_CONTINUE)
			continue;
		switch (rule->verdict) {
		case RULE_UNKNOWN:
			opinion->context.remarked = true;
			fates = MAY_ACCEPT | MAY_REFUSE |
				opinion_chain(opinion, chain, i + 1, rewritten);
			break;
		case RULE_SOURCE_NAT:
			*rewritten = true;
			fates = MAY_ACCEPT;
			break;
		case RULE_ACCEPT:
			fates = MAY_ACCEPT;
			break;
		case RULE_RETURN:
			fates = MAY_BACK;
			break;
		case RULE_GOTO:
			fates = opinion_chain(opinion,
					      ruleset_chain(opinion->ruleset, rule->target), 0,
					      rewritten);
			break;
		case RULE_JUMP:
			fates = opinion_chain(opinion,
					      ruleset_chain(opinion->ruleset, rule->target), 0,
					      rewritten);
			if (fates & MAY_BACK)
				fates = (fates & ~MAY_BACK) |
					opinion_chain(opinion, chain, i + 1, rewritten);
			break;
		default:
			fates = MAY_REFUSE;
			break;
		}
		if (matches == 2)
			fates |= opinion_chain(opinion, chain, i + 1, rewritten);
		return fates;
	}
	return MAY_BACK;
}

struct world {
	struct ruleset rulesets[TABLES_MAX];
	unsigned count;
	struct netfilter_state state;
};

static int opinion_base(struct opinion *opinion, const struct state_chain *base)
{
	const struct packet *packet = opinion->packet;
	const struct filter_chain *chain = ruleset_chain(opinion->ruleset, base->name);
	bool maybe = false, rewritten = false;
	int fates;

	if (!chain_concerns(base, packet->family))
		return MAY_ACCEPT;
	if (base->nat) {
		bool destination = base->hook == HOOK_PREROUTING || base->hook == HOOK_OUTPUT;

		if ((destination && opinion->context.translated) ||
		    (base->hook == HOOK_PREROUTING && strcmp(packet->in_link, "lo") == 0) ||
		    !(packet->state & (STATE_NEW | STATE_RELATED)))
			return MAY_ACCEPT;
		maybe = packet->state == STATE_RELATED;
	}
	opinion->context.base = base;
	fates = opinion_chain(opinion, chain, 0, &rewritten);
	if (fates & MAY_BACK)
		fates = (fates & ~MAY_BACK) | (base->drops ? MAY_REFUSE : MAY_ACCEPT);
	opinion->context.rewritten |= rewritten;
	return maybe ? fates | MAY_ACCEPT : fates;
}

static int opinion_of(const struct world *world, enum packet_hook hook, const struct packet *packet)
{
	bool tracked = !(packet->state & (STATE_INVALID | STATE_UNTRACKED));
	struct opinion opinion = {
		.packet = packet,
		.context = {.question = hook,
			    .translated =
				    tracked && (packet->status & (IPS_SRC_NAT | IPS_DST_NAT))},
	};
	int all = MAY_ACCEPT;

	for (const enum packet_hook *at = packet_path(hook); *at != HOOK_NONE; at++) {
		for (size_t i = 0; i < world->state.base_count && (all & MAY_ACCEPT); i++) {
			const struct state_chain *base = world->state.base[i];
			int fates;

			if (base->hook != *at)
				continue;
			for (unsigned t = 0; t < world->count; t++)
				if (strcmp(world->rulesets[t].table, base->table->name) == 0)
					opinion.ruleset = &world->rulesets[t];
			fates = opinion_base(&opinion, base);
			all = (all & ~MAY_ACCEPT) | fates;
		}
	}
	return all;
}

/* ---- worlds ---- */

static void world_make(struct world *world, struct random_choice *random)
{
	*world = (struct world){.count = 1 + random_below(random, TABLES_MAX)};
	for (unsigned i = 0; i < world->count; i++) {
		random_ruleset(random, &world->rulesets[i], i);
		assert_int_equal(netfilter_state_put(&world->state, &world->rulesets[i]), 0);
	}
}

static void world_clear(struct world *world)
{
	for (unsigned i = 0; i < world->count; i++)
		ruleset_clear(&world->rulesets[i]);
	netfilter_state_clear(&world->state);
}

/* A packet of which a new connection would have a translation that nobody made is none. */
static bool is_possible(const struct world *world, const struct packet *packet)
{
	return world->state.translates || packet->state != STATE_NEW ||
	       !(packet->status & (IPS_SRC_NAT | IPS_DST_NAT));
}

static void check_explanation(const struct world *world, enum packet_hook hook,
			      const struct packet *packet)
{
	struct explanation told;
	int opinion = opinion_of(world, hook, packet);

	explain_packet(&world->state, hook, packet, &told);
	if (told.limited)
		return;
	if (told.fate == FATE_ACCEPTED)
		assert_int_equal(opinion, MAY_ACCEPT);
	else if (told.fate != FATE_UNKNOWN)
		assert_int_equal(opinion, MAY_REFUSE);
}

static bool region_has(const struct packet_region *region, const struct packet *packet)
{
	unsigned count = 0;

	for (size_t i = 0; i < region->count; i++)
		count += packet_box_contains(&region->boxes[i], packet);
	assert_true(count <= 1); /* its boxes are disjoint */
	return count;
}

static unsigned too_large;    /* questions that were given up */
static unsigned done_nothing; /* elements that an audit found to do nothing */

/* `good` is what every packet of the region is asked to be. */
static void check_proof(const struct world *world, enum packet_hook hook,
			const struct packet_region *region, const struct packet *packets,
			const struct proof *proof, int good, bool certain)
{
	int bad = MAY_ACCEPT + MAY_REFUSE - good;

	if (proof->answer == PROOF_VIOLATED) {
		assert_true(region_has(region, &proof->packet));
		assert_int_equal(opinion_of(world, hook, &proof->packet), bad);
	}
	if (proof->answer == PROOF_UNKNOWN && proof->doubt == DOUBT_WORK) {
		too_large++;
		return;
	}
	if (certain)
		assert_int_not_equal(proof->answer, PROOF_UNKNOWN);
	for (unsigned i = 0; i < PACKETS_EACH; i++) {
		int opinion;

		if (!region_has(region, &packets[i]) || !is_possible(world, &packets[i]))
			continue;
		opinion = opinion_of(world, hook, &packets[i]);
		if (proof->answer == PROOF_HOLDS)
			assert_int_equal(opinion, good);
		if (opinion == bad)
			assert_int_equal(proof->answer, PROOF_VIOLATED);
	}
}

static void check_region(const struct world *world, enum packet_hook hook,
			 struct random_choice *random, const struct packet *packets)
{
	_cleanup_region_ struct packet_region region = {0};
	struct proof proof;

	packet_region_of_hook(hook, &region);
	for (unsigned n = random_below(random, 4); n > 0; n--) {
		struct match match = random_match(random, NULL);
		int r = packet_region_match(&region, &match);

		assert_true(r == 0 || match.kind == MATCH_UNKNOWN);
		if (r < 0)
			return;
	}
	assert_int_equal(prove_always(&world->state, hook, &region, &proof), 0);
	check_proof(world, hook, &region, packets, &proof, MAY_ACCEPT, random->certain);
	assert_int_equal(prove_never(&world->state, hook, &region, &proof), 0);
	check_proof(world, hook, &region, packets, &proof, MAY_REFUSE, random->certain);
}

/* Without what is said to do nothing, the same becomes of every packet that begins a connection. */
static void check_audit(struct world *world, enum packet_hook hook, const struct packet *packets)
{
	struct state_table *table = world->state.tables[0];
	struct packet_set *set = table->set_count > 0 ? &table->sets[0] : NULL;
	struct explanation before[PACKETS_EACH], after;
	struct filter_element element;
	struct audit_finding finding;

	if (!set || set->count == 0 || audit_element(&world->state, set, 0, &finding) < 0 ||
	    (finding.kind != AUDIT_SHADOWED && finding.kind != AUDIT_REDUNDANT))
		return;
	for (unsigned i = 0; i < PACKETS_EACH; i++)
		explain_packet(&world->state, hook, &packets[i], &before[i]);
	packet_set_element(set, 0, &element);
	assert_int_equal(packet_set_remove(set, &element), 0);
	for (unsigned i = 0; i < PACKETS_EACH; i++) {
		const struct packet *packet = &packets[i];

		if (packet->state != STATE_NEW || !is_possible(world, packet) ||
		    strcmp(packet->in_link, "lo") == 0 || strcmp(packet->out_link, "lo") == 0 ||
		    (hook != HOOK_OUTPUT && packet->source_type != 1))
			continue;
		explain_packet(&world->state, hook, packet, &after);
		assert_int_equal(before[i].fate == FATE_ACCEPTED, after.fate == FATE_ACCEPTED);
	}
	done_nothing++;
}

static uint64_t seed_given(void)
{
	const char *text = getenv("SEED");

	return text ? strtoull(text, NULL, 10) : 1;
}

static unsigned rulesets_given(void)
{
	const char *text = getenv("RULESETS");

	return text ? (unsigned)strtoul(text, NULL, 10) : RULESETS;
}

static void test_random_rulesets(void **state)
{
	uint64_t seed = seed_given();

	for (unsigned n = 0; n < rulesets_given(); n++) {
		struct random_choice random = {.state = (seed + n) * 0x9e3779b97f4a7c15,
					       .certain = n % 2};
		struct packet packets[PACKETS_EACH];
		struct world world;
		enum packet_hook hook;

		if (getenv("SEED"))
			print_message("seed %llu\n", (unsigned long long)seed + n);
		for (int i = 0; i < 8; i++)
			random_below(&random, 2);
		hook = HOOK_INPUT + random_below(&random, 3);
		world_make(&world, &random);
		for (unsigned i = 0; i < PACKETS_EACH; i++) {
			packets[i] = random_packet(&random, hook);
			check_explanation(&world, hook, &packets[i]);
		}
		for (unsigned i = 0; i < REGIONS_EACH; i++)
			check_region(&world, hook, &random, packets);
		check_audit(&world, hook, packets);
		world_clear(&world);
	}
	assert_true(done_nothing > 0);
	assert_true(too_large <= 8 + rulesets_given() * REGIONS_EACH * 2 / 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_rulesets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
