/* net.configure: how an interface gets its addresses. */
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "common.h"

#define ADDRESSES_MOST 16

static const char *const method_values[] = {"dhcp", "static", "auto", "off", NULL};

static const char *const identity_values[] = {"duid", "mac", NULL};

static const struct field configure_parameters[] = {
	{"link", FIELD_LINK, .required = true, .help = LINK_HELP},
	{"method", FIELD_TEXT, .required = true, .values = method_values,
	 .help = "dhcp: as the network's server says; static: as given here; auto: by DHCP, and "
		 "until a server answers as given here (without addresses: as a link that "
		 "nobody configured); off: no address, and switched off"},
	{"addresses", FIELD_INTERFACE_ADDRESS, .list = true, .items_most = ADDRESSES_MOST,
	 .help = "static: its addresses, each with the length of its prefix, as 192.0.2.7/24; "
		 "auto: one IPv4 address"},
	{"gateway", FIELD_ADDRESS, .help = "static, auto: next hop of the default route"},
	{"gateway6", FIELD_ADDRESS,
	 .help = "static: next hop of the IPv6 default route, beside an IPv4 one"},
	{"dns", FIELD_ADDRESS, .list = true, .items_most = RESOLVER_SERVERS_MAX,
	 .help = "Name servers to use, instead of those that the network offers"},
	{"search", FIELD_TEXT, .list = true, .items_most = RESOLVER_SEARCH_MAX, .least = 1,
	 .most = RESOLVER_NAME_MAX - 1, .help = "Domains in which short names are looked up"},
	{"metric", FIELD_INTEGER, .least = 1, .most = 4294967295.0,
	 .help = "Of the routes, the lowest is used; without it chosen by the kind of link"},
	{"mtu", FIELD_INTEGER, .unit = "bytes", .least = 68, .most = 65535,
	 .help = "Largest packet"},
	{"mac", FIELD_MAC, .help = "Hardware address to use"},
	{"use_routes", FIELD_BOOLEAN, .fallback = "true",
	 .help = "dhcp: take the routes that the server offers"},
	{"identity", FIELD_TEXT, .values = identity_values,
	 .help = "dhcp: what the server knows this interface by: a DUID made of its hardware "
		 "address (the default), or that address alone"},
	{"hostname", FIELD_TEXT, .least = 1, .most = 63,
	 .help = "dhcp: name of this host that the server is told"},
	{"release", FIELD_BOOLEAN, .help = "dhcp: tell the server when the address is given up"},
	{"link_local", FIELD_BOOLEAN,
	 .help = "dhcp: take an address of 169.254.0.0/16 while no server answers (RFC 3927; the "
		 "default)"},
	{"allow_ipv6_only", FIELD_BOOLEAN,
	 .help = "dhcp: do without IPv4 where the network says that it needs none (RFC 8925)"},
	{"take_over", FIELD_BOOLEAN, .fallback = "false",
	 .help = "Configure it though somebody else made it"},
	FIELD_END,
};

/* ---- which parameters go with which method ---- */

static const struct {
	const char *parameter;
	unsigned methods; /* bits by index in method_values */
} applicability[] = {
	{"addresses", 1 << 1 | 1 << 2},
	{"gateway", 1 << 1 | 1 << 2},
	{"gateway6", 1 << 1},
	{"dns", 1 << 0 | 1 << 1 | 1 << 2},
	{"search", 1 << 0 | 1 << 1},
	{"metric", 1 << 0 | 1 << 1},
	{"identity", 1 << 0},
	{"hostname", 1 << 0},
	{"release", 1 << 0},
	{"allow_ipv6_only", 1 << 0},
	{"link_local", 1 << 0},
	{"mtu", 1 << 0 | 1 << 1 | 1 << 2},
	{"mac", 1 << 0 | 1 << 1 | 1 << 2},
};

static int check_applicability(const json_t *arguments, struct error *error)
{
	const char *method = json_member_text(arguments, "method");
	unsigned index = 0;
	int r;

	while (strcmp(method_values[index], method) != 0)
		index++;
	for (size_t i = 0; i < ARRAY_SIZE(applicability); i++) {
		const char *name = applicability[i].parameter;

		if (!json_object_get(arguments, name) || applicability[i].methods & 1u << index)
			continue;
		r = error_set(error, ERROR_PARAMETER_CONFLICT, name,
			      "\"%s\" has no meaning with method %s", name, method);
		error_hint(error, "leave it out, or choose another method");
		return r;
	}
	return 0;
}

/* ---- what is there already ---- */

/* The link that a resource belongs to, or NULL. */
static const char *resource_link(const struct resource *resource)
{
	if (resource->type == &address_type)
		return ((const struct address_spec *)resource->spec)->link;
	if (resource->type == &route_type)
		return ((const struct route_spec *)resource->spec)->link;
	if (strcmp(resource->type->name, "dhcp") == 0)
		return strchr(resource->id, '/') + 1;
	if (resource->type == &resolver_type)
		return ((const struct resolver_spec *)resource->spec)->link;
	return NULL;
}

/* A route that net.route_add made on the link is no part of its configuration, unless it is the
 * default route of the metric that the configuration has. */
static bool is_configuration(const struct resource *resource)
{
	if (resource->type != &route_type)
		return true;
	return ((const struct route_spec *)resource->spec)->destination.length == 0;
}

/* Takes away what the link had, other than what was put into the proposal already. */
static int remove_former(const struct tool_call *call, struct proposal *proposal, const char *link)
{
	const struct resource *resource = NULL;

	while ((resource = core_next_resource(tool_call_core(call), resource))) {
		const char *of = resource_link(resource);

		if (!of || strcmp(of, link) != 0 || resource->parent[0] ||
		    !is_configuration(resource))
			continue;
		if (!proposal_edit(proposal, resource->id) &&
		    proposal_remove(proposal, resource->id) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* ---- does it make sense? ---- */

/* The network's own address and its broadcast address are nobody's. */
static int check_host_part(const struct ip_prefix *prefix, const char *path, struct error *error)
{
	const struct ip_prefix network = ip_prefix_network(prefix);
	unsigned bits = ip_family_bits(prefix->address.family);
	char text[IP_PREFIX_TEXT_MAX];
	uint32_t host;
	int r;

	if (prefix->length + 1u >= bits)
		return 0;
	host = ~ip_length_to_netmask(prefix->length);
	if (!ip_address_equal(&network.address, &prefix->address) &&
	    (prefix->address.family != AF_INET || (prefix->address.v4.s_addr & host) != host))
		return 0;
	r = error_set(error, ERROR_ADDRESS_INVALID, path, "%s is the %s address of its network",
		      ip_prefix_print(prefix, text),
		      ip_address_equal(&network.address, &prefix->address) ? "first, its own,"
									   : "broadcast");
	error_hint(error, "give the interface's own address with the length of the prefix");
	return r;
}

static int check_gateway(const char *parameter, const struct ip_address *gateway,
			 const struct ip_prefix *prefixes, size_t count, struct error *error)
{
	char text[IP_ADDRESS_TEXT_MAX], prefix[IP_PREFIX_TEXT_MAX];
	int r;

	ip_address_print(gateway, text);
	for (size_t i = 0; i < count; i++)
		if (ip_address_equal(&prefixes[i].address, gateway))
			return error_set(error, ERROR_PARAMETER_CONFLICT, parameter,
					 "%s is an address of the interface itself", text);
	if (ip_address_is_link_local(gateway))
		return 0;
	for (size_t i = 0; i < count; i++)
		if (ip_prefix_contains(&prefixes[i], gateway))
			return 0;
	r = error_set(error, ERROR_GATEWAY_OUTSIDE, parameter, "No prefix of the addresses has %s",
		      text);
	error_hint(error, "the first address is in %s", ip_prefix_print(&prefixes[0], prefix));
	return r;
}

/* ---- what is wanted ---- */

static int put_link(const struct tool_call *call, struct proposal *proposal, const char *name,
		    bool up)
{
	const json_t *arguments = tool_call_arguments(call);
	const char *mac = json_member_text(arguments, "mac");
	struct link_spec spec = {
		.settings =
			{
				.fields = LINK_FIELD_UP,
				.up = up,
				.mtu = (uint32_t)json_member_integer(arguments, "mtu", 0),
			},
	};

	text_copy(spec.name, sizeof(spec.name), name);
	if (up) {
		spec.settings.fields |=
			LINK_FIELD_IGNORE_DEAD_ROUTES | LINK_FIELD_PROMOTE_SECONDARIES;
		spec.settings.ignore_dead_routes = true;
		spec.settings.promote_secondaries = true;
	}
	if (spec.settings.mtu)
		spec.settings.fields |= LINK_FIELD_MTU;
	if (mac && hardware_address_parse(mac, &spec.settings.mac, "mac", NULL) == 0)
		spec.settings.fields |= LINK_FIELD_MAC;
	return proposal_put(proposal, &link_type, &spec);
}

static uint32_t wanted_metric(const struct tool_call *call, const char *link)
{
	return (uint32_t)json_member_integer(tool_call_arguments(call), "metric", 0)
		       ?: link_uplink_metric(tool_call_core(call), link);
}

static int put_resolver(const struct tool_call *call, struct proposal *proposal, const char *link,
			struct error *error)
{
	const json_t *arguments = tool_call_arguments(call);
	json_t *servers = json_object_get(arguments, "dns"),
	       *search = json_object_get(arguments, "search");

	if (json_array_size(servers) == 0 && json_array_size(search) == 0)
		return 0;
	return proposal_put_json(tool_call_core(call), proposal, "resolver",
				 json_pack("{ss sI sO* sO*}", "link", link, "metric",
					   (json_int_t)wanted_metric(call, link), "servers",
					   servers, "search", search),
				 error);
}

static bool is_fallback(const json_t *arguments)
{
	return strcmp(json_member_text(arguments, "method"), "auto") == 0 &&
	       json_object_get(arguments, "addresses");
}

/* What method auto uses until a server answers: the first address, the gateway, the name servers.
 */
static int put_fallback(const json_t *arguments, json_t *spec, struct error *error)
{
	static const char *const same[] = {"gateway", "dns"};
	json_t *addresses = json_object_get(arguments, "addresses");
	json_t *fallback = json_object();
	int r = json_object_set(fallback, "address", json_array_get(addresses, 0));

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(same); i++)
		if (json_object_get(arguments, same[i]))
			r = json_object_set(fallback, same[i], json_object_get(arguments, same[i]));
	if (json_object_set_new(spec, "fallback", fallback) < 0 || r < 0)
		return out_of_memory(error);
	return 0;
}

/* With method auto, addresses are what is used until a server answers. */
static int check_fallback(const json_t *arguments, struct error *error)
{
	struct ip_prefix prefix;
	struct ip_address gateway;
	const char *text = json_member_text(arguments, "gateway");
	const json_t *addresses = json_object_get(arguments, "addresses");
	int r;

	if (json_array_size(addresses) != 1)
		return error_set(error, ERROR_PARAMETER_CONFLICT, "addresses",
				 "Method auto takes one address, to be used until a DHCP server "
				 "answers");
	r = ip_prefix_parse(json_string_value(json_array_get(addresses, 0)), &prefix,
			    "addresses[0]", error);
	if (r == 0 && prefix.address.family != AF_INET)
		return error_set(error, ERROR_ADDRESS_INVALID, "addresses[0]",
				 "Method auto takes an IPv4 address");
	if (r == 0)
		r = check_host_part(&prefix, "addresses[0]", error);
	if (r == 0 && text)
		r = ip_address_parse(text, &gateway, "gateway", error);
	return r == 0 && text ? check_gateway("gateway", &gateway, &prefix, 1, error) : r;
}

static int put_dhcp(const struct tool_call *call, struct proposal *proposal, const char *link,
		    struct error *error)
{
	/* What the resource takes as the tool does. */
	static const char *const same[] = {"metric",  "identity",	 "hostname",
					   "release", "allow_ipv6_only", "link_local"};
	const json_t *arguments = tool_call_arguments(call);
	bool automatic = is_fallback(arguments);
	bool own_servers = json_array_size(json_object_get(arguments, "dns")) > 0;
	json_t *spec = json_pack("{ss}", "link", link);

	if (!spec)
		return out_of_memory(error);
	for (size_t i = 0; i < ARRAY_SIZE(same); i++) {
		json_t *value = json_object_get(arguments, same[i]);

		if (value && json_object_set(spec, same[i], value) < 0) {
			json_decref(spec);
			return out_of_memory(error);
		}
	}
	if (automatic && put_fallback(arguments, spec, error) < 0) {
		json_decref(spec);
		return -ENOMEM;
	}
	if (own_servers && !automatic)
		json_object_set_new(spec, "use_dns", json_false());
	if (!json_member_true(arguments, "use_routes"))
		json_object_set_new(spec, "use_routes", json_false());
	if (!core_type(tool_call_core(call), "dhcp")) {
		json_decref(spec);
		return error_set(error, ERROR_KERNEL_UNSUPPORTED, "method",
				 "This daemon has no DHCP client");
	}
	return proposal_put_json(tool_call_core(call), proposal, "dhcp", spec, error);
}

/* ---- static ---- */

static int put_addresses(const struct tool_call *call, struct proposal *proposal, const char *link,
			 struct ip_prefix *ret, size_t *ret_count, struct error *error)
{
	const json_t *addresses = json_object_get(tool_call_arguments(call), "addresses");
	char path[32];
	json_t *item;
	size_t i;
	int r;

	json_array_foreach(addresses, i, item) {
		struct address_spec spec = {.valid_until = USEC_INFINITY};

		snprintf(path, sizeof(path), "addresses[%zu]", i);
		r = ip_prefix_parse(json_string_value(item), &spec.prefix, path, error);
		if (r == 0)
			r = check_host_part(&spec.prefix, path, error);
		if (r < 0)
			return r;
		text_copy(spec.link, sizeof(spec.link), link);
		ret[i] = spec.prefix;
		if (proposal_put(proposal, &address_type, &spec) < 0)
			return out_of_memory(error);
	}
	*ret_count = json_array_size(addresses);
	if (*ret_count > 0)
		return 0;
	r = error_set(error, ERROR_PARAMETER_MISSING, "addresses", "Method static needs addresses");
	error_hint(error, "addresses=[\"192.0.2.7/24\"], or method=dhcp");
	return r;
}

static int put_gateway(const struct tool_call *call, struct proposal *proposal, const char *link,
		       const char *parameter, const struct ip_prefix *prefixes, size_t count,
		       struct error *error)
{
	struct route_spec spec = {
		.gateway = argument_address(call, parameter),
		.table = RT_TABLE_MAIN,
		.metric = wanted_metric(call, link),
		.type = RTN_UNICAST,
	};
	int r;

	if (!ip_address_is_set(&spec.gateway))
		return 0;
	r = check_gateway(parameter, &spec.gateway, prefixes, count, error);
	if (r < 0)
		return r;
	spec.destination.address.family = spec.gateway.family;
	text_copy(spec.link, sizeof(spec.link), link);
	return proposal_put(proposal, &route_type, &spec) < 0 ? out_of_memory(error) : 0;
}

static int put_static(const struct tool_call *call, struct proposal *proposal, const char *link,
		      struct error *error)
{
	const struct ip_address first = argument_address(call, "gateway");
	const struct ip_address second = argument_address(call, "gateway6");
	struct ip_prefix prefixes[ADDRESSES_MOST];
	size_t count = 0;
	int r = put_addresses(call, proposal, link, prefixes, &count, error);

	if (r == 0 && ip_address_is_set(&second) &&
	    (second.family != AF_INET6 || first.family == AF_INET6))
		r = error_set(error, ERROR_PARAMETER_CONFLICT, "gateway6",
			      "\"gateway6\" is the IPv6 next hop beside an IPv4 \"gateway\"");
	if (r == 0)
		r = put_gateway(call, proposal, link, "gateway", prefixes, count, error);
	if (r == 0)
		r = put_gateway(call, proposal, link, "gateway6", prefixes, count, error);
	return r;
}

static int propose_configure(struct tool_call *call, struct proposal *proposal, struct error *error)
{
	const json_t *arguments = tool_call_arguments(call);
	const char *name = json_member_text(arguments, "link");
	const char *method = json_member_text(arguments, "method");
	const struct link *link;
	int r = find_link(call, name, &link, error);

	if (r == 0)
		r = check_link_ours(call, link, error);
	if (r == 0)
		r = check_applicability(arguments, error);
	if (r == 0 && is_fallback(arguments))
		r = check_fallback(arguments, error);
	if (r < 0)
		return r;
	if (put_link(call, proposal, name, strcmp(method, "off") != 0) < 0)
		return out_of_memory(error);
	if (strcmp(method, "static") == 0)
		r = put_static(call, proposal, name, error);
	else if (strcmp(method, "off") != 0)
		r = put_dhcp(call, proposal, name, error);
	if (r < 0)
		return r;
	r = is_fallback(arguments) ? 0 : put_resolver(call, proposal, name, error);
	if (r < 0)
		return r;
	return remove_former(call, proposal, name) < 0 ? out_of_memory(error) : 0;
}

static const struct tool tools[] = {
	{
		.name = "net.configure",
		.title = "Configure an interface",
		.description = "Says how an interface gets its addresses, default route and name "
			       "servers, now "
			       "and after a restart. What it had by another method is taken away; "
			       "routes that "
			       "net.route_add made stay.",
		.parameters = configure_parameters,
		.hints = HINT_DESTRUCTIVE | HINT_IDEMPOTENT,
		.risk = RISK_HIGH,
		.role = ROLE_AGENT,
		.time_limit = 5000,
		.undoable = true,
		.propose = propose_configure,
	},
};

const struct tool_set configure_tools = {tools, ARRAY_SIZE(tools)};
