/*
 * Which resources of intent make or need a link, by its name: what is announced of one link costs
 * what concerns it, however much intent holds.
 */
#include <net/if.h>
#include <string.h>

#include <utlist.h>

#include "core-internal.h"

struct link_entry {
	char name[IFNAMSIZ];
	struct dependent *first;
	const struct resource *holder; /* has the link set down, or NULL */
	UT_hash_handle hh;
};

/* One resource at one of its links. */
struct dependent {
	struct resource *resource;
	struct link_entry *entry;
	struct dependent *prev, *next;
};

static struct link_entry *entry_find(const struct core *core, const char *link)
{
	struct link_entry *entry;

	HASH_FIND_STR(core->link_entries, link, entry);
	return entry;
}

static struct link_entry *entry_of(struct core *core, const char *link)
{
	struct link_entry *entry = entry_find(core, link);

	if (entry)
		return entry;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	text_copy(entry->name, sizeof(entry->name), link);
	HASH_ADD_STR(core->link_entries, name, entry);
	return entry;
}

static void entry_release(struct core *core, struct link_entry *entry)
{
	if (entry->first)
		return;
	HASH_DEL(core->link_entries, entry);
	free(entry);
}

/* A link that is made and needed by one resource counts twice, which does no harm. */
static unsigned links_of(const struct resource *resource, const char *ret[2 * RESOURCE_LINKS_MAX])
{
	const struct resource_type *type = resource->type;
	unsigned count = type->makes ? type->makes(resource->spec, ret) : 0;

	return count + (type->needs ? type->needs(resource->spec, ret + count) : 0);
}

static void add_at(struct core *core, struct resource *resource, const char *link)
{
	struct link_entry *entry = entry_of(core, link);
	struct dependent *dependent = &resource->dependents[resource->dependents_count];

	if (!entry) {
		core->dependents_incomplete = true;
		return;
	}
	resource->dependents_count++;
	*dependent = (struct dependent){.resource = resource, .entry = entry};
	DL_APPEND(entry->first, dependent);
	if (resource->type->comes_last && resource->type->comes_last(resource->spec))
		entry->holder = resource;
}

void dependents_add(struct core *core, struct resource *resource)
{
	const char *names[2 * RESOURCE_LINKS_MAX];
	unsigned count = links_of(resource, names);

	if (!count)
		return;
	resource->dependents = calloc(count, sizeof(*resource->dependents));
	if (!resource->dependents)
		core->dependents_incomplete = true;
	for (unsigned i = 0; resource->dependents && i < count; i++)
		add_at(core, resource, names[i]);
}

void dependents_remove(struct core *core, struct resource *resource)
{
	for (unsigned i = 0; i < resource->dependents_count; i++) {
		struct dependent *dependent = &resource->dependents[i];

		DL_DELETE(dependent->entry->first, dependent);
		if (dependent->entry->holder == resource)
			dependent->entry->holder = NULL;
		entry_release(core, dependent->entry);
	}
	free(resource->dependents);
	resource->dependents = NULL;
	resource->dependents_count = 0;
}

void dependents_each(struct core *core, const char *link,
		     void (*each)(struct core *core, struct resource *resource))
{
	const struct link_entry *entry = entry_find(core, link);
	struct dependent *dependent;

	if (entry)
		DL_FOREACH(entry->first, dependent)
			each(core, dependent->resource);
}

const struct resource *intent_holds_down(const struct core *core, const char *link)
{
	const struct link_entry *entry = entry_find(core, link);

	return entry ? entry->holder : NULL;
}
