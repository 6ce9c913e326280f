/*
 * What has waited for a link that a plan makes or sets up becomes part of that plan: so guard rails
 * judge it, verification covers it, and a rollback takes it back. In intent nothing of it changes.
 */
#include <stdlib.h>
#include <string.h>

#include "core-internal.h"

/* Names of links. */
struct names {
	char (*list)[IFNAMSIZ];
	size_t count;
};

/* Resources of intent, borrowed. */
struct revival {
	struct plan *plan;
	struct names links; /* that there will be */
	const struct resource **list;
	size_t count;
};

static void revival_clear(struct revival *revival)
{
	free(revival->links.list);
	free(revival->list);
}

static bool has_name(const struct names *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->list[i], name) == 0)
			return true;
	return false;
}

static int add_name(struct names *names, const char *name)
{
	char(*grown)[IFNAMSIZ] = room_for_one(names->list, names->count, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	names->list = grown;
	text_copy(names->list[names->count++], IFNAMSIZ, name);
	return 0;
}

static int add_names(struct names *names, unsigned (*links)(const void *spec, const char **ret),
		     const void *spec)
{
	const char *list[RESOURCE_LINKS_MAX];
	unsigned count = links ? links(spec, list) : 0;
	int r = 0;

	for (unsigned i = 0; r >= 0 && i < count; i++)
		r = add_name(names, list[i]);
	return r;
}

static bool is_held_down(const struct resource *resource)
{
	return resource && resource->type->comes_last && resource->type->comes_last(resource->spec);
}

/* The links that the plan makes, and those that it no longer holds down. */
static int collect_links(struct revival *revival)
{
	const struct plan *plan = revival->plan;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < plan->puts_count; i++)
		if (!plan->steps[i].before)
			r = add_names(&revival->links, plan->steps[i].type->makes,
				      plan->steps[i].after);
	for (size_t i = 0; r >= 0 && i < plan->changes_count; i++)
		if (is_held_down(plan->changes[i].before) && !is_held_down(plan->changes[i].after))
			r = add_names(&revival->links, plan->changes[i].before->type->needs,
				      plan->changes[i].before->spec);
	return r;
}

static bool needs_one(const struct revival *revival, const struct resource *resource)
{
	const char *list[RESOURCE_LINKS_MAX];
	unsigned count = resource->type->needs ? resource->type->needs(resource->spec, list) : 0;

	for (unsigned i = 0; i < count; i++)
		if (has_name(&revival->links, list[i]))
			return true;
	return false;
}

static bool is_in_plan(const struct plan *plan, const struct resource *resource)
{
	for (size_t i = 0; i < plan->changes_count; i++)
		if (plan->changes[i].before == resource)
			return true;
	return false;
}

static bool is_listed(const struct revival *revival, const struct resource *resource)
{
	for (size_t i = 0; i < revival->count; i++)
		if (revival->list[i] == resource)
			return true;
	return false;
}

static int add_resource(struct revival *revival, const struct resource *resource)
{
	const struct resource **grown =
		room_for_one(revival->list, revival->count, sizeof(const struct resource *));

	if (!grown)
		return -ENOMEM;
	revival->list = grown;
	grown[revival->count++] = resource;
	return add_names(&revival->links, resource->type->makes, resource->spec);
}

/* What of intent waits for those links; what is made so, makes links in its turn. */
static int collect_resources(struct revival *revival)
{
	size_t known;
	int r = 0;

	do {
		const struct resource *resource = NULL;

		known = revival->links.count;
		while (r >= 0 && (resource = core_next_resource(revival->plan->core, resource)))
			if (!resource->stands && resource->type->observe &&
			    needs_one(revival, resource) && !is_listed(revival, resource) &&
			    !is_in_plan(revival->plan, resource))
				r = add_resource(revival, resource);
	} while (r >= 0 && revival->links.count > known);
	return r;
}

static int compare_resources(const void *a, const void *b)
{
	return resource_compare(*(const struct resource *const *)a,
				*(const struct resource *const *)b);
}

/* Is the step to be done before the resource? */
static bool step_is_before(const struct step *step, const struct resource *resource)
{
	unsigned step_rank = step->type->rank ? step->type->rank(step->after ?: step->before) : 0;
	unsigned rank = resource->type->rank ? resource->type->rank(resource->spec) : 0;

	if (step->type->order != resource->type->order)
		return step->type->order < resource->type->order;
	return step_rank <= rank;
}

static int take_step(struct plan *plan, struct step *step)
{
	struct step *grown = room_for_one(plan->steps, plan->steps_count, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	plan->steps = grown;
	grown[plan->steps_count++] = *step;
	*step = (struct step){0};
	return 0;
}

/* What still waits, or is so already, takes no step. */
static int revive(struct plan *plan, const struct resource *resource)
{
	const struct resource_type *type = resource->type;
	_cleanup_(cleanup_free) void *observed = calloc(1, type->spec_size);
	struct step step;
	int r;

	if (!observed)
		return -ENOMEM;
	r = type->observe(plan->core, resource->spec, observed);
	if (plan_waits_for(plan, resource, r) ||
	    (r > 0 && type->satisfied(resource->spec, observed)))
		return 0;
	if (r < 0 && r != -ENODEV)
		return r;
	step = (struct step){
		.type = type,
		.id = resource->id,
		.before = r > 0 ? TAKE_PTR(observed) : NULL,
		.after = (void *)resource->spec,
		.as_intended = true,
		.revived = true,
	};
	r = take_step(plan, &step);
	if (r < 0)
		free(step.before);
	return r;
}

/* Both lists are in their order; what is to go follows at the end, as it did. */
static int merge(struct revival *revival)
{
	struct plan *plan = revival->plan;
	struct step *steps = plan->steps;
	size_t count = plan->steps_count, puts = plan->puts_count, at = 0;
	int r = 0;

	plan->steps = NULL;
	plan->steps_count = 0;
	for (size_t i = 0; r >= 0 && i < revival->count; i++) {
		while (r >= 0 && at < puts && step_is_before(&steps[at], revival->list[i]))
			r = take_step(plan, &steps[at++]);
		if (r >= 0)
			r = revive(plan, revival->list[i]);
	}
	while (r >= 0 && at < puts)
		r = take_step(plan, &steps[at++]);
	plan->puts_count = plan->steps_count;
	while (r >= 0 && at < count)
		r = take_step(plan, &steps[at++]);
	steps_free(steps, count);
	return r;
}

int plan_revive(struct plan *plan)
{
	_cleanup_(revival_clear) struct revival revival = {.plan = plan};
	int r = collect_links(&revival);

	if (r >= 0 && revival.links.count)
		r = collect_resources(&revival);
	if (r < 0 || !revival.count)
		return r;
	qsort(revival.list, revival.count, sizeof(const struct resource *), compare_resources);
	return merge(&revival);
}

bool plan_forget_revived(struct plan *plan)
{
	size_t kept = 0, count = plan->steps_count;

	for (size_t i = 0; i < count; i++) {
		if (plan->steps[i].revived)
			free(plan->steps[i].before);
		else
			plan->steps[kept++] = plan->steps[i];
	}
	plan->steps_count = kept;
	return kept < count;
}

void plan_note_revived(const struct plan *plan)
{
	for (size_t i = 0; i < plan->steps_count; i++)
		if (plan->steps[i].revived)
			resource_is_well(
				(struct resource *)core_resource(plan->core, plan->steps[i].id));
}
