/*
 * Convergence: the kernel is what intent says, also when something else changed it.
 *
 * A look at all of intent is scheduled when the mirror announces something that may matter: a link
 * came, a link was set down, something of ours is gone. What differs is mended resource by
 * resource; what cannot be (its link is missing, the kernel refuses) keeps its reason and is tried
 * again, with a growing pause, never given up. A resource that somebody keeps changing back is
 * mended ever more slowly too, so that two managers do not fight at full speed.
 */
#include <string.h>

#include "core-internal.h"

#define SETTLE_TIME (2 * USEC_PER_MSEC) /* one look for a burst of announcements */
#define RETRY_FIRST (100 * USEC_PER_MSEC)
#define RETRY_MAX   (60 * USEC_PER_SEC)

/* Pause after the n-th attempt: 0.1 s doubling to 60 s. */
static usec_t retry_pause(unsigned attempts)
{
	return attempts > 10 ? RETRY_MAX : MIN(RETRY_FIRST << attempts, RETRY_MAX);
}

static void resource_is_well(struct resource *resource, usec_t now)
{
	resource->trouble[0] = '\0';
	/* A pause that passed without trouble takes one attempt back. */
	if (resource->retry_at && now >= resource->retry_at) {
		resource->attempts = resource->attempts ? resource->attempts - 1 : 0;
		resource->retry_at =
			resource->attempts ? usec_add(now, retry_pause(resource->attempts)) : 0;
	}
}

static void resource_failed(struct core *core, struct resource *resource, const char *why)
{
	bool news = strcmp(resource->trouble, why) != 0;

	text_copy(resource->trouble, sizeof(resource->trouble), why);
	if (news)
		core_publish(core, "resource.failed", json_pack("{s:s}", "resource", resource->id),
			     "%s: %s; it is tried again", resource->id, resource->trouble);
}

/* Makes one resource so. Returns 1 when a step was done, 0 when none was needed or possible. */
static int resource_converge(struct core *core, struct resource *resource, usec_t now)
{
	const struct resource_type *type = resource->type;
	_cleanup_(cleanup_free) void *observed = calloc(1, type->spec_size);
	struct error error;
	int r;

	if (!observed)
		return -ENOMEM;
	r = type->observe(core, resource->spec, observed);
	if (r == -ENODEV) {
		text_copy(resource->trouble, sizeof(resource->trouble),
			  "waits for its link to appear");
		return 0;
	}
	if (r > 0 && type->satisfied(resource->spec, observed)) {
		resource_is_well(resource, now);
		return 0;
	}
	if (resource->attempts && now < resource->retry_at)
		return 0;

	resource->attempts++;
	resource->retry_at = usec_add(now, retry_pause(resource->attempts));
	r = type->apply(core, r > 0 ? observed : NULL, resource->spec, &error);
	if (r < 0) {
		resource_failed(core, resource, error.message);
		return 0;
	}
	resource->trouble[0] = '\0';
	return 1;
}

static void arm(struct core *core, usec_t when, const char *why);

/* The next attempt of anything that failed or was mended of late. */
static void arm_for_retries(struct core *core)
{
	usec_t next = USEC_INFINITY;

	for (struct resource *resource = core->intent; resource; resource = resource->hh.next)
		if (resource->attempts && resource->retry_at)
			next = MIN(next, resource->retry_at);
	if (next != USEC_INFINITY)
		arm(core, next, "retry");
}

int transaction_converge(struct core *core, const char *why, struct error *error)
{
	usec_t now = clock_boottime_usec();
	char first[RESOURCE_KEY_MAX + 16] = "";
	int steps = 0;

	HASH_SORT(core->intent, resource_compare);
	core->in_transaction = true;
	for (struct resource *resource = core->intent; resource; resource = resource->hh.next) {
		int r = resource_converge(core, resource, now);

		if (r < 0) {
			core->in_transaction = false;
			return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot converge");
		}
		if (r > 0 && steps++ == 0)
			text_copy(first, sizeof(first), resource->id);
	}
	(void)observed_drain(core->observed);
	core->in_transaction = false;

	if (steps)
		core_publish(core, "intent.converged",
			     json_pack("{s:i,s:s}", "steps", steps, "why", why),
			     "%d resources made as intended (%s first): %s", steps, first, why);
	arm_for_retries(core);
	return steps;
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

static void on_observed(enum object_kind kind, enum observed_change change,
			const union object *before, const union object *after, void *userdata)
{
	struct core *core = userdata;

	/* Also during a transaction: what is announced then need not be of our own doing, and a
	 * look at what is as it shall be writes nothing. */
	if (!core->started)
		return;
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
