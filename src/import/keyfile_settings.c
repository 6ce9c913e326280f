/* The keys of NetworkManager's profiles, as nm-settings-keyfile(5) has them. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "keyfile.h"

#define OWN	       "is NetworkManager's own"
#define SECRET	       "may be secret: it was not read"
#define KERNEL_DEFAULT "the kernel's default is taken for it"
#define MAIN_TABLE     "routes of DHCP and gateways are of the main table"
#define NO_WIFI	       "wireless networks are joined by another program"

static SETTING_HANDLER(keep)
{
	import_put(import, target, setting->member,
		   json_pack("{s:o, s:i}", "value", json_text_from_bytes(value, strlen(value)),
			     "line", (int)place->line));
}

/* The section's family decides where it is kept. */
static const char *of_family(const struct place *place, const char *four, const char *six)
{
	return strcasecmp(place->section, "ipv6") == 0 ? six : four;
}

/* "192.0.2.1/24,192.0.2.254", and as it once was "192.0.2.1;24;192.0.2.254;" */
static SETTING_HANDLER(set_one_address)
{
	char address[WORD_MAX], second[WORD_MAX], whole[WORD_MAX + 8], text[IP_PREFIX_TEXT_MAX];
	int64_t length;
	bool more;

	if (!next_word(&value, ",; ", address))
		return;
	more = next_word(&value, ",; ", second);
	text_copy(whole, sizeof(whole), address);
	if (!strchr(address, '/') && more && read_integer(second, 0, 128, &length)) {
		snprintf(whole, sizeof(whole), "%s/%d", address, (int)length);
		more = next_word(&value, ",; ", second);
	}
	if (!read_interface_address(whole, text)) {
		import_remain(import, place, "is not an address with its prefix length");
		return;
	}
	import_append(import, target, "addresses", json_string(text));
	if (more)
		import_put(import, target, of_family(place, "nm.gateway4", "nm.gateway6"),
			   json_pack("{s:o, s:i}", "value",
				     json_text_from_bytes(second, strlen(second)), "line",
				     (int)place->line));
}

static const struct choice route_types[] = {{"unicast", "unicast"},
					    {"blackhole", "blackhole"},
					    {"unreachable", "unreachable"},
					    {"prohibit", "prohibit"},
					    {NULL}};

static const struct setting route_options[] = {
	{NULL, "mtu", set_integer, "mtu", 68, 65535},
	{NULL, "onlink", set_truth, "onlink"},
	{NULL, "src", set_address, "source"},
	{NULL, "table", set_table, "table"},
	{NULL, "type", set_choice, "type", .choices = route_types,
	 .why = "routes of this type have no equivalent, so that it was left out"},
	{NULL, "scope", set_nothing},
	{NULL, "*", set_none, .why = KERNEL_DEFAULT},
	SETTING_END,
};

/* "mtu=1400,table=7" */
static void take_route_options(struct import *import, const struct place *place, json_t *route,
			       const char *value)
{
	char pair[WORD_MAX];

	while (next_word(&value, ",", pair)) {
		char *equals = strchr(pair, '=');
		const struct setting *setting;

		if (equals)
			*equals++ = '\0';
		setting = setting_find(route_options, NULL, pair);
		setting_apply_vital(import, setting, place, route, equals ?: "");
	}
}

/* "10.0.0.0/8,192.0.2.1,50": destination, next hop, metric */
static void take_route(struct import *import, const struct place *place, json_t *route,
		       const char *value)
{
	char word[WORD_MAX] = "", network[IP_PREFIX_TEXT_MAX], gateway[IP_ADDRESS_TEXT_MAX];
	struct ip_address unspecified;
	int64_t metric;
	bool good = next_word(&value, ",; ", word) && read_network(word, AF_INET, network);

	if (good)
		import_put(import, route, "destination", json_string(network));
	if (good && next_word(&value, ",; ", word)) {
		good = read_address(word, gateway) &&
		       ip_address_parse(gateway, &unspecified, NULL, NULL) == 0 &&
		       is_ipv6(gateway) == is_ipv6(network);
		if (good && !ip_address_is_unspecified(&unspecified))
			import_put(import, route, "gateway", json_string(gateway));
	}
	if (good && next_word(&value, ",; ", word)) {
		good = read_integer(word, 0, UINT32_MAX, &metric);
		if (good)
			import_put(import, route, "metric", json_integer(metric));
	}
	if (good)
		return;
	import_remain(import, place, "is not a route: it was left out");
	import_put(import, route, "spoilt", json_true());
}

/* route1 and route1_options are one route. */
static SETTING_HANDLER(set_route)
{
	size_t digits = strspn(place->key + strlen("route"), "0123456789");
	const char *rest = place->key + strlen("route") + digits;
	bool options = strcmp(rest, "_options") == 0;
	char member[32];
	json_t *route;

	if (digits == 0 || digits > 6 || (*rest && !options)) {
		import_remain(import, place, "is not known here, so nothing was made of it");
		return;
	}
	snprintf(member, sizeof(member), "nm.%s.route%.*s", of_family(place, "routes4", "routes6"),
		 (int)digits, place->key + strlen("route"));
	route = import_member(target, member);
	if (!route) {
		import_put(import, target, member, json_pack("{s:i}", "line", (int)place->line));
		route = import_member(target, member);
	}
	if (options)
		take_route_options(import, place, route, value);
	else
		take_route(import, place, route, value);
}

static SETTING_HANDLER(set_rule)
{
	char words[COMMAND_WORDS_MAX][WORD_MAX];
	unsigned count = 0;
	json_t *rule;

	while (count < COMMAND_WORDS_MAX && next_word(&value, " \t", words[count]))
		count++;
	rule = count < COMMAND_WORDS_MAX
		       ? rule_from_words(strcasecmp(place->section, "ipv6") == 0 ? AF_INET6
										 : AF_INET,
					 count, words)
		       : NULL;
	if (rule)
		import_add_rule(import, rule);
	else
		import_remain(import, place, "has selectors that have no equivalent: left out");
}

/* "10 pvid untagged, 20-30" */
static SETTING_HANDLER(set_port_vlans)
{
	char entry[WORD_MAX], range[WORD_MAX];

	while (next_word(&value, ",", entry)) {
		const char *words = entry;

		if (!next_word(&words, " ", range) ||
		    !put_vlans(import, target, range, strstr(words, "untagged"),
			       strstr(words, "pvid")))
			import_remain(import, place, "is not a VLAN from 1 to 4094");
	}
}

static const struct choice identities[] = {{"mac", "mac"}, {"duid", "duid"}, {NULL}};
static const struct choice protocols[] = {{"802.1Q", "802.1q"}, {"802.1ad", "802.1ad"}, {NULL}};
static const struct choice macvlan_modes[] = {{"1", "vepa"},	 {"2", "bridge"}, {"3", "private"},
					      {"4", "passthru"}, {"5", NULL},	  {NULL}};
static const struct choice lacp_rates[] = {
	{"0", "slow"}, {"slow", "slow"}, {"1", "fast"}, {"fast", "fast"}, {NULL}};
static const struct choice hash_policies[] = {{"layer2", "layer2"},	{"layer2+3", "layer2+3"},
					      {"layer3+4", "layer3+4"}, {"encap2+3", "encap2+3"},
					      {"encap3+4", "encap3+4"}, {NULL}};

#define HARDWARE_ROWS(section)                                                                     \
	{section, "mac-address", keep, "nm.mac"},                                                  \
		{section, "cloned-mac-address", set_mac, "mac",                                    \
		 .why = "is not the MAC address of one host: that of the hardware is kept"},       \
	{                                                                                          \
		section, "mtu", set_integer, "mtu", 68, 65535                                      \
	}

const struct setting keyfile_settings[] = {
	{"connection", "id", keep, "nm.id"},
	{"connection", "uuid", keep, "nm.uuid"},
	{"connection", "type", keep, "nm.type"},
	{"connection", "interface-name", keep, "nm.name"},
	{"connection", "master", keep, "nm.controller"},
	{"connection", "controller", keep, "nm.controller"},
	{"connection", "slave-type", set_nothing},
	{"connection", "port-type", set_nothing},
	{"connection", "autoconnect", set_truth, "nm.autoconnect"},
	{"connection", "zone", set_none, .why = "zones are firewalld's"},
	{"connection", "*", set_none, .why = OWN},
	{"match", "interface-name", keep, "nm.match"},
	{"match", "driver", keep, "nm.driver"},
	{"match", "*", set_none, .why = "cannot be judged here, and was taken as fitting"},
	HARDWARE_ROWS("ethernet"),
	HARDWARE_ROWS("802-3-ethernet"),
	HARDWARE_ROWS("infiniband"),
	{"ethernet", "*", set_none, .why = "is left as the driver has it"},
	{"802-3-ethernet", "*", set_none, .why = "is left as the driver has it"},
	{"infiniband", "*", set_none, .why = "is left as the driver has it"},
	HARDWARE_ROWS("wifi"),
	HARDWARE_ROWS("802-11-wireless"),
	{"wifi", "*", set_none, .why = NO_WIFI},
	{"802-11-wireless", "*", set_none, .why = NO_WIFI},
	{"wifi-security", "*", set_none, .why = SECRET},
	{"802-11-wireless-security", "*", set_none, .why = SECRET},
	{"802-1x", "*", set_none, .why = SECRET},

	{"ipv4", "method", keep, "nm.method4"},
	{"ipv4", "address*", set_one_address},
	{"ipv4", "gateway", keep, "nm.gateway4"},
	{"ipv4", "dns", set_dns, "dns"},
	{"ipv4", "dns-search", set_search, "search"},
	{"ipv4", "route-table", set_none, .why = MAIN_TABLE},
	{"ipv6", "method", keep, "nm.method6"},
	{"ipv6", "address*", set_one_address},
	{"ipv6", "gateway", keep, "nm.gateway6"},
	{"ipv6", "dns", set_dns, "dns"},
	{"ipv6", "dns-search", set_search, "search"},
	{"ipv6", "route-table", set_none, .why = MAIN_TABLE},
	{"ipv4", "route-metric", keep, "nm.metric4"},
	{"ipv6", "route-metric", keep, "nm.metric6"},
	{"ipv4", "route*", set_route},
	{"ipv6", "route*", set_route},
	{"ipv4", "routing-rule*", set_rule},
	{"ipv6", "routing-rule*", set_rule},
	{"ipv4", "ignore-auto-dns", set_truth_not, "dhcp.use_dns"},
	{"ipv4", "ignore-auto-routes", set_truth_not, "dhcp.use_routes"},
	{"ipv4", "never-default", set_truth, "nm.never4"},
	{"ipv6", "never-default", set_truth, "nm.never6"},
	{"ipv4", "dhcp-hostname", set_hostname, "dhcp.hostname"},
	{"ipv4", "dhcp-client-id", set_choice, "dhcp.identity", .choices = identities,
	 .why = "is no kind of identity that the client has"},
	{"ipv4", "may-fail", set_nothing},
	{"ipv6", "may-fail", set_nothing},
	{"ipv4", "*", set_none, .why = "is not known here, or has no equivalent"},
	{"ipv6", "*", set_none, .why = "is not known here, or has no equivalent"},

	{"bridge", "stp", set_truth, "bridge.stp"},
	{"bridge", "priority", set_integer, "bridge.priority", 0, 65535},
	{"bridge", "forward-delay", set_integer, "bridge.forward_delay", 0, 30},
	{"bridge", "ageing-time", set_integer, "bridge.ageing_time", 0, 1000000},
	{"bridge", "vlan-filtering", set_truth, "bridge.vlan_filtering"},
	{"bridge", "mac-address", set_mac, "mac"},
	{"bridge", "interface-name", keep, "nm.name"},
	{"bridge", "*", set_none, .why = KERNEL_DEFAULT},
	{"bridge-port", "vlans", set_port_vlans},
	{"bridge-port", "*", set_none, .why = KERNEL_DEFAULT},
	{"bond", "mode", set_choice, "bond.mode", .choices = import_bond_modes},
	{"bond", "miimon", set_integer, "bond.miimon", 0, 1000000},
	{"bond", "lacp_rate", set_choice, "bond.lacp_rate", .choices = lacp_rates},
	{"bond", "xmit_hash_policy", set_choice, "bond.xmit_hash_policy", .choices = hash_policies},
	{"bond", "interface-name", keep, "nm.name"},
	{"bond", "*", set_none, .why = KERNEL_DEFAULT},
	{"vlan", "id", set_integer, "vlan.id", 1, 4094},
	{"vlan", "parent", keep, "nm.parent"},
	{"vlan", "protocol", set_choice, "vlan.protocol", .choices = protocols},
	{"vlan", "interface-name", keep, "nm.name"},
	{"vlan", "*", set_none, .why = KERNEL_DEFAULT},
	{"macvlan", "mode", set_choice, "macvlan.mode", .choices = macvlan_modes},
	{"macvlan", "parent", keep, "nm.parent"},
	{"macvlan", "*", set_none, .why = KERNEL_DEFAULT},
	{"vxlan", "id", set_integer, "vxlan.id", 0, 16777215},
	{"vxlan", "local", set_address, "vxlan.local"},
	{"vxlan", "remote", set_vxlan_remote},
	{"vxlan", "destination-port", set_integer, "vxlan.port", 1, 65535},
	{"vxlan", "learning", set_truth, "vxlan.learning"},
	{"vxlan", "parent", keep, "nm.parent"},
	{"vxlan", "*", set_none, .why = KERNEL_DEFAULT},
	{"veth", "peer", set_link, "veth.peer"},
	{"proxy", "*", set_none, .why = "proxies are for browsers"},
	{"user", "*", set_none, .why = OWN},
	{NULL, "*", set_none, .why = "is of a section that has no equivalent, and was not read"},
	SETTING_END,
};
