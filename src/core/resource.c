#include "resource.h"

#include <stdio.h>
#include <string.h>

#include "core.h"

const char *resource_id(const struct resource_type *type, const void *spec, char *buffer)
{
	char key[RESOURCE_KEY_MAX];

	type->key(spec, key);
	snprintf(buffer, RESOURCE_KEY_MAX + 16, "%s/%s", type->name, key);
	return buffer;
}

struct resource *resource_new(const struct resource_type *type, const void *spec)
{
	char id[RESOURCE_KEY_MAX + 16];
	size_t id_size = strlen(resource_id(type, spec, id)) + 1;
	struct resource *resource = calloc(1, sizeof(*resource) + type->spec_size + id_size);

	if (!resource)
		return NULL;
	resource->type = type;
	resource->provenance.owner = text_keep("");
	resource->provenance.reason = text_keep("");
	resource->provenance.goal = text_keep("");
	resource->parent = text_keep("");
	resource->trouble = text_keep("");
	resource->created = clock_realtime_usec();
	resource->expires = USEC_INFINITY;
	memcpy(resource->spec, spec, type->spec_size);
	resource->id = memcpy(resource->spec + type->spec_size, id, id_size);
	return resource;
}

/* Puts a text (NULL: memory is exhausted) in the place of a kept one. */
static int replace(const char **place, const char *kept)
{
	if (!kept)
		return -ENOMEM;
	text_let_go(*place);
	*place = kept;
	return 0;
}

int resource_set_provenance(struct resource *resource, const struct provenance *provenance)
{
	const char *owner = text_keep(provenance->owner), *reason = text_keep(provenance->reason),
		   *goal = text_keep(provenance->goal);

	if (!owner || !reason || !goal) {
		text_let_go(owner);
		text_let_go(reason);
		text_let_go(goal);
		return -ENOMEM;
	}
	(void)replace(&resource->provenance.owner, owner);
	(void)replace(&resource->provenance.reason, reason);
	return replace(&resource->provenance.goal, goal);
}

int resource_set_parent(struct resource *resource, const char *parent)
{
	return replace(&resource->parent, text_keep(parent));
}

void resource_set_trouble(struct resource *resource, const char *trouble)
{
	char shown[RESOURCE_TROUBLE_MAX];

	if (strcmp(resource->trouble, trouble) == 0)
		return;
	text_copy(shown, sizeof(shown), trouble);
	if (replace(&resource->trouble, text_keep(shown)) < 0)
		log_error("%s: %s", resource->id, shown);
}

static void *spec_copy(const struct resource_type *type, const void *spec)
{
	void *copy = malloc(type->spec_size);

	if (copy)
		memcpy(copy, spec, type->spec_size);
	return copy;
}

struct resource *resource_copy(const struct resource *resource)
{
	_cleanup_(resource_cleanup) struct resource *copy =
		resource_new(resource->type, resource->spec);

	if (!copy)
		return NULL;
	copy->provenance.owner = text_keep_again(resource->provenance.owner);
	copy->provenance.reason = text_keep_again(resource->provenance.reason);
	copy->provenance.goal = text_keep_again(resource->provenance.goal);
	copy->parent = text_keep_again(resource->parent);
	copy->created = resource->created;
	copy->expires = resource->expires;
	copy->transaction = resource->transaction;
	if (resource->baseline) {
		copy->baseline = spec_copy(resource->type, resource->baseline);
		if (!copy->baseline)
			return NULL;
	}
	return TAKE_PTR(copy);
}

void resource_free(struct resource *resource)
{
	text_let_go(resource->provenance.owner);
	text_let_go(resource->provenance.reason);
	text_let_go(resource->provenance.goal);
	text_let_go(resource->parent);
	text_let_go(resource->trouble);
	free(resource->baseline);
	free(resource);
}

int resource_compare(const struct resource *a, const struct resource *b)
{
	unsigned rank_a, rank_b;

	if (a->type->order != b->type->order)
		return a->type->order < b->type->order ? -1 : 1;
	rank_a = a->type->rank ? a->type->rank(a->spec) : 0;
	rank_b = b->type->rank ? b->type->rank(b->spec) : 0;
	if (rank_a != rank_b)
		return rank_a < rank_b ? -1 : 1;
	return strcmp(a->id, b->id);
}

json_t *resource_to_json(const struct resource *resource)
{
	_cleanup_json_ json_t *json = json_object();
	int r = json_put(json, "id", json_string(resource->id)) |
		json_put(json, "type", json_string(resource->type->name)) |
		json_put(json, "spec", resource->type->print(resource->spec)) |
		json_put(json, "owner", json_string(resource->provenance.owner)) |
		json_put(json, "reason", json_string(resource->provenance.reason)) |
		json_put(json, "goal", json_string(resource->provenance.goal)) |
		json_put(json, "parent", json_string(resource->parent)) |
		json_put(json, "created", json_integer((json_int_t)resource->created)) |
		json_put(json, "transaction", json_integer((json_int_t)resource->transaction));

	if (resource->expires != USEC_INFINITY)
		r |= json_put(json, "expires", json_integer((json_int_t)resource->expires));
	if (resource->baseline)
		r |= json_put(json, "baseline", resource->type->print(resource->baseline));
	return r < 0 ? NULL : TAKE_PTR(json);
}

/* Who wanted it, and what it derives from. */
static int origin_from_json(const json_t *object, struct resource *resource)
{
	struct provenance provenance;
	int r;

	text_copy(provenance.owner, PROVENANCE_TEXT_MAX, json_member_text(object, "owner"));
	text_copy(provenance.reason, PROVENANCE_TEXT_MAX, json_member_text(object, "reason"));
	text_copy(provenance.goal, PROVENANCE_TEXT_MAX, json_member_text(object, "goal"));
	r = resource_set_provenance(resource, &provenance);
	return r < 0 ? r : resource_set_parent(resource, json_member_text(object, "parent"));
}

int resource_from_json(struct core *core, const json_t *object, struct resource **ret,
		       struct error *error)
{
	const char *name = json_member_text(object, "type") ?: "";
	const struct resource_type *type = core_type(core, name);
	const json_t *baseline = json_object_get(object, "baseline");
	_cleanup_(resource_cleanup) struct resource *resource = NULL;
	_cleanup_(cleanup_free) void *spec = NULL;
	int r;

	if (!type)
		return error_set(error, ERROR_RESOURCE_UNKNOWN, "type",
				 "there is no resource type '%.32s'", name);
	spec = calloc(1, type->spec_size);
	if (!spec)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot read a resource");
	r = type->parse(json_object_get(object, "spec"), spec, error);
	if (r < 0)
		return r;
	resource = resource_new(type, spec);
	if (!resource || origin_from_json(object, resource) < 0)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot read a resource");
	resource->created = (usec_t)json_member_integer(object, "created", 0);
	resource->expires = (usec_t)json_member_integer(object, "expires", (int64_t)USEC_INFINITY);
	resource->transaction = (uint64_t)json_member_integer(object, "transaction", 0);
	if (baseline && type->restore) {
		memset(spec, 0, type->spec_size);
		r = type->parse(baseline, spec, error);
		if (r < 0)
			return r;
		resource->baseline = TAKE_PTR(spec);
	}
	*ret = TAKE_PTR(resource);
	return 0;
}
