#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/neighbour.h>

#include "attribute.h"
#include "netlink.h"

static struct nlmsghdr *begin(void *buffer, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	return message;
}

static uint16_t change_flags(bool add)
{
	return add ? NLM_F_CREATE | NLM_F_REPLACE : 0;
}

/* ---- links ---- */

struct nlmsghdr *netlink_build_link_get(void *buffer, int index)
{
	struct nlmsghdr *message = begin(buffer, RTM_GETLINK, 0);
	struct ifinfomsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));

	header->ifi_index = index;
	return message;
}

/* To be set, IFLA_INET_CONF holds one attribute a value, numbered as the value (devinet.c). */
static void put_devconf(struct nlmsghdr *message, const struct link_settings *settings)
{
	struct nlattr *families = mnl_attr_nest_start(message, IFLA_AF_SPEC);
	struct nlattr *inet = mnl_attr_nest_start(message, AF_INET);
	struct nlattr *values = mnl_attr_nest_start(message, IFLA_INET_CONF);

	if (settings->fields & LINK_FIELD_IGNORE_DEAD_ROUTES)
		mnl_attr_put_u32(message, IPV4_DEVCONF_IGNORE_ROUTES_WITH_LINKDOWN,
				 settings->ignore_dead_routes);
	if (settings->fields & LINK_FIELD_PROMOTE_SECONDARIES)
		mnl_attr_put_u32(message, IPV4_DEVCONF_PROMOTE_SECONDARIES,
				 settings->promote_secondaries);
	mnl_attr_nest_end(message, values);
	mnl_attr_nest_end(message, inet);
	mnl_attr_nest_end(message, families);
}

struct nlmsghdr *netlink_build_link_set(void *buffer, int index,
					const struct link_settings *settings)
{
	struct nlmsghdr *message = begin(buffer, RTM_NEWLINK, 0);
	struct ifinfomsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));

	header->ifi_index = index;
	if (settings->fields & LINK_FIELD_UP) {
		header->ifi_change = IFF_UP;
		header->ifi_flags = settings->up ? IFF_UP : 0;
	}
	if (settings->fields & LINK_FIELD_MTU)
		mnl_attr_put_u32(message, IFLA_MTU, settings->mtu);
	if (settings->fields & LINK_FIELD_MAC)
		mnl_attr_put(message, IFLA_ADDRESS, settings->mac.length, settings->mac.bytes);
	if (settings->fields & (LINK_FIELD_IGNORE_DEAD_ROUTES | LINK_FIELD_PROMOTE_SECONDARIES))
		put_devconf(message, settings);
	return message;
}

/* ---- addresses ---- */

static const struct attribute address_rows[] = {
	[IFA_LOCAL] = ATTRIBUTE(IP, struct address, prefix.address),
	[IFA_BROADCAST] = ATTRIBUTE(IP, struct address, broadcast),
	[IFA_FLAGS] = ATTRIBUTE(U32, struct address, flags),
	[IFA_RT_PRIORITY] = ATTRIBUTE(U32, struct address, metric),
	[IFA_PROTO] = ATTRIBUTE(U8, struct address, protocol),
};
static const struct attribute_table address_table = ATTRIBUTE_TABLE(address_rows);

static void put_lifetimes(struct nlmsghdr *message, const struct address *address)
{
	struct ifa_cacheinfo info = {
		.ifa_prefered = address->preferred,
		.ifa_valid = address->valid,
	};

	if (address->valid)
		mnl_attr_put(message, IFA_CACHEINFO, sizeof(info), &info);
}

struct nlmsghdr *netlink_build_address(void *buffer, bool add, const struct address *address)
{
	struct nlmsghdr *message =
		begin(buffer, add ? RTM_NEWADDR : RTM_DELADDR, change_flags(add));
	struct ifaddrmsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
	const struct ip_address *peer =
		ip_address_is_set(&address->peer) ? &address->peer : &address->prefix.address;

	header->ifa_family = address->prefix.address.family;
	header->ifa_prefixlen = address->prefix.length;
	header->ifa_scope = address->scope;
	header->ifa_index = (unsigned)address->link;
	mnl_attr_put(message, IFA_ADDRESS, ip_family_bytes(peer->family), peer->bytes);
	attribute_put(message, &address_table, address);
	put_lifetimes(message, address);
	return message;
}

/* ---- routes ---- */

static const struct attribute route_rows[] = {
	[RTA_OIF] = ATTRIBUTE(U32, struct route, link),
	[RTA_PRIORITY] = ATTRIBUTE(U32, struct route, metric),
	[RTA_PREFSRC] = ATTRIBUTE(IP, struct route, source),
	[RTA_TABLE] = ATTRIBUTE(U32, struct route, table),
};
static const struct attribute_table route_table = ATTRIBUTE_TABLE(route_rows);

static void put_gateway(struct nlmsghdr *message, const struct ip_address *gateway, int family)
{
	struct {
		uint16_t family;
		uint8_t bytes[16];
	} via = {.family = gateway->family};

	if (!ip_address_is_set(gateway))
		return;
	if (gateway->family == family) {
		mnl_attr_put(message, RTA_GATEWAY, ip_family_bytes(gateway->family),
			     gateway->bytes);
		return;
	}
	memcpy(via.bytes, gateway->bytes, sizeof(via.bytes));
	mnl_attr_put(message, RTA_VIA, sizeof(via.family) + ip_family_bytes(gateway->family), &via);
}

static void put_mtu(struct nlmsghdr *message, const struct route *route)
{
	struct nlattr *metrics;

	if (!route->mtu)
		return;
	metrics = mnl_attr_nest_start(message, RTA_METRICS);
	mnl_attr_put_u32(message, RTAX_MTU, route->mtu);
	mnl_attr_nest_end(message, metrics);
}

static struct nlmsghdr *begin_route(void *buffer, bool add, const struct route *route)
{
	struct nlmsghdr *message =
		begin(buffer, add ? RTM_NEWROUTE : RTM_DELROUTE, change_flags(add));
	struct rtmsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
	const struct ip_prefix *destination = &route->destination;

	header->rtm_family = destination->address.family;
	header->rtm_dst_len = destination->length;
	header->rtm_tos = route->tos;
	header->rtm_table = route->table > UINT8_MAX ? RT_TABLE_COMPAT : route->table;
	header->rtm_protocol = route->protocol;
	header->rtm_scope = add ? route->scope : RT_SCOPE_NOWHERE;
	header->rtm_type = route->type ? route->type : RTN_UNICAST;
	header->rtm_flags = route->flags & RTNH_F_ONLINK;
	if (destination->length)
		mnl_attr_put(message, RTA_DST, ip_family_bytes(destination->address.family),
			     destination->address.bytes);
	attribute_put(message, &route_table, route);
	put_mtu(message, route);
	return message;
}

struct nlmsghdr *netlink_build_route(void *buffer, bool add, const struct route *route)
{
	struct nlmsghdr *message = begin_route(buffer, add, route);

	put_gateway(message, &route->gateway, route->destination.address.family);
	return message;
}

/* Each is a struct rtnexthop and the attributes of its own. */
static void put_nexthop(struct nlmsghdr *message, const struct route *route,
			const struct nexthop *nexthop)
{
	struct rtnexthop *header = mnl_nlmsg_get_payload_tail(message);
	uint32_t start = message->nlmsg_len;

	*header = (struct rtnexthop){
		.rtnh_flags = route->flags & RTNH_F_ONLINK,
		.rtnh_hops = (uint8_t)(nexthop->weight - 1),
		.rtnh_ifindex = nexthop->link,
	};
	message->nlmsg_len += RTNH_ALIGN(sizeof(*header));
	put_gateway(message, &nexthop->gateway, route->destination.address.family);
	header->rtnh_len = (uint16_t)(message->nlmsg_len - start);
}

struct nlmsghdr *netlink_build_multipath_route(void *buffer, const struct route *route,
					       const struct nexthops *nexthops)
{
	struct nlmsghdr *message = begin_route(buffer, true, route);
	struct nlattr *multipath = mnl_attr_nest_start(message, RTA_MULTIPATH);

	for (unsigned i = 0; i < MIN(nexthops->count, NEXTHOPS_MAX); i++)
		put_nexthop(message, route, &nexthops->at[i]);
	mnl_attr_nest_end(message, multipath);
	return message;
}

struct nlmsghdr *netlink_build_table_dump(void *buffer, int family, uint32_t table)
{
	struct nlmsghdr *message = begin(buffer, RTM_GETROUTE, NLM_F_DUMP);
	struct rtmsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));

	header->rtm_family = (uint8_t)family;
	if (table)
		mnl_attr_put_u32(message, RTA_TABLE, table);
	return message;
}

struct nlmsghdr *netlink_build_link_routes_dump(void *buffer, int family, int link)
{
	struct nlmsghdr *message = netlink_build_table_dump(buffer, family, 0);

	mnl_attr_put_u32(message, RTA_OIF, (uint32_t)link);
	return message;
}

struct nlmsghdr *netlink_build_route_get(void *buffer, const struct ip_address *address)
{
	struct nlmsghdr *message = begin(buffer, RTM_GETROUTE, 0);
	struct rtmsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));

	header->rtm_family = address->family;
	header->rtm_dst_len = (uint8_t)ip_family_bits(address->family);
	header->rtm_flags = RTM_F_FIB_MATCH;
	mnl_attr_put(message, RTA_DST, ip_family_bytes(address->family), address->bytes);
	return message;
}

/* ---- neighbours ---- */

struct nlmsghdr *netlink_build_neighbour_get(void *buffer, int link,
					     const struct ip_address *address)
{
	struct nlmsghdr *message = begin(buffer, RTM_GETNEIGH, 0);
	struct ndmsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));

	header->ndm_family = address->family;
	header->ndm_ifindex = link;
	mnl_attr_put(message, NDA_DST, ip_family_bytes(address->family), address->bytes);
	return message;
}

/* ---- dumps ---- */

#define DUMP(message, header, offset, attribute)                                                   \
	{                                                                                          \
		RTM_GET##message, sizeof(struct header), (offset), (attribute)                     \
	}

/* With strict checking the kernel wants the fixed header of the kind, and takes its filter where
 * the last columns say: at an offset in the header, or as an attribute. */
static const struct {
	uint16_t type;
	uint16_t header_size;
	uint16_t index_offset;
	uint16_t index_attribute;
} dumps[_OBJECT_KIND_MAX] = {
	[OBJECT_LINK] = DUMP(LINK, ifinfomsg, 0, 0),
	[OBJECT_ADDRESS] = DUMP(ADDR, ifaddrmsg, offsetof(struct ifaddrmsg, ifa_index), 0),
	[OBJECT_ROUTE] = DUMP(ROUTE, rtmsg, 0, RTA_OIF),
	[OBJECT_RULE] = DUMP(RULE, fib_rule_hdr, 0, 0),
	[OBJECT_NEIGHBOUR] = DUMP(NEIGH, ndmsg, 0, NDA_IFINDEX),
};

struct nlmsghdr *netlink_build_dump(void *buffer, enum object_kind kind, int index)
{
	struct nlmsghdr *message = begin(buffer, dumps[kind].type, NLM_F_DUMP);
	uint8_t *header = mnl_nlmsg_put_extra_header(message, dumps[kind].header_size);

	/* Without a mask the kernel does not measure the links first, and leaves out one that does
	 * not fit into its datagram (rtnetlink.c, rtnl_calcit()). This bit asks for nothing more:
	 * it concerns bridges' own dumps. So entries say what announcements say. */
	if (kind == OBJECT_LINK)
		mnl_attr_put_u32(message, IFLA_EXT_MASK, RTEXT_FILTER_MRP);
	if (index && dumps[kind].index_offset)
		memcpy(header + dumps[kind].index_offset, &index, sizeof(index));
	if (index && dumps[kind].index_attribute)
		mnl_attr_put_u32(message, dumps[kind].index_attribute, (uint32_t)index);
	return message;
}
