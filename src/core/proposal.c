#include <stdio.h>
#include <string.h>

#include "core.h"

void proposal_init(struct proposal *proposal, const char *tool)
{
	*proposal = (struct proposal){.expires = USEC_INFINITY};
	snprintf(proposal->tool, sizeof(proposal->tool), "%s", tool);
	proposal->tail = &proposal->edits;
}

static void edit_free(struct edit *edit)
{
	if (edit->resource)
		resource_free(edit->resource);
	free(edit);
}

void proposal_clear(struct proposal *proposal)
{
	HASH_CLEAR(hh, proposal->by_id);
	for (struct edit *edit = proposal->edits, *next; edit; edit = next) {
		next = edit->next;
		edit_free(edit);
	}
	proposal->edits = NULL;
	proposal->tail = &proposal->edits;
}

const struct edit *proposal_edit(const struct proposal *proposal, const char *id)
{
	struct edit *edit;

	HASH_FIND_STR(proposal->by_id, id, edit);
	return edit;
}

static int append(struct proposal *proposal, const char *id, struct resource *resource,
		  bool restored)
{
	size_t size = resource ? 0 : strlen(id) + 1;
	struct edit *edit = calloc(1, sizeof(*edit) + size);

	if (!edit) {
		if (resource)
			resource_free(resource);
		return -ENOMEM;
	}
	edit->id = resource ? resource->id : memcpy(edit->removed, id, size);
	edit->resource = resource;
	edit->restored = restored;
	*proposal->tail = edit;
	proposal->tail = &edit->next;
	if (!proposal_edit(proposal, id))
		HASH_ADD_KEYPTR(hh, proposal->by_id, edit->id, strlen(edit->id), edit);
	return 0;
}

int proposal_put(struct proposal *proposal, const struct resource_type *type, const void *spec)
{
	struct resource *resource = resource_new(type, spec);

	return resource ? append(proposal, resource->id, resource, false) : -ENOMEM;
}

int proposal_put_json(struct core *core, struct proposal *proposal, const char *name, json_t *spec,
		      struct error *error)
{
	_cleanup_json_ json_t *taken = spec;
	const struct resource_type *type = core_type(core, name);
	_cleanup_(cleanup_free) void *parsed = type ? calloc(1, type->spec_size) : NULL;
	int r;

	if (!type)
		return 0;
	if (!taken || !parsed)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot propose a %s", name);
	r = type->parse(taken, parsed, error);
	if (r < 0)
		return r;
	if (proposal_put(proposal, type, parsed) < 0)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot propose a %s", name);
	return 0;
}

int proposal_remove(struct proposal *proposal, const char *id)
{
	return append(proposal, id, NULL, false);
}

int proposal_restore(struct proposal *proposal, struct resource *resource)
{
	return append(proposal, resource->id, resource, true);
}

void outcome_clear(struct outcome *outcome)
{
	json_decref(outcome->steps);
	json_decref(outcome->waiting);
	*outcome = (struct outcome){0};
}

const char *transaction_state_text(enum transaction_state state)
{
	static const char *const texts[_TRANSACTION_STATE_MAX] = {
		[TRANSACTION_UNCHANGED] = "unchanged",	   [TRANSACTION_PLANNED] = "planned",
		[TRANSACTION_COMMITTED] = "committed",	   [TRANSACTION_PENDING] = "pending",
		[TRANSACTION_ROLLED_BACK] = "rolled_back", [TRANSACTION_UNDONE] = "undone",
	};

	return texts[state];
}
