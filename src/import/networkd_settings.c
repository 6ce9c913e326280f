/* The keys of systemd.network(5), systemd.netdev(5) and systemd.link(5). */
#include <stdio.h>
#include <string.h>

#include "networkd.h"

#define SECOND	       1000000
#define MATCHED	       "is of a kind that cannot be judged here, so that the file was left out"
#define KERNEL_DEFAULT "the kernel's default is taken for it"
#define RESOLVER       "is for systemd-resolved or systemd-timesyncd"
#define CARRIER	       "what becomes of a link without carrier is decided here"
#define NO_SERVER      "nothing is served to the link: no DHCP, no router advertisements"
#define NO_DEVICE      "devices of this kind are not made"
#define TUNNEL_KEY     "is of a tunnel that is not made from here, and may be secret: it was not read"
#define WHOLE_RULE     "packets are not told apart by it, so that the rule was left out"

/* Several values of one key stand side by side; an empty one begins anew. */
static SETTING_HANDLER(keep)
{
	const char *before = json_string_value(import_member(target, setting->member)) ?: "";
	_cleanup_(cleanup_free) char *both = NULL;

	if (asprintf(&both, "%s%s%s", *value ? before : "", *before && *value ? " " : "", value) <
	    0) {
		import->failed = true;
		return;
	}
	import_put(import, target, setting->member, json_text_from_bytes(both, strlen(both)));
}

static SETTING_HANDLER(set_unresolvable)
{
	import_put(import, target, "networkd.unresolvable", json_true());
	import_remain(import, place, setting->why);
}

static SETTING_HANDLER(set_spoilt)
{
	import_put(import, target, "spoilt", json_true());
	import_remain(import, place, setting->why);
}

static SETTING_HANDLER(set_dhcp)
{
	static const struct {
		const char *text;
		bool four, six;
	} words[] = {{"ipv4", true, false}, {"v4", true, false},  {"ipv6", false, true},
		     {"v6", false, true},   {"both", true, true}, {"none", false, false}};
	bool four = false, six = false, known = read_truth(value, &four);

	six = four;
	for (unsigned i = 0; !known && i < ARRAY_SIZE(words); i++) {
		known = strcmp(words[i].text, value) == 0;
		four = known && words[i].four;
		six = known && words[i].six;
	}
	if (!known || six)
		import_remain(import, place,
			      known ? "DHCPv6 has no equivalent" : "is none of the known words");
	import_put(import, target, "networkd.dhcp", json_boolean(four));
}

/* For both families, or one that is named. */
static SETTING_HANDLER(set_forwarding)
{
	bool truth = true, four = strcmp(value, "ipv4") == 0, six = strcmp(value, "ipv6") == 0;

	if (!four && !six && !read_truth(value, &truth)) {
		import_remain(import, place, "is neither yes nor no");
		return;
	}
	if (!six)
		import_put(import, target, "settings.forwarding", json_integer(truth));
	if (!four)
		import_put(import, target, "settings.ipv6_forwarding", json_integer(truth));
}

static SETTING_HANDLER(set_filter)
{
	static const char *const modes[] = {"no", "strict", "loose"};

	for (unsigned i = 0; i < ARRAY_SIZE(modes); i++)
		if (strcmp(modes[i], value) == 0) {
			import_put(import, target, setting->member, json_integer(i));
			return;
		}
	import_remain(import, place, "is none of the known words");
}

static SETTING_HANDLER(set_unmanaged)
{
	bool truth;

	if (!read_truth(value, &truth))
		import_remain(import, place, "is neither yes nor no");
	else
		import_put(import, target, "networkd.unmanaged", json_boolean(truth));
}

static SETTING_HANDLER(set_activation)
{
	if (strcmp(value, "up") == 0 || strcmp(value, "always-up") == 0)
		return;
	if (strcmp(value, "down") == 0 || strcmp(value, "always-down") == 0)
		import_put(import, target, "up", json_false());
	else
		import_put(import, target, "networkd.unmanaged", json_true());
	if (strcmp(value, "manual") == 0)
		import_remain(import, place, "is brought up by nobody: the file was left out");
}

static SETTING_HANDLER(set_mark)
{
	static const struct setting mark = {.member = "mark"}, mask = {.member = "mask"};
	char first[WORD_MAX];

	text_copy(first, sizeof(first), value);
	first[strcspn(first, "/")] = '\0';
	set_integer(import, place, target, first, &mark);
	if (strchr(value, '/'))
		set_integer(import, place, target, strchr(value, '/') + 1, &mask);
}

static const struct choice route_types[] = {{"unicast", "unicast"},
					    {"blackhole", "blackhole"},
					    {"unreachable", "unreachable"},
					    {"prohibit", "prohibit"},
					    {NULL}};
static const struct choice rule_types[] = {{"table", "lookup"},
					   {"blackhole", "blackhole"},
					   {"unreachable", "unreachable"},
					   {"prohibit", "prohibit"},
					   {NULL}};
static const struct choice identities[] = {{"mac", "mac"},
					   {"duid", "duid"},
					   {"duid-only", NULL},
					   {NULL}};
static const struct choice protocols[] = {{"802.1q", "802.1q"}, {"802.1ad", "802.1ad"}, {NULL}};
static const struct choice macvlan_modes[] = {{"private", "private"}, {"vepa", "vepa"},
					      {"bridge", "bridge"},   {"passthru", "passthru"},
					      {"source", NULL},	      {NULL}};
static const struct choice bond_modes[] = {
	{"balance-rr", "balance-rr"},	{"active-backup", "active-backup"},
	{"balance-xor", "balance-xor"}, {"broadcast", "broadcast"},
	{"802.3ad", "802.3ad"},		{"balance-tlb", "balance-tlb"},
	{"balance-alb", "balance-alb"}, {NULL}};
static const struct choice lacp_rates[] = {{"slow", "slow"}, {"fast", "fast"}, {NULL}};
static const struct choice hash_policies[] = {{"layer2", "layer2"},	{"layer2+3", "layer2+3"},
					      {"layer3+4", "layer3+4"}, {"encap2+3", "encap2+3"},
					      {"encap3+4", "encap3+4"}, {NULL}};

#define MATCH_ROWS                                                                                 \
	{"Match", "Name", keep, "networkd.match.Name"},                                            \
		{"Match", "OriginalName", keep, "networkd.match.Name"},                            \
		{"Match", "MACAddress", keep, "networkd.match.MACAddress"},                        \
		{"Match", "PermanentMACAddress", keep, "networkd.match.PermanentMACAddress"},      \
		{"Match", "Driver", keep, "networkd.match.Driver"},                                \
		{"Match", "Type", keep, "networkd.match.Type"},                                    \
		{"Match", "Kind", keep, "networkd.match.Kind"},                                    \
	{                                                                                          \
		"Match", "*", set_unresolvable, .why = MATCHED                                     \
	}

const struct setting network_settings[] = {
	MATCH_ROWS,
	{"Link", "MACAddress", set_mac, "mac"},
	{"Link", "MTUBytes", set_bytes, "mtu", 68, 65535},
	{"Link", "Unmanaged", set_unmanaged},
	{"Link", "ActivationPolicy", set_activation},
	{"Link", "RequiredForOnline", set_none, .why = "nobody waits for links at boot here"},
	{"Link", "RequiredFamilyForOnline", set_none, .why = "nobody waits for links at boot here"},
	{"Link", "*", set_none, .why = KERNEL_DEFAULT},
	{"Network", "Description", set_nothing},
	{"Network", "DHCP", set_dhcp},
	{"Network", "Address", set_addresses, "addresses"},
	{"Network", "Gateway", set_gateway, "gateway"},
	{"Network", "DNS", set_dns, "dns"},
	{"Network", "Domains", set_search, "search"},
	{"Network", "Bridge", set_link, "controller"},
	{"Network", "Bond", set_link, "controller"},
	{"Network", "VLAN", keep, "networkd.vlan"},
	{"Network", "MACVLAN", keep, "networkd.macvlan"},
	{"Network", "VXLAN", keep, "networkd.vxlan"},
	{"Network", "IPForward", set_forwarding},
	{"Network", "IPv4Forwarding", set_switch, "settings.forwarding"},
	{"Network", "IPv4ProxyARP", set_switch, "settings.proxy_arp"},
	{"Network", "IPv6Forwarding", set_switch, "settings.ipv6_forwarding"},
	{"Network", "IPv6AcceptRA", set_switch, "settings.accept_ra"},
	{"Network", "IPv4ReversePathFilter", set_filter, "settings.rp_filter"},
	{"Network", "IPMasquerade", set_none, .why = "address translation is the firewall's"},
	{"Network", "VRF", set_none, .why = NO_DEVICE},
	{"Network", "Tunnel", set_none, .why = NO_DEVICE},
	{"Network", "IPVLAN", set_none, .why = NO_DEVICE},
	{"Network", "IPVTAP", set_none, .why = NO_DEVICE},
	{"Network", "MACVTAP", set_none, .why = NO_DEVICE},
	{"Network", "DHCPServer", set_none, .why = NO_SERVER},
	{"Network", "IPv6SendRA", set_none, .why = NO_SERVER},
	{"Network", "LinkLocalAddressing", set_none,
	 .why = "IPv6 has a link-local address, and IPv4 one where DHCP finds none"},
	{"Network", "ConfigureWithoutCarrier", set_none, .why = CARRIER},
	{"Network", "IgnoreCarrierLoss", set_none, .why = CARRIER},
	{"Network", "BindCarrier", set_none, .why = CARRIER},
	{"Network", "KeepConfiguration", set_none,
	 .why = "addresses stay when this program ends, always"},
	{"Network", "NTP", set_none, .why = RESOLVER},
	{"Network", "DNS*", set_none, .why = RESOLVER},
	{"Network", "LLMNR", set_none, .why = RESOLVER},
	{"Network", "MulticastDNS", set_none, .why = RESOLVER},
	{"Network", "LLDP", set_none, .why = "LLDP is not kept"},
	{"Network", "EmitLLDP", set_none, .why = "LLDP is not sent"},
	{"Network", "*", set_none, .why = "is not known here, or has no equivalent"},

	{"Address", "Address", keep, "address"},
	{"Address", "Peer", set_spoilt, .why = "addresses with a peer have no equivalent"},
	{"Address", "Broadcast", set_none, .why = "follows from the address"},
	{"Address", "DuplicateAddressDetection", set_none, .why = KERNEL_DEFAULT},
	{"Address", "*", set_none, .why = "addresses have no such property here"},

	{"Route", "Destination", keep, "to"},
	{"Route", "Gateway", keep, "via"},
	{"Route", "Metric", set_integer, "metric"},
	{"Route", "Table", set_table, "table"},
	{"Route", "PreferredSource", set_address, "source"},
	{"Route", "GatewayOnLink", set_truth, "onlink"},
	{"Route", "MTUBytes", set_bytes, "mtu", 68, 65535},
	{"Route", "Type", set_choice, "type", .choices = route_types,
	 .why = "routes of this type have no equivalent"},
	{"Route", "MultiPathRoute", keep, "several"},
	{"Route", "Scope", set_nothing},
	{"Route", "Protocol", set_none, .why = "routes bear this program's own mark"},
	{"Route", "Source", set_spoilt, .why = "routes for some sources alone have no equivalent"},
	{"Route", "NextHop", set_spoilt, .why = "next hop objects have no equivalent"},
	{"Route", "*", set_none, .why = KERNEL_DEFAULT},

	{"RoutingPolicyRule", "From", set_network, "from"},
	{"RoutingPolicyRule", "To", set_network, "to"},
	{"RoutingPolicyRule", "Table", set_table, "table"},
	{"RoutingPolicyRule", "Priority", set_integer, "priority"},
	{"RoutingPolicyRule", "FirewallMark", set_mark},
	{"RoutingPolicyRule", "IncomingInterface", set_link, "incoming"},
	{"RoutingPolicyRule", "OutgoingInterface", set_link, "outgoing"},
	{"RoutingPolicyRule", "Family", keep, "families"},
	{"RoutingPolicyRule", "Type", set_choice, "action", .choices = rule_types,
	 .why = "rules of this type have no equivalent"},
	{"RoutingPolicyRule", "*", set_spoilt, .why = WHOLE_RULE},

	{"BridgeVLAN", "VLAN", keep, "member"},
	{"BridgeVLAN", "EgressUntagged", keep, "untagged"},
	{"BridgeVLAN", "PVID", keep, "pvid"},

	{"DHCPv4", "RouteMetric", set_integer, "dhcp.metric"},
	{"DHCPv4", "UseDNS", set_truth, "dhcp.use_dns"},
	{"DHCPv4", "UseRoutes", set_truth, "dhcp.use_routes"},
	{"DHCPv4", "UseMTU", set_truth, "dhcp.use_mtu"},
	{"DHCPv4", "Hostname", set_hostname, "dhcp.hostname"},
	{"DHCPv4", "SendRelease", set_truth, "dhcp.release"},
	{"DHCPv4", "IPv6OnlyMode", set_truth, "dhcp.allow_ipv6_only"},
	{"DHCPv4", "ClientIdentifier", set_choice, "dhcp.identity", .choices = identities,
	 .why = "is no kind of identity that the client has"},
	{"DHCPv4", "*", set_none, .why = "has no equivalent in the DHCP client"},
	{"DHCP", "RouteMetric", set_integer, "dhcp.metric"},
	{"DHCP", "UseDNS", set_truth, "dhcp.use_dns"},
	{"DHCP", "UseRoutes", set_truth, "dhcp.use_routes"},
	{"DHCP", "UseMTU", set_truth, "dhcp.use_mtu"},
	{"DHCP", "*", set_none, .why = "has no equivalent in the DHCP client"},
	{"DHCPv6", "*", set_none, .why = "DHCPv6 has no equivalent"},
	{"DHCPServer", "*", set_none, .why = NO_SERVER},
	{"DHCPServerStaticLease", "*", set_none, .why = NO_SERVER},
	{"IPv6SendRA", "*", set_none, .why = NO_SERVER},
	{"IPv6Prefix", "*", set_none, .why = NO_SERVER},
	{"IPv6RoutePrefix", "*", set_none, .why = NO_SERVER},
	{"IPv6AcceptRA", "*", set_none, .why = "the kernel takes router advertisements as it does"},
	{"Bridge", "*", set_none, .why = KERNEL_DEFAULT},
	SETTING_END,
};

const struct setting netdev_settings[] = {
	{"Match", "*", set_unresolvable, .why = MATCHED},
	{"NetDev", "Name", set_link, "networkd.name"},
	{"NetDev", "Kind", keep, "networkd.kind"},
	{"NetDev", "Description", set_nothing},
	{"NetDev", "MTUBytes", set_bytes, "mtu", 68, 65535},
	{"NetDev", "MACAddress", set_mac, "mac",
	 .why = "is not the MAC address of one host: the kernel chooses one"},
	{"VLAN", "Id", set_integer, "vlan.id", 1, 4094},
	{"VLAN", "Protocol", set_choice, "vlan.protocol", .choices = protocols},
	{"Bridge", "STP", set_truth, "bridge.stp"},
	{"Bridge", "VLANFiltering", set_truth, "bridge.vlan_filtering"},
	{"Bridge", "ForwardDelaySec", set_time, "bridge.forward_delay", 0, 30, SECOND, SECOND},
	{"Bridge", "AgeingTimeSec", set_time, "bridge.ageing_time", 0, 1000000, SECOND, SECOND},
	{"Bridge", "Priority", set_integer, "bridge.priority", 0, 65535},
	{"Bond", "Mode", set_choice, "bond.mode", .choices = bond_modes},
	{"Bond", "MIIMonitorSec", set_time, "bond.miimon", 0, 1000000, 1000, SECOND},
	{"Bond", "LACPTransmitRate", set_choice, "bond.lacp_rate", .choices = lacp_rates},
	{"Bond", "TransmitHashPolicy", set_choice, "bond.xmit_hash_policy",
	 .choices = hash_policies},
	{"MACVLAN", "Mode", set_choice, "macvlan.mode", .choices = macvlan_modes},
	{"Peer", "Name", set_link, "veth.peer"},
	{"VXLAN", "VNI", set_integer, "vxlan.id", 0, 16777215},
	{"VXLAN", "Id", set_integer, "vxlan.id", 0, 16777215},
	{"VXLAN", "Local", set_address, "vxlan.local"},
	{"VXLAN", "Remote", set_vxlan_remote},
	{"VXLAN", "Group", set_vxlan_remote},
	{"VXLAN", "DestinationPort", set_integer, "vxlan.port", 1, 65535},
	{"VXLAN", "MacLearning", set_truth, "vxlan.learning"},
	{"WireGuard", "*", set_none, .why = TUNNEL_KEY},
	{"WireGuardPeer", "*", set_none, .why = TUNNEL_KEY},
	{NULL, "*", set_none, .why = KERNEL_DEFAULT},
	SETTING_END,
};

const struct setting link_settings[] = {
	MATCH_ROWS,
	{"Link", "Description", set_nothing},
	{"Link", "MACAddress", set_mac, "mac"},
	{"Link", "MTUBytes", set_bytes, "mtu", 68, 65535},
	{"Link", "Name", set_none, .why = "names of interfaces are not changed here"},
	{"Link", "NamePolicy", set_none, .why = "names of interfaces are not changed here"},
	{NULL, "*", set_none, .why = "what the driver or the kernel decides is left as it is"},
	SETTING_END,
};
