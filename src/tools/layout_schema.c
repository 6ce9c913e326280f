/* The layout document as tables: what net.apply takes and net.export gives. */
#include "layout_schema.h"

#include "link/setting_rows.h"

#define NUMBER_MOST 4294967295.0

#define ROUTES_MOST 16384

static const char *const kinds[] = {"bridge", "bond",  "vlan",	"macvlan",
				    "veth",   "vxlan", "dummy", NULL};
static const char *const bond_modes[] = {"balance-rr", "active-backup", "balance-xor", "broadcast",
					 "802.3ad",    "balance-tlb",	"balance-alb", NULL};
static const char *const lacp_rates[] = {"slow", "fast", NULL};
static const char *const hash_policies[] = {"layer2",	"layer3+4",    "layer2+3", "encap2+3",
					    "encap3+4", "vlan+srcmac", NULL};
static const char *const vlan_protocols[] = {"802.1q", "802.1ad", NULL};
static const char *const macvlan_modes[] = {"private", "vepa", "bridge", "passthru", NULL};
static const char *const identities[] = {"duid", "mac", "exact", NULL};
static const char *const route_types[] = {"unicast", "blackhole", "unreachable", "prohibit", NULL};
static const char *const modes[] = {"merge", "replace", NULL};
static const char *const families[] = {"ipv4", "ipv6", NULL};
static const char *const actions[] = {"lookup", "blackhole", "unreachable", "prohibit", NULL};

static const struct field bridge_members[] = {
	{"stp", FIELD_BOOLEAN, .help = "Spanning tree protocol"},
	{"vlan_filtering", FIELD_BOOLEAN, .help = "Keep the VLANs of its ports apart"},
	{"forward_delay", FIELD_INTEGER, .unit = "s", .most = 30, .help = "Before a port forwards"},
	{"ageing_time", FIELD_INTEGER, .unit = "s", .most = 1000000,
	 .help = "After which an address is forgotten"},
	{"priority", FIELD_INTEGER, .most = 65535, .help = "In the spanning tree"},
	FIELD_END,
};

static const struct field bond_members[] = {
	{"mode", FIELD_TEXT, .values = bond_modes, .help = "How its ports share the traffic"},
	{"miimon", FIELD_INTEGER, .unit = "ms", .most = 60000, .help = "How often it looks"},
	{"lacp_rate", FIELD_TEXT, .values = lacp_rates, .help = "Of mode 802.3ad"},
	{"xmit_hash_policy", FIELD_TEXT, .values = hash_policies, .help = "What chooses a port"},
	FIELD_END,
};

static const struct field vlan_members[] = {
	{"id", FIELD_INTEGER, .required = true, .least = 1, .most = 4094, .help = "VLAN's number"},
	{"parent", FIELD_LINK, .required = true, .help = "Link that it lies on"},
	{"protocol", FIELD_TEXT, .values = vlan_protocols, .help = "Tag"},
	FIELD_END,
};

static const struct field macvlan_members[] = {
	{"parent", FIELD_LINK, .required = true, .help = "Link that it lies on"},
	{"mode", FIELD_TEXT, .values = macvlan_modes, .help = "Who reaches whom"},
	FIELD_END,
};

static const struct field veth_members[] = {
	{"peer", FIELD_LINK, .required = true, .help = "Name of the other end"},
	FIELD_END,
};

static const struct field vxlan_members[] = {
	{"id", FIELD_INTEGER, .required = true, .least = 0, .most = 16777215, .help = "VNI"},
	{"local", FIELD_ADDRESS, .help = "Own end of the tunnel"},
	{"remote", FIELD_ADDRESS, .help = "Other end of the tunnel"},
	{"group", FIELD_ADDRESS, .help = "Multicast group in place of a remote"},
	{"port", FIELD_INTEGER, .least = 1, .most = 65535, .help = "UDP port"},
	{"parent", FIELD_LINK, .help = "Link that it lies on"},
	{"learning", FIELD_BOOLEAN, .help = "Learn addresses from what comes in"},
	FIELD_END,
};

static const struct field port_vlan_members[] = {
	{"id", FIELD_INTEGER, .required = true, .least = 1, .most = 4094, .help = "VLAN's number"},
	{"untagged", FIELD_BOOLEAN, .help = "Leaves the port without a tag"},
	{"pvid", FIELD_BOOLEAN, .help = "What comes in without a tag belongs to it"},
	FIELD_END,
};

static const struct field fallback_members[] = {
	{"address", FIELD_INTERFACE_ADDRESS, .required = true, .help = "Until a server answers"},
	{"gateway", FIELD_ADDRESS, .help = "Next hop of the default route"},
	{"dns", FIELD_ADDRESS, .list = true, .help = "Name servers"},
	FIELD_END,
};

static const struct field dhcp_members[] = {
	{"metric", FIELD_INTEGER, .least = 0, .most = NUMBER_MOST, .help = "Of its routes"},
	{"identity", FIELD_TEXT, .values = identities, .help = "What the client calls itself"},
	{"client_id", FIELD_TEXT, .most = 512, .help = "With identity exact, in hexadecimal"},
	{"hostname", FIELD_TEXT, .most = 253, .help = "Name told to the server"},
	{"use_dns", FIELD_BOOLEAN, .help = "Take the server's name servers"},
	{"use_routes", FIELD_BOOLEAN, .help = "Take the server's routes"},
	{"use_mtu", FIELD_BOOLEAN, .help = "Take the server's MTU"},
	{"allow_ipv6_only", FIELD_BOOLEAN, .help = "Go without IPv4 where the network says so"},
	{"as_found", FIELD_BOOLEAN, .help = "Keep metrics and sources as another client set them"},
	{"release", FIELD_BOOLEAN, .help = "Give the lease back at the end"},
	{"link_local", FIELD_BOOLEAN, .help = "Take a 169.254/16 address where nobody answers"},
	{"fallback", FIELD_OBJECT, .members = fallback_members, .help = "Until a server answers"},
	FIELD_END,
};

static const struct field nexthop_members[] = {
	{"gateway", FIELD_ADDRESS, .help = "Next hop"},
	{"link", FIELD_LINK, .help = "Link to it"},
	{"weight", FIELD_INTEGER, .least = 1, .most = 256, .help = "Share of the traffic"},
	FIELD_END,
};

#define ROUTE_MEMBERS                                                                              \
	{"destination", FIELD_PREFIX, .required = true, .help = "Network, or default"},            \
		{"gateway", FIELD_ADDRESS, .help = "Next hop"},                                    \
		{"source", FIELD_ADDRESS, .help = "Preferred own address"},                        \
		{"type", FIELD_TEXT, .values = route_types, .help = "unicast unless said"},        \
		{"table", FIELD_INTEGER, .least = 0, .most = NUMBER_MOST,                          \
		 .help = "254, main, unless said"},                                                \
		{"metric", FIELD_INTEGER, .least = 0, .most = NUMBER_MOST,                         \
		 .help = "The lowest is taken"},                                                   \
		{"mtu",	     FIELD_INTEGER,	  .unit = "bytes",                                 \
		 .least = 0, .most = NUMBER_MOST, .help = "Limit of packets by this route"},       \
		{"onlink", FIELD_BOOLEAN, .help = "The next hop is reached without a route"},      \
	{                                                                                          \
		"protocol", FIELD_INTEGER, .least = 0, .most = 255,                                \
					   .help = "rtm_protocol, of adopted routes"               \
	}

static const struct field link_route_members[] = {ROUTE_MEMBERS, FIELD_END};

static const struct field route_members[] = {
	ROUTE_MEMBERS,
	{"link", FIELD_LINK, .help = "Link that it leaves by"},
	{"nexthops", FIELD_OBJECT, .list = true, .members = nexthop_members,
	 .help = "Several next hops in place of gateway and link"},
	FIELD_END,
};

static const struct field rule_members[] = {
	{"family", FIELD_TEXT, .required = true, .values = families, .help = "Of packets"},
	{"priority", FIELD_INTEGER, .required = true, .least = 0, .most = NUMBER_MOST,
	 .help = "The lowest is asked first"},
	{"from", FIELD_PREFIX, .help = "Source"},
	{"to", FIELD_PREFIX, .help = "Destination"},
	{"incoming", FIELD_LINK, .help = "Link by which packets come"},
	{"outgoing", FIELD_LINK, .help = "Link that a socket is bound to"},
	{"mark", FIELD_INTEGER, .least = 0, .most = NUMBER_MOST, .help = "Firewall mark"},
	{"mask", FIELD_INTEGER, .least = 0, .most = NUMBER_MOST, .help = "Bits of the mark"},
	{"table", FIELD_INTEGER, .least = 0, .most = NUMBER_MOST, .help = "Asked by lookup"},
	{"action", FIELD_TEXT, .values = actions, .help = "lookup unless said"},
	{"protocol", FIELD_INTEGER, .least = 0, .most = 255, .help = "Of adopted rules"},
	FIELD_END,
};

static const struct field setting_members[] = {
#define ROW(name_, family_, file_, least_, most_, announced_)                                      \
	{#name_, FIELD_INTEGER, .least = least_, .most = most_,                                    \
	 .help = "net." #family_ ".conf.LINK." #file_},
	SETTING_ROWS(ROW)
#undef ROW
		FIELD_END,
};

static const struct field provenance_members[] = {
	{"resource", FIELD_TEXT, .required = true, .help = "Id of the resource that it would be"},
	{"owner", FIELD_TEXT, .required = true, .help = "Who made it, as far as it is known"},
	{"reason", FIELD_TEXT, .help = "By what that is known"},
	FIELD_END,
};

static const struct field link_members[] = {
	{"name", FIELD_LINK, .required = true, .help = "Name of the interface"},
	{"kind", FIELD_TEXT, .values = kinds, .help = "Makes the device; its object says how"},
	{"bridge", FIELD_OBJECT, .members = bridge_members, .help = "Of kind bridge"},
	{"bond", FIELD_OBJECT, .members = bond_members, .help = "Of kind bond"},
	{"vlan", FIELD_OBJECT, .members = vlan_members, .help = "Of kind vlan"},
	{"macvlan", FIELD_OBJECT, .members = macvlan_members, .help = "Of kind macvlan"},
	{"veth", FIELD_OBJECT, .members = veth_members, .help = "Of kind veth"},
	{"vxlan", FIELD_OBJECT, .members = vxlan_members, .help = "Of kind vxlan"},
	{"controller", FIELD_LINK, .help = "Bridge or bond that it is a port of"},
	{"vlans", FIELD_OBJECT, .list = true, .members = port_vlan_members,
	 .help = "VLANs of a port of a bridge"},
	{"up", FIELD_BOOLEAN, .help = "Switched on, as unless said"},
	{"ignore_dead_routes", FIELD_BOOLEAN, .help = "Skip its routes without carrier"},
	{"promote_secondaries", FIELD_BOOLEAN, .help = "Keep the other addresses of a network"},
	{"mtu", FIELD_INTEGER, .unit = "bytes", .least = 68, .most = 65535, .help = "MTU"},
	{"mac", FIELD_MAC, .help = "Hardware address"},
	{"addresses", FIELD_INTERFACE_ADDRESS, .list = true, .help = "As 192.0.2.7/24"},
	{"dhcp", FIELD_OBJECT, .members = dhcp_members, .or_truth = true,
	 .help = "true for a DHCP client, an object for one with settings, false for none"},
	{"gateway", FIELD_ADDRESS, .help = "Next hop of the default route"},
	{"metric", FIELD_INTEGER, .least = 0, .most = NUMBER_MOST,
	 .help = "Of gateway, dhcp and name servers"},
	{"dns", FIELD_ADDRESS, .list = true, .help = "Name servers"},
	{"search", FIELD_TEXT, .list = true, .help = "Search domains"},
	{"routes", FIELD_OBJECT, .list = true, .members = link_route_members,
	 .items_most = ROUTES_MOST, .help = "Routes by this link"},
	{"settings", FIELD_OBJECT, .members = setting_members, .help = "Kernel settings"},
	FIELD_END,
};

const struct field layout_members[] = {
	{"links", FIELD_OBJECT, .list = true, .members = link_members,
	 .help = "Links and all that is on them; the order does not matter"},
	{"routes", FIELD_OBJECT, .list = true, .members = route_members, .items_most = ROUTES_MOST,
	 .help = "Routes of no link, or of several"},
	{"rules", FIELD_OBJECT, .list = true, .members = rule_members, .items_most = 1024,
	 .help = "Policy rules"},
	{"provenance", FIELD_OBJECT, .list = true, .members = provenance_members,
	 .items_most = 65536, .help = "Whose it was, as net.export tells; not read by net.apply"},
	{"mode", FIELD_TEXT, .values = modes, .fallback = "\"merge\"",
	 .help = "merge: what agents put on links that the document names, and it does not name, "
		 "goes; replace: also all else that agents put"},
	{"take_over", FIELD_BOOLEAN, .fallback = "false",
	 .help = "Configure also the links that somebody else made"},
	FIELD_END,
};
