/* net.route_add and net.route_del. */
#include <linux/rtnetlink.h>
#include <string.h>

#include "common.h"

static const char *const type_values[] = {"unicast", "blackhole", "unreachable", "prohibit", NULL};

static const struct field nexthop_members[] = {
	{"link", FIELD_LINK, .required = true, .help = "Interface that it leaves by"},
	{"gateway", FIELD_ADDRESS, .help = "Next hop; without it the destination is on the link"},
	{"weight", FIELD_INTEGER, .least = 1, .most = 256, .fallback = "1",
	 .help = "Share of the connections that take it, of the sum of all weights"},
	FIELD_END,
};

static const struct field add_parameters[] = {
	{"destination", FIELD_PREFIX, .required = true,
	 .help = "Where it leads: NETWORK/LENGTH, or \"default\" for IPv4's default route"},
	{"gateway", FIELD_ADDRESS, .help = "Next hop; without it the destination is on the link"},
	{"link", FIELD_LINK,
	 .help = "Name of the interface; found by the gateway where it is not given"},
	{"metric", FIELD_INTEGER, .least = 0, .most = 4294967295.0, .fallback = "0",
	 .help = "The lowest wins; part of the route's identity"},
	{"table", FIELD_INTEGER, .least = 1, .most = 4294967295.0, .fallback = "254",
	 .help = "Number of the table, 254 is main"},
	{"source", FIELD_ADDRESS, .help = "Preferred source address of packets"},
	{"mtu", FIELD_INTEGER, .unit = "bytes", .least = 68, .most = 65535,
	 .help = "Largest packet; without it the link's"},
	{"type", FIELD_TEXT, .values = type_values, .fallback = "\"unicast\"",
	 .help = "All but unicast drop the packets, in silence (blackhole) or with an ICMP error"},
	{"onlink", FIELD_BOOLEAN, .fallback = "false",
	 .help = "The gateway is reached on the link though no prefix of it has it"},
	{"nexthops", FIELD_OBJECT, .list = true, .items_most = ROUTE_NEXTHOPS_MAX,
	 .members = nexthop_members,
	 .help = "Several next hops that share the connections, instead of gateway and link"},
	FIELD_END,
};

static const struct field delete_parameters[] = {
	{"destination", FIELD_PREFIX, .required = true,
	 .help = "Where it leads: NETWORK/LENGTH, or \"default\" for IPv4's default route"},
	{"gateway", FIELD_ADDRESS, .help = "Only by this next hop"},
	{"link", FIELD_LINK, .help = "Only by this interface"},
	{"metric", FIELD_INTEGER, .least = 0, .most = 4294967295.0, .help = "Only of this metric"},
	{"table", FIELD_INTEGER, .least = 1, .most = 4294967295.0, .fallback = "254",
	 .help = "Number of the table, 254 is main"},
	FIELD_END,
};

/* Does the link have the gateway in one of its prefixes, by the kernel's word or by intent's? */
static bool link_reaches(const struct tool_call *call, const char *link,
			 const struct ip_address *gateway)
{
	struct core *core = tool_call_core(call);
	const struct address *address = NULL;
	const struct resource *resource = NULL;

	while ((address = observed_next_address(core_observed(core), address)))
		if (strcmp(link_name_of(call, address->link), link) == 0 &&
		    ip_prefix_contains(&address->prefix, gateway))
			return true;
	while ((resource = core_next_resource(core, resource))) {
		const struct address_spec *spec = (const struct address_spec *)resource->spec;

		if (resource->type == &address_type && strcmp(spec->link, link) == 0 &&
		    ip_prefix_contains(&spec->prefix, gateway))
			return true;
	}
	return false;
}

static int find_link_of_gateway(const struct tool_call *call, struct route_spec *spec,
				struct error *error)
{
	const struct observed *observed = core_observed(tool_call_core(call));
	char text[IP_ADDRESS_TEXT_MAX];
	const struct link *link = NULL;
	int r;

	if (!ip_address_is_set(&spec->gateway)) {
		r = error_set(error, ERROR_PARAMETER_MISSING, "gateway",
			      "A route needs a gateway or a link");
		error_hint(error, "give one of them, or type=blackhole to drop the packets");
		return r;
	}
	while (!ip_address_is_link_local(&spec->gateway) &&
	       (link = observed_next_link(observed, link)))
		if (link->kind != LINK_LOOPBACK && link_reaches(call, link->name, &spec->gateway)) {
			text_copy(spec->link, sizeof(spec->link), link->name);
			return 0;
		}
	r = error_set(error, ERROR_GATEWAY_OUTSIDE, "gateway",
		      "No interface has %s in its prefixes",
		      ip_address_print(&spec->gateway, text));
	error_hint(error,
		   "give the link, and onlink=true where the gateway is reached on it anyway");
	return r;
}

static int check_gateway(const struct tool_call *call, const struct route_spec *spec,
			 struct error *error)
{
	char text[IP_ADDRESS_TEXT_MAX];
	int r;

	if (!ip_address_is_set(&spec->gateway) || spec->onlink ||
	    ip_address_is_link_local(&spec->gateway) ||
	    link_reaches(call, spec->link, &spec->gateway))
		return 0;
	r = error_set(error, ERROR_GATEWAY_OUTSIDE, "gateway", "No prefix of %s has %s", spec->link,
		      ip_address_print(&spec->gateway, text));
	error_hint(error, "net.interfaces shows its addresses; onlink=true overrides");
	return r;
}

static uint8_t route_type_value(const char *text)
{
	static const uint8_t values[] = {RTN_UNICAST, RTN_BLACKHOLE, RTN_UNREACHABLE, RTN_PROHIBIT};

	for (size_t i = 0; type_values[i]; i++)
		if (text && strcmp(text, type_values[i]) == 0)
			return values[i];
	return RTN_UNICAST;
}

static int check_families(const struct route_spec *spec, struct error *error)
{
	int family = spec->destination.address.family;

	if (ip_address_is_set(&spec->gateway) && spec->gateway.family != family)
		return error_set(error, ERROR_PARAMETER_CONFLICT, "gateway",
				 "Gateway and destination are of different families");
	if (ip_address_is_set(&spec->source) && spec->source.family != family)
		return error_set(error, ERROR_PARAMETER_CONFLICT, "source",
				 "Source and destination are of different families");
	return 0;
}

static struct route_nexthop nexthop_of(const json_t *object)
{
	struct route_nexthop nexthop = {
		.weight = (uint16_t)json_member_integer(object, "weight", 1),
	};
	const char *gateway = json_member_text(object, "gateway");

	text_copy(nexthop.link, sizeof(nexthop.link), json_member_text(object, "link"));
	/* It was validated. */
	if (gateway)
		(void)ip_address_parse(gateway, &nexthop.gateway, "gateway", NULL);
	return nexthop;
}

static int check_nexthop(const struct tool_call *call, const struct route_spec *spec,
			 const struct route_nexthop *nexthop, struct error *error)
{
	struct route_spec alone = *spec;
	const struct link *link;
	int r;

	memcpy(alone.link, nexthop->link, sizeof(alone.link));
	alone.gateway = nexthop->gateway;
	r = find_link(call, nexthop->link, &link, error);
	if (r >= 0)
		r = check_families(&alone, error);
	return r < 0 ? r : check_gateway(call, &alone, error);
}

static int propose_multipath(struct tool_call *call, struct proposal *proposal,
			     struct route_spec *spec, struct error *error)
{
	const json_t *arguments = tool_call_arguments(call), *entry;
	const json_t *array = json_object_get(arguments, "nexthops");
	size_t i;

	if (json_object_get(arguments, "gateway") || json_object_get(arguments, "link") ||
	    spec->type != RTN_UNICAST)
		return error_set(error, ERROR_PARAMETER_CONFLICT, "nexthops",
				 "A route with nexthops is unicast, and has no gateway and link "
				 "beside them");
	if (json_array_size(array) < 2)
		return error_set(error, ERROR_PARAMETER_RANGE, "nexthops",
				 "A route by one next hop is written with gateway and link");
	json_array_foreach(array, i, entry) {
		int r;

		spec->nexthops[i] = nexthop_of(entry);
		r = check_nexthop(call, spec, &spec->nexthops[i], error);
		if (r < 0)
			return r;
		spec->nexthops_count++;
	}
	return proposal_put(proposal, &route_type, spec) < 0 ? out_of_memory(error) : 0;
}

static int propose_route_add(struct tool_call *call, struct proposal *proposal, struct error *error)
{
	const json_t *arguments = tool_call_arguments(call);
	const char *link = json_member_text(arguments, "link");
	const struct link *observed_link;
	struct route_spec spec = {
		.destination = argument_prefix(call, "destination"),
		.gateway = argument_address(call, "gateway"),
		.source = argument_address(call, "source"),
		.table = (uint32_t)json_member_integer(arguments, "table", RT_TABLE_MAIN),
		.metric = (uint32_t)json_member_integer(arguments, "metric", 0),
		.mtu = (uint32_t)json_member_integer(arguments, "mtu", 0),
		.type = route_type_value(json_member_text(arguments, "type")),
		.onlink = json_member_true(arguments, "onlink"),
	};
	int r = check_families(&spec, error);

	if (json_array_size(json_object_get(arguments, "nexthops")))
		return r < 0 ? r : propose_multipath(call, proposal, &spec, error);
	if (r == 0 && link && spec.type == RTN_UNICAST) {
		text_copy(spec.link, sizeof(spec.link), link);
		r = find_link(call, link, &observed_link, error);
	} else if (r == 0 && spec.type == RTN_UNICAST) {
		r = find_link_of_gateway(call, &spec, error);
	} else if (r == 0 && (link || ip_address_is_set(&spec.gateway))) {
		r = error_set(error, ERROR_PARAMETER_CONFLICT, link ? "link" : "gateway",
			      "A route that drops packets has neither link nor gateway");
	}
	if (r == 0)
		r = check_gateway(call, &spec, error);
	if (r < 0)
		return r;
	return proposal_put(proposal, &route_type, &spec) < 0 ? out_of_memory(error) : 0;
}

/* ---- removal ---- */

static bool route_matches(const struct tool_call *call, const struct route_spec *spec)
{
	const json_t *arguments = tool_call_arguments(call);
	const struct ip_prefix destination = argument_prefix(call, "destination");
	const struct ip_address gateway = argument_address(call, "gateway");
	const char *link = json_member_text(arguments, "link");
	const json_t *metric = json_object_get(arguments, "metric");

	return ip_prefix_equal(&spec->destination, &destination) &&
	       spec->table == (uint32_t)json_member_integer(arguments, "table", RT_TABLE_MAIN) &&
	       (!link || strcmp(spec->link, link) == 0) &&
	       (!metric || spec->metric == (uint32_t)json_integer_value(metric)) &&
	       (!ip_address_is_set(&gateway) || ip_address_equal(&spec->gateway, &gateway));
}

/* Who has routes to a destination. */
struct foreign_route {
	struct ip_prefix destination;
	uint32_t table;
	bool found;
	uint8_t protocol;
};

static void foreign_route_take(const struct route *route, void *userdata)
{
	struct foreign_route *foreign = userdata;

	if (foreign->found || route->table != foreign->table ||
	    !ip_prefix_equal(&route->destination, &foreign->destination))
		return;
	foreign->found = true;
	foreign->protocol = route->protocol;
}

static int route_not_ours(const struct tool_call *call, struct error *error)
{
	struct core *core = tool_call_core(call);
	struct foreign_route foreign = {
		.destination = argument_prefix(call, "destination"),
		.table = (uint32_t)json_member_integer(tool_call_arguments(call), "table", 0),
	};
	char text[IP_PREFIX_TEXT_MAX];
	const struct route *route = NULL;
	int r;

	r = error_set(error, ERROR_ROUTE_UNKNOWN, "destination", "Intent has no such route to %s",
		      ip_prefix_print(&foreign.destination, text));
	error_hint(error, "net.route_list shows what there is");
	while ((route = observed_next_route(core_observed(core), route)))
		foreign_route_take(route, &foreign);
	if (!foreign.found &&
	    observed_each_left_out(core_observed(core), core_netlink(core),
				   foreign.destination.address.family, foreign.table,
				   foreign_route_take, &foreign) < 0)
		return r;
	if (foreign.found)
		error_hint(error, "the kernel has one, made by %s: not ours to remove",
			   route_protocol_maker(foreign.protocol));
	return r;
}

static int propose_route_delete(struct tool_call *call, struct proposal *proposal,
				struct error *error)
{
	struct core *core = tool_call_core(call);
	const struct resource *resource = NULL, *found = NULL;
	int r;

	while ((resource = core_next_resource(core, resource))) {
		if (resource->type != &route_type ||
		    !route_matches(call, (const struct route_spec *)resource->spec))
			continue;
		if (found) {
			r = error_set(error, ERROR_PARAMETER_CONFLICT, "metric",
				      "More than one route matches: %s and %s", found->id,
				      resource->id);
			error_hint(error, "give metric or link as well");
			return r;
		}
		found = resource;
	}
	if (!found)
		return route_not_ours(call, error);
	if (found->parent[0]) {
		r = error_set(error, ERROR_PARAMETER_CONFLICT, "destination",
			      "The route derives from %s and would come back", found->parent);
		error_hint(error, "configure the link anew with net.configure, use_routes=false");
		return r;
	}
	return proposal_remove(proposal, found->id) < 0 ? out_of_memory(error) : 0;
}

static const struct tool tools[] = {
	{
		.name = "net.route_add",
		.title = "Add a route",
		.description =
			"Wants a route to be there, now and after a restart. A route of the same "
			"destination, table and metric is replaced; one that somebody else made is "
			"not "
			"(route.exists).",
		.parameters = add_parameters,
		.hints = HINT_DESTRUCTIVE | HINT_IDEMPOTENT,
		.risk = RISK_MEDIUM,
		.role = ROLE_AGENT,
		.time_limit = 5000,
		.undoable = true,
		.propose = propose_route_add,
	},
	{
		.name = "net.route_del",
		.title = "Remove a route",
		.description = "Wants a route no longer. Only routes of aiosnet's own intent can "
			       "be removed; "
			       "those that a lease brought go with net.configure.",
		.parameters = delete_parameters,
		.hints = HINT_DESTRUCTIVE,
		.risk = RISK_HIGH,
		.role = ROLE_AGENT,
		.time_limit = 5000,
		.undoable = true,
		.propose = propose_route_delete,
	},
};

const struct tool_set route_change_tools = {tools, ARRAY_SIZE(tools)};
