/*
 * A lease: what a server granted, checked and bounded. It comes from a message, or from the store.
 */
#pragma once

#include "base/base.h"
#include "message.h"

#define LEASE_GATEWAYS_MAX 4
#define LEASE_ROUTES_MAX   32
#define LEASE_SERVERS_MAX  8
#define LEASE_SEARCH_MAX   6
#define LEASE_NAME_MAX	   254
#define LEASE_SEARCH_SIZE  640 /* all of the search list */

/* Below 576 bytes an IPv4 host need not even reassemble (RFC 791), though RFC 2132 section 5.1 lets
 * a server say 68: such a value is a mistake of the network, and obeying it would take IPv6 (1280)
 * away. */
#define LEASE_MTU_MIN 576

/* A lease of no time at all would make the client ask without end. */
#define LEASE_TIME_MIN (10 * USEC_PER_SEC)

struct lease_route {
	struct ip_prefix destination;
	struct in_addr gateway; /* 0.0.0.0: on the link itself (RFC 3442) */
};

struct dhcp_lease {
	struct in_addr address;
	uint8_t prefix_length;	  /* 1..32 */
	struct in_addr broadcast; /* 0.0.0.0 for none */
	struct in_addr server;
	usec_t obtained, renew, rebind, expires; /* boottime; USEC_INFINITY for ever */

	unsigned gateways_count, routes_count, dns_count, ntp_count, search_count;
	struct in_addr gateways[LEASE_GATEWAYS_MAX];
	struct lease_route routes[LEASE_ROUTES_MAX]; /* they replace the gateways (RFC 3442) */
	struct in_addr dns[LEASE_SERVERS_MAX];
	struct in_addr ntp[LEASE_SERVERS_MAX];
	char domain[LEASE_NAME_MAX];
	char search[LEASE_SEARCH_SIZE]; /* text_list_at() */
	char hostname[64];
	char portal[256]; /* URI of the captive portal's API (RFC 8910), "" for none */
	uint32_t mtu;	  /* bytes, 0 for none */
};

/* The numbers of the options that a lease is made of, for the parameter request list (option 55).
 */
size_t lease_parameters(bool ipv6_only, uint8_t *buffer, size_t size);

/* Reads an OFFER or ACK that came at `now`. 0; -EBADMSG when what matters (address, mask, server)
 * is missing or makes no sense. An option of ornament that is malformed is left out. */
int lease_from_message(const struct dhcp_message *message, usec_t now, struct dhcp_lease *ret);

/* Do both say the same, but for the times? */
bool lease_same(const struct dhcp_lease *a, const struct dhcp_lease *b);

/* For the store: kind "lease", key the link's MAC. Whoever found another client's lease may put it
 * there with the member `in_use` (true: its address is in the kernel, and it is gone on with;
 * false: it is asked for); its times are this boot's then.
 *
 * Times are kept as boottime with the realtime of the end beside them: after another
 * boot (`same_boot` false) only the real time counts, and no more than the lease's own length is
 * left of it, whatever the clocks say. -EBADMSG when the stored object makes no sense. */
json_t *lease_to_json(const struct dhcp_lease *lease);
int lease_from_json(const json_t *object, bool same_boot, struct dhcp_lease *ret);

json_t *lease_address_json(struct in_addr address);
json_t *lease_addresses_json(const struct in_addr *list, unsigned count);
