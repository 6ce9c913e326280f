/*
 * systemd-networkd: .netdev files make devices; of .network files (and .link files) the first that
 * fits a link is the one. NAME.network.d/ holds additions. systemd.network(5).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/spec.h"
#include "networkd.h"

enum unit_kind { UNIT_NETWORK, UNIT_NETDEV, UNIT_LINK, _UNIT_KIND_MAX };

static const struct {
	const char *ending;
	const struct setting *settings;
} unit_kinds[] = {
	[UNIT_NETWORK] = {".network", network_settings},
	[UNIT_NETDEV] = {".netdev", netdev_settings},
	[UNIT_LINK] = {".link", link_settings},
};

struct networkd {
	struct import *import;
	struct import_file files[IMPORT_FILES_MAX];
	size_t files_count;
	struct unit units[_UNIT_KIND_MAX][IMPORT_FILES_MAX];
	size_t counts[_UNIT_KIND_MAX];
	struct import_link *links; /* the host's, and those of the files */
	size_t links_count;
	json_t *devices; /* kinds of the .netdev files' devices, by name */
};

static const char *last_part(const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash ? slash + 1 : name;
}

static bool ends_in(const char *name, const char *ending)
{
	size_t a = strlen(name), b = strlen(ending);

	return a > b && strcmp(name + a - b, ending) == 0;
}

/* ---- units ---- */

static const struct repeated_section *find_repeated(const char *name)
{
	for (const struct repeated_section *row = repeated_sections; row->name; row++)
		if (strcasecmp(row->name, name) == 0)
			return row;
	return NULL;
}

struct section {
	const struct repeated_section *repeated; /* NULL: its keys are the link's */
	struct place place;
	json_t *json;
	char name[WORD_MAX];
};

static void finish_section(struct unit *unit, struct section *section)
{
	if (section->repeated)
		section->repeated->finish(unit, &section->place, section->json);
	json_decref(section->json);
	section->json = NULL;
	section->repeated = NULL;
}

static void begin_section(struct unit *unit, struct section *section, const struct ini *ini,
			  const struct setting *settings)
{
	finish_section(unit, section);
	text_copy(section->name, sizeof(section->name), ini->name);
	section->place =
		(struct place){.file = ini->file, .line = ini->line, .section = section->name};
	if (settings == network_settings)
		section->repeated = find_repeated(ini->name);
	section->json = json_object();
}

static void take_entry(struct unit *unit, struct section *section, const struct ini *ini,
		       const struct setting *settings)
{
	struct place place = {.file = ini->file,
			      .line = ini->line,
			      .section = ini->name,
			      .key = ini->key};
	const struct setting *setting = setting_find(settings, ini->name, ini->key);
	json_t *target = section->repeated ? section->json : unit->link;

	/* An empty value takes back what was said before. */
	if (!*ini->value && setting && setting->member && !strchr(setting->member, '.'))
		json_object_del(target, setting->member);
	else if (section->repeated && setting)
		setting_apply_vital(unit->import, setting, &place, target, ini->value);
	else if (*ini->value || !setting)
		setting_apply(unit->import, settings, &place, target, ini->value);
}

static int read_into(struct unit *unit, const struct import_file *file,
		     const struct setting *settings)
{
	struct section section = {0};
	unsigned number = 0;
	enum ini_result result;
	struct ini ini;
	int r = ini_open(&ini, file, true);

	while (r == 0 && (result = ini_next(&ini)) != INI_END) {
		struct place place = {.file = ini.file, .line = ini.line, .key = "line"};

		if (result == INI_MALFORMED) {
			import_remain(unit->import, &place, "is neither a section nor KEY=VALUE");
			continue;
		}
		if (ini.section != number || number == 0)
			begin_section(unit, &section, &ini, settings);
		number = ini.section;
		take_entry(unit, &section, &ini, settings);
	}
	finish_section(unit, &section);
	ini_close(&ini);
	return r;
}

/* "/etc/x/10-a.network.d/b.conf" belongs to "10-a.network". */
static bool is_addition_to(const char *addition, const char *unit)
{
	const char *slash = strrchr(addition, '/');
	size_t length = strlen(last_part(unit));
	const char *begin;

	if (!slash || !ends_in(addition, ".conf") || (size_t)(slash - addition) < length + 2)
		return false;
	begin = slash - length - 2;
	return strncmp(slash - 2, ".d", 2) == 0 && strncmp(begin, last_part(unit), length) == 0 &&
	       (begin == addition || begin[-1] == '/');
}

static int read_unit(struct networkd *networkd, const struct import_file *file, enum unit_kind kind)
{
	struct unit *unit = &networkd->units[kind][networkd->counts[kind]++];
	int r;

	*unit = (struct unit){.import = networkd->import, .file = file, .link = json_object()};
	r = unit->link ? read_into(unit, file, unit_kinds[kind].settings) : -ENOMEM;
	for (size_t i = 0; r == 0 && i < networkd->files_count; i++)
		if (is_addition_to(networkd->files[i].name, file->name))
			r = read_into(unit, &networkd->files[i], unit_kinds[kind].settings);
	unit->match = json_object_get(json_object_get(unit->link, "networkd"), "match");
	unit->resolvable = !import_member(unit->link, "networkd.unresolvable");
	return r;
}

/* /etc comes before /run, and that before /usr: the first of a name hides the others. */
static int directory_rank(const char *name)
{
	static const char *const folders[] = {"/etc/", "/run/", "/usr/local/", "/usr/"};

	for (int i = 0; i < (int)ARRAY_SIZE(folders); i++)
		if (strncmp(folders[i], name, strlen(folders[i])) == 0)
			return i;
	return ARRAY_SIZE(folders);
}

static int compare_files(const void *left, const void *right)
{
	const struct import_file *a = left, *b = right;
	int order = strcmp(last_part(a->name), last_part(b->name));

	return order ?: directory_rank(a->name) - directory_rank(b->name);
}

static void remain_file(struct networkd *networkd, const struct import_file *file, const char *why)
{
	struct place place = {.file = file->name, .line = 1, .key = "file"};

	import_remain(networkd->import, &place, why);
}

static bool is_hidden(const struct networkd *networkd, size_t i)
{
	return i > 0 && strcmp(last_part(networkd->files[i - 1].name),
			       last_part(networkd->files[i].name)) == 0;
}

static bool has_unit(const struct networkd *networkd, const char *addition)
{
	for (size_t i = 0; i < networkd->files_count; i++)
		if (is_addition_to(addition, networkd->files[i].name))
			return true;
	return false;
}

static int read_file(struct networkd *networkd, size_t i)
{
	const struct import_file *file = &networkd->files[i];

	for (unsigned kind = 0; kind < _UNIT_KIND_MAX; kind++) {
		if (!ends_in(file->name, unit_kinds[kind].ending))
			continue;
		if (!is_hidden(networkd, i))
			return read_unit(networkd, file, kind);
		remain_file(networkd, file, "a file of the same name comes before it");
		return 0;
	}
	if (!has_unit(networkd, file->name))
		remain_file(networkd, file,
			    "is no .network, .netdev or .link file, nor an addition to one given");
	return 0;
}

/* ---- devices ---- */

static const char *const device_kinds[] = {"bridge", "bond",  "vlan", "macvlan",
					   "veth",   "vxlan", "dummy"};

static void make_device(struct networkd *networkd, struct unit *unit)
{
	_cleanup_json_ json_t *own = json_incref(json_object_get(unit->link, "networkd"));
	const char *name = json_member_text(own, "name");
	const char *text = json_member_text(own, "kind") ?: "";
	const char *kind = NULL;
	bool other = false;

	for (unsigned i = 0; i < ARRAY_SIZE(device_kinds); i++)
		if (strcmp(device_kinds[i], text) == 0)
			kind = device_kinds[i];
	if (!kind || !name || !unit->resolvable) {
		remain_file(networkd, unit->file,
			    kind && name ? "is not for every host: it was left out"
					 : "makes a device of no kind that is made here: it was "
					   "left out");
		return;
	}
	json_object_del(unit->link, "networkd");
	for (unsigned i = 0; i < ARRAY_SIZE(device_kinds); i++)
		if (strcmp(device_kinds[i], kind) != 0)
			other |= json_object_del(unit->link, device_kinds[i]) == 0;
	if (other)
		remain_file(networkd, unit->file,
			    "has sections for devices of another kind, which were left out");
	import_put(networkd->import, unit->link, "kind", json_string(kind));
	import_lay_over(networkd->import, name, unit->link);
	networkd->import->failed |= json_put(networkd->devices, name, json_string(kind)) < 0;
}

/* ---- links ---- */

static bool kind_fits(const char *wanted, const char *kind)
{
	static const struct {
		const char *kind, *type;
	} types[] = {{"ethernet", "ether"},
		     {"wifi", "wlan"},
		     {"veth", "ether"},
		     {"dummy", "ether"}};

	for (unsigned i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(types[i].kind, kind) == 0 && pattern_list_fits(wanted, types[i].type))
			return true;
	return pattern_list_fits(wanted, kind);
}

static bool unit_fits(const struct unit *unit, const struct import_link *link)
{
	const char *name = json_member_text(unit->match, "Name");
	const char *mac = json_member_text(unit->match, "MACAddress");
	const char *permanent = json_member_text(unit->match, "PermanentMACAddress");
	const char *driver = json_member_text(unit->match, "Driver");
	const char *type = json_member_text(unit->match, "Type");
	const char *kind = json_member_text(unit->match, "Kind");

	return unit->resolvable && json_object_size(unit->match) > 0 &&
	       (!name || pattern_list_fits(name, link->name)) &&
	       (!mac || mac_list_fits(mac, link->mac)) &&
	       (!permanent || mac_list_fits(permanent, link->permanent_mac)) &&
	       (!driver || pattern_list_fits(driver, link->driver)) &&
	       (!type || kind_fits(type, link->kind)) &&
	       (!kind || pattern_list_fits(kind, link->kind));
}

static void add_candidate(struct networkd *networkd, const char *name, const char *kind)
{
	for (size_t i = 0; i < networkd->links_count; i++)
		if (strcmp(networkd->links[i].name, name) == 0)
			return;
	networkd->links[networkd->links_count++] = (struct import_link){
		.name = name, .mac = "", .permanent_mac = "", .driver = "", .kind = kind};
}

/* Names that a [Match] says in full may be of links that come later. */
static void add_said_names(struct networkd *networkd, json_t *names)
{
	for (size_t i = 0; i < networkd->counts[UNIT_NETWORK]; i++) {
		const struct unit *unit = &networkd->units[UNIT_NETWORK][i];
		const char *list = json_member_text(unit->match, "Name") ?: "!";
		char name[WORD_MAX];

		while (*list != '!' && json_object_size(unit->match) == 1 &&
		       json_object_size(names) < IMPORT_FILES_MAX && next_word(&list, " \t", name))
			if (!has_pattern(name) && spec_link_name_valid(name))
				networkd->import->failed |= json_put(names, name, json_true()) < 0;
	}
}

static void put_stacked(struct networkd *networkd, const struct unit *unit, const char *link,
			const char *kind)
{
	const char *names = json_member_text(json_object_get(unit->link, "networkd"), kind) ?: "";
	struct place place = {.file = unit->file->name,
			      .line = 1,
			      .section = "Network",
			      .key = kind};
	char name[WORD_MAX], member[IFNAMSIZ + 8];

	snprintf(member, sizeof(member), "%s.parent", kind);
	while (next_word(&names, " \t", name)) {
		const char *made = json_member_text(networkd->devices, name);
		json_t *device = made && strcmp(made, kind) == 0
					 ? import_link(networkd->import, name)
					 : NULL;

		if (device)
			import_put(networkd->import, device, member, json_string(link));
		else
			import_remain(networkd->import, &place,
				      "no .netdev file that was given makes a device of this name "
				      "and kind");
	}
}

static void configure(struct networkd *networkd, struct unit *unit, const char *link)
{
	_cleanup_json_ json_t *settings = json_copy(unit->link);
	const json_t *own = json_object_get(unit->link, "networkd");

	if (json_member_true(own, "unmanaged"))
		return;
	json_object_del(settings, "networkd");
	if (!json_member_true(own, "dhcp"))
		json_object_del(settings, "dhcp");
	else if (!json_object_get(settings, "dhcp"))
		import_put(networkd->import, settings, "dhcp", json_true());
	if (!json_object_get(settings, "up"))
		import_put(networkd->import, settings, "up", json_true());
	import_lay_over(networkd->import, link, settings);
	put_stacked(networkd, unit, link, "vlan");
	put_stacked(networkd, unit, link, "macvlan");
	put_stacked(networkd, unit, link, "vxlan");
}

static void rename_and_size(struct networkd *networkd, struct unit *unit, const char *link)
{
	_cleanup_json_ json_t *settings = json_copy(unit->link);

	json_object_del(settings, "networkd");
	if (json_object_size(settings) > 0)
		import_lay_over(networkd->import, link, settings);
}

/* The first unit that fits a link is the one. */
static void fit(struct networkd *networkd, enum unit_kind kind, size_t candidates,
		void (*use)(struct networkd *networkd, struct unit *unit, const char *link))
{
	for (size_t i = 0; i < candidates; i++)
		for (size_t k = 0; k < networkd->counts[kind]; k++) {
			struct unit *unit = &networkd->units[kind][k];

			if (!unit_fits(unit, &networkd->links[i]))
				continue;
			unit->fitted = true;
			use(networkd, unit, networkd->links[i].name);
			break;
		}
	for (size_t k = 0; k < networkd->counts[kind]; k++) {
		struct unit *unit = &networkd->units[kind][k];
		struct place place = {.file = unit->file->name, .line = 1, .section = "Match"};

		if (!unit->fitted && unit->resolvable)
			import_remain(networkd->import, &place,
				      "fits no link of this host that no other file fits before: "
				      "the file was left out");
	}
}

static int translate(struct networkd *networkd)
{
	const struct import_request *request = networkd->import->request;
	_cleanup_json_ json_t *names = json_object();
	json_t *value;
	const char *name;

	for (size_t i = 0; i < networkd->counts[UNIT_NETDEV]; i++)
		make_device(networkd, &networkd->units[UNIT_NETDEV][i]);
	add_said_names(networkd, names);
	networkd->links = calloc(request->links_count + json_object_size(names) +
					 json_object_size(networkd->devices) + 1,
				 sizeof(*networkd->links));
	if (!networkd->links)
		return -ENOMEM;
	json_object_foreach(networkd->devices, name, value)
		add_candidate(networkd, name, json_string_value(value));
	for (size_t i = 0; i < request->links_count; i++) {
		add_candidate(networkd, request->links[i].name, request->links[i].kind);
		if (strcmp(networkd->links[networkd->links_count - 1].name,
			   request->links[i].name) == 0)
			networkd->links[networkd->links_count - 1] = request->links[i];
	}
	fit(networkd, UNIT_LINK, networkd->links_count, rename_and_size);
	json_object_foreach(names, name, value)
		add_candidate(networkd, name, "");
	fit(networkd, UNIT_NETWORK, networkd->links_count, configure);
	return 0;
}

static void networkd_free(struct networkd *networkd)
{
	for (unsigned kind = 0; kind < _UNIT_KIND_MAX; kind++)
		for (size_t i = 0; i < networkd->counts[kind]; i++)
			json_decref(networkd->units[kind][i].link);
	free(networkd->links);
	json_decref(networkd->devices);
	free(networkd);
}
DEFINE_CLEANUP(struct networkd *, networkd_cleanup, networkd_free)

int import_networkd(struct import *import)
{
	_cleanup_(networkd_cleanup) struct networkd *networkd = calloc(1, sizeof(*networkd));
	const struct import_request *request = import->request;
	int r = 0;

	if (!networkd)
		return -ENOMEM;
	networkd->import = import;
	networkd->devices = json_object();
	networkd->files_count = request->files_count;
	if (request->files_count)
		memcpy(networkd->files, request->files,
		       request->files_count * sizeof(*request->files));
	qsort(networkd->files, networkd->files_count, sizeof(*networkd->files), compare_files);
	for (size_t i = 0; r == 0 && i < networkd->files_count; i++)
		r = read_file(networkd, i);
	return r < 0 ? r : translate(networkd);
}
