/*
 * KEY=VALUE, one a line: systemd-networkd's leases (sd_dhcp_lease_save() in systemd), those of
 * NetworkManager's own client, which has only ADDRESS, and ConnMan's settings of a service.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "found_lease.h"

#define VALUE_MAX 1024

static void address_set(struct in_addr *address, const char *value)
{
	struct in_addr parsed;

	if (inet_pton(AF_INET, value, &parsed) == 1)
		*address = parsed;
}

static void set_address(struct found_lease *lease, char *value)
{
	address_set(&lease->address, value);
}

static void set_server(struct found_lease *lease, char *value)
{
	address_set(&lease->server, value);
}

static void set_broadcast(struct found_lease *lease, char *value)
{
	address_set(&lease->broadcast, value);
}

static void set_netmask(struct found_lease *lease, char *value)
{
	struct in_addr mask;
	int length = inet_pton(AF_INET, value, &mask) == 1 ? ip_netmask_to_length(mask.s_addr) : -1;

	if (length > 0)
		lease->prefix_length = (uint8_t)length;
}

static void addresses_set(struct in_addr *list, unsigned *count, char *value)
{
	char *rest = value, *word;
	struct in_addr address;

	while ((word = strsep(&rest, " ")))
		if (inet_pton(AF_INET, word, &address) == 1)
			found_addresses_add(list, count, FOUND_ADDRESSES_MAX, address);
}

static void set_gateways(struct found_lease *lease, char *value)
{
	addresses_set(lease->gateways, &lease->gateways_count, value);
}

static void set_dns(struct found_lease *lease, char *value)
{
	addresses_set(lease->dns, &lease->dns_count, value);
}

static void set_ntp(struct found_lease *lease, char *value)
{
	addresses_set(lease->ntp, &lease->ntp_count, value);
}

static void set_domain(struct found_lease *lease, char *value)
{
	found_name_copy(lease->domain, value, strlen(value));
}

static void set_search(struct found_lease *lease, char *value)
{
	char *rest = value, *word;

	while ((word = strsep(&rest, " ")))
		if (lease->search_count < FOUND_SEARCH_MAX &&
		    found_name_copy(lease->search[lease->search_count], word, strlen(word)))
			lease->search_count++;
}

static void set_mtu(struct found_lease *lease, char *value)
{
	lease->mtu = (uint32_t)strtoul(value, NULL, 10);
}

static void set_length(struct found_lease *lease, char *value)
{
	unsigned long seconds = strtoul(value, NULL, 10);

	lease->length = seconds >= UINT32_MAX ? USEC_INFINITY : seconds * USEC_PER_SEC;
}

static void set_client_id(struct found_lease *lease, char *value)
{
	size_t length = strlen(value) / 2;

	if (length == 0 || length > FOUND_CLIENT_ID_MAX || strlen(value) % 2 ||
	    strspn(value, "0123456789abcdefABCDEF") != 2 * length)
		return;
	for (size_t i = 0; i < length; i++)
		sscanf(value + 2 * i, "%2hhx", &lease->client_id[i]);
	lease->client_id_length = (uint8_t)length;
	lease->client_id_known = true;
}

/* DESTINATION/LENGTH,GATEWAY ... */
static void set_routes(struct found_lease *lease, char *value)
{
	char *rest = value, *word;

	while ((word = strsep(&rest, " "))) {
		struct found_route route = {0};
		char *gateway = strchr(word, ',');

		if (!gateway)
			continue;
		*gateway++ = '\0';
		if (ip_prefix_parse(word, &route.destination, NULL, NULL) >= 0 &&
		    route.destination.address.family == AF_INET &&
		    inet_pton(AF_INET, gateway, &route.gateway) == 1)
			found_route_add(lease, &route);
	}
}

static const struct {
	const char *key;
	void (*set)(struct found_lease *lease, char *value);
} members[] = {
	{"ADDRESS", set_address},
	{"IPv4.DHCP.LastAddress", set_address},
	{"NETMASK", set_netmask},
	{"SERVER_ADDRESS", set_server},
	{"BROADCAST", set_broadcast},
	{"ROUTER", set_gateways},
	{"DNS", set_dns},
	{"NTP", set_ntp},
	{"DOMAINNAME", set_domain},
	{"DOMAIN_SEARCH_LIST", set_search},
	{"MTU", set_mtu},
	{"LIFETIME", set_length},
	{"CLIENTID", set_client_id},
	{"ROUTES", set_routes},
};

static void line_read(struct found_lease *lease, char *line)
{
	char *value = strchr(line, '=');

	if (!value)
		return;
	*value++ = '\0';
	for (unsigned i = 0; i < ARRAY_SIZE(members); i++)
		if (strcmp(members[i].key, line) == 0)
			members[i].set(lease, value);
}

int found_lease_parse_networkd(const char *text, size_t size, struct found_lease *ret)
{
	size_t at = 0;

	memset(ret, 0, sizeof(*ret));
	while (at < size) {
		const char *end = memchr(text + at, '\n', size - at);
		size_t length = end ? (size_t)(end - text) - at : size - at;
		char line[VALUE_MAX];

		if (length < sizeof(line) && !memchr(text + at, '\0', length)) {
			memcpy(line, text + at, length);
			line[length] = '\0';
			line_read(ret, line);
		}
		at += length + 1;
	}
	if (!ret->address.s_addr)
		return -ENOENT;
	return found_lease_check(ret);
}
