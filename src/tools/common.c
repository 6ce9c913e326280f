#include "common.h"

#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

const char *const family_values[] = {"ipv4", "ipv6", NULL};

int out_of_memory(struct error *error)
{
	return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "Memory is exhausted");
}

/* ---- listings ---- */

void listing_clear(struct listing *listing)
{
	free(listing->items);
	*listing = (struct listing){0};
}

void listing_add(struct listing *listing, const void *item)
{
	if (listing->failed)
		return;
	if (listing->count == listing->capacity) {
		size_t capacity = MAX(64u, listing->capacity * 2);
		const void **items = realloc(listing->items, capacity * sizeof(*items));

		if (!items) {
			listing->failed = true;
			return;
		}
		listing->items = items;
		listing->capacity = capacity;
	}
	listing->items[listing->count++] = item;
}

int listing_to_json(const struct listing *listing, const struct tool_call *call, const char *member,
		    json_t *(*make)(const struct tool_call *call, const void *item), json_t **ret,
		    struct error *error)
{
	const json_t *arguments = tool_call_arguments(call);
	size_t offset = (size_t)json_member_integer(arguments, "offset", 0);
	size_t limit = (size_t)json_member_integer(arguments, "limit", PROPERTY_COUNT_MOST);
	_cleanup_json_ json_t *items = json_array();

	if (listing->failed)
		return out_of_memory(error);
	for (size_t i = offset; i < listing->count && i - offset < limit; i++)
		if (json_array_append_new(items, make(call, listing->items[i])) < 0)
			return out_of_memory(error);
	*ret = json_pack("{sO sI}", member, items, "total", (json_int_t)listing->count);
	return *ret ? 0 : out_of_memory(error);
}

/* ---- links ---- */

static const char *link_name_at(const void *observed, size_t index)
{
	const struct link *link = NULL;

	do
		link = observed_next_link(observed, link);
	while (link && index-- > 0);
	return link ? link->name : NULL;
}

int find_link(const struct tool_call *call, const char *name, const struct link **ret,
	      struct error *error)
{
	const struct observed *observed = core_observed(tool_call_core(call));
	const char *meant;
	int r;

	*ret = observed_link_by_name(observed, name);
	if (*ret)
		return 0;
	r = error_set(error, ERROR_LINK_UNKNOWN, "link", "There is no interface \"%s\"", name);
	meant = nearest_name(name, link_name_at, observed);
	if (meant)
		error_hint(error, "did you mean \"%s\"?", meant);
	else
		error_hint(error, "net.interfaces lists them");
	return r;
}

int check_link_ours(const struct tool_call *call, const struct link *link, struct error *error)
{
	const char *why;
	int ownership = link_ownership(tool_call_core(call), link, &why);
	int r;

	if (ownership == LINK_OURS)
		return 0;
	r = error_set(error, ERROR_LINK_FOREIGN, "link", "%s is not ours to configure: %s",
		      link->name, why);
	if (ownership == LINK_IGNORED) {
		error_hint(error, "the kernel configures it by itself");
		return r;
	}
	if (json_member_true(tool_call_arguments(call), "take_over"))
		return 0;
	error_hint(error, "take_over=true configures it all the same");
	return r;
}

const char *link_name_of(const struct tool_call *call, int index)
{
	const struct link *link =
		index ? observed_link(core_observed(tool_call_core(call)), index) : NULL;

	return link ? link->name : "";
}

/* ---- values ---- */

int put_text_member(json_t *object, const char *key, const char *text)
{
	return text && *text ? json_put(object, key, json_text_from_bytes(text, strlen(text))) : 0;
}

/* ---- words for the kernel's numbers ---- */

const char *route_table_text(uint32_t table, char *buffer)
{
	switch (table) {
	case RT_TABLE_MAIN:
		return "main";
	case RT_TABLE_LOCAL:
		return "local";
	case RT_TABLE_DEFAULT:
		return "default";
	default:
		snprintf(buffer, 16, "%u", table);
		return buffer;
	}
}

/* rtm_protocol as rtnetlink.h and iproute2's rt_protos name it, and who that usually is. */
static const struct {
	uint8_t protocol;
	const char *name, *maker;
} route_protocols[] = {
	{RTPROT_UNSPEC, "unspec", "somebody who did not say"},
	{RTPROT_REDIRECT, "redirect", "the kernel, told by an ICMP redirect"},
	{RTPROT_KERNEL, "kernel", "the kernel, because of an address"},
	{RTPROT_BOOT, "boot", "the ip command without a protocol: a person or a script"},
	{RTPROT_STATIC, "static", "an administrator, or a network manager's configuration"},
	{RTPROT_GATED, "gated", "GateD"},
	{RTPROT_RA, "ra", "a router's advertisement"},
	{RTPROT_ZEBRA, "zebra", "FRRouting"},
	{RTPROT_BIRD, "bird", "BIRD"},
	{RTPROT_XORP, "xorp", "XORP"},
	{RTPROT_DHCP, "dhcp", "a DHCP client of another program"},
	{RTPROT_MROUTED, "mrouted", "a multicast routing daemon"},
	{RTPROT_KEEPALIVED, "keepalived", "keepalived"},
	{RTPROT_BABEL, "babel", "babeld"},
	{RTPROT_OPENR, "openr", "Open/R"},
	{RTPROT_BGP, "bgp", "BGP (FRRouting)"},
	{RTPROT_ISIS, "isis", "IS-IS (FRRouting)"},
	{RTPROT_OSPF, "ospf", "OSPF (FRRouting)"},
	{RTPROT_RIP, "rip", "RIP (FRRouting)"},
	{RTPROT_EIGRP, "eigrp", "EIGRP (FRRouting)"},
	{AIOSNET_PROTOCOL, "aiosnet", "aiosnet"},
};

const char *route_protocol_text(uint8_t protocol)
{
	for (size_t i = 0; i < ARRAY_SIZE(route_protocols); i++)
		if (route_protocols[i].protocol == protocol)
			return route_protocols[i].name;
	return "other";
}

const char *route_protocol_maker(uint8_t protocol)
{
	for (size_t i = 0; i < ARRAY_SIZE(route_protocols); i++)
		if (route_protocols[i].protocol == protocol)
			return route_protocols[i].maker;
	return "a program that no table names";
}

const char *route_kind_text(uint8_t type)
{
	static const char *const texts[] = {
		[RTN_UNICAST] = "unicast",
		[RTN_LOCAL] = "local",
		[RTN_BROADCAST] = "broadcast",
		[RTN_ANYCAST] = "anycast",
		[RTN_MULTICAST] = "multicast",
		[RTN_BLACKHOLE] = "blackhole",
		[RTN_UNREACHABLE] = "unreachable",
		[RTN_PROHIBIT] = "prohibit",
		[RTN_THROW] = "throw",
	};

	return type < ARRAY_SIZE(texts) && texts[type] ? texts[type] : "other";
}

/* ---- intent behind the kernel's objects ---- */

const struct resource *resource_of_address(const struct tool_call *call,
					   const struct address *address)
{
	struct address_spec spec = {.prefix = address->prefix};
	char id[RESOURCE_KEY_MAX + 16];

	text_copy(spec.link, sizeof(spec.link), link_name_of(call, address->link));
	return core_resource(tool_call_core(call), resource_id(&address_type, &spec, id));
}

const struct resource *resource_of_route(const struct tool_call *call, const struct route *route)
{
	struct route_spec spec = {
		.destination = route->destination,
		.table = route->table,
		.metric = route->metric,
	};
	char id[RESOURCE_KEY_MAX + 16];

	if (route->protocol != AIOSNET_PROTOCOL)
		return NULL;
	if (route->nexthops <= 1)
		text_copy(spec.link, sizeof(spec.link), link_name_of(call, route->link));
	return core_resource(tool_call_core(call), resource_id(&route_type, &spec, id));
}

/* ---- arguments ---- */

struct ip_address argument_address(const struct tool_call *call, const char *name)
{
	const char *text = json_member_text(tool_call_arguments(call), name);
	struct ip_address address = {0};

	if (text && ip_address_parse(text, &address, name, NULL) < 0)
		return (struct ip_address){0};
	return address;
}

struct ip_prefix argument_prefix(const struct tool_call *call, const char *name)
{
	const char *text = json_member_text(tool_call_arguments(call), name);
	struct ip_prefix prefix = {0};

	if (text && ip_prefix_parse(text, &prefix, name, NULL) < 0 &&
	    ip_network_parse(text, &prefix, name, NULL) < 0)
		return (struct ip_prefix){0};
	return prefix;
}

int argument_family(const struct tool_call *call)
{
	const char *text = json_member_text(tool_call_arguments(call), "family");

	if (!text)
		return AF_UNSPEC;
	return strcmp(text, "ipv6") == 0 ? AF_INET6 : AF_INET;
}

/* ---- uplinks ---- */

bool route_is_usable(struct core *core, const struct route *route)
{
	const struct link *link = observed_link(core_observed(core), route->link);

	return !(route->flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN)) &&
	       (!route->link || (link && link->carrier));
}

const struct route *uplink_route(struct core *core, int family)
{
	const struct route *route = NULL, *best = NULL;

	while ((route = observed_next_route(core_observed(core), route)))
		if (route->table == RT_TABLE_MAIN && route->destination.length == 0 &&
		    route->destination.address.family == family && route->type == RTN_UNICAST &&
		    route_is_usable(core, route) && (!best || route->metric < best->metric))
			best = route;
	return best;
}
