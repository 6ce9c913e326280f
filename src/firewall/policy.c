#include "policy.h"

#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <stdio.h>
#include <string.h>

#include "field.h"
#include "parse.h"

/* default.nft, by embed.py. */
extern const char firewall_default_ruleset[];
extern const unsigned long firewall_default_ruleset_size;

static const char *const chain_texts[] = {
	[CHAIN_INPUT] = "input", [CHAIN_OUTPUT] = "output", [CHAIN_FORWARD] = "forward"};
static const char *const action_texts[] = {[ACTION_ALLOW] = "allow", [ACTION_DENY] = "deny"};
static const char *const profiles[] = {
	[OUTBOUND_OPEN] = "output_open", [OUTBOUND_PINNED] = "output_pinned"};

const char *firewall_chain_text(enum rule_chain chain)
{
	return chain_texts[chain];
}

const char *firewall_action_text(enum rule_action action)
{
	return action_texts[action];
}

/* By which fields a shape knows a packet: of the other side, which sends what comes in and
 * is sent to in the other chains. */
static const struct {
	const char *text;
	bool intervals;
	uint8_t count;
	uint8_t in[3], out[3];
} shapes[_RULE_SHAPE_MAX] = {
	[SHAPE_PORT] = {"port",
			false,
			2,
			{FIELD_PROTOCOL, FIELD_DESTINATION_PORT},
			{FIELD_PROTOCOL, FIELD_DESTINATION_PORT}},
	[SHAPE_LINK_PORT] = {"link_port",
			     false,
			     3,
			     {FIELD_IN_LINK, FIELD_PROTOCOL, FIELD_DESTINATION_PORT},
			     {FIELD_OUT_LINK, FIELD_PROTOCOL, FIELD_DESTINATION_PORT}},
	[SHAPE_HOST4] = {"host4",
			 false,
			 3,
			 {FIELD_SOURCE4, FIELD_PROTOCOL, FIELD_DESTINATION_PORT},
			 {FIELD_DESTINATION4, FIELD_PROTOCOL, FIELD_DESTINATION_PORT}},
	[SHAPE_HOST6] = {"host6",
			 false,
			 3,
			 {FIELD_SOURCE6, FIELD_PROTOCOL, FIELD_DESTINATION_PORT},
			 {FIELD_DESTINATION6, FIELD_PROTOCOL, FIELD_DESTINATION_PORT}},
	[SHAPE_NETWORK4] = {"network4",
			    true,
			    3,
			    {FIELD_SOURCE4, FIELD_PROTOCOL, FIELD_DESTINATION_PORT},
			    {FIELD_DESTINATION4, FIELD_PROTOCOL, FIELD_DESTINATION_PORT}},
	[SHAPE_NETWORK6] = {"network6",
			    true,
			    3,
			    {FIELD_SOURCE6, FIELD_PROTOCOL, FIELD_DESTINATION_PORT},
			    {FIELD_DESTINATION6, FIELD_PROTOCOL, FIELD_DESTINATION_PORT}},
};

const char *rule_set_name(enum rule_chain chain, enum rule_action action, enum rule_shape shape,
			  char buffer[RULESET_NAME_MAX])
{
	snprintf(buffer, RULESET_NAME_MAX, "%s_%s_%s", chain_texts[chain], action_texts[action],
		 shapes[shape].text);
	return buffer;
}

/* ---- what stands open in the text ---- */

static struct filter_rule *add_rule(struct ruleset *ruleset, const char *chain)
{
	struct filter_chain *found = ruleset_chain(ruleset, chain);

	return found ? filter_chain_add_rule(found) : NULL;
}

static void set_profile(struct ruleset *ruleset, const struct firewall_policy *policy)
{
	struct filter_chain *output = ruleset_chain(ruleset, "output");

	for (size_t i = 0; i < output->rule_count; i++)
		if (strcmp(output->rules[i].target, "output_profile") == 0)
			strcpy(output->rules[i].target, profiles[policy->outbound]);
}

/* What the text says of user 0 is said of the daemon's. */
static void set_user(struct ruleset *ruleset, uid_t daemon)
{
	struct packet_value user = packet_value_number(FIELD_USER, daemon);

	for (size_t i = 0; i < ruleset->chain_count; i++) {
		struct filter_chain *chain = &ruleset->chains[i];

		for (size_t k = 0; k < chain->rule_count; k++)
			for (unsigned m = 0; m < chain->rules[k].match_count; m++)
				if (chain->rules[k].matches[m].fields[0] == FIELD_USER)
					chain->rules[k].matches[m].range.low =
						chain->rules[k].matches[m].range.high = user;
	}
}

static int set_management(struct ruleset *ruleset, const struct firewall_policy *policy)
{
	for (unsigned i = 0; i < policy->management_count; i++) {
		const struct ip_prefix *prefix = &policy->management[i];
		bool v4 = prefix->address.family == AF_INET;
		struct filter_set *set = ruleset_set(ruleset, v4 ? "management4" : "management6");
		struct filter_element *element = filter_set_add_element(set);

		if (!element)
			return -ENOMEM;
		packet_value_prefix(prefix, &element->low[0], &element->high[0]);
	}
	return 0;
}

/* The last rule of a base chain is what becomes of the rest; so are refusals behind its log. */
static void only_observe(struct ruleset *ruleset)
{
	for (size_t i = 0; i < ruleset->chain_count; i++) {
		struct filter_chain *chain = &ruleset->chains[i];
		bool rest = false;

		for (size_t k = 0; chain->drops && k < chain->rule_count; k++) {
			rest |= chain->rules[k].log_group != 0;
			if (rest && !chain->rules[k].log_group)
				chain->rules[k].verdict = RULE_ACCEPT;
		}
		chain->drops = false;
	}
}

/* ---- the chains of what is allowed and denied ---- */

void rule_set_fields(enum rule_chain chain, enum rule_shape shape, struct filter_set *ret)
{
	ret->field_count = shapes[shape].count;
	memcpy(ret->fields, chain == CHAIN_INPUT ? shapes[shape].in : shapes[shape].out,
	       shapes[shape].count);
	ret->intervals = shapes[shape].intervals;
}

static int add_set(struct ruleset *ruleset, enum rule_chain chain, enum rule_action action,
		   enum rule_shape shape)
{
	char name[RULESET_NAME_MAX];
	struct filter_set *set =
		ruleset_add_set(ruleset, rule_set_name(chain, action, shape, name));

	if (!set)
		return -ENOMEM;
	rule_set_fields(chain, shape, set);
	set->timeouts = set->counters = true;
	return 0;
}

static void put_number(struct filter_rule *rule, enum packet_field field, uint32_t number)
{
	struct match *match = &rule->matches[rule->match_count++];

	*match = (struct match){.kind = MATCH_RANGE, .field_count = 1, .fields = {field}};
	match->range.low = match->range.high = packet_value_number(field, number);
}

static void put_look_up(struct filter_rule *rule, enum rule_chain chain, enum rule_action action,
			enum rule_shape shape, bool published)
{
	struct match *match = &rule->matches[rule->match_count++];

	*match = (struct match){.kind = MATCH_SET, .field_count = shapes[shape].count};
	memcpy(match->fields, chain == CHAIN_INPUT ? shapes[shape].in : shapes[shape].out,
	       shapes[shape].count);
	if (published)
		match->fields[shapes[shape].count - 1] = FIELD_ORIGINAL_PORT;
	(void)rule_set_name(chain, action, shape, match->set);
}

/* What goes out is refused, so that who sends it is told; what comes in is dropped. */
static const char *const denied_counters[] = {
	[CHAIN_INPUT] = "in_denied", [CHAIN_OUTPUT] = "out_denied", [CHAIN_FORWARD] = "fwd_denied"};

static int add_denial(struct ruleset *ruleset, const char *name, enum rule_chain chain,
		      enum rule_shape shape, uint8_t protocol, enum rule_verdict verdict)
{
	struct filter_rule *rule = add_rule(ruleset, name);

	if (!rule)
		return -ENOMEM;
	if (protocol)
		put_number(rule, FIELD_PROTOCOL, protocol);
	put_look_up(rule, chain, ACTION_DENY, shape, chain == CHAIN_INPUT && protocol);
	snprintf(rule->counter, sizeof(rule->counter), "%s", denied_counters[chain]);
	rule->verdict = verdict;
	return 0;
}

static int add_denials(struct ruleset *ruleset, const char *name, enum rule_chain chain,
		       enum rule_shape shape)
{
	int r;

	if (chain != CHAIN_OUTPUT)
		return add_denial(ruleset, name, chain, shape, 0, RULE_DROP);
	/* TCP has an answer of its own for it. */
	r = add_denial(ruleset, name, chain, shape, IPPROTO_TCP, RULE_REJECT_RESET);
	return r < 0 ? r : add_denial(ruleset, name, chain, shape, 0, RULE_REJECT_PROHIBITED);
}

static int add_permission(struct ruleset *ruleset, const char *name, enum rule_chain chain,
			  enum rule_shape shape, uint8_t protocol)
{
	struct filter_rule *rule = add_rule(ruleset, name);

	if (!rule)
		return -ENOMEM;
	if (protocol)
		put_number(rule, FIELD_PROTOCOL, protocol);
	put_look_up(rule, chain, ACTION_ALLOW, shape, protocol);
	rule->verdict = RULE_ACCEPT;
	return 0;
}

static int add_chain(struct ruleset *ruleset, enum rule_chain chain, enum rule_action action)
{
	char name[RULESET_NAME_MAX];
	int r = 0;

	snprintf(name, sizeof(name), "%s_%s", chain_texts[chain], action_texts[action]);
	if (!ruleset_add_chain(ruleset, name))
		return -ENOMEM;
	for (unsigned shape = 0; r >= 0 && shape < _RULE_SHAPE_MAX; shape++) {
		r = add_set(ruleset, chain, action, shape);
		if (r >= 0)
			r = action == ACTION_DENY ? add_denials(ruleset, name, chain, shape)
						  : add_permission(ruleset, name, chain, shape, 0);
	}
	return r;
}

/* What is translated to a container passes what is said of the port that was asked for. nft knows
 * that this is a port only of a protocol that has some. */
static int add_published(struct ruleset *ruleset)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP};
	int r = ruleset_add_chain(ruleset, "published") ? 0 : -ENOMEM;

	for (unsigned i = 0; r >= 0 && i < _RULE_SHAPE_MAX * ARRAY_SIZE(protocols); i++)
		r = add_denial(ruleset, "published", CHAIN_INPUT, i / ARRAY_SIZE(protocols),
			       protocols[i % ARRAY_SIZE(protocols)], RULE_DROP);
	for (unsigned i = 0; r >= 0 && i < _RULE_SHAPE_MAX * ARRAY_SIZE(protocols); i++)
		r = add_permission(ruleset, "published", CHAIN_INPUT, i / ARRAY_SIZE(protocols),
				   protocols[i % ARRAY_SIZE(protocols)]);
	return r;
}

int policy_ruleset(const struct firewall_policy *policy, uid_t daemon, struct ruleset *ret)
{
	_cleanup_ruleset_ struct ruleset ruleset = {0};
	int r = ruleset_parse(firewall_default_ruleset, firewall_default_ruleset_size, &ruleset,
			      NULL, NULL, NULL);

	for (unsigned chain = 0; r >= 0 && chain < _RULE_CHAIN_MAX; chain++)
		for (unsigned action = 0; r >= 0 && action < _RULE_ACTION_MAX; action++)
			r = add_chain(&ruleset, chain, action);
	if (r >= 0)
		r = add_published(&ruleset);
	if (r >= 0)
		r = set_management(&ruleset, policy);
	if (r < 0)
		return r;
	set_profile(&ruleset, policy);
	set_user(&ruleset, daemon);
	if (policy->mode == FIREWALL_OBSERVE)
		only_observe(&ruleset);
	*ret = ruleset;
	ruleset = (struct ruleset){0};
	return 0;
}
