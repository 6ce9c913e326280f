/* firewall.allow, firewall.deny, firewall.remove: rules of intent. */
#include <stdio.h>
#include <string.h>

#include "common.h"

#define RULES_MOST 10000 /* of one call */

static const char *const chain_values[] = {"input", "output", "forward", NULL};

/* What a rule says, apart from whether it allows or denies. */
#define RULE_MEMBERS                                                                               \
	{"chain", FIELD_TEXT, .values = chain_values, .fallback = "\"input\"",                     \
	 .help = "input: to this host; output: from it; forward: through it"},                     \
		{"protocol", FIELD_TEXT, .most = 16, .fallback = "\"tcp\"",                        \
		 .help = "tcp, udp, sctp, icmp, icmpv6, gre, esp, ah, any, or its number"},        \
		{"port", FIELD_INTEGER, .least = 1, .most = 65535,                                 \
		 .help = "Destination port; without it all"},                                      \
		{"ports",                                                                          \
		 FIELD_TEXT,                                                                       \
		 .list = true,                                                                     \
		 .most = 11,                                                                       \
		 .items_most = RULE_PORTS_MOST,                                                    \
		 .help = "Several destination ports and ranges, such as \"80\" and "               \
			 "\"8000-8080\""},                                                         \
		{"source", FIELD_TEXT, .most = IP_PREFIX_TEXT_MAX, .fallback = "\"any\"",          \
		 .help = "Address or network that it comes from, or any"},                         \
		{"destination", FIELD_TEXT, .most = IP_PREFIX_TEXT_MAX, .fallback = "\"any\"",     \
		 .help = "Address or network that it goes to, or any"},                            \
		{"family", FIELD_TEXT, .values = family_values, .help = "Only this one"},          \
	{                                                                                          \
		"link", FIELD_LINK, .help = "Interface that it comes in by; of output: leaves by"  \
	}

static const struct field rule_members[] = {
	RULE_MEMBERS,
	{"comment", FIELD_TEXT, .most = PROVENANCE_TEXT_MAX - 1, .help = "What the rule is for"},
	FIELD_END,
};

static const struct field rule_parameters[] = {
	RULE_MEMBERS,
	{"rules", FIELD_OBJECT, .list = true, .items_most = RULES_MOST, .members = rule_members,
	 .help = "Several rules at once, all or none of them; instead of those members here"},
	{"comment", FIELD_TEXT, .most = PROVENANCE_TEXT_MAX - 1,
	 .help = "What it is for; the same as reason"},
	{"expires", FIELD_TIME, .help = "When it ends by itself; the same as expires_in"},
	{"keep_established", FIELD_BOOLEAN, .fallback = "false",
	 .help = "Connections that stand already live on when a rule ends, or denies them"},
	FIELD_END,
};

/* ---- from arguments to a specification ---- */

static int put_given(json_t *object, const json_t *members, const char *key)
{
	const char *text = json_member_text(members, key);

	if (!text || strcmp(text, "any") == 0)
		return 0;
	return json_put(object, key, json_string(text));
}

/* The ports of both parameters. */
static json_t *ports_of(const json_t *members)
{
	_cleanup_json_ json_t *list = json_array();
	int64_t port = json_member_integer(members, "port", 0);
	char text[8];

	if (!list || json_array_extend(list, json_object_get(members, "ports") ?: list) < 0)
		return NULL;
	snprintf(text, sizeof(text), "%u", (uint16_t)port);
	if (port && json_array_append_new(list, json_string(text)) < 0)
		return NULL;
	return TAKE_PTR(list);
}

static int spec_of(const struct tool_call *call, const json_t *members, const char *action,
		   usec_t expires, struct firewall_rule_spec *ret, struct error *error)
{
	static const char *const given[] = {"chain",	   "protocol", "source",
					    "destination", "family",   "link"};
	_cleanup_json_ json_t *object = json_pack("{s:s}", "action", action);
	int r = json_put(object, "ports", ports_of(members));

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(given); i++)
		r = put_given(object, members, given[i]);
	if (r < 0)
		return out_of_memory(error);
	*ret = (struct firewall_rule_spec){0};
	r = firewall_rule_parse(object, ret, error);
	ret->keep_established = json_member_true(tool_call_arguments(call), "keep_established");
	ret->expires = expires;
	return r;
}

/* Is it said already? Then nothing is added, and the answer says by what. */
static const struct resource *covering(struct core *core, const struct firewall_rule_spec *spec)
{
	const struct resource *resource = NULL;

	while ((resource = core_next_of_type(core, &firewall_rule_type, resource))) {
		const struct firewall_rule_spec *other =
			(const struct firewall_rule_spec *)resource->spec;

		if (!firewall_rule_same(other, spec) && firewall_rule_covers(other, spec))
			return resource;
	}
	return NULL;
}

static int propose_one(struct tool_call *call, struct proposal *proposal, const char *action,
		       struct error *error)
{
	struct core *core = tool_call_core(call);
	const struct resource *wide;
	struct firewall_rule_spec spec;
	usec_t expires = proposal->expires == USEC_INFINITY ? 0 : proposal->expires;
	int r = spec_of(call, tool_call_arguments(call), action, expires, &spec, error);

	if (r < 0)
		return r;
	wide = covering(core, &spec);
	if (wide) {
		snprintf(proposal->note, sizeof(proposal->note),
			 "Nothing is added: %.150s covers it", wide->id);
		return 0;
	}
	return proposal_put(proposal, &firewall_rule_type, &spec) < 0 ? out_of_memory(error) : 0;
}

/* Names the rule that is wrong. */
static void name_rule(size_t index, struct error *error)
{
	char parameter[sizeof(error->parameter)];

	snprintf(parameter, sizeof(parameter), "rules[%zu].%.30s", index, error->parameter);
	memcpy(error->parameter, parameter, sizeof(parameter));
}

static int propose_several(struct tool_call *call, struct proposal *proposal, const char *action,
			   const json_t *rules, struct error *error)
{
	usec_t expires = proposal->expires == USEC_INFINITY ? 0 : proposal->expires;
	const json_t *entry;
	size_t i;

	json_array_foreach(rules, i, entry) {
		struct firewall_rule_spec spec;
		int r = spec_of(call, entry, action, expires, &spec, error);

		if (r < 0) {
			name_rule(i, error);
			return r;
		}
		if (proposal_put(proposal, &firewall_rule_type, &spec) < 0)
			return out_of_memory(error);
	}
	return 0;
}

static int read_expiry(const struct tool_call *call, struct proposal *proposal, struct error *error)
{
	const char *text = json_member_text(tool_call_arguments(call), "expires");
	usec_t expires;
	int r;

	if (!text)
		return 0;
	if (proposal->expires != USEC_INFINITY)
		return error_set(error, ERROR_PARAMETER_CONFLICT, "expires",
				 "\"expires\" and \"expires_in\" say the same: give one of them");
	r = clock_parse_realtime(text, &expires);
	if (r < 0)
		return error_set(error, ERROR_PARAMETER_TYPE, "expires",
				 "\"expires\" is a time such as 2030-01-31T12:00:00Z");
	if (expires <= clock_realtime_usec())
		return error_set(error, ERROR_PARAMETER_RANGE, "expires",
				 "The time %.40s has passed", text);
	proposal->expires = expires;
	return 0;
}

static int propose_rules(struct tool_call *call, struct proposal *proposal, const char *action,
			 struct error *error)
{
	static const char *const alone[] = {"port", "ports", "family", "link"};
	const json_t *arguments = tool_call_arguments(call);
	const json_t *rules = json_object_get(arguments, "rules");
	int r = read_expiry(call, proposal, error);

	if (r < 0)
		return r;
	if (!rules)
		return propose_one(call, proposal, action, error);
	for (size_t i = 0; i < ARRAY_SIZE(alone); i++)
		if (json_object_get(arguments, alone[i]))
			return error_set(error, ERROR_PARAMETER_CONFLICT, alone[i],
					 "\"%s\" belongs into each of \"rules\"", alone[i]);
	return propose_several(call, proposal, action, rules, error);
}

static int propose_allow(struct tool_call *call, struct proposal *proposal, struct error *error)
{
	return propose_rules(call, proposal, "allow", error);
}

static int propose_deny(struct tool_call *call, struct proposal *proposal, struct error *error)
{
	return propose_rules(call, proposal, "deny", error);
}

/* ---- firewall.remove ---- */

static const struct field remove_parameters[] = {
	{"rule", FIELD_TEXT, .required = true, .least = 1, .most = RESOURCE_KEY_MAX + 16,
	 .help = "Id of a rule, as firewall.rules lists it"},
	FIELD_END,
};

static int propose_remove(struct tool_call *call, struct proposal *proposal, struct error *error)
{
	const char *rule = json_member_text(tool_call_arguments(call), "rule");
	const struct resource *resource = core_resource(tool_call_core(call), rule);
	int r;

	if (resource && resource->type == &firewall_rule_type)
		return proposal_remove(proposal, rule) < 0 ? out_of_memory(error) : 0;
	r = error_set(error, ERROR_RESOURCE_UNKNOWN, "rule", "there is no rule '%.120s'", rule);
	error_hint(error, "firewall.rules lists them with their ids");
	return r;
}

static const struct tool tools[] = {
	{
		.name = "firewall.allow",
		.title = "Allow traffic",
		.description =
			"Lets traffic in, out or through: by protocol, port, address and "
			"interface. "
			"The same rule again changes its comment and when it ends. What another "
			"rule covers is not added, and the answer says so. A denial wins over what "
			"is allowed.",
		.parameters = rule_parameters,
		.hints = HINT_IDEMPOTENT,
		.risk = RISK_MEDIUM,
		.role = ROLE_AGENT,
		.time_limit = 10000,
		.undoable = true,
		.propose = propose_allow,
	},
	{
		.name = "firewall.deny",
		.title = "Deny traffic",
		.description =
			"Keeps traffic from coming in, going out or passing through, whatever is "
			"allowed. What comes in is dropped; what this host itself sends is refused "
			"at once.",
		.parameters = rule_parameters,
		.hints = HINT_DESTRUCTIVE | HINT_IDEMPOTENT,
		.risk = RISK_HIGH,
		.role = ROLE_AGENT,
		.time_limit = 10000,
		.undoable = true,
		.propose = propose_deny,
	},
	{
		.name = "firewall.remove",
		.title = "Remove a rule",
		.description = "Ends what firewall.allow or firewall.deny made.",
		.parameters = remove_parameters,
		.hints = HINT_DESTRUCTIVE,
		.risk = RISK_MEDIUM,
		.role = ROLE_AGENT,
		.time_limit = 5000,
		.undoable = true,
		.propose = propose_remove,
	},
};

const struct tool_set firewall_rule_tools = {tools, ARRAY_SIZE(tools)};
