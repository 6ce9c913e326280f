#include "parse.h"

/* RTA_VIA: a gateway of another family than the destination's. */
static int read_via_address(struct cursor payload, struct ip_address *ret)
{
	uint16_t family;

	cursor_copy(&payload, &family, sizeof(family));
	if (!cursor_ok(&payload))
		return -EBADMSG;
	if (cursor_left(&payload) < ip_family_bytes(family) || !ip_family_bytes(family))
		return -EBADMSG;
	ret->family = family;
	cursor_copy(&payload, ret->bytes, ip_family_bytes(family));
	return 0;
}

static int read_via(struct cursor payload, void *object)
{
	return read_via_address(payload, &((struct route *)object)->gateway);
}

static int read_nexthop_via(struct cursor payload, void *object)
{
	return read_via_address(payload, &((struct nexthop *)object)->gateway);
}

static const struct attribute nexthop_rows[] = {
	[RTA_GATEWAY] = ATTRIBUTE(IP, struct nexthop, gateway),
	[RTA_VIA] = ATTRIBUTE_CALLED(read_nexthop_via),
};
static const struct attribute_table nexthop_table = ATTRIBUTE_TABLE(nexthop_rows);

/* Without the flags: they tell what a link is at present. */
static uint8_t nexthop_digest(const struct rtnexthop *header, struct cursor attributes)
{
	uint32_t hash = (uint32_t)header->rtnh_ifindex * 0x85ebca6bu + header->rtnh_hops;

	for (size_t i = 0; i < attributes.size; i++)
		hash = (hash ^ attributes.data[i]) * 0x01000193u;
	return (uint8_t)(hash ^ hash >> 8 ^ hash >> 16 ^ hash >> 24);
}

/* The first at most `most` nexthops, and how many there are; the flags of the first. */
static int read_nexthops(struct cursor payload, struct nexthop *ret, unsigned most, unsigned *count,
			 uint16_t *flags, uint8_t *digest)
{
	*digest = 0;
	for (*count = 0; cursor_left(&payload) >= sizeof(struct rtnexthop); ++*count) {
		struct rtnexthop header;
		struct cursor attributes;
		int r;

		cursor_copy(&payload, &header, sizeof(header));
		if (header.rtnh_len < sizeof(header))
			return -EBADMSG;
		attributes = cursor_sub(&payload, header.rtnh_len - sizeof(header));
		if (!cursor_ok(&attributes))
			return -EBADMSG;
		cursor_skip(&payload, MIN(cursor_left(&payload),
					  (size_t)(RTNH_ALIGN(header.rtnh_len) - header.rtnh_len)));
		*digest = (uint8_t)(*digest + nexthop_digest(&header, attributes));
		if (*count == 0)
			*flags = header.rtnh_flags;
		if (*count >= most)
			continue;
		memset(&ret[*count], 0, sizeof(*ret));
		ret[*count].link = header.rtnh_ifindex;
		ret[*count].weight = header.rtnh_hops + 1u;
		r = attribute_read(attributes, &nexthop_table, &ret[*count]);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The first nexthop stands for the route; the others are counted. */
static int read_multipath(struct cursor payload, void *object)
{
	struct route *route = object;
	struct nexthop first;
	uint16_t flags = 0;
	unsigned count;
	int r = read_nexthops(payload, &first, 1, &count, &flags, &route->digest);

	if (r < 0)
		return r;
	if (count > 0) {
		route->link = first.link;
		route->flags |= flags;
		memcpy(&route->gateway, &first.gateway, sizeof(first.gateway));
	}
	route->nexthops = MIN(count, UINT8_MAX);
	return 0;
}

static int read_nexthop_object(struct cursor payload, void *object)
{
	((struct route *)object)->flags |= ROUTE_BY_OBJECT;
	return 0;
}

static const struct attribute metric_rows[] = {
	[RTAX_MTU] = ATTRIBUTE(U32, struct route, mtu),
};
static const struct attribute_table metric_table = ATTRIBUTE_TABLE(metric_rows);

static const struct attribute route_rows[] = {
	[RTA_DST] = ATTRIBUTE(IP, struct route, destination.address),
	[RTA_OIF] = ATTRIBUTE(U32, struct route, link),
	[RTA_GATEWAY] = ATTRIBUTE(IP, struct route, gateway),
	[RTA_PRIORITY] = ATTRIBUTE(U32, struct route, metric),
	[RTA_PREFSRC] = ATTRIBUTE(IP, struct route, source),
	[RTA_METRICS] = ATTRIBUTE_NESTED(&metric_table),
	[RTA_MULTIPATH] = ATTRIBUTE_CALLED(read_multipath),
	[RTA_TABLE] = ATTRIBUTE(U32, struct route, table),
	[RTA_VIA] = ATTRIBUTE_CALLED(read_via),
	[RTA_NH_ID] = ATTRIBUTE_CALLED(read_nexthop_object),
};
static const struct attribute_table route_table = ATTRIBUTE_TABLE(route_rows);

int netlink_parse_route(struct cursor body, void *object)
{
	struct route *route = object;
	struct rtmsg header;
	unsigned bits;
	int r;

	if (!parse_header(&body, &header, sizeof(header)))
		return -EBADMSG;
	bits = ip_family_bits(header.rtm_family);
	/* Clones are the route cache's; the local table only repeats the addresses. */
	if (!bits || header.rtm_flags & RTM_F_CLONED || header.rtm_table == RT_TABLE_LOCAL)
		return 1;

	route->destination.address.family = header.rtm_family;
	route->destination.length = header.rtm_dst_len;
	route->table = header.rtm_table;
	route->protocol = header.rtm_protocol;
	route->scope = header.rtm_scope;
	route->type = header.rtm_type;
	route->tos = header.rtm_tos;
	route->flags = (uint16_t)header.rtm_flags;
	route->nexthops = 1;
	r = attribute_read(body, &route_table, route);
	if (r < 0)
		return r;
	if (route->destination.address.family != header.rtm_family || header.rtm_dst_len > bits)
		return -EBADMSG;
	return 0;
}

static int read_all_nexthops(struct cursor payload, void *object)
{
	struct nexthops *nexthops = object;
	uint16_t flags;
	uint8_t digest;

	return read_nexthops(payload, nexthops->at, NEXTHOPS_MAX, &nexthops->count, &flags,
			     &digest);
}

static const struct attribute nexthops_rows[] = {
	[RTA_MULTIPATH] = ATTRIBUTE_CALLED(read_all_nexthops),
};
static const struct attribute_table nexthops_table = ATTRIBUTE_TABLE(nexthops_rows);

int netlink_parse_nexthops(const struct nlmsghdr *message, struct nexthops *ret)
{
	struct cursor body;
	struct rtmsg header;

	ret->count = 0;
	if (message->nlmsg_len < sizeof(*message))
		return -EBADMSG;
	body = CURSOR(message + 1, message->nlmsg_len - sizeof(*message));
	if (!parse_header(&body, &header, sizeof(header)))
		return -EBADMSG;
	return attribute_read(body, &nexthops_table, ret);
}
