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

int guard_check(struct core *core, const struct plan *plan, bool administrator, struct error *error)
{
	const struct guard_rail *guard = NULL;

	while ((guard = core_next_guard_rail(core, guard))) {
		int r;

		if (administrator && guard->administrator_may_pass)
			continue;
		r = guard->check(core, plan, guard->userdata, error);
		if (r < 0)
			return r;
	}
	return 0;
}
