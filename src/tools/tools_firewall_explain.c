/* firewall.explain: what becomes of one packet, and by whose rule. */
#include <stdio.h>
#include <string.h>

#include "common.h"
#include "firewall/question.h"

static const char *const chain_values[] = {"input", "output", "forward", NULL};
static const char *const protocol_values[] = {"tcp", "udp", "sctp", NULL};
static const char *const verdicts[] = {"accepted", "refused", "translated", "unknown", NULL};

static const struct field parameters[] = {
	{"chain", FIELD_TEXT, .values = chain_values, .fallback = "\"input\"",
	 .help = "input: to this host; output: from it; forward: through it"},
	{"protocol", FIELD_TEXT, .values = protocol_values, .fallback = "\"tcp\"",
	 .help = "Of the packet"},
	{"port", FIELD_INTEGER, .required = true, .least = 1, .most = 65535,
	 .help = "Destination port"},
	{"source", FIELD_ADDRESS,
	 .help = "Who sends it; of output: without it one of this host's own"},
	{"destination", FIELD_ADDRESS,
	 .help = "Where it goes; of input: without it one of this host's own"},
	{"source_port", FIELD_INTEGER, .least = 1, .most = 65535, .fallback = "40000",
	 .help = "Source port"},
	{"in_link", FIELD_LINK, .help = "Interface that it comes in by"},
	{"out_link", FIELD_LINK, .help = "Interface that it leaves by"},
	{"user", FIELD_INTEGER, .least = 0, .most = 4294967294.0, .fallback = "65534",
	 .help = "Of output: uid of who sends it"},
	FIELD_END,
};

#define PLACE_MEMBERS                                                                              \
	{"table", FIELD_TEXT, .required = true, .help = "Name of the table"},                      \
		{"chain", FIELD_TEXT, .required = true, .help = "Name of the chain"},              \
	{                                                                                          \
		"rule", FIELD_TEXT, .required = true, .help = "In nft's words; or its policy"      \
	}

static const struct field step_members[] = {PLACE_MEMBERS, FIELD_END};

static const struct field decided_members[] = {
	PLACE_MEMBERS,
	{"resource", FIELD_TEXT, .help = "Rule of intent that it stands for"},
	{"owner", FIELD_TEXT, .help = "Who wanted that"},
	{"reason", FIELD_TEXT, .help = "Why"},
	{"goal", FIELD_TEXT, .help = "For which goal"},
	FIELD_END,
};

static const struct field output[] = {
	{"verdict", FIELD_TEXT, .required = true, .values = verdicts,
	 .help = "What becomes of a first packet; translated: it goes elsewhere"},
	{"decided_by", FIELD_OBJECT, .nullable = true, .required = true, .members = decided_members,
	 .help = "What decides of it; null where nothing does: it passes"},
	{"doubt", FIELD_TEXT, .help = "Why it is not known"},
	{"limited", FIELD_BOOLEAN, .required = true,
	 .help = "Only while a rate is kept that a rule on the way has"},
	{"steps", FIELD_OBJECT, .list = true, .required = true, .members = step_members,
	 .help = "The rules that the packet meets, in their order"},
	FIELD_END,
};

/* ---- the question ---- */

/* An address of this host of the family of `other`, or the first of all. */
static struct ip_address own_address(struct core *core, const struct ip_address *other)
{
	const struct address *address = NULL;

	while ((address = observed_next_address(core_observed(core), address))) {
		const struct ip_address *own = &address->prefix.address;

		if (!ip_address_is_loopback(own) && !ip_address_is_link_local(own) &&
		    (!other->family || other->family == own->family))
			return *own;
	}
	return (struct ip_address){0};
}

static int missing(const char *parameter, struct error *error)
{
	return error_set(error, ERROR_PARAMETER_MISSING, parameter,
			 "\"%s\" is missing: packets of this chain are told apart by it",
			 parameter);
}

static int complete_addresses(struct core *core, struct firewall_question *question,
			      struct error *error)
{
	if (question->chain == CHAIN_OUTPUT && !ip_address_is_set(&question->source))
		question->source = own_address(core, &question->destination);
	if (question->chain == CHAIN_INPUT && !ip_address_is_set(&question->destination))
		question->destination = own_address(core, &question->source);
	if (!ip_address_is_set(&question->source))
		return missing("source", error);
	if (!ip_address_is_set(&question->destination))
		return missing("destination", error);
	if (question->source.family != question->destination.family)
		return error_set(error, ERROR_PARAMETER_CONFLICT, "destination",
				 "Source and destination are of different families");
	return 0;
}

static uint8_t index_of(const char *const *values, const char *text)
{
	uint8_t i = 0;

	/* It was validated: it is one of them. */
	while (strcmp(values[i], text) != 0)
		i++;
	return i;
}

static int question_of(const struct tool_call *call, struct firewall_question *ret,
		       struct error *error)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP};
	const json_t *arguments = tool_call_arguments(call);

	*ret = (struct firewall_question){
		.chain = index_of(chain_values, json_member_text(arguments, "chain")),
		.protocol = protocols[index_of(protocol_values,
					       json_member_text(arguments, "protocol"))],
		.source = argument_address(call, "source"),
		.destination = argument_address(call, "destination"),
		.source_port = (uint16_t)json_member_integer(arguments, "source_port", 0),
		.destination_port = (uint16_t)json_member_integer(arguments, "port", 0),
		.user = (uint32_t)json_member_integer(arguments, "user", 0),
	};
	text_copy(ret->in_link, sizeof(ret->in_link), json_member_text(arguments, "in_link"));
	text_copy(ret->out_link, sizeof(ret->out_link), json_member_text(arguments, "out_link"));
	return complete_addresses(tool_call_core(call), ret, error);
}

/* ---- the answer ---- */

static json_t *place_json(const struct decision *where)
{
	_cleanup_text_buffer_ struct text_buffer text = {0};

	if (where->rule)
		filter_rule_text(&where->rule->rule, &text);
	else
		text_buffer_format(&text, "policy %s", where->chain->drops ? "drop" : "accept");
	if (!text_buffer_ok(&text))
		return NULL;
	return json_pack("{ss ss so}", "table", where->chain->table->name, "chain",
			 where->chain->name, "rule", json_stringn(text.data, text.length));
}

static json_t *decided_json(const struct tool_call *call, const struct firewall_question *question,
			    const struct explanation *explanation)
{
	const struct decision *where = &explanation->decides;
	enum rule_action action = explanation->fate == FATE_REFUSED ? ACTION_DENY : ACTION_ALLOW;
	const struct resource *resource =
		firewall_rule_about(tool_call_core(call), question, action);
	_cleanup_json_ json_t *json = NULL;
	char chain[RULESET_NAME_MAX];
	int r = 0;

	if (!where->chain)
		return json_null();
	json = place_json(where);
	snprintf(chain, sizeof(chain), "%s_%s", firewall_chain_text(question->chain),
		 firewall_action_text(action));
	if (resource && strcmp(where->chain->table->name, FIREWALL_TABLE) == 0 &&
	    strcmp(where->chain->name, chain) == 0)
		r = json_put(json, "resource", json_string(resource->id)) |
		    put_text_member(json, "owner", resource->provenance.owner) |
		    put_text_member(json, "reason", resource->provenance.reason) |
		    put_text_member(json, "goal", resource->provenance.goal);
	return r < 0 ? NULL : TAKE_PTR(json);
}

static json_t *steps_json(const struct explanation *explanation)
{
	_cleanup_json_ json_t *list = json_array();
	int r = list ? 0 : -ENOMEM;

	for (size_t i = 0; r >= 0 && i < explanation->step_count; i++)
		if (explanation->steps[i].where.chain)
			r = json_array_append_new(list, place_json(&explanation->steps[i].where));
	return r < 0 ? NULL : TAKE_PTR(list);
}

static int call_explain(struct tool_call *call, json_t **ret, struct error *error)
{
	struct firewall_service *service = tool_call_services(call)->firewall;
	_cleanup_state_ struct netfilter_state state = {0};
	struct explanation explanation;
	struct firewall_question question;
	int r = question_of(call, &question, error);

	if (r < 0)
		return r;
	r = service ? firewall_state(service, &state) : 0;
	if (r < 0)
		return error_set(error, ERROR_KERNEL_REFUSED, NULL,
				 "the kernel's rulesets cannot be read: %s", strerror(-r));
	firewall_explain(&state, &question, &explanation);
	*ret = json_pack("{ss so sb so}", "verdict", verdicts[explanation.fate], "decided_by",
			 decided_json(call, &question, &explanation), "limited",
			 (int)explanation.limited, "steps", steps_json(&explanation));
	if (*ret && explanation.fate == FATE_UNKNOWN &&
	    json_put(*ret, "doubt", json_string(proof_doubt_text(explanation.doubt))) < 0)
		json_decref(TAKE_PTR(*ret));
	return *ret ? 0 : out_of_memory(error);
}

static char *summarise(const json_t *result)
{
	const json_t *decided = json_object_get(result, "decided_by");
	char *text;

	if (asprintf(&text, "%s%s%s%s%s.", json_member_text(result, "verdict"),
		     json_member_text(decided, "chain") ? " by " : "",
		     json_member_text(decided, "chain") ?: "",
		     json_member_text(decided, "rule") ? ": " : "",
		     json_member_text(decided, "rule") ?: "") < 0)
		return NULL;
	return text;
}

static const struct tool tools[] = {
	{
		.name = "firewall.explain",
		.title = "Explain what becomes of a packet",
		.description =
			"Says what becomes of the first packet of a connection, which rule of "
			"which "
			"table decides it, for whom that rule stands, and which rules it meets on "
			"the way: of our table and those of others. Nothing is sent.",
		.parameters = parameters,
		.output = output,
		.hints = HINT_READ_ONLY | HINT_IDEMPOTENT,
		.role = ROLE_OBSERVER,
		.time_limit = 5000,
		.call = call_explain,
		.summarise = summarise,
	},
};

const struct tool_set firewall_explain_tools = {tools, ARRAY_SIZE(tools)};
