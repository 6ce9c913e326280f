#include "prove.h"

#include <errno.h>

#include "prove_walk.h"

const char *proof_doubt_text(enum proof_doubt doubt)
{
	static const char *const texts[] = {
		[DOUBT_NONE] = "nothing is in doubt",
		[DOUBT_LIMIT] = "the rule matches up to a rate only",
		[DOUBT_MATCH] = "the rule asks for something that cannot be modelled",
		[DOUBT_RULE] = "the rule does something that cannot be modelled",
		[DOUBT_SET] = "not all elements of the rule's set could be read",
		[DOUBT_CONTEXT] = "what the rule asks for may be otherwise where its chain stands",
		[DOUBT_TRANSLATION] = "addresses are rewritten before or after the rule",
		[DOUBT_CHAIN] = "the chain that the rule leads to is not there, or too deep",
		[DOUBT_WORK] = "the question is too large to be decided",
	};

	return texts[doubt];
}

static void violated(struct proof *proof, const struct flow_item *item, const struct packet *packet)
{
	proof->answer = PROOF_VIOLATED;
	proof->packet = *packet;
	proof->decides = item->decides;
}

/* Whatever is in doubt, these end badly: they are bad surely, or not among the good ones, not even
 * in doubt. */
static int find_surely_bad(const struct flow_item *item, const struct flow *good,
			   struct flow_walk *walk, struct proof *proof)
{
	_cleanup_region_ struct packet_region left = {0};
	struct packet packet;

	packet_region_add(&left, &item->box);
	for (size_t i = 0; i < good->count && item->doubt != DOUBT_NONE && left.count > 0; i++) {
		if (!flow_walk_spend(walk, left.count))
			return 0;
		packet_region_subtract(&left, &good->items[i].box);
	}
	if (left.failed)
		return -ENOMEM;
	for (size_t i = 0; i < left.count && proof->answer != PROOF_VIOLATED; i++)
		if (packet_box_witness(&left.boxes[i], &packet))
			violated(proof, item, &packet);
	return 0;
}

static int judge(const struct flow *bad, const struct flow *good, struct flow_walk *walk,
		 struct proof *proof)
{
	struct packet packet;
	int r = 0;

	for (int doubtful = 0; doubtful < 2; doubtful++)
		for (size_t i = 0; i < bad->count && proof->answer != PROOF_VIOLATED && r == 0; i++)
			if ((bad->items[i].doubt != DOUBT_NONE) == doubtful)
				r = find_surely_bad(&bad->items[i], good, walk, proof);

	for (size_t i = 0; i < bad->count && proof->answer == PROOF_HOLDS; i++) {
		if (!packet_box_witness(&bad->items[i].box, &packet))
			continue;
		proof->answer = PROOF_UNKNOWN;
		proof->doubt = bad->items[i].doubt;
		proof->decides = bad->items[i].doubtful;
	}
	return r;
}

static int prove(const struct netfilter_state *state, enum packet_hook hook,
		 const struct packet_region *region, bool never, struct proof *ret)
{
	_cleanup_walk_ struct flow_walk walk = {.state = state, .hook = hook, .stops = !never};
	int r;

	*ret = (struct proof){.answer = PROOF_HOLDS};
	r = flow_walk_run(&walk, region);
	if (r < 0)
		return r;
	if (walk.exhausted) {
		*ret = (struct proof){.answer = PROOF_UNKNOWN, .doubt = DOUBT_WORK};
		return 0;
	}
	return never ? judge(&walk.accepted, &walk.refused, &walk, ret)
		     : judge(&walk.refused, &walk.accepted, &walk, ret);
}

int prove_always(const struct netfilter_state *state, enum packet_hook hook,
		 const struct packet_region *region, struct proof *ret)
{
	return prove(state, hook, region, false, ret);
}

int prove_never(const struct netfilter_state *state, enum packet_hook hook,
		const struct packet_region *region, struct proof *ret)
{
	return prove(state, hook, region, true, ret);
}

/* Whether a look-up into the set by these fields finds the element for a packet of the region. */
static bool is_found(const struct match *match, const struct filter_element *element,
		     const struct packet_region *region)
{
	bool found = false;

	for (size_t i = 0; i < region->count && !found; i++) {
		_cleanup_region_ struct packet_region taken = {0};

		filter_element_take(element, match->fields, match->field_count, &region->boxes[i],
				    &taken);
		found = taken.failed || taken.count > 0;
	}
	return found;
}

static bool chain_finds(const struct state_chain *chain, const struct packet_set *set,
			const struct filter_element *element, const struct packet_region *region)
{
	for (size_t i = 0; i < chain->rule_count; i++) {
		const struct state_rule *rule = &chain->rules[i];

		for (unsigned j = 0; j < rule->rule.match_count; j++)
			if (rule->matches[j].set == set && !rule->matches[j].unknown &&
			    is_found(&rule->rule.matches[j], element, region))
				return true;
	}
	return false;
}

bool proof_concerns(const struct netfilter_state *state, const struct packet_set *set,
		    const struct filter_element *element, enum packet_hook hook,
		    const struct packet_region *region)
{
	unsigned path = 0;

	for (const enum packet_hook *at = packet_path(hook); *at != HOOK_NONE; at++)
		path |= 1u << *at;
	for (size_t i = 0; i < state->table_count; i++)
		for (size_t j = 0; j < state->tables[i]->chain_count; j++)
			if ((state->tables[i]->chains[j].hooks & path) &&
			    chain_finds(&state->tables[i]->chains[j], set, element, region))
				return true;
	return false;
}
