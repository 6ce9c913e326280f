/*
 * What a crash left behind is undone before anything else.
 *
 * An entry of the journal that is still `applying` was cut off between its first step and its
 * commit. Intent in the database is still the one before, so the kernel is brought back to it: the
 * inverses of all steps, in reverse order. Steps that never happened have idempotent inverses.
 */

#include "core-internal.h"

static int step_undo(struct core *core, const struct step *step, struct error *error)
{
	_cleanup_(cleanup_free) void *observed = calloc(1, step->type->spec_size);
	int r;

	if (!observed)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot undo a step");
	r = step->type->observe(core, step->after ?: step->before, observed);
	if (r == -ENODEV)
		return 0;
	if (r == 0 && !step->before)
		return 0;
	if (r > 0 && step->before && step->type->satisfied(step->before, observed))
		return 0;
	return step->type->apply(core, r > 0 ? observed : NULL, step->before, error);
}

static int entry_undo(json_t *entry, void *userdata)
{
	struct core *core = userdata;
	uint64_t number = (uint64_t)json_member_integer(entry, "number", 0);
	struct step *steps;
	size_t count, failed = 0;
	struct error error;
	int r;

	r = steps_from_json(core, json_object_get(entry, "steps"), &steps, &count, &error);
	if (r < 0) {
		core_publish(core, "tx.recovery_failed", NULL, "transaction %llu: %s",
			     (unsigned long long)number, error.message);
	} else {
		/* Another boot's kernel has none of it. */
		for (size_t i = core->same_boot ? count : 0; i-- > 0;) {
			if (step_undo(core, &steps[i], &error) >= 0)
				continue;
			failed++;
			core_publish(core, "tx.recovery_failed", NULL, "%s: %s", steps[i].id,
				     error.message);
		}
		steps_free(steps, count);
		core_publish(core, "tx.recovered", NULL,
			     "transaction %llu was cut off by a crash and undone%s",
			     (unsigned long long)number, failed ? ", but for what failed" : "");
	}
	if (journal_mark(core->store, number, TRANSACTION_ROLLED_BACK,
			 "cut off by a crash and undone at the next start", &error) < 0)
		store_fall_behind(core, "recovery", &error);
	return 0;
}

int recovery_run(struct core *core, struct error *error)
{
	int r = journal_each_in_state(core->store, "applying", entry_undo, core, error);

	if (r < 0)
		return r;
	if (observed_drain(core->observed) != 0 &&
	    observed_wait_synchronised(core->observed, USEC_PER_SEC) < 0)
		return error_set(error, ERROR_INTERNAL, NULL,
				 "the kernel's state could not be read back");
	return 0;
}
