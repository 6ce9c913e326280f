/* What the words of a value can be understood as. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "internal.h"

bool next_word(const char **text, const char *separators, char ret[WORD_MAX])
{
	size_t length;

	*text += strspn(*text, separators);
	length = strcspn(*text, separators);
	if (length == 0)
		return false;
	snprintf(ret, WORD_MAX, "%.*s", (int)MIN(length, (size_t)WORD_MAX - 1), *text);
	*text += length;
	return true;
}

bool read_truth(const char *text, bool *ret)
{
	static const char *const words[][5] = {
		{"no", "false", "off", "0", "n"},
		{"yes", "true", "on", "1", "y"},
	};

	for (unsigned i = 0; i < 2; i++)
		for (unsigned k = 0; k < ARRAY_SIZE(words[i]); k++)
			if (strcasecmp(words[i][k], text) == 0) {
				*ret = i;
				return true;
			}
	return false;
}

bool read_integer(const char *text, int64_t least, int64_t most, int64_t *ret)
{
	char *end;
	int base = text[0] == '0' && (text[1] | 0x20) == 'x' ? 16 : 10;
	long long value;

	errno = 0;
	value = strtoll(text, &end, base);
	if (end == text || *end || errno || value < least || value > most)
		return false;
	*ret = value;
	return true;
}

bool read_table(const char *text, int64_t *ret)
{
	static const struct {
		const char *name;
		int64_t number;
	} tables[] = {{"default", 253}, {"main", 254}, {"local", 255}};

	for (unsigned i = 0; i < ARRAY_SIZE(tables); i++)
		if (strcmp(tables[i].name, text) == 0) {
			*ret = tables[i].number;
			return true;
		}
	return read_integer(text, 1, UINT32_MAX, ret);
}

bool is_ipv6(const char *text)
{
	return strchr(text, ':') != NULL;
}

bool read_address(const char *text, char ret[IP_ADDRESS_TEXT_MAX])
{
	struct ip_address address;

	if (ip_address_parse(text, &address, NULL, NULL) < 0)
		return false;
	ip_address_print(&address, ret);
	return true;
}

bool read_network(const char *text, int family, char ret[IP_PREFIX_TEXT_MAX])
{
	struct ip_prefix prefix;

	if (strcmp(text, "default") == 0 || strcmp(text, "any") == 0 || strcmp(text, "all") == 0)
		text = family == AF_INET6 ? "::/0" : "0.0.0.0/0";
	if (ip_prefix_parse(text, &prefix, NULL, NULL) < 0)
		return false;
	prefix = ip_prefix_network(&prefix);
	ip_prefix_print(&prefix, ret);
	return true;
}

bool read_interface_address(const char *text, char ret[IP_PREFIX_TEXT_MAX])
{
	struct ip_prefix prefix;

	if (!strchr(text, '/') || ip_prefix_parse(text, &prefix, NULL, NULL) < 0 ||
	    ip_address_is_unspecified(&prefix.address))
		return false;
	ip_prefix_print(&prefix, ret);
	return true;
}

/* The document's `gateway` is IPv4's; IPv6's is a route. */
void put_gateway(struct import *import, const struct place *place, json_t *link, const char *text,
		 int64_t metric, int64_t table)
{
	char address[IP_ADDRESS_TEXT_MAX];
	json_t *route;

	if (!read_address(text, address)) {
		import_remain(import, place, "is not the address of a gateway");
		return;
	}
	if (!is_ipv6(address) && table < 0 && !json_object_get(link, "gateway")) {
		import_put(import, link, "gateway", json_string(address));
		if (metric >= 0)
			import_put(import, link, "metric", json_integer(metric));
		return;
	}
	if (!is_ipv6(address) && table < 0 && metric < 0 &&
	    strcmp(json_member_text(link, "gateway") ?: "", address) == 0)
		return;
	route = json_pack("{s:s, s:s}", "destination", is_ipv6(address) ? "::/0" : "0.0.0.0/0",
			  "gateway", address);
	if (metric >= 0)
		import_put(import, route, "metric", json_integer(metric));
	if (table >= 0)
		import_put(import, route, "table", json_integer(table));
	import_append(import, link, "routes", route);
}

bool put_vlans(struct import *import, json_t *link, const char *range, bool untagged, bool pvid)
{
	char first[WORD_MAX];
	const char *dash = strchr(range, '-');
	int64_t from, to;

	text_copy(first, sizeof(first), range);
	first[strcspn(first, "-")] = '\0';
	if (!read_integer(first, 1, 4094, &from) ||
	    !read_integer(dash ? dash + 1 : first, from, 4094, &to))
		return false;
	for (; from <= to; from++) {
		json_t *vlan = json_pack("{s:I}", "id", (json_int_t)from);

		if (untagged)
			import_put(import, vlan, "untagged", json_true());
		if (pvid)
			import_put(import, vlan, "pvid", json_true());
		import_append(import, link, "vlans", vlan);
	}
	return true;
}
