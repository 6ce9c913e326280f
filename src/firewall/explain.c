#include <linux/netfilter/nf_conntrack_common.h>
#include <string.h>

#include "prove.h"
#include "prove_walk.h"

/* What becomes of a packet in a chain. */
enum way {
	WAY_ON, /* to the next rule; of a chain: back to where it came from */
	WAY_ACCEPTED,
	WAY_REFUSED,
	WAY_TRANSLATED,
	WAY_UNKNOWN,
};

struct visit {
	const struct packet *packet;
	struct explanation *told;
	struct field_context context;
};

static void tell(struct visit *visit, const struct decision *where, bool decides)
{
	struct explanation *told = visit->told;

	if (told->step_count < EXPLANATION_STEPS_MAX)
		told->steps[told->step_count++] =
			(struct explanation_step){.where = *where, .decides = decides};
	if (decides)
		told->decides = *where;
}

static enum way unknown(struct visit *visit, const struct decision *where, enum proof_doubt doubt)
{
	visit->told->doubt = doubt;
	tell(visit, where, true);
	return WAY_UNKNOWN;
}

/* ---- does a rule match? ---- */

static enum proof_doubt set_asks(const struct packet_set *set, const struct match *asked,
				 const struct packet *packet, bool *ret_matches,
				 struct decision *where)
{
	struct packet_value value;
	size_t number;

	*ret_matches = false;
	for (unsigned i = 0; i < set->field_count; i++)
		if (!packet_field_value(packet, asked->fields[i], &value))
			return DOUBT_NONE;
	number = packet_set_find(set, asked->fields, packet);
	if (number == SIZE_MAX && set->partial)
		return DOUBT_SET;
	*ret_matches = (number != SIZE_MAX) != asked->negated;
	if (number != SIZE_MAX && !asked->negated)
		where->element = set->ids[number];
	return DOUBT_NONE;
}

static enum proof_doubt match_asks(struct visit *visit, const struct state_match *match,
				   const struct match *asked, bool *ret_matches,
				   struct decision *where)
{
	enum proof_doubt doubt = DOUBT_NONE;

	if (match->unknown)
		return DOUBT_MATCH;
	for (unsigned i = 0; i < MAX(asked->field_count, 1u) && doubt == DOUBT_NONE; i++)
		doubt = field_doubt(&visit->context, asked->fields[i]);
	if (doubt != DOUBT_NONE)
		return doubt;
	if (match->set)
		return set_asks(match->set, asked, visit->packet, ret_matches, where);
	*ret_matches = packet_matches(visit->packet, asked);
	return DOUBT_NONE;
}

/* ---- what the rule does ---- */

static enum way visit_chain(struct visit *visit, const struct state_chain *chain, unsigned depth,
			    bool *ret_back);

static enum way visit_verdict(struct visit *visit, const struct state_rule *rule,
			      const struct decision *where, unsigned depth, bool *ret_back)
{
	enum rule_verdict verdict = rule->rule.verdict;

	switch (verdict) {
	case RULE_CONTINUE:
		tell(visit, where, false);
		return WAY_ON;
	case RULE_SOURCE_NAT:
		visit->context.rewritten = true;
		tell(visit, where, true);
		return WAY_ACCEPTED;
	case RULE_ACCEPT:
		tell(visit, where, true);
		return WAY_ACCEPTED;
	case RULE_DROP:
	case RULE_REJECT_RESET:
	case RULE_REJECT_PROHIBITED:
	case RULE_REJECT:
		tell(visit, where, true);
		return WAY_REFUSED;
	case RULE_DESTINATION_NAT:
		tell(visit, where, true);
		return WAY_TRANSLATED;
	case RULE_RETURN:
		tell(visit, where, false);
		*ret_back = true;
		return WAY_ON;
	case RULE_JUMP:
	case RULE_GOTO:
		if (!rule->target || depth >= CHAIN_JUMPS_MAX)
			return unknown(visit, where, DOUBT_CHAIN);
		tell(visit, where, false);
		*ret_back = verdict == RULE_GOTO;
		return visit_chain(visit, rule->target, depth + 1, &(bool){false});
	case RULE_UNKNOWN:
		break;
	}
	return unknown(visit, where, DOUBT_RULE);
}

static enum way visit_rule(struct visit *visit, const struct state_chain *chain,
			   const struct state_rule *rule, unsigned depth, bool *ret_back)
{
	struct decision where = {.chain = chain, .rule = rule};
	bool matches = true;

	for (unsigned i = 0; i < rule->rule.match_count && matches; i++) {
		enum proof_doubt doubt = match_asks(visit, &rule->matches[i],
						    &rule->rule.matches[i], &matches, &where);

		if (doubt == DOUBT_NONE)
			continue;
		if (rule->rule.verdict == RULE_CONTINUE)
			return WAY_ON;
		return unknown(visit, &where, doubt);
	}
	if (!matches)
		return WAY_ON;
	visit->told->limited |= rule->rule.limit_rate && rule->rule.verdict != RULE_CONTINUE;
	return visit_verdict(visit, rule, &where, depth, ret_back);
}

static enum way visit_chain(struct visit *visit, const struct state_chain *chain, unsigned depth,
			    bool *ret_back)
{
	enum way way = WAY_ON;

	for (size_t i = 0; i < chain->rule_count && way == WAY_ON && !*ret_back; i++)
		way = visit_rule(visit, chain, &chain->rules[i], depth, ret_back);
	return way;
}

/* ---- base chains ---- */

/* Whether a base chain sees the packet; false with a doubt if that cannot be told. */
static bool base_sees(const struct visit *visit, const struct state_chain *base,
		      enum proof_doubt *ret_doubt)
{
	const struct packet *packet = visit->packet;
	bool destination = base->hook == HOOK_PREROUTING || base->hook == HOOK_OUTPUT;

	if (!chain_concerns(base, packet->family))
		return false;
	if (!base->nat)
		return true;
	if (destination && visit->context.translated)
		return false;
	if (base->hook == HOOK_PREROUTING && strcmp(packet->in_link, "lo") == 0)
		return false;
	if (packet->state == STATE_RELATED && (base->rule_count > 0 || base->drops))
		*ret_doubt = DOUBT_TRANSLATION;
	return packet->state == STATE_NEW;
}

static enum way visit_base(struct visit *visit, const struct state_chain *base)
{
	const struct decision policy = {.chain = base};
	enum proof_doubt doubt = DOUBT_NONE;
	struct decision told_before;
	enum way way;

	visit->context.base = base;
	if (!base_sees(visit, base, &doubt))
		return doubt == DOUBT_NONE ? WAY_ACCEPTED : unknown(visit, &policy, doubt);
	way = visit_chain(visit, base, 0, &(bool){false});
	if (way != WAY_ON)
		return way;
	told_before = visit->told->decides;
	tell(visit, &policy, true);
	/* That somebody accepts by default says less than a rule that accepts. */
	if (!base->drops && told_before.rule)
		visit->told->decides = told_before;
	return base->drops ? WAY_REFUSED : WAY_ACCEPTED;
}

static enum way visit_hooks(struct visit *visit, const struct netfilter_state *state,
			    enum packet_hook question)
{
	const struct state_chain *stranger = state_stranger(state);

	if (stranger)
		return unknown(visit, &(struct decision){.chain = stranger}, DOUBT_RULE);
	for (const enum packet_hook *hook = packet_path(question); *hook != HOOK_NONE; hook++) {
		for (size_t i = 0; i < state->base_count; i++) {
			enum way way = WAY_ACCEPTED;

			if (state->base[i]->hook == *hook)
				way = visit_base(visit, state->base[i]);
			if (way != WAY_ACCEPTED)
				return way;
		}
	}
	return WAY_ACCEPTED;
}

void explain_packet(const struct netfilter_state *state, enum packet_hook hook,
		    const struct packet *packet, struct explanation *ret)
{
	static const enum packet_fate fates[] = {
		[WAY_ON] = FATE_UNKNOWN,      [WAY_ACCEPTED] = FATE_ACCEPTED,
		[WAY_REFUSED] = FATE_REFUSED, [WAY_TRANSLATED] = FATE_TRANSLATED,
		[WAY_UNKNOWN] = FATE_UNKNOWN,
	};
	bool tracked = !(packet->state & (STATE_INVALID | STATE_UNTRACKED));
	struct visit visit = {
		.packet = packet,
		.told = ret,
		.context = {.question = hook,
			    .translated =
				    tracked && (packet->status & (IPS_SRC_NAT | IPS_DST_NAT))},
	};

	*ret = (struct explanation){0};
	ret->fate = fates[visit_hooks(&visit, state, hook)];
}
