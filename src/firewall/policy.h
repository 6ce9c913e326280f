/*
 * The policy: what the firewall is like where no single rule says otherwise, and the ruleset that
 * follows from it (default.nft, with what stands open there filled in).
 */
#pragma once

#include "ruleset.h"

#define FIREWALL_TABLE		 "aios_firewall"
#define MANAGEMENT_NETWORKS_MOST 16

enum firewall_mode {
	FIREWALL_OFF,	  /* no table */
	FIREWALL_OBSERVE, /* what would be dropped is counted and logged, and passes */
	FIREWALL_ENFORCE,
	_FIREWALL_MODE_MAX
};

enum outbound_profile {
	OUTBOUND_OPEN,	 /* DNS, HTTPS and time to anybody */
	OUTBOUND_PINNED, /* only to those that are named */
	_OUTBOUND_PROFILE_MAX
};

struct firewall_policy {
	uint8_t mode;	  /* enum firewall_mode */
	uint8_t outbound; /* enum outbound_profile */
	uint8_t management_count;
	struct ip_prefix
		management[MANAGEMENT_NETWORKS_MOST]; /* from where 22 and 9090 are reached */
};

/* Chains in which somebody can allow and deny. */
enum rule_chain { CHAIN_INPUT, CHAIN_OUTPUT, CHAIN_FORWARD, _RULE_CHAIN_MAX };
enum rule_action { ACTION_ALLOW, ACTION_DENY, _RULE_ACTION_MAX };

const char *firewall_chain_text(enum rule_chain chain);	   /* "input" */
const char *firewall_action_text(enum rule_action action); /* "allow" */

/*
 * Where a rule of intent stands: in a set by which part of a packet it is known. Exact tuples are
 * in hash sets, where adding and removing costs the same however many there are; networks and
 * ranges of ports in sets of intervals, which are for what is few.
 */
enum rule_shape {
	SHAPE_PORT,	 /* protocol . port */
	SHAPE_LINK_PORT, /* link . protocol . port */
	SHAPE_HOST4,	 /* address . protocol . port */
	SHAPE_HOST6,
	SHAPE_NETWORK4, /* the same, each a range */
	SHAPE_NETWORK6,
	_RULE_SHAPE_MAX
};

/* "input_allow_port" */
const char *rule_set_name(enum rule_chain chain, enum rule_action action, enum rule_shape shape,
			  char buffer[RULESET_NAME_MAX]);

/* The fields of such a set, and whether it is one of intervals. */
void rule_set_fields(enum rule_chain chain, enum rule_shape shape, struct filter_set *ret);

/* The ruleset of a policy, its sets for rules empty. `daemon` is the uid that the daemon sends as.
 * 0 or -ENOMEM. */
int policy_ruleset(const struct firewall_policy *policy, uid_t daemon, struct ruleset *ret);
