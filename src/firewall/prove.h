/*
 * What becomes of packets, decided exactly.
 *
 * The walk takes a whole region through the base chains of its path, splits it where rules do, and
 * says for each part whether it is accepted or refused, and by which rule. Where something cannot
 * be known (a limit, somebody else's rule beyond our vocabulary, an address that is translated), a
 * part goes both ways and is marked as in doubt. So "holds" and "violated" are exact, and all the
 * rest is "unknown".
 *
 * The path to INPUT is prerouting and input, to FORWARD prerouting, forward and postrouting, to
 * OUTPUT output and postrouting. The region is as the hook sees it: after a translation of the
 * destination, before one of the source.
 */
#pragma once

#include "netfilter_state.h"

enum proof_answer { PROOF_HOLDS, PROOF_VIOLATED, PROOF_UNKNOWN };

enum proof_doubt {
	DOUBT_NONE,
	DOUBT_LIMIT,	   /* the rule matches up to a rate */
	DOUBT_MATCH,	   /* the rule asks for something beyond our vocabulary */
	DOUBT_RULE,	   /* what the rule does is beyond our vocabulary */
	DOUBT_SET,	   /* not all elements of its set could be read */
	DOUBT_CONTEXT,	   /* the field has another value where the chain stands */
	DOUBT_TRANSLATION, /* an address is rewritten after the chain, or before it */
	DOUBT_CHAIN,	   /* the chain that it jumps to is not there, or jumps are too deep */
	DOUBT_WORK,	   /* the question was too large to be decided */
};

/* A rule, the policy of a chain, or one element of the set that a rule looks into. Borrowed from
 * the state. */
struct decision {
	const struct state_chain *chain; /* NULL: no chain decided, there is none */
	const struct state_rule *rule;	 /* NULL: the chain's policy */
	uint64_t element;		 /* id of the rule of intent, or 0 */
};

struct proof {
	enum proof_answer answer;
	struct packet packet;	 /* of PROOF_VIOLATED: the counterexample */
	struct decision decides; /* of PROOF_VIOLATED: what decides of it; else what is in doubt */
	enum proof_doubt doubt;	 /* of PROOF_UNKNOWN */
};

/* Is every packet of the region accepted? Returns 0, or -ENOMEM. */
int prove_always(const struct netfilter_state *state, enum packet_hook hook,
		 const struct packet_region *region, struct proof *ret);

/* Is no packet of the region accepted? */
int prove_never(const struct netfilter_state *state, enum packet_hook hook,
		const struct packet_region *region, struct proof *ret);

/* Can adding or removing this element change what becomes of packets of the region? False only if
 * it cannot. */
bool proof_concerns(const struct netfilter_state *state, const struct packet_set *set,
		    const struct filter_element *element, enum packet_hook hook,
		    const struct packet_region *region);

/* What is said of a doubt, such as "the rule matches up to a rate only". */
const char *proof_doubt_text(enum proof_doubt doubt);

/* What becomes of one packet, step by step. */

enum packet_fate {
	FATE_ACCEPTED,
	FATE_REFUSED,
	FATE_TRANSLATED, /* its destination is rewritten: it goes elsewhere */
	FATE_UNKNOWN,
};

#define EXPLANATION_STEPS_MAX 64

struct explanation_step {
	struct decision where;
	bool decides; /* the packet's way through this base chain ends here */
};

struct explanation {
	enum packet_fate fate;
	struct decision decides;
	enum proof_doubt doubt; /* of FATE_UNKNOWN */
	bool limited;		/* a rule with a limit on the way was taken to match */
	struct explanation_step steps[EXPLANATION_STEPS_MAX]; /* rules that match, policies */
	size_t step_count; /* there may have been more steps than are kept */
};

void explain_packet(const struct netfilter_state *state, enum packet_hook hook,
		    const struct packet *packet, struct explanation *ret);
