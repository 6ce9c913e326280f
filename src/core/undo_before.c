/*
 * What a resource is to be again when a change of it is taken back.
 *
 * Of changes that lie on each other and that nobody confirmed the first is withdrawn first: what it
 * made must not come back with the others, and what it took away must.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core-internal.h"

/* Entries that are searched for who took a resource away: it was not confirmed yet when the change
 * that is taken back was made, so that it is not far. */
#define SEARCHED 4096

/* What each resource was before the entry: id -> before. */
static json_t *befores_of(const json_t *entry)
{
	_cleanup_json_ json_t *befores = json_object();
	const json_t *change;
	size_t i;

	json_array_foreach(json_object_get(entry, "changes"), i, change) {
		json_t *before = json_object_get(change, "before");

		if (json_put(befores, json_member_text(change, "id"), json_incref(before)) < 0)
			return NULL;
	}
	return TAKE_PTR(befores);
}

/* {undone, befores}, or null of an entry that changed nothing, or that history holds no more. */
static json_t *entry_read(struct core *core, uint64_t number)
{
	_cleanup_json_ json_t *entry = NULL, *befores = NULL;
	struct error ignored;
	const char *state;

	if (journal_get(core->store, number, &entry, &ignored) < 0)
		return json_null();
	state = json_member_text(entry, "state");
	if (strcmp(state, "rolled_back") == 0)
		return json_null();
	befores = befores_of(entry);
	return befores ? json_pack("{sb sO}", "undone", strcmp(state, "undone") == 0, "befores",
				   befores)
		       : NULL;
}

/* The same, read once. NULL without memory. */
static const json_t *entry_known(struct core *core, json_t *known, uint64_t number)
{
	char key[24];

	snprintf(key, sizeof(key), "%" PRIu64, number);
	if (!json_object_get(known, key) && json_put(known, key, entry_read(core, number)) < 0)
		return NULL;
	return json_object_get(known, key);
}

/* The number of the last entry below `number` that changed the resource, 0 for none that matters:
 * where none was taken back, what is not there was not there. */
static uint64_t last_change(struct core *core, json_t *known, uint64_t number, const char *id)
{
	uint64_t least = number > SEARCHED ? number - SEARCHED : 1;
	uint64_t first = journal_first_undone(core->store, least, number);

	for (uint64_t at = number; first && at-- > first;) {
		const json_t *entry = entry_known(core, known, at);

		if (!entry)
			return 0;
		if (json_object_get(json_object_get(entry, "befores"), id))
			return at;
	}
	return 0;
}

/* Who made what was there before the entry `number`, or took it away; 0 where it is not known. */
static uint64_t made_by(struct core *core, json_t *known, const json_t *before, uint64_t number,
			const char *id)
{
	uint64_t made = (uint64_t)json_member_integer(before, "transaction", 0);

	if (json_is_null(before))
		made = last_change(core, known, number, id);
	return made < number ? made : 0;
}

const json_t *undo_before(struct core *core, const json_t *change, uint64_t number, json_t *known)
{
	const json_t *before = json_object_get(change, "before");
	const char *id = json_member_text(change, "id");

	while ((number = made_by(core, known, before, number, id))) {
		const json_t *entry = entry_known(core, known, number), *earlier;

		if (!entry)
			return NULL;
		earlier = json_object_get(json_object_get(entry, "befores"), id);
		if (!earlier || !json_member_true(entry, "undone"))
			break;
		before = earlier;
	}
	return before;
}
