/*
 * A lease that another DHCP client holds, as its own file tells of it. The parsers are pure
 * functions over the file's bytes: 0; -ENOENT when there is no lease for the link in it; -EBADMSG
 * when what is there makes no sense. What is malformed and not needed is left out.
 */
#pragma once

#include <net/if.h>

#include "base/base.h"

#define FOUND_ADDRESSES_MAX 4
#define FOUND_ROUTES_MAX    32
#define FOUND_SEARCH_MAX    6
#define FOUND_NAME_MAX	    254
#define FOUND_CLIENT_ID_MAX 64
#define FOUND_FILE_MAX	    (256 * 1024) /* bytes of a file that are read */

struct found_route {
	struct ip_prefix destination;
	struct in_addr gateway; /* 0.0.0.0: on the link itself */
};

struct found_lease {
	struct in_addr address;
	uint8_t prefix_length;		  /* 0: not told */
	struct in_addr server, broadcast; /* 0.0.0.0: not told */
	unsigned gateways_count, dns_count, ntp_count, routes_count, search_count;
	struct in_addr gateways[FOUND_ADDRESSES_MAX];
	struct in_addr dns[FOUND_ADDRESSES_MAX];
	struct in_addr ntp[FOUND_ADDRESSES_MAX];
	struct found_route routes[FOUND_ROUTES_MAX];
	char domain[FOUND_NAME_MAX];
	char search[FOUND_SEARCH_MAX][FOUND_NAME_MAX];
	uint32_t mtu;  /* bytes, 0 for none */
	usec_t length; /* of the whole lease; USEC_INFINITY for ever, 0 for not told */
	usec_t ends;   /* realtime, 0 for not told */
	bool client_id_known;
	uint8_t client_id_length; /* 0: the client sends none */
	uint8_t client_id[FOUND_CLIENT_ID_MAX];
};

/* /run/systemd/netif/leases/IFINDEX, /var/lib/NetworkManager/internal-*.lease and
 * /var/lib/connman/SERVICE/settings: KEY=VALUE. */
int found_lease_parse_networkd(const char *text, size_t size, struct found_lease *ret);

/* dhclient's file: the last lease of `link` in it. `mac` (6 bytes) completes a client id that is
 * made of the file's DUID. */
int found_lease_parse_dhclient(const char *text, size_t size, const char *link,
			       const struct hardware_address *mac, struct found_lease *ret);

/* dhcpcd's file: the server's BOOTP message, as it came; `obtained` is the file's own time. */
int found_lease_parse_dhcpcd(const void *bytes, size_t size, usec_t obtained,
			     struct found_lease *ret);

/* Is it an address that a host can have, or be asked by? */
bool found_address_is_usable(struct in_addr address);
/* Adds what is usable, and not there yet, up to `most`. */
void found_addresses_add(struct in_addr *list, unsigned *count, unsigned most,
			 struct in_addr address);
/* Copies a domain name; anything else than a name leaves `buffer` "". True when it was one. */
bool found_name_copy(char buffer[FOUND_NAME_MAX], const char *text, size_t length);
/* Adds the route when it makes sense. */
void found_route_add(struct found_lease *lease, const struct found_route *route);
/* 0, or -EBADMSG when it cannot be a lease. */
int found_lease_check(struct found_lease *lease);

/*
 * For the store of leases (dhcp/lease.h): as found in the kernel with the prefix `length`, ending
 * at `expires` (boottime). `in_use`: it is gone on with; else its address is asked for.
 */
json_t *found_lease_to_json(const struct found_lease *lease, uint8_t length, usec_t expires,
			    bool in_use);
