/* `ip route`, `ip rule`, `ip address`, `ip link` and the older `route`, as scripts write them. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "core/spec.h"
#include "internal.h"

static bool put_integer_word(json_t *json, const char *member, const char *word)
{
	int64_t number;

	return read_integer(word, 0, UINT32_MAX, &number) &&
	       json_put(json, member, json_integer(number)) == 0;
}

static bool put_table_word(json_t *json, const char *member, const char *word)
{
	int64_t table;

	return read_table(word, &table) && json_put(json, member, json_integer(table)) == 0;
}

static bool put_address_word(json_t *json, const char *member, const char *word)
{
	char address[IP_ADDRESS_TEXT_MAX];

	return read_address(word, address) && json_put(json, member, json_string(address)) == 0;
}

static bool put_network_word(json_t *json, const char *member, const char *word)
{
	char network[IP_PREFIX_TEXT_MAX];
	bool six = strcmp(json_member_text(json, "family") ?: "", "ipv6") == 0;

	return read_network(word, six ? AF_INET6 : AF_INET, network) &&
	       json_put(json, member, json_string(network)) == 0;
}

static bool put_link_word(json_t *json, const char *member, const char *word)
{
	return spec_link_name_valid(word) && json_put(json, member, json_string(word)) == 0;
}

/* 0x10 or 0x10/0xff */
static bool put_mark_word(json_t *json, const char *member, const char *word)
{
	char mark[WORD_MAX];
	const char *slash = strchr(word, '/');

	text_copy(mark, sizeof(mark), word);
	mark[strcspn(mark, "/")] = '\0';
	return put_integer_word(json, member, mark) &&
	       (!slash || put_integer_word(json, "mask", slash + 1));
}

/* What is so anyway. */
static bool put_nothing(json_t *json, const char *member, const char *word)
{
	return strcmp(word, "static") == 0 || strcmp(word, "boot") == 0 ||
	       strcmp(word, "link") == 0 || strcmp(word, "global") == 0;
}

struct word {
	const char *text, *member;
	bool (*put)(json_t *json, const char *member, const char *word);
};

static const struct word route_words[] = {
	{"via", "gateway", put_address_word},
	{"dev", "link", put_link_word},
	{"metric", "metric", put_integer_word},
	{"priority", "metric", put_integer_word},
	{"preference", "metric", put_integer_word},
	{"table", "table", put_table_word},
	{"src", "source", put_address_word},
	{"mtu", "mtu", put_integer_word},
	{"proto", NULL, put_nothing},
	{"protocol", NULL, put_nothing},
	{"scope", NULL, put_nothing},
	{"gw", "gateway", put_address_word},
	{NULL},
};

static const struct word rule_words[] = {
	{"from", "from", put_network_word},
	{"to", "to", put_network_word},
	{"iif", "incoming", put_link_word},
	{"dev", "incoming", put_link_word},
	{"oif", "outgoing", put_link_word},
	{"fwmark", "mark", put_mark_word},
	{"table", "table", put_table_word},
	{"lookup", "table", put_table_word},
	{"priority", "priority", put_integer_word},
	{"pref", "priority", put_integer_word},
	{"prio", "priority", put_integer_word},
	{"order", "priority", put_integer_word},
	{NULL},
};

static const char *const kinds[] = {"unicast", "blackhole", "unreachable", "prohibit", NULL};

static const char *kind_of(const char *word)
{
	for (unsigned i = 0; kinds[i]; i++)
		if (strcmp(kinds[i], word) == 0)
			return kinds[i];
	return NULL;
}

static bool take_pair(json_t *json, const struct word *table, const char *key, const char *value)
{
	for (; table->text; table++)
		if (strcmp(table->text, key) == 0)
			return table->put(json, table->member, value);
	return false;
}

static bool take_destination(json_t *route, int family, const char *word)
{
	char network[IP_PREFIX_TEXT_MAX];

	return !json_object_get(route, "destination") && read_network(word, family, network) &&
	       json_put(route, "destination", json_string(network)) == 0;
}

static bool families_agree(const json_t *route)
{
	const char *destination = json_member_text(route, "destination");
	const char *gateway = json_member_text(route, "gateway");

	return destination && (!gateway || is_ipv6(gateway) == is_ipv6(destination));
}

/* "via" decides what "default" is, where no family was said. */
static int family_of_words(int family, unsigned count, char words[][WORD_MAX])
{
	for (unsigned i = 0; family == AF_UNSPEC && i < count; i++)
		if (is_ipv6(words[i]))
			family = AF_INET6;
	return family;
}

json_t *route_from_words(int family, unsigned count, char words[][WORD_MAX], char device[IFNAMSIZ])
{
	_cleanup_json_ json_t *route = json_object();
	bool good = route != NULL;

	family = family_of_words(family, count, words);
	device[0] = '\0';
	for (unsigned i = 0; good && i < count; i++) {
		const char *kind = kind_of(words[i]);

		if (kind)
			good = json_put(route, "type", json_string(kind)) == 0;
		else if (strcmp(words[i], "onlink") == 0)
			good = json_put(route, "onlink", json_true()) == 0;
		else if (i + 1 < count && take_pair(route, route_words, words[i], words[i + 1]))
			i++;
		else if (strcmp(words[i], "to") != 0)
			good = take_destination(route, family, words[i]);
	}
	if (!good || !families_agree(route))
		return NULL;
	text_copy(device, IFNAMSIZ, json_member_text(route, "link"));
	json_object_del(route, "link");
	return TAKE_PTR(route);
}

json_t *rule_from_words(int family, unsigned count, char words[][WORD_MAX])
{
	_cleanup_json_ json_t *rule = json_object();
	const char *from, *to;
	bool good;

	family = family_of_words(family, count, words);
	good = rule &&
	       json_put(rule, "family", json_string(family == AF_INET6 ? "ipv6" : "ipv4")) == 0;
	for (unsigned i = 0; good && i < count; i++) {
		const char *kind = kind_of(words[i]);

		if (kind && strcmp(kind, "unicast") != 0)
			good = json_put(rule, "action", json_string(kind)) == 0;
		else if (i + 1 < count && take_pair(rule, rule_words, words[i], words[i + 1]))
			i++;
		else
			good = false;
	}
	from = json_member_text(rule, "from");
	to = json_member_text(rule, "to");
	if (!good || (from && is_ipv6(from) != (family == AF_INET6)) ||
	    (to && is_ipv6(to) != (family == AF_INET6)))
		return NULL;
	if (!json_object_get(rule, "table") && !json_object_get(rule, "action"))
		return NULL;
	/* "from all" is every packet, which the document says by silence. */
	if (from && strstr(from, "/0"))
		json_object_del(rule, "from");
	if (to && strstr(to, "/0"))
		json_object_del(rule, "to");
	return TAKE_PTR(rule);
}

static enum command_result add_route(struct import *import, const char *link, int family,
				     unsigned count, char words[][WORD_MAX])
{
	char device[IFNAMSIZ];
	json_t *route = route_from_words(family, count, words, device), *target;

	if (!route)
		return COMMAND_UNKNOWN;
	target = import_link(import, device[0] ? device : link);
	if (target)
		import_put_route(import, target, route);
	else
		json_decref(route);
	return COMMAND_DONE;
}

static enum command_result add_rule(struct import *import, const char *link, int family,
				    unsigned count, char words[][WORD_MAX])
{
	json_t *rule = rule_from_words(family, count, words);

	if (!rule)
		return COMMAND_UNKNOWN;
	import_add_rule(import, rule);
	return COMMAND_DONE;
}

static enum command_result add_address(struct import *import, const char *link, int family,
				       unsigned count, char words[][WORD_MAX])
{
	char address[IP_PREFIX_TEXT_MAX];
	bool named = count == 3 && strcmp(words[1], "dev") == 0 && spec_link_name_valid(words[2]);
	json_t *target;

	if ((count != 1 && !named) || !read_interface_address(words[0], address))
		return COMMAND_UNKNOWN;
	target = import_link(import, named ? words[2] : link);
	if (target)
		import_append(import, target, "addresses", json_string(address));
	return COMMAND_DONE;
}

/* [dev] NAME up | mtu N */
static enum command_result set_link_words(struct import *import, const char *link, int family,
					  unsigned count, char words[][WORD_MAX])
{
	unsigned first = count > 0 && strcmp(words[0], "dev") == 0;
	int64_t mtu;
	json_t *target;

	if (count < first + 2 || !spec_link_name_valid(words[first]))
		return COMMAND_UNKNOWN;
	if (count == first + 2 && strcmp(words[first + 1], "up") == 0) {
		target = import_link(import, words[first]);
		if (target)
			import_put(import, target, "up", json_true());
		return COMMAND_DONE;
	}
	if (count != first + 3 || strcmp(words[first + 1], "mtu") != 0 ||
	    !read_integer(words[first + 2], 68, 65535, &mtu))
		return COMMAND_UNKNOWN;
	target = import_link(import, words[first]);
	if (target)
		import_put(import, target, "mtu", json_integer(mtu));
	return COMMAND_DONE;
}

typedef enum command_result (*verb_function_t)(struct import *import, const char *link, int family,
					       unsigned count, char words[][WORD_MAX]);

static const struct {
	const char *object, *verb;
	verb_function_t run; /* NULL: takes back what was made */
} verbs[] = {
	{"route", "add", add_route},	 {"route", "append", add_route},
	{"route", "replace", add_route}, {"r", "add", add_route},
	{"rule", "add", add_rule},	 {"address", "add", add_address},
	{"addr", "add", add_address},	 {"a", "add", add_address},
	{"link", "set", set_link_words}, {"route", "del", NULL},
	{"route", "delete", NULL},	 {"rule", "del", NULL},
	{"rule", "delete", NULL},	 {"addr", "del", NULL},
	{"addr", "delete", NULL},	 {"address", "del", NULL},
	{"address", "delete", NULL},	 {"r", "del", NULL},
};

static enum command_result run_ip(struct import *import, const char *link, unsigned count,
				  char words[][WORD_MAX], bool down)
{
	int family = AF_UNSPEC;

	for (; count > 0 && words[0][0] == '-'; words++, count--) {
		if (strcmp(words[0], "-6") == 0)
			family = AF_INET6;
		else if (strcmp(words[0], "-4") == 0)
			family = AF_INET;
		else
			return COMMAND_UNKNOWN;
	}
	for (unsigned i = 0; count >= 2 && i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(verbs[i].object, words[0]) != 0 || strcmp(verbs[i].verb, words[1]) != 0)
			continue;
		if (!verbs[i].run || down)
			return down && !verbs[i].run ? COMMAND_DONE : COMMAND_UNKNOWN;
		return verbs[i].run(import, link, family, count - 2, words + 2);
	}
	return COMMAND_UNKNOWN;
}

/* route add [-net | -host] DESTINATION [netmask M] [gw G] [metric N] [dev D] */
static enum command_result run_route(struct import *import, const char *link, unsigned count,
				     char words[][WORD_MAX], bool down)
{
	struct in_addr mask;
	int length;

	if (count > 0 && strcmp(words[0], "del") == 0)
		return down ? COMMAND_DONE : COMMAND_UNKNOWN;
	if (count < 2 || down || strcmp(words[0], "add") != 0)
		return COMMAND_UNKNOWN;
	words++, count--;
	if (strcmp(words[0], "-net") == 0 || strcmp(words[0], "-host") == 0)
		words++, count--;
	if (count >= 3 && strcmp(words[1], "netmask") == 0) {
		if (inet_pton(AF_INET, words[2], &mask) != 1 ||
		    (length = ip_netmask_to_length(mask.s_addr)) < 0 || strlen(words[0]) > 40)
			return COMMAND_UNKNOWN;
		snprintf(words[2], WORD_MAX, "%.40s/%d", words[0], length);
		words += 2, count -= 2;
	}
	return add_route(import, link, AF_INET, count, words);
}

/* Words as the shell parts them, where nothing in them needs a shell. */
static int split(const char *command, const char *link, char words[][WORD_MAX])
{
	unsigned count = 0;
	char word[WORD_MAX];

	while (next_word(&command, " \t", word)) {
		if (count > 0 && strcmp(word, "||") == 0 &&
		    strcmp(command + strspn(command, " \t"), "true") == 0)
			break;
		if (strcmp(word, "$IFACE") == 0 || strcmp(word, "${IFACE}") == 0 ||
		    strcmp(word, "\"$IFACE\"") == 0)
			text_copy(word, sizeof(word), link);
		if (count == COMMAND_WORDS_MAX || strpbrk(word, "$`|&;<>()\"'\\*?[{#"))
			return -1;
		text_copy(words[count++], WORD_MAX, word);
	}
	return (int)count;
}

enum command_result import_command(struct import *import, const char *link, const char *command,
				   bool down)
{
	char words[COMMAND_WORDS_MAX][WORD_MAX];
	int count = split(command, link, words);
	const char *slash = count > 0 ? strrchr(words[0], '/') : NULL;
	const char *program = count > 0 ? (slash ? slash + 1 : words[0]) : "";

	if (count > 1 && strcmp(program, "ip") == 0)
		return run_ip(import, link, (unsigned)count - 1, words + 1, down);
	if (count > 1 && strcmp(program, "route") == 0)
		return run_route(import, link, (unsigned)count - 1, words + 1, down);
	return COMMAND_UNKNOWN;
}
