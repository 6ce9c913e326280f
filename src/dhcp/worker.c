/*
 * One client at work: the machines of its link (client, conflict detection, attachment detection)
 * get what comes in and the time, and what they ask for is done. A change of intent is a
 * transaction, and those are never run from inside a packet's or the mirror's call: they are
 * deferred to the loop.
 */
#include <arpa/inet.h>
#include <string.h>
#include <sys/random.h>

#include "service-internal.h"

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata);

/* ---- the gateway ---- */

static struct in_addr gateway_of(const struct dhcp_lease *lease)
{
	struct in_addr gateway = {0};

	for (unsigned i = 0; i < lease->routes_count; i++)
		if (lease->routes[i].destination.length == 0)
			gateway = lease->routes[i].gateway;
	if (!lease->routes_count && lease->gateways_count)
		gateway = lease->gateways[0];
	return gateway;
}

void worker_neighbour_seen(struct worker *worker, const struct neighbour *neighbour)
{
	const struct ip_address gateway = ip_address_v4(worker->gateway.s_addr);

	if (neighbour->link == worker->index && neighbour->mac.length == 6 &&
	    ip_address_equal(&neighbour->address, &gateway))
		worker->gateway_mac = neighbour->mac;
}

/* The mirror keeps no neighbours but those that are asked for. */
static void follow_gateway(struct worker *worker, struct in_addr gateway)
{
	struct core *core = worker->service->core;
	const struct in_addr former = worker->gateway;
	const struct ip_address before = ip_address_v4(former.s_addr);
	const struct ip_address after = ip_address_v4(gateway.s_addr);
	int r = 0;

	worker->gateway_mac.length = 0;
	worker->gateway = gateway;
	if (gateway.s_addr)
		r = observed_follow_neighbour(core_observed(core), core_netlink(core),
					      worker->index, &after);
	if (r < 0)
		log_info("%s: the gateway's hardware address is not known: %s", worker->spec.link,
			 strerror(-r));
	if (former.s_addr)
		observed_unfollow_neighbour(core_observed(core), &before);
}

/* The gateway, and its MAC as the kernel knows it: what the answer is compared with when the cable
 * is back. The kernel forgets it before it says that the cable is out. */
static void remember_gateway(struct worker *worker)
{
	const struct observed *observed = core_observed(worker->service->core);
	struct in_addr gateway = gateway_of(dhcp_client_lease(worker->client));
	const struct neighbour *neighbour = NULL;

	if (worker->gateway.s_addr == gateway.s_addr)
		return;
	follow_gateway(worker, gateway);
	while ((neighbour = observed_next_neighbour(observed, neighbour)))
		worker_neighbour_seen(worker, neighbour);
}

/* ---- birth and death ---- */

int worker_new(struct worker **ret, struct dhcp_service *service, const struct dhcp_spec *spec,
	       const struct link *link)
{
	_cleanup_(worker_cleanup) struct worker *worker = calloc(1, sizeof(*worker));
	struct dhcp_client_config config = {
		.mac = link->mac,
		.plain_mac_id = spec->identity == DHCP_IDENTITY_MAC,
		.exact_id = spec->identity == DHCP_IDENTITY_EXACT,
		.id_length = spec->client_id_length,
		.rapid_commit = true,
		.ipv6_only = spec->allow_ipv6_only,
	};
	int r;

	if (!worker)
		return -ENOMEM;
	worker->service = service;
	worker->spec = *spec;
	worker->index = link->index;
	worker->mac = link->mac;
	worker->metric = worker_choose_metric(worker, link);
	worker->followed = *spec;
	worker->followed.metric = worker->metric;
	worker->derive_again = USEC_INFINITY;
	acd_stop(&worker->acd);
	worker->dna.next = USEC_INFINITY;
	link_local_init(&worker->local);
	memcpy(config.id, spec->client_id, sizeof(config.id));
	memcpy(config.hostname, spec->hostname, sizeof(config.hostname));
	if (getrandom(&config.seed, sizeof(config.seed), 0) != sizeof(config.seed))
		return -errno;
	r = dhcp_client_new(&worker->client, &config);
	if (r >= 0)
		r = sd_event_add_time(core_event(service->core), &worker->timer, CLOCK_BOOTTIME,
				      USEC_INFINITY, 1, on_timer, worker);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(worker);
	return 0;
}

void worker_free(struct worker *worker)
{
	follow_gateway(worker, (struct in_addr){0});
	sd_event_source_disable_unref(worker->timer);
	sd_event_source_disable_unref(worker->derivation);
	if (worker->client)
		dhcp_client_free(worker->client);
	free(worker);
}

/* ---- events of the client ---- */

static void guard_address(struct worker *worker, bool probe)
{
	const struct dhcp_lease *lease = dhcp_client_lease(worker->client);
	int r = transport_open_arp(worker->service->transport);

	if (r < 0) {
		core_publish(worker->service->core, "dhcp.trouble", NULL,
			     "%s: conflicts of the address cannot be seen: %s", worker->spec.link,
			     strerror(-r));
		return;
	}
	if (probe)
		acd_start(&worker->acd, clock_boottime_usec(), &worker->mac, lease->address);
	else
		acd_resume(&worker->acd, &worker->mac, lease->address);
}

static void on_bound(struct worker *worker, const struct dhcp_event *event)
{
	const struct dhcp_lease *lease = dhcp_client_lease(worker->client);
	char address[INET_ADDRSTRLEN], server[INET_ADDRSTRLEN], why[sizeof(worker->why)];

	snprintf(why, sizeof(why), "lease of %s from %s on %s",
		 inet_ntop(AF_INET, &lease->address, address, sizeof(address)),
		 inet_ntop(AF_INET, &lease->server, server, sizeof(server)), worker->spec.link);
	remember_gateway(worker);
	worker->withdrawn = false;
	worker_local_end(worker);
	worker_schedule_derivation(worker, why);
	if (event->kind == DHCP_EVENT_BOUND)
		guard_address(worker, true);
	core_publish(worker->service->core,
		     event->kind == DHCP_EVENT_BOUND ? "dhcp.bound" : "dhcp.renewed",
		     json_pack("{s:s,s:s,s:s}", "link", worker->spec.link, "address", address,
			       "server", server),
		     "%s%s", event->kind == DHCP_EVENT_BOUND ? "" : "renewed: ", why);
}

static void on_lost(struct worker *worker, const struct dhcp_event *event)
{
	static const char *const reasons[] = {
		[DHCP_LOST_EXPIRED] = "the lease expired",
		[DHCP_LOST_NAK] = "the server withdrew the lease",
		[DHCP_LOST_CONFLICT] = "somebody else has the address",
		[DHCP_LOST_STOPPED] = "the client stopped",
	};

	acd_stop(&worker->acd);
	worker_forget_lease(worker);
	worker_schedule_derivation(worker, reasons[event->why]);
	core_publish(worker->service->core, "dhcp.lost",
		     json_pack("{s:s}", "link", worker->spec.link), "%s: %s", worker->spec.link,
		     reasons[event->why]);
}

static void on_no_answer(struct worker *worker, const struct dhcp_event *event)
{
	snprintf(worker->trouble, sizeof(worker->trouble), "no DHCP server answered %u times",
		 event->tries);
	core_publish(worker->service->core, "dhcp.no_answer",
		     json_pack("{s:s,s:i}", "link", worker->spec.link, "tries", (int)event->tries),
		     "%s: %s", worker->spec.link, worker->trouble);
	worker_local_begin(worker);
}

static void on_refused(struct worker *worker, const struct dhcp_event *event)
{
	text_copy(worker->trouble, sizeof(worker->trouble), "the DHCP server refused the address");
	core_publish(worker->service->core, "dhcp.refused",
		     json_pack("{s:s}", "link", worker->spec.link), "%s: %s", worker->spec.link,
		     worker->trouble);
}

static void on_ipv6_only(struct worker *worker, const struct dhcp_event *event)
{
	core_publish(worker->service->core, "dhcp.ipv6_only",
		     json_pack("{s:s,s:I}", "link", worker->spec.link, "seconds",
			       (json_int_t)event->seconds),
		     "%s: the network does without IPv4 for %u s", worker->spec.link,
		     event->seconds);
}

static void handle_event(struct worker *worker, const struct dhcp_event *event)
{
	static void (*const handlers[])(struct worker *, const struct dhcp_event *) = {
		[DHCP_EVENT_BOUND] = on_bound,	   [DHCP_EVENT_RENEWED] = on_bound,
		[DHCP_EVENT_LOST] = on_lost,	   [DHCP_EVENT_NO_ANSWER] = on_no_answer,
		[DHCP_EVENT_REFUSED] = on_refused, [DHCP_EVENT_IPV6_ONLY] = on_ipv6_only,
	};

	handlers[event->kind](worker, event);
}

/* ---- what the machines ask for ---- */

static void send_dhcp(struct worker *worker, const struct dhcp_packet *packet)
{
	struct transport *transport = worker->service->transport;
	uint8_t buffer[PACKET_HEADERS + DHCP_PAYLOAD_MAX];
	size_t size;
	int r;

	if (packet->unicast) {
		r = transport_send_unicast(transport, worker->index, packet->source,
					   packet->destination, packet->payload, packet->size);
	} else {
		size = packet_build(packet->payload, packet->size, buffer, sizeof(buffer));
		r = transport_send_packet(transport, worker->index, buffer, size);
	}
	/* A question that was not sent is one that was lost: it is asked again. */
	if (r < 0)
		log_info("%s: a DHCP message could not be sent: %s", worker->spec.link,
			 strerror(-r));
}

static void send_arp(struct worker *worker, const struct arp_packet *packet,
		     const struct hardware_address *destination)
{
	uint8_t buffer[ARP_PACKET_SIZE];
	int r;

	arp_build(packet, buffer);
	r = transport_send_arp(worker->service->transport, worker->index, destination, buffer,
			       sizeof(buffer));
	if (r < 0)
		log_info("%s: an ARP packet could not be sent: %s", worker->spec.link,
			 strerror(-r));
}

static usec_t worker_deadline(const struct worker *worker)
{
	usec_t deadline = USEC_INFINITY;

	if (worker->carrier) {
		deadline = MIN(dhcp_client_deadline(worker->client), worker->acd.next);
		deadline = MIN(deadline, worker->dna.next);
		deadline = MIN(deadline, link_local_deadline(&worker->local));
	} else if (worker->carrier_lost && !worker->withdrawn) {
		deadline = worker->carrier_lost + HOLD_TIME;
	}
	return MIN(deadline, worker->derive_again);
}

/* Before anything is asked, so that no answer is missed. */
static void hear(struct worker *worker)
{
	const struct in_addr wanted[WORKER_HEARD] = {
		worker->acd.address,
		worker->local.acd.address,
		worker->dna.next != USEC_INFINITY ? worker->dna.gateway : (struct in_addr){0},
	};
	struct in_addr before[WORKER_HEARD];

	if (memcmp(worker->heard, wanted, sizeof(wanted)) == 0)
		return;
	memcpy(before, worker->heard, sizeof(before));
	memcpy(worker->heard, wanted, sizeof(wanted));
	if (!service_hear(worker->service))
		memcpy(worker->heard, before, sizeof(before));
}

void worker_pump(struct worker *worker)
{
	struct dhcp_packet message;
	struct dhcp_event event;
	struct arp_packet arp;
	int r;

	while (dhcp_client_pop_packet(worker->client, &message))
		send_dhcp(worker, &message);
	while (dhcp_client_pop_event(worker->client, &event))
		handle_event(worker, &event);
	hear(worker);
	if (acd_pop_packet(&worker->acd, &arp))
		send_arp(worker, &arp, NULL);
	if (link_local_pop_packet(&worker->local, &arp))
		send_arp(worker, &arp, NULL);
	if (dna_pop_packet(&worker->dna, &arp))
		send_arp(worker, &arp, &worker->gateway_mac);
	r = sd_event_source_set_time(worker->timer, worker_deadline(worker));
	if (r >= 0)
		r = sd_event_source_set_enabled(worker->timer, SD_EVENT_ONESHOT);
	if (r < 0)
		log_error("%s: cannot set a timer: %s", worker->spec.link, strerror(-r));
}

void worker_receive(struct worker *worker, const void *payload, size_t size)
{
	usec_t now = clock_boottime_usec();
	int r = dhcp_client_receive(worker->client, now, payload, size);

	if (r == 0)
		worker->service->answered_at = now;
	if (r < 0)
		log_info("%s: a malformed DHCP message was ignored", worker->spec.link);
	worker_pump(worker);
}

static void on_attachment(struct worker *worker, enum dna_verdict verdict)
{
	static const char *const texts[] = {
		[DNA_CONFIRMED] = "the gateway is the same as before",
		[DNA_MOVED] = "somebody else answers for the gateway",
		[DNA_SILENT] = "the gateway does not answer yet",
	};

	core_publish(worker->service->core, "link.attachment",
		     json_pack("{s:s}", "link", worker->spec.link), "%s: %s", worker->spec.link,
		     texts[verdict]);
}

/* A link of ours, on the same segment perhaps: this kernel answers for all of its addresses on
 * each. */
static bool is_our_mac(const struct worker *worker, const struct hardware_address *mac)
{
	const struct observed *observed = core_observed(worker->service->core);
	const struct link *link = NULL;

	while ((link = observed_next_link(observed, link)))
		if (hardware_address_equal(&link->mac, mac))
			return true;
	return false;
}

static void guard(struct worker *worker, usec_t now, const struct arp_packet *packet)
{
	char rival[HARDWARE_ADDRESS_TEXT_MAX];
	enum acd_verdict verdict;

	if (!acd_is_conflict(&worker->acd, packet) || is_our_mac(worker, &packet->sender_mac))
		return;
	hardware_address_print(&packet->sender_mac, rival);
	verdict = acd_receive(&worker->acd, now, packet);
	core_publish(worker->service->core, "dhcp.conflict",
		     json_pack("{s:s,s:s,s:b}", "link", worker->spec.link, "mac", rival, "lost",
			       verdict == ACD_LOST),
		     verdict == ACD_LOST ? "%s: %s has the address too; it is declined"
					 : "%s: %s claims the address; it is defended",
		     worker->spec.link, rival);
	if (verdict == ACD_LOST)
		dhcp_client_decline(worker->client, now);
}

void worker_receive_arp(struct worker *worker, const struct arp_packet *packet)
{
	bool pending = worker->dna.next != USEC_INFINITY;

	if (pending && dna_receive(&worker->dna, packet) != DNA_PENDING)
		on_attachment(worker, worker->dna.verdict);
	guard(worker, clock_boottime_usec(), packet);
	if (acd_is_conflict(&worker->local.acd, packet) && !is_our_mac(worker, &packet->sender_mac))
		worker_local_receive(worker, clock_boottime_usec(), packet);
	worker_pump(worker);
}

/* ---- the cable ---- */

static void carrier_lost(struct worker *worker, usec_t now)
{
	worker->carrier = false;
	worker->carrier_lost = now;
	if (!dhcp_client_lease(worker->client))
		dhcp_client_stop(worker->client, now, false);
}

/* Adopts a lease that was in use before the daemon was started, its own or another client's:
 * address and routes are there, so nothing is asked and nothing written. */
static bool resume(struct worker *worker, usec_t now, const struct dhcp_lease *lease)
{
	const struct observed *observed = core_observed(worker->service->core);
	struct ip_prefix prefix = {.address = ip_address_v4(lease->address.s_addr),
				   .length = lease->prefix_length};

	if (!observed_address(observed, worker->index, &prefix))
		return false;
	dhcp_client_resume(worker->client, now, lease);
	remember_gateway(worker);
	worker->derived = true;
	/* The link had another name before: what derived from that one is gone from intent. */
	if (!worker_address_in_intent(worker))
		worker_schedule_derivation(worker, "a lease that is in use already");
	guard_address(worker, false);
	return true;
}

static void begin(struct worker *worker, usec_t now)
{
	struct dhcp_lease lease;
	bool in_use, known = worker_recall_lease(worker, &lease, &in_use);

	if (known && in_use && resume(worker, now, &lease))
		return;
	worker_local_resume(worker, now);
	dhcp_client_start(worker->client, now, known ? &lease : NULL);
}

static void carrier_gained(struct worker *worker, usec_t now)
{
	const struct dhcp_lease *lease = dhcp_client_lease(worker->client);

	worker->carrier = true;
	worker->carrier_lost = 0;
	if (!lease) {
		begin(worker, now);
		return;
	}
	if (worker->withdrawn || lease->expires <= now) {
		/* The hold time was over: what is known is asked for again, and used when it is
		 * confirmed. */
		struct dhcp_lease known = *lease;

		worker->withdrawn = false;
		acd_stop(&worker->acd);
		dhcp_client_start(worker->client, now, known.expires > now ? &known : NULL);
		return;
	}
	dhcp_client_confirm(worker->client, now);
	if (worker->gateway_mac.length)
		dna_start(&worker->dna, now, &worker->mac, lease->address, worker->gateway,
			  &worker->gateway_mac);
}

void worker_link_changed(struct worker *worker, const struct link *link)
{
	usec_t now = clock_boottime_usec();

	if (link->carrier && !worker->carrier)
		carrier_gained(worker, now);
	else if (!link->carrier && worker->carrier)
		carrier_lost(worker, now);
	else
		return;
	worker_pump(worker);
}

static void hold_is_over(struct worker *worker, usec_t now)
{
	if (worker->carrier || !worker->carrier_lost || worker->withdrawn ||
	    now < worker->carrier_lost + HOLD_TIME)
		return;
	worker->withdrawn = true;
	worker_local_end(worker);
	worker_schedule_derivation(worker, "the cable was out for longer than the hold time");
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct worker *worker = userdata;
	usec_t now = clock_boottime_usec();
	bool asking = worker->dna.next != USEC_INFINITY;

	hold_is_over(worker, now);
	if (now >= worker->derive_again) {
		worker->derive_again = USEC_INFINITY;
		worker_enable_derivation(worker);
	}
	if (worker->carrier) {
		dhcp_client_wait_for_others(worker->client,
					    usec_add(worker->service->answered_at, OTHERS_TIME));
		dhcp_client_timeout(worker->client, now);
		acd_timeout(&worker->acd, now, dhcp_client_random(worker->client));
		worker_local_timeout(worker, now);
		if (asking && dna_timeout(&worker->dna, now) == DNA_SILENT)
			on_attachment(worker, DNA_SILENT);
	}
	worker_pump(worker);
	return 0;
}
