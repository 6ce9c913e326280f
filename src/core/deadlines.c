/*
 * Deadlines: intent that expires, and changes that are taken back unless they are confirmed.
 *
 * Both are kept as real time, since they must hold over a restart; one timer serves the nearest.
 */

#include "core-internal.h"

/* A clock that is set back must not keep an unconfirmed change alive: the timer looks again. */
#define LOOK_AGAIN (60 * USEC_PER_SEC)
/* Pause after what was due could not be done. */
#define TRY_AGAIN (10 * USEC_PER_SEC)

struct pending {
	struct core *core;
	usec_t now;
	usec_t next;
	uint64_t overdue[16]; /* oldest first; more are met at the next look, at once */
	unsigned overdue_count;
};

static int pending_look(json_t *entry, void *userdata)
{
	struct pending *pending = userdata;
	usec_t deadline = (usec_t)json_member_integer(entry, "deadline", 0);

	if (deadline > pending->now)
		pending->next = MIN(pending->next, deadline);
	else if (pending->overdue_count < ARRAY_SIZE(pending->overdue))
		pending->overdue[pending->overdue_count++] =
			(uint64_t)json_member_integer(entry, "number", 0);
	else
		pending->next = pending->now;
	return 0;
}

static int expire(struct core *core, usec_t now, struct error *error)
{
	_cleanup_proposal_ struct proposal proposal;
	int r = 0;

	proposal_init(&proposal, "expiry");
	text_copy(proposal.provenance.owner, PROVENANCE_TEXT_MAX, "aiosnetd");
	text_copy(proposal.provenance.reason, PROVENANCE_TEXT_MAX, "its time is over");
	for (struct resource *resource = core->intent; r >= 0 && resource;
	     resource = resource->hh.next)
		if (resource->expires <= now)
			r = proposal_remove(&proposal, resource->id);
	if (r < 0)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot expire intent");
	return proposal.edits ? transaction_run(core, &proposal, false, NULL, error) : 0;
}

int deadlines_meet(struct core *core)
{
	struct pending pending = {.core = core,
				  .now = clock_realtime_usec(),
				  .next = USEC_INFINITY};
	struct error error;

	if (journal_each_in_state(core->store, "pending", pending_look, &pending, &error) < 0)
		core_publish(core, "store.failed", NULL, "%s", error.message);
	for (unsigned i = 0; i < pending.overdue_count; i++)
		if (transaction_withdraw(core, pending.overdue[i], "it was not confirmed in time",
					 &error) < 0)
			core_publish(core, "tx.rollback_failed", NULL, "transaction %llu: %s",
				     (unsigned long long)pending.overdue[i], error.message);
	(void)store_catch_up(core, &error);
	if (expire(core, pending.now, &error) < 0)
		core_publish(core, "intent.expiry_failed", NULL, "%s", error.message);
	return deadlines_arm(core);
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	return deadlines_meet(userdata);
}

int deadlines_arm(struct core *core)
{
	struct pending pending = {.core = core,
				  .now = clock_realtime_usec(),
				  .next = USEC_INFINITY};
	usec_t when, wait;
	struct error error;
	int r;

	if (!core->started)
		return 0;
	if (journal_each_in_state(core->store, "pending", pending_look, &pending, &error) < 0)
		return -EIO;
	for (struct resource *resource = core->intent; resource; resource = resource->hh.next)
		pending.next = MIN(pending.next, resource->expires);

	if (pending.overdue_count)
		pending.next = pending.now;
	if (core->store_behind)
		pending.next = MIN(pending.next, pending.now + LOOK_AGAIN);
	if (pending.next == USEC_INFINITY)
		return core->deadlines ? sd_event_source_set_enabled(core->deadlines, SD_EVENT_OFF)
				       : 0;
	wait = MIN(usec_sub(pending.next, pending.now), LOOK_AGAIN);
	when = usec_add(clock_boottime_usec(), wait ?: TRY_AGAIN);
	if (!core->deadlines)
		return sd_event_add_time(core->event, &core->deadlines, CLOCK_BOOTTIME, when, 1000,
					 on_deadline, core);
	r = sd_event_source_set_time(core->deadlines, when);
	return r < 0 ? r : sd_event_source_set_enabled(core->deadlines, SD_EVENT_ONESHOT);
}
