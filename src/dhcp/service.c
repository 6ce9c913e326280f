#include "service.h"

#include <string.h>

#include "service-internal.h"

struct worker *service_worker_by_index(struct dhcp_service *service, int index)
{
	struct worker *worker = service->workers;

	while (worker && worker->index != index)
		worker = worker->next;
	return worker;
}

bool service_has_worker(const struct dhcp_service *service, const struct worker *worker)
{
	const struct worker *known = service->workers;

	while (known && known != worker)
		known = known->next;
	return known;
}

static struct worker *worker_by_name(struct dhcp_service *service, const char *link)
{
	struct worker *worker = service->workers;

	while (worker && strcmp(worker->spec.link, link) != 0)
		worker = worker->next;
	return worker;
}

const struct dhcp_spec *service_running(struct dhcp_service *service, const char *link)
{
	const struct worker *worker = worker_by_name(service, link);

	return worker ? &worker->spec : NULL;
}

bool service_hear(struct dhcp_service *service)
{
	struct in_addr addresses[ARP_HEARD_MOST];
	unsigned count = 0;

	for (const struct worker *worker = service->workers; worker; worker = worker->next)
		for (unsigned i = 0; i < WORKER_HEARD; i++) {
			if (!worker->heard[i].s_addr)
				continue;
			if (count < ARP_HEARD_MOST)
				addresses[count] = worker->heard[i];
			count++;
		}
	return transport_hear_arp(service->transport, addresses, count);
}

static void worker_drop(struct dhcp_service *service, struct worker *worker)
{
	struct worker **place = &service->workers;

	while (*place != worker)
		place = &(*place)->next;
	*place = worker->next;
	worker_free(worker);
}

int service_run_client(struct dhcp_service *service, const struct dhcp_spec *spec,
		       struct error *error)
{
	struct worker *worker = worker_by_name(service, spec->link);
	const struct link *link = observed_link_by_name(core_observed(service->core), spec->link);
	int r;

	if (!link)
		return error_set(error, ERROR_LINK_UNKNOWN, "link", "there is no interface '%s'",
				 spec->link);
	/* Another identity makes another client; all else only changes what follows from the lease.
	 */
	if (worker && (!dhcp_spec_same_identity(&worker->spec, spec) ||
		       strcmp(worker->spec.hostname, spec->hostname) != 0 ||
		       worker->spec.allow_ipv6_only != spec->allow_ipv6_only)) {
		worker_drop(service, worker);
		worker = NULL;
	}
	if (worker) {
		bool was_stated = worker->spec.metric && !spec->metric;

		worker->spec = *spec;
		if (spec->metric)
			worker->metric = spec->metric;
		else if (was_stated)
			worker->metric = worker_free_metric(worker, link);
		worker->asked = true;
		worker_local_end(worker);
		if (!dhcp_client_lease(worker->client))
			worker_local_resume(worker, clock_boottime_usec());
		worker_schedule_derivation(worker, "the client's settings changed");
		return 0;
	}
	r = transport_open_dhcp(service->transport);
	if (r >= 0)
		r = worker_new(&worker, service, spec, link);
	if (r < 0)
		return error_set(error, r == -ENOMEM ? ERROR_OUT_OF_MEMORY : ERROR_KERNEL_REFUSED,
				 NULL, "no DHCP client can run on %s: %s", spec->link,
				 strerror(-r));
	worker->next = service->workers;
	service->workers = worker;
	worker_link_changed(worker, link);
	return 0;
}

/*
 * To the server's address, as RFC 2131 section 4.4.4 has it, but to all on the link: the address
 * goes and the link may be set down in the same transaction, so there is no time left to ask by ARP
 * for the server's hardware address.
 */
static void send_release(struct worker *worker, const struct dhcp_packet *packet)
{
	uint8_t buffer[PACKET_HEADERS + DHCP_PAYLOAD_MAX];
	size_t size = packet_build_between(packet->source, packet->destination, packet->payload,
					   packet->size, buffer, sizeof(buffer));
	int r = transport_send_packet(worker->service->transport, worker->index, buffer, size);

	if (r < 0)
		log_info("%s: the server could not be told of the release: %s", worker->spec.link,
			 strerror(-r));
}

void service_end_client(struct dhcp_service *service, const struct dhcp_spec *spec)
{
	struct worker *worker = worker_by_name(service, spec->link);
	struct dhcp_packet packet;

	if (!worker)
		return;
	dhcp_client_stop(worker->client, clock_boottime_usec(), worker->spec.release);
	while (dhcp_client_pop_packet(worker->client, &packet))
		send_release(worker, &packet);
	worker_drop(service, worker);
}

static void on_dhcp(int index, const void *payload, size_t size, const struct ip_address *source,
		    void *userdata)
{
	struct worker *worker = service_worker_by_index(userdata, index);

	if (worker)
		worker_receive(worker, payload, size);
}

static void on_arp(int index, const void *bytes, size_t size, void *userdata)
{
	struct worker *worker = service_worker_by_index(userdata, index);
	struct arp_packet packet;

	if (worker && arp_parse(bytes, size, &packet) == 0)
		worker_receive_arp(worker, &packet);
}

static void on_observed(enum object_kind kind, enum observed_change change,
			const union object *before, const union object *after, void *userdata)
{
	struct dhcp_service *service = userdata;
	struct worker *worker;

	if (kind == OBJECT_NEIGHBOUR && after) {
		worker = service_worker_by_index(service, after->neighbour.link);
		if (worker)
			worker_neighbour_seen(worker, &after->neighbour);
	}
	if (kind != OBJECT_LINK || change == OBSERVED_ADDED)
		return;
	worker = service_worker_by_index(service, before->link.index);
	if (!worker)
		return;
	/* Under another name, or gone: the resource waits for a link of its own name. */
	if (!after || strcmp(after->link.name, worker->spec.link) != 0)
		worker_drop(service, worker);
	else
		worker_link_changed(worker, &after->link);
}

int dhcp_service_new(struct dhcp_service **ret, struct core *core)
{
	static const struct transport_handlers handlers = {.dhcp = on_dhcp, .arp = on_arp};
	_cleanup_(dhcp_service_cleanup) struct dhcp_service *service = calloc(1, sizeof(*service));
	int r;

	if (!service)
		return -ENOMEM;
	service->core = core;
	r = transport_new(&service->transport, core_event(core), &handlers, service);
	if (r >= 0)
		r = core_register_type(core, &dhcp_type, service);
	if (r >= 0)
		r = observed_add_handler(core_observed(core), on_observed, NULL, service);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(service);
	return 0;
}

void dhcp_service_free(struct dhcp_service *service)
{
	while (service->workers)
		worker_drop(service, service->workers);
	if (service->transport)
		transport_free(service->transport);
	free(service);
}

bool dhcp_service_asks(const struct dhcp_service *service)
{
	for (const struct worker *worker = service->workers; worker; worker = worker->next)
		if (!dhcp_client_lease(worker->client))
			return true;
	return false;
}

/* ---- for people ---- */

static json_t *address_json(struct in_addr address)
{
	return address.s_addr ? lease_address_json(address) : json_null();
}

static json_t *time_json(usec_t boottime)
{
	usec_t now = clock_boottime_usec(), realtime = clock_realtime_usec();

	if (boottime == USEC_INFINITY)
		return json_null();
	realtime = boottime > now ? usec_add(realtime, boottime - now)
				  : usec_sub(realtime, now - boottime);
	return json_realtime(realtime);
}

json_t *dhcp_service_status(struct dhcp_service *service, const char *link)
{
	const struct worker *worker = worker_by_name(service, link);
	const struct dhcp_lease *lease;
	_cleanup_json_ json_t *json = NULL;
	int r = 0;

	if (!worker)
		return NULL;
	lease = dhcp_client_lease(worker->client);
	json = json_pack("{s:s,s:i,s:s}", "state",
			 dhcp_client_state_text(dhcp_client_state(worker->client)), "tries",
			 (int)dhcp_client_tries(worker->client), "trouble", worker->trouble);
	if (link_local_address(&worker->local).s_addr)
		r |= json_put(json, "link_local",
			      lease_address_json(link_local_address(&worker->local)));
	if (lease) {
		struct ip_prefix prefix = {.address = ip_address_v4(lease->address.s_addr),
					   .length = lease->prefix_length};

		r |= json_put(json, "address", json_prefix(&prefix)) |
		     json_put(json, "server", address_json(lease->server)) |
		     json_put(json, "gateway", address_json(worker->gateway)) |
		     json_put(json, "dns", lease_addresses_json(lease->dns, lease->dns_count)) |
		     json_put(json, "ntp", lease_addresses_json(lease->ntp, lease->ntp_count)) |
		     json_put(json, "domain", json_string(lease->domain)) |
		     json_put(json, "portal", json_string(lease->portal)) |
		     json_put(json, "obtained", time_json(lease->obtained)) |
		     json_put(json, "renew_at", time_json(lease->renew)) |
		     json_put(json, "expires", time_json(lease->expires));
	}
	return r < 0 ? NULL : TAKE_PTR(json);
}
