#include "setting_watch.h"

#include <linux/rtnetlink.h>
#include <string.h>

#define INTERVAL_MIN (80 * USEC_PER_MSEC) /* a change is noticed within 100 ms */
#define INTERVAL_ONE USEC_PER_MSEC	  /* for each setting: it takes some 10 us to read */

struct setting_watch {
	struct core *core;
	struct netlink_watch *announced;
	sd_event_source *timer; /* off while there is nothing to read */
	uint64_t digest;	/* of what was read last */
};

/* ---- what the kernel announces ---- */

static bool has_announced(struct core *core, const char *link)
{
	const struct resource *resource = NULL;

	while ((resource = core_next_of_type(core, &setting_type, resource))) {
		const struct setting_spec *spec = (const void *)resource->spec;

		if (setting_is_announced(spec) && strcmp(spec->link, link) == 0)
			return true;
	}
	return false;
}

/* Without a message, some were lost. */
static void on_netconf(const struct nlmsghdr *message, void *userdata)
{
	struct core *core = userdata;
	int index = message ? netlink_parse_netconf_link(message) : 0;
	const struct link *link = index > 0 ? observed_link(core_observed(core), index) : NULL;

	if (!message)
		core_schedule_convergence(core, "a setting of a link may have changed");
	else if (link && has_announced(core, link->name))
		core_look_at_link(core, link->name, "a setting of a link was changed");
}

/* ---- what it does not ---- */

/* FNV-1a */
static uint64_t digest_add(uint64_t digest, const void *data, size_t size)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < size; i++)
		digest = (digest ^ bytes[i]) * UINT64_C(1099511628211);
	return digest;
}

/* Reads all that are not announced; how many there are. */
static unsigned read_silent(struct core *core, uint64_t *ret_digest)
{
	const struct resource *resource = NULL;
	unsigned count = 0;

	*ret_digest = UINT64_C(14695981039346656037);
	while ((resource = core_next_of_type(core, &setting_type, resource))) {
		const struct setting_spec *spec = (const void *)resource->spec;
		int32_t value = 0;

		if (setting_is_announced(spec))
			continue;
		count++;
		/* What cannot be read waits for its link, whose coming is announced. */
		if (setting_read(spec, &value) < 0)
			continue;
		*ret_digest = digest_add(*ret_digest, resource->id, strlen(resource->id) + 1);
		*ret_digest = digest_add(*ret_digest, &value, sizeof(value));
	}
	return count;
}

static int look(struct setting_watch *watch)
{
	usec_t interval;
	uint64_t digest;
	unsigned count = read_silent(watch->core, &digest);
	int r;

	if (count && digest != watch->digest)
		core_schedule_convergence(watch->core, "a setting of a link was changed");
	watch->digest = digest;
	if (!count)
		return sd_event_source_set_enabled(watch->timer, SD_EVENT_OFF);
	interval = MAX(INTERVAL_MIN, count * INTERVAL_ONE);
	r = sd_event_source_set_time_relative(watch->timer, interval);
	return r < 0 ? r : sd_event_source_set_enabled(watch->timer, SD_EVENT_ONESHOT);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	int r = look(userdata);

	if (r < 0)
		log_error("cannot look at the settings of links again: %s", strerror(-r));
	return 0;
}

/* Transactions put and take settings. */
static void on_event(const struct event_record *event, void *userdata)
{
	struct setting_watch *watch = userdata;
	int enabled = SD_EVENT_OFF;

	if (strncmp(event->kind, "tx.", 3) != 0 ||
	    (sd_event_source_get_enabled(watch->timer, &enabled) >= 0 && enabled != SD_EVENT_OFF))
		return;
	(void)on_timer(watch->timer, 0, watch);
}

int setting_watch_new(struct setting_watch **ret, struct core *core)
{
	static const int groups[] = {RTNLGRP_IPV4_NETCONF, RTNLGRP_IPV6_NETCONF, 0};
	_cleanup_(setting_watch_cleanup) struct setting_watch *watch = calloc(1, sizeof(*watch));
	int r;

	if (!watch)
		return -ENOMEM;
	watch->core = core;
	r = netlink_watch_new(&watch->announced, core_event(core), groups, on_netconf, core);
	if (r >= 0)
		r = sd_event_add_time_relative(core_event(core), &watch->timer, CLOCK_BOOTTIME,
					       INTERVAL_MIN, 10 * USEC_PER_MSEC, on_timer, watch);
	if (r >= 0)
		r = core_add_event_handler(core, on_event, watch);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(watch);
	return 0;
}

void setting_watch_free(struct setting_watch *watch)
{
	if (watch->announced)
		netlink_watch_free(watch->announced);
	sd_event_source_disable_unref(watch->timer);
	free(watch);
}
