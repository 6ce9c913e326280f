/* net.adopt: takes what others have configured into intent, as it is. */
#include <stdio.h>
#include <string.h>

#include "change.h"
#include "common.h"

#define LINKS_MOST 64

static const struct field adopt_parameters[] = {
	{"links", FIELD_LINK, .list = true, .items_most = LINKS_MOST,
	 .help = "Interfaces to adopt; without it all that were found on this host and that intent "
		 "does not name"},
	{"dry_run", FIELD_BOOLEAN, .fallback = "false",
	 .help = "Only say what would be taken and what would change"},
	{"while_running", FIELD_BOOLEAN, .fallback = "false",
	 .help = "Adopt also what another manager that still runs manages; stop it soon after"},
	{"reason", FIELD_TEXT, .most = PROVENANCE_TEXT_MAX - 1, .help = "Why, for the history"},
	FIELD_END,
};

static const struct field taken_members[] = {
	{"resource", FIELD_TEXT, .required = true, .help = "Id in intent"},
	{"type", FIELD_TEXT, .required = true,
	 .help = "link, address, route, rule, dhcp, resolver"},
	{"owner", FIELD_TEXT, .required = true, .help = "Who had configured it"},
	{"reason", FIELD_TEXT, .required = true, .help = "Where that is known from"},
	FIELD_END,
};

static const struct field left_members[] = {
	{"what", FIELD_TEXT, .required = true, .help = "Interface, address, route, or rule"},
	{"why", FIELD_TEXT, .required = true, .help = "Why it is left as it is"},
	FIELD_END,
};

const struct field manager_members[] = {
	{"name", FIELD_TEXT, .required = true, .help = "networkd, NetworkManager, dhclient, ..."},
	{"pid", FIELD_INTEGER, .required = true, .help = "Its process"},
	{"command", FIELD_TEXT, .required = true, .help = "What stops it"},
	{"note", FIELD_TEXT, .help = "What to know before it is stopped"},
	{"links", FIELD_TEXT, .list = true, .required = true,
	 .help = "Links that it manages, and that are left alone meanwhile"},
	FIELD_END,
};

static const struct field adopt_output[] = {
	{"state", FIELD_TEXT, .required = true, .help = "committed, planned, or unchanged"},
	{"transaction", FIELD_INTEGER, .help = "Number, for tx.undo"},
	{"taken", FIELD_OBJECT, .list = true, .required = true, .members = taken_members,
	 .help = "What is in intent now, or would be"},
	{"changes", FIELD_OBJECT, .list = true, .required = true, .members = change_step_members,
	 .help = "What changes outside of intent: nothing, where all is so already; at most the "
		 "first 200"},
	{"left", FIELD_OBJECT, .list = true, .required = true, .members = left_members,
	 .help = "What is left as it is"},
	{"managers", FIELD_OBJECT, .list = true, .required = true, .members = manager_members,
	 .help = "Other managers of the network that run"},
	FIELD_END,
};

static int call_adopt(struct tool_call *call, json_t **ret, struct error *error)
{
	struct adopt_service *service = tool_call_services(call)->adopt;
	const json_t *arguments = tool_call_arguments(call);
	const json_t *links = json_object_get(arguments, "links"), *link;
	const char *names[LINKS_MOST];
	struct adopt_request request = {
		.links = links ? names : NULL,
		.asked = true,
		.dry_run = json_member_true(arguments, "dry_run"),
		.while_running = json_member_true(arguments, "while_running"),
		.asker = change_asker(call),
	};
	size_t i;

	if (!service)
		return error_set(error, ERROR_KERNEL_UNSUPPORTED, NULL,
				 "this daemon runs without adoption");
	json_array_foreach(links, i, link)
		names[request.links_count++] = json_string_value(link);
	change_provenance(call, &request.provenance);
	return adopt_run(service, &request, ret, error);
}

static char *summarise(const json_t *result)
{
	size_t taken = json_array_size(json_object_get(result, "taken"));
	size_t changes = json_array_size(json_object_get(result, "changes"));
	const json_t *manager = json_array_get(json_object_get(result, "managers"), 0);
	bool planned = strcmp(json_member_text(result, "state"), "planned") == 0;
	char *text;
	int n = asprintf(&text, "%zu resources %s taken, with %s%zu changes.%s%s%s%s", taken,
			 planned ? "would be" : "were", changes == STEPS_TOLD ? "at least " : "",
			 changes, manager ? " " : "",
			 manager ? json_member_text(manager, "name") : "",
			 manager ? " runs; stop it with: " : "",
			 manager ? json_member_text(manager, "command") : "");

	return n < 0 ? NULL : text;
}

static const struct tool tools[] = {
	{
		.name = "net.adopt",
		.title = "Adopt what others configured",
		.description =
			"Takes addresses, routes, rules, name servers and DHCP leases that another "
			"manager or a person has configured into intent, as they are: no packet is "
			"lost. tx.undo gives them up again and leaves them in the kernel. The "
			"daemon "
			"does the same by itself when it starts; this is for links that were left.",
		.parameters = adopt_parameters,
		.output = adopt_output,
		.hints = HINT_IDEMPOTENT,
		.risk = RISK_MEDIUM,
		.role = ROLE_AGENT,
		.time_limit = 5000,
		.undoable = true,
		.call = call_adopt,
		.summarise = summarise,
	},
};

const struct tool_set adopt_tools = {tools, ARRAY_SIZE(tools)};
