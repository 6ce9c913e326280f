#include "packet.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

static bool has_connection(const struct packet *packet)
{
	return !(packet->state & (STATE_INVALID | STATE_UNTRACKED));
}

static bool has_transport(const struct packet *packet)
{
	return packet->transport && packet->protocol != PACKET_PROTOCOL_NONE;
}

/* Fields that are bytes: whether the packet has it. */
static bool field_bytes(const struct packet *packet, enum packet_field field,
			struct packet_value *ret)
{
	const void *bytes = NULL;
	uint8_t family = field_of(field)->family;

	if (field == FIELD_IN_LINK)
		bytes = packet->in_link;
	else if (field == FIELD_OUT_LINK)
		bytes = packet->out_link;
	else if (field == FIELD_SOURCE4 || field == FIELD_SOURCE6)
		bytes = packet->source;
	else
		bytes = packet->destination;
	if (family && family != packet->family)
		return false;
	memcpy(ret->bytes, bytes, field_of(field)->width);
	return true;
}

bool packet_field_value(const struct packet *packet, enum packet_field field,
			struct packet_value *ret)
{
	uint32_t number = 0;
	bool there = true;

	*ret = (struct packet_value){0};
	switch (field) {
	case FIELD_IN_LINK:
	case FIELD_OUT_LINK:
	case FIELD_SOURCE4:
	case FIELD_DESTINATION4:
	case FIELD_SOURCE6:
	case FIELD_DESTINATION6:
		return field_bytes(packet, field, ret);
	case FIELD_FAMILY:
		number = packet->family;
		break;
	case FIELD_PROTOCOL:
		number = packet->protocol;
		there = packet->protocol != PACKET_PROTOCOL_NONE;
		break;
	case FIELD_SOURCE_PORT:
		number = packet->source_port;
		there = has_transport(packet);
		break;
	case FIELD_ICMP_TYPE:
		number = packet->source_port >> 8;
		there = has_transport(packet);
		break;
	case FIELD_DESTINATION_PORT:
		number = packet->destination_port;
		there = has_transport(packet);
		break;
	case FIELD_ORIGINAL_PORT:
		number = packet->original_port;
		there = has_connection(packet);
		break;
	case FIELD_HOP_LIMIT:
		number = packet->hop_limit;
		there = packet->family == NFPROTO_IPV6;
		break;
	case FIELD_STATE:
		number = packet->state;
		break;
	case FIELD_STATUS:
		number = packet->status;
		there = has_connection(packet);
		break;
	case FIELD_USER:
		number = packet->user;
		there = packet->user != PACKET_USER_NONE;
		break;
	case FIELD_MARK:
		number = packet->mark;
		break;
	case FIELD_PACKET_TYPE:
		number = packet->packet_type;
		break;
	case FIELD_SOURCE_TYPE:
		number = packet->source_type;
		break;
	case FIELD_DESTINATION_TYPE:
		number = packet->destination_type;
		break;
	case FIELD_REVERSE_PATH:
		number = packet->reverse_path;
		break;
	case _FIELD_MAX:
		return false;
	}
	*ret = packet_value_number(field, number);
	return there;
}

static bool any_bit(const struct packet_value *value, const struct packet_value *mask)
{
	for (unsigned i = 0; i < sizeof(value->bytes); i++)
		if (value->bytes[i] & mask->bytes[i])
			return true;
	return false;
}

static bool bits_are(const struct packet_value *value, const struct packet_value *mask,
		     const struct packet_value *wanted, unsigned width)
{
	for (unsigned i = 0; i < width; i++)
		if ((value->bytes[i] & mask->bytes[i]) != wanted->bytes[i])
			return false;
	return true;
}

bool packet_matches(const struct packet *packet, const struct match *match)
{
	enum packet_field field = match->fields[0];
	unsigned width = field_of(field)->width;
	struct packet_value value;
	bool is;

	if (!packet_field_value(packet, field, &value))
		return false;
	switch (match->kind) {
	case MATCH_RANGE:
		is = memcmp(value.bytes, match->range.low.bytes, width) >= 0 &&
		     memcmp(value.bytes, match->range.high.bytes, width) <= 0;
		break;
	case MATCH_BITS:
		is = bits_are(&value, &match->bits.mask, &match->bits.value, width);
		break;
	case MATCH_ANY_BIT:
		is = any_bit(&value, &match->bits.mask);
		break;
	default:
		return false;
	}
	return is != match->negated;
}

const char *packet_protocol_name(unsigned protocol)
{
	static const char *const names[] = {
		[IPPROTO_ICMP] = "ICMP",       [IPPROTO_IGMP] = "IGMP",	    [IPPROTO_TCP] = "TCP",
		[IPPROTO_UDP] = "UDP",	       [IPPROTO_DCCP] = "DCCP",	    [IPPROTO_GRE] = "GRE",
		[IPPROTO_ESP] = "ESP",	       [IPPROTO_ICMPV6] = "ICMPv6", [IPPROTO_SCTP] = "SCTP",
		[IPPROTO_UDPLITE] = "UDPLite",
	};

	return protocol < ARRAY_SIZE(names) ? names[protocol] : NULL;
}

static const char *state_text(uint32_t state)
{
	switch (state) {
	case STATE_INVALID:
		return "invalid";
	case STATE_ESTABLISHED:
		return "established";
	case STATE_RELATED:
		return "related";
	case STATE_NEW:
		return "new";
	default:
		return "untracked";
	}
}

static void put_end(struct text_buffer *text, const struct packet *packet, const uint8_t *address,
		    uint16_t port)
{
	bool v6 = packet->family == NFPROTO_IPV6;
	bool icmp = packet->protocol == IPPROTO_ICMP || packet->protocol == IPPROTO_ICMPV6;
	char buffer[INET6_ADDRSTRLEN];

	if (!inet_ntop(v6 ? AF_INET6 : AF_INET, address, buffer, sizeof(buffer)))
		return;
	if (!packet->transport || icmp)
		text_buffer_put(text, buffer);
	else
		text_buffer_format(text, v6 ? "[%s]:%u" : "%s:%u", buffer, port);
}

void packet_describe(const struct packet *packet, struct text_buffer *text)
{
	const char *protocol = packet_protocol_name(packet->protocol);

	text_buffer_put(text, packet->family == NFPROTO_IPV6 ? "IPv6 " : "IPv4 ");
	if (protocol)
		text_buffer_format(text, "%s ", protocol);
	else if (packet->protocol != PACKET_PROTOCOL_NONE)
		text_buffer_format(text, "protocol %u ", packet->protocol);
	put_end(text, packet, packet->source, packet->source_port);
	text_buffer_put(text, " > ");
	put_end(text, packet, packet->destination, packet->destination_port);

	if (packet->transport &&
	    (packet->protocol == IPPROTO_ICMP || packet->protocol == IPPROTO_ICMPV6))
		text_buffer_format(text, " type %u", packet->source_port >> 8);
	if (!packet->transport)
		text_buffer_put(text, " without its transport header");
	if (packet->in_link[0])
		text_buffer_format(text, " in by %s", packet->in_link);
	if (packet->out_link[0])
		text_buffer_format(text, " out by %s", packet->out_link);
	if (packet->user != PACKET_USER_NONE)
		text_buffer_format(text, " of uid %u", packet->user);
	text_buffer_format(text, ", %s", state_text(packet->state));
}
