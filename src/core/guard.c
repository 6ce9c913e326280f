#include "guard.h"

#include "core-internal.h"

int core_add_guard_rail(struct core *core, const struct guard_rail *guard)
{
	if (core->guards_count == GUARDS_MAX)
		return -ENOMEM;
	core->guards[core->guards_count++] = *guard;
	return 0;
}

const struct guard_rail *core_next_guard_rail(const struct core *core,
					      const struct guard_rail *cursor)
{
	const struct guard_rail *next = cursor ? cursor + 1 : core->guards;

	return next < core->guards + core->guards_count ? next : NULL;
}

/* Intent is held in memory, and looked through whole: nobody may fill it without end. */
static int size_check(const struct core *core, const struct plan *plan, struct error *error)
{
	size_t count = core_resource_count(core);
	int r;

	for (size_t i = 0; i < plan->changes_count; i++)
		count += !plan->changes[i].before;
	if (count <= RESOURCES_MAX || count == core_resource_count(core))
		return 0;
	r = error_set(error, ERROR_GUARD_REFUSED, NULL,
		      "intent.size: intent would hold %zu resources, %d are the most", count,
		      RESOURCES_MAX);
	error_hint(error, "remove what is no longer wanted");
	error_counterexample(error, "intent.size", "");
	return r;
}

int guard_check(struct core *core, const struct plan *plan, struct error *error)
{
	const struct guard_rail *guard = NULL;
	int refused = size_check(core, plan, error);

	if (refused < 0)
		return refused;
	while ((guard = core_next_guard_rail(core, guard))) {
		int r = guard->check(core, plan, guard->userdata, error);

		if (r < 0)
			return r;
	}
	return 0;
}
