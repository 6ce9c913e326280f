/* net.interfaces: the links of this host and what is on them. */
#include <stdio.h>
#include <string.h>

#include "common.h"

static const struct field list_parameters[] = {
	{"link", FIELD_LINK, .help = "Only this interface"},
	{"details", FIELD_BOOLEAN, .fallback = "true",
	 .help = "Ask the driver for its name, speed and duplex"},
	LISTING_PARAMETERS("200"),
	FIELD_END,
};

static const struct field statistics_members[] = {
	{"receive_bytes", FIELD_INTEGER, .required = true, .unit = "bytes", .help = "Received"},
	{"transmit_bytes", FIELD_INTEGER, .required = true, .unit = "bytes", .help = "Sent"},
	{"receive_packets", FIELD_INTEGER, .required = true, .help = "Packets received"},
	{"transmit_packets", FIELD_INTEGER, .required = true, .help = "Packets sent"},
	{"receive_errors", FIELD_INTEGER, .required = true, .help = "Receive errors"},
	{"transmit_errors", FIELD_INTEGER, .required = true, .help = "Send errors"},
	{"receive_dropped", FIELD_INTEGER, .required = true, .help = "Received and dropped"},
	{"transmit_dropped", FIELD_INTEGER, .required = true, .help = "Dropped instead of sent"},
	FIELD_END,
};

static const char *const ownership_values[] = {"ours", "foreign", "ignored", NULL};

static const struct field interface_members[] = {
	{"name", FIELD_LINK, .required = true, .help = LINK_HELP},
	{"index", FIELD_INTEGER, .required = true, .help = "The kernel's number of it"},
	{"kind", FIELD_TEXT, .required = true, .help = "ethernet, wifi, bridge, veth, ..."},
	{"state", FIELD_TEXT, .required = true,
	 .help = "up; no carrier (no cable, nobody on the other side); down (switched off)"},
	{"carrier", FIELD_BOOLEAN, .required = true, .help = "Is there link on the wire?"},
	{"mtu", FIELD_INTEGER, .required = true, .unit = "bytes", .help = "Largest packet"},
	{"mac", FIELD_MAC, .help = "Hardware address"},
	{"permanent_mac", FIELD_MAC, .help = "The one it was made with, where it differs"},
	{"addresses", FIELD_INTERFACE_ADDRESS, .list = true, .required = true,
	 .help = "IP addresses with the length of their prefix"},
	{"method", FIELD_TEXT, .required = true,
	 .help = "How it is configured: dhcp, static, off, or none"},
	{"uplink", FIELD_BOOLEAN, .required = true, .help = "The default route in use leads by it"},
	{"ownership", FIELD_TEXT, .required = true, .values = ownership_values,
	 .help = "foreign ones are left alone unless intent names them"},
	{"ownership_reason", FIELD_TEXT, .required = true, .help = "Why it is so"},
	{"master", FIELD_LINK, .help = "Bridge or bond that it is a port of"},
	{"driver", FIELD_TEXT, .help = "Name of its driver"},
	{"speed", FIELD_INTEGER, .unit = "Mbit/s", .help = "Speed of the link"},
	{"full_duplex", FIELD_BOOLEAN, .help = "Both directions at once"},
	{"carrier_changes", FIELD_INTEGER, .required = true,
	 .help = "How often carrier came or went since the link is there"},
	{"dhcp", FIELD_OBJECT, .help = "What the DHCP client does, where there is one"},
	{"trouble", FIELD_TEXT, .help = "What hinders its configuration"},
	{"statistics", FIELD_OBJECT, .required = true, .members = statistics_members,
	 .help = "Counters since the link is there"},
	FIELD_END,
};

static const struct field list_output[] = {
	{"interfaces", FIELD_OBJECT, .list = true, .required = true, .members = interface_members,
	 .help = "In the order of their index"},
	LISTING_TOTAL,
	FIELD_END,
};

static json_t *statistics_json(const struct link_statistics *s)
{
	return json_pack("{sI sI sI sI sI sI sI sI}", "receive_bytes", (json_int_t)s->receive_bytes,
			 "transmit_bytes", (json_int_t)s->transmit_bytes, "receive_packets",
			 (json_int_t)s->receive_packets, "transmit_packets",
			 (json_int_t)s->transmit_packets, "receive_errors",
			 (json_int_t)s->receive_errors, "transmit_errors",
			 (json_int_t)s->transmit_errors, "receive_dropped",
			 (json_int_t)s->receive_dropped, "transmit_dropped",
			 (json_int_t)s->transmit_dropped);
}

static json_t *addresses_json(struct core *core, const struct link *link)
{
	_cleanup_json_ json_t *addresses = json_array();
	const struct address *address = NULL;

	while ((address = observed_next_address(core_observed(core), address)))
		if (address->link == link->index &&
		    json_array_append_new(addresses, json_prefix(&address->prefix)) < 0)
			return NULL;
	return TAKE_PTR(addresses);
}

static const struct resource *resource_named(struct core *core, const char *type, const char *key)
{
	char id[RESOURCE_KEY_MAX + 16];

	snprintf(id, sizeof(id), "%s/%s", type, key);
	return core_resource(core, id);
}

/* Intent's address of the link that no lease brought, or NULL. */
static const struct resource *static_address(struct core *core, const char *link)
{
	const struct resource *resource = NULL;

	while ((resource = core_next_resource(core, resource)))
		if (resource->type == &address_type && !resource->parent[0] &&
		    strcmp(((const struct address_spec *)resource->spec)->link, link) == 0)
			return resource;
	return NULL;
}

static const char *link_method(struct core *core, const struct link *link)
{
	const struct resource *resource;
	const struct link_spec *spec;

	if (resource_named(core, "dhcp", link->name))
		return "dhcp";
	if (static_address(core, link->name))
		return "static";
	resource = resource_named(core, "link", link->name);
	spec = resource ? (const struct link_spec *)resource->spec : NULL;
	return spec && spec->settings.fields & LINK_FIELD_UP && !spec->settings.up ? "off" : "none";
}

static const char *link_trouble(struct core *core, const struct link *link)
{
	static const char *const types[] = {"link", "dhcp"};
	const struct resource *resource;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		resource = resource_named(core, types[i], link->name);
		if (resource && resource->trouble[0])
			return resource->trouble;
	}
	resource = static_address(core, link->name);
	return resource ? resource->trouble : "";
}

static int put_details(struct core *core, json_t *json, const struct link *link)
{
	struct link_details details;
	int r;

	if (observed_link_details(core_observed(core), link, &details) < 0)
		return 0;
	r = put_text_member(json, "driver", details.driver);
	if (details.speed)
		r |= json_put(json, "speed", json_integer(details.speed)) |
		     json_put(json, "full_duplex", json_boolean(details.full_duplex));
	return r;
}

static int put_mac(json_t *json, const char *key, const struct hardware_address *mac)
{
	return mac->length ? json_put(json, key, json_mac(mac)) : 0;
}

/* Whose it is, and why. */
static int put_ownership(json_t *json, struct core *core, const struct tool_services *services,
			 const struct link *link)
{
	const char *why, *left = NULL;
	int ownership = link_ownership(core, link, &why);

	if (ownership == LINK_OURS && services->adopt)
		left = adopt_left_because(services->adopt, link);
	return json_put(json, "ownership",
			json_string(ownership_values[left ? LINK_FOREIGN : ownership])) |
	       json_put(json, "ownership_reason", json_string(left ?: why));
}

static int put_configuration(json_t *json, struct core *core, const struct tool_services *services,
			     const struct link *link)
{
	const struct route *uplink = uplink_route(core, AF_INET) ?: uplink_route(core, AF_INET6);
	json_t *dhcp = services->dhcp ? dhcp_service_status(services->dhcp, link->name) : NULL;
	int r = json_put(json, "method", json_string(link_method(core, link))) |
		json_put(json, "uplink", json_boolean(uplink && uplink->link == link->index)) |
		put_ownership(json, core, services, link) |
		put_text_member(json, "trouble", link_trouble(core, link));

	return dhcp ? r | json_put(json, "dhcp", dhcp) : r;
}

json_t *interface_json(struct core *core, const struct tool_services *services,
		       const struct link *link, bool details)
{
	const struct link *master =
		link->master ? observed_link(core_observed(core), link->master) : NULL;
	const char *state = !(link->flags & IFF_UP) ? "down" : link->carrier ? "up" : "no carrier";
	_cleanup_json_ json_t *json = json_object();
	int r = put_text_member(json, "name", link->name) |
		json_put(json, "index", json_integer(link->index)) |
		json_put(json, "kind", json_string(link_kind_text(link->kind))) |
		json_put(json, "state", json_string(state)) |
		json_put(json, "carrier", json_boolean(link->carrier)) |
		json_put(json, "mtu", json_integer(link->mtu)) | put_mac(json, "mac", &link->mac) |
		json_put(json, "addresses", addresses_json(core, link)) |
		put_configuration(json, core, services, link) |
		put_text_member(json, "master", master ? master->name : NULL) |
		json_put(json, "carrier_changes", json_integer(link->carrier_changes)) |
		json_put(json, "statistics", statistics_json(&link->statistics));

	if (link->permanent_mac.length && !hardware_address_equal(&link->mac, &link->permanent_mac))
		r |= put_mac(json, "permanent_mac", &link->permanent_mac);
	if (details)
		r |= put_details(core, json, link);
	return r < 0 ? NULL : TAKE_PTR(json);
}

json_t *interfaces_json(struct core *core, const struct tool_services *services)
{
	_cleanup_json_ json_t *interfaces = json_array();
	const struct link *link = NULL;

	while ((link = observed_next_link(core_observed(core), link)))
		if (json_array_append_new(interfaces, interface_json(core, services, link, false)) <
		    0)
			return NULL;
	return json_pack("{sO sI}", "interfaces", interfaces, "total",
			 (json_int_t)json_array_size(interfaces));
}

static json_t *make_interface(const struct tool_call *call, const void *item)
{
	return interface_json(tool_call_core(call), tool_call_services(call), item,
			      json_member_true(tool_call_arguments(call), "details"));
}

static int call_interfaces(struct tool_call *call, json_t **ret, struct error *error)
{
	struct core *core = tool_call_core(call);
	const char *name = json_member_text(tool_call_arguments(call), "link");
	_cleanup_listing_ struct listing listing = {0};
	const struct link *link = NULL;
	int r = name ? find_link(call, name, &link, error) : 0;

	if (r < 0)
		return r;
	/* Counters do not announce themselves: they are read when somebody asks. */
	r = observed_refresh_statistics(core_observed(core), core_netlink(core));
	if (r < 0)
		log_warning("tools: the counters of the links could not be read: %s", strerror(-r));
	if (name) {
		/* The refresh may have moved it. */
		r = find_link(call, name, &link, error);
		if (r < 0)
			return r;
		listing_add(&listing, link);
	}
	while (!name && (link = observed_next_link(core_observed(core), link)))
		listing_add(&listing, link);
	return listing_to_json(&listing, call, "interfaces", make_interface, ret, error);
}

static char *summarise(const json_t *result)
{
	const json_t *interfaces = json_object_get(result, "interfaces");
	size_t up = 0, i;
	json_t *interface;
	char *text;

	json_array_foreach(interfaces, i, interface) {
		up += json_member_true(interface, "carrier");
	}
	if (asprintf(&text, "%zu interfaces, %zu with carrier", json_array_size(interfaces), up) <
	    0)
		return NULL;
	return text;
}

static const struct tool tools[] = {
	{
		.name = "net.interfaces",
		.title = "List interfaces",
		.description =
			"Lists the network interfaces with kind, carrier, addresses, how each is "
			"configured, its DHCP client's state and its counters.",
		.parameters = list_parameters,
		.output = list_output,
		.hints = HINT_READ_ONLY | HINT_IDEMPOTENT,
		.risk = RISK_NONE,
		.role = ROLE_OBSERVER,
		.time_limit = 1000,
		.call = call_interfaces,
		.summarise = summarise,
	},
};

const struct tool_set interface_tools = {tools, ARRAY_SIZE(tools)};
