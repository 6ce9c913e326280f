/*
 * What decides of packets on this host: our table and those of others, in the form that proofs
 * walk. It changes by single elements, so that a proof before each change is cheap.
 */
#pragma once

#include "packet_set.h"

struct state_match {
	struct packet_region boxes; /* where a match without a set is so, of all packets */
	struct packet_set *set;	    /* borrowed from the table, of a match with one */
	bool unknown;		    /* it may match anything */
};

struct state_rule {
	struct filter_rule rule;
	struct state_match *matches; /* as many as the rule has */
	struct state_chain *target;  /* of RULE_JUMP and RULE_GOTO; NULL if there is none such */
};

struct state_chain {
	char name[RULESET_NAME_MAX];
	enum packet_hook hook;
	uint16_t hooks; /* a bit for each hook from which it is reached */
	bool nat, drops;
	int priority;
	struct state_table *table;
	struct state_rule *rules;
	size_t rule_count;
};

struct state_table {
	char name[RULESET_NAME_MAX];
	uint8_t family; /* NFPROTO_INET, NFPROTO_IPV4, NFPROTO_IPV6 */
	struct state_chain *chains;
	size_t chain_count;
	struct packet_set *sets;
	size_t set_count;
};

struct netfilter_state {
	struct state_table **tables;
	size_t table_count;
	struct state_chain **base; /* the base chains, by hook and priority */
	size_t base_count;
	bool translates; /* there are rules that rewrite addresses, or may */
};

void netfilter_state_clear(struct netfilter_state *state);
#define _cleanup_state_ _cleanup_(netfilter_state_clear)

/* Adds the table, or puts it in the place of the one with its name and family. The ruleset is
 * copied. Returns 0, -ENOMEM, or -EINVAL for a set that cannot be. */
int netfilter_state_put(struct netfilter_state *state, const struct ruleset *ruleset);

/* Takes a table away; without it, does nothing. Returns 0 or -ENOMEM. */
int netfilter_state_remove(struct netfilter_state *state, const char *table, uint8_t family);

/* Borrowed until the table changes as a whole; NULL if there is none. */
struct packet_set *netfilter_state_set(const struct netfilter_state *state, const char *table,
				       const char *set);
