#include "observation.h"

#include <net/ethernet.h>

#include "netlink/arp.h"

#define PROTOCOL_UDP	     17
#define PROTOCOL_ICMPV6	     58
#define ICMPV6_RA	     134
#define ETHERTYPE_LLDP	     0x88cc
#define LLC_BPDU	     0x4242
#define LLDP_CAPABILITIES    7
#define LLDP_ROUTER	     0x10 /* enabled capability, IEEE 802.1AB 8.5.8 */
#define DHCP_OPTIONS_AT	     236
#define DHCP_COOKIE	     0x63825363
#define PORT_DHCP_SERVER     67
#define FRAGMENT_OFFSET_MASK 0x1fff

static struct in_addr read_address(struct cursor *cursor)
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

/* RFC 2131 2, RFC 2132 3.3, 3.5 and 3.8 */
static int parse_dhcp(struct cursor *cursor, struct observation *ret)
{
	bool reply = cursor_u8(cursor) == 2;

	cursor_skip(cursor, DHCP_OPTIONS_AT - 1);
	if (!reply || cursor_u32(cursor) != DHCP_COOKIE || !cursor_ok(cursor))
		return 1;
	ret->kind = OBSERVATION_DHCP_SERVER;
	while (cursor_left(cursor)) {
		uint8_t code = cursor_u8(cursor);
		struct cursor value;
		int length;

		if (code == 0)
			continue;
		if (code == 255)
			break;
		value = cursor_sub(cursor, cursor_u8(cursor));
		if (cursor_left(&value) < 4)
			continue;
		if (code == 1) {
			length = ip_netmask_to_length(read_address(&value).s_addr);
			ret->prefix = length > 0 ? (uint8_t)length : 0;
		} else if (code == 3) {
			ret->gateway = read_address(&value);
		} else if (code == 6) {
			ret->dns = read_address(&value);
		}
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
	ret->sender = read_address(cursor);
	ret->target = read_address(cursor);
	if (!cursor_ok(cursor))
		return -EBADMSG;
	if (first >> 4 != 4 || header < 20)
		return 1;
	ret->kind = broadcast ? OBSERVATION_IPV4_BROADCAST : OBSERVATION_IPV4_MULTICAST;
	cursor_skip(cursor, header - 20);
	if (protocol != PROTOCOL_UDP || fragment & FRAGMENT_OFFSET_MASK ||
	    cursor_u16(cursor) != PORT_DHCP_SERVER)
		return 0;
	cursor_skip(cursor, 6);
	/* A client's own question comes from 0.0.0.0 and tells nothing. */
	return parse_dhcp(cursor, ret);
}

/* RFC 4861 4.2: without extension headers, and never forwarded. */
static int parse_ipv6(struct cursor *cursor, struct observation *ret)
{
	uint8_t next, limit;

	cursor_skip(cursor, 6);
	next = cursor_u8(cursor);
	limit = cursor_u8(cursor);
	cursor_skip(cursor, 32);
	ret->kind = OBSERVATION_ROUTER_ADVERTISEMENT;
	if (next == PROTOCOL_ICMPV6 && cursor_u8(cursor) == ICMPV6_RA && limit == 255)
		return cursor_ok(cursor) ? 0 : -EBADMSG;
	return cursor_ok(cursor) ? 1 : -EBADMSG;
}

static int parse_lldp(struct cursor *cursor, struct observation *ret)
{
	ret->kind = OBSERVATION_LLDP;
	while (cursor_left(cursor)) {
		uint16_t head = cursor_u16(cursor);
		struct cursor value = cursor_sub(cursor, head & 0x1ff);

		if (head >> 9 == 0)
			break;
		if (head >> 9 != LLDP_CAPABILITIES)
			continue;
		cursor_skip(&value, 2);
		ret->router = cursor_u16(&value) & LLDP_ROUTER;
	}
	return cursor_ok(cursor) ? 0 : -EBADMSG;
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
		return parse_lldp(&cursor, ret);
	default:
		ret->kind = OBSERVATION_BPDU;
		return type < ETH_DATA_LEN && cursor_u16(&cursor) == LLC_BPDU ? 0 : 1;
	}
}
