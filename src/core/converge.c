/*
 * Convergence: the kernel is what intent says, also when something else changed it.
 *
 * A look is scheduled when the mirror announces something that may matter: a link came, a link was
 * set down, something of ours is gone. It is at what that concerns (dependents.c, attention.c), and
 * at all of intent where this cannot be told: at the start, after announcements were lost. What
 * differs is mended resource by resource; what cannot be (its link is missing, the kernel refuses)
 * keeps its reason and is tried again, with a growing pause, never given up. What stood before has
 * been changed by somebody else: drift.h says what follows.
 */
#include <limits.h>
#include <string.h>

#include "core-internal.h"

#define SETTLE_TIME (2 * USEC_PER_MSEC) /* one look for a burst of announcements */
#define RETRY_FIRST (100 * USEC_PER_MSEC)
#define RETRY_MAX   (60 * USEC_PER_SEC)
#define FIRST_TOLD  16	 /* resources that an event names */
#define FEW	    1000 /* of more than this, and half of intent, a look is at all */

/* Pause after the n-th attempt: 0.1 s doubling to 60 s. */
static usec_t retry_pause(unsigned attempts)
{
	return attempts > 10 ? RETRY_MAX : MIN(RETRY_FIRST << attempts, RETRY_MAX);
}

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

void resource_is_well(struct resource *resource)
{
	resource_set_trouble(resource, "");
	resource->attempts = 0;
	resource->retry_at = 0;
	resource->stands = true;
}

/* It is tried again when what it waits for has come, and not before. */
static void resource_waits(struct resource *resource, const char *why)
{
	resource->stands = false;
	resource->attempts = 0;
	resource->retry_at = 0;
	resource_set_trouble(resource, why);
}

static void resource_failed(struct core *core, struct resource *resource, usec_t now,
			    const char *why)
{
	bool news = strcmp(resource->trouble, why) != 0;

	resource->attempts++;
	resource->retry_at = usec_add(now, retry_pause(resource->attempts));
	resource_set_trouble(resource, why);
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

/* What waited when it was asked for, nobody could judge as it would be; and who is connected now,
 * was not then. */
static int resource_judge(struct core *core, const struct resource *resource, const void *observed,
			  struct error *error)
{
	struct step step = {
		.type = resource->type,
		.id = resource->id,
		.before = (void *)observed,
		.after = (void *)resource->spec,
	};
	const struct plan plan = {
		.core = core,
		.steps = &step,
		.steps_count = 1,
		.restores = true,
	};

	return guard_check(core, &plan, error);
}

static int resource_make(struct core *core, struct look *look, struct resource *resource,
			 const void *observed)
{
	struct error error;

	if ((!resource->stands && resource_judge(core, resource, observed, &error) < 0) ||
	    resource->type->apply(core, observed, resource->spec, &error) < 0) {
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
		resource_waits(resource, why);
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

/* It has had its turn. */
static int look_at(struct core *core, struct look *look, struct resource *resource)
{
	int r;

	resource->due = false;
	r = resource_converge(core, look, resource);
	/* A truce that has passed ends here also where there was nothing to be done. */
	if (resource->truce_until <= look->now)
		resource->truce_until = 0;
	attention_settle(core, resource);
	return r;
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
				r = look_at(core, look, resource);
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

	core->all_due = false;
	for (unsigned order = order_after(core, 0); r >= 0 && order != UINT_MAX;
	     order = order_after(core, order))
		for (unsigned i = 0; r >= 0 && i < core->types_count; i++)
			if (core->types[i].type->order == order)
				r = look_at_type(core, look, core->types[i].first);
	return r;
}

static int look_at_some(struct core *core, struct look *look)
{
	size_t count;
	_cleanup_(cleanup_free) struct resource **due = attention_collect(core, look->now, &count);
	int r = 0;

	if (!due)
		return -ENOMEM;
	if (count > FEW && count > HASH_COUNT(core->intent) / 2 &&
	    observed_is_synchronised(core->observed))
		return look_at_all(core, look);
	for (size_t i = 0; r >= 0 && i < count; i++)
		if (observed_knows(core->observed, due[i]->type->kind))
			r = look_at(core, look, due[i]);
	return r;
}

static void arm(struct core *core, usec_t when, const char *why);

static int converge(struct core *core, const char *why, struct error *error)
{
	_cleanup_(look_clear) struct look look = {
		.now = clock_boottime_usec(),
		.first = json_array(),
	};
	bool synchronised = observed_is_synchronised(core->observed);
	usec_t retry;
	int r = look.first ? 0 : -ENOMEM;

	proposal_init(&look.adopted, "drift");
	core->in_transaction = true;
	if (r >= 0)
		r = synchronised && (core->all_due || core->dependents_incomplete)
			    ? look_at_all(core, &look)
			    : look_at_some(core, &look);
	if (synchronised)
		(void)observed_drain(core->observed);
	core->in_transaction = false;
	if (r < 0)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot converge");
	if (look.made)
		core_publish(core, "intent.converged",
			     json_pack("{s:i,s:s,s:O}", "steps", (int)look.made, "why", why,
				       "resources", look.first),
			     "%u resources made as intended (%s first): %s", look.made,
			     json_string_value(json_array_get(look.first, 0)), why);
	drift_follow(core, &look.adopted);
	retry = attention_next_retry(core);
	if (retry != USEC_INFINITY)
		arm(core, retry, "retry");
	return (int)look.made;
}

int transaction_converge(struct core *core, const char *why, struct error *error)
{
	core->all_due = true;
	return converge(core, why, error);
}

static int on_convergence(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct core *core = userdata;
	struct error error;
	char why[sizeof(core->convergence_why)];

	/* A look is never taken at what may be wrong in the mirror; it comes once that is mended.
	 * But to read a million routes anew takes most of a second, and meanwhile a link is known.
	 */
	if (!observed_knows(core->observed, OBJECT_LINK))
		return 0;
	memcpy(why, core->convergence_why, sizeof(why));
	if (converge(core, why, &error) < 0)
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

static void schedule(struct core *core, const char *why)
{
	if (core->started)
		arm(core, usec_add(clock_boottime_usec(), SETTLE_TIME), why);
}

void core_schedule_convergence(struct core *core, const char *why)
{
	core->all_due = true;
	schedule(core, why);
}

void core_look_at_link(struct core *core, const char *link, const char *why)
{
	dependents_each(core, link, attention_due);
	schedule(core, why);
}

void core_look_at_type(struct core *core, const struct resource_type *type, const char *why)
{
	const struct resource *resource = NULL;

	while ((resource = core_next_of_type(core, type, resource)))
		attention_due(core, (struct resource *)resource);
	schedule(core, why);
}

void look_at_soon(struct core *core, struct resource *resource, const char *why)
{
	attention_due(core, resource);
	schedule(core, why);
}

static bool link_matters(enum observed_change change, const struct link *before,
			 const struct link *after)
{
	return change != OBSERVED_CHANGED || ((before->flags ^ after->flags) & IFF_UP) ||
	       before->mtu != after->mtu || strcmp(before->name, after->name) != 0 ||
	       !hardware_address_equal(&before->mac, &after->mac);
}

/* What vanished with its link was not changed by anybody, and what failed while it went need not
 * fail once it is back: all comes back with the link. */
static void forget_past(struct core *core, struct resource *resource)
{
	resource->stands = false;
	resource->attempts = 0;
	resource->retry_at = 0;
}

static void on_link(struct core *core, enum observed_change change, const struct link *before,
		    const struct link *after)
{
	static const char *const why[] = {
		[OBSERVED_ADDED] = "a link appeared",
		[OBSERVED_CHANGED] = "a link was changed",
		[OBSERVED_REMOVED] = "a link vanished",
	};

	if (!link_matters(change, before, after))
		return;
	if (change != OBSERVED_CHANGED)
		dependents_each(core, (before ?: after)->name, forget_past);
	if (before)
		core_look_at_link(core, before->name, why[change]);
	if (after && (!before || strcmp(before->name, after->name) != 0))
		core_look_at_link(core, after->name, why[change]);
}

/* The resource of intent whose state the object was, or NULL. */
static struct resource *resource_at(struct core *core, enum object_kind kind,
				    const union object *object)
{
	for (unsigned i = 0; i < core->types_count; i++) {
		const struct resource_type *type = core->types[i].type;
		_cleanup_(cleanup_free) void *spec = NULL;
		char id[RESOURCE_KEY_MAX + 16];

		if (!type->place || type->kind != kind || !core->types[i].first)
			continue;
		spec = calloc(1, type->spec_size);
		if (spec && type->place(core, object, spec) > 0)
			return (struct resource *)core_resource(core, resource_id(type, spec, id));
	}
	return NULL;
}

static const char *const reasons[_OBJECT_KIND_MAX] = {
	[OBJECT_ADDRESS] = "an address was changed or removed",
	[OBJECT_ROUTE] = "a route was changed or removed",
	[OBJECT_RULE] = "a rule was changed or removed",
};

static void on_observed(enum object_kind kind, enum observed_change change,
			const union object *before, const union object *after, void *userdata)
{
	struct core *core = userdata;
	struct resource *resource;

	/* Also during a transaction: what is announced then need not be of our own doing, and a
	 * look at what is as it shall be writes nothing. */
	if (!core->started)
		return;
	if (kind == OBJECT_LINK) {
		on_link(core, change, before ? &before->link : NULL, after ? &after->link : NULL);
		return;
	}
	/* What a transaction adds it also verifies. */
	if (!reasons[kind] || (change == OBSERVED_ADDED && core->in_transaction))
		return;
	resource = resource_at(core, kind, before ?: after);
	if (!resource)
		return;
	look_at_soon(core, resource, reasons[kind]);
	/* Without it packets are lost: what else comes with the burst is looked at then. */
	if (change == OBSERVED_REMOVED)
		arm(core, clock_boottime_usec(), reasons[kind]);
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
