/* Is it a layout document, and a list beside it? Ends the program where it is not: for the unit
 * tests and the fuzz target of what makes such documents. */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "core/spec.h"

enum layout_type {
	LAYOUT_NAME,
	LAYOUT_TEXT,
	LAYOUT_TRUTH,
	LAYOUT_NUMBER,
	LAYOUT_ADDRESS,
	LAYOUT_NETWORK,
	LAYOUT_INTERFACE_ADDRESS,
	LAYOUT_MAC,
	LAYOUT_OBJECT,
	LAYOUT_DHCP, /* an object or true */
};

struct layout_member {
	const char *name;
	enum layout_type type;
	bool list;
	const struct layout_member *members; /* NULL: numbers by any name */
};

static const struct layout_member layout_bridge[] = {
	{"stp", LAYOUT_TRUTH},
	{"vlan_filtering", LAYOUT_TRUTH},
	{"forward_delay", LAYOUT_NUMBER},
	{"ageing_time", LAYOUT_NUMBER},
	{"priority", LAYOUT_NUMBER},
	{NULL},
};
static const struct layout_member layout_vlan[] = {{"id", LAYOUT_NUMBER},
						   {"parent", LAYOUT_NAME},
						   {"protocol", LAYOUT_TEXT},
						   {NULL}};
static const struct layout_member layout_macvlan[] = {{"parent", LAYOUT_NAME},
						      {"mode", LAYOUT_TEXT},
						      {NULL}};
static const struct layout_member layout_veth[] = {{"peer", LAYOUT_NAME}, {NULL}};
static const struct layout_member layout_vxlan[] = {
	{"id", LAYOUT_NUMBER},	    {"local", LAYOUT_ADDRESS},
	{"remote", LAYOUT_ADDRESS}, {"group", LAYOUT_ADDRESS},
	{"port", LAYOUT_NUMBER},    {"parent", LAYOUT_NAME},
	{"learning", LAYOUT_TRUTH}, {NULL},
};
static const struct layout_member layout_bond[] = {
	{"mode", LAYOUT_TEXT},
	{"miimon", LAYOUT_NUMBER},
	{"lacp_rate", LAYOUT_TEXT},
	{"xmit_hash_policy", LAYOUT_TEXT},
	{NULL},
};
static const struct layout_member layout_vlans[] = {{"id", LAYOUT_NUMBER},
						    {"untagged", LAYOUT_TRUTH},
						    {"pvid", LAYOUT_TRUTH},
						    {NULL}};
static const struct layout_member layout_dhcp[] = {
	{"metric", LAYOUT_NUMBER},	   {"hostname", LAYOUT_TEXT},
	{"identity", LAYOUT_TEXT},	   {"use_dns", LAYOUT_TRUTH},
	{"use_routes", LAYOUT_TRUTH},	   {"use_mtu", LAYOUT_TRUTH},
	{"release", LAYOUT_TRUTH},	   {"link_local", LAYOUT_TRUTH},
	{"allow_ipv6_only", LAYOUT_TRUTH}, {NULL},
};
static const struct layout_member layout_nexthops[] = {{"gateway", LAYOUT_ADDRESS},
						       {"link", LAYOUT_NAME},
						       {"weight", LAYOUT_NUMBER},
						       {NULL}};
static const struct layout_member layout_routes[] = {
	{"destination", LAYOUT_NETWORK},
	{"type", LAYOUT_TEXT},
	{"link", LAYOUT_NAME},
	{"gateway", LAYOUT_ADDRESS},
	{"source", LAYOUT_ADDRESS},
	{"table", LAYOUT_NUMBER},
	{"metric", LAYOUT_NUMBER},
	{"mtu", LAYOUT_NUMBER},
	{"onlink", LAYOUT_TRUTH},
	{"nexthops", LAYOUT_OBJECT, true, layout_nexthops},
	{NULL},
};
static const struct layout_member layout_rules[] = {
	{"family", LAYOUT_TEXT},
	{"priority", LAYOUT_NUMBER},
	{"from", LAYOUT_NETWORK},
	{"to", LAYOUT_NETWORK},
	{"incoming", LAYOUT_NAME},
	{"outgoing", LAYOUT_NAME},
	{"mark", LAYOUT_NUMBER},
	{"mask", LAYOUT_NUMBER},
	{"table", LAYOUT_NUMBER},
	{"action", LAYOUT_TEXT},
	{NULL},
};
static const struct layout_member layout_links[] = {
	{"name", LAYOUT_NAME},
	{"kind", LAYOUT_TEXT},
	{"bridge", LAYOUT_OBJECT, false, layout_bridge},
	{"vlan", LAYOUT_OBJECT, false, layout_vlan},
	{"macvlan", LAYOUT_OBJECT, false, layout_macvlan},
	{"veth", LAYOUT_OBJECT, false, layout_veth},
	{"vxlan", LAYOUT_OBJECT, false, layout_vxlan},
	{"bond", LAYOUT_OBJECT, false, layout_bond},
	{"controller", LAYOUT_NAME},
	{"vlans", LAYOUT_OBJECT, true, layout_vlans},
	{"up", LAYOUT_TRUTH},
	{"mtu", LAYOUT_NUMBER},
	{"mac", LAYOUT_MAC},
	{"addresses", LAYOUT_INTERFACE_ADDRESS, true},
	{"dhcp", LAYOUT_DHCP, false, layout_dhcp},
	{"gateway", LAYOUT_ADDRESS},
	{"metric", LAYOUT_NUMBER},
	{"dns", LAYOUT_ADDRESS, true},
	{"search", LAYOUT_TEXT, true},
	{"routes", LAYOUT_OBJECT, true, layout_routes},
	{"settings", LAYOUT_OBJECT},
	{NULL},
};
static const struct layout_member layout_document[] = {
	{"links", LAYOUT_OBJECT, true, layout_links},
	{"routes", LAYOUT_OBJECT, true, layout_routes},
	{"rules", LAYOUT_OBJECT, true, layout_rules},
	{NULL},
};

#define LAYOUT_CHECK(condition)                                                                    \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

static void layout_check_object(const json_t *object, const struct layout_member *members);

static void layout_check_value(const json_t *value, const struct layout_member *member)
{
	const char *text = json_string_value(value) ?: "";
	struct hardware_address mac;
	struct ip_address address;
	struct ip_prefix prefix;

	switch (member->type) {
	case LAYOUT_NAME:
		LAYOUT_CHECK(spec_link_name_valid(text));
		break;
	case LAYOUT_TEXT:
		LAYOUT_CHECK(text[0]);
		break;
	case LAYOUT_TRUTH:
		LAYOUT_CHECK(json_is_boolean(value));
		break;
	case LAYOUT_NUMBER:
		LAYOUT_CHECK(json_is_integer(value) && json_integer_value(value) >= 0 &&
			     json_integer_value(value) <= UINT32_MAX);
		break;
	case LAYOUT_ADDRESS:
		LAYOUT_CHECK(ip_address_parse(text, &address, NULL, NULL) == 0);
		break;
	case LAYOUT_NETWORK:
		LAYOUT_CHECK(ip_network_parse(text, &prefix, NULL, NULL) == 0);
		break;
	case LAYOUT_INTERFACE_ADDRESS:
		LAYOUT_CHECK(strchr(text, '/') && ip_prefix_parse(text, &prefix, NULL, NULL) == 0);
		break;
	case LAYOUT_MAC:
		LAYOUT_CHECK(hardware_address_parse(text, &mac, NULL, NULL) == 0);
		break;
	case LAYOUT_DHCP:
		if (!json_is_true(value))
			layout_check_object(value, member->members);
		break;
	case LAYOUT_OBJECT:
		layout_check_object(value, member->members);
		break;
	}
}

static void layout_check_object(const json_t *object, const struct layout_member *members)
{
	static const struct layout_member number = {.type = LAYOUT_NUMBER};
	const struct layout_member *member;
	json_t *value, *item;
	const char *key;
	size_t i;

	LAYOUT_CHECK(json_is_object(object));
	json_object_foreach((json_t *)object, key, value) {
		for (member = members; member && member->name && strcmp(member->name, key) != 0;)
			member++;
		LAYOUT_CHECK(!member || member->name);
		if (!member || !member->list) {
			layout_check_value(value, member ?: &number);
			continue;
		}
		LAYOUT_CHECK(json_is_array(value));
		json_array_foreach(value, i, item)
			layout_check_value(item, member);
	}
}

static inline void layout_check(const json_t *document, const json_t *untranslated)
{
	const json_t *entry;
	size_t i;

	layout_check_object(document, layout_document);
	json_array_foreach(json_object_get(document, "links"), i, entry) {
		const char *kind = json_member_text(entry, "kind") ?: "";

		LAYOUT_CHECK(json_member_text(entry, "name"));
		LAYOUT_CHECK(strcmp(kind, "vlan") != 0 ||
			     (json_object_get(json_object_get(entry, "vlan"), "id") &&
			      json_object_get(json_object_get(entry, "vlan"), "parent")));
		LAYOUT_CHECK(strcmp(kind, "veth") != 0 ||
			     json_object_get(json_object_get(entry, "veth"), "peer"));
	}
	LAYOUT_CHECK(json_is_array(json_object_get(document, "links")));
	json_array_foreach(untranslated, i, entry)
		LAYOUT_CHECK(json_member_text(entry, "file") &&
			     json_member_text(entry, "setting") && json_member_text(entry, "why") &&
			     json_is_integer(json_object_get(entry, "line")));
}
