/* net.explain: who wanted it, and why. */
#include <inttypes.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "common.h"

#define PARENTS_MOST	  8
#define EXPLANATIONS_MOST 200

static const struct field explain_parameters[] = {
	{"subject", FIELD_TEXT, .required = true, .least = 1, .most = RESOURCE_KEY_MAX + 15,
	 .help = "An interface, an address, a destination NETWORK/LENGTH or \"default\", "
		 "\"rules\" or \"rule PRIORITY\", or the id of a resource such as "
		 "route/254/0.0.0.0/0/100"},
	FIELD_END,
};

static const struct field cause_members[] = {
	{"resource", FIELD_TEXT, .required = true, .help = "Id in intent"},
	{"owner", FIELD_TEXT, .required = true, .help = "Who asked"},
	{"reason", FIELD_TEXT, .help = "Why, in the words of who asked"},
	{"goal", FIELD_TEXT, .help = "Goal that it serves"},
	{"created", FIELD_TIME, .required = true, .help = "Since when it is wanted"},
	{"expires", FIELD_TIME, .help = "Until when"},
	{"transaction", FIELD_INTEGER, .help = "Number in tx.history"},
	{"trouble", FIELD_TEXT, .help = "What hinders it"},
	{"spec", FIELD_OBJECT, .help = "What is wanted"},
	FIELD_END,
};

static const struct field explanation_members[] = {
	{"object", FIELD_TEXT, .required = true, .help = "What the kernel has, or intent wants"},
	{"present", FIELD_BOOLEAN, .required = true, .help = "Does the kernel have it?"},
	{"made_by", FIELD_TEXT, .required = true,
	 .help = "aiosnet, or who it most likely was by the kernel's mark"},
	{"causes", FIELD_OBJECT, .list = true, .required = true, .members = cause_members,
	 .help = "The resource behind it, then the one that this derives from, and so on"},
	FIELD_END,
};

static const struct field explain_output[] = {
	{"subject", FIELD_TEXT, .required = true, .help = "What was asked for"},
	{"understood_as", FIELD_TEXT, .required = true,
	 .help = "interface, address, destination, rule, or resource"},
	{"explanations", FIELD_OBJECT, .list = true, .required = true,
	 .members = explanation_members, .help = "One for each object"},
	FIELD_END,
};

/* ---- causes ---- */

static json_t *cause_json(const struct resource *resource)
{
	const char *owner = resource->provenance.owner;
	json_t *json = json_object();
	int r = json_put(json, "resource", json_string(resource->id)) |
		json_put(json, "owner", json_text_from_bytes(owner, strlen(owner))) |
		put_text_member(json, "reason", resource->provenance.reason) |
		put_text_member(json, "goal", resource->provenance.goal) |
		put_text_member(json, "trouble", resource->trouble) |
		json_put(json, "created", json_realtime(resource->created)) |
		json_put(json, "spec", resource->type->print(resource->spec));

	if (resource->expires != USEC_INFINITY)
		r |= json_put(json, "expires", json_realtime(resource->expires));
	if (resource->transaction)
		r |= json_put(json, "transaction", json_integer((json_int_t)resource->transaction));
	if (r == 0)
		return json;
	json_decref(json);
	return NULL;
}

static json_t *causes_json(struct core *core, const struct resource *resource)
{
	_cleanup_json_ json_t *causes = json_array();

	for (unsigned i = 0; resource && i < PARENTS_MOST; i++) {
		if (json_array_append_new(causes, cause_json(resource)) < 0)
			return NULL;
		resource = resource->parent[0] ? core_resource(core, resource->parent) : NULL;
	}
	return TAKE_PTR(causes);
}

static int explain(json_t *list, const struct tool_call *call, const char *object, bool present,
		   const struct resource *resource, const char *made_by)
{
	json_t *json = json_pack("{ss sb ss so}", "object", object, "present", present, "made_by",
				 resource ? "aiosnet" : made_by, "causes",
				 causes_json(tool_call_core(call), resource));

	return json_array_append_new(list, json) < 0 ? -ENOMEM : 0;
}

/* ---- objects ---- */

static const char *address_maker(uint8_t protocol)
{
	/* IFAPROT_* of linux/if_addr.h */
	static const char *const makers[] = {
		"somebody who did not say: an administrator or another program",
		"the kernel, for loopback",
		"the kernel, because of a router's advertisement",
		"the kernel, as the link-local address",
	};

	if (protocol == AIOSNET_PROTOCOL)
		return "aiosnet, though no longer wanted";
	return protocol < ARRAY_SIZE(makers) ? makers[protocol] : "a program that no table names";
}

static int explain_address(json_t *list, const struct tool_call *call,
			   const struct address *address)
{
	char text[IP_PREFIX_TEXT_MAX], object[128];

	snprintf(object, sizeof(object), "address %s on %s",
		 ip_prefix_print(&address->prefix, text), link_name_of(call, address->link));
	return explain(list, call, object, true, resource_of_address(call, address),
		       address_maker(address->protocol));
}

static int explain_route(json_t *list, const struct tool_call *call, const struct route *route)
{
	char destination[IP_PREFIX_TEXT_MAX], gateway[IP_ADDRESS_TEXT_MAX], object[256], table[16];
	const char *link = link_name_of(call, route->link);
	bool has_gateway = ip_address_is_set(&route->gateway);

	snprintf(object, sizeof(object), "%s route to %s%s%s%s%s, metric %u, table %s",
		 route_kind_text(route->type), ip_prefix_print(&route->destination, destination),
		 has_gateway ? " via " : "",
		 has_gateway ? ip_address_print(&route->gateway, gateway) : "", *link ? " on " : "",
		 link, route->metric, route_table_text(route->table, table));
	return explain(list, call, object, true, resource_of_route(call, route),
		       route->protocol == AIOSNET_PROTOCOL ? "aiosnet, though no longer wanted"
							   : route_protocol_maker(route->protocol));
}

/* Those that the mirror leaves out, too, as far as there is room. */
struct explained_routes {
	json_t *list;
	const struct tool_call *call;
	const struct link *link;	/* only by it, or NULL */
	const struct ip_prefix *prefix; /* only to it, or NULL */
	int result;
};

static void explain_left_out(const struct route *route, void *userdata)
{
	struct explained_routes *routes = userdata;

	if (routes->result < 0 || json_array_size(routes->list) >= EXPLANATIONS_MOST)
		return;
	if (routes->link ? route->link == routes->link->index
			 : ip_prefix_equal(&route->destination, routes->prefix))
		routes->result = explain_route(routes->list, routes->call, route);
}

static int explain_all_left_out(struct explained_routes *routes, int family)
{
	struct core *core = tool_call_core(routes->call);
	int r = observed_each_left_out(core_observed(core), core_netlink(core), family, 0,
				       explain_left_out, routes);

	return r < 0 ? r : routes->result;
}

static int explain_link(json_t *list, const struct tool_call *call, const struct link *link)
{
	struct core *core = tool_call_core(call);
	struct explained_routes left_out = {.list = list, .call = call, .link = link};
	char id[RESOURCE_KEY_MAX + 16], object[64];
	const struct address *address = NULL;
	const struct route *route = NULL;
	const char *why;
	int r;

	(void)link_ownership(core, link, &why);
	snprintf(object, sizeof(object), "%s interface %s", link_kind_text(link->kind), link->name);
	snprintf(id, sizeof(id), "link/%s", link->name);
	r = explain(list, call, object, true, core_resource(core, id), why);
	while (r == 0 && (address = observed_next_address(core_observed(core), address)))
		if (address->link == link->index)
			r = explain_address(list, call, address);
	while (r == 0 && (route = observed_next_route(core_observed(core), route)))
		if (route->link == link->index && route->table != RT_TABLE_LOCAL &&
		    json_array_size(list) < EXPLANATIONS_MOST)
			r = explain_route(list, call, route);
	return r < 0 ? r : explain_all_left_out(&left_out, AF_UNSPEC);
}

/* The mirrored route of the main table that packets to the address take. */
static const struct route *best_route(struct core *core, const struct ip_address *address)
{
	const struct route *route = NULL, *best = NULL;

	while ((route = observed_next_route(core_observed(core), route)))
		if (route->table == RT_TABLE_MAIN && route_is_usable(core, route) &&
		    ip_prefix_contains(&route->destination, address) &&
		    (!best || route->destination.length > best->destination.length ||
		     (route->destination.length == best->destination.length &&
		      route->metric < best->metric)))
			best = route;
	return best;
}

static int explain_ip(json_t *list, const struct tool_call *call, const struct ip_address *ip)
{
	struct core *core = tool_call_core(call);
	const struct address *address = NULL;
	const struct route *route;
	struct route asked;
	int r = 0;

	while (r == 0 && (address = observed_next_address(core_observed(core), address)))
		if (ip_address_equal(&address->prefix.address, ip))
			r = explain_address(list, call, address);
	if (r < 0 || json_array_size(list) > 0)
		return r;
	route = observed_ask_route(core_observed(core), core_netlink(core), ip, &asked) > 0
			? &asked
			: best_route(core, ip);
	return route ? explain_route(list, call, route) : 0;
}

static int explain_destination(json_t *list, const struct tool_call *call,
			       const struct ip_prefix *prefix, bool any_family)
{
	struct core *core = tool_call_core(call);
	struct explained_routes left_out = {.list = list, .call = call, .prefix = prefix};
	const struct address *address = NULL;
	const struct route *route = NULL;
	int r = 0;

	while (r == 0 && (address = observed_next_address(core_observed(core), address)))
		if (ip_prefix_equal(&address->prefix, prefix))
			r = explain_address(list, call, address);
	while (r == 0 && (route = observed_next_route(core_observed(core), route)))
		if (ip_prefix_equal(&route->destination, prefix) ||
		    (any_family && route->destination.length == 0 && route->table == RT_TABLE_MAIN))
			r = explain_route(list, call, route);
	/* Of default routes none is left out. */
	if (r < 0 || any_family || prefix->length == 0)
		return r;
	return explain_all_left_out(&left_out, prefix->address.family);
}

/* ---- rules ---- */

/* "from 192.0.2.0/24 to 198.51.100.0/24 in eth0 out eth1 mark 0x1/0xff", what of it is set. */
static void rule_selectors(const struct rule *rule, char *buffer, size_t size)
{
	char from[IP_PREFIX_TEXT_MAX], to[IP_PREFIX_TEXT_MAX], mark[32] = "";
	bool has_from = ip_address_is_set(&rule->source.address);
	bool has_to = ip_address_is_set(&rule->destination.address);

	if (rule->mask)
		snprintf(mark, sizeof(mark), " mark %#x/%#x", rule->mark, rule->mask);
	snprintf(buffer, size, "%s%s%s%s%s%s%s%s%s%s", rule->invert ? " not" : "",
		 has_from ? " from " : "", has_from ? ip_prefix_print(&rule->source, from) : "",
		 has_to ? " to " : "", has_to ? ip_prefix_print(&rule->destination, to) : "",
		 rule->input[0] ? " in " : "", rule->input, rule->output[0] ? " out " : "",
		 rule->output, mark);
}

static const char *rule_action_text(const struct rule *rule, char table[16])
{
	switch (rule->action) {
	case FR_ACT_TO_TBL:
		return route_table_text(rule->table, table);
	case FR_ACT_BLACKHOLE:
		return "blackhole";
	case FR_ACT_UNREACHABLE:
		return "unreachable";
	case FR_ACT_PROHIBIT:
		return "prohibit";
	default:
		return "another action";
	}
}

/* Several rules may have one priority; intent has one of them. */
static const struct resource *resource_of_rule(const struct tool_call *call,
					       const struct rule *rule)
{
	const struct resource *resource;
	const struct rule_spec *spec;
	char id[RESOURCE_KEY_MAX];

	snprintf(id, sizeof(id), "rule/%s/%u", rule->family == AF_INET6 ? "ipv6" : "ipv4",
		 rule->priority);
	resource = core_resource(tool_call_core(call), id);
	if (!resource)
		return NULL;
	spec = (const void *)resource->spec;
	return rule->protocol == (spec->foreign ? spec->protocol : AIOSNET_PROTOCOL) ? resource
										     : NULL;
}

static int explain_rule(json_t *list, const struct tool_call *call, const struct rule *rule)
{
	char object[320], selectors[224], table[16];
	const char *family = rule->family == AF_INET6 ? "ipv6" : "ipv4";

	rule_selectors(rule, selectors, sizeof(selectors));
	snprintf(object, sizeof(object), "%s rule %u%s: %s%s", family, rule->priority,
		 selectors[0] ? selectors : " for all",
		 rule->action == FR_ACT_TO_TBL ? "table " : "", rule_action_text(rule, table));
	return explain(list, call, object, true, resource_of_rule(call, rule),
		       rule->protocol == AIOSNET_PROTOCOL ? "aiosnet, though no longer wanted"
							  : route_protocol_maker(rule->protocol));
}

/* "rules", or "rule PRIORITY": of both families. */
static bool rule_subject_parse(const char *subject, bool *ret_all, uint32_t *ret_priority)
{
	char end;

	*ret_all = strcmp(subject, "rules") == 0;
	return *ret_all || sscanf(subject, "rule %" SCNu32 "%c", ret_priority, &end) == 1;
}

static int explain_rules(json_t *list, const struct tool_call *call, bool all, uint32_t priority)
{
	const struct observed *observed = core_observed(tool_call_core(call));
	const struct rule *rule = NULL;
	int r = 0;

	while (r == 0 && (rule = observed_next_rule(observed, rule)))
		if ((all || rule->priority == priority) &&
		    json_array_size(list) < EXPLANATIONS_MOST)
			r = explain_rule(list, call, rule);
	return r;
}

/* ---- what was asked for ---- */

static const char *explain_subject(json_t *list, const struct tool_call *call, const char *subject,
				   int *ret_result)
{
	struct core *core = tool_call_core(call);
	const struct resource *resource = core_resource(core, subject);
	const struct link *link = observed_link_by_name(core_observed(core), subject);
	bool any_family = strcmp(subject, "default") == 0;
	struct ip_address address;
	struct ip_prefix prefix = {0};
	uint32_t priority = 0;
	bool all;

	if (resource) {
		*ret_result =
			explain(list, call, subject, resource->trouble[0] == '\0', resource, "");
		return "resource";
	}
	if (link) {
		*ret_result = explain_link(list, call, link);
		return "interface";
	}
	if (rule_subject_parse(subject, &all, &priority)) {
		*ret_result = explain_rules(list, call, all, priority);
		return "rule";
	}
	if (ip_address_parse(subject, &address, "subject", NULL) == 0) {
		*ret_result = explain_ip(list, call, &address);
		return "address";
	}
	if (any_family || ip_prefix_parse(subject, &prefix, "subject", NULL) == 0) {
		*ret_result = explain_destination(list, call, &prefix, any_family);
		return "destination";
	}
	return NULL;
}

static int call_explain(struct tool_call *call, json_t **ret, struct error *error)
{
	const char *subject = json_member_text(tool_call_arguments(call), "subject");
	_cleanup_json_ json_t *list = json_array();
	const char *understood;
	int r = 0;

	if (!list)
		return out_of_memory(error);
	understood = explain_subject(list, call, subject, &r);
	if (!understood || (r == 0 && json_array_size(list) == 0)) {
		r = error_set(error, ERROR_RESOURCE_UNKNOWN, "subject",
			      "Neither the kernel nor intent has \"%s\"", subject);
		error_hint(error, "net.interfaces and net.route_list show what there is");
		return r;
	}
	if (r == 0)
		*ret = json_pack("{ss ss sO}", "subject", subject, "understood_as", understood,
				 "explanations", list);
	return *ret ? 0 : out_of_memory(error);
}

static char *summarise(const json_t *result)
{
	const json_t *first = json_array_get(json_object_get(result, "explanations"), 0);
	const json_t *cause = json_array_get(json_object_get(first, "causes"), 0);
	const char *reason = json_member_text(cause, "reason");
	char *text;
	int n;

	if (cause)
		n = asprintf(&text, "%s: wanted by %s%s%s", json_member_text(first, "object"),
			     json_member_text(cause, "owner"), reason ? ", " : "", reason ?: "");
	else
		n = asprintf(&text, "%s: made by %s", json_member_text(first, "object"),
			     json_member_text(first, "made_by"));
	return n < 0 ? NULL : text;
}

static const struct tool tools[] = {
	{
		.name = "net.explain",
		.title = "Explain why",
		.description =
			"Says of an interface, an address, a route, a rule or a resource who "
			"wanted it, why, since when, and what it derives from; of what is not "
			"ours, who "
			"most likely "
			"made it.",
		.parameters = explain_parameters,
		.output = explain_output,
		.hints = HINT_READ_ONLY | HINT_IDEMPOTENT,
		.risk = RISK_NONE,
		.role = ROLE_OBSERVER,
		.time_limit = 1000,
		.call = call_explain,
		.summarise = summarise,
	},
};

const struct tool_set explain_tools = {tools, ARRAY_SIZE(tools)};
