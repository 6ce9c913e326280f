/*
 * Changes that are being proved: pending, and nobody's to confirm until who made them says that
 * they hold. It is written down with the change, so that a crash does not make it confirmable.
 */
#include <inttypes.h>
#include <stdio.h>

#include "core-internal.h"
#include "store-internal.h"

#define KIND "unproved" /* in the store: number -> {undoes} */

struct key {
	char text[24];
};

static struct key key_of(uint64_t number)
{
	struct key key;

	snprintf(key.text, sizeof(key.text), "%" PRIu64, number);
	return key;
}

int unproved_note(struct core *core, uint64_t number, uint64_t undoes, struct error *error)
{
	_cleanup_json_ json_t *value = json_pack("{sI}", "undoes", (json_int_t)undoes);

	if (!value)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot commit");
	return store_put(core->store, KIND, key_of(number).text, value) < 0
		       ? store_failed(core->store, "cannot commit", error)
		       : 0;
}

int unproved_forget(struct core *core, uint64_t number, struct error *error)
{
	return store_delete(core->store, KIND, key_of(number).text) < 0
		       ? store_failed(core->store, "cannot commit", error)
		       : 0;
}

bool transaction_is_unproved(const struct core *core, uint64_t number)
{
	return store_get(core->store, KIND, key_of(number).text, NULL) != -ENOENT;
}

/* In one piece: it stays, or awaits its confirmation, and what it undoes is undone. */
static int settle(struct core *core, const json_t *entry, uint64_t undoes, usec_t deadline,
		  struct error *error)
{
	uint64_t number = (uint64_t)json_member_integer(entry, "number", 0);
	int r = journal_commit_begin(core->store, true, error);

	if (r >= 0)
		r = unproved_forget(core, number, error);
	if (r >= 0 && !deadline)
		r = side_effects_forget(core, number, error);
	if (r >= 0 && undoes)
		r = journal_mark(core->store, undoes, TRANSACTION_UNDONE,
				 json_member_text(entry, "reason"), error);
	if (r >= 0)
		r = journal_commit_end(core->store, number,
				       deadline ? TRANSACTION_PENDING : TRANSACTION_COMMITTED,
				       deadline, error);
	if (r < 0)
		journal_commit_abort(core->store);
	return r;
}

int transaction_proved(struct core *core, uint64_t number, usec_t confirm_within,
		       usec_t *ret_deadline, struct error *error)
{
	usec_t deadline = confirm_within ? usec_add(clock_realtime_usec(), confirm_within) : 0;
	_cleanup_json_ json_t *entry = NULL, *value = NULL;
	uint64_t undoes;
	int r = journal_get(core->store, number, &entry, error);

	if (r < 0)
		return r;
	/* Somebody undid it meanwhile, or its time was over. */
	if (store_get(core->store, KIND, key_of(number).text, &value) < 0)
		return error_set(error, ERROR_TX_NOT_PENDING, "transaction",
				 "transaction %" PRIu64 " is %s already", number,
				 json_member_text(entry, "state"));
	undoes = (uint64_t)json_member_integer(value, "undoes", 0);
	r = settle(core, entry, undoes, deadline, error);
	if (r < 0)
		return r;
	core_publish(core, deadline ? "tx.proved" : "tx.confirmed",
		     json_pack("{s:I}", "transaction", (json_int_t)number),
		     "transaction %" PRIu64 " was proved", number);
	if (undoes)
		undone_publish(core, undoes, json_member_text(entry, "reason"));
	*ret_deadline = deadline;
	deadlines_forget(core, number);
	return deadlines_arm(core);
}
