/*
 * From a proposal to changes: which resources of intent become what.
 */
#include <string.h>

#include "core-internal.h"

/* Where the change of a resource is, while they are collected: of 10,000 routes none is looked for
 * among all others. */
struct place {
	size_t index;
	UT_hash_handle hh; /* the key is the change's id */
};

struct collection {
	struct plan *plan;
	struct proposal *proposal;
	struct place *places;
};

static void collection_clear(struct collection *collection)
{
	struct place *place, *next;

	HASH_ITER(hh, collection->places, place, next) {
		HASH_DEL(collection->places, place);
		free(place);
	}
}

static struct change *change_find(const struct collection *collection, const char *id)
{
	struct place *place;

	HASH_FIND_STR(collection->places, id, place);
	return place ? &collection->plan->changes[place->index] : NULL;
}

void *room_for_one(void *array, size_t count, size_t size)
{
	bool is_full = (count & (count - 1)) == 0;

	return is_full ? realloc(array, (count ? 2 * count : 1) * size) : array;
}

/* The change of resource `id` (borrowed as long as the plan), made when there is none yet. */
static struct change *change_of(struct collection *collection, const char *id)
{
	struct change *change = change_find(collection, id), *grown;
	struct plan *plan = collection->plan;
	struct place *place;

	if (change)
		return change;
	grown = room_for_one(plan->changes, plan->changes_count, sizeof(*grown));
	if (!grown)
		return NULL;
	plan->changes = grown;
	place = malloc(sizeof(*place));
	if (!place)
		return NULL;
	place->index = plan->changes_count;
	HASH_ADD_KEYPTR(hh, collection->places, id, strlen(id), place);
	change = &grown[plan->changes_count++];
	*change = (struct change){.id = id, .before = core_resource(plan->core, id)};
	return change;
}

static int change_put(struct collection *collection, struct edit *edit)
{
	struct change *change = change_of(collection, edit->id);
	const struct proposal *proposal = collection->proposal;
	struct resource *after;

	if (!change)
		return -ENOMEM;
	after = edit->resource;
	if (after && !edit->restored) {
		if (resource_set_provenance(after, &proposal->provenance) < 0 ||
		    resource_set_parent(after, proposal->parent) < 0)
			return -ENOMEM;
		after->expires = proposal->expires;
		if (change->before)
			after->created = change->before->created;
	}
	/* What an earlier edit put stays with the proposal: the change bears its id. */
	edit->resource = change->after;
	change->after = after;
	return 0;
}

/* Is the child to go: because its parent goes, or because its parent no longer names it? */
static bool child_is_orphaned(const struct collection *collection, const struct resource *child)
{
	const struct change *parent = change_find(collection, child->parent);
	const struct proposal *proposal = collection->proposal;

	return (parent && !parent->after) ||
	       (proposal->replaces_children && strcmp(child->parent, proposal->parent) == 0);
}

static int changes_cascade(struct collection *collection)
{
	struct plan *plan = collection->plan;
	size_t known;

	do {
		const struct resource *child = NULL;

		known = plan->changes_count;
		while ((child = core_next_resource(plan->core, child)))
			if (child->parent[0] && !change_find(collection, child->id) &&
			    child_is_orphaned(collection, child) &&
			    !change_of(collection, child->id))
				return -ENOMEM;
	} while (plan->changes_count > known);
	return 0;
}

/* Bytes between the members may differ in what says the same. */
bool spec_equal(const struct resource_type *type, const void *a, const void *b)
{
	_cleanup_json_ json_t *first = NULL, *second = NULL;

	if (memcmp(a, b, type->spec_size) == 0)
		return true;
	first = type->print(a);
	second = type->print(b);
	return first && json_equal(first, second);
}

static bool change_is_none(const struct change *change)
{
	const struct resource *before = change->before, *after = change->after;

	if (!before || !after)
		return !before && !after;
	/* Whoever puts again what was fought for wants it after all. */
	if (before->truce_until)
		return false;
	return spec_equal(after->type, before->spec, after->spec) &&
	       before->expires == after->expires && strcmp(before->parent, after->parent) == 0;
}

static void changes_drop_none(struct plan *plan)
{
	size_t kept = 0;

	for (size_t i = 0; i < plan->changes_count; i++) {
		struct change *change = &plan->changes[i];

		if (change_is_none(change)) {
			if (change->after)
				resource_free(change->after);
			continue;
		}
		plan->changes[kept++] = *change;
	}
	plan->changes_count = kept;
}

int changes_collect(struct plan *plan, struct proposal *proposal, struct error *error)
{
	_cleanup_(collection_clear) struct collection collection = {plan, proposal, NULL};
	int r = 0;

	for (struct edit *edit = proposal->edits; r >= 0 && edit; edit = edit->next)
		r = change_put(&collection, edit);
	if (r >= 0)
		r = changes_cascade(&collection);
	if (r < 0)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot plan");
	changes_drop_none(plan);
	return 0;
}
