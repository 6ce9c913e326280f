/* What an iface stanza makes, once it is read to its end. */
#include <arpa/inet.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "core/spec.h"
#include "ifupdown.h"

/* What was kept under the key, or NULL. What nobody asks for is said by remain_unused(). */
static const char *kept(const struct ifupdown_reader *reader, const char *key, struct place *place)
{
	json_t *value = json_object_get(json_object_get(reader->settings, "stanza"), key);

	*place =
		place_at(reader, (unsigned)json_member_integer(value, "line", reader->begins), key);
	if (value)
		import_put(reader->import, value, "used", json_true());
	return json_member_text(value, "value");
}

static void remain_unused(struct ifupdown_reader *reader)
{
	json_t *stanza = json_object_get(reader->settings, "stanza"), *value;
	const char *key;

	json_object_foreach(stanza, key, value) {
		struct place place =
			place_at(reader, (unsigned)json_member_integer(value, "line", 0), key);

		if (json_is_object(value) && !json_member_true(value, "used"))
			import_remain(reader->import, &place,
				      "has no meaning beside what else the stanza says");
	}
}

static bool is_automatic(const struct ifupdown_reader *reader)
{
	json_t *entry = json_object_get(reader->automatic, reader->name), *pattern;
	size_t i;

	json_array_foreach(reader->patterns, i, pattern)
		if (!entry &&
		    fnmatch(json_member_text(pattern, "name") ?: "", reader->name, 0) == 0)
			entry = pattern;
	if (entry)
		import_put(reader->import, entry, "used", json_true());
	return entry || strcmp(reader->name, "lo") == 0;
}

/* "255.255.255.0" or "24" */
static int netmask_length(const char *text)
{
	struct in_addr mask;
	int64_t length;

	if (read_integer(text, 0, 128, &length))
		return (int)length;
	return inet_pton(AF_INET, text, &mask) == 1 ? ip_netmask_to_length(mask.s_addr) : -EINVAL;
}

/* What once had to be said is accepted where it says what follows from the address anyway. */
static void check_derived(struct ifupdown_reader *reader, const char *key,
			  const struct ip_prefix *prefix, bool broadcast)
{
	struct ip_prefix network = ip_prefix_network(prefix);
	struct ip_address stated;
	struct place place;
	const char *text = kept(reader, key, &place);

	if (!text)
		return;
	if (broadcast && prefix->address.family == AF_INET)
		network.address.v4.s_addr |= ~ip_length_to_netmask(prefix->length);
	if (strcmp(text, "+") == 0 || (ip_address_parse(text, &stated, NULL, NULL) == 0 &&
				       ip_address_equal(&stated, &network.address)))
		return;
	import_remain(reader->import, &place,
		      "is not what follows from address and prefix length, and has no equivalent");
}

static void finish_address(struct ifupdown_reader *reader)
{
	struct place place, mask_place;
	const char *text = kept(reader, "address", &place);
	const char *mask = kept(reader, "netmask", &mask_place);
	int length = mask ? netmask_length(mask) : -EINVAL;
	char address[IP_PREFIX_TEXT_MAX];
	struct ip_prefix prefix;

	if (!text)
		return;
	if (ip_prefix_parse(text, &prefix, NULL, NULL) < 0) {
		import_remain(reader->import, &place, "is not an IP address");
		return;
	}
	if (!strchr(text, '/') && mask) {
		if (length < 0 || length > (int)ip_family_bits(prefix.address.family)) {
			import_remain(reader->import, &mask_place, "is not a netmask");
			return;
		}
		prefix.length = (uint8_t)length;
	}
	import_append(reader->import, reader->settings, "addresses",
		      json_string(ip_prefix_print(&prefix, address)));
	check_derived(reader, "network", &prefix, false);
	check_derived(reader, "broadcast", &prefix, true);
}

/* -1 for none */
static int64_t metric_of(struct ifupdown_reader *reader)
{
	struct place place;
	const char *text = kept(reader, "metric", &place);
	int64_t metric = -1;

	if (text && !read_integer(text, 0, UINT32_MAX, &metric))
		import_remain(reader->import, &place, "is not a number");
	return metric;
}

static void finish_gateway(struct ifupdown_reader *reader)
{
	struct place place;
	const char *text = kept(reader, "gateway", &place);

	if (text && strcmp(text, "none") != 0)
		put_gateway(reader->import, &place, reader->settings, text, metric_of(reader), -1);
}

static void finish_dhcp(struct ifupdown_reader *reader)
{
	static const struct setting hostname = {.member = "dhcp.hostname"};
	struct place place;
	const char *name = kept(reader, "hostname", &place);
	int64_t metric = metric_of(reader);

	if (name)
		set_hostname(reader->import, &place, reader->settings, name, &hostname);
	if (metric >= 0)
		import_put(reader->import, reader->settings, "dhcp.metric", json_integer(metric));
	if (!json_object_get(reader->settings, "dhcp"))
		import_put(reader->import, reader->settings, "dhcp", json_true());
}

static void finish_static(struct ifupdown_reader *reader)
{
	finish_address(reader);
	finish_gateway(reader);
}

static void finish_nothing(struct ifupdown_reader *reader)
{
}

static void finish_accept_ra(struct ifupdown_reader *reader)
{
	if (!import_member(reader->settings, "settings.accept_ra"))
		import_put(reader->import, reader->settings, "settings.accept_ra", json_integer(1));
}

static void finish_dhcp6(struct ifupdown_reader *reader)
{
	struct place place = place_at(reader, reader->begins, "iface");

	import_remain(reader->import, &place, "DHCPv6 has no equivalent");
}

static void finish_foreign(struct ifupdown_reader *reader)
{
	struct place place = place_at(reader, reader->begins, "iface");

	import_remain(reader->import, &place,
		      "the method has no equivalent, or is not known of this family");
}

static const struct {
	const char *family, *method;
	void (*finish)(struct ifupdown_reader *reader);
} methods[] = {
	{"inet", "static", finish_static},   {"inet6", "static", finish_static},
	{"inet", "dhcp", finish_dhcp},	     {"inet6", "dhcp", finish_dhcp6},
	{"inet", "manual", finish_static},   {"inet6", "manual", finish_static},
	{"inet", "loopback", finish_static}, {"inet6", "loopback", finish_static},
	{"inet6", "auto", finish_accept_ra}, {"", "", finish_static},
	{"inet", "auto", finish_dhcp},	     {"", "none", finish_nothing},
};

static void finish_method(struct ifupdown_reader *reader)
{
	for (unsigned i = 0; i < ARRAY_SIZE(methods); i++)
		if (strcmp(methods[i].family, reader->family) == 0 &&
		    strcmp(methods[i].method, reader->method) == 0) {
			methods[i].finish(reader);
			return;
		}
	finish_foreign(reader);
}

/* Each of the names becomes a port of the stanza's link. */
static bool finish_ports(struct ifupdown_reader *reader, const char *key)
{
	struct place place;
	const char *ports = kept(reader, key, &place);
	char port[WORD_MAX];
	json_t *link;

	if (!ports)
		return false;
	while (next_word(&ports, " \t", port)) {
		if (strcmp(port, "none") == 0)
			continue;
		if (!spec_link_name_valid(port) || has_pattern(port) || strcmp(port, "all") == 0 ||
		    strcmp(port, "regex") == 0) {
			import_remain(reader->import, &place, "ports are named one by one here");
			break;
		}
		link = import_link(reader->import, port);
		if (!link)
			break;
		import_put(reader->import, link, "controller", json_string(reader->name));
		import_put(reader->import, link, "up", json_true());
	}
	return true;
}

/* eth0.100 and vlan100 say it by their name. */
static void finish_vlan(struct ifupdown_reader *reader)
{
	const char *dot = strrchr(reader->name, '.');
	const char *digits = reader->name + strcspn(reader->name, "0123456789");
	char parent[IFNAMSIZ];
	int64_t id;

	if (dot)
		digits = dot + 1;
	if (!import_member(reader->settings, "vlan.parent")) {
		if (!dot || dot == reader->name || !read_integer(digits, 1, 4094, &id))
			return;
		snprintf(parent, sizeof(parent), "%.*s", (int)(dot - reader->name), reader->name);
		import_put(reader->import, reader->settings, "vlan.parent", json_string(parent));
	}
	if (!import_member(reader->settings, "vlan.id") && read_integer(digits, 1, 4094, &id))
		import_put(reader->import, reader->settings, "vlan.id", json_integer(id));
	if (import_member(reader->settings, "vlan.id"))
		import_put(reader->import, reader->settings, "kind", json_string("vlan"));
}

static void finish_kind(struct ifupdown_reader *reader)
{
	bool bridge = finish_ports(reader, "ports"), bond = finish_ports(reader, "slaves");

	if (bridge || json_object_get(reader->settings, "bridge"))
		import_put(reader->import, reader->settings, "kind", json_string("bridge"));
	else if (bond || json_object_get(reader->settings, "bond"))
		import_put(reader->import, reader->settings, "kind", json_string("bond"));
	else
		finish_vlan(reader);
}

static void finish_commands(struct ifupdown_reader *reader, const json_t *stanza, const char *key,
			    bool down)
{
	const json_t *list = json_object_get(stanza, key), *command;
	size_t i;

	json_array_foreach(list, i, command) {
		struct place place =
			place_at(reader, (unsigned)json_member_integer(command, "line", 0), key);

		if (import_command(reader->import, reader->name,
				   json_member_text(command, "value") ?: "", down) != COMMAND_DONE)
			import_remain(reader->import, &place,
				      "a command that is not a plain `ip route`, `ip rule`, `ip "
				      "address` or `ip link` has no equivalent");
	}
}

static void finish_automatic(struct ifupdown_reader *reader)
{
	_cleanup_json_ json_t *stanza = json_incref(json_object_get(reader->settings, "stanza"));

	finish_method(reader);
	finish_kind(reader);
	if (strcmp(reader->method, "loopback") != 0)
		import_put(reader->import, reader->settings, "up", json_true());
	remain_unused(reader);
	json_object_del(reader->settings, "stanza");
	if (json_object_size(reader->settings) > 0)
		import_lay_over(reader->import, reader->name, reader->settings);
	finish_commands(reader, stanza, "up", false);
	finish_commands(reader, stanza, "down", true);
}

void finish_stanza(struct ifupdown_reader *reader)
{
	struct place place = place_at(reader, reader->begins, "iface");

	if (!reader->settings)
		return;
	if (is_automatic(reader))
		finish_automatic(reader);
	else if (json_object_size(reader->settings) > 0 || strcmp(reader->method, "manual") != 0)
		import_remain(reader->import, &place,
			      "is not brought up at the start (no auto or allow-hotplug line), so "
			      "it was left out");
	json_decref(TAKE_PTR(reader->settings));
}
