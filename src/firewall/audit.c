#include "audit.h"

#include <errno.h>
#include <linux/rtnetlink.h>

#include "prove_walk.h"

/* The hooks to which a path leads. */
static const enum packet_hook questions[] = {HOOK_INPUT, HOOK_FORWARD, HOOK_OUTPUT};

static unsigned path_bits(enum packet_hook hook)
{
	unsigned bits = 0;

	for (const enum packet_hook *at = packet_path(hook); *at != HOOK_NONE; at++)
		bits |= 1u << *at;
	return bits;
}

/* ---- the packets that an element is about ---- */

/* Adds what a rule finds the element for, by its match with this index. */
static void rule_region(const struct state_rule *rule, unsigned index,
			const struct filter_element *element, enum packet_hook hook,
			struct packet_region *into)
{
	const struct match *match = &rule->rule.matches[index];
	_cleanup_region_ struct packet_region all = {0}, taken = {0};

	packet_region_of_hook(hook, &all);
	for (size_t i = 0; i < all.count; i++)
		filter_element_take(element, match->fields, match->field_count, &all.boxes[i],
				    &taken);
	for (unsigned i = 0; i < rule->rule.match_count; i++)
		if (!rule->matches[i].set && !rule->matches[i].unknown &&
		    packet_region_match(&taken, &rule->rule.matches[i]) < 0)
			into->failed = true;
	/* Another rule may have found some of them. */
	for (size_t i = 0; i < into->count; i++)
		packet_region_subtract(&taken, &into->boxes[i]);
	for (size_t i = 0; i < taken.count; i++)
		packet_region_add(into, &taken.boxes[i]);
	into->failed |= all.failed || taken.failed;
}

static bool looks_into(const struct state_rule *rule, unsigned index, const struct packet_set *set)
{
	return rule->matches[index].set == set && !rule->matches[index].unknown &&
	       !rule->rule.matches[index].negated;
}

void element_region(const struct netfilter_state *state, const struct packet_set *set,
		    const struct filter_element *element, enum packet_hook hook,
		    struct packet_region *into)
{
	for (size_t i = 0; i < state->table_count; i++) {
		for (size_t j = 0; j < state->tables[i]->chain_count; j++) {
			const struct state_chain *chain = &state->tables[i]->chains[j];

			if (!(chain->hooks & path_bits(hook)))
				continue;
			for (size_t n = 0; n < chain->rule_count; n++)
				for (unsigned m = 0; m < chain->rules[n].rule.match_count; m++)
					if (looks_into(&chain->rules[n], m, set))
						rule_region(&chain->rules[n], m, element, hook,
							    into);
		}
	}
}

/* ---- what becomes of them ---- */

struct outlook {
	struct flow_walk with, without; /* the element */
};

static void outlook_clear(struct outlook *outlook)
{
	flow_walk_clear(&outlook->with);
	flow_walk_clear(&outlook->without);
}

static int outlook_make(struct outlook *outlook, const struct netfilter_state *state,
			const struct packet_set *set, size_t number, enum packet_hook hook,
			const struct packet_region *region)
{
	int r;

	outlook->with = (struct flow_walk){.state = state, .hook = hook};
	outlook->without = outlook->with;
	outlook->without.without.set = set;
	outlook->without.without.number = number;
	r = flow_walk_run(&outlook->with, region);
	if (r == 0)
		r = flow_walk_run(&outlook->without, region);
	if (r < 0)
		return r;
	return outlook->with.exhausted || outlook->without.exhausted ? -EOVERFLOW : 0;
}

static bool uses(const struct state_rule *rule, const struct packet_set *set)
{
	for (unsigned i = 0; rule && i < rule->rule.match_count; i++)
		if (rule->matches[i].set == set)
			return true;
	return false;
}

static bool is_own(const struct decision *decision, const struct packet_set *set, size_t number)
{
	return decision->element == set->ids[number] && uses(decision->rule, set);
}

static bool has_own(const struct flow *flow, const struct packet_set *set, size_t number)
{
	for (size_t i = 0; i < flow->count; i++)
		if (is_own(&flow->items[i].decides, set, number))
			return true;
	return false;
}

static bool has_doubt(const struct flow *flow)
{
	for (size_t i = 0; i < flow->count; i++)
		if (flow->items[i].doubt != DOUBT_NONE)
			return true;
	return false;
}

static bool is_empty(const struct packet_region *region)
{
	struct packet packet;

	for (size_t i = 0; i < region->count; i++)
		if (packet_box_witness(&region->boxes[i], &packet))
			return false;
	return true;
}

/* Whether all of one flow is in the other. */
static int flow_within(const struct flow *a, const struct flow *b, bool *ret)
{
	*ret = true;
	for (size_t i = 0; i < a->count && *ret; i++) {
		_cleanup_region_ struct packet_region left = {0};

		packet_region_add(&left, &a->items[i].box);
		for (size_t j = 0; j < b->count; j++)
			packet_region_subtract(&left, &b->items[j].box);
		if (left.failed)
			return -ENOMEM;
		*ret = is_empty(&left);
	}
	return 0;
}

static int is_same(const struct outlook *outlook, bool *ret)
{
	int r = flow_within(&outlook->with.accepted, &outlook->without.accepted, ret);

	if (r == 0 && *ret)
		r = flow_within(&outlook->without.accepted, &outlook->with.accepted, ret);
	return r;
}

static bool note(struct audit_finding *finding, enum audit_kind kind, const struct flow_item *item)
{
	if (!packet_box_witness(&item->box, &finding->example))
		return false;
	finding->kind = kind;
	finding->by = item->decides;
	return true;
}

/* A part that some other rule of intent decides, and otherwise. */
static bool note_contradiction(struct audit_finding *finding, const struct flow *against)
{
	for (size_t i = 0; i < against->count; i++)
		if (against->items[i].decides.element != 0 &&
		    note(finding, AUDIT_CONTRADICTED, &against->items[i]))
			return true;
	return false;
}

/* What decides in the element's place: a rule of intent, or else the last rule that does. */
static void note_other(struct audit_finding *finding, enum audit_kind kind,
		       const struct flow_walk *walk)
{
	const struct flow *flow = walk->accepted.count > 0 ? &walk->accepted : &walk->refused;

	for (size_t i = 0; i < flow->count; i++)
		if (flow->items[i].decides.element != 0 && note(finding, kind, &flow->items[i]))
			return;
	for (size_t i = flow->count; i-- > 0;)
		if (note(finding, kind, &flow->items[i]))
			return;
}

static int judge(const struct outlook *outlook, const struct packet_set *set, size_t number,
		 struct audit_finding *finding)
{
	const struct flow *accepted = &outlook->with.accepted, *refused = &outlook->with.refused;
	bool accepts = has_own(accepted, set, number), refuses = has_own(refused, set, number);
	bool same;
	int r;

	if (accepts && note_contradiction(finding, refused))
		return 0;
	if (refuses && note_contradiction(finding, accepted))
		return 0;
	if (has_doubt(accepted) || has_doubt(refused))
		return 0;
	r = is_same(outlook, &same);
	if (r == 0 && same)
		note_other(finding, accepts || refuses ? AUDIT_REDUNDANT : AUDIT_SHADOWED,
			   &outlook->without);
	return r;
}

static int narrow(struct packet_region *region, enum packet_field field, bool negated,
		  struct packet_value value)
{
	const struct match match = {.kind = MATCH_RANGE,
				    .negated = negated,
				    .field_count = 1,
				    .fields = {(uint8_t)field},
				    .range = {value, value}};

	return packet_region_match(region, &match);
}

/* Rules of intent are about what begins a connection, and not within the host. */
static int ordinary(struct packet_region *region, enum packet_hook hook)
{
	const struct packet_value loopback = packet_value_text("lo");
	int r = narrow(region, FIELD_STATE, false, packet_value_number(FIELD_STATE, STATE_NEW));

	if (r == 0)
		r = narrow(region, FIELD_IN_LINK, true, loopback);
	if (r == 0)
		r = narrow(region, FIELD_OUT_LINK, true, loopback);
	if (r == 0 && hook != HOOK_OUTPUT)
		r = narrow(region, FIELD_SOURCE_TYPE, false,
			   packet_value_number(FIELD_SOURCE_TYPE, RTN_UNICAST));
	return r;
}

int audit_element(const struct netfilter_state *state, const struct packet_set *set, size_t number,
		  struct audit_finding *ret)
{
	struct filter_element element;

	*ret = (struct audit_finding){0};
	packet_set_element(set, number, &element);
	for (unsigned i = 0; i < ARRAY_SIZE(questions); i++) {
		_cleanup_(outlook_clear) struct outlook outlook = {0};
		_cleanup_region_ struct packet_region region = {0};
		struct audit_finding finding = {0};
		int r;

		element_region(state, set, &element, questions[i], &region);
		r = region.failed ? -ENOMEM : ordinary(&region, questions[i]);
		if (r < 0)
			return r;
		if (region.count == 0)
			continue;
		r = outlook_make(&outlook, state, set, number, questions[i], &region);
		if (r == 0)
			r = judge(&outlook, set, number, &finding);
		if (r < 0)
			return r;
		/* It is needed where one path needs it; else the first path says most. */
		if (finding.kind == AUDIT_NONE || finding.kind == AUDIT_CONTRADICTED) {
			*ret = finding;
			return 0;
		}
		if (ret->kind == AUDIT_NONE)
			*ret = finding;
	}
	return 0;
}

/* ---- differences ---- */

void state_difference_clear(struct state_difference *difference)
{
	packet_region_clear(&difference->more);
	packet_region_clear(&difference->less);
}

/* Adds what is surely accepted by one and surely not by the other. */
static void add_difference(const struct flow *accepted, const struct flow *others,
			   struct packet_region *into)
{
	for (size_t i = 0; i < accepted->count; i++) {
		_cleanup_region_ struct packet_region left = {0};
		struct packet packet;

		if (accepted->items[i].doubt != DOUBT_NONE)
			continue;
		packet_region_add(&left, &accepted->items[i].box);
		for (size_t j = 0; j < others->count; j++)
			packet_region_subtract(&left, &others->items[j].box);
		for (size_t j = 0; j < left.count; j++)
			if (packet_box_witness(&left.boxes[j], &packet))
				packet_region_add(into, &left.boxes[j]);
		into->failed |= left.failed;
	}
}

int state_differ(const struct netfilter_state *before, const struct netfilter_state *after,
		 enum packet_hook hook, const struct packet_region *region,
		 struct state_difference *ret)
{
	_cleanup_walk_ struct flow_walk old = {.state = before, .hook = hook};
	_cleanup_walk_ struct flow_walk new = {.state = after, .hook = hook};
	int r;

	*ret = (struct state_difference){0};
	r = flow_walk_run(&old, region);
	if (r == 0)
		r = flow_walk_run(&new, region);
	if (r < 0)
		return r;
	if (old.exhausted || new.exhausted)
		return -EOVERFLOW;
	ret->in_doubt = has_doubt(&old.accepted) || has_doubt(&new.accepted);
	add_difference(&new.accepted, &old.accepted, &ret->more);
	add_difference(&old.accepted, &new.accepted, &ret->less);
	return ret->more.failed || ret->less.failed ? -ENOMEM : 0;
}
