#include "link_maker.h"

#include <linux/if_link.h>
#include <linux/veth.h>

#define OPTION(kind, member) ATTRIBUTE(kind, union link_options, member)

static const struct attribute bridge_rows[] = {
	[IFLA_BR_FORWARD_DELAY] = OPTION(U32, bridge.forward_delay),
	[IFLA_BR_AGEING_TIME] = OPTION(U32, bridge.ageing_time),
	[IFLA_BR_STP_STATE] = OPTION(U32, bridge.stp),
	[IFLA_BR_PRIORITY] = OPTION(U16, bridge.priority),
	[IFLA_BR_VLAN_FILTERING] = OPTION(U8, bridge.vlan_filtering),
};

static const struct attribute bond_rows[] = {
	[IFLA_BOND_MODE] = OPTION(U8, bond.mode),
	[IFLA_BOND_MIIMON] = OPTION(U32, bond.miimon),
	[IFLA_BOND_XMIT_HASH_POLICY] = OPTION(U8, bond.xmit_hash_policy),
	[IFLA_BOND_AD_LACP_RATE] = OPTION(U8, bond.lacp_rate),
};

static const struct attribute vlan_rows[] = {
	[IFLA_VLAN_ID] = OPTION(U16, vlan.id),
	[IFLA_VLAN_PROTOCOL] = OPTION(U16, vlan.protocol),
};

static const struct attribute macvlan_rows[] = {
	[IFLA_MACVLAN_MODE] = OPTION(U32, macvlan.mode),
};

static const struct attribute vxlan_rows[] = {
	[IFLA_VXLAN_ID] = OPTION(U32, vxlan.id),
	[IFLA_VXLAN_GROUP] = OPTION(IPV4, vxlan.remote),
	[IFLA_VXLAN_LINK] = OPTION(U32, vxlan.link),
	[IFLA_VXLAN_LOCAL] = OPTION(IPV4, vxlan.local),
	[IFLA_VXLAN_LEARNING] = OPTION(U8, vxlan.learning),
	[IFLA_VXLAN_PORT] = OPTION(U16, vxlan.port),
	[IFLA_VXLAN_GROUP6] = OPTION(IPV6, vxlan.remote),
	[IFLA_VXLAN_LOCAL6] = OPTION(IPV6, vxlan.local),
};

static const struct link_maker makers[] = {
	{.kind = "bridge",
	 .table = ATTRIBUTE_TABLE(bridge_rows),
	 .initial.bridge = {.forward_delay = 1500, .ageing_time = 30000, .priority = 32768}},
	{.kind = "bond", .table = ATTRIBUTE_TABLE(bond_rows)},
	{.kind = "vlan", .table = ATTRIBUTE_TABLE(vlan_rows), .on_lower = true},
	{.kind = "macvlan", .table = ATTRIBUTE_TABLE(macvlan_rows), .on_lower = true},
	{.kind = "veth", .peer = VETH_INFO_PEER},
	{.kind = "vxlan", .table = ATTRIBUTE_TABLE(vxlan_rows), .initial.vxlan = {.learning = 1}},
	{.kind = "dummy"},
};

const struct link_maker *link_maker(const char *kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(makers); i++)
		if (!strcmp(makers[i].kind, kind))
			return &makers[i];
	return NULL;
}
