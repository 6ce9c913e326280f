/*
 * A database that cannot be written (a full disk) must cost neither the network nor the way back:
 * what the daemon does by itself goes on, said once, and intent is written down when there is room.
 */
#include "core-internal.h"

void store_fall_behind(struct core *core, const char *what, const struct error *error)
{
	if (!core->store_behind)
		core_publish(core, "store.failed", NULL, "%s is done, but not kept: %s", what,
			     error->message);
	core->store_behind = true;
}

int store_catch_up(struct core *core, struct error *error)
{
	int r;

	if (!core->store_behind)
		return 0;
	if (store_is_in_memory(core->store)) {
		r = store_move_to_disk(&core->store, error);
		if (r < 0)
			return r;
	}
	r = journal_catch_up(core->store, core->intent, error);
	if (r < 0)
		return r;
	core->store_behind = false;
	core_publish(core, "store.recovered", NULL, "intent is kept again");
	return 0;
}
