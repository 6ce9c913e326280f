/*
 * netplan: /etc/netplan/NAME.yaml, all of them laid over each other in the order of their names.
 * https://netplan.readthedocs.io, "YAML configuration".
 */
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "core/spec.h"
#include "netplan.h"

struct place netplan_place(const json_t *node, const char *at, const char *key)
{
	return (struct place){.file = yaml_file(node),
			      .line = yaml_line(node),
			      .section = at,
			      .key = key};
}

/* ---- which links a definition is ---- */

static bool text_or_list_fits(const json_t *node, const char *text)
{
	const json_t *item;
	size_t i;

	json_array_foreach(yaml_list(node), i, item)
		if (fnmatch(yaml_text(item) ?: "", text, 0) == 0)
			return true;
	return yaml_text(node) && fnmatch(yaml_text(node), text, 0) == 0;
}

static bool link_fits(const json_t *match, const struct import_link *link)
{
	const json_t *name = json_object_get(match, "name");
	const json_t *mac = json_object_get(match, "macaddress");
	const json_t *driver = json_object_get(match, "driver");
	const char *own = link->permanent_mac[0] ? link->permanent_mac : link->mac;

	return strcmp(link->kind, "loopback") != 0 &&
	       (!name || text_or_list_fits(name, link->name)) &&
	       (!mac || mac_list_fits(yaml_text(mac) ?: "", own)) &&
	       (!driver || text_or_list_fits(driver, link->driver));
}

static void add_name(struct netplan *netplan, json_t *names, const char *name)
{
	netplan->import->failed |= json_array_append_new(names, json_string(name)) < 0;
}

static void resolve(struct netplan *netplan, const char *id, const json_t *node, const char *at)
{
	struct import *import = netplan->import;
	const struct import_request *request = import->request;
	const json_t *match_node = json_object_get(yaml_map(node), "match");
	const json_t *match = yaml_map(match_node);
	const char *name = yaml_text(json_object_get(match, "name"));
	struct place place = netplan_place(match ? match_node : node, at, match ? "match" : NULL);
	json_t *names = json_array();

	if (!match && spec_link_name_valid(id))
		add_name(netplan, names, id);
	for (size_t i = 0; match && i < request->links_count; i++)
		if (link_fits(match, &request->links[i]))
			add_name(netplan, names, request->links[i].name);
	/* A link that is not there now may come, if its name is said. */
	if (json_array_size(names) == 0 && name && json_object_size((json_t *)match) == 1 &&
	    !has_pattern(name) && spec_link_name_valid(name))
		add_name(netplan, names, name);
	if (json_array_size(names) == 0)
		import_remain(import, &place,
			      match ? "fits no link of this host: the definition was left out"
				    : "is not the name of an interface: it was left out");
	import->failed |= json_put(netplan->names, id, names) < 0;
}

/* ---- definitions ---- */

static const struct node_setting *find_node(const char *section, const char *key)
{
	for (const struct node_setting *row = netplan_nodes; row->key; row++)
		if (strcmp(row->section, section) == 0 && strcmp(row->key, key) == 0)
			return row;
	return NULL;
}

/* The rows of a kind come before those of all devices. */
static void take_key(struct definition *definition, const char *section, bool device,
		     const struct place *place, json_t *target, const json_t *node)
{
	struct import *import = definition->netplan->import;
	const struct node_setting *row = find_node(section, place->key);
	const struct setting *setting;

	if (!row && device)
		row = find_node("device", place->key);
	if (row) {
		row->handle(definition, place, target, node);
		return;
	}
	setting = setting_find(netplan_settings, section, place->key);
	if (device && (!setting || strcmp(setting->key, "*") == 0))
		setting = setting_find(netplan_settings, "device", place->key) ?: setting;
	if (!setting)
		import_remain(import, place, "is not known here, so nothing was made of it");
	else if (yaml_text(node) && target != definition->link)
		setting_apply_vital(import, setting, place, target, yaml_text(node));
	else if (yaml_text(node))
		setting->handle(import, place, target, yaml_text(node), setting);
	else
		import_remain(import, place, setting->why ?: "has to be one value");
}

void netplan_walk(struct definition *definition, const char *section, const char *at,
		  json_t *target, const json_t *map)
{
	bool device =
		target == definition->link && strcmp(section, "dhcp") != 0 && !strchr(section, '.');
	json_t *node;
	const char *key;

	json_object_foreach((json_t *)map, key, node) {
		struct place place = netplan_place(node, at, key);

		take_key(definition, section, device, &place, target, node);
	}
}

/* What its overrides say holds only where there is a client. */
static void finish_dhcp(struct definition *definition)
{
	json_t *link = definition->link;
	bool wanted = json_member_true(json_object_get(link, "netplan"), "dhcp");

	json_object_del(link, "netplan");
	if (!wanted)
		json_object_del(link, "dhcp");
	else if (!json_object_get(link, "dhcp"))
		import_put(definition->netplan->import, link, "dhcp", json_true());
}

/* Netplan names both ends of a pair; to make one is to make the other. */
static bool peer_is_made(struct definition *definition)
{
	const char *peer = json_string_value(import_member(definition->link, "veth.peer"));
	json_t *other = peer ? json_object_get(definition->netplan->import->links, peer) : NULL;

	return json_object_get(other, "veth") != NULL;
}

static void finish_kind(struct definition *definition, const char *kind)
{
	if (!kind)
		return;
	if (strcmp(kind, "veth") == 0 && peer_is_made(definition))
		json_object_del(definition->link, "veth");
	else
		import_put(definition->netplan->import, definition->link, "kind",
			   json_string(kind));
}

static void translate(struct netplan *netplan, const char *kind, const char *section,
		      const char *link_kind, const char *id, const json_t *node)
{
	_cleanup_json_ json_t *link = json_object();
	const json_t *names = json_object_get(netplan->names, id), *name;
	char at[SECTION_MAX];
	struct definition definition = {
		.netplan = netplan, .kind = kind, .id = id, .link = link, .at = at};
	size_t i;

	snprintf(at, sizeof(at), "%s.%s", kind, id);
	netplan->import->failed |= !link;
	if (json_array_size(names) == 0)
		return; /* resolve() has said why */
	netplan_walk(&definition, section, at, link, yaml_map(node));
	finish_dhcp(&definition);
	finish_kind(&definition, link_kind);
	if (!json_object_get(link, "up"))
		import_put(netplan->import, link, "up", json_true());
	if (definition.manual)
		return;
	json_array_foreach(names, i, name)
		import_lay_over(netplan->import, json_string_value(name), link);
}

/* ---- kinds ---- */

static const struct kind {
	const char *name;
	const char *link_kind; /* NULL: the link is there, or nobody can make it */
	bool physical;	       /* what it is may be found by `match` */
	const char *why;       /* it is left out */
} kinds[] = {
	{"ethernets", .physical = true},
	{"wifis", .physical = true},
	{"dummy-devices", "dummy"},
	{"virtual-ethernets", "veth"},
	{"bonds", "bond"},
	{"bridges", "bridge"},
	{"vlans", "vlan"},
	{"tunnels", "vxlan"},
	{"modems", .why = "modems are not dialled: it was left out"},
	{"vrfs", .why = "VRFs have no equivalent: it was left out"},
	{"nm-devices", .why = "is NetworkManager's own: it was left out"},
	{"openvswitch", .why = "Open vSwitch has no equivalent: it was left out"},
};

static const struct kind *find_kind(const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

/* NULL for what can be translated. */
static const char *why_left_out(const struct kind *kind, const json_t *node)
{
	const char *mode = yaml_text(json_object_get(yaml_map(node), "mode"));

	if (strcmp(kind->name, "tunnels") == 0 && strcmp(mode ?: "", "vxlan") != 0)
		return "of tunnels only vxlan has an equivalent: it was left out, and its keys "
		       "were not read";
	return kind->why;
}

static void resolve_kind(struct netplan *netplan, const struct kind *kind, const json_t *map)
{
	char at[SECTION_MAX];
	json_t *node, *names;
	const char *id;

	json_object_foreach((json_t *)map, id, node) {
		snprintf(at, sizeof(at), "%s.%s", kind->name, id);
		if (kind->physical) {
			resolve(netplan, id, node, at);
		} else if (spec_link_name_valid(id) && !why_left_out(kind, node)) {
			names = json_array();
			add_name(netplan, names, id);
			netplan->import->failed |= json_put(netplan->names, id, names) < 0;
		}
	}
}

static void translate_kind(struct netplan *netplan, const struct kind *kind, const json_t *map)
{
	const char *section = strcmp(kind->name, "tunnels") == 0 ? "vxlan" : kind->name, *id, *why;
	json_t *node;

	json_object_foreach((json_t *)map, id, node) {
		struct place place = netplan_place(node, kind->name, id);

		why = why_left_out(kind, node);
		if (!why && !yaml_map(node) && (yaml_list(node) || (yaml_text(node) ?: "")[0]))
			why = "has to be a map: it was left out";
		if (!why && !kind->physical && !spec_link_name_valid(id))
			why = "is not the name of an interface: it was left out";
		if (why)
			import_remain(netplan->import, &place, why);
		else
			translate(netplan, kind->name, section, kind->link_kind, id, node);
	}
}

static void translate_tree(struct netplan *netplan, const json_t *network)
{
	json_t *node;
	const char *key;

	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
		resolve_kind(netplan, &kinds[i], yaml_map(json_object_get(network, kinds[i].name)));
	/* In the order of the kinds: what ports and parents are comes before what is made of it. */
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
		translate_kind(netplan, &kinds[i],
			       yaml_map(json_object_get(network, kinds[i].name)));
	json_object_foreach((json_t *)network, key, node) {
		struct place place = netplan_place(node, NULL, key);
		const struct kind *kind = find_kind(key);

		if (kind && kind->why && yaml_map(node))
			continue;
		if (strcmp(key, "renderer") == 0)
			import_remain(netplan->import, &place, "this program takes its place");
		else if (strcmp(key, "version") != 0 && !kind)
			import_remain(netplan->import, &place, "is not known here");
		else if (kind && !yaml_map(node))
			import_remain(netplan->import, &place, "has to be a map");
	}
}

/* ---- files ---- */

static int compare_files(const void *left, const void *right)
{
	const struct import_file *a = left, *b = right;
	const char *a_slash = strrchr(a->name, '/'), *b_slash = strrchr(b->name, '/');

	return strcmp(a_slash ? a_slash + 1 : a->name, b_slash ? b_slash + 1 : b->name);
}

static void remain_outside(struct import *import, const json_t *tree)
{
	json_t *node;
	const char *key;

	json_object_foreach((json_t *)yaml_map(tree), key, node) {
		struct place place = netplan_place(node, NULL, key);

		if (strcmp(key, "network") != 0)
			import_remain(import, &place, "stands outside of \"network\"");
	}
}

int import_netplan(struct import *import)
{
	const struct import_request *request = import->request;
	size_t size = request->files_count * sizeof(struct import_file);
	_cleanup_(cleanup_free) struct import_file *files = malloc(size ?: 1);
	_cleanup_json_ json_t *whole = NULL, *names = json_object();
	struct netplan netplan = {.import = import, .names = names};

	if (!files || !names)
		return -ENOMEM;
	if (size)
		memcpy(files, request->files, size);
	qsort(files, request->files_count, sizeof(*files), compare_files);
	for (size_t i = 0; i < request->files_count; i++) {
		_cleanup_json_ json_t *tree = NULL;
		struct place place = {.file = files[i].name, .line = 1, .key = "network"};
		int r = yaml_read(import, &files[i], &tree);

		if (r < 0)
			return r;
		if (!tree)
			continue;
		remain_outside(import, tree);
		if (yaml_map(json_object_get(yaml_map(tree), "network")))
			yaml_lay_over(import, &whole, json_object_get(yaml_map(tree), "network"));
		else
			import_remain(import, &place, "is not there, or not a map");
	}
	translate_tree(&netplan, yaml_map(whole));
	return 0;
}
