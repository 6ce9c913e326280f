/*
 * From a proposal to a plan: which steps make the kernel what intent becomes (changes.c).
 */
#include <string.h>

#include "core-internal.h"

static int changes_validate(struct plan *plan, struct error *error)
{
	for (size_t i = 0; i < plan->changes_count; i++) {
		const struct resource *after = plan->changes[i].after;
		int r;

		if (!after || !after->type->validate)
			continue;
		r = after->type->validate(plan->core, after->spec, error);
		if (r < 0)
			return r;
	}
	return 0;
}

static void *spec_copy(const struct resource_type *type, const void *spec)
{
	void *copy = malloc(type->spec_size);

	return copy ? memcpy(copy, spec, type->spec_size) : NULL;
}

/* Of ten thousand steps most make what intent will have: that is not copied. */
static int step_append(struct plan *plan, const struct change *change, const void *before,
		       const void *after)
{
	const struct resource_type *type = (change->after ?: change->before)->type;
	struct step *grown = room_for_one(plan->steps, plan->steps_count, sizeof(*grown));
	struct step *step;

	if (!grown)
		return -ENOMEM;
	plan->steps = grown;
	step = &grown[plan->steps_count];
	*step = (struct step){.type = type, .id = change->id};
	step->as_intended =
		after && change->after && memcmp(after, change->after->spec, type->spec_size) == 0;
	step->before = before ? spec_copy(type, before) : NULL;
	step->after = step->as_intended ? change->after->spec
		      : after		? spec_copy(type, after)
					: NULL;
	plan->steps_count++;
	return (before && !step->before) || (after && !step->after) ? -ENOMEM : 0;
}

static int waiting_append(struct plan *plan, const char *id, const char *why)
{
	json_t *entry = json_pack("{s:s,s:s}", "resource", id, "why", why);

	return json_array_append_new(plan->waiting, entry) < 0 ? -ENOMEM : 0;
}

/* The former state that a resource taken by intent brings back when it is released. */
static int baseline_keep(struct change *change, const void *observed)
{
	struct resource *after = change->after;
	const void *baseline = change->before ? change->before->baseline : observed;
	size_t size = after->type->spec_size;

	/* On a link that was made by us, or absent when it was put first. */
	if (!baseline && !after->type->removable)
		baseline = observed;
	if (!after->type->restore || after->baseline || !baseline)
		return 0;
	after->baseline = malloc(size);
	if (!after->baseline)
		return -ENOMEM;
	memcpy(after->baseline, baseline, size);
	if (change->before && observed && after->type->rebase)
		after->type->rebase(change->before->spec, observed, after->baseline);
	return 0;
}

/* Was it, or what it derives from, there before us, and is that given up? */
static bool is_left_behind(const struct plan *plan, const struct resource *resource)
{
	const struct resource *parent =
		resource->parent[0] ? core_resource(plan->core, resource->parent) : NULL;

	return plan->undoes && !resource->type->internal &&
	       (resource_is_adopted(resource) || (parent && resource_is_adopted(parent)));
}

static int plan_remove(struct plan *plan, struct change *change)
{
	const struct resource *before = change->before;
	const struct resource_type *type = before->type;
	_cleanup_(cleanup_free) void *observed = calloc(2, type->spec_size);
	void *wanted = observed ? (char *)observed + type->spec_size : NULL;
	int r;

	if (!type->observe)
		return 0;
	if (!observed)
		return -ENOMEM;
	if (is_left_behind(plan, before))
		return 0;
	r = type->observe(plan->core, before->spec, observed);
	if (r <= 0)
		return r == -ENODEV ? 0 : r;
	if (!type->restore || (type->removable && !before->baseline))
		return step_append(plan, change, observed, NULL);
	/* Undone, the link is made anew, and this is as it was. */
	if (plan_takes_links_of(plan, before))
		return step_append(plan, change, observed, NULL);
	if (!before->baseline)
		return 0;
	type->restore(before->spec, before->baseline, wanted);
	if (type->satisfied(wanted, observed))
		return 0;
	return step_append(plan, change, observed, wanted);
}

/* The plan does without it, and guard rails look at it as it would be. */
static int later_append(struct plan *plan, const struct change *change)
{
	struct step *grown = room_for_one(plan->later, plan->later_count, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	plan->later = grown;
	grown[plan->later_count++] = (struct step){.type = change->after->type,
						   .id = change->id,
						   .after = change->after->spec,
						   .as_intended = true};
	return 0;
}

/* What intent had in its place goes all the same: another route, another bridge's port. */
static int plan_wait(struct plan *plan, struct change *change, const char *why)
{
	int r = change->before ? plan_remove(plan, change) : 0;

	change->waits = true;
	if (r >= 0)
		r = later_append(plan, change);
	return r < 0 ? r : waiting_append(plan, change->id, why);
}

static int plan_put(struct plan *plan, struct change *change)
{
	const struct resource *before = change->before;
	struct resource *after = change->after;
	const struct resource_type *type = after->type;
	_cleanup_(cleanup_free) void *observed = calloc(2, type->spec_size);
	void *wanted = observed ? (char *)observed + type->spec_size : NULL;
	const char *why;
	bool rewritten;
	int r;

	if (!type->observe)
		return 0;
	if (!observed)
		return -ENOMEM;
	r = type->observe(plan->core, after->spec, observed);
	why = plan_waits_for(plan, after, r);
	if (why)
		return plan_wait(plan, change, why);
	if (r == -ENODEV)
		return step_append(plan, change, NULL, after->spec);
	if (r < 0)
		return r;
	if (baseline_keep(change, r > 0 ? observed : NULL) < 0)
		return -ENOMEM;

	memcpy(wanted, after->spec, type->spec_size);
	if (type->restore && before && before->baseline)
		type->restore(before->spec, before->baseline, wanted);

	/* A specification that changed is applied even where the mirror cannot tell the difference
	 * (lifetimes run). */
	rewritten = before && !spec_equal(type, before->spec, after->spec);
	if (r > 0 && !rewritten && type->satisfied(wanted, observed))
		return 0;
	return step_append(plan, change, r > 0 ? observed : NULL, wanted);
}

static int change_compare(const void *a, const void *b)
{
	const struct change *x = a, *y = b;
	const struct resource *rx = x->after ?: x->before, *ry = y->after ?: y->before;

	if (change_phase(x) != change_phase(y))
		return change_phase(x) - change_phase(y);
	return resource_compare(rx, ry) * (x->after ? 1 : -1);
}

int plan_build(struct core *core, struct proposal *proposal, struct plan *ret, struct error *error)
{
	struct plan plan = {
		.core = core,
		.asker = proposal->asker,
		.awaits_confirmation = proposal->confirm_within > 0,
		.proving = proposal->proving,
		.undoes = proposal->undoes,
		.waiting = json_array(),
	};
	int r = changes_collect(&plan, proposal, error);

	if (r < 0 || (r = changes_validate(&plan, error)) < 0) {
		plan_clear(&plan);
		return r;
	}
	if (plan.changes_count)
		qsort(plan.changes, plan.changes_count, sizeof(*plan.changes), change_compare);
	for (size_t i = 0; r >= 0 && i < plan.changes_count; i++) {
		r = plan.changes[i].after ? plan_put(&plan, &plan.changes[i])
					  : plan_remove(&plan, &plan.changes[i]);
		if (change_phase(&plan.changes[i]) == 0)
			plan.puts_count = plan.steps_count;
	}
	/* What no guard rail judges brings nothing back that none has judged. */
	if (r >= 0 && !proposal->unguarded)
		r = plan_revive(&plan);
	if (r < 0) {
		plan_clear(&plan);
		return error_set(error, r == -ENOMEM ? ERROR_OUT_OF_MEMORY : ERROR_INTERNAL, NULL,
				 "cannot plan: %s", strerror(-r));
	}
	*ret = plan;
	return 0;
}

void steps_free(struct step *steps, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(steps[i].before);
		if (!steps[i].as_intended)
			free(steps[i].after);
	}
	free(steps);
}

void plan_clear(struct plan *plan)
{
	steps_free(plan->steps, plan->steps_count);
	steps_free(plan->later, plan->later_count);
	for (size_t i = 0; i < plan->changes_count; i++)
		if (plan->changes[i].after)
			resource_free(plan->changes[i].after);
	free(plan->changes);
	json_decref(plan->waiting);
	*plan = (struct plan){0};
}

const struct step *plan_next_step(const struct plan *plan, const struct step *cursor)
{
	const struct step *next = cursor ? cursor + 1 : plan->steps;

	return next && next < plan->steps + plan->steps_count ? next : NULL;
}

const struct step *plan_next_waiting(const struct plan *plan, const struct step *cursor)
{
	const struct step *next = cursor ? cursor + 1 : plan->later;

	return next && next < plan->later + plan->later_count ? next : NULL;
}

const struct step *plan_next_any_step(const struct plan *plan, const struct step *cursor)
{
	bool is_later = cursor >= plan->later && cursor < plan->later + plan->later_count;
	const struct step *next = is_later ? NULL : plan_next_step(plan, cursor);

	return next ?: plan_next_waiting(plan, is_later ? cursor : NULL);
}

const struct change *plan_next_change(const struct plan *plan, const struct change *cursor)
{
	const struct change *next = cursor ? cursor + 1 : plan->changes;

	return next && next < plan->changes + plan->changes_count ? next : NULL;
}

enum asker plan_asker(const struct plan *plan)
{
	return plan->asker;
}

bool plan_awaits_confirmation(const struct plan *plan)
{
	return plan->awaits_confirmation;
}

bool plan_restores(const struct plan *plan)
{
	return plan->restores;
}

bool plan_is_proved_by(const struct plan *plan, const struct ip_address *peer)
{
	for (unsigned i = 0; i < plan->proving.peers_count; i++)
		if (ip_address_equal(&plan->proving.peers[i], peer))
			return true;
	return false;
}

static const char *step_action(const struct step *step)
{
	return !step->before ? "create" : !step->after ? "remove" : "update";
}

static json_t *step_to_json(const struct step *step)
{
	const struct resource_type *type = step->type;
	_cleanup_json_ json_t *entry = json_object();

	if (json_put(entry, "action", json_string(step_action(step))) < 0 ||
	    json_put(entry, "resource", json_string(step->id)) < 0 ||
	    json_put(entry, "type", json_string(type->name)) < 0 ||
	    json_put(entry, "before", step->before ? type->print(step->before) : json_null()) < 0 ||
	    json_put(entry, "after", step->after ? type->print(step->after) : json_null()) < 0)
		return NULL;
	return TAKE_PTR(entry);
}

static json_t *change_to_json(const struct change *change)
{
	const struct resource *before = change->before, *after = change->after;
	_cleanup_json_ json_t *entry = json_object();

	if (json_put(entry, "id", json_string(change->id)) < 0 ||
	    json_put(entry, "before", before ? resource_to_json(before) : json_null()) < 0 ||
	    json_put(entry, "after", after ? resource_to_json(after) : json_null()) < 0)
		return NULL;
	return TAKE_PTR(entry);
}

json_t *plan_steps_to_json(const struct plan *plan, size_t most)
{
	_cleanup_json_ json_t *array = json_array();

	for (size_t i = 0; i < MIN(plan->steps_count, most); i++)
		if (json_array_append_new(array, step_to_json(&plan->steps[i])) < 0)
			return NULL;
	return TAKE_PTR(array);
}

/* Takes `entry`, the n-th of an array. */
static void print_entry(struct text_buffer *text, size_t n, json_t *entry)
{
	text_buffer_put(text, n ? "," : "[");
	if (entry)
		text_buffer_json(text, entry);
	else
		text->failed = true;
	json_decref(entry);
}

static void print_end(struct text_buffer *text, size_t count)
{
	text_buffer_put(text, count ? "]" : "[]");
}

void plan_print_steps(const struct plan *plan, struct text_buffer *text)
{
	for (size_t i = 0; i < plan->steps_count; i++)
		print_entry(text, i, step_to_json(&plan->steps[i]));
	print_end(text, plan->steps_count);
}

void plan_print_changes(const struct plan *plan, struct text_buffer *text)
{
	for (size_t i = 0; i < plan->changes_count; i++)
		print_entry(text, i, change_to_json(&plan->changes[i]));
	print_end(text, plan->changes_count);
}

static int spec_from_json(const struct resource_type *type, const json_t *json, void **ret,
			  struct error *error)
{
	_cleanup_(cleanup_free) void *spec = NULL;
	int r;

	*ret = NULL;
	if (!json || json_is_null(json))
		return 0;
	spec = calloc(1, type->spec_size);
	if (!spec)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot read a step");
	r = type->parse(json, spec, error);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(spec);
	return 0;
}

int steps_from_json(struct core *core, const json_t *array, struct step **ret, size_t *ret_count,
		    struct error *error)
{
	size_t count = json_array_size(array), i;
	struct step *steps = calloc(count ?: 1, sizeof(*steps));
	const json_t *entry;
	int r = 0;

	if (!steps)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot read a plan");
	json_array_foreach(array, i, entry) {
		struct step *step = &steps[i];

		step->type = core_type(core, json_member_text(entry, "type") ?: "");
		step->id = json_member_text(entry, "resource") ?: "";
		if (!step->type) {
			r = error_set(error, ERROR_STORE_CORRUPT, NULL,
				      "a journalled step is of an unknown type");
			break;
		}
		r = spec_from_json(step->type, json_object_get(entry, "before"), &step->before,
				   error);
		if (r >= 0)
			r = spec_from_json(step->type, json_object_get(entry, "after"),
					   &step->after, error);
		if (r < 0)
			break;
	}
	if (r < 0) {
		steps_free(steps, count);
		return r;
	}
	*ret = steps;
	*ret_count = count;
	return 0;
}
