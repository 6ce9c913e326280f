/*
 * What of a ruleset does nothing, or is at odds with something else; and what a change changes.
 */
#pragma once

#include "prove.h"

enum audit_kind {
	AUDIT_NONE,
	AUDIT_SHADOWED,	    /* no packet comes to it: something before decides otherwise */
	AUDIT_REDUNDANT,    /* without it all would be the same */
	AUDIT_CONTRADICTED, /* for some of its packets another rule of intent decides otherwise */
};

struct audit_finding {
	enum audit_kind kind;
	struct decision by;    /* what decides in its place, or as it does */
	struct packet example; /* a packet that it would take */
};

/* What is to be said of an element of a set, its number being that in the set. What is in doubt is
 * never held against it. Returns 0 and fills `ret`, -EOVERFLOW where there is too much to look at,
 * or -ENOMEM. */
int audit_element(const struct netfilter_state *state, const struct packet_set *set, size_t number,
		  struct audit_finding *ret);

/* Adds the packets that look-ups on the path to the hook find this element for. */
void element_region(const struct netfilter_state *state, const struct packet_set *set,
		    const struct filter_element *element, enum packet_hook hook,
		    struct packet_region *into);

/* What a change does to packets of the region: what is accepted newly, and no longer. */
struct state_difference {
	struct packet_region more, less; /* disjoint boxes each, which may not be all */
	bool in_doubt;			 /* what is in doubt before or after is not in them */
};

void state_difference_clear(struct state_difference *difference);

/* Returns 0, -EOVERFLOW where there is too much to look at, or -ENOMEM. */
int state_differ(const struct netfilter_state *before, const struct netfilter_state *after,
		 enum packet_hook hook, const struct packet_region *region,
		 struct state_difference *ret);
