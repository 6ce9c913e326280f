#include "prove_walk.h"

#include <errno.h>
#include <string.h>

#define WALK_WORK_MAX (1u << 18) /* some 0.1 s */

void flow_walk_clear(struct flow_walk *walk)
{
	flow_clear(&walk->accepted);
	flow_clear(&walk->refused);
}

bool flow_walk_spend(struct flow_walk *walk, size_t steps)
{
	walk->work += steps;
	if (walk->work > WALK_WORK_MAX)
		walk->exhausted = true;
	return !walk->exhausted;
}

static void refuse(struct flow_walk *walk, const struct flow *flow)
{
	struct packet packet;

	flow_join(&walk->refused, flow);
	for (size_t i = 0; walk->stops && i < flow->count; i++)
		if (flow->items[i].doubt == DOUBT_NONE &&
		    packet_box_witness(&flow->items[i].box, &packet))
			walk->over = true;
}

/* Whether nothing can become of `a` that is not said of `b`. */
static bool is_said_by(const struct flow_item *a, const struct flow_item *b)
{
	return a->doubt != DOUBT_NONE && b->doubt != DOUBT_NONE && a->remarked <= b->remarked &&
	       a->translated == b->translated && packet_box_within(&a->box, &b->box);
}

/* Whether an item is in the flow already; puts it in the place of one that it says more than. */
static bool is_known(struct flow *flow, const struct flow_item *item)
{
	for (size_t i = 0; i < flow->count; i++) {
		if (is_said_by(item, &flow->items[i]))
			return true;
		if (is_said_by(&flow->items[i], item)) {
			flow->items[i] = *item;
			return true;
		}
	}
	return false;
}

/* Joins flows that may have the same packets, in doubt, in both: else they would double with every
 * rule that is in doubt. */
static void join_once(struct flow_walk *walk, struct flow *into, const struct flow *from)
{
	for (size_t i = 0; i < from->count; i++) {
		const struct flow_item *item = &from->items[i];

		if (item->doubt == DOUBT_NONE) {
			flow_add(into, item);
			continue;
		}
		if (!flow_walk_spend(walk, 1 + into->count / 16))
			return;
		if (!is_known(into, item))
			flow_add(into, item);
	}
	into->failed |= from->failed;
}

/* ---- what a rule does with what it takes ---- */

static void walk_chain(struct chain_walk *walk, const struct state_chain *chain,
		       const struct flow *in, struct flow *out, unsigned depth);

/* What a rule decides; its element tells which rule of intent that is. */
static void decide(struct flow *flow, const struct decision *where)
{
	for (size_t i = 0; i < flow->count; i++) {
		flow->items[i].decides = *where;
		flow->items[i].decides.element = flow->items[i].element;
	}
}

static void doubt_all(struct flow *flow, enum proof_doubt doubt, const struct decision *where)
{
	for (size_t i = 0; i < flow->count; i++)
		flow_item_doubt(&flow->items[i], doubt, where);
}

/* Nobody knows what becomes of these. */
static void anything(struct chain_walk *walk, struct flow *flow, enum proof_doubt doubt,
		     const struct decision *where, struct flow *rest)
{
	doubt_all(flow, doubt, where);
	decide(flow, where);
	for (size_t i = 0; i < flow->count; i++)
		flow->items[i].remarked = true;
	refuse(walk->walk, flow);
	flow_join(&walk->accepted, flow);
	join_once(walk->walk, rest, flow);
}

static void follow(struct chain_walk *walk, const struct state_rule *rule, struct flow *taken,
		   const struct decision *where, struct flow *rest, struct flow *out,
		   unsigned depth)
{
	_cleanup_flow_ struct flow returned = {0};

	if (!rule->target || depth >= CHAIN_JUMPS_MAX) {
		anything(walk, taken, DOUBT_CHAIN, where, rest);
	} else if (rule->rule.verdict == RULE_GOTO) {
		walk_chain(walk, rule->target, taken, out, depth + 1);
	} else {
		walk_chain(walk, rule->target, taken, &returned, depth + 1);
		join_once(walk->walk, rest, &returned);
	}
}

static void walk_verdict(struct chain_walk *walk, const struct state_rule *rule, struct flow *taken,
			 const struct decision *where, struct flow *rest, struct flow *out,
			 unsigned depth)
{
	switch (rule->rule.verdict) {
	case RULE_CONTINUE:
		flow_join(rest, taken);
		return;
	case RULE_SOURCE_NAT:
		decide(taken, where);
		for (size_t i = 0; i < taken->count; i++)
			taken->items[i].rewritten = true;
		flow_join(&walk->accepted, taken);
		return;
	case RULE_ACCEPT:
		decide(taken, where);
		flow_join(&walk->accepted, taken);
		return;
	case RULE_DROP:
	case RULE_REJECT_RESET:
	case RULE_REJECT_PROHIBITED:
	case RULE_REJECT:
	case RULE_DESTINATION_NAT: /* they go elsewhere */
		decide(taken, where);
		refuse(walk->walk, taken);
		return;
	case RULE_JUMP:
	case RULE_GOTO:
		follow(walk, rule, taken, where, rest, out, depth);
		return;
	case RULE_RETURN:
		join_once(walk->walk, out, taken);
		return;
	case RULE_UNKNOWN:
		anything(walk, taken, DOUBT_RULE, where, rest);
		return;
	}
}

/* Takes a flow through a chain; `out` gets what comes back from it. */
static void walk_chain(struct chain_walk *walk, const struct state_chain *chain,
		       const struct flow *in, struct flow *out, unsigned depth)
{
	_cleanup_flow_ struct flow now = {0};

	flow_join(&now, in);
	for (size_t i = 0; i < chain->rule_count && now.count > 0; i++) {
		const struct state_rule *rule = &chain->rules[i];
		const struct decision where = {.chain = chain, .rule = rule};
		_cleanup_flow_ struct flow taken = {0};
		struct flow rest = {0};

		if (rule->rule.verdict == RULE_CONTINUE)
			continue;
		chain_walk_split(walk, chain, rule, &now, &taken, &rest);
		walk_verdict(walk, rule, &taken, &where, &rest, out, depth);
		rest.failed |= now.failed || taken.failed;
		flow_clear(&now);
		now = rest;
		if (walk->walk->over || walk->walk->exhausted)
			return;
	}
	join_once(walk->walk, out, &now);
}

/* ---- base chains ---- */

/* A chain of type nat sees the packets that begin a connection; from the loopback link they come
 * with their translation decided. */
static void pass_nat(const struct state_chain *base, const struct flow *in, struct flow *sees,
		     struct flow *passes)
{
	const struct decision where = {.chain = base};
	bool destination = base->hook == HOOK_PREROUTING || base->hook == HOOK_OUTPUT;
	struct packet_value loopback = packet_value_text("lo");

	for (size_t i = 0; i < in->count; i++) {
		_cleanup_region_ struct packet_region local = {0}, others = {0};
		struct flow_item item = in->items[i];

		if (destination && item.translated) {
			flow_add(passes, &item);
			continue;
		}
		packet_region_add(&others, &item.box);
		if (base->hook == HOOK_PREROUTING)
			packet_box_restrict(&item.box, FIELD_IN_LINK, &loopback, &loopback, &local);
		flow_add_boxes(passes, &item, &local);
		for (size_t j = 0; j < local.count; j++)
			packet_region_subtract(&others, &local.boxes[j]);
		flow_add_by_state(passes, &item, &others, ~(uint32_t)(STATE_NEW | STATE_RELATED));
		flow_add_by_state(sees, &item, &others, STATE_NEW);
		flow_item_doubt(&item, DOUBT_TRANSLATION, &where);
		flow_add_by_state(sees, &item, &others, STATE_RELATED);
		flow_add_by_state(passes, &item, &others, STATE_RELATED);
	}
	passes->failed |= in->failed;
}

static void pass_others(const struct state_chain *base, const struct flow *in, struct flow *sees,
			struct flow *passes)
{
	for (size_t i = 0; i < in->count; i++) {
		bool v6 = in->items[i].box.choice[CHOICE_FAMILY] & 1u << NFPROTO_IPV6;

		flow_add(chain_concerns(base, v6 ? NFPROTO_IPV6 : NFPROTO_IPV4) ? sees : passes,
			 &in->items[i]);
	}
	passes->failed |= in->failed;
}

static void walk_base(struct flow_walk *walk, const struct state_chain *base, struct flow *flow)
{
	struct chain_walk chain_walk = {.walk = walk, .base = base};
	_cleanup_flow_ struct flow concerned = {0}, sees = {0}, back = {0};

	pass_others(base, flow, &concerned, &chain_walk.accepted);
	if (base->nat)
		pass_nat(base, &concerned, &sees, &chain_walk.accepted);
	else
		flow_join(&sees, &concerned);

	walk_chain(&chain_walk, base, &sees, &back, 0);
	/* That somebody accepts by default says less than a rule that accepts. */
	for (size_t i = 0; i < back.count; i++)
		if (base->drops || !back.items[i].decides.rule)
			back.items[i].decides = (struct decision){.chain = base};
	if (base->drops)
		refuse(walk, &back);
	else
		flow_join(&chain_walk.accepted, &back);

	chain_walk.accepted.failed |= back.failed || sees.failed || concerned.failed;
	flow_clear(flow);
	*flow = chain_walk.accepted;
}

int flow_walk_run(struct flow_walk *walk, const struct packet_region *region)
{
	const struct netfilter_state *state = walk->state;
	const struct state_chain *stranger = state_stranger(state);
	struct flow flow = {0};
	int r;

	r = flow_start(&flow, state, walk->hook, region);
	if (r < 0) {
		flow_clear(&flow);
		return r;
	}
	if (stranger) {
		doubt_all(&flow, DOUBT_RULE, &(struct decision){.chain = stranger});
		flow_join(&walk->refused, &flow);
	}
	for (const enum packet_hook *hook = packet_path(walk->hook); *hook != HOOK_NONE; hook++)
		for (size_t i = 0; i < state->base_count; i++)
			if (state->base[i]->hook == *hook && !walk->over && !walk->exhausted)
				walk_base(walk, state->base[i], &flow);
	flow_clear(&walk->accepted);
	walk->accepted = flow;
	return walk->accepted.failed || walk->refused.failed ? -ENOMEM : 0;
}
