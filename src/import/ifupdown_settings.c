/* The options of an iface stanza, as ifupdown and the packages that add to it know them. */
#include <string.h>

#include "ifupdown.h"

/* What several options make together waits, with its line, until the stanza ends. */
static SETTING_HANDLER(keep)
{
	json_t *kept = json_pack("{s:o, s:i}", "value", json_text_from_bytes(value, strlen(value)),
				 "line", (int)place->line);

	import_put(import, target, setting->member, kept);
}

/* "ether 02:00:00:00:00:01" */
static SETTING_HANDLER(set_hwaddress)
{
	static const struct setting plain = {
		.member = "mac",
		.why = "is not the MAC address of one host; a random one has no equivalent",
	};

	if (strncmp(value, "ether", 5) == 0)
		value += 5 + strspn(value + 5, " \t");
	set_mac(import, place, target, value, &plain);
}

static SETTING_HANDLER(set_vids)
{
	char word[WORD_MAX];

	while (next_word(&value, " \t,", word))
		if (!put_vlans(import, target, word, false, false))
			import_remain(import, place, "is not a VLAN from 1 to 4094");
}

static SETTING_HANDLER(set_pvid)
{
	if (!put_vlans(import, target, value, true, true))
		import_remain(import, place, "is not a VLAN from 1 to 4094");
}

static SETTING_HANDLER(set_command)
{
	import_append(import, target, setting->member,
		      json_pack("{s:o, s:i}", "value", json_text_from_bytes(value, strlen(value)),
				"line", (int)place->line));
}

static const struct choice lacp_rates[] = {
	{"0", "slow"}, {"slow", "slow"}, {"1", "fast"}, {"fast", "fast"}, {NULL}};

static const struct choice hash_policies[] = {
	{"layer2", "layer2"},
	{"layer2+3", "layer2+3"},
	{"layer3+4", "layer3+4"},
	{"encap2+3", "encap2+3"},
	{"encap3+4", "encap3+4"},
	{"0", "layer2"},
	{"1", "layer3+4"},
	{"2", "layer2+3"},
	{"vlan+srcmac", "vlan+srcmac"},
	{NULL},
};

#define NOT_KEPT "the bridge takes the kernel's default for it"
#define SECRET	 "is of a wireless network, and may be secret: it was not read"

/* Hyphens and underscores are the same in options; the keys here have hyphens. */
const struct setting ifupdown_settings[] = {
	{NULL, "address", keep, "stanza.address"},
	{NULL, "netmask", keep, "stanza.netmask"},
	{NULL, "gateway", keep, "stanza.gateway"},
	{NULL, "broadcast", keep, "stanza.broadcast"},
	{NULL, "network", keep, "stanza.network"},
	{NULL, "metric", keep, "stanza.metric"},
	{NULL, "mtu", set_integer, "mtu", 68, 65535},
	{NULL, "hwaddress", set_hwaddress},
	{NULL, "hostname", keep, "stanza.hostname"},
	{NULL, "pointopoint", set_none, .why = "addresses with a peer have no equivalent"},
	{NULL, "scope", set_none, .why = "the scope of an address follows from the address"},
	{NULL, "client", set_none, .why = "a client identifier of one's own has no equivalent"},
	{NULL, "vendor", set_none, .why = "a vendor class has no equivalent"},
	{NULL, "leasehours", set_none, .why = "the server decides how long a lease lasts"},
	{NULL, "leasetime", set_none, .why = "the server decides how long a lease lasts"},
	{NULL, "request-prefix", set_none, .why = "prefix delegation has no equivalent"},
	{NULL, "accept-ra", set_integer, "settings.accept_ra", 0, 2},
	{NULL, "autoconf", set_integer, "settings.autoconf", 0, 1},
	{NULL, "privext", set_integer, "settings.use_tempaddr", 0, 2},
	{NULL, "dad-attempts", set_integer, "settings.dad_transmits", 0, 100},
	{NULL, "dad-*", set_none, .why = "duplicate addresses are detected in any case"},
	{NULL, "preferred-lifetime", set_none, .why = "static addresses last for ever"},
	{NULL, "dns-nameserver*", set_dns},
	{NULL, "dns-search", set_search},
	{NULL, "dns-domain", set_search},
	{NULL, "dns-options", set_none, .why = "options of the C library's resolver"},
	{NULL, "ip-forward", set_switch, "settings.forwarding"},
	{NULL, "ip6-forward", set_switch, "settings.ipv6_forwarding"},
	{NULL, "bridge-ports", keep, "stanza.ports"},
	{NULL, "bridge-stp", set_truth, "bridge.stp"},
	{NULL, "bridge-fd", set_time, "bridge.forward_delay", 0, 30, 1000000, 1000000},
	{NULL, "bridge-ageing", set_time, "bridge.ageing_time", 0, 1000000, 1000000, 1000000},
	{NULL, "bridge-bridgeprio", set_integer, "bridge.priority", 0, 65535},
	{NULL, "bridge-vlan-aware", set_truth, "bridge.vlan_filtering"},
	{NULL, "bridge-vids", set_vids},
	{NULL, "bridge-pvid", set_pvid},
	{NULL, "bridge-access", set_pvid},
	{NULL, "bridge-waitport", set_nothing},
	{NULL, "bridge-maxwait", set_nothing},
	{NULL, "bridge-hw", set_none, .why = NOT_KEPT},
	{NULL, "bridge-*", set_none, .why = NOT_KEPT},
	{NULL, "vlan-raw-device", set_link, "vlan.parent"},
	{NULL, "vlan-id", set_integer, "vlan.id", 1, 4094},
	{NULL, "vlan-protocol", set_none, .why = "VLANs are made as 802.1Q"},
	{NULL, "bond-slaves", keep, "stanza.slaves"},
	{NULL, "slaves", keep, "stanza.slaves"},
	{NULL, "bond-master", set_link, "controller"},
	{NULL, "bond-mode", set_choice, "bond.mode", .choices = import_bond_modes},
	{NULL, "bond-miimon", set_integer, "bond.miimon", 0, 1000000},
	{NULL, "bond-lacp-rate", set_choice, "bond.lacp_rate", .choices = lacp_rates},
	{NULL, "bond-xmit-hash-policy", set_choice, "bond.xmit_hash_policy",
	 .choices = hash_policies},
	{NULL, "bond-*", set_none, .why = "the bond takes the kernel's default for it"},
	{NULL, "up", set_command, "stanza.up"},
	{NULL, "post-up", set_command, "stanza.up"},
	{NULL, "pre-up", set_command, "stanza.up"},
	{NULL, "down", set_command, "stanza.down"},
	{NULL, "pre-down", set_command, "stanza.down"},
	{NULL, "post-down", set_command, "stanza.down"},
	{NULL, "wpa-*", set_none, .why = SECRET},
	{NULL, "wireless-*", set_none, .why = SECRET},
	SETTING_END,
};
