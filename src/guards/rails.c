/* The guard rails that follow from the guards in intent. */
#include <string.h>

#include "guards.h"

static bool holds(const struct guard_spec *guard, const struct plan *plan)
{
	switch (plan_asker(plan)) {
	case ASKER_DAEMON: /* what follows from what somebody asked, and was allowed to */
		return false;
	case ASKER_ADMINISTRATOR:
		return guard->everyone;
	default:
		return true;
	}
}

/* The first change of the plan that the guard names, as it was or as it would be. */
static const struct change *first_named(const struct plan *plan, const struct guard_spec *guard)
{
	const struct change *change = NULL;

	while ((change = plan_next_change(plan, change))) {
		/* They are set by administrators alone anyway, and must stay removable. */
		if ((change->before ?: change->after)->type == &guard_type)
			continue;
		if ((change->before && guard_matches(guard, change->before)) ||
		    (change->after && guard_matches(guard, change->after)))
			return change;
	}
	return NULL;
}

static const char *what_becomes(const struct change *change)
{
	return !change->before ? "made" : change->after ? "changed" : "removed";
}

/* ---- guard.role: who sets guards ---- */

static const struct change *next_of_guards(const struct plan *plan, const struct change *cursor)
{
	while ((cursor = plan_next_change(plan, cursor)))
		if ((cursor->before ?: cursor->after)->type == &guard_type)
			return cursor;
	return NULL;
}

static int role_check(struct core *core, const struct plan *plan, void *userdata,
		      struct error *error)
{
	const struct change *change = next_of_guards(plan, NULL);
	int r;

	if (!change || plan_asker(plan) != ASKER_AGENT)
		return 0;
	r = error_set(error, ERROR_GUARD_REFUSED, NULL, "guard.role: no agent changes %s",
		      change->id);
	error_hint(error, "ask an administrator");
	error_counterexample(error, "guard.role", change->id);
	return r;
}

/* Each change is held against each of them. */
static int count_check(struct core *core, const struct plan *plan, void *userdata,
		       struct error *error)
{
	const struct change *change = NULL;
	const struct resource *resource = NULL;
	unsigned count = 0;
	int r;

	while ((change = next_of_guards(plan, change)))
		count += !change->before;
	if (!count)
		return 0;
	while ((resource = core_next_of_type(core, &guard_type, resource)))
		count++;
	if (count <= GUARDS_MOST)
		return 0;
	r = error_set(error, ERROR_GUARD_REFUSED, NULL, "guard.count: %d guards are the most",
		      GUARDS_MOST);
	error_hint(error, "one pattern may name many resources");
	error_counterexample(error, "guard.count", "");
	return r;
}

/* ---- protect ---- */

static int protect_check(struct core *core, const struct plan *plan, void *userdata,
			 struct error *error)
{
	const struct resource *resource = NULL;
	int r;

	while ((resource = guards_next(core, GUARD_PROTECT, resource))) {
		const struct guard_spec *guard = guard_spec_of(resource);
		const struct change *change = holds(guard, plan) ? first_named(plan, guard) : NULL;

		if (!change)
			continue;
		r = error_set(error, ERROR_GUARD_REFUSED, NULL,
			      "%s: %s is protected%s%s, and would be %s", guard->name, change->id,
			      resource->provenance.reason[0] ? ": " : "",
			      resource->provenance.reason, what_becomes(change));
		error_hint(error, "leave it as it is, or ask an administrator to do it%s",
			   guard->everyone ? ": guard.remove frees it" : "");
		error_counterexample(error, guard->name, change->id);
		return r;
	}
	return 0;
}

/* ---- confirm ---- */

static int confirm_check(struct core *core, const struct plan *plan, void *userdata,
			 struct error *error)
{
	const struct resource *resource = NULL;
	int r;

	if (plan_awaits_confirmation(plan))
		return 0;
	while ((resource = guards_next(core, GUARD_CONFIRM, resource))) {
		const struct guard_spec *guard = guard_spec_of(resource);
		const struct change *change = holds(guard, plan) ? first_named(plan, guard) : NULL;

		if (!change)
			continue;
		r = error_set(error, ERROR_GUARD_REFUSED, "confirm_within",
			      "%s: %s is %s only where that is rolled back unless confirmed",
			      guard->name, change->id, what_becomes(change));
		error_hint(error, "give confirm_within=60, and call tx.confirm once all is well");
		error_counterexample(error, guard->name, change->id);
		return r;
	}
	return 0;
}

/* ---- drift ---- */

/* Of several guards for one resource the most exact counts: the one with the longest pattern. */
static size_t exactness(const struct guard_spec *guard)
{
	return strlen(guard->resources) + (guard->link[0] ? IFNAMSIZ : 0);
}

static enum drift_policy drift_policy(struct core *core, const struct resource *drifted,
				      const char **ret_guard, void *userdata)
{
	const struct resource *resource = NULL;
	const struct guard_spec *best = NULL;

	while ((resource = guards_next(core, GUARD_DRIFT, resource))) {
		const struct guard_spec *guard = guard_spec_of(resource);

		if (guard_matches(guard, drifted) && (!best || exactness(guard) > exactness(best)))
			best = guard;
	}
	if (!best)
		return DRIFT_REVERT;
	*ret_guard = best->name;
	return best->policy;
}

int guards_register(struct core *core)
{
	static const struct guard_rail rails[] = {
		{.name = "guard.role",
		 .summary = "Guards are set and removed by administrators alone",
		 .check = role_check},
		{.name = "guard.count",
		 .summary = "There are at most 64 guards",
		 .check = count_check},
		{.name = "protect",
		 .summary = "What a guard of this kind names, no agent changes or removes",
		 .check = protect_check},
		{.name = "confirm",
		 .summary = "What a guard of this kind names changes only with confirm_within",
		 .check = confirm_check},
	};
	int r = core_register_type(core, &guard_type, NULL);

	for (unsigned i = 0; r >= 0 && i < ARRAY_SIZE(rails); i++)
		r = core_add_guard_rail(core, &rails[i]);
	core_set_drift_policy(core, drift_policy, NULL);
	return r;
}
