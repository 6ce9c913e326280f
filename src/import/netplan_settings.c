/* The keys of netplan's definitions: scalars, and then lists and maps. */
#include <stdio.h>
#include <string.h>

#include "core/spec.h"
#include "netplan.h"

#define SECOND	       1000000
#define OFFLOAD	       "what the hardware computes is left as the driver has it"
#define WAITING	       "nobody waits for links at boot here"
#define NO_WIFI	       "wireless networks are joined by another program; what is secret was not read"
#define KERNEL_DEFAULT "the kernel's default is taken for it"
#define OTHER_PROGRAM  "is for one of the programs that netplan writes for"

static const struct choice bond_modes[] = {
	{"balance-rr", "balance-rr"},	{"active-backup", "active-backup"},
	{"balance-xor", "balance-xor"}, {"broadcast", "broadcast"},
	{"802.3ad", "802.3ad"},		{"balance-tlb", "balance-tlb"},
	{"balance-alb", "balance-alb"}, {NULL},
};
static const struct choice lacp_rates[] = {{"slow", "slow"}, {"fast", "fast"}, {NULL}};
static const struct choice hash_policies[] = {
	{"layer2", "layer2"},	  {"layer2+3", "layer2+3"}, {"layer3+4", "layer3+4"},
	{"encap2+3", "encap2+3"}, {"encap3+4", "encap3+4"}, {NULL},
};
static const struct choice route_types[] = {
	{"unicast", "unicast"},	  {"blackhole", "blackhole"}, {"unreachable", "unreachable"},
	{"prohibit", "prohibit"}, {"anycast", NULL},	      {"broadcast", NULL},
	{"local", NULL},	  {"multicast", NULL},	      {"nat", NULL},
	{"throw", NULL},	  {"xresolve", NULL},	      {NULL},
};

/* "link", "global": what follows from the route anyway. */
static SETTING_HANDLER(set_scope)
{
	if (strcmp(value, "host") == 0)
		import_remain(import, place, "routes of this scope have no equivalent");
}

static SETTING_HANDLER(set_dhcp6)
{
	bool truth;

	if (!read_truth(value, &truth) || truth)
		import_remain(import, place, "DHCPv6 has no equivalent");
}

static SETTING_HANDLER(set_set_name)
{
	import_remain(import, place, "names of interfaces are not changed here");
}

static SETTING_HANDLER(set_gateway6)
{
	if (is_ipv6(value))
		put_gateway(import, place, target, value, -1, -1);
	else
		import_remain(import, place, "is not an IPv6 address");
}

const struct setting netplan_settings[] = {
	/* what every definition may have */
	{"device", "renderer", set_none, .why = "this program takes its place"},
	{"device", "dhcp4", set_truth, "netplan.dhcp"},
	{"device", "dhcp6", set_dhcp6},
	{"device", "dhcp-identifier", set_choice, "dhcp.identity",
	 .choices = (const struct choice[]){{"mac", "mac"}, {"duid", "duid"}, {NULL}}},
	{"device", "accept-ra", set_switch, "settings.accept_ra"},
	{"device", "gateway4", set_gateway},
	{"device", "gateway6", set_gateway6},
	{"device", "mtu", set_integer, "mtu", 68, 65535},
	{"device", "ipv6-mtu", set_none, .why = "there is one MTU for both families"},
	{"device", "ipv6-privacy", set_none, .why = "temporary addresses have no equivalent"},
	{"device", "ipv6-address-*", set_none, .why = "the kernel's way of making them is kept"},
	{"device", "macaddress", set_mac, "mac"},
	{"device", "optional", set_none, .why = WAITING},
	{"device", "critical", set_none, .why = "addresses stay when this program ends, always"},
	{"device", "ignore-carrier", set_none, .why = "carrier decides here"},
	{"device", "activation-mode", set_none, .why = "only off and manual are known"},
	{"device", "wakeonlan", set_none, .why = OFFLOAD},
	{"device", "emit-lldp", set_none, .why = "LLDP is not sent"},
	{"device", "set-name", set_set_name},
	{"device", "receive-checksum-offload", set_none, .why = OFFLOAD},
	{"device", "transmit-checksum-offload", set_none, .why = OFFLOAD},
	{"device", "tcp-segmentation-offload", set_none, .why = OFFLOAD},
	{"device", "tcp6-segmentation-offload", set_none, .why = OFFLOAD},
	{"device", "generic-*", set_none, .why = OFFLOAD},
	{"device", "large-receive-offload", set_none, .why = OFFLOAD},
	{"device", "neigh-suppress", set_none, .why = KERNEL_DEFAULT},
	{"device", "hairpin", set_none, .why = KERNEL_DEFAULT},
	{"device", "port-mac-learning", set_none, .why = KERNEL_DEFAULT},
	{"device", "virtual-function-count", set_none, .why = "virtual functions are not made"},
	{"device", "embedded-switch-mode", set_none, .why = "virtual functions are not made"},
	{"device", "delay-virtual-functions-rebind", set_none,
	 .why = "virtual functions are not made"},
	{"device", "infiniband-mode", set_none, .why = KERNEL_DEFAULT},
	{"device", "link", set_none, .why = "virtual functions are not made"},
	{"wifis", "regulatory-domain", set_none, .why = NO_WIFI},
	{"vlans", "id", set_integer, "vlan.id", 1, 4094},
	{"virtual-ethernets", "peer", set_link, "veth.peer"},
	{"vxlan", "mode", set_nothing},
	{"vxlan", "id", set_integer, "vxlan.id", 1, 16777215},
	{"vxlan", "local", set_address, "vxlan.local"},
	{"vxlan", "remote", set_vxlan_remote},
	{"vxlan", "port", set_integer, "vxlan.port", 1, 65535},
	{"vxlan", "mac-learning", set_truth, "vxlan.learning"},
	{"vxlan", "*", set_none, .why = KERNEL_DEFAULT},

	{"bridges.parameters", "stp", set_truth, "bridge.stp"},
	{"bridges.parameters", "forward-delay", set_time, "bridge.forward_delay", 0, 30, SECOND,
	 SECOND},
	{"bridges.parameters", "ageing-time", set_time, "bridge.ageing_time", 0, 1000000, SECOND,
	 SECOND},
	{"bridges.parameters", "aging-time", set_time, "bridge.ageing_time", 0, 1000000, SECOND,
	 SECOND},
	{"bridges.parameters", "priority", set_integer, "bridge.priority", 0, 65535},
	{"bridges.parameters", "vlan-filtering", set_truth, "bridge.vlan_filtering"},
	{"bridges.parameters", "*", set_none, .why = KERNEL_DEFAULT},
	{"bonds.parameters", "mode", set_choice, "bond.mode", .choices = bond_modes},
	{"bonds.parameters", "mii-monitor-interval", set_time, "bond.miimon", 0, 1000000, 1000,
	 1000},
	{"bonds.parameters", "lacp-rate", set_choice, "bond.lacp_rate", .choices = lacp_rates},
	{"bonds.parameters", "transmit-hash-policy", set_choice, "bond.xmit_hash_policy",
	 .choices = hash_policies},
	{"bonds.parameters", "*", set_none, .why = KERNEL_DEFAULT},

	{"dhcp", "route-metric", set_integer, "dhcp.metric"},
	{"dhcp", "use-dns", set_truth, "dhcp.use_dns"},
	{"dhcp", "use-routes", set_truth, "dhcp.use_routes"},
	{"dhcp", "use-mtu", set_truth, "dhcp.use_mtu"},
	{"dhcp", "hostname", set_hostname, "dhcp.hostname"},
	{"dhcp", "send-hostname", set_none, .why = "a host name is sent where one is given"},
	{"dhcp", "*", set_none, .why = "has no equivalent in the DHCP client"},

	{"route", "to", set_nothing}, /* with "via", see put_route() */
	{"route", "via", set_address, "gateway"},
	{"route", "from", set_address, "source"},
	{"route", "metric", set_integer, "metric"},
	{"route", "table", set_table, "table"},
	{"route", "mtu", set_integer, "mtu", 68, 65535},
	{"route", "on-link", set_truth, "onlink"},
	{"route", "type", set_choice, "type", .choices = route_types,
	 .why = "routes of this type have no equivalent"},
	{"route", "scope", set_scope},
	{"route", "*", set_none, .why = KERNEL_DEFAULT},

	{"rule", "from", set_network, "from"},
	{"rule", "to", set_network, "to"},
	{"rule", "table", set_table, "table"},
	{"rule", "priority", set_integer, "priority"},
	{"rule", "mark", set_integer, "mark"},
	{"rule", "type-of-service", set_none,
	 .why = "packets are not told apart by it: without it the rule would be for more packets"},
	SETTING_END,
};

/* ---- lists and maps ---- */

static void take_match(struct definition *definition, const struct place *place, json_t *target,
		       const json_t *node)
{
	/* It has decided already which links these are. */
}

/* "192.0.2.1/24", or {"192.0.2.1/24": {label, lifetime}} */
static void take_addresses(struct definition *definition, const struct place *place, json_t *target,
			   const json_t *node)
{
	const json_t *item;
	size_t i;

	json_array_foreach(yaml_list(node), i, item) {
		const char *text = yaml_text(item);
		struct place at = netplan_place(item, place->section, place->key);
		json_t *map = (json_t *)yaml_map(item);
		void *first = json_object_iter(map);

		if (first) {
			text = json_object_iter_key(first);
			if (yaml_map(json_object_iter_value(first)) &&
			    json_object_size((json_t *)yaml_map(json_object_iter_value(first))) > 0)
				import_remain(definition->netplan->import, &at,
					      "labels and lifetimes of addresses have no "
					      "equivalent");
		}
		set_addresses(definition->netplan->import, &at, target, text ?: "?", NULL);
	}
}

static void take_texts(struct definition *definition, const char *at, const json_t *map,
		       const char *key, setting_function_t handle)
{
	const json_t *node = json_object_get(map, key), *item;
	struct place place = netplan_place(node, at, key);
	size_t i;

	json_array_foreach(yaml_list(node), i, item)
		handle(definition->netplan->import, &place, definition->link,
		       yaml_text(item) ?: "?", NULL);
	if (yaml_text(node))
		handle(definition->netplan->import, &place, definition->link, yaml_text(node),
		       NULL);
}

static void take_nameservers(struct definition *definition, const struct place *place,
			     json_t *target, const json_t *node)
{
	json_t *map = (json_t *)yaml_map(node), *value;
	char at[SECTION_MAX * 2];
	const char *key;

	snprintf(at, sizeof(at), "%s.%s", place->section, place->key);
	take_texts(definition, at, map, "addresses", set_dns);
	take_texts(definition, at, map, "search", set_search);
	json_object_foreach(map, key, value) {
		struct place unknown = netplan_place(value, at, key);

		if (strcmp(key, "addresses") != 0 && strcmp(key, "search") != 0)
			import_remain(definition->netplan->import, &unknown,
				      "is not known here, so nothing was made of it");
	}
}

static void take_section(struct definition *definition, const struct place *place,
			 const char *section, json_t *target, const json_t *node)
{
	char at[SECTION_MAX * 2];

	snprintf(at, sizeof(at), "%s.%s", place->section, place->key);
	netplan_walk(definition, section, at, target, yaml_map(node));
}

static void take_dhcp(struct definition *definition, const struct place *place, json_t *target,
		      const json_t *node)
{
	take_section(definition, place, "dhcp", target, node);
}

static void take_bridge(struct definition *definition, const struct place *place, json_t *target,
			const json_t *node)
{
	take_section(definition, place, "bridges.parameters", target, node);
}

static void take_bond(struct definition *definition, const struct place *place, json_t *target,
		      const json_t *node)
{
	take_section(definition, place, "bonds.parameters", target, node);
}

static void put_route(struct definition *definition, const struct place *place, json_t *route,
		      const json_t *node)
{
	const char *gateway = json_member_text(route, "gateway");
	const char *to = yaml_text(json_object_get(yaml_map(node), "to")) ?: "?";
	char network[IP_PREFIX_TEXT_MAX];

	if (json_object_get(route, "spoilt")) {
		json_decref(route); /* what was not understood is in the list */
		return;
	}
	if (!read_network(to, gateway && is_ipv6(gateway) ? AF_INET6 : AF_INET, network) ||
	    (gateway && is_ipv6(gateway) != is_ipv6(network))) {
		import_remain(definition->netplan->import, place,
			      "leads to no destination, or by a gateway of the other family");
		json_decref(route);
		return;
	}
	import_put(definition->netplan->import, route, "destination", json_string(network));
	import_put_route(definition->netplan->import, definition->link, route);
}

static void take_routes(struct definition *definition, const struct place *place, json_t *target,
			const json_t *node)
{
	const json_t *item;
	size_t i;

	json_array_foreach(yaml_list(node), i, item) {
		json_t *route = json_object();
		struct place at = netplan_place(item, place->section, place->key);

		take_section(definition, &at, "route", route, item);
		put_route(definition, &at, route, item);
	}
}

static bool is_whole_rule(const json_t *rule, const json_t *node)
{
	const char *from = json_member_text(rule, "from"), *to = json_member_text(rule, "to");

	return !json_object_get(rule, "spoilt") &&
	       !json_object_get(yaml_map(node), "type-of-service") &&
	       json_object_get(rule, "table") && (!from || !to || is_ipv6(from) == is_ipv6(to));
}

static void take_rules(struct definition *definition, const struct place *place, json_t *target,
		       const json_t *node)
{
	struct import *import = definition->netplan->import;
	const json_t *item;
	size_t i;

	json_array_foreach(yaml_list(node), i, item) {
		_cleanup_json_ json_t *rule = json_object();
		struct place at = netplan_place(item, place->section, place->key);
		const char *text;

		take_section(definition, &at, "rule", rule, item);
		text = json_member_text(rule, "from") ?: json_member_text(rule, "to") ?: "";
		if (!is_whole_rule(rule, item)) {
			import_remain(import, &at,
				      "a rule needs a table, one family, and no selector that has "
				      "no equivalent");
			continue;
		}
		import_put(import, rule, "family", json_string(is_ipv6(text) ? "ipv6" : "ipv4"));
		import_add_rule(import, TAKE_PTR(rule));
	}
}

/* Ports: definitions, or links that no definition speaks of. */
static void take_interfaces(struct definition *definition, const struct place *place,
			    json_t *target, const json_t *node)
{
	struct import *import = definition->netplan->import;
	const json_t *item, *name;
	size_t i, k;

	json_array_foreach(yaml_list(node), i, item) {
		const char *id = yaml_text(item) ?: "";
		const json_t *names = json_object_get(definition->netplan->names, id);
		_cleanup_json_ json_t *port =
			json_pack("{s:s, s:b}", "controller", definition->id, "up", 1);
		struct place at = netplan_place(item, place->section, place->key);

		json_array_foreach(names, k, name)
			import_lay_over(import, json_string_value(name), port);
		if (json_array_size(names) == 0 && spec_link_name_valid(id))
			import_lay_over(import, id, port);
		else if (json_array_size(names) == 0)
			import_remain(import, &at, "is not the name of an interface");
	}
}

static void take_link(struct definition *definition, const struct place *place, json_t *target,
		      const json_t *node)
{
	const char *id = yaml_text(node) ?: "";
	const json_t *names = json_object_get(definition->netplan->names, id);
	const char *name = json_string_value(json_array_get(names, 0)) ?: id;
	struct setting setting = {
		.member = strcmp(definition->kind, "vlans") == 0 ? "vlan.parent" : "vxlan.parent"};

	if (json_array_size(names) > 1)
		import_remain(definition->netplan->import, place,
			      "fits several links; the first one was taken");
	set_link(definition->netplan->import, place, target, name, &setting);
}

static void take_link_local(struct definition *definition, const struct place *place,
			    json_t *target, const json_t *node)
{
	bool four = false, six = false;
	const json_t *item;
	size_t i;

	json_array_foreach(yaml_list(node), i, item) {
		four |= strcmp(yaml_text(item) ?: "", "ipv4") == 0;
		six |= strcmp(yaml_text(item) ?: "", "ipv6") == 0;
	}
	if (four || !six)
		import_remain(definition->netplan->import, place,
			      "IPv6 has a link-local address, and IPv4 one where DHCP finds none");
}

static void remain_whole(struct definition *definition, const struct place *place, json_t *target,
			 const json_t *node)
{
	import_remain(definition->netplan->import, place, OTHER_PROGRAM);
}

static void remain_wifi(struct definition *definition, const struct place *place, json_t *target,
			const json_t *node)
{
	import_remain(definition->netplan->import, place, NO_WIFI);
}

static void remain_waiting(struct definition *definition, const struct place *place, json_t *target,
			   const json_t *node)
{
	import_remain(definition->netplan->import, place, WAITING);
}

static void take_activation(struct definition *definition, const struct place *place,
			    json_t *target, const json_t *node)
{
	const char *mode = yaml_text(node) ?: "";

	if (strcmp(mode, "off") == 0) {
		import_put(definition->netplan->import, target, "up", json_false());
		return;
	}
	definition->manual = strcmp(mode, "manual") == 0;
	import_remain(definition->netplan->import, place,
		      definition->manual ? "is brought up by nobody: it was left out"
					 : "is neither off nor manual");
}

const struct node_setting netplan_nodes[] = {
	{"device", "match", take_match},
	{"device", "addresses", take_addresses},
	{"device", "nameservers", take_nameservers},
	{"device", "routes", take_routes},
	{"device", "routing-policy", take_rules},
	{"device", "dhcp4-overrides", take_dhcp},
	{"device", "dhcp6-overrides", remain_whole},
	{"device", "link-local", take_link_local},
	{"device", "optional-addresses", remain_waiting},
	{"device", "activation-mode", take_activation},
	{"device", "auth", remain_wifi},
	{"device", "openvswitch", remain_whole},
	{"device", "networkmanager", remain_whole},
	{"wifis", "access-points", remain_wifi},
	{"wifis", "wakeonwlan", remain_wifi},
	{"bridges", "interfaces", take_interfaces},
	{"bridges", "parameters", take_bridge},
	{"bonds", "interfaces", take_interfaces},
	{"bonds", "parameters", take_bond},
	{"vlans", "link", take_link},
	{"vxlan", "link", take_link},
	{NULL},
};
