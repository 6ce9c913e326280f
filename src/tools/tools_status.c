/* net.status: what a person looks at. */
#include <stdio.h>
#include <string.h>

#include "common.h"

#define CHANGES_SHOWN 5

static const char *const online_values[] = {"unknown", "no", "partial", "yes", NULL};

static const struct field online_members[] = {
	{"state", FIELD_TEXT, .required = true, .values = online_values,
	 .help = "yes: packets come back and names resolve; partial: one of the two"},
	{"since", FIELD_TIME, .help = "When it became so"},
	{"detail", FIELD_TEXT, .help = "What is wrong"},
	{"ping", FIELD_NUMBER, .unit = "ms", .help = "How long the ping took"},
	{"lookup", FIELD_NUMBER, .unit = "ms", .help = "How long the look-up of a name took"},
	FIELD_END,
};

static const struct field uplink_members[] = {
	{"link", FIELD_LINK, .required = true, .help = LINK_HELP},
	{"family", FIELD_TEXT, .required = true, .values = family_values, .help = "Address family"},
	{"gateway", FIELD_ADDRESS, .help = "Next hop"},
	{"metric", FIELD_INTEGER, .required = true, .help = "The lowest is in use"},
	{"in_use", FIELD_BOOLEAN, .required = true, .help = "The kernel routes by this one"},
	FIELD_END,
};

static const struct field link_members[] = {
	{"name", FIELD_LINK, .required = true, .help = LINK_HELP},
	{"kind", FIELD_TEXT, .required = true, .help = "ethernet, wifi, bridge, ..."},
	{"state", FIELD_TEXT, .required = true, .help = "up, no carrier, or down"},
	{"addresses", FIELD_INTERFACE_ADDRESS, .list = true, .required = true,
	 .help = "IP addresses"},
	{"method", FIELD_TEXT, .required = true, .help = "dhcp, static, off, or none"},
	{"ownership", FIELD_TEXT, .required = true, .help = "ours, foreign, or ignored"},
	{"trouble", FIELD_TEXT, .help = "What hinders its configuration"},
	FIELD_END,
};

static const struct field change_members[] = {
	{"number", FIELD_INTEGER, .required = true, .help = "Number, for tx.undo"},
	{"time", FIELD_TIME, .required = true, .help = "When"},
	{"state", FIELD_TEXT, .required = true, .help = "committed, pending, rolled_back, undone"},
	{"tool", FIELD_TEXT, .required = true, .help = "What asked"},
	{"owner", FIELD_TEXT, .help = "Who asked"},
	{"reason", FIELD_TEXT, .help = "Why"},
	{"goal", FIELD_TEXT, .help = "Goal that it served"},
	{"words", FIELD_TEXT, .help = "Why it was rolled back or undone"},
	{"deadline", FIELD_TIME, .help = "Of a pending one"},
	FIELD_END,
};

static const struct field trouble_members[] = {
	{"resource", FIELD_TEXT, .required = true, .help = "Id in intent"},
	{"trouble", FIELD_TEXT, .required = true, .help = "What hinders it"},
	{"attempts", FIELD_INTEGER, .required = true, .help = "How often it was tried"},
	FIELD_END,
};

static const struct field status_output[] = {
	{"online", FIELD_OBJECT, .required = true, .members = online_members,
	 .help = "Whether this host reaches the outside"},
	{"online_after", FIELD_NUMBER, .unit = "ms",
	 .help = "From the daemon's start to the first time online"},
	{"uplinks", FIELD_OBJECT, .list = true, .required = true, .members = uplink_members,
	 .help = "Default routes, the one in use first"},
	{"dns", FIELD_ADDRESS, .list = true, .required = true,
	 .help = "Name servers in the order of use"},
	{"links", FIELD_OBJECT, .list = true, .required = true, .members = link_members,
	 .help = "Interfaces, without loopback"},
	{"changes", FIELD_OBJECT, .list = true, .required = true, .members = change_members,
	 .help = "The last changes, newest first"},
	{"troubles", FIELD_OBJECT, .list = true, .required = true, .members = trouble_members,
	 .help = "What is wanted and does not stand"},
	{"managers", FIELD_OBJECT, .list = true, .required = true, .members = manager_members,
	 .help = "Other managers of the network that were found running"},
	{"synchronised", FIELD_BOOLEAN, .required = true,
	 .help = "false while the kernel's state is read anew"},
	{"version", FIELD_TEXT, .required = true, .help = "Version of the daemon"},
	FIELD_END,
};

static json_t *milliseconds(usec_t time)
{
	return json_real((double)time / USEC_PER_MSEC);
}

static json_t *online_json(const struct tool_services *services)
{
	const struct online_report *report =
		services->online ? online_service_report(services->online) : NULL;
	json_t *json = json_object();
	int r = json_put(json, "state",
			 json_string(report ? online_values[report->state] : "unknown"));

	if (report && report->since)
		r |= json_put(json, "since", json_realtime(report->since));
	if (report)
		r |= put_text_member(json, "detail", report->detail);
	if (report && report->ping_ok)
		r |= json_put(json, "ping", milliseconds(report->ping_time));
	if (report && report->lookup_ok)
		r |= json_put(json, "lookup", milliseconds(report->lookup_time));
	if (r == 0)
		return json;
	json_decref(json);
	return NULL;
}

static json_t *uplink_json(struct core *core, const struct route *route, bool in_use)
{
	const struct link *link = observed_link(core_observed(core), route->link);
	json_t *json = json_pack("{ss ss sI sb}", "link", link ? link->name : "?", "family",
				 family_values[route->destination.address.family == AF_INET6],
				 "metric", (json_int_t)route->metric, "in_use", in_use);

	if (json && json_put_address(json, "gateway", &route->gateway) == 0)
		return json;
	json_decref(json);
	return NULL;
}

static int append_uplinks(json_t *list, struct core *core, int family)
{
	const struct route *best = uplink_route(core, family), *route = NULL;

	if (best && json_array_append_new(list, uplink_json(core, best, true)) < 0)
		return -ENOMEM;
	while ((route = observed_next_route(core_observed(core), route)))
		if (route != best && route->table == RT_TABLE_MAIN && route->link &&
		    route->destination.length == 0 && route->destination.address.family == family &&
		    json_array_append_new(list, uplink_json(core, route, false)) < 0)
			return -ENOMEM;
	return 0;
}

static json_t *uplinks_json(struct core *core)
{
	_cleanup_json_ json_t *list = json_array();

	if (append_uplinks(list, core, AF_INET) < 0 || append_uplinks(list, core, AF_INET6) < 0)
		return NULL;
	return TAKE_PTR(list);
}

static json_t *dns_json(const struct tool_services *services)
{
	struct ip_address servers[32];
	unsigned count = services->dns
				 ? dns_service_servers(services->dns, servers, ARRAY_SIZE(servers))
				 : 0;
	_cleanup_json_ json_t *list = json_array();

	for (unsigned i = 0; i < count; i++)
		if (json_array_append_new(list, json_address(&servers[i])) < 0)
			return NULL;
	return TAKE_PTR(list);
}

/* The members of the table, of what net.interfaces says. */
static json_t *link_json(struct core *core, const struct tool_services *services,
			 const struct link *link)
{
	_cleanup_json_ json_t *whole = interface_json(core, services, link, false);
	_cleanup_json_ json_t *json = json_object();

	for (const struct field *field = link_members; field->name; field++) {
		json_t *value = json_object_get(whole, field->name);

		if (value && json_object_set(json, field->name, value) < 0)
			return NULL;
	}
	return whole ? TAKE_PTR(json) : NULL;
}

static json_t *links_json(struct core *core, const struct tool_services *services)
{
	_cleanup_json_ json_t *list = json_array();
	const struct link *link = NULL;

	while ((link = observed_next_link(core_observed(core), link)))
		if (link->kind != LINK_LOOPBACK &&
		    json_array_append_new(list, link_json(core, services, link)) < 0)
			return NULL;
	return TAKE_PTR(list);
}

static json_t *troubles_json(struct core *core)
{
	_cleanup_json_ json_t *list = json_array();
	const struct resource *resource = NULL;

	while ((resource = core_next_resource(core, resource)))
		if (resource->trouble[0] &&
		    json_array_append_new(
			    list, json_pack("{ss so sI}", "resource", resource->id, "trouble",
					    json_text_from_bytes(resource->trouble,
								 strlen(resource->trouble)),
					    "attempts", (json_int_t)resource->attempts)) < 0)
			return NULL;
	return TAKE_PTR(list);
}

json_t *status_json(struct core *core, const struct tool_services *services)
{
	const struct online_report *report =
		services->online ? online_service_report(services->online) : NULL;
	_cleanup_json_ json_t *json = json_object();
	struct error error;
	json_t *changes = history_json(core, 0, CHANGES_SHOWN, false, &error);
	int r = json_put(json, "online", online_json(services)) |
		json_put(json, "uplinks", uplinks_json(core)) |
		json_put(json, "dns", dns_json(services)) |
		json_put(json, "links", links_json(core, services)) |
		json_put(json, "changes", changes ?: json_array()) |
		json_put(json, "troubles", troubles_json(core)) |
		json_put(json, "managers",
			 services->adopt ? adopt_managers(services->adopt) : json_array()) |
		json_put(json, "synchronised",
			 json_boolean(observed_is_synchronised(core_observed(core)))) |
		json_put(json, "version", json_string(AIOSNET_VERSION));

	if (report && report->first_online)
		r |= json_put(json, "online_after",
			      milliseconds(usec_sub(report->first_online, services->started)));
	return r < 0 ? NULL : TAKE_PTR(json);
}

static int call_status(struct tool_call *call, json_t **ret, struct error *error)
{
	*ret = status_json(tool_call_core(call), tool_call_services(call));
	return *ret ? 0 : out_of_memory(error);
}

static char *summarise(const json_t *result)
{
	const json_t *uplink = json_array_get(json_object_get(result, "uplinks"), 0);
	const json_t *online = json_object_get(result, "online");
	const char *state = json_member_text(online, "state"),
		   *link = json_member_text(uplink, "link");
	size_t troubles = json_array_size(json_object_get(result, "troubles"));
	char *text;
	int n = asprintf(&text, "Online: %s%s%s. %zu trouble%s.", state, link ? ", by " : "",
			 link ?: "", troubles, troubles == 1 ? "" : "s");

	return n < 0 ? NULL : text;
}

static const struct tool tools[] = {
	{
		.name = "net.status",
		.title = "Show the network's state",
		.description =
			"Says at a glance whether this host is online, by which uplink, with which "
			"name servers, what its links are, what was changed last and why, and what "
			"does not stand.",
		.output = status_output,
		.hints = HINT_READ_ONLY | HINT_IDEMPOTENT,
		.risk = RISK_NONE,
		.role = ROLE_OBSERVER,
		.time_limit = 1000,
		.call = call_status,
		.summarise = summarise,
	},
};

const struct tool_set status_tools = {tools, ARRAY_SIZE(tools)};
