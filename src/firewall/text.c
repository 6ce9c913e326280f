#include "text.h"

#include <stdio.h>
#include <string.h>

#include "field.h"
#include "phrase.h"

static const char *const hook_texts[_HOOK_MAX] = {
	[HOOK_PREROUTING] = "prerouting",   [HOOK_INPUT] = "input",
	[HOOK_FORWARD] = "forward",	    [HOOK_OUTPUT] = "output",
	[HOOK_POSTROUTING] = "postrouting",
};

/* ---- values ---- */

static void address_text(int family, const struct packet_value *value, struct text_buffer *buffer)
{
	struct ip_address address = ip_address_from_bytes(family, value->bytes);
	char text[IP_ADDRESS_TEXT_MAX];

	text_buffer_put(buffer, ip_address_print(&address, text));
}

/* A name of a link is whatever somebody called it; nft knows no escapes, so what would end the
 * quotes is shown as '?'. */
static void link_text(const struct packet_value *value, struct text_buffer *buffer)
{
	text_buffer_put(buffer, "\"");
	for (unsigned i = 0; i < PACKET_VALUE_MAX && value->bytes[i]; i++) {
		char c = (char)value->bytes[i];

		text_buffer_append(buffer, c == '"' || c < ' ' ? "?" : &c, 1);
	}
	text_buffer_put(buffer, "\"");
}

static void number_text(enum packet_field field, uint8_t protocol, const struct packet_value *value,
			struct text_buffer *buffer)
{
	uint32_t number = packet_value_to_number(field, value);
	const char *name = value_name(field, protocol, number);

	if (name)
		text_buffer_put(buffer, name);
	else
		text_buffer_format(buffer, "%u", number);
}

static void value_text(enum packet_field field, uint8_t protocol, const struct packet_value *value,
		       struct text_buffer *buffer)
{
	switch (field) {
	case FIELD_IN_LINK:
	case FIELD_OUT_LINK:
		link_text(value, buffer);
		break;
	case FIELD_SOURCE4:
	case FIELD_DESTINATION4:
		address_text(AF_INET, value, buffer);
		break;
	case FIELD_SOURCE6:
	case FIELD_DESTINATION6:
		address_text(AF_INET6, value, buffer);
		break;
	default:
		number_text(field, protocol, value, buffer);
	}
}

static unsigned mask_length(const struct packet_value *mask)
{
	unsigned length = 0;

	while (length < PACKET_VALUE_MAX * 8 && mask->bytes[length / 8] & (0x80 >> length % 8))
		length++;
	return length;
}

/* A range that is a network is written as one. */
static bool range_is_prefix(enum packet_field field, const struct packet_value *low,
			    const struct packet_value *high, unsigned *ret_length)
{
	unsigned bits = field_of(field)->width * 8u, length = 0;

	if (!field_of(field)->family || field == FIELD_HOP_LIMIT)
		return false;
	while (length < bits && (low->bytes[length / 8] & (0x80 >> length % 8)) ==
					(high->bytes[length / 8] & (0x80 >> length % 8)))
		length++;
	*ret_length = length;
	for (unsigned i = length; i < bits; i++)
		if (low->bytes[i / 8] & (0x80 >> i % 8) || !(high->bytes[i / 8] & (0x80 >> i % 8)))
			return false;
	return true;
}

static void range_text(enum packet_field field, uint8_t protocol, const struct packet_value *low,
		       const struct packet_value *high, struct text_buffer *buffer)
{
	unsigned length;

	if (packet_value_equal(low, high)) {
		value_text(field, protocol, low, buffer);
	} else if (range_is_prefix(field, low, high, &length)) {
		value_text(field, protocol, low, buffer);
		text_buffer_format(buffer, "/%u", length);
	} else if (field_of(field)->family && field != FIELD_HOP_LIMIT) {
		value_text(field, protocol, low, buffer);
		text_buffer_put(buffer, "-");
		value_text(field, protocol, high, buffer);
	} else {
		/* Names have dashes of their own. */
		text_buffer_format(buffer, "%u-%u", packet_value_to_number(field, low),
				   packet_value_to_number(field, high));
	}
}

static void bits_text(const struct match *match, struct text_buffer *buffer)
{
	enum packet_field field = match->fields[0];
	uint32_t bits = packet_value_to_number(field, &match->bits.mask);
	bool first = true;

	if (match->kind == MATCH_BITS && (field == FIELD_IN_LINK || field == FIELD_OUT_LINK)) {
		text_buffer_format(buffer, "\"%.*s*\"", (int)(mask_length(&match->bits.mask) / 8),
				   (const char *)match->bits.value.bytes);
		return;
	}
	if (match->kind == MATCH_BITS) {
		value_text(field, 0, &match->bits.value, buffer);
		text_buffer_format(buffer, "/%u", mask_length(&match->bits.mask));
		return;
	}
	for (uint32_t bit = 1; bit; bit <<= 1) {
		if (!(bits & bit))
			continue;
		text_buffer_put(buffer, first ? "" : ",");
		if (value_name(field, 0, bit))
			text_buffer_put(buffer, value_name(field, 0, bit));
		else
			text_buffer_format(buffer, "0x%x", bit);
		first = false;
	}
}

/* ---- matches ---- */

/* What the rule says of one field exactly, or 0. */
static uint8_t said(const struct filter_rule *rule, enum packet_field field)
{
	for (unsigned i = 0; i < rule->match_count; i++) {
		const struct match *match = &rule->matches[i];

		if (match->kind == MATCH_RANGE && match->fields[0] == field && !match->negated &&
		    packet_value_equal(&match->range.low, &match->range.high))
			return match->range.low.bytes[0];
	}
	return 0;
}

static bool names_ports(uint8_t protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP;
}

static bool is_port(const struct match *match)
{
	return match->field_count == 1 && (match->fields[0] == FIELD_SOURCE_PORT ||
					   match->fields[0] == FIELD_DESTINATION_PORT);
}

/* "tcp dport" and "icmp type" say the protocol besides, and the latter the family. */
static bool is_said_later(const struct filter_rule *rule, unsigned index)
{
	const struct match *match = &rule->matches[index], *next;
	bool family = match->fields[0] == FIELD_FAMILY;

	if ((!family && match->fields[0] != FIELD_PROTOCOL) || match->kind != MATCH_RANGE ||
	    match->negated || index + 1 == rule->match_count)
		return false;
	next = &rule->matches[index + 1];
	if (family)
		return next->fields[0] == FIELD_PROTOCOL && is_said_later(rule, index + 1) &&
		       rule->matches[index + 2].fields[0] == FIELD_ICMP_TYPE;
	return (is_port(next) && names_ports(match->range.low.bytes[0])) ||
	       next->fields[0] == FIELD_ICMP_TYPE;
}

static const char *field_text(const struct filter_rule *rule, const struct match *match,
			      unsigned index, uint8_t protocol)
{
	static const struct {
		uint8_t protocol;
		const char *source, *destination;
	} ports[] = {{IPPROTO_TCP, "tcp sport", "tcp dport"},
		     {IPPROTO_UDP, "udp sport", "udp dport"},
		     {IPPROTO_SCTP, "sctp sport", "sctp dport"}};

	if (match->fields[index] == FIELD_ICMP_TYPE)
		return protocol == IPPROTO_ICMPV6 ? "icmpv6 type" : "icmp type";
	for (size_t i = 0; is_port(match) && i < ARRAY_SIZE(ports); i++)
		if (ports[i].protocol == protocol)
			return match->fields[0] == FIELD_SOURCE_PORT ? ports[i].source
								     : ports[i].destination;
	return field_of(match->fields[index])->text;
}

static void match_text(const struct filter_rule *rule, const struct match *match,
		       struct text_buffer *buffer)
{
	uint8_t protocol = said(rule, FIELD_PROTOCOL);

	if (match->kind == MATCH_UNKNOWN) {
		text_buffer_put(buffer, "(something else) ");
		return;
	}
	for (unsigned i = 0; i < match->field_count; i++)
		text_buffer_format(buffer, "%s%s", i ? " . " : "",
				   field_text(rule, match, i, protocol));
	text_buffer_put(buffer, match->negated ? " != " : " ");
	if (match->kind == MATCH_SET)
		text_buffer_format(buffer, "@%s", match->set);
	else if (match->kind == MATCH_RANGE)
		range_text(match->fields[0], protocol, &match->range.low, &match->range.high,
			   buffer);
	else
		bits_text(match, buffer);
	text_buffer_put(buffer, " ");
}

/* ---- rules ---- */

static const struct {
	const char *text;
	bool target;
} verdicts[] = {
	[RULE_CONTINUE] = {"", false},
	[RULE_ACCEPT] = {"accept", false},
	[RULE_DROP] = {"drop", false},
	[RULE_REJECT_RESET] = {"reject with tcp reset", false},
	[RULE_REJECT_PROHIBITED] = {"reject with icmpx admin-prohibited", false},
	[RULE_REJECT] = {"reject", false},
	[RULE_JUMP] = {"jump ", true},
	[RULE_GOTO] = {"goto ", true},
	[RULE_RETURN] = {"return", false},
	[RULE_DESTINATION_NAT] = {"(destination translation)", false},
	[RULE_SOURCE_NAT] = {"masquerade", false},
	[RULE_UNKNOWN] = {"(something else)", false},
};

void filter_rule_text(const struct filter_rule *rule, struct text_buffer *buffer)
{
	for (unsigned i = 0; i < rule->match_count; i++)
		if (!is_said_later(rule, i))
			match_text(rule, &rule->matches[i], buffer);
	if (rule->limit_rate)
		text_buffer_format(buffer, "limit rate %u/second burst %u packets ",
				   rule->limit_rate, rule->limit_burst);
	if (rule->log_group)
		text_buffer_format(buffer, "log prefix \"%s\" group %u snaplen 128 ",
				   rule->log_prefix, rule->log_group);
	if (rule->counts)
		text_buffer_put(buffer, "counter ");
	if (rule->counter[0])
		text_buffer_format(buffer, "counter name %s ", rule->counter);
	text_buffer_format(buffer, "%s%s", verdicts[rule->verdict].text,
			   verdicts[rule->verdict].target ? rule->target : "");
	if (rule->comment[0])
		text_buffer_format(buffer, " comment \"%s\"", rule->comment);
}

void filter_element_text(const struct filter_set *set, const struct filter_element *element,
			 struct text_buffer *buffer)
{
	for (unsigned i = 0; i < set->field_count; i++) {
		text_buffer_put(buffer, i ? " . " : "");
		range_text(set->fields[i], 0, &element->low[i], &element->high[i], buffer);
	}
}

/* ---- the whole ---- */

static void set_text(const struct filter_set *set, struct text_buffer *buffer)
{
	text_buffer_format(buffer, "\tset %s {\n\t\ttype ", set->name);
	for (unsigned i = 0; i < set->field_count; i++)
		text_buffer_format(buffer, "%s%s", i ? " . " : "",
				   field_of(set->fields[i])->type_text);
	text_buffer_put(buffer, "\n");
	if (set->intervals || set->timeouts)
		text_buffer_format(buffer, "\t\tflags %s%s%s\n", set->intervals ? "interval" : "",
				   set->intervals && set->timeouts ? "," : "",
				   set->timeouts ? "timeout" : "");
	if (set->counters)
		text_buffer_put(buffer, "\t\tcounter\n");
	for (size_t i = 0; i < set->element_count; i++) {
		text_buffer_put(buffer, i ? ", " : "\t\telements = { ");
		filter_element_text(set, &set->elements[i], buffer);
	}
	text_buffer_put(buffer, set->element_count ? " }\n\t}\n" : "\t}\n");
}

static void chain_text(const struct filter_chain *chain, struct text_buffer *buffer)
{
	text_buffer_format(buffer, "\tchain %s {\n", chain->name);
	if (chain->hook != HOOK_NONE)
		text_buffer_format(buffer, "\t\ttype %s hook %s priority %d; policy %s;\n",
				   chain->nat ? "nat" : "filter", hook_texts[chain->hook],
				   chain->priority, chain->drops ? "drop" : "accept");
	for (size_t i = 0; i < chain->rule_count; i++) {
		text_buffer_put(buffer, "\t\t");
		filter_rule_text(&chain->rules[i], buffer);
		text_buffer_put(buffer, "\n");
	}
	text_buffer_put(buffer, "\t}\n");
}

void ruleset_text(const struct ruleset *ruleset, struct text_buffer *buffer)
{
	static const char *const families[] = {
		[NFPROTO_INET] = "inet", [NFPROTO_IPV4] = "ip", [NFPROTO_IPV6] = "ip6"};

	text_buffer_format(buffer, "table %s %s {\n", families[ruleset->family], ruleset->table);
	for (size_t i = 0; i < ruleset->counter_count; i++)
		text_buffer_format(buffer, "\tcounter %s { }\n", ruleset->counters[i].name);
	for (size_t i = 0; i < ruleset->set_count; i++)
		if (!ruleset->sets[i].unknown)
			set_text(&ruleset->sets[i], buffer);
	for (size_t i = 0; i < ruleset->chain_count; i++)
		chain_text(&ruleset->chains[i], buffer);
	text_buffer_put(buffer, "}\n");
}
