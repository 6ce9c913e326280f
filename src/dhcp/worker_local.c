/*
 * What a worker does where nobody answers DHCP: it uses the fallback that its specification has, or
 * takes a link-local address (RFC 3927), goes on asking, and gives the address up for a lease. For
 * intent it is a lease of its own making, without end; the store does not keep it.
 */
#include <arpa/inet.h>
#include <string.h>

#include "service-internal.h"

static void tell(struct worker *worker, const char *event, const char *what)
{
	struct in_addr address = worker->local.acd.address;
	char text[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &address, text, sizeof(text));
	core_publish(worker->service->core, event,
		     json_pack("{s:s,s:s}", "link", worker->spec.link, "address", text),
		     "%s: %s: %s", worker->spec.link, what, text);
}

static void on_verdict(struct worker *worker, enum link_local_verdict verdict)
{
	if (verdict == LINK_LOCAL_USABLE) {
		worker->withdrawn = false;
		worker_schedule_derivation(worker, "no DHCP server answers");
		tell(worker, "link_local.in_use",
		     "no DHCP server answers, a link-local address is used");
	} else if (verdict == LINK_LOCAL_LOST) {
		worker_schedule_derivation(worker, "somebody else has the link-local address");
		tell(worker, "link_local.lost",
		     "somebody else has the link-local address, another is tried");
	}
}

static bool is_fallback(const struct worker *worker, struct in_addr address)
{
	return address.s_addr && address.s_addr == worker->spec.fallback.address.s_addr;
}

/* Without ARP nothing is probed for, and so nothing is used: that is said. */
static bool open_arp(struct worker *worker)
{
	int r = transport_open_arp(worker->service->transport);

	if (r < 0)
		core_publish(worker->service->core, "dhcp.trouble", NULL,
			     "%s: no address can be probed for: %s", worker->spec.link,
			     strerror(-r));
	return r >= 0;
}

void worker_local_begin(struct worker *worker)
{
	if (worker->spec.link_local && worker->local.state == LINK_LOCAL_IDLE &&
	    !dhcp_client_lease(worker->client) && open_arp(worker))
		link_local_start(&worker->local, clock_boottime_usec(), &worker->mac);
}

/* The address that intent derives from this client and the kernel has, when it is such a one. */
static struct in_addr address_in_use(const struct worker *worker)
{
	const struct observed *observed = core_observed(worker->service->core);
	const struct resource *resource = worker_address_in_intent(worker);
	_cleanup_json_ json_t *spec = resource ? resource->type->print(resource->spec) : NULL;
	const char *text = json_member_text(spec, "address") ?: "";
	struct in_addr address = {0};
	struct ip_prefix prefix;

	if (ip_prefix_parse(text, &prefix, "address", NULL) < 0 ||
	    prefix.address.family != AF_INET || !observed_address(observed, worker->index, &prefix))
		return address;
	if (is_fallback(worker, prefix.address.v4) ||
	    (ip_address_is_link_local(&prefix.address) && worker->spec.link_local))
		address = prefix.address.v4;
	return address;
}

void worker_local_resume(struct worker *worker, usec_t now)
{
	struct in_addr used = link_local_address(&worker->local), wanted;

	if (!used.s_addr)
		used = address_in_use(worker);
	wanted = used;
	if (worker->spec.fallback.address.s_addr && worker->local.conflicts == 0)
		wanted = worker->spec.fallback.address;
	if (!wanted.s_addr || !open_arp(worker))
		return;
	link_local_resume(&worker->local, now, &worker->mac, wanted);
	worker->derived = used.s_addr != 0;
	if (used.s_addr != wanted.s_addr)
		worker_schedule_derivation(worker, "used until a DHCP server answers");
}

void worker_local_end(struct worker *worker)
{
	link_local_stop(&worker->local);
}

void worker_local_receive(struct worker *worker, usec_t now, const struct arp_packet *packet)
{
	on_verdict(worker, link_local_receive(&worker->local, now, packet));
}

void worker_local_timeout(struct worker *worker, usec_t now)
{
	on_verdict(worker,
		   link_local_timeout(&worker->local, now, dhcp_client_random(worker->client)));
}

bool worker_local_lease(const struct worker *worker, struct dhcp_lease *ret)
{
	const struct dhcp_fallback *fallback = &worker->spec.fallback;
	struct in_addr address = link_local_address(&worker->local);

	if (!address.s_addr)
		return false;
	*ret = (struct dhcp_lease){
		.address = address,
		.prefix_length = LINK_LOCAL_PREFIX_LENGTH,
		.renew = USEC_INFINITY,
		.rebind = USEC_INFINITY,
		.expires = USEC_INFINITY,
	};
	if (!is_fallback(worker, address))
		return true;
	ret->prefix_length = fallback->prefix_length;
	ret->gateways[0] = fallback->gateway;
	ret->gateways_count = fallback->gateway.s_addr ? 1 : 0;
	memcpy(ret->dns, fallback->dns, sizeof(fallback->dns));
	ret->dns_count = fallback->dns_count;
	return true;
}
