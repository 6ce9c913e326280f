#include "transaction.h"

#include <string.h>

#include "core-internal.h"

static int mark_undone(struct core *core, const struct proposal *proposal, struct error *error)
{
	int r = unproved_forget(core, proposal->undoes, error);

	return r < 0 ? r
		     : journal_mark(core->store, proposal->undoes, TRANSACTION_UNDONE,
				    proposal->provenance.reason, error);
}

static int commit(struct core *core, const struct proposal *proposal, struct plan *plan,
		  const struct outcome *outcome, const struct side_effects *effects,
		  struct error *error)
{
	/* What a power cut takes before it is proved need not come back. */
	bool durable = proposal->durable && !proposal->proving.within;
	int r = journal_commit_begin(core->store, durable, error);

	for (size_t i = 0; r >= 0 && i < plan->changes_count; i++) {
		struct change *change = &plan->changes[i];

		if (change->after) {
			r = journal_put_resource(core->store, change->after, error);
		} else {
			r = journal_delete_resource(core->store, change->id, error);
		}
	}
	if (r >= 0 && outcome->state == TRANSACTION_PENDING)
		r = side_effects_store(core, effects, outcome->transaction, error);
	if (r >= 0 && proposal->proving.within)
		r = unproved_note(core, outcome->transaction, proposal->undoes, error);
	else if (r >= 0 && proposal->undoes)
		r = mark_undone(core, proposal, error);
	if (r >= 0)
		r = journal_commit_end(core->store, outcome->transaction, outcome->state,
				       outcome->deadline, error);
	if (r < 0)
		journal_commit_abort(core->store);
	return r;
}

/* What is restored as if nothing had been keeps the number by which it can be undone. */
static void number_changes(const struct proposal *proposal, struct plan *plan, uint64_t transaction)
{
	for (size_t i = 0; i < plan->changes_count; i++) {
		struct resource *after = plan->changes[i].after;

		if (after && !(proposal->keeps_numbers && after->transaction))
			after->transaction = transaction;
	}
}

/* What waits for a link that intent had down, or what stands on one that it will have down. */
static void look_where_held(struct core *core, const struct change *change)
{
	const struct resource *before = change->before, *after = change->after;
	const struct resource_type *type = (before ?: after)->type;
	const char *names[RESOURCE_LINKS_MAX];
	unsigned count = 0;

	if (type->comes_last &&
	    (before && type->comes_last(before->spec)) != (after && type->comes_last(after->spec)))
		count = type->needs((before ?: after)->spec, names);
	for (unsigned i = 0; i < count; i++)
		core_look_at_link(core, names[i], "intent has a link up, or down");
}

void intent_adopt(struct core *core, struct plan *plan)
{
	for (size_t i = 0; i < plan->changes_count; i++)
		look_where_held(core, &plan->changes[i]);
	for (size_t i = 0; i < plan->changes_count; i++) {
		struct change *change = &plan->changes[i];
		struct resource *before = (struct resource *)change->before, *after;

		/* A guard may say something else now about what drifted. */
		if (!(before ?: change->after)->type->observe)
			core_schedule_convergence(core, "guard rails were changed");

		if (before) {
			intent_remove(core, before);
			resource_free(before);
			change->before = NULL;
		}
		after = TAKE_PTR(change->after);
		if (after) {
			after->stands = !change->waits;
			intent_add(core, after);
			if (change->waits)
				look_at_soon(core, after, "something waits");
		}
	}
}

/* Where the database refuses, the entry must not stay open: after a crash it would be undone once
 * more, on top of what came later. */
static void mark_rolled_back(struct core *core, uint64_t number, const struct error *cause)
{
	struct error error;

	if (number &&
	    journal_mark(core->store, number, TRANSACTION_ROLLED_BACK, cause->message, &error) < 0)
		store_fall_behind(core, "a rollback", &error);
}

/* `r` is what the database said. What only the daemon itself waits for goes on without it. */
static int keep(struct core *core, const struct proposal *proposal, int r,
		const struct error *error)
{
	if (r >= 0 || proposal->durable)
		return r;
	store_fall_behind(core, proposal->tool, error);
	return 0;
}

/* Between the journal's two entries: apply, verify, commit; or undo. */
static int execute(struct core *core, const struct proposal *proposal, struct plan *plan,
		   const struct outcome *outcome, struct error *error)
{
	_cleanup_(side_effects_clear) struct side_effects effects = {0};
	struct error ignored;
	int r;

	number_changes(proposal, plan, outcome->transaction);
	r = side_effects_remember(core, plan, &effects);

	r = r < 0 ? error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot remember the links")
		  : steps_apply(core, plan, error);
	if (r >= 0) {
		r = steps_verify(core, plan, error);
		if (r >= 0 && outcome->transaction)
			r = keep(core, proposal,
				 commit(core, proposal, plan, outcome, &effects, error), error);
		if (r < 0)
			steps_undo(core, plan->steps, plan->steps_count);
	}
	if (r < 0) {
		(void)observed_drain(core->observed);
		side_effects_undo(core, &effects);
		mark_rolled_back(core, outcome->transaction, error);
		/* What could not be undone differs from intent, and perhaps nothing announces it.
		 */
		core_schedule_convergence(core, "a change was rolled back");
		core_publish(core, "tx.rolled_back", NULL, "%s was rolled back: %s", proposal->tool,
			     error->message);
		return r;
	}
	if (plan->steps_count)
		core->changed_at = clock_boottime_usec();
	intent_adopt(core, plan);
	plan_note_revived(plan);
	/* Where the disk still refuses, the timer of deadlines tries again. */
	(void)store_catch_up(core, &ignored);
	return 0;
}

static int journal_plan(struct core *core, const struct proposal *proposal, const struct plan *plan,
			uint64_t *ret, struct error *error)
{
	_cleanup_text_buffer_ struct text_buffer changes = {0}, steps = {0};
	struct journal_entry entry = {
		.time = clock_realtime_usec(),
		.tool = proposal->tool,
		.provenance = &proposal->provenance,
		.changes = &changes,
		.steps = &steps,
	};
	struct error prune_error;
	int r;

	plan_print_changes(plan, &changes);
	plan_print_steps(plan, &steps);
	if (!text_buffer_ok(&changes) || !text_buffer_ok(&steps))
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot write the journal");
	r = journal_begin(core->store, &entry, ret, error);
	/* A daemon that runs for years, beside a server that grants leases of seconds. */
	if (r >= 0 && *ret % HISTORY_PRUNED == 0 &&
	    journal_prune(core->store, HISTORY_KEPT, &prune_error) < 0)
		core_publish(core, "store.failed", NULL, "%s", prune_error.message);
	return r;
}

static void publish_commit(struct core *core, const struct proposal *proposal,
			   const struct plan *plan, const struct outcome *outcome)
{
	const struct provenance *who = &proposal->provenance;

	core_publish(core, outcome->state == TRANSACTION_PENDING ? "tx.pending" : "tx.committed",
		     json_pack("{s:I,s:s,s:s,s:s}", "transaction", (json_int_t)outcome->transaction,
			       "tool", proposal->tool, "owner", who->owner, "reason", who->reason),
		     "%s by %s%s%s: %zu steps", proposal->tool, who->owner,
		     who->reason[0] ? ", " : "", who->reason, plan->steps_count);
}

/* Nothing is to be done; but a transaction whose undoing finds nothing to do is undone, too. */
static int leave_unchanged(struct core *core, const struct proposal *proposal,
			   struct outcome *outcome, struct error *error)
{
	int r;

	outcome->state = TRANSACTION_UNCHANGED;
	if (!proposal->undoes)
		return 0;
	r = store_catch_up(core, error);
	return r < 0 ? r : mark_undone(core, proposal, error);
}

static int carry_out(struct core *core, const struct proposal *proposal, struct plan *plan,
		     struct outcome *outcome, struct error *error)
{
	usec_t within = proposal->proving.within ?: proposal->confirm_within;
	int r;

	outcome->state = TRANSACTION_COMMITTED;
	if (within) {
		outcome->state = TRANSACTION_PENDING;
		outcome->deadline = usec_add(clock_realtime_usec(), within);
	}
	core->in_transaction = true;
	r = keep(core, proposal, store_catch_up(core, error), error);
	if (r >= 0)
		r = keep(core, proposal,
			 journal_plan(core, proposal, plan, &outcome->transaction, error), error);
	if (r >= 0)
		r = execute(core, proposal, plan, outcome, error);
	core->in_transaction = false;
	if (r < 0)
		return r;
	publish_commit(core, proposal, plan, outcome);
	r = deadlines_arm(core);
	return r < 0 ? error_set(error, ERROR_INTERNAL, NULL, "the deadline could not be set: %s",
				 strerror(-r))
		     : 0;
}

static bool is_refusal(const struct error *error)
{
	return error->code == ERROR_GUARD_REFUSED || error->code == ERROR_GUARD_UNPROVED;
}

/* From the plan to the outcome. */
static int follow(struct core *core, const struct proposal *proposal, struct plan *plan,
		  bool dry_run, struct outcome *outcome, struct error *error)
{
	int r = 0;

	outcome->steps_count = plan->steps_count;
	outcome->steps = plan_steps_to_json(plan, STEPS_TOLD);
	outcome->waiting = json_incref(plan->waiting);
	if (!outcome->steps)
		r = error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot plan");
	if (r >= 0 && !proposal->unguarded)
		r = guard_check(core, plan, error);
	if (r < 0)
		return r;
	if (dry_run) {
		outcome->state = TRANSACTION_PLANNED;
		return 0;
	}
	return plan->changes_count ? carry_out(core, proposal, plan, outcome, error)
				   : leave_unchanged(core, proposal, outcome, error);
}

int transaction_run(struct core *core, struct proposal *proposal, bool dry_run, struct outcome *ret,
		    struct error *error)
{
	struct outcome outcome = {0};
	struct error ignored;
	struct plan plan;
	int r;

	error = error ?: &ignored;
	if (core->in_transaction)
		return error_set(error, ERROR_INTERNAL, NULL, "%s came amidst another transaction",
				 proposal->tool);
	r = plan_build(core, proposal, &plan, error);
	if (r < 0)
		return r;

	r = follow(core, proposal, &plan, dry_run, &outcome, error);
	/* What the kernel refuses of what had waited is left to convergence: without it, too, the
	 * plan is judged. */
	if (r < 0 && !dry_run && !is_refusal(error) && plan_forget_revived(&plan)) {
		outcome_clear(&outcome);
		r = follow(core, proposal, &plan, dry_run, &outcome, error);
	}
	plan_clear(&plan);
	if (r < 0 || !ret)
		outcome_clear(&outcome);
	if (r >= 0 && ret)
		*ret = outcome;
	return r;
}

int transaction_owner(struct core *core, uint64_t number, char ret[PROVENANCE_TEXT_MAX],
		      struct error *error)
{
	_cleanup_json_ json_t *entry = NULL;
	int r = journal_get(core->store, number, &entry, error);

	if (r < 0)
		return r;
	text_copy(ret, PROVENANCE_TEXT_MAX, json_member_text(entry, "owner") ?: "");
	return 0;
}

int transaction_check_pending(struct core *core, uint64_t number, struct error *error)
{
	_cleanup_json_ json_t *entry = NULL;
	const char *state;
	int r = journal_get(core->store, number, &entry, error);

	if (r < 0)
		return r;
	state = json_member_text(entry, "state");
	if (transaction_is_unproved(core, number)) {
		r = error_set(error, ERROR_TX_NOT_PENDING, "transaction",
			      "transaction %llu is not proved yet", (unsigned long long)number);
		error_hint(error, "wait for the answer of the call that made it");
	} else if (strcmp(state, "pending") != 0) {
		r = error_set(error, ERROR_TX_NOT_PENDING, "transaction",
			      "transaction %llu is %s and awaits no confirmation",
			      (unsigned long long)number, state);
		error_hint(error, "tx.history lists what is pending");
	}
	return r;
}

int transaction_confirm(struct core *core, uint64_t number, struct error *error)
{
	int r = transaction_check_pending(core, number, error);

	if (r < 0)
		return r;
	/* On the disk before the answer: after a power cut it would be taken back. */
	r = journal_commit_begin(core->store, true, error);
	if (r >= 0)
		r = side_effects_forget(core, number, error);
	if (r >= 0)
		r = journal_commit_end(core->store, number, TRANSACTION_COMMITTED, 0, error);
	if (r < 0) {
		journal_commit_abort(core->store);
		return r;
	}
	core_publish(core, "tx.confirmed", json_pack("{s:I}", "transaction", (json_int_t)number),
		     "transaction %llu was confirmed", (unsigned long long)number);
	return deadlines_arm(core);
}
