/* guard.*: list, add, remove: the guard rails as an administrator sets them. */
#include <stdio.h>
#include <string.h>

#include "common.h"

/* What a guard says, apart from its name and kind. */
#define GUARD_MEMBERS                                                                              \
	{"resources", FIELD_TEXT, .least = 1, .most = RESOURCE_KEY_MAX,                            \
	 .help = "Of protect, confirm, drift: pattern of the ids it names, such as "               \
		 "\"route/*\", \"address/eth0/*\" or \"*\"; without it all"},                      \
		{"link", FIELD_LINK,                                                               \
		 .help = "Of protect, confirm, drift: only what belongs to this interface"},       \
		{"everyone", FIELD_BOOLEAN,                                                        \
		 .help = "Of protect, confirm: holds administrators too, until they remove it"},   \
		{"count", FIELD_INTEGER, .least = 1, .most = 1000000,                              \
		 .help = "Of limit: so many changes an agent makes at once"},                      \
		{"seconds",  FIELD_INTEGER, .unit = "s",                                           \
		 .least = 1, .most = 86400, .help = "Of limit: and so many again in this time"},   \
		{"policy", FIELD_TEXT, .values = guard_policies,                                   \
		 .help = "Of drift: what somebody else changed is reverted, adopted into intent, " \
			 "or only reported"},                                                      \
		{"peer", FIELD_TEXT, .most = 64,                                                   \
		 .help = "Of management: address or prefix that must be reached at all times"},    \
	{                                                                                          \
		"port", FIELD_INTEGER,                                                             \
			.least = 1, .most = 65535,                                                 \
			.help = "Of management: whoever is connected to this TCP port must not "   \
				"lose his way here"                                                \
	}

/* ---- guard.list ---- */

static const struct field guard_members[] = {
	{"name", FIELD_TEXT, .required = true, .help = "Name, as refusals give it"},
	{"kind", FIELD_TEXT, .required = true,
	 .help = "protect, confirm, limit, drift, management, or fixed"},
	{"fixed", FIELD_BOOLEAN, .required = true, .help = "Part of the daemon: not removable"},
	{"summary", FIELD_TEXT, .help = "What it forbids"},
	GUARD_MEMBERS,
	{"owner", FIELD_TEXT, .help = "Who set it"},
	{"reason", FIELD_TEXT, .help = "Why"},
	{"expires", FIELD_TIME, .help = "When it ends by itself"},
	FIELD_END,
};

static const struct field list_output[] = {
	{"guards", FIELD_OBJECT, .list = true, .required = true, .members = guard_members,
	 .help = "Those of the daemon, then those that were set"},
	FIELD_END,
};

static int add_fixed(json_t *list, const char *name, const char *summary, json_t *members)
{
	_cleanup_json_ json_t *taken = members ?: json_object();
	json_t *entry = json_pack("{ss ss sb ss}", "name", name, "kind", "fixed", "fixed", 1,
				  "summary", summary);

	if (!taken || !entry || json_object_update_missing(entry, taken) < 0) {
		json_decref(entry);
		return -ENOMEM;
	}
	return json_array_append_new(list, entry);
}

/* What holds where nobody has set anything else. */
static int add_defaults(json_t *list, struct core *core)
{
	unsigned count, seconds;

	guards_limit(core, &count, &seconds);
	return add_fixed(list, "limit.changes",
			 "An agent makes so many changes at once, and so many again in this time; "
			 "a guard of kind limit takes its place",
			 json_pack("{si si}", "count", count, "seconds", seconds)) |
	       add_fixed(list, "drift.policy",
			 "What somebody else changes is made as intended again; a guard of kind "
			 "drift says otherwise",
			 json_pack("{ss}", "policy", guard_policies[DRIFT_REVERT]));
}

static int add_rails(json_t *list, struct core *core)
{
	const struct guard_rail *rail = NULL;
	int r = 0;

	while (r >= 0 && (rail = core_next_guard_rail(core, rail)))
		r = add_fixed(list, rail->name, rail->summary, NULL);
	return r;
}

static json_t *set_json(const struct resource *resource)
{
	_cleanup_json_ json_t *entry = resource->type->print(resource->spec);
	int r = json_put(entry, "fixed", json_false()) |
		put_text_member(entry, "owner", resource->provenance.owner) |
		put_text_member(entry, "reason", resource->provenance.reason);

	if (resource->expires != USEC_INFINITY)
		r |= json_put(entry, "expires", json_realtime(resource->expires));
	return r < 0 ? NULL : TAKE_PTR(entry);
}

static int call_list(struct tool_call *call, json_t **ret, struct error *error)
{
	struct core *core = tool_call_core(call);
	const struct resource *resource = NULL;
	_cleanup_json_ json_t *list = json_array();
	int r = list ? add_rails(list, core) | add_defaults(list, core) : -ENOMEM;

	while (r >= 0 && (resource = core_next_of_type(core, &guard_type, resource)))
		r = json_array_append_new(list, set_json(resource));
	*ret = r < 0 ? NULL : json_pack("{sO}", "guards", list);
	return *ret ? 0 : out_of_memory(error);
}

static char *summarise_list(const json_t *result)
{
	const json_t *list = json_object_get(result, "guards"), *entry;
	unsigned set = 0;
	char *text;
	size_t i;

	json_array_foreach(list, i, entry)
		set += !json_member_true(entry, "fixed");
	if (asprintf(&text, "%zu guard rails: %zu of the daemon, %u set by administrators.",
		     json_array_size(list), json_array_size(list) - set, set) < 0)
		return NULL;
	return text;
}

/* ---- guard.add, guard.remove ---- */

#define NAME_HELP "Letters a to z, digits, '.', '_' and '-'; refusals give it"

static const struct field add_parameters[] = {
	{"name", FIELD_TEXT, .required = true, .least = 1, .most = GUARD_NAME_MAX - 1,
	 .help = NAME_HELP},
	{"kind", FIELD_TEXT, .required = true, .values = guard_kinds,
	 .help = "protect: no agent changes it; confirm: only with confirm_within; limit: how much "
		 "agents change; drift: what follows when somebody else changes it; management: "
		 "who must reach this host"},
	GUARD_MEMBERS,
	FIELD_END,
};

static const struct field remove_parameters[] = {
	{"name", FIELD_TEXT, .required = true, .least = 1, .most = GUARD_NAME_MAX - 1,
	 .help = "Name of a guard that was set"},
	FIELD_END,
};

static const struct guard_rail *fixed_rail(struct core *core, const char *name)
{
	const struct guard_rail *rail = NULL;

	while ((rail = core_next_guard_rail(core, rail)))
		if (strcmp(rail->name, name) == 0)
			return rail;
	return NULL;
}

static int propose_add(struct tool_call *call, struct proposal *proposal, struct error *error)
{
	struct guard_spec spec = {0};
	int r = guard_type.parse(tool_call_arguments(call), &spec, error);

	if (r < 0)
		return r;
	if (fixed_rail(tool_call_core(call), spec.name)) {
		r = error_set(error, ERROR_NAME_INVALID, "name",
			      "%s is the name of a guard rail of the daemon", spec.name);
		error_hint(error, "choose another name");
		return r;
	}
	return proposal_put(proposal, &guard_type, &spec) < 0 ? out_of_memory(error) : 0;
}

static int propose_remove(struct tool_call *call, struct proposal *proposal, struct error *error)
{
	const char *name = json_member_text(tool_call_arguments(call), "name");
	char id[RESOURCE_KEY_MAX + 16];
	int r;

	snprintf(id, sizeof(id), "%s/%s", guard_type.name, name);
	if (core_resource(tool_call_core(call), id))
		return proposal_remove(proposal, id) < 0 ? out_of_memory(error) : 0;
	if (fixed_rail(tool_call_core(call), name))
		r = error_set(error, ERROR_GUARD_REFUSED, "name",
			      "%s is part of the daemon and not removable", name);
	else
		r = error_set(error, ERROR_RESOURCE_UNKNOWN, "name", "there is no guard '%s'",
			      name);
	error_hint(error, "guard.list names them");
	return r;
}

static const struct tool tools[] = {
	{
		.name = "guard.list",
		.title = "List guard rails",
		.description =
			"Lists what no change may do: the guard rails that are part of the daemon, "
			"and those that an administrator has set, with their parameters, who set "
			"them and why. A refusal with the code guard.refused names one of them.",
		.output = list_output,
		.hints = HINT_READ_ONLY | HINT_IDEMPOTENT,
		.role = ROLE_OBSERVER,
		.time_limit = 1000,
		.call = call_list,
		.summarise = summarise_list,
	},
	{
		.name = "guard.add",
		.title = "Set a guard rail",
		.description =
			"Sets a guard rail, or changes the one of that name: protects resources "
			"from agents, demands a confirmation for what changes them, limits how "
			"much agents change, says what follows when somebody else changes the "
			"kernel, or names a peer or port of management. Administrators alone.",
		.parameters = add_parameters,
		.hints = HINT_IDEMPOTENT,
		.risk = RISK_MEDIUM,
		.role = ROLE_ADMIN,
		.time_limit = 5000,
		.undoable = true,
		.propose = propose_add,
	},
	{
		.name = "guard.remove",
		.title = "Remove a guard rail",
		.description = "Removes a guard rail that was set with guard.add. Administrators "
			       "alone; those that are part of the daemon stay.",
		.parameters = remove_parameters,
		.hints = HINT_DESTRUCTIVE | HINT_IDEMPOTENT,
		.risk = RISK_HIGH,
		.role = ROLE_ADMIN,
		.time_limit = 5000,
		.undoable = true,
		.propose = propose_remove,
	},
};

const struct tool_set guard_tools = {tools, ARRAY_SIZE(tools)};
