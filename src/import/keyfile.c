/*
 * NetworkManager's profiles: a file each, sections and keys. nm-settings-keyfile(5). A profile
 * names its link, or tells its MAC address, or is for whichever link of its kind there is; a
 * controller and a parent are named by interface or by their profile's UUID.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/spec.h"
#include "keyfile.h"

struct profile {
	const char *file;
	json_t *link; /* "nm" in it holds what is no part of the document */
	char name[IFNAMSIZ];
};

struct keyfiles {
	struct import *import;
	struct profile profiles[IMPORT_FILES_MAX];
	size_t count;
};

static const struct kind {
	const char *type;
	const char *link_kind; /* it is made */
	const char *of_host;   /* it is there; link_kind_text() */
} kinds[] = {
	{"ethernet", NULL, "ethernet"},
	{"802-3-ethernet", NULL, "ethernet"},
	{"wifi", NULL, "wifi"},
	{"802-11-wireless", NULL, "wifi"},
	{"infiniband", NULL, "none"},
	{"loopback", NULL, "loopback"},
	{"bridge", "bridge"},
	{"bond", "bond"},
	{"vlan", "vlan"},
	{"macvlan", "macvlan"},
	{"vxlan", "vxlan"},
	{"veth", "veth"},
	{"dummy", "dummy"},
};

/* What the keys of "nm" are called in the file, where it is otherwise. */
static const struct {
	const char *key, *section, *name;
} spellings[] = {
	{"method4", "ipv4", "method"},	     {"method6", "ipv6", "method"},
	{"gateway4", "ipv4", "gateway"},     {"gateway6", "ipv6", "gateway"},
	{"metric4", "ipv4", "route-metric"}, {"metric6", "ipv6", "route-metric"},
	{"never4", "ipv4", "never-default"}, {"name", "connection", "interface-name"},
};

static const char *own(const struct profile *profile, const char *key, struct place *place)
{
	const json_t *value = json_object_get(json_object_get(profile->link, "nm"), key);

	if (place)
		*place = (struct place){.file = profile->file,
					.line = (unsigned)json_member_integer(value, "line", 1),
					.section = "connection",
					.key = key};
	for (unsigned i = 0; place && i < ARRAY_SIZE(spellings); i++)
		if (strcmp(spellings[i].key, key) == 0) {
			place->section = spellings[i].section;
			place->key = spellings[i].name;
		}
	return json_member_text(value, "value") ?: "";
}

static bool own_truth(const struct profile *profile, const char *key, bool otherwise)
{
	const json_t *value = json_object_get(json_object_get(profile->link, "nm"), key);

	return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

static const struct kind *kind_of(const struct profile *profile)
{
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(kinds[i].type, own(profile, "type", NULL)) == 0)
			return &kinds[i];
	return NULL;
}

static void remain(struct keyfiles *keyfiles, const struct profile *profile, const char *key,
		   const char *why)
{
	struct place place;

	own(profile, key, &place);
	import_remain(keyfiles->import, &place, why);
}

static int read_profile(struct keyfiles *keyfiles, const struct import_file *file)
{
	struct profile *profile = &keyfiles->profiles[keyfiles->count++];
	enum ini_result result;
	struct ini ini;
	int r = ini_open(&ini, file, false);

	*profile = (struct profile){.file = file->name, .link = json_object()};
	if (!profile->link)
		r = -ENOMEM;
	while (r == 0 && (result = ini_next(&ini)) != INI_END) {
		struct place place = {.file = ini.file,
				      .line = ini.line,
				      .section = ini.name,
				      .key = ini.key};

		if (result == INI_MALFORMED) {
			place.section = NULL;
			place.key = "line";
			import_remain(keyfiles->import, &place,
				      "is neither a section nor KEY=VALUE");
		} else {
			setting_apply(keyfiles->import, keyfile_settings, &place, profile->link,
				      ini.value);
		}
	}
	ini_close(&ini);
	return r;
}

/* ---- names ---- */

/* The link that an interface name, a UUID or a profile's id stands for. */
static const char *link_of(const struct keyfiles *keyfiles, const char *reference)
{
	for (size_t i = 0; i < keyfiles->count; i++) {
		const struct profile *profile = &keyfiles->profiles[i];

		if (profile->name[0] && (strcmp(own(profile, "uuid", NULL), reference) == 0 ||
					 strcmp(own(profile, "id", NULL), reference) == 0))
			return profile->name;
	}
	return spec_link_name_valid(reference) ? reference : NULL;
}

static bool is_named(const struct keyfiles *keyfiles, const char *link)
{
	for (size_t i = 0; i < keyfiles->count; i++)
		if (strcmp(keyfiles->profiles[i].name, link) == 0)
			return true;
	return false;
}

static bool restricts(const struct profile *profile)
{
	return own(profile, "mac", NULL)[0] || own(profile, "match", NULL)[0] ||
	       own(profile, "driver", NULL)[0];
}

static bool profile_fits(const struct profile *profile, const struct kind *kind,
			 const struct import_link *link)
{
	const char *mac = own(profile, "mac", NULL), *names = own(profile, "match", NULL);
	const char *driver = own(profile, "driver", NULL);

	if (!restricts(profile) && strcmp(kind->of_host, link->kind) != 0)
		return false;
	return strcmp(link->kind, "loopback") != 0 &&
	       (!mac[0] || mac_list_fits(mac, link->permanent_mac) ||
		mac_list_fits(mac, link->mac)) &&
	       (!names[0] || pattern_list_fits(names, link->name)) &&
	       (!driver[0] || pattern_list_fits(driver, link->driver));
}

static void find_link(struct keyfiles *keyfiles, struct profile *profile, const struct kind *kind)
{
	const struct import_request *request = keyfiles->import->request;
	const char *found = NULL;
	unsigned count = 0;

	for (size_t i = 0; kind->of_host && i < request->links_count; i++)
		if (!is_named(keyfiles, request->links[i].name) &&
		    profile_fits(profile, kind, &request->links[i])) {
			found = request->links[i].name;
			count++;
		}
	if (count == 1)
		text_copy(profile->name, sizeof(profile->name), found);
	else
		remain(keyfiles, profile, "name",
		       count ? "is not said, and several links fit: the profile was left out"
			     : "fits no link of this host: the profile was left out");
}

/* A VLAN without a name is called by its parent and number. */
static void name_vlan(struct keyfiles *keyfiles, struct profile *profile)
{
	const char *parent = link_of(keyfiles, own(profile, "parent", NULL));
	const json_t *id = import_member(profile->link, "vlan.id");

	if (parent && id && strlen(parent) + 6 < IFNAMSIZ)
		snprintf(profile->name, sizeof(profile->name), "%.10s.%d", parent,
			 (int)json_integer_value(id));
	else
		remain(keyfiles, profile, "name", "is missing: the profile was left out");
}

static void find_name(struct keyfiles *keyfiles, struct profile *profile)
{
	const struct kind *kind = kind_of(profile);
	const char *name = own(profile, "name", NULL);

	if (!kind || !own_truth(profile, "autoconnect", true))
		remain(keyfiles, profile, kind ? "autoconnect" : "type",
		       kind ? "is not brought up by itself: the profile was left out"
			    : "has no equivalent: the profile was left out");
	else if (name[0] && !spec_link_name_valid(name))
		remain(keyfiles, profile, "name",
		       "is not the name of an interface: the profile was left out");
	else if (name[0])
		text_copy(profile->name, sizeof(profile->name), name);
	else if (kind->of_host)
		find_link(keyfiles, profile, kind);
	else if (strcmp(kind->type, "vlan") == 0)
		name_vlan(keyfiles, profile);
	else
		remain(keyfiles, profile, "name", "is missing: the profile was left out");
}

/* ---- what it makes ---- */

struct method {
	const char *text;
	bool dhcp, gateway;
	int accept_ra; /* -1: left as it is */
	const char *why;
};

static const struct method methods4[] = {
	{"auto", true, true, -1, NULL},
	{"manual", false, true, -1, NULL},
	{"disabled", false, false, -1, NULL},
	{"link-local", false, false, -1, "IPv4 has a link-local address where DHCP finds none"},
	{"shared", false, false, -1, "nothing is served to the link, and nothing translated"},
	{"", false, false, -1, NULL},
	{NULL},
};

static const struct method methods6[] = {
	{"auto", false, true, 1, NULL},
	{"manual", false, true, 0, NULL},
	{"link-local", false, false, 0, NULL},
	{"ignore", false, false, -1, NULL},
	{"", false, false, -1, NULL},
	{"disabled", false, false, -1, NULL},
	{"dhcp", false, true, 1, "DHCPv6 has no equivalent"},
	{"shared", false, false, -1, "nothing is served to the link"},
	{NULL},
};

static const struct method *method_of(struct keyfiles *keyfiles, const struct profile *profile,
				      const struct method *table, const char *key)
{
	const char *text = own(profile, key, NULL);

	while (table->text && strcmp(table->text, text) != 0)
		table++;
	if (!table->text || table->why)
		remain(keyfiles, profile, key, table->why ?: "is no known method");
	return table;
}

static int64_t metric_of(struct keyfiles *keyfiles, const struct profile *profile, const char *key)
{
	const char *text = own(profile, key, NULL);
	int64_t metric = -1;

	if (text[0] && !read_integer(text, -1, UINT32_MAX, &metric))
		remain(keyfiles, profile, key, "is not a number");
	return metric;
}

static void finish_gateway(struct keyfiles *keyfiles, struct profile *profile,
			   const struct method *method, const char *key, int64_t metric)
{
	struct place place;
	const char *text = own(profile, key, &place);
	struct ip_address address;

	if (!text[0] || (ip_address_parse(text, &address, NULL, NULL) == 0 &&
			 ip_address_is_unspecified(&address)))
		return;
	if (method->gateway)
		put_gateway(keyfiles->import, &place, profile->link, text, metric, -1);
	else
		import_remain(keyfiles->import, &place, "has no meaning with this method");
}

static void finish_dhcp(struct keyfiles *keyfiles, struct profile *profile, int64_t metric)
{
	if (metric >= 0)
		import_put(keyfiles->import, profile->link, "dhcp.metric", json_integer(metric));
	if (!json_object_get(profile->link, "dhcp"))
		import_put(keyfiles->import, profile->link, "dhcp", json_true());
	if (own_truth(profile, "never4", false))
		remain(keyfiles, profile, "never4", "a lease's routes are taken all or not at all");
}

static void finish_ipv4(struct keyfiles *keyfiles, struct profile *profile)
{
	const struct method *method = method_of(keyfiles, profile, methods4, "method4");
	int64_t metric = metric_of(keyfiles, profile, "metric4");

	if (!own_truth(profile, "never4", false))
		finish_gateway(keyfiles, profile, method, "gateway4", metric);
	if (method->dhcp)
		finish_dhcp(keyfiles, profile, metric);
	else
		json_object_del(profile->link, "dhcp");
}

static void finish_ipv6(struct keyfiles *keyfiles, struct profile *profile)
{
	const struct method *method = method_of(keyfiles, profile, methods6, "method6");

	if (!own_truth(profile, "never6", false))
		finish_gateway(keyfiles, profile, method, "gateway6",
			       metric_of(keyfiles, profile, "metric6"));
	if (method->text && strcmp(method->text, "disabled") == 0)
		import_put(keyfiles->import, profile->link, "settings.disable_ipv6",
			   json_integer(1));
	if (method->text && method->accept_ra >= 0)
		import_put(keyfiles->import, profile->link, "settings.accept_ra",
			   json_integer(method->accept_ra));
}

static void finish_routes(struct keyfiles *keyfiles, struct profile *profile, const char *key)
{
	json_t *routes = json_object_get(json_object_get(profile->link, "nm"), key), *route;
	const char *name;

	json_object_foreach(routes, name, route) {
		struct place place = {.file = profile->file,
				      .line = (unsigned)json_member_integer(route, "line", 1),
				      .key = name};

		if (json_object_get(route, "spoilt"))
			continue;
		json_object_del(route, "line");
		if (json_object_get(route, "destination"))
			import_put_route(keyfiles->import, profile->link, json_deep_copy(route));
		else
			import_remain(keyfiles->import, &place, "has options but no destination");
	}
}

static bool has_parent(const struct kind *kind)
{
	static const char *const stacked[] = {"vlan", "macvlan", "vxlan"};

	for (unsigned i = 0; kind->link_kind && i < ARRAY_SIZE(stacked); i++)
		if (strcmp(stacked[i], kind->link_kind) == 0)
			return true;
	return false;
}

static void finish_relations(struct keyfiles *keyfiles, struct profile *profile,
			     const struct kind *kind)
{
	const char *controller = own(profile, "controller", NULL);
	const char *parent = own(profile, "parent", NULL), *name;
	char member[IFNAMSIZ + 8];

	if (controller[0]) {
		name = link_of(keyfiles, controller);
		if (name)
			import_put(keyfiles->import, profile->link, "controller",
				   json_string(name));
		else
			remain(keyfiles, profile, "controller", "is of no profile that was given");
	}
	if (parent[0] && !has_parent(kind))
		remain(keyfiles, profile, "parent", "has no meaning with this type");
	else if (parent[0]) {
		name = link_of(keyfiles, parent);
		snprintf(member, sizeof(member), "%s.parent", kind->link_kind);
		if (name)
			import_put(keyfiles->import, profile->link, member, json_string(name));
		else
			remain(keyfiles, profile, "parent", "is of no profile that was given");
	}
}

/* What a profile does not say is otherwise than the kernel's default. */
static void finish_kind(struct keyfiles *keyfiles, struct profile *profile, const struct kind *kind)
{
	json_t *link = profile->link;
	bool other = false;

	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].link_kind &&
		    (!kind->link_kind || strcmp(kinds[i].link_kind, kind->link_kind) != 0))
			other |= json_object_del(link, kinds[i].link_kind) == 0;
	if (other)
		remain(keyfiles, profile, "type",
		       "is not that of all sections: those of another type were left out");
	if (!kind->link_kind)
		return;
	import_put(keyfiles->import, link, "kind", json_string(kind->link_kind));
	if (strcmp(kind->link_kind, "bridge") == 0 && !import_member(link, "bridge.stp"))
		import_put(keyfiles->import, link, "bridge.stp", json_true());
	if (strcmp(kind->link_kind, "bond") == 0 && !import_member(link, "bond.miimon"))
		import_put(keyfiles->import, link, "bond.miimon", json_integer(100));
}

static void translate(struct keyfiles *keyfiles, struct profile *profile)
{
	const struct kind *kind = kind_of(profile);
	_cleanup_json_ json_t *settings = NULL;

	finish_ipv4(keyfiles, profile);
	finish_ipv6(keyfiles, profile);
	finish_routes(keyfiles, profile, "routes4");
	finish_routes(keyfiles, profile, "routes6");
	finish_relations(keyfiles, profile, kind);
	finish_kind(keyfiles, profile, kind);
	import_put(keyfiles->import, profile->link, "up", json_true());
	/* The profile itself keeps its UUID: others may name it. */
	settings = json_copy(profile->link);
	json_object_del(settings, "nm");
	import_lay_over(keyfiles->import, profile->name, settings);
}

static void keyfiles_free(struct keyfiles *keyfiles)
{
	for (size_t i = 0; i < keyfiles->count; i++)
		json_decref(keyfiles->profiles[i].link);
	free(keyfiles);
}
DEFINE_CLEANUP(struct keyfiles *, keyfiles_cleanup, keyfiles_free)

int import_keyfiles(struct import *import)
{
	_cleanup_(keyfiles_cleanup) struct keyfiles *keyfiles = calloc(1, sizeof(*keyfiles));
	int r = 0;

	if (!keyfiles)
		return -ENOMEM;
	keyfiles->import = import;
	for (size_t i = 0; r == 0 && i < import->request->files_count; i++)
		r = read_profile(keyfiles, &import->request->files[i]);
	/* Those that say their name come first: the others take what is left. */
	for (unsigned pass = 0; r == 0 && pass < 2; pass++)
		for (size_t i = 0; i < keyfiles->count; i++)
			if ((own(&keyfiles->profiles[i], "name", NULL)[0] == '\0') == pass)
				find_name(keyfiles, &keyfiles->profiles[i]);
	for (size_t i = 0; r == 0 && i < keyfiles->count; i++)
		if (keyfiles->profiles[i].name[0])
			translate(keyfiles, &keyfiles->profiles[i]);
	return r;
}
