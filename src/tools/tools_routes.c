/* net.route_list: the kernel's routes, with who made them. */
#include <stdio.h>
#include <string.h>

#include "common.h"
#include "page.h"

static const struct field list_parameters[] = {
	{"link", FIELD_LINK, .help = "Only routes by this interface"},
	{"family", FIELD_TEXT, .values = family_values, .help = "Only of this family"},
	{"table", FIELD_INTEGER, .least = 1, .most = 4294967295.0,
	 .help = "Only of this table; without it, all but the kernel's local one"},
	{"destination", FIELD_PREFIX, .help = "Only to this destination"},
	{"covers", FIELD_ADDRESS, .help = "Only routes whose destination has this address in it"},
	LISTING_PARAMETERS("200"),
	FIELD_END,
};

static const struct field route_members[] = {
	{"destination", FIELD_PREFIX, .required = true, .help = "Where it leads"},
	{"gateway", FIELD_ADDRESS, .help = "Next hop; absent where the destination is on the link"},
	{"link", FIELD_LINK, .help = LINK_HELP},
	{"metric", FIELD_INTEGER, .required = true, .help = "The lowest wins"},
	{"table", FIELD_TEXT, .required = true, .help = "main, local, default, or the number"},
	{"type", FIELD_TEXT, .required = true, .help = "unicast, blackhole, ..."},
	{"source", FIELD_ADDRESS, .help = "Preferred source address"},
	{"mtu", FIELD_INTEGER, .unit = "bytes", .help = "Largest packet, where the route says so"},
	{"usable", FIELD_BOOLEAN, .required = true,
	 .help = "false where the kernel passes it over because its link is down or has no "
		 "carrier"},
	{"nexthops", FIELD_INTEGER, .help = "Of a route with several"},
	{"origin", FIELD_TEXT, .required = true,
	 .help = "Who made it, as the kernel has it marked"},
	{"owner", FIELD_TEXT, .help = "Who asked for it, where it is of aiosnet's intent"},
	{"resource", FIELD_TEXT, .help = "Id in intent, for net.explain"},
	FIELD_END,
};

static const struct field list_output[] = {
	{"routes", FIELD_OBJECT, .list = true, .required = true, .members = route_members,
	 .help = "By table, family, destination and metric"},
	LISTING_TOTAL,
	FIELD_END,
};

static json_t *route_json(const struct tool_call *call, const void *item)
{
	const struct route *route = item;
	const struct resource *resource = resource_of_route(call, route);
	char table[16];
	json_t *json = json_object();
	int r = json_put(json, "destination", json_prefix(&route->destination)) |
		json_put_address(json, "gateway", &route->gateway) |
		put_text_member(json, "link", link_name_of(call, route->link)) |
		json_put(json, "metric", json_integer(route->metric)) |
		json_put(json, "table", json_string(route_table_text(route->table, table))) |
		json_put(json, "type", json_string(route_kind_text(route->type))) |
		json_put_address(json, "source", &route->source) |
		json_put(json, "usable",
			 json_boolean(route_is_usable(tool_call_core(call), route))) |
		json_put(json, "origin", json_string(route_protocol_text(route->protocol)));

	if (route->mtu)
		r |= json_put(json, "mtu", json_integer(route->mtu));
	if (route->nexthops > 1)
		r |= json_put(json, "nexthops", json_integer(route->nexthops));
	if (resource)
		r |= put_text_member(json, "owner", resource->provenance.owner) |
		     json_put(json, "resource", json_string(resource->id));
	if (r == 0)
		return json;
	json_decref(json);
	return NULL;
}

struct filter {
	int link; /* index, 0 for any */
	int family;
	uint32_t table; /* 0 for all but local */
	bool exact;
	struct ip_prefix destination;
	struct ip_address covers;
};

static int filter_read(const struct tool_call *call, struct filter *ret, struct error *error)
{
	const json_t *arguments = tool_call_arguments(call);
	const char *name = json_member_text(arguments, "link");
	const struct link *link;
	int r;

	*ret = (struct filter){
		.family = argument_family(call),
		.table = (uint32_t)json_member_integer(arguments, "table", 0),
		.exact = json_object_get(arguments, "destination"),
		.destination = argument_prefix(call, "destination"),
		.covers = argument_address(call, "covers"),
	};
	if (!name)
		return 0;
	r = find_link(call, name, &link, error);
	if (r == 0)
		ret->link = link->index;
	return r;
}

static bool filter_passes(const struct filter *filter, const struct route *route)
{
	int family = route->destination.address.family;

	return (!filter->link || route->link == filter->link) &&
	       (!filter->family || family == filter->family) &&
	       (filter->table ? route->table == filter->table : route->table != RT_TABLE_LOCAL) &&
	       (!filter->exact || ip_prefix_equal(&route->destination, &filter->destination)) &&
	       (!ip_address_is_set(&filter->covers) ||
		ip_prefix_contains(&route->destination, &filter->covers));
}

static int compare_routes(const void *left, const void *right)
{
	const struct route *a = left, *b = right;
	int order;

	if (a->table != b->table)
		return a->table < b->table ? -1 : 1;
	if (a->destination.address.family != b->destination.address.family)
		return a->destination.address.family < b->destination.address.family ? -1 : 1;
	order = memcmp(a->destination.address.bytes, b->destination.address.bytes, 16);
	if (order == 0)
		order = (int)a->destination.length - (int)b->destination.length;
	if (order == 0 && a->metric != b->metric)
		order = a->metric < b->metric ? -1 : 1;
	return order ?: a->link - b->link;
}

struct query {
	struct filter filter;
	struct page page;
};

static void query_clear(struct query *query)
{
	page_clear(&query->page);
}

static void query_take(const struct route *route, void *userdata)
{
	struct query *query = userdata;

	if (filter_passes(&query->filter, route))
		page_add(&query->page, route);
}

static int call_route_list(struct tool_call *call, json_t **ret, struct error *error)
{
	struct core *core = tool_call_core(call);
	_cleanup_(query_clear) struct query query = {0};
	const struct route *route = NULL;
	int r = filter_read(call, &query.filter, error);

	if (r < 0)
		return r;
	page_init(&query.page, call, sizeof(struct route), compare_routes);
	while ((route = observed_next_route(core_observed(core), route)))
		query_take(route, &query);
	r = observed_each_left_out(core_observed(core), core_netlink(core), query.filter.family,
				   query.filter.table, query_take, &query);
	if (r < 0)
		return error_set(error, ERROR_INTERNAL, NULL, "the kernel does not list them: %s",
				 strerror(-r));
	return page_to_json(&query.page, call, "routes", route_json, ret, error);
}

static char *summarise_routes(const json_t *result)
{
	char *text;
	int n = asprintf(&text, "%zu of %" PRId64 " routes",
			 json_array_size(json_object_get(result, "routes")),
			 json_member_integer(result, "total", 0));

	return n < 0 ? NULL : text;
}

static const struct tool tools[] = {
	{
		.name = "net.route_list",
		.title = "List routes",
		.description =
			"Lists the kernel's routes of all tables but the local one, with who made "
			"each. Ask with covers for the routes that an address could take.",
		.parameters = list_parameters,
		.output = list_output,
		.hints = HINT_READ_ONLY | HINT_IDEMPOTENT,
		.risk = RISK_NONE,
		.role = ROLE_OBSERVER,
		.time_limit = 1000,
		.call = call_route_list,
		.summarise = summarise_routes,
	},
};

const struct tool_set route_tools = {tools, ARRAY_SIZE(tools)};
