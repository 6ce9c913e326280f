/* Tables of settings, and what the value of one becomes. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/spec.h"
#include "internal.h"

const struct choice import_bond_modes[] = {
	{"0", "balance-rr"},
	{"1", "active-backup"},
	{"2", "balance-xor"},
	{"3", "broadcast"},
	{"4", "802.3ad"},
	{"5", "balance-tlb"},
	{"6", "balance-alb"},
	{"balance-rr", "balance-rr"},
	{"active-backup", "active-backup"},
	{"balance-xor", "balance-xor"},
	{"broadcast", "broadcast"},
	{"802.3ad", "802.3ad"},
	{"balance-tlb", "balance-tlb"},
	{"balance-alb", "balance-alb"},
	{NULL},
};

#define TIME_MOST INT64_C(4000000000000000) /* microseconds */

static bool same_section(const char *a, const char *b)
{
	return !a || !b || strcasecmp(a, b) == 0;
}

static bool same_key(const char *row, const char *key)
{
	size_t length = strlen(row);

	if (length > 0 && row[length - 1] == '*')
		return strncasecmp(row, key, length - 1) == 0;
	return strcasecmp(row, key) == 0;
}

const struct setting *setting_find(const struct setting *table, const char *section,
				   const char *key)
{
	for (; table->key; table++)
		if (same_section(table->section, section) && same_key(table->key, key))
			return table;
	return NULL;
}

void setting_apply(struct import *import, const struct setting *table, const struct place *place,
		   json_t *target, const char *value)
{
	const struct setting *setting = setting_find(table, place->section, place->key);

	if (setting)
		setting->handle(import, place, target, value, setting);
	else
		import_remain(import, place, "is not known here, so nothing was made of it");
}

void setting_apply_vital(struct import *import, const struct setting *setting,
			 const struct place *place, json_t *target, const char *value)
{
	size_t before = json_array_size(import->untranslated);

	setting->handle(import, place, target, value, setting);
	if (setting->handle != set_none && json_array_size(import->untranslated) != before)
		import_put(import, target, "spoilt", json_true());
}

SETTING_HANDLER(set_none)
{
	import_remain(import, place, setting->why);
}

SETTING_HANDLER(set_nothing)
{
}

SETTING_HANDLER(set_integer)
{
	int64_t number, most = setting->most ?: UINT32_MAX;

	if (read_integer(value, setting->least, most, &number))
		import_put(import, target, setting->member, json_integer(number));
	else
		import_remain(import, place, "is not a number within the allowed range");
}

SETTING_HANDLER(set_bytes)
{
	static const char units[] = "KMG";
	char *end;
	unsigned long long number = strtoull(value, &end, 10);
	const char *unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
	bool valid = isdigit((unsigned char)value[0]) && (unit ? !end[1] : !*end);

	for (ptrdiff_t i = unit ? unit - units : -1; i >= 0 && number <= UINT32_MAX; i--)
		number *= 1024;
	if (valid && number >= (uint64_t)setting->least &&
	    number <= (uint64_t)(setting->most ?: UINT32_MAX))
		import_put(import, target, setting->member, json_integer((json_int_t)number));
	else
		import_remain(import, place, "is not a size within the allowed range");
}

/* Microseconds of "1min 30s"; a bare number counts `fallback`. -1 for what is no time. */
static int64_t read_time(const char *text, int64_t fallback)
{
	static const struct {
		const char *unit;
		int64_t length;
	} units[] = {
		{"us", 1},
		{"usec", 1},
		{"ms", 1000},
		{"msec", 1000},
		{"s", 1000000},
		{"sec", 1000000},
		{"seconds", 1000000},
		{"second", 1000000},
		{"m", 60000000},
		{"min", 60000000},
		{"minutes", 60000000},
		{"minute", 60000000},
		{"h", 3600000000},
		{"hour", 3600000000},
		{"hours", 3600000000},
	};
	double total = 0;

	do {
		char *end;
		double number = strtod(text, &end);
		size_t length, i = 0;

		if (end == text || !(number >= 0 && number < 1e12))
			return -1;
		text = end + strspn(end, " ");
		length = strspn(text, "abcdefghijklmnopqrstuvwxyz");
		while (length && i < ARRAY_SIZE(units) &&
		       (strlen(units[i].unit) != length || strncmp(units[i].unit, text, length)))
			i++;
		if (i == ARRAY_SIZE(units))
			return -1;
		total += number * (double)(length ? units[i].length : fallback);
		text += length;
		text += strspn(text, " ");
	} while (*text && total < (double)TIME_MOST);
	return total < (double)TIME_MOST ? (int64_t)total : -1;
}

SETTING_HANDLER(set_time)
{
	int64_t time = read_time(value, setting->fallback), number = time / (setting->unit ?: 1);

	if (time < 0 || number < setting->least || number > (setting->most ?: UINT32_MAX))
		import_remain(import, place, "is not a time within the allowed range");
	else
		import_put(import, target, setting->member, json_integer(number));
}

static void put_truth(struct import *import, const struct place *place, json_t *target,
		      const char *value, const struct setting *setting, bool inverted, bool number)
{
	bool truth;

	if (!read_truth(value, &truth)) {
		import_remain(import, place, setting->why ?: "is neither yes nor no");
		return;
	}
	truth ^= inverted;
	import_put(import, target, setting->member,
		   number ? json_integer(truth) : json_boolean(truth));
}

SETTING_HANDLER(set_truth)
{
	put_truth(import, place, target, value, setting, false, false);
}

SETTING_HANDLER(set_truth_not)
{
	put_truth(import, place, target, value, setting, true, false);
}

SETTING_HANDLER(set_switch)
{
	put_truth(import, place, target, value, setting, false, true);
}

SETTING_HANDLER(set_choice)
{
	for (const struct choice *choice = setting->choices; choice->text; choice++)
		if (strcasecmp(choice->text, value) == 0) {
			if (choice->value)
				import_put(import, target, setting->member,
					   json_string(choice->value));
			else
				import_remain(import, place, setting->why ?: "has no equivalent");
			return;
		}
	import_remain(import, place, setting->why ?: "is none of the known words");
}

SETTING_HANDLER(set_address)
{
	char address[IP_ADDRESS_TEXT_MAX];

	if (read_address(value, address))
		import_put(import, target, setting->member, json_string(address));
	else
		import_remain(import, place, "is not an IP address");
}

/* A group of hosts is another member than one host. */
SETTING_HANDLER(set_vxlan_remote)
{
	struct ip_address address;
	char text[IP_ADDRESS_TEXT_MAX];
	bool valid = ip_address_parse(value, &address, NULL, NULL) == 0;

	if (valid)
		import_put(import, target,
			   ip_address_is_multicast(&address) ? "vxlan.group" : "vxlan.remote",
			   json_string(ip_address_print(&address, text)));
	else
		import_remain(import, place, "is not an IP address");
}

SETTING_HANDLER(set_network)
{
	char network[IP_PREFIX_TEXT_MAX];

	if (read_network(value, AF_INET, network))
		import_put(import, target, setting->member, json_string(network));
	else
		import_remain(import, place, "is not a destination");
}

SETTING_HANDLER(set_addresses)
{
	char word[WORD_MAX], address[IP_PREFIX_TEXT_MAX];

	while (next_word(&value, " \t,;", word)) {
		if (read_interface_address(word, address))
			import_append(import, target, "addresses", json_string(address));
		else
			import_remain(import, place, "is not an address with its prefix length");
	}
}

SETTING_HANDLER(set_dns)
{
	char word[WORD_MAX], address[IP_ADDRESS_TEXT_MAX];

	while (next_word(&value, " \t,;", word)) {
		if (read_address(word, address))
			import_append(import, target, "dns", json_string(address));
		else
			import_remain(import, place,
				      "a name server is named by its IP address alone, without "
				      "port, scope or name");
	}
}

static bool is_domain(const char *text)
{
	size_t length = strlen(text);

	for (const char *c = text; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("-_.", *c))
			return false;
	return length > 0 && length <= 253 && strcmp(text, ".") != 0;
}

SETTING_HANDLER(set_search)
{
	char word[WORD_MAX];

	while (next_word(&value, " \t,;", word)) {
		if (word[0] == '~')
			import_remain(import, place,
				      "a domain that only routes queries has no equivalent");
		else if (is_domain(word))
			import_append(import, target, "search", json_string(word));
		else
			import_remain(import, place, "is not a domain");
	}
}

SETTING_HANDLER(set_gateway)
{
	put_gateway(import, place, target, value, -1, -1);
}

SETTING_HANDLER(set_mac)
{
	struct hardware_address mac;
	char text[HARDWARE_ADDRESS_TEXT_MAX], word[WORD_MAX];

	text_copy(word, sizeof(word), value);
	for (char *c = word; *c; c++)
		if (*c == '-')
			*c = ':';
	if (hardware_address_parse(word, &mac, NULL, NULL) < 0 || mac.length != 6 ||
	    mac.bytes[0] & 1)
		import_remain(import, place, setting->why ?: "is not the MAC address of one host");
	else
		import_put(import, target, setting->member,
			   json_string(hardware_address_print(&mac, text)));
}

SETTING_HANDLER(set_link)
{
	if (spec_link_name_valid(value))
		import_put(import, target, setting->member, json_string(value));
	else
		import_remain(import, place, "is not the name of an interface");
}

SETTING_HANDLER(set_table)
{
	int64_t table;

	if (read_table(value, &table))
		import_put(import, target, setting->member, json_integer(table));
	else
		import_remain(import, place, "is not the number of a routing table");
}

SETTING_HANDLER(set_hostname)
{
	if (is_domain(value) && strlen(value) < 64 && !strchr(value, '_'))
		import_put(import, target, setting->member, json_string(value));
	else
		import_remain(import, place, "is not a host name");
}
