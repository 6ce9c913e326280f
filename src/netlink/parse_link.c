#include "link_maker.h"
#include "parse.h"

#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/ip.h>

/* IFLA_STATS64 begins with these eight, in this order (if_link.h, struct rtnl_link_stats64). */
static int read_statistics(struct cursor payload, void *object)
{
	struct link_statistics *statistics = &((struct link *)object)->statistics;
	uint64_t values[8];

	cursor_copy(&payload, values, sizeof(values));
	*statistics = (struct link_statistics){
		.receive_packets = values[0],
		.transmit_packets = values[1],
		.receive_bytes = values[2],
		.transmit_bytes = values[3],
		.receive_errors = values[4],
		.transmit_errors = values[5],
		.receive_dropped = values[6],
		.transmit_dropped = values[7],
	};
	return cursor_ok(&payload) ? 0 : -EBADMSG;
}

/* The kernel sends IFLA_INET_CONF as an array of u32, entry n being IPV4_DEVCONF_* number n + 1. */
static bool devconf(struct cursor payload, unsigned number)
{
	uint32_t value;

	cursor_skip(&payload, (number - 1) * sizeof(value));
	cursor_copy(&payload, &value, sizeof(value));
	return value;
}

static int read_devconf(struct cursor payload, void *object)
{
	struct link *link = object;

	link->ignore_dead_routes = devconf(payload, IPV4_DEVCONF_IGNORE_ROUTES_WITH_LINKDOWN);
	link->promote_secondaries = devconf(payload, IPV4_DEVCONF_PROMOTE_SECONDARIES);
	return 0;
}

static const struct attribute inet_rows[] = {
	[IFLA_INET_CONF] = ATTRIBUTE_CALLED(read_devconf),
};
static const struct attribute_table inet_table = ATTRIBUTE_TABLE(inet_rows);

static const struct attribute family_rows[] = {
	[AF_INET] = ATTRIBUTE_NESTED(&inet_table),
};
static const struct attribute_table family_table = ATTRIBUTE_TABLE(family_rows);

/* The kind comes before its data (rtnetlink.c, rtnl_link_info_fill()). */
static int read_options(struct cursor payload, void *object)
{
	struct link *link = object;
	const struct link_maker *maker = link_maker(link->info_kind);

	return maker ? attribute_read(payload, &maker->table, &link->options) : 0;
}

static const struct attribute info_rows[] = {
	[IFLA_INFO_KIND] = ATTRIBUTE(TEXT, struct link, info_kind),
	[IFLA_INFO_DATA] = ATTRIBUTE_CALLED(read_options),
};
static const struct attribute_table info_table = ATTRIBUTE_TABLE(info_rows);

static const struct attribute link_rows[] = {
	[IFLA_IFNAME] = ATTRIBUTE(TEXT, struct link, name),
	[IFLA_ADDRESS] = ATTRIBUTE(MAC, struct link, mac),
	[IFLA_PERM_ADDRESS] = ATTRIBUTE(MAC, struct link, permanent_mac),
	[IFLA_MTU] = ATTRIBUTE(U32, struct link, mtu),
	[IFLA_MIN_MTU] = ATTRIBUTE(U32, struct link, mtu_min),
	[IFLA_MAX_MTU] = ATTRIBUTE(U32, struct link, mtu_max),
	[IFLA_MASTER] = ATTRIBUTE(U32, struct link, master),
	[IFLA_LINK] = ATTRIBUTE(U32, struct link, lower),
	[IFLA_LINK_NETNSID] = ATTRIBUTE(U32, struct link, lower_namespace),
	[IFLA_NEW_NETNSID] = ATTRIBUTE(U32, struct link, moved_namespace),
	[IFLA_NEW_IFINDEX] = ATTRIBUTE(U32, struct link, moved_index),
	[IFLA_OPERSTATE] = ATTRIBUTE(U8, struct link, operstate),
	[IFLA_CARRIER_CHANGES] = ATTRIBUTE(U32, struct link, carrier_changes),
	[IFLA_STATS64] = ATTRIBUTE_CALLED(read_statistics),
	[IFLA_LINKINFO] = ATTRIBUTE_NESTED(&info_table),
	[IFLA_AF_SPEC] = ATTRIBUTE_NESTED(&family_table),
};
static const struct attribute_table link_table = ATTRIBUTE_TABLE(link_rows);

static const char *const info_kinds[_LINK_KIND_MAX] = {
	[LINK_BRIDGE] = "bridge",   [LINK_VETH] = "veth",   [LINK_TUN] = "tun",
	[LINK_BOND] = "bond",	    [LINK_VLAN] = "vlan",   [LINK_WIREGUARD] = "wireguard",
	[LINK_MACVLAN] = "macvlan", [LINK_VXLAN] = "vxlan", [LINK_DUMMY] = "dummy",
};

/* Ports of a switch chip, and InfiniBand: hardware that states a kind all the same. */
static const char *const hardware_info_kinds[] = {"", "dsa", "ipoib"};

static enum link_kind classify(const struct link *link)
{
	if (link->type == ARPHRD_LOOPBACK)
		return LINK_LOOPBACK;
	if (link->type == ARPHRD_ETHER || link->type == ARPHRD_INFINIBAND)
		for (size_t i = 0; i < ARRAY_SIZE(hardware_info_kinds); i++)
			if (!strcmp(link->info_kind, hardware_info_kinds[i]))
				return LINK_ETHERNET;
	for (int kind = 0; kind < _LINK_KIND_MAX; kind++)
		if (info_kinds[kind] && !strcmp(link->info_kind, info_kinds[kind]))
			return (enum link_kind)kind;
	return LINK_VIRTUAL;
}

int netlink_parse_link(struct cursor body, void *object)
{
	struct link *link = object;
	struct ifinfomsg header;
	int r;

	if (!parse_header(&body, &header, sizeof(header)))
		return -EBADMSG;
	/* AF_BRIDGE: a bridge speaks of its port. Its RTM_DELLINK is not the link's end. */
	if (header.ifi_family != AF_UNSPEC)
		return 1;
	link->lower_namespace = link->moved_namespace = -1;
	r = attribute_read(body, &link_table, link);
	if (r < 0)
		return r;
	if (header.ifi_index <= 0)
		return -EBADMSG;
	link->index = header.ifi_index;
	link->type = header.ifi_type;
	link->flags = header.ifi_flags;
	/* linux/if.h has IFF_LOWER_UP, but not beside net/if.h. */
	link->carrier = link->flags & IFF_UP && link->flags & 1u << 16;
	link->kind = classify(link);
	return 0;
}
