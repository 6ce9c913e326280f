/* Sections of .network files that may be there several times, each judged as a whole. */
#include <stdio.h>
#include <string.h>

#include "core/spec.h"
#include "networkd.h"

static const char *text(const json_t *section, const char *key)
{
	return json_member_text(section, key) ?: "";
}

static void finish_address(struct unit *unit, const struct place *place, json_t *section)
{
	if (!json_object_get(section, "spoilt"))
		set_addresses(unit->import, place, unit->link, text(section, "address"), NULL);
}

/* "192.0.2.1@eth0 5" */
static bool add_nexthop(struct unit *unit, json_t *route, const char *address, const char *weight)
{
	char gateway[IP_ADDRESS_TEXT_MAX], word[WORD_MAX];
	const char *at = strchr(address, '@');
	int64_t number = 1;
	json_t *hop;

	text_copy(word, sizeof(word), address);
	word[strcspn(word, "@")] = '\0';
	if (!read_address(word, gateway) || (at && !spec_link_name_valid(at + 1)) ||
	    (weight && !read_integer(weight, 1, 256, &number)))
		return false;
	hop = json_pack("{s:s, s:I}", "gateway", gateway, "weight", (json_int_t)number);
	if (at)
		import_put(unit->import, hop, "link", json_string(at + 1));
	import_append(unit->import, route, "nexthops", hop);
	return true;
}

static bool add_nexthops(struct unit *unit, json_t *route, const char *words)
{
	char word[WORD_MAX], weight[WORD_MAX];
	bool more = next_word(&words, " \t", word), weighed;

	while (more) {
		bool next = next_word(&words, " \t", weight);

		weighed = next && strspn(weight, "0123456789") == strlen(weight);
		if (!add_nexthop(unit, route, word, weighed ? weight : NULL))
			return false;
		more = weighed ? next_word(&words, " \t", word) : next;
		if (!weighed && next)
			text_copy(word, sizeof(word), weight);
	}
	return true;
}

static bool route_is_whole(struct unit *unit, json_t *route, const char *to, const char *via,
			   const char *several)
{
	char network[IP_PREFIX_TEXT_MAX], gateway[IP_ADDRESS_TEXT_MAX];
	int family = is_ipv6(via) || (!*via && is_ipv6(several)) ? AF_INET6 : AF_INET;

	if (*via) {
		if (!read_address(via, gateway))
			return false;
		import_put(unit->import, route, "gateway", json_string(gateway));
	}
	if (*several && !add_nexthops(unit, route, several))
		return false;
	if (!*to && !*via && !*several)
		return false;
	if (!read_network(*to ? to : "default", family, network))
		return false;
	import_put(unit->import, route, "destination", json_string(network));
	return (!*via && !*several) || is_ipv6(network) == (family == AF_INET6);
}

static void finish_route(struct unit *unit, const struct place *place, json_t *section)
{
	_cleanup_json_ json_t *route = json_copy(section);

	json_object_del(route, "to");
	json_object_del(route, "via");
	json_object_del(route, "several");
	json_object_del(route, "spoilt");
	if (json_object_get(section, "spoilt"))
		return;
	if (!route_is_whole(unit, route, text(section, "to"), text(section, "via"),
			    text(section, "several"))) {
		import_remain(unit->import, place,
			      "needs a destination and plain addresses of its family: left out");
		return;
	}
	import_put_route(unit->import, unit->link, TAKE_PTR(route));
}

static void finish_rule(struct unit *unit, const struct place *place, json_t *section)
{
	const char *families = text(section, "families");
	const char *from = text(section, "from"), *to = text(section, "to");
	bool selects = *from || *to, six = is_ipv6(*from ? from : to);
	_cleanup_json_ json_t *rule = json_copy(section);

	if (json_object_get(section, "spoilt"))
		return;
	json_object_del(rule, "families");
	if ((*from && *to && is_ipv6(from) != is_ipv6(to)) ||
	    (!json_object_get(rule, "table") && !json_object_get(rule, "action"))) {
		import_remain(unit->import, place, "needs a table and one family: left out");
		return;
	}
	for (unsigned family = 0; family < 2; family++) {
		bool wanted = selects ? six == (family == 1)
			      : strcmp(families, "both") == 0
				      ? true
				      : (strcmp(families, "ipv6") == 0) == (family == 1);
		json_t *one = json_copy(rule);

		import_put(unit->import, one, "family", json_string(family ? "ipv6" : "ipv4"));
		if (wanted)
			import_add_rule(unit->import, one);
		else
			json_decref(one);
	}
}

/* The VLANs of a range, each as an object of the link's list. */
static bool mark_vlans(struct unit *unit, const char *ranges, bool untagged, bool pvid)
{
	char range[WORD_MAX];

	while (next_word(&ranges, " \t", range))
		if (!put_vlans(unit->import, unit->link, range, untagged, pvid))
			return false;
	return true;
}

static void finish_vlans(struct unit *unit, const struct place *place, json_t *section)
{
	const char *member = text(section, "member"), *untagged = text(section, "untagged");
	const char *pvid = text(section, "pvid");
	bool same = strcmp(pvid, untagged) == 0, good = true;

	if (*pvid)
		good = mark_vlans(unit, pvid, same, true);
	if (good && *untagged && !same)
		good = mark_vlans(unit, untagged, true, false);
	if (good && strcmp(member, pvid) != 0 && strcmp(member, untagged) != 0)
		good = mark_vlans(unit, member, false, false);
	if (!good)
		import_remain(unit->import, place, "is not a VLAN from 1 to 4094");
}

const struct repeated_section repeated_sections[] = {
	{"Address", finish_address},
	{"Route", finish_route},
	{"RoutingPolicyRule", finish_rule},
	{"BridgeVLAN", finish_vlans},
	{NULL},
};
