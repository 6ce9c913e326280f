#include <fnmatch.h>
#include <string.h>

#include "guards.h"

/* A resource belongs to the links that it makes and to those that it needs. */
static bool belongs_to(const struct resource *resource, const char *link)
{
	unsigned (*const sides[])(const void *, const char **) = {resource->type->makes,
								  resource->type->needs};

	for (unsigned side = 0; side < ARRAY_SIZE(sides); side++) {
		const char *names[RESOURCE_LINKS_MAX];
		unsigned count = sides[side] ? sides[side](resource->spec, names) : 0;

		for (unsigned i = 0; i < count; i++)
			if (strcmp(names[i], link) == 0)
				return true;
	}
	return false;
}

bool guard_matches(const struct guard_spec *guard, const struct resource *resource)
{
	return (!guard->resources[0] || fnmatch(guard->resources, resource->id, 0) == 0) &&
	       (!guard->link[0] || belongs_to(resource, guard->link));
}

const struct guard_spec *guard_spec_of(const struct resource *resource)
{
	return (const struct guard_spec *)resource->spec;
}

const struct resource *guards_next(const struct core *core, enum guard_kind kind,
				   const struct resource *cursor)
{
	while ((cursor = core_next_of_type(core, &guard_type, cursor)))
		if (guard_spec_of(cursor)->kind == kind)
			return cursor;
	return NULL;
}

void guards_limit(const struct core *core, unsigned *ret_count, unsigned *ret_seconds)
{
	const struct resource *resource = NULL;

	*ret_count = GUARD_LIMIT_COUNT;
	*ret_seconds = GUARD_LIMIT_SECONDS;
	for (bool first = true; (resource = guards_next(core, GUARD_LIMIT, resource));
	     first = false) {
		const struct guard_spec *guard = guard_spec_of(resource);

		/* The lower rate is the stricter; of two equal ones the smaller burst. */
		if (!first && ((uint64_t)guard->count * *ret_seconds >
				       (uint64_t)*ret_count * guard->seconds ||
			       ((uint64_t)guard->count * *ret_seconds ==
					(uint64_t)*ret_count * guard->seconds &&
				guard->count >= *ret_count)))
			continue;
		*ret_count = guard->count;
		*ret_seconds = guard->seconds;
	}
}
