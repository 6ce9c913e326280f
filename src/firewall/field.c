#include "field.h"

#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <string.h>

#define ROW(number_, text_, source_, key_, width_, ...)                                            \
	[number_] = {.text = text_,                                                                \
		     .source = FIELD_OF_##source_,                                                 \
		     .number = key_,                                                               \
		     .width = width_,                                                              \
		     __VA_ARGS__}
#define TYPE(number_, text_) .type = number_, .type_text = text_

static const struct field_form fields[] = {
	ROW(FIELD_FAMILY, "meta nfproto", META, NFT_META_NFPROTO, 1),
	ROW(FIELD_IN_LINK, "iifname", META, NFT_META_IIFNAME, 16, TYPE(41, "ifname")),
	ROW(FIELD_OUT_LINK, "oifname", META, NFT_META_OIFNAME, 16, TYPE(41, "ifname")),
	ROW(FIELD_SOURCE4, "ip saddr", NETWORK_HEADER, 12, 4, .family = NFPROTO_IPV4,
	    TYPE(7, "ipv4_addr")),
	ROW(FIELD_DESTINATION4, "ip daddr", NETWORK_HEADER, 16, 4, .family = NFPROTO_IPV4,
	    TYPE(7, "ipv4_addr")),
	ROW(FIELD_SOURCE6, "ip6 saddr", NETWORK_HEADER, 8, 16, .family = NFPROTO_IPV6,
	    TYPE(8, "ipv6_addr")),
	ROW(FIELD_DESTINATION6, "ip6 daddr", NETWORK_HEADER, 24, 16, .family = NFPROTO_IPV6,
	    TYPE(8, "ipv6_addr")),
	ROW(FIELD_PROTOCOL, "meta l4proto", META, NFT_META_L4PROTO, 1, TYPE(12, "inet_proto")),
	ROW(FIELD_SOURCE_PORT, "th sport", TRANSPORT_HEADER, 0, 2, TYPE(13, "inet_service")),
	ROW(FIELD_DESTINATION_PORT, "th dport", TRANSPORT_HEADER, 2, 2, TYPE(13, "inet_service")),
	ROW(FIELD_ORIGINAL_PORT, "ct original proto-dst", ORIGINAL, NFT_CT_PROTO_DST, 2,
	    TYPE(13, "inet_service")),
	ROW(FIELD_ICMP_TYPE, "icmp type", TRANSPORT_HEADER, 0, 1),
	ROW(FIELD_HOP_LIMIT, "ip6 hoplimit", NETWORK_HEADER, 7, 1, .family = NFPROTO_IPV6),
	ROW(FIELD_STATE, "ct state", CONNECTION, NFT_CT_STATE, 4, .host_order = true),
	ROW(FIELD_STATUS, "ct status", CONNECTION, NFT_CT_STATUS, 4, .host_order = true),
	ROW(FIELD_USER, "meta skuid", META, NFT_META_SKUID, 4, .host_order = true),
	ROW(FIELD_MARK, "meta mark", META, NFT_META_MARK, 4, .host_order = true),
	ROW(FIELD_PACKET_TYPE, "meta pkttype", META, NFT_META_PKTTYPE, 1),
	ROW(FIELD_SOURCE_TYPE, "fib saddr type", ROUTES, NFTA_FIB_F_SADDR, 4, .host_order = true),
	ROW(FIELD_DESTINATION_TYPE, "fib daddr type", ROUTES, NFTA_FIB_F_DADDR, 4,
	    .host_order = true),
	ROW(FIELD_REVERSE_PATH, "fib saddr . iif oif", ROUTES, NFTA_FIB_F_SADDR | NFTA_FIB_F_IIF,
	    1),
};

const struct field_form *field_of(enum packet_field field)
{
	return &fields[field];
}

unsigned field_room(enum packet_field field)
{
	return (fields[field].width + 3u) & ~3u;
}

struct packet_value packet_value_number(enum packet_field field, uint32_t number)
{
	struct packet_value value = {0};
	unsigned width = fields[field].width;

	for (unsigned i = 0; i < MIN(width, 4u); i++)
		value.bytes[width - 1 - i] = (uint8_t)(number >> (8 * i));
	return value;
}

uint32_t packet_value_to_number(enum packet_field field, const struct packet_value *value)
{
	uint32_t number = 0;

	for (unsigned i = 0; i < fields[field].width; i++)
		number = number << 8 | value->bytes[i];
	return number;
}

struct packet_value packet_value_text(const char *text)
{
	struct packet_value value = {0};

	memcpy(value.bytes, text, strnlen(text, sizeof(value.bytes) - 1));
	return value;
}

struct packet_value packet_value_address(const struct ip_address *address)
{
	struct packet_value value = {0};

	memcpy(value.bytes, address->bytes, ip_family_bytes(address->family));
	return value;
}

struct packet_value packet_value_mask(unsigned length)
{
	struct packet_value value = {0};

	for (unsigned i = 0; i < length; i++)
		value.bytes[i / 8] |= (uint8_t)(0x80 >> i % 8);
	return value;
}

struct packet_value packet_value_most(enum packet_field field)
{
	return packet_value_mask(fields[field].width * 8);
}

bool packet_value_equal(const struct packet_value *a, const struct packet_value *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

void packet_value_prefix(const struct ip_prefix *prefix, struct packet_value *ret_low,
			 struct packet_value *ret_high)
{
	struct packet_value mask = packet_value_mask(prefix->length);
	struct packet_value address = packet_value_address(&prefix->address);
	struct packet_value all = packet_value_mask(ip_family_bits(prefix->address.family));

	for (unsigned i = 0; i < sizeof(mask.bytes); i++) {
		ret_low->bytes[i] = address.bytes[i] & mask.bytes[i];
		ret_high->bytes[i] = ret_low->bytes[i] | (uint8_t)(~mask.bytes[i] & all.bytes[i]);
	}
}
