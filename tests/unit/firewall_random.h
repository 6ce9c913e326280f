/*
 * Random rulesets and packets of a small universe, in which they often meet.
 */
#pragma once

#include <linux/netfilter/nf_conntrack_common.h>
#include <stdio.h>
#include <string.h>

#include "firewall/prove.h"

struct random_choice {
	uint64_t state;
	bool certain; /* nothing whose outcome is in doubt */
	bool loaded;  /* only what the kernel takes as well */
};

static inline unsigned random_below(struct random_choice *random, unsigned limit)
{
	random->state ^= random->state << 13;
	random->state ^= random->state >> 7;
	random->state ^= random->state << 17;
	return (unsigned)((random->state * 0x2545f4914f6cdd1d >> 33) % limit);
}

static inline bool random_once_in(struct random_choice *random, unsigned times)
{
	return random_below(random, times) == 0;
}

#define RANDOM_OF(random, ...)                                                                     \
	((const uint32_t[]){__VA_ARGS__}[random_below(                                             \
		random, sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))])

static const char *const random_links[] = {"", "a", "ab", "b", "lo"};

static inline struct packet_value random_value(struct random_choice *random,
					       enum packet_field field)
{
	struct packet_value value = {0};
	unsigned width = field_of(field)->width;
	uint32_t number = 0;

	switch (field) {
	case FIELD_IN_LINK:
	case FIELD_OUT_LINK:
		return packet_value_text(
			random_links[random_below(random, ARRAY_SIZE(random_links))]);
	case FIELD_SOURCE4:
	case FIELD_DESTINATION4:
	case FIELD_SOURCE6:
	case FIELD_DESTINATION6:
		value.bytes[0] = 10;
		value.bytes[width - 1] = (uint8_t)random_below(random, 8);
		return value;
	case FIELD_FAMILY:
		number = RANDOM_OF(random, NFPROTO_IPV4, NFPROTO_IPV6);
		break;
	case FIELD_PROTOCOL:
		number = RANDOM_OF(random, IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMPV6);
		break;
	case FIELD_SOURCE_PORT:
	case FIELD_DESTINATION_PORT:
	case FIELD_ORIGINAL_PORT:
		number = random_below(random, 6) + (random_below(random, 4) << 8);
		break;
	case FIELD_STATE:
		number = RANDOM_OF(random, STATE_INVALID, STATE_ESTABLISHED, STATE_RELATED,
				   STATE_NEW, STATE_UNTRACKED);
		break;
	case FIELD_STATUS:
		number = RANDOM_OF(random, 0, IPS_DST_NAT, IPS_SRC_NAT, IPS_EXPECTED);
		break;
	case FIELD_ICMP_TYPE:
		number = RANDOM_OF(random, 0, 1, 2, 3, 8, 128, 133);
		break;
	case FIELD_PACKET_TYPE:
		number = random_below(random, 4);
		break;
	case FIELD_REVERSE_PATH:
		number = random_below(random, 2);
		break;
	default: /* type of ICMP, hop limit, user, mark, types of addresses */
		number = random_below(random, 4);
		break;
	}
	return packet_value_number(field, number);
}

static inline enum packet_field random_field(struct random_choice *random)
{
	/* Those that agree often more often. */
	if (random_once_in(random, 2))
		return RANDOM_OF(random, FIELD_PROTOCOL, FIELD_DESTINATION_PORT, FIELD_SOURCE4,
				 FIELD_IN_LINK, FIELD_SOURCE6, FIELD_ICMP_TYPE);
	return random_below(random, _FIELD_MAX);
}

static inline void random_range(struct random_choice *random, enum packet_field field,
				struct packet_value *ret_low, struct packet_value *ret_high)
{
	struct packet_value a = random_value(random, field), b = random_value(random, field);
	bool ordered = memcmp(a.bytes, b.bytes, sizeof(a.bytes)) <= 0;

	if (random_once_in(random, 2))
		b = a;
	*ret_low = ordered ? a : b;
	*ret_high = ordered ? b : a;
}

/* In the kernel's registers these are numbers of the host's order, of which it knows no range. */
static inline void only_one(enum packet_field field, const struct packet_value *low,
			    struct packet_value *high)
{
	if (field_of(field)->host_order)
		*high = *low;
}

static inline bool is_of_bits(enum packet_field field)
{
	return field == FIELD_STATE || field == FIELD_STATUS || field == FIELD_MARK ||
	       field == FIELD_PACKET_TYPE;
}

static inline void random_bits(struct random_choice *random, struct match *match)
{
	enum packet_field field = match->fields[0];
	unsigned width = field_of(field)->width;

	match->bits.value = random_value(random, field);
	if (is_of_bits(field)) {
		match->kind = random_once_in(random, 2) ? MATCH_ANY_BIT : MATCH_BITS;
		match->bits.mask = random_value(random, field);
	} else {
		match->kind = MATCH_BITS;
		match->bits.mask = packet_value_mask(8 * width - random_below(random, 4));
	}
	for (unsigned i = 0; i < PACKET_VALUE_MAX; i++)
		match->bits.value.bytes[i] &= match->bits.mask.bytes[i];
}

static inline struct match random_match(struct random_choice *random, const struct ruleset *ruleset)
{
	struct match match = {.field_count = 1, .negated = random_once_in(random, 4)};

	match.fields[0] = random_field(random);
	while (random->loaded && match.fields[0] == FIELD_REVERSE_PATH)
		match.fields[0] = random_field(random);
	if (ruleset && ruleset->set_count > 0 && random_once_in(random, 3)) {
		const struct filter_set *set =
			&ruleset->sets[random_below(random, (unsigned)ruleset->set_count)];

		match.kind = MATCH_SET;
		match.field_count = set->field_count;
		memcpy(match.fields, set->fields, sizeof(match.fields));
		snprintf(match.set, sizeof(match.set), "%s", set->name);
		/* A set may be asked by another field of that width. */
		if (match.fields[0] == FIELD_DESTINATION_PORT && random_once_in(random, 2))
			match.fields[0] = FIELD_ORIGINAL_PORT;
		if (match.fields[0] == FIELD_SOURCE4 && random_once_in(random, 2))
			match.fields[0] = FIELD_DESTINATION4;
	} else if (!random->certain && random_once_in(random, 20)) {
		match.kind = MATCH_UNKNOWN;
	} else if (random_once_in(random, 2) ||
		   (random->loaded && match.fields[0] == FIELD_STATUS)) {
		random_bits(random, &match);
	} else {
		match.kind = MATCH_RANGE;
		random_range(random, match.fields[0], &match.range.low, &match.range.high);
		if (random->loaded)
			only_one(match.fields[0], &match.range.low, &match.range.high);
	}
	return match;
}

/* Whether the last element has something in common with one before: the kernel refuses that. */
static inline bool overlaps(const struct filter_set *set)
{
	const struct filter_element *last = &set->elements[set->element_count - 1];

	for (size_t n = 0; n + 1 < set->element_count; n++) {
		const struct filter_element *element = &set->elements[n];
		bool meet = true;

		for (unsigned i = 0; i < set->field_count && meet; i++)
			meet = memcmp(element->low[i].bytes, last->high[i].bytes,
				      PACKET_VALUE_MAX) <= 0 &&
			       memcmp(last->low[i].bytes, element->high[i].bytes,
				      PACKET_VALUE_MAX) <= 0;
		if (meet)
			return true;
	}
	return false;
}

static inline void random_set(struct random_choice *random, struct ruleset *ruleset)
{
	struct filter_set *set;
	char name[RULESET_NAME_MAX];

	snprintf(name, sizeof(name), "set%zu", ruleset->set_count);
	set = ruleset_add_set(ruleset, name);
	set->field_count = (uint8_t)(1 + random_below(random, 3));
	set->intervals = random_once_in(random, 2);
	set->unknown = !random->certain && random_once_in(random, 10);
	for (unsigned i = 0; i < set->field_count; i++)
		do
			set->fields[i] = random_field(random);
		while (random->loaded && !field_of(set->fields[i])->type);
	for (unsigned n = random_below(random, 8); n > 0; n--) {
		struct filter_element *element = filter_set_add_element(set);

		element->id = set->element_count;
		for (unsigned i = 0; i < set->field_count; i++) {
			random_range(random, set->fields[i], &element->low[i], &element->high[i]);
			if (!set->intervals)
				element->high[i] = element->low[i];
		}
		if (random->loaded && overlaps(set))
			set->element_count--;
	}
}

/* Jumps lead to chains in front, so that there is no circle. */
static inline void random_rule(struct random_choice *random, const struct ruleset *ruleset,
			       struct filter_chain *chain, unsigned number)
{
	struct filter_rule *rule = filter_chain_add_rule(chain);

	rule->match_count = (uint8_t)random_below(random, 4);
	for (unsigned i = 0; i < rule->match_count; i++)
		rule->matches[i] = random_match(random, ruleset);
	rule->verdict =
		RANDOM_OF(random, RULE_ACCEPT, RULE_ACCEPT, RULE_DROP, RULE_DROP, RULE_REJECT_RESET,
			  RULE_CONTINUE, RULE_RETURN, RULE_JUMP, RULE_GOTO);
	if (random->loaded && rule->verdict == RULE_REJECT_RESET)
		rule->verdict = RULE_DROP;
	if (random->loaded && chain->hook >= HOOK_INPUT && chain->hook <= HOOK_OUTPUT &&
	    random_once_in(random, 8))
		rule->verdict = RULE_REJECT_PROHIBITED;
	if (random->loaded && chain->hook == HOOK_PREROUTING && rule->match_count < 3 &&
	    random_once_in(random, 8))
		rule->matches[rule->match_count++] = (struct match){
			.kind = MATCH_RANGE,
			.negated = random_once_in(random, 2),
			.field_count = 1,
			.fields = {FIELD_REVERSE_PATH},
			.range = {{{1}}, {{1}}},
		};
	if (!random->certain && random_once_in(random, 12))
		rule->limit_rate = 5;
	if (!random->certain && random_once_in(random, 30))
		rule->verdict = RULE_UNKNOWN;
	for (unsigned i = 0; i < rule->match_count; i++)
		if (rule->matches[i].kind == MATCH_UNKNOWN && rule->verdict == RULE_CONTINUE)
			rule->verdict = RULE_UNKNOWN;
	if (chain->nat && random_once_in(random, 2))
		rule->verdict =
			chain->hook == HOOK_POSTROUTING ? RULE_SOURCE_NAT : RULE_DESTINATION_NAT;
	if (rule->verdict == RULE_JUMP || rule->verdict == RULE_GOTO) {
		const struct filter_chain *target =
			number ? &ruleset->chains[random_below(random, number)] : NULL;

		if (!target || target->hook != HOOK_NONE)
			rule->verdict = RULE_DROP;
		else
			memcpy(rule->target, target->name, sizeof(rule->target));
	}
}

static inline void random_ruleset(struct random_choice *random, struct ruleset *ruleset,
				  unsigned table)
{
	unsigned chains = 2 + random_below(random, 4);

	snprintf(ruleset->table, sizeof(ruleset->table), "table%u", table);
	ruleset->family =
		(uint8_t)RANDOM_OF(random, NFPROTO_INET, NFPROTO_INET, NFPROTO_IPV4, NFPROTO_IPV6);
	if (random->loaded)
		ruleset->family = NFPROTO_INET;
	for (unsigned i = random_below(random, 4); i > 0; i--)
		random_set(random, ruleset);
	for (unsigned i = 0; i < chains; i++) {
		char name[RULESET_NAME_MAX];
		struct filter_chain *chain;

		snprintf(name, sizeof(name), "chain%u", i);
		chain = ruleset_add_chain(ruleset, name);
		if (i > 0 && random_once_in(random, 2)) {
			chain->hook = HOOK_INPUT + random_below(random, 4);
			chain->priority = (int)random_below(random, 2);
			if ((!random->certain || random->loaded) && random_once_in(random, 2)) {
				chain->hook = HOOK_PREROUTING + random_below(random, 5);
				chain->priority = (int)random_below(random, 6) * 100 - 300;
			}
			chain->nat = !random->certain && random_once_in(random, 4) &&
				     chain->hook != HOOK_FORWARD;
			chain->drops = random_once_in(random, 3);
		}
		for (unsigned n = random_below(random, 6); n > 0; n--)
			random_rule(random, ruleset, chain, i);
	}
}

static inline uint32_t random_number(struct random_choice *random, enum packet_field field)
{
	struct packet_value value = random_value(random, field);

	return packet_value_to_number(field, &value);
}

static inline struct packet random_packet(struct random_choice *random, enum packet_hook hook)
{
	struct packet packet = {.family = (uint8_t)random_number(random, FIELD_FAMILY)};
	bool v6 = packet.family == NFPROTO_IPV6;
	struct packet_value source = random_value(random, v6 ? FIELD_SOURCE6 : FIELD_SOURCE4);
	struct packet_value to = random_value(random, v6 ? FIELD_SOURCE6 : FIELD_SOURCE4);
	bool comes = hook == HOOK_INPUT || hook == HOOK_FORWARD;
	bool leaves = hook == HOOK_OUTPUT || hook == HOOK_FORWARD;

	memcpy(packet.source, source.bytes, sizeof(packet.source));
	memcpy(packet.destination, to.bytes, sizeof(packet.destination));
	if (comes)
		strcpy(packet.in_link, random_links[1 + random_below(random, 4)]);
	if (leaves)
		strcpy(packet.out_link, random_links[1 + random_below(random, 4)]);
	packet.protocol = (uint16_t)random_number(random, FIELD_PROTOCOL);
	packet.transport = !random_once_in(random, 10);
	if (v6 && random_once_in(random, 20)) {
		packet.protocol = PACKET_PROTOCOL_NONE;
		packet.transport = false;
	}
	packet.source_port = (uint16_t)random_number(random, FIELD_SOURCE_PORT);
	packet.destination_port = (uint16_t)random_number(random, FIELD_DESTINATION_PORT);
	packet.original_port = (uint16_t)random_number(random, FIELD_ORIGINAL_PORT);
	packet.hop_limit = (uint8_t)random_number(random, FIELD_HOP_LIMIT);
	packet.state = random_number(random, FIELD_STATE);
	packet.status = random_number(random, FIELD_STATUS);
	packet.user = hook == HOOK_FORWARD || random_once_in(random, 3)
			      ? PACKET_USER_NONE
			      : random_number(random, FIELD_USER);
	packet.mark = random_number(random, FIELD_MARK);
	packet.packet_type = (uint8_t)random_number(random, FIELD_PACKET_TYPE);
	packet.source_type = (uint8_t)random_number(random, FIELD_SOURCE_TYPE);
	packet.destination_type = (uint8_t)random_number(random, FIELD_DESTINATION_TYPE);
	packet.reverse_path = random_once_in(random, 2);
	return packet;
}
