/*
 * Deadlines: intent that expires, and changes that are taken back unless they are confirmed.
 *
 * Both are kept as real time, since they must hold over a restart; one timer serves the nearest.
 */

#include "core-internal.h"

/* A clock that is set on brings what expires nearer: the timer looks again. */
#define LOOK_AGAIN (60 * USEC_PER_SEC)
/* Pause after what was due could not be done. */
#define TRY_AGAIN (10 * USEC_PER_SEC)

struct pending {
	struct core *core;
	usec_t now;
	usec_t next;
	uint64_t after;	      /* only transactions of higher numbers are looked at */
	uint64_t overdue[16]; /* oldest first; more are met in the next portion */
	unsigned overdue_count;
};

/* The deadline by the present clock. Once this run knows it, it counts by the time that goes by: a
 * clock that is set must neither keep an unconfirmed change alive nor take it back too soon. */
static usec_t deadline_of(const struct pending *pending, const json_t *entry)
{
	uint64_t number = (uint64_t)json_member_integer(entry, "number", 0);
	usec_t deadline = (usec_t)json_member_integer(entry, "deadline", 0);
	struct unconfirmed *known = &pending->core->unconfirmed[number % UNCONFIRMED_KNOWN];
	usec_t boottime = clock_boottime_usec();

	if (known->number != number) {
		known->number = number;
		known->until = usec_add(boottime, usec_sub(deadline, pending->now));
	}
	return usec_add(pending->now, usec_sub(known->until, boottime));
}

void deadlines_forget(struct core *core, uint64_t number)
{
	core->unconfirmed[number % UNCONFIRMED_KNOWN].number = 0;
}

static int pending_look(json_t *entry, void *userdata)
{
	struct pending *pending = userdata;
	uint64_t number = (uint64_t)json_member_integer(entry, "number", 0);
	usec_t deadline = deadline_of(pending, entry);

	if (number <= pending->after)
		return 0;
	if (deadline > pending->now)
		pending->next = MIN(pending->next, deadline);
	else if (pending->overdue_count < ARRAY_SIZE(pending->overdue))
		pending->overdue[pending->overdue_count++] = number;
	else
		pending->next = pending->now;
	return 0;
}

static void expiry_begin(struct proposal *proposal)
{
	proposal_init(proposal, "expiry");
	text_copy(proposal->provenance.owner, PROVENANCE_TEXT_MAX, "aiosnetd");
	text_copy(proposal->provenance.reason, PROVENANCE_TEXT_MAX, "its time is over");
}

static int expire_one(struct core *core, const char *id, struct error *error)
{
	_cleanup_proposal_ struct proposal proposal;

	expiry_begin(&proposal);
	if (proposal_remove(&proposal, id) < 0)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot expire intent");
	return transaction_run(core, &proposal, false, NULL, error);
}

/* What cannot go yet must not hold the rest. Returns the last failure. */
static int expire_each(struct core *core, const struct proposal *proposal, struct error *error)
{
	struct error refused;
	int r = 0;

	for (const struct edit *edit = proposal->edits; edit; edit = edit->next) {
		if (expire_one(core, edit->id, &refused) >= 0)
			continue;
		*error = refused;
		r = error_code_errno(refused.code);
	}
	return r;
}

static int expire(struct core *core, usec_t now, struct error *error)
{
	_cleanup_proposal_ struct proposal proposal;
	int r = 0;

	expiry_begin(&proposal);
	for (struct resource *resource = core->intent; r >= 0 && resource;
	     resource = resource->hh.next)
		if (resource->expires <= now)
			r = proposal_remove(&proposal, resource->id);
	if (r < 0)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot expire intent");
	if (!proposal.edits)
		return 0;
	r = transaction_run(core, &proposal, false, NULL, error);
	return r < 0 ? expire_each(core, &proposal, error) : r;
}

/* Told once, though it is tried again and again. */
static void expiry_failed(struct core *core, const struct error *error)
{
	char why[sizeof(core->expiry_trouble)];

	text_copy(why, sizeof(why), error->message);
	if (strcmp(core->expiry_trouble, why) != 0)
		core_publish(core, "intent.expiry_failed", NULL, "%s", why);
	memcpy(core->expiry_trouble, why, sizeof(why));
}

/* Takes back the next portion of what was not confirmed. Returns whether there may be more: one
 * that cannot be taken back must not hold up those after it. */
static bool withdraw_some(struct pending *pending, bool *failed)
{
	struct core *core = pending->core;
	struct error error;

	pending->overdue_count = 0;
	if (journal_each_in_state(core->store, "pending", pending_look, pending, &error) < 0) {
		core_publish(core, "store.failed", NULL, "%s", error.message);
		*failed = true;
		return false;
	}
	for (unsigned i = 0; i < pending->overdue_count; i++) {
		pending->after = pending->overdue[i];
		if (transaction_withdraw(core, pending->after, "it was not confirmed in time",
					 &error) >= 0)
			continue;
		*failed = true;
		core_publish(core, "tx.rollback_failed", NULL, "transaction %llu: %s",
			     (unsigned long long)pending->after, error.message);
	}
	return pending->overdue_count > 0;
}

int deadlines_meet(struct core *core)
{
	struct pending pending = {.core = core,
				  .now = clock_realtime_usec(),
				  .next = USEC_INFINITY};
	struct error error;
	bool failed = false;

	while (withdraw_some(&pending, &failed))
		;
	(void)store_catch_up(core, &error);
	if (expire(core, pending.now, &error) < 0) {
		expiry_failed(core, &error);
		failed = true;
	} else {
		core->expiry_trouble[0] = '\0';
	}
	core->deadlines_pause = failed ? usec_add(clock_boottime_usec(), TRY_AGAIN) : 0;
	return deadlines_arm(core);
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	int r = deadlines_meet(userdata);

	/* A handler that returns an error is called no more. */
	if (r < 0)
		log_error("cannot set the next deadline: %s", strerror(-r));
	return 0;
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
	if (journal_each_in_state(core->store, "pending", pending_look, &pending, &error) < 0) {
		core_publish(core, "store.failed", NULL, "%s", error.message);
		pending.next = pending.now + TRY_AGAIN;
	}
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
	when = usec_add(clock_boottime_usec(), wait);
	if (wait == 0)
		when = MAX(when, core->deadlines_pause);
	if (!core->deadlines)
		return sd_event_add_time(core->event, &core->deadlines, CLOCK_BOOTTIME, when, 1000,
					 on_deadline, core);
	r = sd_event_source_set_time(core->deadlines, when);
	return r < 0 ? r : sd_event_source_set_enabled(core->deadlines, SD_EVENT_ONESHOT);
}
