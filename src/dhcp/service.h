/*
 * The DHCP client at work: resource type `dhcp` (key LINK). For each such resource one client runs
 * on its link; a lease puts the addresses, routes and resolvers derived from it into intent, under
 * the resource as their parent.
 */
#pragma once

#include "client.h"
#include "core/core.h"
#include "fallback.h"

enum dhcp_client_identity {
	DHCP_IDENTITY_DUID,  /* RFC 4361: IAID and DUID-LL, both of this interface's MAC */
	DHCP_IDENTITY_MAC,   /* RFC 2132 9.14: type 1 and the MAC */
	DHCP_IDENTITY_EXACT, /* `client_id`: what another client was known by */
};

struct dhcp_spec {
	char link[IFNAMSIZ];
	uint32_t metric; /* of the routes, 0: chosen when the resource is made */
	enum dhcp_client_identity identity;
	uint8_t client_id_length; /* of DHCP_IDENTITY_EXACT; 0: none is sent */
	uint8_t client_id[DHCP_CLIENT_ID_MAX];
	char hostname[64]; /* sent to the server, "" for none */
	bool use_dns;
	bool use_routes;
	bool use_mtu;
	bool allow_ipv6_only; /* option 108, RFC 8925 */
	/* The lease was found in use, by another client: what follows from it keeps the metrics and
	 * sources that are there, also a metric of 0. */
	bool as_found;
	bool release;		       /* tell the server when the resource is removed */
	struct dhcp_fallback fallback; /* in use while there is no lease */
	bool link_local; /* take an address of 169.254/16 where no server answers, RFC 3927 */
};

extern const struct resource_type dhcp_type;

/* The specification that is used where nothing else is said. */
struct dhcp_spec dhcp_spec_default(const char *link);

struct dhcp_service;

int dhcp_service_new(struct dhcp_service **ret, struct core *core);
void dhcp_service_free(struct dhcp_service *service);
/* Is there a client without a lease? */
bool dhcp_service_asks(const struct dhcp_service *service);
DEFINE_CLEANUP(struct dhcp_service *, dhcp_service_cleanup, dhcp_service_free)

/* What the client of a link is doing: {state, server, address, obtained, expires, renew_at,
 * gateway, dns, domain, tries, conflict, portal, link_local, trouble}; NULL when there is no client
 * on the link. */
json_t *dhcp_service_status(struct dhcp_service *service, const char *link);
