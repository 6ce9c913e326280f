#include "observation.h"

#include <net/ethernet.h>

#include "netlink/arp.h"
#include "observation_parts.h"

#define PROTOCOL_UDP	     17
#define PROTOCOL_ICMPV6	     58
#define ICMPV6_RA	     134
#define RA_OPTIONS_AT	     16
#define RA_PREFIX	     3 /* RFC 4861 4.6.2 */
#define ETHERTYPE_LLDP	     0x88cc
#define LLC_BPDU	     0x4242
#define FRAGMENT_OFFSET_MASK 0x1fff

struct in_addr observation_read_address(struct cursor *cursor)
{
	struct in_addr address;

	cursor_copy(cursor, &address, sizeof(address));
	return address;
}

static int parse_arp(struct cursor *cursor, struct observation *ret)
{
	struct arp_packet packet;
	int r = arp_parse(cursor->data + cursor->offset, cursor_left(cursor), &packet);

	if (r != 0)
		return r;
	if (packet.operation != ARP_REQUEST && packet.operation != ARP_REPLY)
		return 1;
	ret->kind =
		packet.operation == ARP_REQUEST ? OBSERVATION_ARP_REQUEST : OBSERVATION_ARP_REPLY;
	ret->mac = packet.sender_mac;
	ret->sender = packet.sender;
	ret->target = packet.target;
	return 0;
}

/* Protocols of UDP that tell something. The port is the source's or the destination's. */
static const struct {
	uint16_t port;
	bool source;
	int (*parse)(struct cursor *cursor, struct observation *ret);
	bool alone; /* without it, the packet tells nothing: it comes from 0.0.0.0 */
} udp_protocols[] = {
	{67, true, observation_parse_dhcp, true},
	{67, false, observation_parse_dhcp, true},
	{137, false, observation_parse_netbios_name, false},
	{138, false, observation_parse_netbios_datagram, false},
	{5353, true, observation_parse_mdns, false},
};

static int parse_udp(struct cursor *cursor, struct observation *ret)
{
	uint16_t source = cursor_u16(cursor), destination = cursor_u16(cursor);
	uint16_t length = cursor_u16(cursor);
	struct cursor payload;
	int r;

	cursor_skip(cursor, 2);
	if (!cursor_ok(cursor) || length < 8)
		return 0;
	payload = cursor_sub(cursor, MIN(length - 8u, cursor_left(cursor)));
	for (size_t i = 0; i < ARRAY_SIZE(udp_protocols); i++) {
		if (udp_protocols[i].port != (udp_protocols[i].source ? source : destination))
			continue;
		r = udp_protocols[i].parse(&payload, ret);
		return udp_protocols[i].alone ? r : 0;
	}
	return 0;
}

static int parse_ipv4(struct cursor *cursor, bool broadcast, struct observation *ret)
{
	uint8_t first = cursor_u8(cursor), protocol;
	size_t header = (size_t)(first & 15) * 4;
	uint16_t fragment;

	cursor_skip(cursor, 5);
	fragment = cursor_u16(cursor);
	ret->ttl = cursor_u8(cursor);
	protocol = cursor_u8(cursor);
	cursor_skip(cursor, 2);
	ret->sender = observation_read_address(cursor);
	ret->target = observation_read_address(cursor);
	if (!cursor_ok(cursor))
		return -EBADMSG;
	if (first >> 4 != 4 || header < 20)
		return 1;
	ret->kind = broadcast ? OBSERVATION_IPV4_BROADCAST : OBSERVATION_IPV4_MULTICAST;
	cursor_skip(cursor, header - 20);
	if (protocol != PROTOCOL_UDP || fragment & FRAGMENT_OFFSET_MASK)
		return 0;
	return parse_udp(cursor, ret);
}

int observation_parse_router_advertisement(struct cursor *cursor, struct observation *ret)
{
	ret->kind = OBSERVATION_ROUTER_ADVERTISEMENT;
	cursor_skip(cursor, RA_OPTIONS_AT);
	while (cursor_left(cursor)) {
		uint8_t type = cursor_u8(cursor), units = cursor_u8(cursor), length;
		struct cursor value = cursor_sub(cursor, units ? units * 8u - 2 : SIZE_MAX);

		if (type != RA_PREFIX || units != 4 || ret->prefix6_length)
			continue;
		length = cursor_u8(&value);
		cursor_skip(&value, 13); /* flags, lifetimes, reserved */
		cursor_copy(&value, &ret->prefix6, sizeof(ret->prefix6));
		ret->prefix6_length = length <= 128 ? length : 0;
	}
	return cursor_ok(cursor) ? 0 : -EBADMSG;
}

/* RFC 4861 4.2: without extension headers, and never forwarded. */
static int parse_ipv6(struct cursor *cursor, struct observation *ret)
{
	uint8_t next, limit;
	uint16_t length;
	struct cursor payload;

	cursor_skip(cursor, 4);
	length = cursor_u16(cursor);
	next = cursor_u8(cursor);
	limit = cursor_u8(cursor);
	cursor_skip(cursor, 32);
	payload = cursor_sub(cursor, length);
	if (!cursor_ok(cursor))
		return -EBADMSG;
	if (next != PROTOCOL_ICMPV6 || limit != 255 || length == 0 || payload.data[0] != ICMPV6_RA)
		return 1;
	return observation_parse_router_advertisement(&payload, ret);
}

/* IEEE 802.3: bridges, and Cisco's own protocols behind a SNAP header. */
static int parse_llc(struct cursor *cursor, uint16_t length, struct observation *ret)
{
	static const uint8_t cdp[] = {0xaa, 0xaa, 0x03, 0x00, 0x00, 0x0c, 0x20, 0x00};
	struct cursor frame = cursor_sub(cursor, MIN((size_t)length, cursor_left(cursor)));

	ret->kind = OBSERVATION_BPDU;
	if (cursor_left(&frame) >= sizeof(cdp) && memcmp(frame.data, cdp, sizeof(cdp)) == 0) {
		cursor_skip(&frame, sizeof(cdp));
		return observation_parse_cdp(&frame, ret);
	}
	return cursor_u16(&frame) == LLC_BPDU ? 0 : 1;
}

bool observation_names(const struct observation *observation, struct in_addr address)
{
	return observation->sender.s_addr == address.s_addr ||
	       observation->target.s_addr == address.s_addr ||
	       observation->gateway.s_addr == address.s_addr ||
	       observation->dns.s_addr == address.s_addr ||
	       observation->server.s_addr == address.s_addr ||
	       observation->named.s_addr == address.s_addr;
}

int observation_parse(const void *frame, size_t size, usec_t now, struct observation *ret)
{
	struct cursor cursor = CURSOR(frame, size);
	const uint8_t *destination = cursor_bytes(&cursor, 6);
	uint16_t type;

	*ret = (struct observation){.time = now, .mac.length = 6};
	cursor_copy(&cursor, ret->mac.bytes, 6);
	type = cursor_u16(&cursor);
	if (!cursor_ok(&cursor))
		return -EBADMSG;
	switch (type) {
	case ETHERTYPE_ARP:
		return parse_arp(&cursor, ret);
	case ETHERTYPE_IP:
		return destination[0] & 1 ? parse_ipv4(&cursor, destination[0] == 0xff, ret) : 1;
	case ETHERTYPE_IPV6:
		return parse_ipv6(&cursor, ret);
	case ETHERTYPE_LLDP:
		return observation_parse_lldp(&cursor, ret);
	default:
		return type < ETH_DATA_LEN ? parse_llc(&cursor, type, ret) : 1;
	}
}
