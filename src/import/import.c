/* The formats, and from a request to an answer. */
#include <errno.h>
#include <string.h>

#include "internal.h"

/* Values of the document and entries of the list: far beyond any host, and soon reached by a
 * pattern that lays many addresses over many links. */
#define BUDGET 50000

static const struct format {
	const char *name;
	int (*read)(struct import *import);
} formats[] = {
	{"netplan", import_netplan},
	{"networkd", import_networkd},
	{"networkmanager", import_keyfiles},
	{"ifupdown", import_ifupdown},
};

static const struct format *find_format(const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(formats); i++)
		if (strcmp(formats[i].name, name) == 0)
			return &formats[i];
	return NULL;
}

static int check_request(const struct import_request *request, struct error *error)
{
	size_t bytes = 0;

	if (!find_format(request->format))
		return error_set(error, ERROR_PARAMETER_RANGE, "format",
				 "\"%.40s\" is not a known format", request->format);
	for (size_t i = 0; i < request->files_count; i++)
		bytes += strlen(request->files[i].content) + strlen(request->files[i].name);
	if (bytes <= IMPORT_BYTES_MAX && request->files_count <= IMPORT_FILES_MAX)
		return 0;
	return error_set(error, ERROR_REQUEST_TOO_LARGE, "files",
			 "at most %d files of %zu bytes together can be translated",
			 IMPORT_FILES_MAX, IMPORT_BYTES_MAX);
}

/* Without these a device of the kind cannot be made. */
static const struct {
	const char *kind, *member;
} required[] = {
	{"vlan", "vlan.id"},	       {"vlan", "vlan.parent"}, {"veth", "veth.peer"},
	{"macvlan", "macvlan.parent"}, {"vxlan", "vxlan.id"},
};

static const char *missing_member(const json_t *link)
{
	const char *kind = json_member_text(link, "kind") ?: "";

	for (unsigned i = 0; i < ARRAY_SIZE(required); i++)
		if (strcmp(required[i].kind, kind) == 0 && !import_member(link, required[i].member))
			return required[i].member;
	return NULL;
}

/* Several files may have made the link: the entry names the first file, and the link. */
static void leave_out_unmakable(struct import *import)
{
	const char *name;
	json_t *link;
	void *next;

	json_object_foreach_safe(import->links, next, name, link) {
		struct place place = {.file = import->request->files[0].name,
				      .line = 1,
				      .section = name,
				      .key = missing_member(link)};

		if (!place.key)
			continue;
		import_remain(import, &place,
			      "is missing, without which the device cannot be made: it was left "
			      "out");
		json_object_del(import->links, name);
	}
}

static json_t *document(struct import *import)
{
	_cleanup_json_ json_t *json = json_object(), *links = json_array();
	const char *name;
	json_t *link;
	int r = json && links ? 0 : -ENOMEM;

	json_object_foreach(import->links, name, link)
		r |= json_array_append(links, link);
	r |= json_put(json, "links", json_incref(links));
	if (json_array_size(import->routes) > 0)
		r |= json_put(json, "routes", json_incref(import->routes));
	if (json_array_size(import->rules) > 0)
		r |= json_put(json, "rules", json_incref(import->rules));
	return r < 0 ? NULL : TAKE_PTR(json);
}

int import_translate(const struct import_request *request, json_t **ret_document,
		     json_t **ret_untranslated, struct error *error)
{
	_cleanup_json_ json_t *links = json_object(), *routes = json_array(), *rules = json_array();
	_cleanup_json_ json_t *untranslated = json_array(), *made = NULL;
	struct import import = {
		.request = request,
		.links = links,
		.routes = routes,
		.rules = rules,
		.untranslated = untranslated,
		.budget = BUDGET,
		.failed = !links || !routes || !rules || !untranslated,
	};
	int r = check_request(request, error);

	if (r < 0)
		return r;
	if (!import.failed)
		import.failed |= find_format(request->format)->read(&import) < 0;
	leave_out_unmakable(&import);
	if (import.budget == 0)
		return error_set(error, ERROR_REQUEST_TOO_LARGE, "files",
				 "the files make more than %d values", BUDGET);
	made = document(&import);
	if (import.failed || !made)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "memory is exhausted");
	*ret_document = TAKE_PTR(made);
	*ret_untranslated = TAKE_PTR(untranslated);
	return 0;
}
