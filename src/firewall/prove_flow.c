#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>

#include "prove_walk.h"

#define FLOW_ROOM_FIRST	   4
#define PRIORITY_CONNTRACK (-200) /* NF_IP_PRI_CONNTRACK */

void flow_clear(struct flow *flow)
{
	free(flow->items);
	*flow = (struct flow){0};
}

void flow_add(struct flow *flow, const struct flow_item *item)
{
	if (flow->failed)
		return;
	if (flow->count == flow->room) {
		size_t room = MAX(flow->room * 2, (size_t)FLOW_ROOM_FIRST);
		struct flow_item *items = reallocarray(flow->items, room, sizeof(items[0]));

		if (!items) {
			flow->failed = true;
			return;
		}
		flow->items = items;
		flow->room = room;
	}
	flow->items[flow->count++] = *item;
}

void flow_join(struct flow *into, const struct flow *from)
{
	for (size_t i = 0; i < from->count; i++)
		flow_add(into, &from->items[i]);
	into->failed |= from->failed;
}

void flow_add_by_state(struct flow *flow, const struct flow_item *item,
		       const struct packet_region *boxes, uint32_t states)
{
	struct flow_item piece = *item;

	for (size_t i = 0; i < boxes->count; i++) {
		piece.box = boxes->boxes[i];
		piece.box.choice[CHOICE_STATE] &= states;
		if (piece.box.choice[CHOICE_STATE])
			flow_add(flow, &piece);
	}
	flow->failed |= boxes->failed;
}

void flow_add_boxes(struct flow *flow, const struct flow_item *item,
		    const struct packet_region *boxes)
{
	flow_add_by_state(flow, item, boxes, UINT32_MAX);
}

void flow_item_doubt(struct flow_item *item, enum proof_doubt doubt, const struct decision *where)
{
	if (item->doubt == DOUBT_NONE) {
		item->doubt = doubt;
		item->doubtful = *where;
	}
}

const enum packet_hook *packet_path(enum packet_hook hook)
{
	static const enum packet_hook paths[_HOOK_MAX][4] = {
		[HOOK_PREROUTING] = {HOOK_PREROUTING},
		[HOOK_INPUT] = {HOOK_PREROUTING, HOOK_INPUT},
		[HOOK_FORWARD] = {HOOK_PREROUTING, HOOK_FORWARD, HOOK_POSTROUTING},
		[HOOK_OUTPUT] = {HOOK_OUTPUT, HOOK_POSTROUTING},
		[HOOK_POSTROUTING] = {HOOK_POSTROUTING},
	};

	return paths[hook];
}

bool chain_concerns(const struct state_chain *base, uint8_t family)
{
	return base->table->family == NFPROTO_INET || base->table->family == family;
}

const struct state_chain *state_stranger(const struct netfilter_state *state)
{
	for (size_t i = 0; i < state->base_count; i++)
		if (state->base[i]->hook == HOOK_OTHER &&
		    (state->base[i]->drops || state->base[i]->rule_count > 0))
			return state->base[i];
	return NULL;
}

/* Before connection tracking has looked at the packet. */
static bool is_before_tracking(const struct state_chain *base)
{
	return (base->hook == HOOK_PREROUTING || base->hook == HOOK_OUTPUT) &&
	       base->priority <= PRIORITY_CONNTRACK;
}

/* Before the destination is rewritten, or while it is. */
static bool is_before_destination(const struct state_chain *base)
{
	return (base->hook == HOOK_PREROUTING || base->hook == HOOK_OUTPUT) &&
	       base->priority <= CHAIN_PRIORITY_DNAT;
}

static bool is_after_source(const struct state_chain *base)
{
	return base->hook == HOOK_POSTROUTING && base->priority >= CHAIN_PRIORITY_SNAT;
}

enum proof_doubt field_doubt(const struct field_context *context, enum packet_field field)
{
	const struct state_chain *base = context->base;
	bool arriving = base->hook == HOOK_PREROUTING;

	switch (field) {
	case FIELD_STATE:
	case FIELD_STATUS:
	case FIELD_ORIGINAL_PORT:
		return is_before_tracking(base) ? DOUBT_CONTEXT : DOUBT_NONE;
	case FIELD_OUT_LINK:
	case FIELD_USER:
		return arriving ? DOUBT_CONTEXT : DOUBT_NONE;
	case FIELD_HOP_LIMIT:
		return arriving && context->question == HOOK_FORWARD ? DOUBT_CONTEXT : DOUBT_NONE;
	case FIELD_MARK:
		return context->remarked ? DOUBT_CONTEXT : DOUBT_NONE;
	case FIELD_DESTINATION4:
	case FIELD_DESTINATION6:
	case FIELD_DESTINATION_PORT:
	case FIELD_DESTINATION_TYPE:
		return context->translated && is_before_destination(base) ? DOUBT_TRANSLATION
									  : DOUBT_NONE;
	case FIELD_SOURCE4:
	case FIELD_SOURCE6:
	case FIELD_SOURCE_PORT:
	case FIELD_SOURCE_TYPE:
		return context->rewritten || (context->translated && is_after_source(base))
			       ? DOUBT_TRANSLATION
			       : DOUBT_NONE;
	default:
		return DOUBT_NONE;
	}
}

/* ---- what sets out ---- */

#define STATUS_TRANSLATED (IPS_SRC_NAT | IPS_DST_NAT)

/* Packets whose connection has its own addresses, or that belong to none, and the others, which no
 * new one can be while no rule rewrites any. */
static void add_starting(struct flow *flow, const struct packet_box *box, bool translates)
{
	const uint32_t alone = STATE_INVALID | STATE_UNTRACKED;
	_cleanup_region_ struct packet_region others = {0};
	struct packet_box plain = *box;
	struct flow_item item = {0};

	if (box->cube[CUBE_STATUS].value & STATUS_TRANSLATED) {
		packet_region_add(&others, box);
	} else {
		plain.cube[CUBE_STATUS].mask |= STATUS_TRANSLATED;
		item.box = plain;
		flow_add(flow, &item);
		packet_box_subtract(box, &plain, &others);
	}
	flow_add_by_state(flow, &item, &others, alone);
	item.translated = true;
	flow_add_by_state(flow, &item, &others,
			  ~(translates ? alone : alone | (uint32_t)STATE_NEW));
}

int flow_start(struct flow *flow, const struct netfilter_state *state, enum packet_hook hook,
	       const struct packet_region *region)
{
	_cleanup_region_ struct packet_region possible = {0};

	packet_region_of_hook(hook, &possible);
	for (size_t i = 0; i < region->count; i++) {
		for (size_t j = 0; j < possible.count; j++) {
			struct packet_box box;

			if (packet_box_intersect(&region->boxes[i], &possible.boxes[j], &box))
				add_starting(flow, &box, state->translates);
		}
	}
	return flow->failed || possible.failed || region->failed ? -ENOMEM : 0;
}
