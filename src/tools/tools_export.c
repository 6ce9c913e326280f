/* net.export: intent, or what is there besides, as the document that net.apply takes. */
#include <stdlib.h>
#include <string.h>

#include "adopt/adopt.h"
#include "common.h"
#include "layout_schema.h"

bool layout_has_place(const struct resource *resource)
{
	static const char *const types[] = {"device",	"link",	 "port", "setting", "address",
					    "resolver", "route", "rule", "dhcp"};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(types[i], resource->type->name) == 0)
			return true;
	return false;
}

/* The link of this name in `links`, made where it is not there; borrowed, NULL without memory. */
static json_t *link_entry(json_t *links, const char *name)
{
	json_t *link;
	size_t i;

	json_array_foreach(links, i, link)
		if (strcmp(json_member_text(link, "name"), name) == 0)
			return link;
	link = json_pack("{ss}", "name", name);
	return json_array_append_new(links, link) < 0 ? NULL : link;
}

static json_t *list_of(json_t *object, const char *name)
{
	if (!json_object_get(object, name) && json_put(object, name, json_array()) < 0)
		return NULL;
	return json_object_get(object, name);
}

/* Puts what intent has, as JSON without its link's name, where the document has its place. */
static int place(json_t *document, const char *type, const char *name, json_t *spec)
{
	json_t *link = name ? link_entry(json_object_get(document, "links"), name) : document;

	if (!link)
		return -ENOMEM;
	if (strcmp(type, "route") == 0 || strcmp(type, "rule") == 0)
		return json_array_append(list_of(link, *type == 'r' && type[1] == 'u' ? "rules"
										      : "routes"),
					 spec);
	if (strcmp(type, "address") == 0)
		return json_array_append(list_of(link, "addresses"),
					 json_object_get(spec, "address"));
	if (strcmp(type, "dhcp") == 0)
		return json_object_set(link, "dhcp", spec);
	if (strcmp(type, "setting") == 0) {
		if (!json_object_get(link, "settings") &&
		    json_put(link, "settings", json_object()) < 0)
			return -ENOMEM;
		return json_object_set(json_object_get(link, "settings"),
				       json_member_text(spec, "name"),
				       json_object_get(spec, "value"));
	}
	if (strcmp(type, "resolver") == 0) {
		if (json_object_set(link, "dns", json_object_get(spec, "servers")) < 0 ||
		    json_object_set(link, "metric", json_object_get(spec, "metric")) < 0)
			return -ENOMEM;
		return json_object_set(link, "search", json_object_get(spec, "search"));
	}
	return json_object_update(link, spec);
}

static int export_resource(json_t *document, const struct resource *resource)
{
	_cleanup_json_ json_t *spec = NULL, *name = NULL;
	const char *type = resource->type->name;

	if (!layout_has_place(resource) || resource->parent[0])
		return 0;
	spec = resource->type->print(resource->spec);
	if (!spec)
		return -ENOMEM;
	name = json_incref(json_object_get(spec, "link"));
	json_object_del(spec, "link");
	if (strcmp(type, "device") == 0 || strcmp(type, "link") == 0)
		name = json_incref(json_object_get(spec, "name"));
	return place(document, type, json_string_value(name), spec);
}

static int compare_resources(const void *a, const void *b)
{
	return resource_compare(*(const struct resource *const *)a,
				*(const struct resource *const *)b);
}

/* The same intent gives the same document, in whatever order its parts were asked for. */
static json_t *export_intent(const struct core *core)
{
	const struct resource **resources, *resource = NULL;
	json_t *document = json_pack("{s[]}", "links");
	size_t count = 0;
	int r = 0;

	resources = calloc(core_resource_count(core) + 1, sizeof(*resources));
	while (resources && (resource = core_next_resource(core, resource)))
		resources[count++] = resource;
	if (resources)
		qsort(resources, count, sizeof(*resources), compare_resources);
	for (size_t i = 0; document && r == 0 && i < count; i++)
		r = export_resource(document, resources[i]);
	if (!resources || r != 0) {
		json_decref(document);
		document = NULL;
	}
	free(resources);
	return document;
}

/* ---- what intent does not name ---- */

static int note_provenance(json_t *document, const json_t *taken, const char *id)
{
	const json_t *item;
	size_t i;

	json_array_foreach(taken, i, item)
		if (strcmp(json_member_text(item, "resource"), id) == 0)
			return json_array_append_new(list_of(document, "provenance"),
						     json_pack("{sO sO sO}", "resource",
							       json_object_get(item, "resource"),
							       "owner",
							       json_object_get(item, "owner"),
							       "reason",
							       json_object_get(item, "reason")));
	return 0;
}

static int export_edits(const struct core *core, const struct proposal *proposal,
			const json_t *taken, json_t *document)
{
	int r = 0;

	for (const struct edit *edit = proposal->edits; r == 0 && edit; edit = edit->next) {
		if (!edit->resource || core_resource(core, edit->id))
			continue;
		r = export_resource(document, edit->resource);
		if (r == 0)
			r = note_provenance(document, taken, edit->id);
	}
	return r;
}

static int export_observed(const struct tool_call *call, json_t **ret, struct error *error)
{
	struct adopt_service *service = tool_call_services(call)->adopt;
	_cleanup_json_ json_t *document = json_pack("{s[]}", "links"), *taken = NULL;
	_cleanup_proposal_ struct proposal proposal;
	int r;

	if (!service)
		return error_set(error, ERROR_KERNEL_UNSUPPORTED, "observed",
				 "this daemon runs without adoption");
	proposal_init(&proposal, "net.export");
	r = adopt_survey(service, &proposal, &taken, error);
	if (r < 0)
		return r;
	if (!document || export_edits(tool_call_core(call), &proposal, taken, document) < 0)
		return out_of_memory(error);
	*ret = json_incref(document);
	return 0;
}

static int call_export(struct tool_call *call, json_t **ret, struct error *error)
{
	if (json_member_true(tool_call_arguments(call), "observed"))
		return export_observed(call, ret, error);
	*ret = export_intent(tool_call_core(call));
	return *ret ? 0 : out_of_memory(error);
}

static const struct field export_parameters[] = {
	{"observed", FIELD_BOOLEAN, .fallback = "false",
	 .help = "What the kernel has and intent does not name, with whose it is, in its place"},
	FIELD_END,
};

static const struct tool tools[] = {
	{
		.name = "net.export",
		.title = "Export the layout",
		.description = "Gives intent as a document that net.apply takes: what was asked "
			       "for, without what follows from it, such as a lease.",
		.parameters = export_parameters,
		.output = layout_members,
		.hints = HINT_READ_ONLY | HINT_IDEMPOTENT,
		.role = ROLE_OBSERVER,
		.time_limit = 5000,
		.call = call_export,
	},
};

const struct tool_set export_tools = {tools, ARRAY_SIZE(tools)};
