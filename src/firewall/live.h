/*
 * What stands in the kernel of the rules of intent: elements of sets, and rules in their own place.
 *
 * Several rules may need the same element; it stays until the last of them goes. A range that meets
 * another in its set cannot be an element, so that rule stands in its own place.
 */
#pragma once

#include <uthash.h>

#include "netfilter/netfilter.h"
#include "rule.h"

#define LIVE_SETS (_RULE_CHAIN_MAX * _RULE_ACTION_MAX * _RULE_SHAPE_MAX)

struct live_element {
	UT_hash_handle hh;
	struct live_element *next, *prev; /* of the same set, where it is one of intervals */
	usec_t expires;			  /* realtime, 0 for never; the latest of its rules */
	uint32_t holders;		  /* rules that need it */
	uint32_t seen;			  /* in the kernel, at this look at it; 0: not yet */
	bool ranged;
	uint8_t size;  /* bytes of the key, and of its end where it is ranged */
	uint8_t set;   /* live_set(); with what follows it is the element's identity */
	uint8_t key[]; /* and the end behind it */
};

/* A rule that holds its elements, or stands in its own place. */
struct live_rule {
	UT_hash_handle hh;
	char key[];
};

struct live {
	struct live_rule *rules;
	struct live_element *elements;
	struct live_element *intervals[LIVE_SETS];
	struct firewall_rule_spec *in_place; /* rules that stand in their own place */
	size_t in_place_count;
};

void live_clear(struct live *live);

/* What a change of rules is for the kernel: messages for elements, and whether the chains have to
 * be written anew. */
struct live_change {
	struct netfilter_batch batch;
	bool chains;
};

void live_change_clear(struct live_change *change);
#define _cleanup_live_change_ _cleanup_(live_change_clear)

/* Is the rule among them? */
bool live_has(const struct live *live, const struct firewall_rule_spec *spec);
bool live_has_in_place(const struct live *live, const struct firewall_rule_spec *spec);

/* Adds or removes a rule. The messages are added to `change`; NULL: none are wanted. 0 or -ENOMEM,
 * and then as it was. One that is not there is removed all the same, in the kernel, but for what
 * other rules hold. */
int live_add(struct live *live, const struct firewall_rule_spec *spec, struct live_change *change);
int live_remove(struct live *live, const struct firewall_rule_spec *spec,
		struct live_change *change);

/* Adds messages that put the elements of a rule that is there, though they may be there already. */
void live_repeat(const struct live *live, const struct firewall_rule_spec *spec,
		 struct live_change *change);

/* Adds messages that put all elements into their sets, which are empty. */
void live_encode(const struct live *live, struct netfilter_batch *batch);
/* Adds the rules in their own place to the chains of the ruleset. 0 or -ENOMEM. */
int live_add_rules(const struct live *live, struct ruleset *ruleset);
/* Adds the elements to the sets of the ruleset, for who proves or prints it. 0 or -ENOMEM. */
int live_add_elements(const struct live *live, struct ruleset *ruleset);

/* Passes each element of the rule to `call` until that returns other than 1, which is then
 * returned; 1 after all, 0 where one of them is not among the live ones or there is none. */
int live_each(const struct live *live, const struct firewall_rule_spec *spec,
	      int (*call)(struct live_element *element, const struct set_element *kernel,
			  void *userdata),
	      void *userdata);
/* The element of a set by what the kernel says of it, or NULL. */
struct live_element *live_find(const struct live *live, unsigned set,
			       const struct set_element *kernel);

/* Number of the set, and its name. */
unsigned live_set(enum rule_chain chain, enum rule_action action, enum rule_shape shape);
const char *live_set_name(unsigned set, char buffer[RULESET_NAME_MAX]);
/* The element as the kernel knows it. */
void live_kernel_element(unsigned set, const struct filter_element *element,
			 struct set_element *ret);
