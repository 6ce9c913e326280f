#include "device_kinds.h"

#include <endian.h>
#include <linux/if_bonding.h>
#include <linux/if_ether.h>
#include <stdio.h>
#include <string.h>

#define MEMBER(member)                                                                             \
	.offset = offsetof(struct device_spec, member),                                            \
	.size = sizeof(((struct device_spec *)0)->member)

#define ROWS(array) .options = (array), .options_count = ARRAY_SIZE(array)

#define VXLAN_PORT 4789 /* RFC 7348, section 5 */

/* Times of a bridge are 1/100 s in the kernel's interface. */
static const struct device_option bridge_options[] = {
	{"stp", OPTION_TRUTH, MEMBER(options.bridge.stp)},
	{"vlan_filtering", OPTION_TRUTH, MEMBER(options.bridge.vlan_filtering),
	 .feature = "CONFIG_BRIDGE_VLAN_FILTERING"},
	{"forward_delay", OPTION_NUMBER, MEMBER(options.bridge.forward_delay), .most = 30,
	 .scale = 100, .otherwise = 1500},
	{"ageing_time", OPTION_NUMBER, MEMBER(options.bridge.ageing_time), .most = 1000000,
	 .scale = 100, .otherwise = 30000},
	{"priority", OPTION_NUMBER, MEMBER(options.bridge.priority), .most = 65535,
	 .otherwise = 32768},
};

static const struct choice bond_modes[] = {
	{"balance-rr", BOND_MODE_ROUNDROBIN}, {"active-backup", BOND_MODE_ACTIVEBACKUP},
	{"balance-xor", BOND_MODE_XOR},	      {"broadcast", BOND_MODE_BROADCAST},
	{"802.3ad", BOND_MODE_8023AD},	      {"balance-tlb", BOND_MODE_TLB},
	{"balance-alb", BOND_MODE_ALB},	      {NULL, 0},
};

static const struct choice lacp_rates[] = {{"slow", 0}, {"fast", 1}, {NULL, 0}};

static const struct choice hash_policies[] = {
	{"layer2", BOND_XMIT_POLICY_LAYER2},
	{"layer3+4", BOND_XMIT_POLICY_LAYER34},
	{"layer2+3", BOND_XMIT_POLICY_LAYER23},
	{"encap2+3", BOND_XMIT_POLICY_ENCAP23},
	{"encap3+4", BOND_XMIT_POLICY_ENCAP34},
	{"vlan+srcmac", BOND_XMIT_POLICY_VLAN_SRCMAC},
	{NULL, 0},
};

/* Without miimon the kernel never notices that a port's carrier is gone. */
static const struct device_option bond_options[] = {
	{"mode", OPTION_CHOICE, MEMBER(options.bond.mode), .immutable = true,
	 .choices = bond_modes},
	{"miimon", OPTION_NUMBER, MEMBER(options.bond.miimon), .most = 60000, .otherwise = 100},
	{"lacp_rate", OPTION_CHOICE, MEMBER(options.bond.lacp_rate), .choices = lacp_rates},
	{"xmit_hash_policy", OPTION_CHOICE, MEMBER(options.bond.xmit_hash_policy),
	 .choices = hash_policies},
};

static const struct choice vlan_protocols[] = {{"802.1q", ETH_P_8021Q},
					       {"802.1ad", ETH_P_8021AD},
					       {NULL, 0}};

static const struct device_option vlan_options[] = {
	{"id", OPTION_NUMBER, MEMBER(options.vlan.id), .least = 1, .most = 4094, .required = true,
	 .immutable = true},
	{"parent", OPTION_LINK, MEMBER(parent), .required = true, .immutable = true},
	{"protocol", OPTION_CHOICE, MEMBER(options.vlan.protocol), .network_order = true,
	 .immutable = true, .otherwise = ETH_P_8021Q, .choices = vlan_protocols},
};

static const struct choice macvlan_modes[] = {
	{"private", MACVLAN_MODE_PRIVATE},
	{"vepa", MACVLAN_MODE_VEPA},
	{"bridge", MACVLAN_MODE_BRIDGE},
	{"passthru", MACVLAN_MODE_PASSTHRU},
	{NULL, 0},
};

static const struct device_option macvlan_options[] = {
	{"parent", OPTION_LINK, MEMBER(parent), .required = true, .immutable = true},
	{"mode", OPTION_CHOICE, MEMBER(options.macvlan.mode), .otherwise = MACVLAN_MODE_BRIDGE,
	 .choices = macvlan_modes},
};

static const struct device_option veth_options[] = {
	{"peer", OPTION_LINK, MEMBER(peer), .required = true, .immutable = true},
};

static const struct device_option vxlan_options[] = {
	{"id", OPTION_NUMBER, MEMBER(options.vxlan.id), .most = 0xffffff, .required = true,
	 .immutable = true},
	{"local", OPTION_ADDRESS, MEMBER(options.vxlan.local)},
	{"remote", OPTION_ADDRESS, MEMBER(options.vxlan.remote)},
	{"group", OPTION_GROUP, MEMBER(options.vxlan.remote)},
	{"port", OPTION_NUMBER, MEMBER(options.vxlan.port), .network_order = true, .least = 1,
	 .most = 65535, .immutable = true, .otherwise = VXLAN_PORT},
	{"parent", OPTION_LINK, MEMBER(parent), .immutable = true},
	{"learning", OPTION_TRUTH, MEMBER(options.vxlan.learning), .immutable = true,
	 .otherwise = 1},
};

static const struct device_kind kinds[] = {
	{"bridge", "CONFIG_BRIDGE / module bridge", 0, ROWS(bridge_options)},
	{"bond", "CONFIG_BONDING / module bonding", 0, ROWS(bond_options)},
	{"vlan", "CONFIG_VLAN_8021Q / module 8021q", 1, ROWS(vlan_options)},
	{"macvlan", "CONFIG_MACVLAN / module macvlan", 2, ROWS(macvlan_options)},
	{"veth", "CONFIG_VETH / module veth", 0, ROWS(veth_options)},
	{"vxlan", "CONFIG_VXLAN / module vxlan", 2, ROWS(vxlan_options)},
	{.name = "dummy", .feature = "CONFIG_DUMMY / module dummy"},
};

const struct device_kind *device_kind(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

const char *device_kind_names(char *buffer, size_t size)
{
	size_t length = 0;

	buffer[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(kinds) && length < size; i++)
		length += (size_t)snprintf(buffer + length, size - length, "%s%s", i ? ", " : "",
					   kinds[i].name);
	return buffer;
}

/* ---- numbers of 1, 2 and 4 bytes ---- */

static void number_put(const struct device_option *option, void *member, uint32_t value)
{
	uint16_t u16 = (uint16_t)(option->network_order ? htobe16((uint16_t)value) : value);
	uint8_t u8 = (uint8_t)value;

	memcpy(member,
	       option->size == 1   ? (const void *)&u8
	       : option->size == 2 ? (const void *)&u16
				   : (const void *)&value,
	       option->size);
}

static uint32_t number_get(const struct device_option *option, const void *member)
{
	uint32_t value = 0;
	uint16_t u16;

	if (option->size == 1)
		return *(const uint8_t *)member;
	if (option->size == 2) {
		memcpy(&u16, member, sizeof(u16));
		return option->network_order ? be16toh(u16) : u16;
	}
	memcpy(&value, member, sizeof(value));
	return value;
}

/* ---- from JSON ---- */

static int wrong_type(const char *parameter, const char *type, struct error *error)
{
	return error_set(error, ERROR_PARAMETER_TYPE, parameter, "'%s' must be %s", parameter,
			 type);
}

static int truth_parse(const struct device_option *option, const json_t *value, void *member,
		       const char *parameter, struct error *error)
{
	if (!json_is_boolean(value))
		return wrong_type(parameter, "true or false", error);
	number_put(option, member, json_is_true(value));
	return 0;
}

static int number_parse(const struct device_option *option, const json_t *value, void *member,
			const char *parameter, struct error *error)
{
	json_int_t number = json_integer_value(value);

	if (!json_is_integer(value))
		return wrong_type(parameter, "a number", error);
	if (number < option->least || number > option->most)
		return error_set(error, ERROR_PARAMETER_RANGE, parameter,
				 "'%s' must be between %u and %u", parameter, option->least,
				 option->most);
	number_put(option, member, (uint32_t)number * (option->scale ?: 1));
	return 0;
}

static int choice_parse(const struct device_option *option, const json_t *value, void *member,
			const char *parameter, struct error *error)
{
	char texts[160] = "";
	int r;

	if (!json_is_string(value))
		return wrong_type(parameter, "text", error);
	for (const struct choice *choice = option->choices; choice->text; choice++) {
		size_t length = strlen(texts);

		if (strcmp(choice->text, json_string_value(value)) == 0) {
			number_put(option, member, choice->value);
			return 0;
		}
		snprintf(texts + length, sizeof(texts) - length, "%s%s", length ? ", " : "",
			 choice->text);
	}
	r = error_set(error, ERROR_PARAMETER_RANGE, parameter, "'%s' cannot be '%.32s'", parameter,
		      json_string_value(value));
	error_hint(error, "one of %s", texts);
	return r;
}

static int address_parse(const struct device_option *option, const json_t *value, void *member,
			 const char *parameter, struct error *error)
{
	bool group = option->type == OPTION_GROUP;
	struct ip_address address;
	int r;

	if (!json_is_string(value))
		return wrong_type(parameter, "an address", error);
	if (ip_address_is_set(member))
		return error_set(error, ERROR_PARAMETER_CONFLICT, parameter,
				 "'%s' excludes the other end that was given already", parameter);
	r = ip_address_parse(json_string_value(value), &address, parameter, error);
	if (r >= 0 && ip_address_is_multicast(&address) != group)
		r = error_set(error, ERROR_PARAMETER_RANGE, parameter, "'%s' must be %s", parameter,
			      group ? "a multicast group" : "the address of one host");
	if (r >= 0)
		memcpy(member, &address, sizeof(address));
	return r;
}

static int name_parse(const struct device_option *option, const json_t *value, void *member,
		      const char *parameter, struct error *error)
{
	if (!json_is_string(value))
		return wrong_type(parameter, "the name of an interface", error);
	if (!spec_link_name_valid(json_string_value(value)))
		return error_set(error, ERROR_NAME_INVALID, parameter,
				 "'%.32s' is no interface name", json_string_value(value));
	text_copy(member, option->size, json_string_value(value));
	return 0;
}

static int (*const parsers[])(const struct device_option *option, const json_t *value, void *member,
			      const char *parameter, struct error *error) = {
	[OPTION_TRUTH] = truth_parse,	[OPTION_NUMBER] = number_parse,
	[OPTION_CHOICE] = choice_parse, [OPTION_ADDRESS] = address_parse,
	[OPTION_GROUP] = address_parse, [OPTION_LINK] = name_parse,
};

static int option_parse(const struct device_kind *kind, const struct device_option *option,
			const json_t *object, struct device_spec *spec, struct error *error)
{
	const json_t *value = json_object_get(object, option->key);
	void *member = (char *)spec + option->offset;
	char parameter[64];

	snprintf(parameter, sizeof(parameter), "%s.%s", kind->name, option->key);
	if (value)
		return parsers[option->type](option, value, member, parameter, error);
	if (option->required)
		return error_set(error, ERROR_PARAMETER_MISSING, parameter, "'%s' is missing",
				 parameter);
	if (option->type <= OPTION_CHOICE)
		number_put(option, member, option->otherwise);
	return 0;
}

static int options_known(const struct device_kind *kind, const json_t *object, struct error *error)
{
	char parameter[64];
	const char *key;
	const json_t *value;

	json_object_foreach((json_t *)object, key, value) {
		unsigned i = 0;

		while (i < kind->options_count && strcmp(kind->options[i].key, key) != 0)
			i++;
		if (i < kind->options_count)
			continue;
		snprintf(parameter, sizeof(parameter), "%s.%.32s", kind->name, key);
		return error_set(error, ERROR_PARAMETER_UNKNOWN, parameter, "a %s has no '%.32s'",
				 kind->name, key);
	}
	return 0;
}

int device_options_parse(const struct device_kind *kind, const json_t *object,
			 struct device_spec *spec, struct error *error)
{
	int r;

	if (object && !json_is_object(object))
		return wrong_type(kind->name, "an object", error);
	r = options_known(kind, object, error);
	for (unsigned i = 0; r >= 0 && i < kind->options_count; i++)
		r = option_parse(kind, &kind->options[i], object, spec, error);
	return r;
}

/* ---- to JSON ---- */

static json_t *choice_print(const struct device_option *option, uint32_t value)
{
	for (const struct choice *choice = option->choices; choice->text; choice++)
		if (choice->value == value)
			return json_string(choice->text);
	return json_integer(value);
}

static int option_print(const struct device_option *option, const struct device_spec *spec,
			json_t *json)
{
	const void *member = (const char *)spec + option->offset;
	const struct ip_address *address = member;

	switch (option->type) {
	case OPTION_TRUTH:
		return json_put(json, option->key, json_boolean(number_get(option, member)));
	case OPTION_NUMBER:
		return json_put(json, option->key,
				json_integer(number_get(option, member) / (option->scale ?: 1)));
	case OPTION_CHOICE:
		return json_put(json, option->key,
				choice_print(option, number_get(option, member)));
	case OPTION_ADDRESS:
	case OPTION_GROUP:
		if (ip_address_is_multicast(address) != (option->type == OPTION_GROUP))
			return 0;
		return json_put_address(json, option->key, address);
	case OPTION_LINK:
		return *(const char *)member ? json_put(json, option->key, json_string(member)) : 0;
	}
	return 0;
}

json_t *device_options_print(const struct device_kind *kind, const struct device_spec *spec)
{
	_cleanup_json_ json_t *json = json_object();
	int r = 0;

	for (unsigned i = 0; i < kind->options_count; i++)
		r |= option_print(&kind->options[i], spec, json);
	return r < 0 ? NULL : TAKE_PTR(json);
}

/* ---- comparison ---- */

static bool option_differs(const struct device_option *option, const struct device_spec *a,
			   const struct device_spec *b)
{
	const void *left = (const char *)a + option->offset;
	const void *right = (const char *)b + option->offset;
	const struct ip_address *first = left, *second = right;

	if (option->type == OPTION_LINK)
		return *(const char *)left && *(const char *)right && strcmp(left, right) != 0;
	if (option->type == OPTION_ADDRESS || option->type == OPTION_GROUP)
		return first->family != second->family || !ip_address_equal(first, second);
	if (option->type == OPTION_TRUTH)
		return !number_get(option, left) != !number_get(option, right);
	return number_get(option, left) != number_get(option, right);
}

const struct device_option *device_options_differing(const struct device_kind *kind,
						     const struct device_spec *a,
						     const struct device_spec *b, bool immutable)
{
	for (unsigned i = 0; i < kind->options_count; i++)
		if ((kind->options[i].immutable || !immutable) &&
		    option_differs(&kind->options[i], a, b))
			return &kind->options[i];
	return NULL;
}

const struct device_option *device_option_of_feature(const struct device_kind *kind,
						     const struct device_spec *spec)
{
	for (unsigned i = 0; i < kind->options_count; i++) {
		const struct device_option *option = &kind->options[i];

		if (option->feature &&
		    number_get(option, (const char *)spec + option->offset) != option->otherwise)
			return option;
	}
	return NULL;
}
