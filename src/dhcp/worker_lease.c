/*
 * What a worker does with its lease: the store keeps it, and intent follows it. The latter is a
 * transaction, deferred to the loop; what it could not have is tried again, with growing pauses.
 */
#include <string.h>

#include "derive.h"
#include "service-internal.h"

/* Pause before what a lease brings is tried again. */
#define DERIVE_PAUSE_MIN USEC_PER_SEC
#define DERIVE_PAUSE_MAX (60 * USEC_PER_SEC)

/* ---- the lease that the store knows ---- */

static void store_key(const struct worker *worker, char buffer[HARDWARE_ADDRESS_TEXT_MAX])
{
	hardware_address_print(&worker->mac, buffer);
}

static void lease_keep(struct worker *worker, const struct dhcp_lease *lease)
{
	_cleanup_json_ json_t *json = lease_to_json(lease);
	char key[HARDWARE_ADDRESS_TEXT_MAX];

	if (!lease->server.s_addr)
		return; /* of our own making: there is nobody to ask for it again */
	store_key(worker, key);
	if (!json || store_put(core_store(worker->service->core), "lease", key, json) < 0)
		core_publish(worker->service->core, "store.failed", NULL,
			     "the lease of %s could not be kept", worker->spec.link);
}

void worker_forget_lease(struct worker *worker)
{
	char key[HARDWARE_ADDRESS_TEXT_MAX];

	store_key(worker, key);
	if (store_delete(core_store(worker->service->core), "lease", key) < 0)
		core_publish(worker->service->core, "store.failed", NULL,
			     "the lease of %s could not be forgotten", worker->spec.link);
}

bool worker_recall_lease(const struct worker *worker, struct dhcp_lease *ret, bool *ret_in_use)
{
	_cleanup_json_ json_t *json = NULL;
	struct core *core = worker->service->core;
	char key[HARDWARE_ADDRESS_TEXT_MAX];
	bool same_boot = core_same_boot(core);
	const json_t *found;

	store_key(worker, key);
	if (store_get(core_store(core), "lease", key, &json) < 0)
		return false;
	/* Another client's lease, which adoption has put there since the daemon started. */
	found = json_object_get(json, "in_use");
	*ret_in_use = found ? json_is_true(found) : same_boot;
	return lease_from_json(json, same_boot || found, ret) >= 0 &&
	       ret->expires > clock_boottime_usec();
}

/* ---- the metric of its routes ---- */

const struct resource *worker_address_in_intent(const struct worker *worker)
{
	const struct resource *resource = NULL;
	char parent[RESOURCE_KEY_MAX + 16];

	resource_id(&dhcp_type, &worker->spec, parent);
	while ((resource = core_next_resource(worker->service->core, resource)))
		if (strcmp(resource->parent, parent) == 0 &&
		    strcmp(resource->type->name, "address") == 0)
			return resource;
	return NULL;
}

/* A link that has a metric keeps it over a restart: the routes that derive from it say which. */
static uint32_t metric_in_intent(const struct worker *worker)
{
	const struct resource *resource = worker_address_in_intent(worker);
	_cleanup_json_ json_t *spec = resource ? resource->type->print(resource->spec) : NULL;

	return (uint32_t)json_member_integer(spec, "metric", 0);
}

/* Other clients may have a metric, but no lease and so no route yet. */
static void reserve_of_others(struct metrics *metrics, void *userdata)
{
	const struct worker *worker = userdata;

	for (const struct worker *other = worker->service->workers; other; other = other->next)
		if (other != worker)
			metrics_take(metrics, other->metric);
}

uint32_t worker_free_metric(struct worker *worker, const struct link *link)
{
	return observed_free_metric(core_observed(worker->service->core), link, reserve_of_others,
				    worker);
}

uint32_t worker_choose_metric(struct worker *worker, const struct link *link)
{
	uint32_t metric = worker->spec.metric ?: metric_in_intent(worker);

	if (metric || worker->spec.as_found)
		return metric;
	return worker_free_metric(worker, link);
}

/* ---- intent follows the lease ---- */

/* Runs the transaction that makes intent follow `lease` (NULL: none) by these settings. What was
 * asked for is weighed by the guard rails; what the network gave or took is not. */
static int derive(const struct worker *worker, const struct dhcp_spec *spec,
		  const struct dhcp_lease *lease, bool asked, unsigned keep, struct error *error)
{
	struct core *core = worker->service->core;
	_cleanup_proposal_ struct proposal proposal;
	int r;

	proposal_init(&proposal, "dhcp");
	proposal.unguarded = !asked;
	text_copy(proposal.provenance.owner, PROVENANCE_TEXT_MAX, "dhcp");
	text_copy(proposal.provenance.reason, PROVENANCE_TEXT_MAX, worker->why);
	r = derive_propose(core, &proposal, spec, lease, keep, error);
	return r < 0 ? r : transaction_run(core, &proposal, false, NULL, error);
}

static void derivation_failed(struct worker *worker, const struct error *error)
{
	usec_t pause = worker->derive_pause ?: DERIVE_PAUSE_MIN;

	worker->derive_pause = MIN(pause * 2, DERIVE_PAUSE_MAX);
	worker->derive_again = usec_add(clock_boottime_usec(), pause);
	if (strncmp(worker->trouble, error->message, sizeof(worker->trouble) - 1) != 0)
		core_publish(worker->service->core, "dhcp.trouble",
			     json_pack("{s:s}", "link", worker->spec.link), "%s: %s",
			     worker->spec.link, error->message);
	text_copy(worker->trouble, sizeof(worker->trouble), error->message);
	worker_pump(worker);
}

static void derivation_done(struct worker *worker, const struct dhcp_spec *followed,
			    const struct dhcp_lease *lease)
{
	worker->trouble[0] = '\0';
	worker->derived = lease;
	worker->followed = *followed;
	worker->asked = false;
	worker->derive_pause = 0;
	worker->derive_again = USEC_INFINITY;
	if (lease)
		lease_keep(worker, lease);
}

/*
 * What follows from the lease could not be had whole. A part that is refused (a resolv.conf on a
 * full disk, a route that the kernel does not take) must not cost the address, and settings that
 * would lock somebody out must not hold up the lease. Returns 1 when the worker is gone.
 */
static int derive_in_part(struct worker *worker, const struct dhcp_lease *lease)
{
	static const unsigned keeps[] = {0, DERIVE_KEEP_NAMES,
					 DERIVE_KEEP_NAMES | DERIVE_KEEP_ROUTES};
	struct dhcp_service *service = worker->service;
	struct error error;

	for (unsigned i = worker->asked ? 0 : 1; i < ARRAY_SIZE(keeps); i++) {
		int r = derive(worker, &worker->followed, lease, false, keeps[i], &error);

		if (!service_has_worker(service, worker))
			return 1;
		if (r < 0)
			continue;
		worker->derived = lease;
		if (lease)
			lease_keep(worker, lease);
		break;
	}
	return 0;
}

/* A server's, or in its absence one of our own making. */
static bool lease_in_use(const struct worker *worker, struct dhcp_lease *ret)
{
	const struct dhcp_lease *lease = dhcp_client_lease(worker->client);

	if (worker->withdrawn)
		return false;
	if (!lease)
		return worker_local_lease(worker, ret);
	*ret = *lease;
	return true;
}

/* The lease is copied, and after each transaction the worker is looked for: a transaction reads
 * what the kernel has announced, and if it is that the link is gone, the worker is too. */
static int on_derivation(sd_event_source *source, void *userdata)
{
	struct worker *worker = userdata;
	struct dhcp_service *service = worker->service;
	struct dhcp_lease copy, *lease = lease_in_use(worker, &copy) ? &copy : NULL;
	struct dhcp_spec spec = worker->spec;
	struct error error;
	int r;

	spec.metric = worker->metric;
	r = derive(worker, &spec, lease, worker->asked, 0, &error);
	if (!service_has_worker(service, worker))
		return 0;
	if (r >= 0)
		derivation_done(worker, &spec, lease);
	else if (derive_in_part(worker, lease) == 0)
		derivation_failed(worker, &error);
	return 0;
}

void worker_enable_derivation(struct worker *worker)
{
	int r = worker->derivation
			? sd_event_source_set_enabled(worker->derivation, SD_EVENT_ONESHOT)
			: sd_event_add_defer(core_event(worker->service->core), &worker->derivation,
					     on_derivation, worker);

	if (r < 0)
		log_error("%s: cannot schedule a change: %s", worker->spec.link, strerror(-r));
}

void worker_schedule_derivation(struct worker *worker, const char *why)
{
	text_copy(worker->why, sizeof(worker->why), why);
	worker_enable_derivation(worker);
}
