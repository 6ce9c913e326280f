/* What the matches of one rule take of a flow, and what they leave. */
#include "prove_walk.h"

#include <string.h>

#define ELEMENTS_PER_STEP 64

/* ---- one match: what it takes of an item, and what it leaves ---- */

struct match_split {
	struct chain_walk *walk;
	const struct decision *where;
	struct flow *matched, *rest;
};

/* In doubt it goes both ways; once is enough. */
static void split_in_doubt(struct match_split *split, struct flow_item item, enum proof_doubt doubt)
{
	flow_item_doubt(&item, doubt, split->where);
	/* What is not understood may also be a statement that writes. */
	item.remarked |= doubt == DOUBT_MATCH;
	if (!item.left)
		flow_add(split->rest, &item);
	item.left = true;
	flow_add(split->matched, &item);
}

static void leave(struct match_split *split, const struct flow_item *item)
{
	if (!item->left)
		flow_add(split->rest, item);
}

static void leave_boxes(struct match_split *split, const struct flow_item *item,
			const struct packet_region *boxes)
{
	if (!item->left)
		flow_add_boxes(split->rest, item, boxes);
}

static void split_boxes(struct match_split *split, const struct flow_item *item,
			const struct packet_region *boxes)
{
	_cleanup_region_ struct packet_region left = {0};
	struct flow_item piece = *item;
	bool any = false;

	for (size_t i = 0; i < boxes->count; i++) {
		if (!packet_box_intersect(&item->box, &boxes->boxes[i], &piece.box))
			continue;
		flow_add(split->matched, &piece);
		if (memcmp(&piece.box, &item->box, sizeof(piece.box)) == 0)
			return;
		if (!any)
			packet_region_add(&left, &item->box);
		any = true;
		packet_region_subtract(&left, &boxes->boxes[i]);
	}
	if (any)
		leave_boxes(split, item, &left);
	else
		leave(split, item);
}

/* Takes the element out of what is left, and adds what it took to `taken`. */
static void take_element(const struct packet_set *set, const uint8_t *fields, size_t number,
			 struct packet_region *left, struct packet_region *taken)
{
	for (size_t i = 0; i < left->count; i++)
		packet_set_take(set, fields, number, &left->boxes[i], taken);
}

/* Leaves of the item what has all fields of the key: the rest no such match takes, negated or not.
 * False if nothing is left. */
static bool split_lacking(struct match_split *split, struct flow_item *item,
			  const struct match *asked)
{
	_cleanup_region_ struct packet_region lacking = {0};
	struct packet_box having = item->box, next;

	for (unsigned i = 0; i < asked->field_count; i++) {
		if (!packet_box_having(&having, asked->fields[i], &next)) {
			leave(split, item);
			return false;
		}
		having = next;
	}
	packet_box_subtract(&item->box, &having, &lacking);
	leave_boxes(split, item, &lacking);
	item->box = having;
	return true;
}

static void split_set(struct match_split *split, const struct flow_item *item,
		      const struct packet_set *set, const struct match *asked)
{
	_cleanup_region_ struct packet_region left = {0};
	struct flow_walk *walk = split->walk->walk;
	struct flow_item piece = *item;
	struct set_search search;
	size_t number;

	if (!split_lacking(split, &piece, asked))
		return;
	packet_region_add(&left, &piece.box);
	set_search_start(&search, set, asked->fields, &piece.box);
	if (!flow_walk_spend(walk, (search.end - search.next) / ELEMENTS_PER_STEP))
		return;
	while (left.count > 0 && (number = set_search_next(&search)) != SIZE_MAX) {
		_cleanup_region_ struct packet_region taken = {0};

		if (!flow_walk_spend(walk, left.count + 1))
			return;
		if (set == walk->without.set && number == walk->without.number)
			continue;
		take_element(set, asked->fields, number, &left, &taken);
		for (size_t i = 0; i < taken.count; i++)
			packet_region_subtract(&left, &taken.boxes[i]);
		piece.element = set->ids[number];
		if (asked->negated)
			leave_boxes(split, item, &taken);
		else
			flow_add_boxes(split->matched, &piece, &taken);
	}

	piece.element = item->element;
	for (size_t i = 0; i < left.count; i++) {
		piece.box = left.boxes[i];
		if (set->partial)
			split_in_doubt(split, piece, DOUBT_SET);
		else if (asked->negated)
			flow_add(split->matched, &piece);
		else
			leave(split, &piece);
	}
	split->rest->failed |= left.failed;
}

static enum proof_doubt match_doubt(const struct chain_walk *walk, const struct state_match *match,
				    const struct match *asked, const struct flow_item *item)
{
	const struct field_context context = {
		.question = walk->walk->hook,
		.base = walk->base,
		.translated = item->translated,
		.rewritten = item->rewritten,
		.remarked = item->remarked,
	};
	enum proof_doubt doubt = DOUBT_NONE;

	if (match->unknown)
		return DOUBT_MATCH;
	for (unsigned i = 0; i < MAX(asked->field_count, 1u) && doubt == DOUBT_NONE; i++)
		doubt = field_doubt(&context, asked->fields[i]);
	return doubt;
}

/* ---- one rule ---- */

/* What is surely so comes first, so that only the rest is in doubt. */
enum split_stage { STAGE_SURE, STAGE_PARTIAL, STAGE_DOUBT, _STAGE_MAX };

static enum split_stage stage_of(const struct state_match *match, enum proof_doubt doubt)
{
	if (doubt != DOUBT_NONE)
		return STAGE_DOUBT;
	return match->set && match->set->partial ? STAGE_PARTIAL : STAGE_SURE;
}

static void split_match(struct match_split *split, const struct state_match *match,
			const struct match *asked, const struct flow_item *item,
			enum split_stage stage)
{
	enum proof_doubt doubt = match_doubt(split->walk, match, asked, item);

	if (!flow_walk_spend(split->walk->walk, 1))
		return;
	if (stage_of(match, doubt) != stage)
		flow_add(split->matched, item);
	else if (doubt != DOUBT_NONE)
		split_in_doubt(split, *item, doubt);
	else if (match->set)
		split_set(split, item, match->set, asked);
	else
		split_boxes(split, item, &match->boxes);
}

static void split_stage(const struct match_split *split, const struct state_rule *rule,
			struct flow *now, enum split_stage stage)
{
	for (unsigned i = 0; i < rule->rule.match_count && now->count > 0; i++) {
		struct flow next = {.failed = now->failed};
		struct match_split one = *split;

		one.matched = &next;
		for (size_t j = 0; j < now->count; j++)
			split_match(&one, &rule->matches[i], &rule->rule.matches[i], &now->items[j],
				    stage);
		flow_clear(now);
		*now = next;
	}
}

void chain_walk_split(struct chain_walk *walk, const struct state_chain *chain,
		      const struct state_rule *rule, const struct flow *in, struct flow *matched,
		      struct flow *rest)
{
	const struct decision where = {.chain = chain, .rule = rule};
	struct match_split split = {.walk = walk, .where = &where, .rest = rest};
	_cleanup_flow_ struct flow now = {0};

	flow_join(&now, in);
	for (size_t i = 0; i < now.count; i++) {
		now.items[i].element = 0;
		now.items[i].left = false;
	}
	for (enum split_stage stage = 0; stage < _STAGE_MAX; stage++)
		split_stage(&split, rule, &now, stage);

	split.matched = matched;
	for (size_t i = 0; i < now.count; i++) {
		if (rule->rule.limit_rate)
			split_in_doubt(&split, now.items[i], DOUBT_LIMIT);
		else
			flow_add(matched, &now.items[i]);
	}
	matched->failed |= now.failed;
	flow_walk_spend(walk->walk, matched->count + rest->count);
}
