/*
 * Transactions that were: undone, withdrawn, listed, and what depends on them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core-internal.h"

/* Has a later transaction changed the resource since `number` did? Returns its number, or 0. */
static uint64_t changed_since(struct core *core, const json_t *change, uint64_t number)
{
	const struct resource *now = core_resource(core, json_member_text(change, "id") ?: "");
	bool was_put = !json_is_null(json_object_get(change, "after"));

	if (now)
		return now->transaction != number ? now->transaction : 0;
	/* It is gone: by `number` itself, or by somebody later whose number nobody keeps. */
	return was_put ? UINT64_MAX : 0;
}

/* Derived resources follow their parent by themselves: they are neither conflict nor edit, unless
 * the parent stays as it is. */
static bool change_is_derived(const json_t *change)
{
	const json_t *side = json_object_get(change, "after");

	if (json_is_null(side))
		side = json_object_get(change, "before");
	return (json_member_text(side, "parent") ?: "")[0] != '\0';
}

/* `known` is NULL for an undoing that is undone: what it took away is to come back. */
static int undo_edit(struct core *core, struct proposal *proposal, const json_t *change,
		     uint64_t number, json_t *known, struct error *error)
{
	const json_t *before = known ? undo_before(core, change, number, known)
				     : json_object_get(change, "before");
	struct resource *resource;
	int r;

	if (!before)
		r = -ENOMEM;
	else if (json_is_null(before))
		r = proposal_remove(proposal, json_member_text(change, "id"));
	else if ((r = resource_from_json(core, before, &resource, error)) >= 0)
		r = proposal_restore(proposal, resource);
	else
		return r;
	return r < 0 ? error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot undo") : 0;
}

static int dependant_append(json_t *dependants, const json_t *change, uint64_t later)
{
	json_t *number = later == UINT64_MAX ? json_null() : json_integer((json_int_t)later);
	json_t *entry = json_pack("{s:O,s:o}", "resource", json_object_get(change, "id"),
				  "transaction", number);

	return json_array_append_new(dependants, entry) < 0 ? -ENOMEM : 0;
}

/* What of the changes of `number` somebody changed later: an array of {resource, transaction},
 * where the number is null of what was removed, since nobody keeps by whom. NULL without memory. */
static json_t *dependants_of(struct core *core, const json_t *changes, uint64_t number)
{
	_cleanup_json_ json_t *dependants = json_array();
	const json_t *change;
	size_t i;

	json_array_foreach(changes, i, change) {
		uint64_t later = changed_since(core, change, number);

		if (later && !change_is_derived(change) &&
		    dependant_append(dependants, change, later) < 0)
			return NULL;
	}
	return TAKE_PTR(dependants);
}

static int refuse_undo(const json_t *dependants, uint64_t number, struct error *error)
{
	const json_t *first = json_array_get(dependants, 0);
	const char *id = json_member_text(first, "resource");
	size_t others = json_array_size(dependants) - 1;
	int64_t later = json_member_integer(first, "transaction", 0);
	char more[48] = "";
	int r;

	if (others)
		snprintf(more, sizeof(more), ", and %zu more resource%s", others,
			 others == 1 ? "" : "s");
	if (later)
		r = error_set(error, ERROR_TX_NOT_UNDOABLE, "transaction",
			      "transaction %" PRId64 " changed %s after transaction %" PRIu64 "%s",
			      later, id, number, more);
	else
		r = error_set(error, ERROR_TX_NOT_UNDOABLE, "transaction",
			      "%s was removed after transaction %" PRIu64 "%s", id, number, more);
	error_hint(error,
		   "undo the later changes first; 'dependants' of tx.history with changes lists "
		   "them");
	return r;
}

static bool is_undoing(const json_t *entry)
{
	return strcmp(json_member_text(entry, "tool") ?: "", "tx.undo") == 0;
}

/* Collects the edits that undo the entry; `partial` leaves out what a later one changed. */
static int undo_edits(struct core *core, const json_t *entry, uint64_t number, bool partial,
		      struct proposal *proposal, struct error *error)
{
	const json_t *changes = json_object_get(entry, "changes"), *change;
	_cleanup_json_ json_t *dependants = dependants_of(core, changes, number);
	_cleanup_json_ json_t *known = json_object();
	size_t i;

	if (!dependants || !known)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot undo");
	if (!partial && json_array_size(dependants))
		return refuse_undo(dependants, number, error);
	json_array_foreach(changes, i, change) {
		int r;

		if (changed_since(core, change, number))
			continue;
		r = undo_edit(core, proposal, change, number, is_undoing(entry) ? NULL : known,
			      error);
		if (r < 0)
			return r;
	}
	return 0;
}

void undone_publish(struct core *core, uint64_t number, const char *why)
{
	core_publish(core, "tx.undone", json_pack("{s:I}", "transaction", (json_int_t)number),
		     "transaction %llu was undone: %s", (unsigned long long)number, why);
}

int undo_propose(struct core *core, uint64_t number, struct proposal *proposal, struct error *error)
{
	_cleanup_json_ json_t *entry = NULL;
	int r = journal_get(core->store, number, &entry, error);

	return r < 0 ? r : undo_edits(core, entry, number, true, proposal, error);
}

/* How an entry is undone. */
struct undoing {
	uint64_t number;
	bool partial; /* leaves out what a later one changed */
	enum asker asker;
	const struct provenance *provenance;
	struct proving proving;
	bool dry_run;
};

static int undo(struct core *core, const json_t *entry, const struct undoing *how,
		struct outcome *ret, struct error *error)
{
	bool is_pending = strcmp(json_member_text(entry, "state"), "pending") == 0;
	_cleanup_proposal_ struct proposal proposal;
	int r;

	proposal_init(&proposal, "tx.undo");
	proposal.provenance = *how->provenance;
	proposal.asker = how->asker;
	proposal.durable = !how->partial;
	proposal.undoes = how->number;
	proposal.proving = how->proving;
	/* What was not confirmed goes in any case: nobody may be left to be kept out. */
	proposal.unguarded = how->partial || is_pending;
	proposal.keeps_numbers = is_undoing(entry) && is_pending;
	r = undo_edits(core, entry, how->number, how->partial, &proposal, error);
	if (r >= 0)
		r = transaction_run(core, &proposal, how->dry_run, ret, error);
	if (r >= 0 && !how->dry_run)
		side_effects_take_back(core, how->number);
	if (r >= 0 && !how->dry_run && !how->proving.within)
		undone_publish(core, how->number, how->provenance->reason);
	return r;
}

static int undo_as_asked(struct core *core, struct undoing how, struct outcome *ret,
			 struct error *error)
{
	_cleanup_json_ json_t *entry = NULL;
	uint64_t number = how.number;
	const char *state;
	int r = journal_get(core->store, number, &entry, error);

	if (r < 0)
		return r;
	state = json_member_text(entry, "state");
	if (strcmp(state, "pending") == 0)
		how.proving = (struct proving){0};
	if (strcmp(state, "committed") != 0 && strcmp(state, "pending") != 0)
		return error_set(error, ERROR_TX_NOT_UNDOABLE, "transaction",
				 "transaction %llu is %s already", (unsigned long long)number,
				 state);
	return undo(core, entry, &how, ret, error);
}

int transaction_undo(struct core *core, uint64_t number, enum asker asker,
		     const struct provenance *provenance, bool dry_run, struct outcome *ret,
		     struct error *error)
{
	const struct undoing how = {
		.number = number,
		.asker = asker,
		.provenance = provenance,
		.dry_run = dry_run,
	};

	return undo_as_asked(core, how, ret, error);
}

int transaction_undo_unproved(struct core *core, uint64_t number, enum asker asker,
			      const struct provenance *provenance, const struct proving *proving,
			      bool dry_run, struct outcome *ret, struct error *error)
{
	const struct undoing how = {
		.number = number,
		.asker = asker,
		.provenance = provenance,
		.proving = *proving,
		.dry_run = dry_run,
	};

	return undo_as_asked(core, how, ret, error);
}

int transaction_withdraw(struct core *core, uint64_t number, const char *why, struct error *error)
{
	_cleanup_json_ json_t *entry = NULL;
	struct provenance provenance = {.owner = "aiosnetd"};
	const struct undoing how = {
		.number = number,
		.partial = true,
		.asker = ASKER_DAEMON,
		.provenance = &provenance,
	};
	int r = journal_get(core->store, number, &entry, error);

	if (r < 0)
		return r;
	text_copy(provenance.reason, sizeof(provenance.reason), why);
	return undo(core, entry, &how, NULL, error);
}

/* The members of a specification that a change put, took away or changed: name -> [before, after].
 */
static json_t *difference_of(const json_t *change)
{
	const json_t *before = json_object_get(json_object_get(change, "before"), "spec");
	const json_t *after = json_object_get(json_object_get(change, "after"), "spec");
	_cleanup_json_ json_t *difference = json_object();
	const json_t *sides[] = {before, after};
	const char *name;
	json_t *value;

	for (size_t side = 0; side < ARRAY_SIZE(sides); side++) {
		json_object_foreach((json_t *)sides[side], name, value) {
			json_t *was = json_object_get(before, name);
			json_t *is = json_object_get(after, name);

			if (was && is && json_equal(was, is))
				continue;
			if (json_put(difference, name,
				     json_pack("[O,O]", was ?: json_null(), is ?: json_null())) < 0)
				return NULL;
		}
	}
	return TAKE_PTR(difference);
}

/* What people ask of an entry: what differs, and what keeps it from being undone. */
static int entry_explain(struct core *core, json_t *entry)
{
	const json_t *changes = json_object_get(entry, "changes");
	const char *state = json_member_text(entry, "state");
	json_t *change;
	size_t i;

	json_array_foreach(changes, i, change) {
		if (json_put(change, "difference", difference_of(change)) < 0)
			return -ENOMEM;
	}
	if (strcmp(state, "committed") != 0 && strcmp(state, "pending") != 0)
		return 0;
	return json_put(entry, "dependants",
			dependants_of(core, changes,
				      (uint64_t)json_member_integer(entry, "number", 0)));
}

int transaction_history(struct core *core, uint64_t before, unsigned limit, bool changes,
			json_t **ret, struct error *error)
{
	_cleanup_json_ json_t *entries = NULL;
	json_t *entry;
	size_t i;
	int r = journal_page(core->store, before, limit, changes, &entries, error);

	if (r < 0)
		return r;
	json_array_foreach(entries, i, entry) {
		if (changes && entry_explain(core, entry) < 0)
			return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot list changes");
	}
	*ret = TAKE_PTR(entries);
	return 0;
}
