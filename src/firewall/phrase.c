#include "phrase.h"

#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "field.h"

/* Of two that begin alike, the longer one first. */
static const struct phrase phrases[] = {
	{{"meta", "nfproto"}, FIELD_FAMILY, 0, 0},
	{{"meta", "l4proto"}, FIELD_PROTOCOL, 0, 0},
	{{"meta", "iifname"}, FIELD_IN_LINK, 0, 0},
	{{"meta", "oifname"}, FIELD_OUT_LINK, 0, 0},
	{{"meta", "skuid"}, FIELD_USER, 0, 0},
	{{"meta", "mark"}, FIELD_MARK, 0, 0},
	{{"meta", "pkttype"}, FIELD_PACKET_TYPE, 0, 0},
	{{"iifname"}, FIELD_IN_LINK, 0, 0},
	{{"oifname"}, FIELD_OUT_LINK, 0, 0},
	{{"iif"}, FIELD_IN_LINK, 0, 0},
	{{"oif"}, FIELD_OUT_LINK, 0, 0},
	{{"skuid"}, FIELD_USER, 0, 0},
	{{"mark"}, FIELD_MARK, 0, 0},
	{{"ip", "saddr"}, FIELD_SOURCE4, 0, 0},
	{{"ip", "daddr"}, FIELD_DESTINATION4, 0, 0},
	{{"ip", "protocol"}, FIELD_PROTOCOL, NFPROTO_IPV4, 0},
	{{"ip6", "saddr"}, FIELD_SOURCE6, 0, 0},
	{{"ip6", "daddr"}, FIELD_DESTINATION6, 0, 0},
	{{"ip6", "hoplimit"}, FIELD_HOP_LIMIT, 0, 0},
	{{"ip6", "nexthdr"}, FIELD_PROTOCOL, NFPROTO_IPV6, 0},
	{{"tcp", "sport"}, FIELD_SOURCE_PORT, 0, IPPROTO_TCP},
	{{"tcp", "dport"}, FIELD_DESTINATION_PORT, 0, IPPROTO_TCP},
	{{"udp", "sport"}, FIELD_SOURCE_PORT, 0, IPPROTO_UDP},
	{{"udp", "dport"}, FIELD_DESTINATION_PORT, 0, IPPROTO_UDP},
	{{"sctp", "sport"}, FIELD_SOURCE_PORT, 0, IPPROTO_SCTP},
	{{"sctp", "dport"}, FIELD_DESTINATION_PORT, 0, IPPROTO_SCTP},
	{{"th", "sport"}, FIELD_SOURCE_PORT, 0, 0},
	{{"th", "dport"}, FIELD_DESTINATION_PORT, 0, 0},
	{{"icmp", "type"}, FIELD_ICMP_TYPE, NFPROTO_IPV4, IPPROTO_ICMP},
	{{"icmpv6", "type"}, FIELD_ICMP_TYPE, NFPROTO_IPV6, IPPROTO_ICMPV6},
	{{"ct", "state"}, FIELD_STATE, 0, 0},
	{{"ct", "status"}, FIELD_STATUS, 0, 0},
	{{"ct", "original", "proto-dst"}, FIELD_ORIGINAL_PORT, 0, 0},
	{{"fib", "saddr", "type"}, FIELD_SOURCE_TYPE, 0, 0},
	{{"fib", "daddr", "type"}, FIELD_DESTINATION_TYPE, 0, 0},
	{{"fib", "saddr", ".", "iif", "oif"}, FIELD_REVERSE_PATH, 0, 0},
};

static unsigned phrase_length(const struct phrase *phrase)
{
	unsigned length = 0;

	while (length < ARRAY_SIZE(phrase->words) && phrase->words[length])
		length++;
	return length;
}

const struct phrase *phrase_take(struct tokens *tokens)
{
	for (size_t i = 0; i < ARRAY_SIZE(phrases); i++) {
		struct tokens ahead = *tokens;
		unsigned length = phrase_length(&phrases[i]), taken = 0;

		while (taken < length && tokens_take(&ahead, phrases[i].words[taken]))
			taken++;
		if (taken < length)
			continue;
		*tokens = ahead;
		return &phrases[i];
	}
	return NULL;
}

/* ---- names of values ---- */

struct value_name {
	uint8_t field;
	uint8_t protocol; /* of FIELD_ICMP_TYPE */
	const char *text;
	uint32_t number;
};

/* What is printed is the first of a number; ports are printed as numbers. */
static const struct value_name names[] = {
	{FIELD_FAMILY, 0, "ipv4", NFPROTO_IPV4},
	{FIELD_FAMILY, 0, "ipv6", NFPROTO_IPV6},
	{FIELD_PROTOCOL, 0, "tcp", IPPROTO_TCP},
	{FIELD_PROTOCOL, 0, "udp", IPPROTO_UDP},
	{FIELD_PROTOCOL, 0, "icmp", IPPROTO_ICMP},
	{FIELD_PROTOCOL, 0, "ipv6-icmp", IPPROTO_ICMPV6},
	{FIELD_PROTOCOL, 0, "icmpv6", IPPROTO_ICMPV6},
	{FIELD_PROTOCOL, 0, "igmp", IPPROTO_IGMP},
	{FIELD_PROTOCOL, 0, "sctp", IPPROTO_SCTP},
	{FIELD_PROTOCOL, 0, "gre", IPPROTO_GRE},
	{FIELD_PROTOCOL, 0, "esp", IPPROTO_ESP},
	{FIELD_PROTOCOL, 0, "ah", IPPROTO_AH},
	{FIELD_PROTOCOL, 0, "udplite", IPPROTO_UDPLITE},
	{FIELD_STATE, 0, "invalid", STATE_INVALID},
	{FIELD_STATE, 0, "established", STATE_ESTABLISHED},
	{FIELD_STATE, 0, "related", STATE_RELATED},
	{FIELD_STATE, 0, "new", STATE_NEW},
	{FIELD_STATE, 0, "untracked", STATE_UNTRACKED},
	{FIELD_STATUS, 0, "dnat", IPS_DST_NAT},
	{FIELD_STATUS, 0, "snat", IPS_SRC_NAT},
	{FIELD_PACKET_TYPE, 0, "host", 0},
	{FIELD_PACKET_TYPE, 0, "broadcast", 1},
	{FIELD_PACKET_TYPE, 0, "multicast", 2},
	{FIELD_PACKET_TYPE, 0, "other", 3},
	{FIELD_SOURCE_TYPE, 0, "unicast", RTN_UNICAST},
	{FIELD_SOURCE_TYPE, 0, "local", RTN_LOCAL},
	{FIELD_SOURCE_TYPE, 0, "broadcast", RTN_BROADCAST},
	{FIELD_SOURCE_TYPE, 0, "anycast", RTN_ANYCAST},
	{FIELD_SOURCE_TYPE, 0, "multicast", RTN_MULTICAST},
	{FIELD_DESTINATION_TYPE, 0, "unicast", RTN_UNICAST},
	{FIELD_DESTINATION_TYPE, 0, "local", RTN_LOCAL},
	{FIELD_DESTINATION_TYPE, 0, "broadcast", RTN_BROADCAST},
	{FIELD_DESTINATION_TYPE, 0, "anycast", RTN_ANYCAST},
	{FIELD_DESTINATION_TYPE, 0, "multicast", RTN_MULTICAST},
	{FIELD_REVERSE_PATH, 0, "missing", 0},
	{FIELD_REVERSE_PATH, 0, "exists", 1},
	{FIELD_ICMP_TYPE, IPPROTO_ICMP, "echo-reply", 0},
	{FIELD_ICMP_TYPE, IPPROTO_ICMP, "destination-unreachable", 3},
	{FIELD_ICMP_TYPE, IPPROTO_ICMP, "redirect", 5},
	{FIELD_ICMP_TYPE, IPPROTO_ICMP, "echo-request", 8},
	{FIELD_ICMP_TYPE, IPPROTO_ICMP, "router-advertisement", 9},
	{FIELD_ICMP_TYPE, IPPROTO_ICMP, "router-solicitation", 10},
	{FIELD_ICMP_TYPE, IPPROTO_ICMP, "time-exceeded", 11},
	{FIELD_ICMP_TYPE, IPPROTO_ICMP, "parameter-problem", 12},
	{FIELD_ICMP_TYPE, IPPROTO_ICMPV6, "destination-unreachable", 1},
	{FIELD_ICMP_TYPE, IPPROTO_ICMPV6, "packet-too-big", 2},
	{FIELD_ICMP_TYPE, IPPROTO_ICMPV6, "time-exceeded", 3},
	{FIELD_ICMP_TYPE, IPPROTO_ICMPV6, "parameter-problem", 4},
	{FIELD_ICMP_TYPE, IPPROTO_ICMPV6, "echo-request", 128},
	{FIELD_ICMP_TYPE, IPPROTO_ICMPV6, "echo-reply", 129},
	{FIELD_ICMP_TYPE, IPPROTO_ICMPV6, "mld-listener-query", 130},
	{FIELD_ICMP_TYPE, IPPROTO_ICMPV6, "mld-listener-report", 131},
	{FIELD_ICMP_TYPE, IPPROTO_ICMPV6, "mld-listener-done", 132},
	{FIELD_ICMP_TYPE, IPPROTO_ICMPV6, "nd-router-solicit", 133},
	{FIELD_ICMP_TYPE, IPPROTO_ICMPV6, "nd-router-advert", 134},
	{FIELD_ICMP_TYPE, IPPROTO_ICMPV6, "nd-neighbor-solicit", 135},
	{FIELD_ICMP_TYPE, IPPROTO_ICMPV6, "nd-neighbor-advert", 136},
	{FIELD_ICMP_TYPE, IPPROTO_ICMPV6, "nd-redirect", 137},
	{FIELD_ICMP_TYPE, IPPROTO_ICMPV6, "mld2-listener-report", 143},
	{FIELD_DESTINATION_PORT, 0, "ssh", 22},
	{FIELD_DESTINATION_PORT, 0, "domain", 53},
	{FIELD_DESTINATION_PORT, 0, "bootps", 67},
	{FIELD_DESTINATION_PORT, 0, "bootpc", 68},
	{FIELD_DESTINATION_PORT, 0, "http", 80},
	{FIELD_DESTINATION_PORT, 0, "ntp", 123},
	{FIELD_DESTINATION_PORT, 0, "https", 443},
	{FIELD_DESTINATION_PORT, 0, "dhcpv6-client", 546},
	{FIELD_DESTINATION_PORT, 0, "dhcpv6-server", 547},
	{FIELD_DESTINATION_PORT, 0, "domain-s", 853},
};

static bool is_port(uint8_t field)
{
	return field == FIELD_SOURCE_PORT || field == FIELD_DESTINATION_PORT ||
	       field == FIELD_ORIGINAL_PORT;
}

static int number_parse(const struct phrase *phrase, const char *text, uint32_t *ret)
{
	uint8_t field = is_port(phrase->field) ? FIELD_DESTINATION_PORT : phrase->field;
	unsigned width = field_of(phrase->field)->width;
	uint64_t most = width >= 4 ? UINT32_MAX : (1u << (8 * width)) - 1;
	unsigned long long number;
	char *end;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (names[i].field != field || strcmp(names[i].text, text) != 0 ||
		    (names[i].protocol && names[i].protocol != phrase->protocol))
			continue;
		*ret = names[i].number;
		return 0;
	}
	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	number = strtoull(text, &end, 0);
	if (*end || number > most)
		return -EINVAL;
	*ret = (uint32_t)number;
	return 0;
}

int protocol_parse(const char *text, uint8_t *ret)
{
	static const struct phrase phrase = {.field = FIELD_PROTOCOL};
	uint32_t number;
	int r = number_parse(&phrase, text, &number);

	if (r >= 0)
		*ret = (uint8_t)number;
	return r;
}

const char *value_name(enum packet_field field, uint8_t protocol, uint32_t number)
{
	for (size_t i = 0; field != FIELD_DESTINATION_PORT && i < ARRAY_SIZE(names); i++)
		if (names[i].field == field && names[i].number == number &&
		    (!names[i].protocol || names[i].protocol == protocol))
			return names[i].text;
	return NULL;
}

/* ---- values ---- */

static void exactly(struct match *match, const struct packet_value *value)
{
	match->kind = MATCH_RANGE;
	match->range.low = match->range.high = *value;
}

/* "veth*" is all names that begin so. */
static int link_parse(const char *text, struct match *ret)
{
	size_t length = strlen(text);
	struct packet_value value;

	if (length == 0 || length > PACKET_VALUE_MAX - 1)
		return -EINVAL;
	value = packet_value_text(text);
	exactly(ret, &value);
	if (text[length - 1] != '*')
		return 0;
	value.bytes[length - 1] = 0;
	ret->kind = MATCH_BITS;
	ret->bits.mask = packet_value_mask((unsigned)(length - 1) * 8);
	ret->bits.value = value;
	return 0;
}

static int one_address(const char *text, int family, struct ip_prefix *ret)
{
	int r = ip_prefix_parse(text, ret, "address", NULL);

	return r < 0 || ret->address.family != family ? -EINVAL : 0;
}

static int address_parse(char *text, int family, struct match *ret)
{
	char *dash = strchr(text, '-');
	struct ip_prefix low, high;
	struct packet_value last;

	if (dash)
		*dash++ = '\0';
	if (one_address(text, family, &low) < 0 || (dash && one_address(dash, family, &high) < 0))
		return -EINVAL;
	if (!dash)
		high = low;
	if (dash || low.length == ip_family_bits(family)) {
		ret->kind = MATCH_RANGE;
		ret->range.low = packet_value_address(&low.address);
		ret->range.high = packet_value_address(&high.address);
		return memcmp(&ret->range.low, &ret->range.high, PACKET_VALUE_MAX) > 0 ? -EINVAL
										       : 0;
	}
	ret->kind = MATCH_BITS;
	ret->bits.mask = packet_value_mask(low.length);
	packet_value_prefix(&low, &ret->bits.value, &last);
	return 0;
}

static int numbers_parse(const struct phrase *phrase, char *text, struct match *ret)
{
	uint32_t low, high;
	char *dash = NULL;
	int r = number_parse(phrase, text, &low);

	high = low;
	/* Names have dashes, too. */
	if (r < 0) {
		dash = strchr(text, '-');
		if (!dash)
			return r;
		*dash = '\0';
		r = number_parse(phrase, text, &low);
		if (r >= 0)
			r = number_parse(phrase, dash + 1, &high);
	}
	if (r < 0 || low > high)
		return -EINVAL;
	ret->kind = MATCH_RANGE;
	ret->range.low = packet_value_number(phrase->field, low);
	ret->range.high = packet_value_number(phrase->field, high);
	return 0;
}

/* "established,related": any of these bits. */
static int bits_parse(struct tokens *tokens, const struct phrase *phrase, struct match *ret)
{
	uint32_t bits = 0, bit;

	for (;;) {
		if (number_parse(phrase, tokens->text, &bit) < 0)
			return -EINVAL;
		bits |= bit;
		tokens_next(tokens);
		if (!tokens_take(tokens, ","))
			break;
	}
	ret->kind = MATCH_ANY_BIT;
	ret->bits.mask = packet_value_number(phrase->field, bits);
	return 0;
}

int phrase_value(struct tokens *tokens, const struct phrase *phrase, struct match *ret)
{
	char text[TOKEN_MAX];
	int r;

	if (tokens->too_long)
		return -EINVAL;
	memcpy(text, tokens->text, sizeof(text));
	ret->field_count = 1;
	ret->fields[0] = phrase->field;
	switch (phrase->field) {
	case FIELD_STATE:
	case FIELD_STATUS:
		return bits_parse(tokens, phrase, ret);
	case FIELD_IN_LINK:
	case FIELD_OUT_LINK:
		r = link_parse(text, ret);
		break;
	case FIELD_SOURCE4:
	case FIELD_DESTINATION4:
		r = address_parse(text, AF_INET, ret);
		break;
	case FIELD_SOURCE6:
	case FIELD_DESTINATION6:
		r = address_parse(text, AF_INET6, ret);
		break;
	default:
		r = numbers_parse(phrase, text, ret);
	}
	if (r >= 0)
		tokens_next(tokens);
	return r;
}
