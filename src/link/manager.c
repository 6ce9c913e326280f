/*
 * Boot detection, and the same for whatever is plugged in later: each link of ours that intent does
 * not name is brought up and gets a DHCP client. What was configured so is taken out of intent
 * again when its link vanishes or turns out to be somebody else's.
 */
#include <string.h>

#include "link.h"
#include "management.h"
#include "sessions.h"
#include "setting_watch.h"

/* Before a link that was refused is tried again: doubling. */
#define PAUSE_MIN (2 * USEC_PER_SEC)
#define PAUSE_MAX (300 * USEC_PER_SEC)

struct link_manager {
	struct core *core;
	struct link_manager_config config;
	struct setting_watch *settings;
	struct sessions *sessions; /* who is connected, for the guard rail */
	sd_event_source *look;	   /* deferred: links appeared or vanished */
	sd_event_source *again;	   /* a link was refused */
	usec_t pause;		   /* before it is tried again */
	bool started;
};

static bool is_configured(const struct core *core, const char *name)
{
	static const char *const types[] = {"link", "dhcp", "device", "port"};
	const struct resource *resource = NULL;

	for (unsigned i = 0; i < ARRAY_SIZE(types); i++)
		if (link_resource(core, types[i], name))
			return true;
	/* An address that an agent gave a link configures it too. */
	while ((resource = core_next_resource(core, resource)))
		if (resource->type == &address_type &&
		    strcmp(((const struct address_spec *)resource->spec)->link, name) == 0)
			return true;
	return false;
}

static int propose_link(struct core *core, struct proposal *proposal, const struct link *link,
			struct error *error)
{
	struct link_spec spec = {
		.settings =
			{
				.fields = LINK_FIELD_UP | LINK_FIELD_IGNORE_DEAD_ROUTES |
					  LINK_FIELD_PROMOTE_SECONDARIES,
				.up = true,
				/* A route by a link without carrier is skipped by the kernel
				 * itself: the other  uplink is in use at once, and nothing need be
				 * put back after a flap. */
				.ignore_dead_routes = true,
				.promote_secondaries = true,
			},
	};

	text_copy(spec.name, sizeof(spec.name), link->name);
	if (proposal_put(proposal, &link_type, &spec) < 0)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot configure %s",
				 link->name);
	return proposal_put_json(core, proposal, "dhcp", json_pack("{s:s}", "link", link->name),
				 error);
}

static bool is_new(const struct link_manager *manager, const struct link *link)
{
	const struct link_manager_config *config = &manager->config;

	return link_ownership(manager->core, link, NULL) == LINK_OURS &&
	       !is_configured(manager->core, link->name) &&
	       !link_is_peer_of_ours(manager->core, link) &&
	       !(config->leaves_alone && config->leaves_alone(link, config->userdata));
}

static int propose_new(const struct link_manager *manager, struct proposal *proposal,
		       struct error *error)
{
	struct core *core = manager->core;
	const struct link *link = NULL;
	int r = 0;

	while (r >= 0 && (link = observed_next_link(core_observed(core), link)))
		if (is_new(manager, link))
			r = propose_link(core, proposal, link, error);
	return r;
}

/* What boot detection put into intent goes when its link is gone or not ours. */
static int propose_vanished(struct core *core, struct proposal *proposal, struct error *error)
{
	const struct resource *resource = NULL;
	int r = 0;

	while (r >= 0 && (resource = core_next_resource(core, resource))) {
		const char *name = strchr(resource->id, '/') + 1;
		const struct link *link;

		if (strcmp(resource->provenance.owner, LINK_BOOT_OWNER) != 0)
			continue;
		link = observed_link_by_name(core_observed(core), name);
		/* A port of a device has no address of its own; but up it stays. */
		if (!link || link_ownership(core, link, NULL) != LINK_OURS ||
		    (resource->type != &link_type && link_resource(core, "port", name)))
			r = proposal_remove(proposal, resource->id);
	}
	if (r < 0)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot forget what vanished");
	return 0;
}

static void begin(struct proposal *proposal, const char *why)
{
	proposal_init(proposal, "boot");
	text_copy(proposal->provenance.owner, PROVENANCE_TEXT_MAX, LINK_BOOT_OWNER);
	text_copy(proposal->provenance.reason, PROVENANCE_TEXT_MAX, why);
}

static int run(struct core *core, struct proposal *proposal, struct error *error)
{
	return proposal->edits ? transaction_run(core, proposal, false, NULL, error) : 0;
}

static int configure_all(struct link_manager *manager, const char *why, struct error *error)
{
	struct core *core = manager->core;
	_cleanup_proposal_ struct proposal proposal;
	int r;

	begin(&proposal, why);
	r = propose_new(manager, &proposal, error);
	if (r >= 0)
		r = propose_vanished(core, &proposal, error);
	return r < 0 ? r : run(core, &proposal, error);
}

static int configure_one(struct link_manager *manager, const struct link *link, const char *why,
			 struct error *error)
{
	struct core *core = manager->core;
	_cleanup_proposal_ struct proposal proposal;
	int r = 0;

	begin(&proposal, why);
	if (is_new(manager, link))
		r = propose_link(core, &proposal, link, error);
	return r < 0 ? r : run(core, &proposal, error);
}

static int forget_vanished(struct core *core, const char *why, struct error *error)
{
	_cleanup_proposal_ struct proposal proposal;
	int r;

	begin(&proposal, why);
	r = propose_vanished(core, &proposal, error);
	return r < 0 ? r : run(core, &proposal, error);
}

/* A link that is refused (a radio switched off, a driver that fails) must not keep the others from
 * the network: each by itself. Returns what the last refused one was refused for. */
static int configure_each(struct link_manager *manager, const char *why, struct error *error)
{
	struct core *core = manager->core;
	const struct observed *observed = core_observed(core);
	size_t count = observed_count(observed, OBJECT_LINK), i = 0;
	_cleanup_(cleanup_free) int *indexes = calloc(MAX(count, (size_t)1), sizeof(*indexes));
	const struct link *link = NULL;
	struct error refused;
	int r;

	if (!indexes)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot configure links");
	while (i < count && (link = observed_next_link(observed, link)))
		indexes[i++] = link->index;
	count = i;
	r = forget_vanished(core, why, error);
	for (i = 0; i < count; i++) {
		/* The transaction before may have seen it vanish. */
		link = observed_link(observed, indexes[i]);
		if (!link || configure_one(manager, link, why, &refused) >= 0)
			continue;
		*error = refused;
		r = error_code_errno(refused.code);
	}
	return r;
}

static void look_again(struct link_manager *manager);

/* Configures what is new. What is refused is tried again, ever more slowly. */
static void look(struct link_manager *manager, const char *why)
{
	struct error error;
	int r;

	if (!manager->config.configure_new)
		return;
	r = configure_all(manager, why, &error);
	if (r < 0)
		r = configure_each(manager, why, &error);
	manager->pause = r < 0 ? MIN(MAX(manager->pause * 2, PAUSE_MIN), PAUSE_MAX) : 0;
	if (r >= 0)
		return;
	/* The transaction has published what went wrong. */
	log_warning("new links: %s", error.message);
	look_again(manager);
}

static int on_look(sd_event_source *source, void *userdata)
{
	look(userdata, "a link appeared or vanished");
	return 0;
}

static void schedule_look(struct link_manager *manager)
{
	int r;

	if (!manager->started)
		return;
	r = manager->look ? sd_event_source_set_enabled(manager->look, SD_EVENT_ONESHOT)
			  : sd_event_add_defer(core_event(manager->core), &manager->look, on_look,
					       manager);
	if (r < 0)
		log_error("cannot look at new links: %s", strerror(-r));
}

static int on_again(sd_event_source *source, uint64_t usec, void *userdata)
{
	schedule_look(userdata);
	return 0;
}

static void look_again(struct link_manager *manager)
{
	usec_t when = usec_add(clock_boottime_usec(), manager->pause);
	int r;

	if (!manager->again) {
		r = sd_event_add_time(core_event(manager->core), &manager->again, CLOCK_BOOTTIME,
				      when, USEC_PER_SEC, on_again, manager);
	} else {
		r = sd_event_source_set_time(manager->again, when);
		if (r >= 0)
			r = sd_event_source_set_enabled(manager->again, SD_EVENT_ONESHOT);
	}
	if (r < 0)
		log_error("cannot look at new links again: %s", strerror(-r));
}

static void publish_carrier(struct core *core, const struct link *link)
{
	core_publish(core, link->carrier ? "link.carrier_gained" : "link.carrier_lost",
		     json_pack("{s:s}", "link", link->name), "%s: %s", link->name,
		     link->carrier ? "cable in" : "cable out");
}

/* What somebody else did to a device of ours, or to a port. */
static void watch_devices(struct core *core, const struct link *before, const struct link *after)
{
	if (memcmp(&before->options, &after->options, sizeof(after->options)) != 0)
		core_look_at_link(core, after->name, "a device was changed");
	else if (before->master != after->master)
		core_look_at_link(core, after->name, "a port was taken from its device");
}

static void on_observed(enum object_kind kind, enum observed_change change,
			const union object *before, const union object *after, void *userdata)
{
	struct link_manager *manager = userdata;
	struct core *core = manager->core;

	if (kind == OBJECT_LINK && change == OBSERVED_CHANGED)
		watch_devices(core, &before->link, &after->link);
	if (kind != OBJECT_LINK || !manager->started)
		return;
	if (change != OBSERVED_CHANGED) {
		const struct link *link = after ? &after->link : &before->link;

		core_publish(core, after ? "link.appeared" : "link.vanished",
			     json_pack("{s:s}", "link", link->name), "%s %s", link->name,
			     after ? "appeared" : "vanished");
		schedule_look(manager);
		return;
	}
	if (before->link.carrier != after->link.carrier &&
	    link_ownership(core, &after->link, NULL) == LINK_OURS)
		publish_carrier(core, &after->link);
	if (before->link.master != after->link.master ||
	    strcmp(before->link.name, after->link.name) != 0)
		schedule_look(manager);
}

static void on_synchronised(bool first, void *userdata)
{
	struct link_manager *manager = userdata;

	if (first)
		return;
	core_publish(manager->core, "observed.resynchronised", NULL,
		     "the mirror of the kernel was in doubt, and is true again");
	schedule_look(manager);
}

int link_manager_new(struct link_manager **ret, struct core *core,
		     const struct link_manager_config *config)
{
	static const struct resource_type *const types[] = {
		&device_type,  &link_type,    &port_type,  &mtu_type,
		&setting_type, &address_type, &route_type, &rule_type,
	};
	_cleanup_(link_manager_cleanup) struct link_manager *manager = calloc(1, sizeof(*manager));
	int r = 0;

	if (!manager)
		return -ENOMEM;
	manager->core = core;
	manager->config = *config;
	for (unsigned i = 0; r >= 0 && i < ARRAY_SIZE(types); i++)
		r = core_register_type(core, types[i], manager);
	if (r >= 0)
		r = setting_watch_new(&manager->settings, core);
	if (r >= 0)
		r = management_guard_add(core, &manager->config, &manager->sessions);
	if (r >= 0)
		r = observed_add_handler(core_observed(core), on_observed, on_synchronised,
					 manager);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(manager);
	return 0;
}

void link_manager_free(struct link_manager *manager)
{
	sd_event_source_disable_unref(manager->look);
	sd_event_source_disable_unref(manager->again);
	if (manager->settings)
		setting_watch_free(manager->settings);
	free(manager->sessions);
	free(manager);
}

void link_manager_start(struct link_manager *manager)
{
	manager->started = true;
	look(manager, "boot detection");
}

unsigned link_manager_peers(struct link_manager *manager, pid_t caller, struct management_peer *ret,
			    unsigned most)
{
	return sessions_peers(manager->sessions, manager->core, caller, ret, most);
}

void link_manager_look_at_peers(struct link_manager *manager, struct management_peer *peers,
				unsigned count)
{
	sessions_look_at_peers(manager->sessions, peers, count);
}

void link_manager_look(struct link_manager *manager)
{
	schedule_look(manager);
}

struct intended {
	const struct core *core;
	const char *link;
};

/* The metrics of default routes that intent holds on other links. */
static void reserve_intended(struct metrics *metrics, void *userdata)
{
	const struct intended *intended = userdata;
	const struct resource *resource = NULL;

	while ((resource = core_next_resource(intended->core, resource))) {
		const struct route_spec *spec = (const void *)resource->spec;

		if (resource->type == &route_type && spec->destination.length == 0 &&
		    strcmp(spec->link, intended->link) != 0)
			metrics_take(metrics, spec->metric);
	}
}

uint32_t link_uplink_metric(const struct core *core, const char *name)
{
	const struct observed *observed = core_observed(core);
	struct intended intended = {core, name};

	return observed_free_metric(observed, observed_link_by_name(observed, name),
				    reserve_intended, &intended);
}
