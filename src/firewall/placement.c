/* Where a rule of intent stands in the ruleset: as elements of sets, or as rules of its own. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "field.h"
#include "rule.h"

static const struct port_range all_ports = {0, UINT16_MAX};

/* The end of a packet by which the sets of a chain know it, and the other one. */
static const struct ip_prefix *known_end(const struct firewall_rule_spec *spec)
{
	return spec->chain == CHAIN_INPUT ? &spec->source : &spec->destination;
}

static const struct ip_prefix *other_end(const struct firewall_rule_spec *spec)
{
	return spec->chain == CHAIN_INPUT ? &spec->destination : &spec->source;
}

static bool is_host(const struct ip_prefix *prefix)
{
	return prefix->length && prefix->length == ip_family_bits(prefix->address.family);
}

static void put_number(struct filter_element *element, unsigned index, enum packet_field field,
		       uint32_t low, uint32_t high)
{
	element->low[index] = packet_value_number(field, low);
	element->high[index] = packet_value_number(field, high);
}

/* The first of the key's fields besides protocol and port, which come last in every shape. */
static struct rule_element element_of(const struct firewall_rule_spec *spec, enum rule_shape shape,
				      const struct port_range *ports)
{
	struct rule_element ret = {.shape = shape};
	unsigned at = shape == SHAPE_PORT ? 0 : 1;
	uint8_t least = spec->protocol, most = spec->protocol ? spec->protocol : UINT8_MAX;

	put_number(&ret.element, at, FIELD_PROTOCOL, least, most);
	put_number(&ret.element, at + 1, FIELD_DESTINATION_PORT, ports->low, ports->high);
	return ret;
}

static struct rule_element network_element(const struct firewall_rule_spec *spec, int family,
					   const struct port_range *ports)
{
	struct rule_element ret =
		element_of(spec, family == AF_INET ? SHAPE_NETWORK4 : SHAPE_NETWORK6, ports);
	struct ip_prefix end = *known_end(spec);

	end.address.family = (uint8_t)family;
	packet_value_prefix(&end, &ret.element.low[0], &ret.element.high[0]);
	return ret;
}

/* An exact tuple in a hash set, where there is one for it. */
static bool exact_element(const struct firewall_rule_spec *spec, const struct port_range *ports,
			  struct rule_element *ret)
{
	const struct ip_prefix *end = known_end(spec);

	if (!spec->protocol || ports->low != ports->high || (spec->family && !end->length))
		return false;
	if (spec->link[0]) {
		if (end->length || spec->chain == CHAIN_FORWARD)
			return false;
		*ret = element_of(spec, SHAPE_LINK_PORT, ports);
		ret->element.low[0] = ret->element.high[0] = packet_value_text(spec->link);
		return true;
	}
	if (!end->length) {
		*ret = element_of(spec, SHAPE_PORT, ports);
		return true;
	}
	if (!is_host(end))
		return false;
	*ret = element_of(spec, end->address.family == AF_INET ? SHAPE_HOST4 : SHAPE_HOST6, ports);
	ret->element.low[0] = ret->element.high[0] = packet_value_address(&end->address);
	return true;
}

unsigned firewall_rule_elements(const struct firewall_rule_spec *spec,
				struct rule_element ret[RULE_ELEMENTS_MOST])
{
	unsigned count = 0;

	if (other_end(spec)->length)
		return 0;
	for (unsigned i = 0; i < MAX(spec->port_count, 1u); i++) {
		const struct port_range *ports = spec->port_count ? &spec->ports[i] : &all_ports;

		if (exact_element(spec, ports, &ret[count])) {
			count++;
			continue;
		}
		if (spec->link[0])
			return 0;
		if (spec->family != AF_INET6)
			ret[count++] = network_element(spec, AF_INET, ports);
		if (spec->family != AF_INET)
			ret[count++] = network_element(spec, AF_INET6, ports);
	}
	return count;
}

/* ---- as rules ---- */

static void match_range(struct filter_rule *rule, enum packet_field field,
			const struct packet_value *low, const struct packet_value *high)
{
	struct match *match = &rule->matches[rule->match_count++];

	*match = (struct match){.kind = MATCH_RANGE, .field_count = 1, .fields = {field}};
	match->range.low = *low;
	match->range.high = *high;
}

static void match_number(struct filter_rule *rule, enum packet_field field, uint32_t low,
			 uint32_t high)
{
	struct packet_value from = packet_value_number(field, low);
	struct packet_value to = packet_value_number(field, high);

	match_range(rule, field, &from, &to);
}

static void match_network(struct filter_rule *rule, const struct ip_prefix *prefix,
			  enum packet_field v4, enum packet_field v6)
{
	enum packet_field field = prefix->address.family == AF_INET ? v4 : v6;
	struct packet_value low, high;
	struct match *match;

	if (!prefix->length)
		return;
	packet_value_prefix(prefix, &low, &high);
	if (is_host(prefix)) {
		match_range(rule, field, &low, &low);
		return;
	}
	match = &rule->matches[rule->match_count++];
	*match = (struct match){.kind = MATCH_BITS, .field_count = 1, .fields = {field}};
	match->bits.mask = packet_value_mask(prefix->length);
	match->bits.value = low;
}

static void match_all(const struct firewall_rule_spec *spec, const struct port_range *ports,
		      struct filter_rule *rule)
{
	enum packet_field link = spec->chain == CHAIN_OUTPUT ? FIELD_OUT_LINK : FIELD_IN_LINK;
	struct packet_value name = packet_value_text(spec->link);

	if (spec->family && !spec->source.length && !spec->destination.length)
		match_number(rule, FIELD_FAMILY,
			     spec->family == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6,
			     spec->family == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6);
	if (spec->link[0])
		match_range(rule, link, &name, &name);
	match_network(rule, &spec->source, FIELD_SOURCE4, FIELD_SOURCE6);
	match_network(rule, &spec->destination, FIELD_DESTINATION4, FIELD_DESTINATION6);
	if (spec->protocol)
		match_number(rule, FIELD_PROTOCOL, spec->protocol, spec->protocol);
	if (ports)
		match_number(rule, FIELD_DESTINATION_PORT, ports->low, ports->high);
}

/* The key says whose it is; what it has beyond the room of a comment is cut. */
static struct filter_rule *add_rule(const struct firewall_rule_spec *spec,
				    const struct port_range *ports, enum rule_verdict verdict,
				    struct filter_chain *chain)
{
	struct filter_rule *rule = filter_chain_add_rule(chain);
	char key[RESOURCE_KEY_MAX];

	if (!rule)
		return NULL;
	match_all(spec, ports, rule);
	firewall_rule_key(spec, key);
	(void)text_copy(rule->comment, sizeof(rule->comment), key);
	rule->counts = true;
	rule->verdict = verdict;
	return rule;
}

int firewall_rule_in_place(const struct firewall_rule_spec *spec, struct filter_chain *chain)
{
	for (unsigned i = 0; i < MAX(spec->port_count, 1u); i++) {
		const struct port_range *ports = spec->port_count ? &spec->ports[i] : NULL;
		bool refused = spec->action == ACTION_DENY && spec->chain == CHAIN_OUTPUT;
		enum rule_verdict verdict = spec->action == ACTION_ALLOW ? RULE_ACCEPT : RULE_DROP;
		struct filter_rule *reset = NULL;

		if (refused && (!spec->protocol || spec->protocol == IPPROTO_TCP)) {
			reset = add_rule(spec, ports, RULE_REJECT_RESET, chain);
			if (!reset)
				return -ENOMEM;
			if (!spec->protocol)
				match_number(reset, FIELD_PROTOCOL, IPPROTO_TCP, IPPROTO_TCP);
		}
		if (refused && spec->protocol == IPPROTO_TCP)
			continue;
		if (!add_rule(spec, ports, refused ? RULE_REJECT_PROHIBITED : verdict, chain))
			return -ENOMEM;
	}
	return 0;
}
