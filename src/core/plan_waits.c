/*
 * What of a plan cannot be yet: its link is not there, goes with the plan, or is down by intent. It
 * waits, and convergence makes it so when it can be.
 */
#include <string.h>

#include "core-internal.h"

#define LINKS_DEEP 8 /* the kernel's own limit (MAX_NEST_DEV) */

static bool step_names_link(unsigned (*links)(const void *spec, const char **ret), const void *spec,
			    const char *name)
{
	const char *names[RESOURCE_LINKS_MAX];
	unsigned count = links && spec ? links(spec, names) : 0;

	for (unsigned i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

/* Steps that make links come before all others. */
static bool link_will_be(const struct plan *plan, const char *name)
{
	if (observed_link_by_name(core_observed(plan->core), name))
		return true;
	for (size_t i = 0; i < plan->steps_count && plan->steps[i].type->makes; i++)
		if (step_names_link(plan->steps[i].type->makes, plan->steps[i].after, name))
			return true;
	return false;
}

/* Are all the links that it needs there, or made before it? */
static bool links_will_be(const struct plan *plan, const struct resource *resource)
{
	const char *names[RESOURCE_LINKS_MAX];
	unsigned count = resource->type->needs ? resource->type->needs(resource->spec, names) : 0;

	for (unsigned i = 0; i < count; i++)
		if (!link_will_be(plan, names[i]))
			return false;
	return count > 0;
}

bool plan_removes_links_of(const struct plan *plan, const struct step *step)
{
	const char *names[RESOURCE_LINKS_MAX];
	unsigned count = step->type->needs ? step->type->needs(step->after, names) : 0;

	for (unsigned i = 0; i < count; i++)
		for (size_t k = 0; k < plan->steps_count; k++)
			if (!plan->steps[k].after &&
			    step_names_link(plan->steps[k].type->makes, plan->steps[k].before,
					    names[i]))
				return true;
	return false;
}

int change_phase(const struct change *change)
{
	const struct resource *after = change->after;

	if (!after)
		return 1;
	return after->type->comes_last && after->type->comes_last(after->spec) ? 2 : 0;
}

/* Will intent have the link down? What is put last is at the end of the changes. */
static bool link_will_be_down(const struct plan *plan, const char *name)
{
	const struct resource *now = intent_holds_down(plan->core, name);
	size_t i = plan->changes_count;

	while (i-- > 0 && change_phase(&plan->changes[i]) == 2)
		if (step_names_link(plan->changes[i].after->type->needs,
				    plan->changes[i].after->spec, name))
			return true;
	for (i = 0; now && i < plan->changes_count; i++)
		if (plan->changes[i].before == now)
			return false;
	return now;
}

/* Does the plan remove what makes the link? What makes links is removed last, before what is put
 * last. */
static bool maker_is_removed(const struct plan *plan, const char *name)
{
	for (size_t i = plan->changes_count; i-- > 0;) {
		const struct change *change = &plan->changes[i];

		if (change_phase(change) == 2)
			continue;
		if (change->after || !change->before->type->makes)
			return false;
		if (!change->before->baseline &&
		    step_names_link(change->before->type->makes, change->before->spec, name))
			return true;
	}
	return false;
}

/* Does what makes the link wait from now on, so that the link goes? Steps that make links, or no
 * more, come before all others. */
static bool maker_waits(const struct plan *plan, const char *name)
{
	for (size_t i = 0; i < plan->steps_count && plan->steps[i].type->makes; i++)
		if (!plan->steps[i].after &&
		    step_names_link(plan->steps[i].type->makes, plan->steps[i].before, name))
			return true;
	return false;
}

/* Does the plan take the link away, or what it lies on? Intent may have links that lie on each
 * other in a circle, and so never are. */
static bool link_will_go(const struct plan *plan, const char *name, unsigned depth)
{
	const struct resource *resource = NULL;
	const char *below[RESOURCE_LINKS_MAX];
	unsigned count = 0;

	if (maker_is_removed(plan, name) || maker_waits(plan, name))
		return true;
	while (!count && (resource = intent_next_maker(plan->core, resource)))
		if (step_names_link(resource->type->makes, resource->spec, name))
			count = resource->type->needs(resource->spec, below);
	for (unsigned i = 0; i < count; i++)
		if (depth < LINKS_DEEP && link_will_go(plan, below[i], depth + 1))
			return true;
	return false;
}

bool plan_takes_links_of(const struct plan *plan, const struct resource *resource)
{
	const char *names[RESOURCE_LINKS_MAX];
	unsigned count = resource->type->needs ? resource->type->needs(resource->spec, names) : 0;

	for (unsigned i = 0; i < count; i++)
		if (link_will_go(plan, names[i], 0))
			return true;
	return false;
}

const char *plan_waits_for(const struct plan *plan, const struct resource *resource, int observed)
{
	const struct resource_type *type = resource->type;
	const char *names[RESOURCE_LINKS_MAX];
	unsigned count = type->needs ? type->needs(resource->spec, names) : 0;
	bool needs_up = type->needs_up && type->needs_up(resource->spec);

	if (plan_takes_links_of(plan, resource))
		return "its link goes";
	for (unsigned i = 0; needs_up && i < count; i++)
		if (link_will_be_down(plan, names[i]))
			return "its link is down, as intended";
	return observed == -ENODEV && !links_will_be(plan, resource) ? "its link is not there"
								     : NULL;
}
