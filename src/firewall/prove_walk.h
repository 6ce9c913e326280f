/*
 * A region on its way through the base chains: the engine of prove.h. Of this room only.
 */
#pragma once

#include "prove.h"

/* Packets that go one way, and how sure that is. */
struct flow_item {
	struct packet_box box;
	enum proof_doubt doubt;	  /* DOUBT_NONE: they surely come here */
	struct decision doubtful; /* what is in doubt */
	struct decision decides;  /* what let them come here, or refused them */
	bool translated;	  /* they belong to a connection whose addresses are rewritten */
	uint64_t element;	  /* of one rule: the element that let it match */
	bool left;		  /* of one rule: it is among what the rule leaves already */
	bool rewritten, remarked; /* their source, or mark, may be another one from here on */
};

struct flow {
	struct flow_item *items;
	size_t count, room;
	bool failed; /* without memory */
};

void flow_clear(struct flow *flow);
#define _cleanup_flow_ _cleanup_(flow_clear)

void flow_add(struct flow *flow, const struct flow_item *item);
void flow_join(struct flow *into, const struct flow *from);

/* Adds the item once for each box. */
void flow_add_boxes(struct flow *flow, const struct flow_item *item,
		    const struct packet_region *boxes);
/* The same of those packets that have one of the states. */
void flow_add_by_state(struct flow *flow, const struct flow_item *item,
		       const struct packet_region *boxes, uint32_t states);

/* Notes the first doubt there is of an item. */
void flow_item_doubt(struct flow_item *item, enum proof_doubt doubt, const struct decision *where);

/* Adds what of the region can be at the hook, told apart by whether addresses are rewritten.
 * Returns 0 or -ENOMEM. */
int flow_start(struct flow *flow, const struct netfilter_state *state, enum packet_hook hook,
	       const struct packet_region *region);

struct flow_walk {
	const struct netfilter_state *state;
	enum packet_hook hook; /* where the path leads */
	bool stops;	       /* at the first that is surely refused */
	bool over;	       /* it did */
	struct {
		const struct packet_set *set;
		size_t number;
	} without; /* an element that is taken not to be there */
	struct flow accepted, refused;
	uint64_t work;
	bool exhausted; /* there was too much to do: the flows are not whole */
};

void flow_walk_clear(struct flow_walk *walk);
#define _cleanup_walk_ _cleanup_(flow_walk_clear)

/* Takes the region through the path to walk->hook. Returns 0 or -ENOMEM. */
int flow_walk_run(struct flow_walk *walk, const struct packet_region *region);

/* Counts steps of some 0.4 us. False if there were too many. */
bool flow_walk_spend(struct flow_walk *walk, size_t steps);

/* One base chain on the way. */
struct chain_walk {
	struct flow_walk *walk;
	const struct state_chain *base;
	struct flow accepted;
};

/* Adds what the rule takes of a flow, and what it leaves. Where that is in doubt, both. */
void chain_walk_split(struct chain_walk *walk, const struct state_chain *chain,
		      const struct state_rule *rule, const struct flow *in, struct flow *matched,
		      struct flow *rest);

/* Of one hook after another; HOOK_NONE ends the list. */
const enum packet_hook *packet_path(enum packet_hook hook);

/* What of a packet may be otherwise where a base chain stands than where the path leads. */
struct field_context {
	enum packet_hook question;
	const struct state_chain *base;
	bool translated, rewritten, remarked;
};
enum proof_doubt field_doubt(const struct field_context *context, enum packet_field field);

/* Whether what a chain of another family or device does can be left out. */
bool chain_concerns(const struct state_chain *base, uint8_t family);

/* A base chain of a hook that is not on a path, such as a device's ingress, which may refuse any
 * packet; NULL if there is none. */
const struct state_chain *state_stranger(const struct netfilter_state *state);

/* How deep the kernel lets chains jump. */
#define CHAIN_JUMPS_MAX 16
