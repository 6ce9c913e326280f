#include <arpa/inet.h>
#include <string.h>

#include "packet_space.h"

static void put_address(struct text_buffer *text, bool v6, uint128 number)
{
	char buffer[INET6_ADDRSTRLEN];
	uint8_t bytes[PACKET_VALUE_MAX];

	for (unsigned i = v6 ? 16 : 4; i-- > 0; number >>= 8)
		bytes[i] = (uint8_t)number;
	if (inet_ntop(v6 ? AF_INET6 : AF_INET, bytes, buffer, sizeof(buffer)))
		text_buffer_put(text, buffer);
}

/* " WORD ADDRESS", " WORD PREFIX" or " WORD LOW-HIGH"; nothing for any. */
static void put_addresses(struct text_buffer *text, const char *word, bool v6,
			  const struct wide_span *span)
{
	uint128 size = span->high - span->low; /* less one */
	unsigned bits = v6 ? 128 : 32, length = bits;

	if (span->low == 0 && span->high == (uint128)-1 >> (128 - bits))
		return;
	text_buffer_format(text, " %s ", word);
	put_address(text, v6, span->low);
	if (size == 0)
		return;
	if ((size & (size + 1)) != 0 || (span->low & size) != 0) {
		text_buffer_put(text, "-");
		put_address(text, v6, span->high);
		return;
	}
	for (; size; size >>= 1)
		length--;
	text_buffer_format(text, "/%u", length);
}

static void put_numbers(struct text_buffer *text, const char *word, const struct narrow_span *span,
			uint32_t greatest)
{
	if (span->low == 0 && span->high >= greatest)
		return;
	text_buffer_format(text, " %s %u", word, span->low);
	if (span->high != span->low)
		text_buffer_format(text, "-%u", MIN(span->high, greatest));
}

static void put_link(struct text_buffer *text, const char *word, const struct wide_span *span)
{
	char name[PACKET_VALUE_MAX + 1] = "";
	uint128 number = span->low;

	if (span->low <= 1 && span->high == (uint128)-1)
		return;
	if (span->low != span->high) {
		text_buffer_format(text, " %s some other link", word);
		return;
	}
	for (unsigned i = PACKET_VALUE_MAX; i-- > 0; number >>= 8)
		name[i] = (char)(number & 0xff);
	if (name[0])
		text_buffer_format(text, " %s %s", word, name);
}

static void put_protocol(struct text_buffer *text, const struct packet_box *box)
{
	const struct narrow_span *span = &box->narrow[NARROW_PROTOCOL];
	const char *name = packet_protocol_name(span->low);

	if (span->low == span->high && name)
		text_buffer_format(text, " %s", name);
	else if (span->low == PACKET_PROTOCOL_NONE)
		text_buffer_put(text, " of no readable protocol");
	else
		put_numbers(text, "protocol", span, UINT8_MAX);
}

static bool is_icmp(const struct packet_box *box)
{
	const struct narrow_span *protocol = &box->narrow[NARROW_PROTOCOL];

	return protocol->low == protocol->high &&
	       (protocol->low == IPPROTO_ICMP || protocol->low == IPPROTO_ICMPV6);
}

/* The first two bytes of ICMP are no port. */
static void put_source_port(struct text_buffer *text, const struct packet_box *box)
{
	struct narrow_span span = box->narrow[NARROW_SOURCE_PORT];

	if (!is_icmp(box)) {
		put_numbers(text, "source port", &span, UINT16_MAX);
		return;
	}
	span.low >>= 8;
	span.high >>= 8;
	put_numbers(text, "type", &span, UINT8_MAX);
}

static void put_destination_port(struct text_buffer *text, const struct packet_box *box)
{
	if (!is_icmp(box))
		put_numbers(text, "to port", &box->narrow[NARROW_DESTINATION_PORT], UINT16_MAX);
}

static void put_states(struct text_buffer *text, uint32_t states)
{
	static const struct {
		uint32_t state;
		const char *text;
	} names[] = {
		{STATE_NEW, "new"},
		{STATE_ESTABLISHED, "established"},
		{STATE_RELATED, "related"},
		{STATE_INVALID, "invalid"},
		{STATE_UNTRACKED, "untracked"},
	};
	const char *before = ", ";
	unsigned count = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		count += (states & names[i].state) != 0;
	for (unsigned i = 0; i < ARRAY_SIZE(names) && count < ARRAY_SIZE(names); i++) {
		if (!(states & names[i].state))
			continue;
		text_buffer_format(text, "%s%s", before, names[i].text);
		before = " or ";
	}
}

void packet_box_describe(const struct packet_box *box, struct text_buffer *text)
{
	bool v6 = box->choice[CHOICE_FAMILY] & 1u << NFPROTO_IPV6;
	struct narrow_span user = box->narrow[NARROW_USER];

	text_buffer_put(text, v6 ? "IPv6" : "IPv4");
	put_protocol(text, box);
	if (box->choice[CHOICE_TRANSPORT] == 1)
		text_buffer_put(text, " without its transport header");
	put_addresses(text, "from", v6, &box->wide[WIDE_SOURCE]);
	put_source_port(text, box);
	put_addresses(text, "to", v6, &box->wide[WIDE_DESTINATION]);
	put_destination_port(text, box);
	put_link(text, "in by", &box->wide[WIDE_IN_LINK]);
	put_link(text, "out by", &box->wide[WIDE_OUT_LINK]);
	if (user.low != PACKET_USER_NONE && user.high != PACKET_USER_NONE)
		put_numbers(text, "of uid", &user, PACKET_USER_NONE);
	if (box->cube[CUBE_MARK].mask)
		text_buffer_format(text, " marked 0x%x/0x%x", box->cube[CUBE_MARK].value,
				   box->cube[CUBE_MARK].mask);
	put_states(text, box->choice[CHOICE_STATE]);
}
