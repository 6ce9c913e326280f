/*
 * Convergence: the kernel is what intent says, also when something else changed it.
 *
 * A look at all of intent is scheduled when the mirror announces something that may matter: a link
 * came, a link was set down, something of ours is gone. What differs is mended resource by
 * resource; what cannot be (its link is missing, the kernel refuses) keeps its reason and is tried
 * again, with a growing pause, never given up. What stood before has been changed by somebody else:
 * drift.h says what follows.
 */
#include <limits.h>
#include <string.h>

#include "core-internal.h"

#define SETTLE_TIME (2 * USEC_PER_MSEC) /* one look for a burst of announcements */
#define RETRY_FIRST (100 * USEC_PER_MSEC)
#define RETRY_MAX   (60 * USEC_PER_SEC)
#define FIRST_TOLD  16 /* resources that an event names */

/* Pause after the n-th attempt: 0.1 s doubling to 60 s. */
static usec_t retry_pause(unsigned attempts)
{
	return attempts > 10 ? RETRY_MAX : MIN(RETRY_FIRST << attempts, RETRY_MAX);
}

/* One look at all of intent. */
struct look {
	usec_t now;		 /* boottime */
	unsigned made;		 /* so many resources were made as intended */
	json_t *first;		 /* the ids of the first of them */
	struct proposal adopted; /* what intent is to follow */
};

static void look_clear(struct look *look)
{
	json_decref(look->first);
	proposal_clear(&look->adopted);
}

static void resource_is_well(struct resource *resource)
{
	resource->trouble[0] = '\0';
	resource->attempts = 0;
	resource->retry_at = 0;
	resource->stands = true;
}

static void resource_failed(struct core *core, struct resource *resource, usec_t now,
			    const char *why)
{
	bool news = strcmp(resource->trouble, why) != 0;

	resource->attempts++;
	resource->retry_at = usec_add(now, retry_pause(resource->attempts));
	text_copy(resource->trouble, sizeof(resource->trouble), why);
	if (news)
		core_publish(core, "resource.failed", json_pack("{s:s}", "resource", resource->id),
			     "%s: %s; it is tried again", resource->id, resource->trouble);
}

/* Somebody else changed it. Returns 1 when it is to be made so again, 0 when it is left. */
static int resource_drifted(struct core *core, struct look *look, struct resource *resource,
			    const void *observed)
{
	const char *guard;

	switch (drift_policy_of(core, resource, &guard)) {
	case DRIFT_REPORT:
		drift_report(core, resource, guard);
		return 0;
	case DRIFT_ADOPT:
		return drift_adopt(core, &look->adopted, resource, observed, guard);
	default:
		return !drift_rests(core, resource, look->now);
	}
}

static int resource_make(struct core *core, struct look *look, struct resource *resource,
			 const void *observed)
{
	struct error error;

	if (resource->type->apply(core, observed, resource->spec, &error) < 0) {
		resource->stands = false;
		resource_failed(core, resource, look->now, error.message);
		return 0;
	}
	resource_is_well(resource);
	if (look->made++ < FIRST_TOLD &&
	    json_array_append_new(look->first, json_string(resource->id)) < 0)
		return -ENOMEM;
	return 0;
}

/* What it waits for, or NULL. `observed` is what its type said. */
static const char *waits_for(const struct core *core, const struct resource *resource, int observed)
{
	const struct resource_type *type = resource->type;
	const char *names[RESOURCE_LINKS_MAX];
	unsigned count = type->needs_up && type->needs_up(resource->spec)
				 ? type->needs(resource->spec, names)
				 : 0;

	if (observed == -ENODEV)
		return "waits for its link to appear";
	for (unsigned i = 0; i < count; i++)
		if (intent_holds_down(core, names[i]))
			return "waits for its link to be switched on";
	return NULL;
}

/* Makes one resource so, if it is not and can be. */
static int resource_converge(struct core *core, struct look *look, struct resource *resource)
{
	const struct resource_type *type = resource->type;
	_cleanup_(cleanup_free) void *observed = calloc(1, type->spec_size);
	const char *why;
	int r;

	if (!type->observe)
		return 0;
	if (!observed)
		return -ENOMEM;
	r = type->observe(core, resource->spec, observed);
	why = waits_for(core, resource, r);
	if (why) {
		resource->stands = false;
		text_copy(resource->trouble, sizeof(resource->trouble), why);
		return 0;
	}
	if (r > 0 && type->satisfied(resource->spec, observed)) {
		resource_is_well(resource);
		return 0;
	}
	if (resource->attempts && look->now < resource->retry_at)
		return 0;
	if (resource->stands) {
		int made = resource_drifted(core, look, resource, r > 0 ? observed : NULL);

		if (made <= 0)
			return made;
	}
	return resource_make(core, look, resource, r > 0 ? observed : NULL);
}

static void arm(struct core *core, usec_t when, const char *why);

/* The next attempt of anything that failed, or was fought for. */
static void arm_for_retries(struct core *core)
{
	usec_t next = USEC_INFINITY;

	for (struct resource *resource = core->intent; resource; resource = resource->hh.next) {
		if (resource->attempts && resource->retry_at)
			next = MIN(next, resource->retry_at);
		if (resource->truce_until)
			next = MIN(next, resource->truce_until);
	}
	if (next != USEC_INFINITY)
		arm(core, next, "retry");
}

/* In the order of ranks, and all of one rank as they come: to sort ten thousand routes would take
 * longer than the look. */
static int look_at_type(struct core *core, struct look *look, struct resource *first)
{
	unsigned rank = 0, next;
	int r = 0;

	do {
		next = UINT_MAX;
		for (struct resource *resource = first; r >= 0 && resource;
		     resource = resource->next) {
			unsigned own =
				resource->type->rank ? resource->type->rank(resource->spec) : 0;

			if (own == rank)
				r = resource_converge(core, look, resource);
			else if (own > rank)
				next = MIN(next, own);
		}
		rank = next;
	} while (r >= 0 && rank != UINT_MAX);
	return r;
}

/* The types of the next higher order, UINT_MAX when there is none. */
static unsigned order_after(const struct core *core, unsigned order)
{
	unsigned next = UINT_MAX;

	for (unsigned i = 0; i < core->types_count; i++)
		if (core->types[i].type->order > order)
			next = MIN(next, core->types[i].type->order);
	return next;
}

static int look_at_all(struct core *core, struct look *look)
{
	int r = 0;

	core->in_transaction = true;
	for (unsigned order = order_after(core, 0); r >= 0 && order != UINT_MAX;
	     order = order_after(core, order))
		for (unsigned i = 0; r >= 0 && i < core->types_count; i++)
			if (core->types[i].type->order == order)
				r = look_at_type(core, look, core->types[i].first);
	(void)observed_drain(core->observed);
	core->in_transaction = false;
	return r;
}

int transaction_converge(struct core *core, const char *why, struct error *error)
{
	_cleanup_(look_clear) struct look look = {
		.now = clock_boottime_usec(),
		.first = json_array(),
	};

	proposal_init(&look.adopted, "drift");
	if (!look.first || look_at_all(core, &look) < 0)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot converge");
	if (look.made)
		core_publish(core, "intent.converged",
			     json_pack("{s:i,s:s,s:O}", "steps", (int)look.made, "why", why,
				       "resources", look.first),
			     "%u resources made as intended (%s first): %s", look.made,
			     json_string_value(json_array_get(look.first, 0)), why);
	drift_follow(core, &look.adopted);
	arm_for_retries(core);
	return (int)look.made;
}

static int on_convergence(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct core *core = userdata;
	struct error error;
	char why[sizeof(core->convergence_why)];

	/* A look is never taken at a mirror that is known to be wrong; it comes once that is
	 * mended. */
	if (!observed_is_synchronised(core->observed))
		return 0;
	memcpy(why, core->convergence_why, sizeof(why));
	if (transaction_converge(core, why, &error) < 0)
		log_error("%s", error.message);
	return 0;
}

static void arm(struct core *core, usec_t when, const char *why)
{
	int enabled = SD_EVENT_OFF, r;
	uint64_t planned = 0;

	if (!core->convergence) {
		r = sd_event_add_time(core->event, &core->convergence, CLOCK_BOOTTIME, when, 1,
				      on_convergence, core);
		if (r < 0)
			log_error("cannot schedule a look at intent: %s", strerror(-r));
		text_copy(core->convergence_why, sizeof(core->convergence_why), why);
		return;
	}
	if (sd_event_source_get_enabled(core->convergence, &enabled) >= 0 &&
	    enabled != SD_EVENT_OFF && sd_event_source_get_time(core->convergence, &planned) >= 0 &&
	    planned <= when)
		return;
	text_copy(core->convergence_why, sizeof(core->convergence_why), why);
	r = sd_event_source_set_time(core->convergence, when);
	if (r >= 0)
		r = sd_event_source_set_enabled(core->convergence, SD_EVENT_ONESHOT);
	if (r < 0)
		log_error("cannot schedule a look at intent: %s", strerror(-r));
}

void core_schedule_convergence(struct core *core, const char *why)
{
	if (core->started)
		arm(core, usec_add(clock_boottime_usec(), SETTLE_TIME), why);
}

static bool link_matters(enum observed_change change, const struct link *before,
			 const struct link *after)
{
	return change == OBSERVED_ADDED ||
	       (change == OBSERVED_CHANGED &&
		(((before->flags ^ after->flags) & IFF_UP) || before->mtu != after->mtu ||
		 strcmp(before->name, after->name) != 0 ||
		 !hardware_address_equal(&before->mac, &after->mac)));
}

static void forget_past(struct resource *resource)
{
	resource->stands = false;
	resource->attempts = 0;
	resource->retry_at = 0;
}

/* What vanished with its link was not changed by anybody, and what failed while it went need not
 * fail once it is back: all comes back with the link. */
static void forget_past_of(struct core *core, const char *link)
{
	for (struct resource *resource = core->intent; resource; resource = resource->hh.next) {
		const char *needed[RESOURCE_LINKS_MAX];
		unsigned count =
			resource->type->needs ? resource->type->needs(resource->spec, needed) : 0;

		for (unsigned i = 0; i < count; i++)
			if (strcmp(needed[i], link) == 0)
				forget_past(resource);
	}
}

static void on_observed(enum object_kind kind, enum observed_change change,
			const union object *before, const union object *after, void *userdata)
{
	struct core *core = userdata;

	/* Also during a transaction: what is announced then need not be of our own doing, and a
	 * look at what is as it shall be writes nothing. */
	if (!core->started)
		return;
	if (kind == OBJECT_LINK && change == OBSERVED_REMOVED)
		forget_past_of(core, before->link.name);
	if (kind == OBJECT_LINK && change == OBSERVED_ADDED)
		forget_past_of(core, after->link.name);
	if (kind == OBJECT_LINK && change != OBSERVED_REMOVED &&
	    link_matters(change, before ? &before->link : NULL, &after->link))
		core_schedule_convergence(core, change == OBSERVED_ADDED ? "a link appeared"
									 : "a link was changed");
	else if (kind == OBJECT_ADDRESS && change != OBSERVED_ADDED)
		core_schedule_convergence(core, "an address was changed or removed");
	else if (kind == OBJECT_ROUTE && change != OBSERVED_ADDED &&
		 before->route.protocol == AIOSNET_PROTOCOL)
		core_schedule_convergence(core, "a route was changed or removed");
}

static void on_synchronised(bool first, void *userdata)
{
	struct core *core = userdata;

	if (!first)
		core_schedule_convergence(core, "the mirror of the kernel was mended");
}

int convergence_watch(struct core *core)
{
	return observed_add_handler(core->observed, on_observed, on_synchronised, core);
}
