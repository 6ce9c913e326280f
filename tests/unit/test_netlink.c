/*
 * Parsers and builders of rtnetlink messages: recorded from the kernel, built by us, and hostile.
 */
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>

#include "netlink/attribute.h"
#include "netlink/netlink.h"
#include "netlink_recorded.h"
#include "unit.h"

#define RECORDED(name)                                                                             \
	{                                                                                          \
#name, name, sizeof(name)                                                          \
	}

static const struct {
	const char *name;
	const uint8_t *bytes;
	size_t size;
} recorded[] = {
	RECORDED(address_ipv4),	   RECORDED(address_ipv6),
	RECORDED(address_peer),	   RECORDED(link_loopback),
	RECORDED(link_veth),	   RECORDED(neighbour),
	RECORDED(route_blackhole), RECORDED(neighbour_multicast),
	RECORDED(route_default),   RECORDED(route_ipv6),
	RECORDED(route_local),	   RECORDED(route_multipath),
	RECORDED(route_via_ipv6),  RECORDED(rule),
};

static int parse(const uint8_t *bytes, enum object_kind *kind, union object *ret)
{
	return netlink_parse((const struct nlmsghdr *)(const void *)bytes, kind, ret);
}

static void assert_address(const struct ip_address *address, const char *expected)
{
	char text[IP_ADDRESS_TEXT_MAX];

	assert_string_equal(ip_address_print(address, text), expected);
}

static void assert_prefix(const struct ip_prefix *prefix, const char *expected)
{
	char text[IP_PREFIX_TEXT_MAX];

	assert_string_equal(ip_prefix_print(prefix, text), expected);
}

static void assert_mac(const struct hardware_address *mac, const char *expected)
{
	char text[HARDWARE_ADDRESS_TEXT_MAX];

	assert_string_equal(hardware_address_print(mac, text), expected);
}

/* ---- recorded ---- */

static void test_link(void **state)
{
	union object object;
	enum object_kind kind;
	const struct link *link = &object.link;

	assert_int_equal(parse(link_veth, &kind, &object), 0);
	assert_int_equal(kind, OBJECT_LINK);
	assert_string_equal(link->name, "a0");
	assert_string_equal(link->info_kind, "veth");
	assert_int_equal(link->kind, LINK_VETH);
	assert_int_equal(link->type, ARPHRD_ETHER);
	assert_true(link->flags & IFF_UP);
	assert_true(link->carrier);
	assert_int_equal(link->mtu, 1500);
	assert_int_equal(link->mtu_min, 68);
	assert_int_equal(link->mtu_max, 65535);
	assert_int_equal(link->lower, link->index - 1);
	assert_int_equal(link->lower_namespace, -1);
	assert_mac(&link->mac, "02:00:00:00:00:01");
	assert_true(link->statistics.transmit_packets > 0);
	assert_true(link->statistics.transmit_bytes > link->statistics.transmit_packets);
	assert_false(link->ignore_dead_routes);

	assert_int_equal(parse(link_loopback, &kind, &object), 0);
	assert_string_equal(link->name, "lo");
	assert_int_equal(link->kind, LINK_LOOPBACK);
	assert_int_equal(link->mtu, 65536);
}

static void test_address(void **state)
{
	union object object;
	enum object_kind kind;
	const struct address *address = &object.address;

	assert_int_equal(parse(address_ipv4, &kind, &object), 0);
	assert_int_equal(kind, OBJECT_ADDRESS);
	assert_prefix(&address->prefix, "192.0.2.1/24");
	assert_address(&address->broadcast, "192.0.2.255");
	assert_false(ip_address_is_set(&address->peer));
	assert_int_equal(address->metric, 100);
	assert_int_equal(address->valid, 3600);
	assert_int_equal(address->preferred, 1800);

	assert_int_equal(parse(address_peer, &kind, &object), 0);
	assert_prefix(&address->prefix, "10.9.0.1/32");
	assert_address(&address->peer, "10.9.0.2");
	assert_int_equal(address->valid, UINT32_MAX);
	assert_true(address->flags & IFA_F_PERMANENT);

	assert_int_equal(parse(address_ipv6, &kind, &object), 0);
	assert_prefix(&address->prefix, "2001:db8::1/64");
	assert_true(address->flags & IFA_F_NODAD);
}

static void test_route(void **state)
{
	union object object;
	enum object_kind kind;
	const struct route *route = &object.route;

	assert_int_equal(parse(route_default, &kind, &object), 0);
	assert_int_equal(kind, OBJECT_ROUTE);
	assert_prefix(&route->destination, "0.0.0.0/0");
	assert_address(&route->gateway, "192.0.2.254");
	assert_address(&route->source, "192.0.2.1");
	assert_int_equal(route->table, RT_TABLE_MAIN);
	assert_int_equal(route->metric, 100);
	assert_int_equal(route->mtu, 1400);
	assert_int_equal(route->protocol, AIOSNET_PROTOCOL);
	assert_int_equal(route->type, RTN_UNICAST);
	assert_int_equal(route->nexthops, 1);
	assert_true(route->link > 0);

	assert_int_equal(parse(route_multipath, &kind, &object), 0);
	assert_prefix(&route->destination, "198.51.100.0/24");
	assert_address(&route->gateway, "192.0.2.253");
	assert_int_equal(route->nexthops, 2);
	assert_true(route->link > 0);

	assert_int_equal(parse(route_via_ipv6, &kind, &object), 0);
	assert_prefix(&route->destination, "203.0.113.0/24");
	assert_address(&route->gateway, "fe80::1");

	assert_int_equal(parse(route_blackhole, &kind, &object), 0);
	assert_int_equal(route->type, RTN_BLACKHOLE);
	assert_int_equal(route->link, 0);

	assert_int_equal(parse(route_ipv6, &kind, &object), 0);
	assert_prefix(&route->destination, "::/0");
	assert_address(&route->gateway, "2001:db8::fe");
	assert_int_equal(route->table, 1000);

	assert_int_equal(parse(route_local, &kind, &object), 1);
}

static void test_rule(void **state)
{
	union object object, changed;
	enum object_kind kind;
	uint8_t bytes[sizeof(rule)];

	assert_int_equal(parse(rule, &kind, &object), 0);
	assert_int_equal(kind, OBJECT_RULE);
	assert_prefix(&object.rule.source, "192.0.2.0/24");
	assert_int_equal(object.rule.mark, 0x10);
	assert_int_equal(object.rule.mask, 0xf0);
	assert_int_equal(object.rule.priority, 1500);
	assert_int_equal(object.rule.table, 1000);
	assert_int_equal(object.rule.protocol, AIOSNET_PROTOCOL);
	assert_string_equal(object.rule.input, "a0");

	/* tos has no member, but makes another rule */
	memcpy(bytes, rule, sizeof(rule));
	bytes[sizeof(struct nlmsghdr) + 3] = 0x10;
	assert_int_equal(parse(bytes, &kind, &changed), 0);
	assert_false(object_same(OBJECT_RULE, &object, &changed));
}

static void test_neighbour(void **state)
{
	union object object;
	enum object_kind kind;

	assert_int_equal(parse(neighbour, &kind, &object), 0);
	assert_int_equal(kind, OBJECT_NEIGHBOUR);
	assert_address(&object.neighbour.address, "192.0.2.254");
	assert_mac(&object.neighbour.mac, "02:00:00:00:00:fe");
	assert_int_equal(object.neighbour.state, NUD_PERMANENT);

	assert_int_equal(parse(neighbour_multicast, &kind, &object), 1);
}

static void test_foreign_families(void **state)
{
	static const struct {
		const uint8_t *bytes;
		size_t size;
	} kinds[] = {
		{link_veth, sizeof(link_veth)},		{address_ipv4, sizeof(address_ipv4)},
		{route_default, sizeof(route_default)}, {rule, sizeof(rule)},
		{neighbour, sizeof(neighbour)},
	};
	uint8_t bytes[2048];
	union object object;
	enum object_kind kind;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		memcpy(bytes, kinds[i].bytes, kinds[i].size);
		bytes[sizeof(struct nlmsghdr)] = AF_BRIDGE;
		assert_int_equal(parse(bytes, &kind, &object), 1);
	}
	memcpy(bytes, link_veth, sizeof(link_veth));
	((struct nlmsghdr *)(void *)bytes)->nlmsg_type = RTM_NEWQDISC;
	assert_int_equal(parse(bytes, &kind, &object), 1);
}

/* ---- hostile ---- */

/* Parses a copy that ends where the message ends, so that reading on is seen. */
static int parse_exactly(const uint8_t *bytes, size_t size)
{
	struct nlmsghdr *message = malloc(MAX(size, sizeof(*message)));
	union object object;
	enum object_kind kind;
	int r;

	assert_non_null(message);
	memcpy(message, bytes, size);
	message->nlmsg_len = (uint32_t)size;
	r = netlink_parse(message, &kind, &object);
	if (r == 0 && kind == OBJECT_LINK)
		assert_non_null(memchr(object.link.name, '\0', sizeof(object.link.name)));
	free(message);
	return r;
}

static void test_cut_off(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(recorded); i++)
		for (size_t size = sizeof(struct nlmsghdr); size < recorded[i].size; size++)
			assert_in_range(parse_exactly(recorded[i].bytes, size) + EBADMSG, 0,
					EBADMSG + 1);
}

static void test_overwritten(void **state)
{
	static const uint8_t values[] = {0x00, 0x01, 0x03, 0x7f, 0x80, 0xff};

	for (size_t i = 0; i < ARRAY_SIZE(recorded); i++)
		for (size_t at = sizeof(struct nlmsghdr); at < recorded[i].size; at++)
			for (size_t v = 0; v < ARRAY_SIZE(values); v++) {
				uint8_t bytes[2048];

				memcpy(bytes, recorded[i].bytes, recorded[i].size);
				bytes[at] = values[v];
				assert_in_range(parse_exactly(bytes, recorded[i].size) + EBADMSG, 0,
						EBADMSG + 1);
			}
}

/* A message of one header and one attribute. */
static int parse_attribute(uint16_t type, const void *header, size_t header_size, uint16_t number,
			   const void *payload, size_t size)
{
	uint8_t buffer[NETLINK_MESSAGE_MAX] = {};
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);

	message->nlmsg_type = type;
	memcpy(mnl_nlmsg_put_extra_header(message, header_size), header, header_size);
	mnl_attr_put(message, number, size, payload);
	return parse_exactly(buffer, message->nlmsg_len);
}

static void test_contradictions(void **state)
{
	static const uint8_t long_name[64] = "a name that is longer than any interface may have";
	struct ifinfomsg link = {.ifi_index = 1}, no_link = {};
	struct ifaddrmsg address = {.ifa_family = AF_INET, .ifa_index = 1, .ifa_prefixlen = 24};
	struct rtmsg route = {.rtm_family = AF_INET, .rtm_dst_len = 24, .rtm_table = 254};
	struct ndmsg neighbour_header = {.ndm_family = AF_INET, .ndm_ifindex = 1};
	struct rtnexthop short_nexthop = {.rtnh_len = 4};
	uint8_t bytes[32] = {};

	assert_int_equal(parse_attribute(RTM_NEWLINK, &link, sizeof(link), IFLA_IFNAME, long_name,
					 sizeof(long_name)),
			 0);
	assert_int_equal(parse_attribute(RTM_NEWLINK, &no_link, sizeof(no_link), IFLA_IFNAME, "x",
					 2),
			 -EBADMSG);
	assert_int_equal(parse_attribute(RTM_NEWLINK, &link, sizeof(link), IFLA_MTU, bytes, 3),
			 -EBADMSG);
	/* a hardware address that we cannot hold is none */
	assert_int_equal(parse_attribute(RTM_NEWLINK, &link, sizeof(link), IFLA_ADDRESS, bytes, 32),
			 0);
	assert_int_equal(parse_attribute(RTM_NEWADDR, &address, sizeof(address), IFA_LOCAL, bytes,
					 16),
			 -EBADMSG);
	assert_int_equal(parse_attribute(RTM_NEWADDR, &address, sizeof(address), IFA_LOCAL, bytes,
					 5),
			 -EBADMSG);
	address.ifa_prefixlen = 33;
	assert_int_equal(parse_attribute(RTM_NEWADDR, &address, sizeof(address), IFA_ADDRESS, bytes,
					 4),
			 -EBADMSG);
	assert_int_equal(parse_attribute(RTM_NEWROUTE, &route, sizeof(route), RTA_DST, bytes, 16),
			 -EBADMSG);
	assert_int_equal(parse_attribute(RTM_NEWROUTE, &route, sizeof(route), RTA_VIA, bytes, 6),
			 -EBADMSG);
	assert_int_equal(parse_attribute(RTM_NEWROUTE, &route, sizeof(route), RTA_MULTIPATH,
					 &short_nexthop, sizeof(short_nexthop)),
			 -EBADMSG);
	assert_int_equal(parse_attribute(RTM_NEWNEIGH, &neighbour_header, sizeof(neighbour_header),
					 NDA_LLADDR, bytes, 6),
			 -EBADMSG);
}

/* ---- identity ---- */

static void test_identity(void **state)
{
	union object a, b;
	enum object_kind kind;

	assert_int_equal(parse(address_ipv4, &kind, &a), 0);
	assert_int_equal(parse(address_ipv4, &kind, &b), 0);
	b.address.valid--;
	assert_true(object_equal(OBJECT_ADDRESS, &a, &b));
	b.address.valid = 7200;
	assert_true(object_same(OBJECT_ADDRESS, &a, &b));
	assert_false(object_equal(OBJECT_ADDRESS, &a, &b));

	assert_int_equal(parse(link_veth, &kind, &a), 0);
	assert_int_equal(parse(link_veth, &kind, &b), 0);
	b.link.statistics.receive_bytes += 1000;
	assert_true(object_equal(OBJECT_LINK, &a, &b));
	b.link.mtu = 1400;
	assert_false(object_equal(OBJECT_LINK, &a, &b));

	assert_int_equal(parse(route_default, &kind, &a), 0);
	assert_int_equal(parse(route_default, &kind, &b), 0);
	b.route.flags ^= RTNH_F_LINKDOWN;
	assert_true(object_same(OBJECT_ROUTE, &a, &b));
	assert_false(object_equal(OBJECT_ROUTE, &a, &b));
	b.route.gateway.bytes[3]++;
	assert_false(object_same(OBJECT_ROUTE, &a, &b));
	assert_true(route_same_place(&a.route, &b.route));
	assert_int_equal(object_hash(OBJECT_ROUTE, &a), object_hash(OBJECT_ROUTE, &b));
}

/* ---- built: what we build says what we meant ---- */

static void test_build_address(void **state)
{
	struct address address = {
		.link = 7,
		.prefix = {ip_address_from_bytes(AF_INET, "\xc0\x00\x02\x01"), 24},
		.broadcast = ip_address_from_bytes(AF_INET, "\xc0\x00\x02\xff"),
		.protocol = AIOSNET_PROTOCOL,
		.flags = IFA_F_NOPREFIXROUTE,
		.metric = 100,
		.preferred = 1800,
		.valid = 3600,
	};
	uint8_t buffer[NETLINK_MESSAGE_MAX];
	struct nlmsghdr *message = netlink_build_address(buffer, true, &address);
	enum object_kind kind;
	union object object;

	assert_true(message->nlmsg_flags & NLM_F_CREATE && message->nlmsg_flags & NLM_F_REPLACE);
	assert_int_equal(netlink_parse(message, &kind, &object), 0);
	assert_true(object_equal(OBJECT_ADDRESS, &address, &object));

	message = netlink_build_address(buffer, false, &address);
	assert_int_equal(message->nlmsg_type, RTM_DELADDR);
	assert_false(message->nlmsg_flags & (NLM_F_CREATE | NLM_F_REPLACE));
}

static void test_build_route(void **state)
{
	struct route route = {
		.destination = {ip_address_from_bytes(AF_INET, "\xc6\x33\x64\x00"), 24},
		.gateway = ip_address_from_bytes(AF_INET6, "\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\1"),
		.source = ip_address_from_bytes(AF_INET, "\xc0\x00\x02\x01"),
		.link = 7,
		.table = 1000,
		.metric = 50,
		.mtu = 1400,
		.protocol = AIOSNET_PROTOCOL,
		.type = RTN_UNICAST,
		.flags = RTNH_F_ONLINK,
		.nexthops = 1,
	};
	uint8_t buffer[NETLINK_MESSAGE_MAX];
	enum object_kind kind;
	union object object;

	assert_int_equal(netlink_parse(netlink_build_route(buffer, true, &route), &kind, &object),
			 0);
	assert_true(object_equal(OBJECT_ROUTE, &route, &object));
}

static void test_texts(void **state)
{
	assert_string_equal(object_kind_text(OBJECT_NEIGHBOUR), "neighbour");
	for (int kind = 0; kind < _LINK_KIND_MAX; kind++)
		assert_non_null(link_kind_text((enum link_kind)kind));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_link),	       cmocka_unit_test(test_address),
		cmocka_unit_test(test_route),	       cmocka_unit_test(test_rule),
		cmocka_unit_test(test_neighbour),      cmocka_unit_test(test_foreign_families),
		cmocka_unit_test(test_cut_off),	       cmocka_unit_test(test_overwritten),
		cmocka_unit_test(test_contradictions), cmocka_unit_test(test_identity),
		cmocka_unit_test(test_build_address),  cmocka_unit_test(test_build_route),
		cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
