/*
 * What of intent needs attention: what an announcement concerns, and what failed or was fought for
 * and is tried again at its time. The rest is not looked at.
 */
#include <stdlib.h>

#include <utlist.h>

#include "core-internal.h"

static bool is_tried_again(const struct resource *resource)
{
	return (resource->attempts && resource->retry_at) || resource->truce_until;
}

/* USEC_INFINITY for never. */
static usec_t retry_of(const struct resource *resource)
{
	usec_t retry =
		resource->attempts && resource->retry_at ? resource->retry_at : USEC_INFINITY;

	return resource->truce_until ? MIN(retry, resource->truce_until) : retry;
}

static void attend(struct core *core, struct resource *resource)
{
	if (resource->is_attended)
		return;
	resource->is_attended = true;
	DL_APPEND2(core->attended, resource, attended_prev, attended_next);
}

void attention_due(struct core *core, struct resource *resource)
{
	resource->due = true;
	attend(core, resource);
}

void attention_end(struct core *core, struct resource *resource)
{
	if (!resource->is_attended)
		return;
	resource->is_attended = resource->due = false;
	DL_DELETE2(core->attended, resource, attended_prev, attended_next);
}

void attention_settle(struct core *core, struct resource *resource)
{
	if (is_tried_again(resource))
		attend(core, resource);
	else if (!resource->due)
		attention_end(core, resource);
}

bool attention_is_due(const struct resource *resource, usec_t now)
{
	return resource->due || retry_of(resource) <= now;
}

usec_t attention_next_retry(const struct core *core)
{
	usec_t next = USEC_INFINITY;

	for (struct resource *resource = core->attended; resource;
	     resource = resource->attended_next)
		next = MIN(next, retry_of(resource));
	return next;
}

static int compare(const void *a, const void *b)
{
	struct resource *const *x = a, *const *y = b;

	return resource_compare(*x, *y);
}

struct resource **attention_collect(const struct core *core, usec_t now, size_t *ret_count)
{
	struct resource **array, *resource;
	size_t count = 0;

	for (resource = core->attended; resource; resource = resource->attended_next)
		count += attention_is_due(resource, now);
	array = calloc(count ?: 1, sizeof(struct resource *));
	if (!array)
		return NULL;
	*ret_count = count;
	count = 0;
	for (resource = core->attended; resource; resource = resource->attended_next)
		if (attention_is_due(resource, now))
			array[count++] = resource;
	qsort(array, count, sizeof(struct resource *), compare);
	return array;
}
