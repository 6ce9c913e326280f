#include "rule.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "field.h"
#include "phrase.h"

/* ---- from JSON ---- */

static int choice(const json_t *object, const char *key, const char *(*text)(unsigned),
		  unsigned count, uint8_t *ret, struct error *error)
{
	const char *given;
	int r = spec_member_text(object, key, &given, error);

	for (unsigned i = 0; r >= 0 && i < count; i++) {
		if (strcmp(text(i), given) == 0) {
			*ret = (uint8_t)i;
			return 0;
		}
	}
	return r < 0 ? r
		     : error_set(error, ERROR_PARAMETER_RANGE, key, "'%.32s' is no %s of a rule",
				 given, key);
}

static const char *chain_choice(unsigned index)
{
	return firewall_chain_text(index);
}

static const char *action_choice(unsigned index)
{
	return firewall_action_text(index);
}

static int port_number(const char *text, char **end, uint16_t *ret)
{
	unsigned long number;

	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	number = strtoul(text, end, 10);
	if (number == 0 || number > UINT16_MAX)
		return -ERANGE;
	*ret = (uint16_t)number;
	return 0;
}

int port_range_parse(const char *text, struct port_range *ret, struct error *error)
{
	char *end;
	int r = port_number(text, &end, &ret->low);

	ret->high = ret->low;
	if (r >= 0 && *end == '-')
		r = port_number(end + 1, &end, &ret->high);
	if (r >= 0 && *end)
		r = -EINVAL;
	if (r >= 0 && ret->low > ret->high) {
		r = error_set(error, ERROR_PARAMETER_RANGE, "port",
			      "The range %u-%u is the wrong way round", ret->low, ret->high);
		error_hint(error, "the lower port comes first: %u-%u", ret->high, ret->low);
		return r;
	}
	if (r < 0) {
		r = error_set(error, ERROR_PARAMETER_RANGE, "port", "'%.24s' is no port", text);
		error_hint(error, "a number from 1 to 65535, or a range such as 8000-8080");
	}
	return r;
}

static int port_compare(const void *a, const void *b)
{
	return ((const struct port_range *)a)->low - ((const struct port_range *)b)->low;
}

/* In their order, and none twice: so that the same ports are the same rule. */
void port_ranges_normalise(struct firewall_rule_spec *spec)
{
	unsigned kept = 0;

	qsort(spec->ports, spec->port_count, sizeof(spec->ports[0]), port_compare);
	for (unsigned i = 0; i < spec->port_count; i++) {
		struct port_range *last = kept ? &spec->ports[kept - 1] : NULL;

		if (last && spec->ports[i].low <= (uint32_t)last->high + 1)
			last->high = MAX(last->high, spec->ports[i].high);
		else
			spec->ports[kept++] = spec->ports[i];
	}
	memset(&spec->ports[kept], 0, (RULE_PORTS_MOST - kept) * sizeof(spec->ports[0]));
	spec->port_count = (uint8_t)kept;
}

static int parse_ports(const json_t *object, struct firewall_rule_spec *spec, struct error *error)
{
	const json_t *list = json_object_get(object, "ports"), *entry;
	size_t i;
	int r = 0;

	if (json_array_size(list) > RULE_PORTS_MOST)
		return error_set(error, ERROR_PARAMETER_RANGE, "port",
				 "A rule has at most %d ports and ranges", RULE_PORTS_MOST);
	json_array_foreach(list, i, entry) {
		const char *text = json_string_value(entry);

		r = port_range_parse(text ?: "", &spec->ports[i], error);
		if (r < 0)
			return r;
		spec->port_count++;
	}
	port_ranges_normalise(spec);
	return 0;
}

static int parse_network(const json_t *object, const char *key, struct ip_prefix *ret,
			 struct error *error)
{
	const char *text;
	int r;

	if (!json_object_get(object, key))
		return 0;
	r = spec_member_text(object, key, &text, error);
	return r < 0 ? r : ip_network_parse(text, ret, key, error);
}

bool protocol_has_ports(uint8_t protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP ||
	       protocol == IPPROTO_UDPLITE || protocol == IPPROTO_DCCP;
}

/* What contradicts itself, or says what is said otherwise. */
static int check(struct firewall_rule_spec *spec, struct error *error)
{
	struct ip_prefix *ends[] = {&spec->source, &spec->destination};
	int r;

	if (spec->port_count && !protocol_has_ports(spec->protocol)) {
		r = error_set(error, ERROR_PARAMETER_CONFLICT, "port",
			      "Only a protocol that has ports can be limited to some");
		error_hint(error, "give protocol=tcp, udp or sctp");
		return r;
	}
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		uint8_t family = ends[i]->address.family;

		if (!family)
			continue;
		if (spec->family && spec->family != family)
			return error_set(error, ERROR_PARAMETER_CONFLICT,
					 i ? "destination" : "source",
					 "Addresses of IPv4 and of IPv6 do not meet in one rule");
		spec->family = family;
		/* All of a family is any of it. */
		if (ends[i]->length == 0)
			*ends[i] = (struct ip_prefix){0};
	}
	if ((spec->protocol == IPPROTO_ICMP && spec->family == AF_INET6) ||
	    (spec->protocol == IPPROTO_ICMPV6 && spec->family == AF_INET))
		return error_set(error, ERROR_PARAMETER_CONFLICT, "protocol",
				 "This ICMP is of the other family");
	return 0;
}

static int parse_family(const json_t *object, struct firewall_rule_spec *spec, struct error *error)
{
	const char *text = json_member_text(object, "family");

	if (!text)
		return 0;
	spec->family = strcmp(text, "ipv4") == 0   ? AF_INET
		       : strcmp(text, "ipv6") == 0 ? AF_INET6
						   : AF_UNSPEC;
	return spec->family ? 0
			    : error_set(error, ERROR_PARAMETER_RANGE, "family",
					"'%.32s' is neither ipv4 nor ipv6", text);
}

static int parse_protocol(const json_t *object, struct firewall_rule_spec *spec,
			  struct error *error)
{
	const char *text = json_member_text(object, "protocol");
	int r;

	if (!text || strcmp(text, "any") == 0)
		return 0;
	if (protocol_parse(text, &spec->protocol) >= 0 && spec->protocol)
		return 0;
	r = error_set(error, ERROR_PARAMETER_RANGE, "protocol", "'%.32s' is no protocol", text);
	error_hint(error, "tcp, udp, icmp, icmpv6, sctp, gre, esp, ah, any, or its number");
	return r;
}

int firewall_rule_parse(const json_t *object, void *ret_spec, struct error *error)
{
	struct firewall_rule_spec *spec = ret_spec;
	int r = choice(object, "chain", chain_choice, _RULE_CHAIN_MAX, &spec->chain, error);

	if (r >= 0)
		r = choice(object, "action", action_choice, _RULE_ACTION_MAX, &spec->action, error);
	if (r >= 0)
		r = parse_family(object, spec, error);
	if (r >= 0)
		r = parse_protocol(object, spec, error);
	if (r >= 0)
		r = parse_ports(object, spec, error);
	if (r >= 0)
		r = parse_network(object, "source", &spec->source, error);
	if (r >= 0)
		r = parse_network(object, "destination", &spec->destination, error);
	if (r >= 0 && json_object_get(object, "link"))
		r = spec_member_link(object, "link", spec->link, error);
	if (r < 0)
		return r;
	spec->keep_established = json_member_true(object, "keep_established");
	spec->expires = (usec_t)json_member_integer(object, "expires", 0);
	return check(spec, error);
}

/* ---- to JSON, and to text ---- */

static json_t *ports_json(const struct firewall_rule_spec *spec)
{
	_cleanup_json_ json_t *list = json_array();
	int r = list ? 0 : -ENOMEM;

	for (unsigned i = 0; r >= 0 && i < spec->port_count; i++) {
		char text[16];

		r = json_array_append_new(list,
					  json_string(port_range_print(&spec->ports[i], text)));
	}
	return r < 0 ? NULL : TAKE_PTR(list);
}

const char *port_range_print(const struct port_range *range, char buffer[16])
{
	if (range->low == range->high)
		snprintf(buffer, 16, "%u", range->low);
	else
		snprintf(buffer, 16, "%u-%u", range->low, range->high);
	return buffer;
}

/* "tcp", "any", or the number. */
static const char *protocol_print(uint8_t protocol, char buffer[8])
{
	const char *name = value_name(FIELD_PROTOCOL, 0, protocol);

	if (!protocol)
		return "any";
	snprintf(buffer, 8, "%u", protocol);
	return name ?: buffer;
}

json_t *firewall_rule_print(const void *data)
{
	const struct firewall_rule_spec *spec = data;
	char protocol[8];
	_cleanup_json_ json_t *json =
		json_pack("{s:s,s:s,s:s}", "chain", firewall_chain_text(spec->chain), "action",
			  firewall_action_text(spec->action), "protocol",
			  protocol_print(spec->protocol, protocol));
	int r = 0;

	if (spec->port_count)
		r |= json_put(json, "ports", ports_json(spec));
	if (spec->family)
		r |= json_put(json, "family",
			      json_string(spec->family == AF_INET ? "ipv4" : "ipv6"));
	if (spec->source.length)
		r |= json_put(json, "source", json_prefix(&spec->source));
	if (spec->destination.length)
		r |= json_put(json, "destination", json_prefix(&spec->destination));
	if (spec->link[0])
		r |= json_put(json, "link", json_string(spec->link));
	if (spec->keep_established)
		r |= json_put(json, "keep_established", json_true());
	if (spec->expires)
		r |= json_put(json, "expires", json_integer((json_int_t)spec->expires));
	return r < 0 ? NULL : TAKE_PTR(json);
}

/* FNV-1a: a key that would be too long ends with this of the whole. */
static uint64_t text_digest(const char *text)
{
	uint64_t digest = 0xcbf29ce484222325;

	for (; *text; text++)
		digest = (digest ^ (uint8_t)*text) * 0x100000001b3;
	return digest;
}

void firewall_rule_key(const void *data, char buffer[RESOURCE_KEY_MAX])
{
	const struct firewall_rule_spec *spec = data;
	char text[512], protocol[8], port[16], prefix[IP_PREFIX_TEXT_MAX];
	int at = snprintf(text, sizeof(text), "%s/%s/%s", firewall_chain_text(spec->chain),
			  firewall_action_text(spec->action),
			  protocol_print(spec->protocol, protocol));

	/* Each part is bounded, and so is their sum: at most some 350 bytes. */
	for (unsigned i = 0; i < spec->port_count; i++)
		at += snprintf(text + at, sizeof(text) - (size_t)at, "%c%s", i ? ',' : '/',
			       port_range_print(&spec->ports[i], port));
	if (spec->family && !spec->source.length && !spec->destination.length)
		at += snprintf(text + at, sizeof(text) - (size_t)at, "/%s",
			       spec->family == AF_INET ? "ipv4" : "ipv6");
	if (spec->source.length)
		at += snprintf(text + at, sizeof(text) - (size_t)at, "/from=%s",
			       ip_prefix_print(&spec->source, prefix));
	if (spec->destination.length)
		at += snprintf(text + at, sizeof(text) - (size_t)at, "/to=%s",
			       ip_prefix_print(&spec->destination, prefix));
	if (spec->link[0])
		at += snprintf(text + at, sizeof(text) - (size_t)at, "/link=%s", spec->link);
	if (!text_copy(buffer, RESOURCE_KEY_MAX, text))
		snprintf(buffer + RESOURCE_KEY_MAX - 18, 18, "~%016" PRIx64, text_digest(text));
}

bool firewall_rule_same(const struct firewall_rule_spec *a, const struct firewall_rule_spec *b)
{
	return a->chain == b->chain && a->action == b->action && a->family == b->family &&
	       a->protocol == b->protocol && a->port_count == b->port_count &&
	       memcmp(a->ports, b->ports, sizeof(a->ports)) == 0 &&
	       ip_prefix_equal(&a->source, &b->source) &&
	       ip_prefix_equal(&a->destination, &b->destination) && strcmp(a->link, b->link) == 0;
}

static bool prefix_covers(const struct ip_prefix *wide, const struct ip_prefix *narrow)
{
	if (!wide->length)
		return true;
	return narrow->length >= wide->length && ip_prefix_contains(wide, &narrow->address);
}

static bool ports_cover(const struct firewall_rule_spec *wide,
			const struct firewall_rule_spec *narrow)
{
	if (!wide->port_count)
		return true;
	for (unsigned i = 0; i < narrow->port_count; i++) {
		unsigned k = 0;

		/* Ranges that touch were joined, so that one range covers a range or none does. */
		while (k < wide->port_count && (narrow->ports[i].low < wide->ports[k].low ||
						narrow->ports[i].high > wide->ports[k].high))
			k++;
		if (k == wide->port_count)
			return false;
	}
	return narrow->port_count > 0;
}

bool firewall_rule_covers(const struct firewall_rule_spec *wide,
			  const struct firewall_rule_spec *narrow)
{
	return wide->chain == narrow->chain && wide->action == narrow->action &&
	       (!wide->family || wide->family == narrow->family) &&
	       (!wide->protocol || wide->protocol == narrow->protocol) &&
	       ports_cover(wide, narrow) && prefix_covers(&wide->source, &narrow->source) &&
	       prefix_covers(&wide->destination, &narrow->destination) &&
	       (!wide->link[0] || strcmp(wide->link, narrow->link) == 0) &&
	       (!wide->expires || (narrow->expires && narrow->expires <= wide->expires));
}
