#include "options.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

bool lease_address_is_usable(struct in_addr address)
{
	uint8_t first = (uint8_t)(ntohl(address.s_addr) >> 24);

	return first != 0 && first != 127 && first < 224;
}

/* ---- single options: 0, or -EBADMSG ---- */

static bool address_is_listed(const struct in_addr *list, unsigned count, struct in_addr address)
{
	while (count > 0)
		if (list[--count].s_addr == address.s_addr)
			return true;
	return false;
}

/* Entries that no host can have, and repeated ones, are passed over. */
static int read_addresses(struct cursor value, struct in_addr *list, unsigned most, unsigned *count)
{
	if (value.size == 0 || value.size % 4)
		return -EBADMSG;
	while (cursor_left(&value) && *count < most) {
		struct in_addr address;

		cursor_copy(&value, &address, 4);
		if (lease_address_is_usable(address) && !address_is_listed(list, *count, address))
			list[(*count)++] = address;
	}
	return 0;
}

static int read_gateways(struct cursor value, struct dhcp_lease *lease)
{
	unsigned kept = 0;
	int r = read_addresses(value, lease->gateways, LEASE_GATEWAYS_MAX, &lease->gateways_count);

	/* The kernel refuses a route by way of ourselves, and everything with it. */
	for (unsigned i = 0; i < lease->gateways_count; i++)
		if (lease->gateways[i].s_addr != lease->address.s_addr)
			lease->gateways[kept++] = lease->gateways[i];
	lease->gateways_count = kept;
	return r;
}

static int read_dns(struct cursor value, struct dhcp_lease *lease)
{
	return read_addresses(value, lease->dns, LEASE_SERVERS_MAX, &lease->dns_count);
}

static int read_ntp(struct cursor value, struct dhcp_lease *lease)
{
	return read_addresses(value, lease->ntp, LEASE_SERVERS_MAX, &lease->ntp_count);
}

/* Labels of 1 to 63 letters, digits, hyphens and underscores, between dots: what comes from the
 * wire goes into files and onto terminals. */
static bool is_name(const uint8_t *bytes, size_t length)
{
	size_t label = 0;

	for (size_t i = 0; i < length; i++) {
		if (bytes[i] == '.' ? label == 0
				    : !isalnum(bytes[i]) && bytes[i] != '_' &&
					      (bytes[i] != '-' || label == 0))
			return false;
		label = bytes[i] == '.' ? 0 : label + 1;
		if (label > 63)
			return false;
	}
	return label > 0;
}

bool lease_name_is_valid(const char *name)
{
	return is_name((const uint8_t *)name, strlen(name));
}

/* A final NUL, which some servers send, and the dot of the root are dropped. */
static int read_name(struct cursor value, char *buffer, size_t size)
{
	size_t length = value.size;

	while (length > 0 && value.data[length - 1] == 0)
		length--;
	if (length > 0 && value.data[length - 1] == '.')
		length--;
	if (length >= size || !is_name(value.data, length))
		return -EBADMSG;
	memcpy(buffer, value.data, length);
	buffer[length] = '\0';
	return 0;
}

static int read_hostname(struct cursor value, struct dhcp_lease *lease)
{
	return read_name(value, lease->hostname, sizeof(lease->hostname));
}

static int read_domain(struct cursor value, struct dhcp_lease *lease)
{
	return read_name(value, lease->domain, sizeof(lease->domain));
}

/* RFC 2132 section 5.1 */
static int read_mtu(struct cursor value, struct dhcp_lease *lease)
{
	uint16_t mtu = cursor_u16(&value);

	if (value.size != 2 || mtu < LEASE_MTU_MIN)
		return -EBADMSG;
	lease->mtu = mtu;
	return 0;
}

/* All ones in the prefix, or all zeros (the way of 4.2BSD): nothing else can be one. */
static int read_broadcast(struct cursor value, struct dhcp_lease *lease)
{
	uint32_t mask = ip_length_to_netmask(lease->prefix_length);
	struct in_addr broadcast;

	cursor_copy(&value, &broadcast, 4);
	if (value.size != 4 || lease->prefix_length > 30 ||
	    (broadcast.s_addr != (lease->address.s_addr | ~mask) &&
	     broadcast.s_addr != (lease->address.s_addr & mask)))
		return -EBADMSG;
	lease->broadcast = broadcast;
	return 0;
}

bool lease_portal_is_valid(const char *uri)
{
	for (const char *c = uri; *c; c++)
		if (!isgraph((unsigned char)*c))
			return false;
	return strncmp(uri, "https://", 8) == 0 || strncmp(uri, "urn:ietf:", 9) == 0;
}

static int read_portal(struct cursor value, struct dhcp_lease *lease)
{
	char uri[sizeof(lease->portal)] = "";

	if (value.size >= sizeof(uri) || memchr(value.data, 0, value.size))
		return -EBADMSG;
	memcpy(uri, value.data, value.size);
	if (!lease_portal_is_valid(uri))
		return -EBADMSG;
	memcpy(lease->portal, uri, sizeof(uri));
	return 0;
}

bool lease_route_is_usable(const struct lease_route *route)
{
	const struct ip_address *to = &route->destination.address;

	return (route->gateway.s_addr == 0 || lease_address_is_usable(route->gateway)) &&
	       !ip_address_is_multicast(to) && !ip_address_is_loopback(to);
}

/* RFC 3442: prefix length, the significant bytes of the destination, the router. */
static int read_route(struct cursor *value, struct lease_route *ret)
{
	struct lease_route route = {.destination.address.family = AF_INET};

	route.destination.length = cursor_u8(value);
	if (route.destination.length > 32)
		return -EBADMSG;
	cursor_copy(value, route.destination.address.bytes, (route.destination.length + 7u) / 8u);
	cursor_copy(value, &route.gateway, 4);
	route.destination = ip_prefix_network(&route.destination);
	*ret = route;
	return cursor_ok(value) ? 0 : -EBADMSG;
}

/* All or nothing: half of the routes would send the other half's packets elsewhere. */
static int read_routes(struct cursor value, struct dhcp_lease *lease)
{
	struct lease_route routes[LEASE_ROUTES_MAX], route;
	unsigned count = 0;

	while (cursor_left(&value) > 0) {
		if (read_route(&value, &route) < 0)
			return -EBADMSG;
		if (count < LEASE_ROUTES_MAX && lease_route_is_usable(&route) &&
		    route.gateway.s_addr != lease->address.s_addr)
			routes[count++] = route;
	}
	if (!count)
		return -EBADMSG;
	memcpy(lease->routes, routes, count * sizeof(routes[0]));
	lease->routes_count = count;
	return 0;
}

/*
 * One name of RFC 1035 section 4.1.4 at `*offset`, as text. A pointer must point backwards, to
 * before the name it stands in, so that following them ends.
 */
static int read_compressed(struct cursor whole, size_t *offset, char *buffer, size_t size)
{
	size_t at = *offset, limit = *offset, length = 0;
	bool jumped = false;

	for (;;) {
		uint8_t label = at < whole.size ? whole.data[at++] : 0xff;

		if (label == 0)
			break;
		if ((label & 0xc0) == 0xc0 && at < whole.size) {
			size_t target = (size_t)(label & 0x3f) << 8 | whole.data[at++];

			if (!jumped)
				*offset = at;
			jumped = true;
			if (target >= limit)
				return -EBADMSG;
			at = limit = target;
			continue;
		}
		if (label & 0xc0 || at + label > whole.size || length + label + 1 >= size)
			return -EBADMSG;
		if (length)
			buffer[length++] = '.';
		memcpy(buffer + length, whole.data + at, label);
		length += label;
		at += label;
	}
	if (!jumped)
		*offset = at;
	buffer[length] = '\0';
	return strlen(buffer) == length ? 0 : -EBADMSG;
}

static int read_search(struct cursor value, struct dhcp_lease *lease)
{
	size_t offset = 0;

	lease->search_count = 0;
	while (offset < value.size && lease->search_count < LEASE_SEARCH_MAX) {
		char text[LEASE_NAME_MAX], name[LEASE_NAME_MAX];

		/* What stood before the damage is as good as it was. */
		if (read_compressed(value, &offset, text, sizeof(text)) < 0)
			return -EBADMSG;
		if (read_name(CURSOR(text, strlen(text)), name, sizeof(name)) >= 0 &&
		    !text_list_add(lease->search, sizeof(lease->search), &lease->search_count,
				   name))
			return 0;
	}
	return 0;
}

/* What a lease is made of, in the order in which it is asked for: what a server short of room
 * leaves out is what comes last. What has no reader is read by lease.c and client.c. */
static const struct {
	uint8_t option;
	int (*read)(struct cursor value, struct dhcp_lease *lease);
} table[] = {
	{DHCP_OPTION_SUBNET_MASK, NULL},
	/* Must be asked for before the router option (RFC 3442). */
	{DHCP_OPTION_CLASSLESS_ROUTES_MICROSOFT, read_routes},
	{DHCP_OPTION_CLASSLESS_ROUTES, read_routes},
	{DHCP_OPTION_ROUTER, read_gateways},
	{DHCP_OPTION_DNS, read_dns},
	{DHCP_OPTION_LEASE_TIME, NULL},
	{DHCP_OPTION_T1, NULL},
	{DHCP_OPTION_T2, NULL},
	{DHCP_OPTION_DOMAIN, read_domain},
	{DHCP_OPTION_SEARCH, read_search},
	{DHCP_OPTION_MTU, read_mtu},
	{DHCP_OPTION_BROADCAST, read_broadcast},
	{DHCP_OPTION_NTP, read_ntp},
	{DHCP_OPTION_CAPTIVE_PORTAL, read_portal},
	{DHCP_OPTION_HOSTNAME, read_hostname},
	{DHCP_OPTION_IPV6_ONLY, NULL},
};

size_t lease_parameters(bool ipv6_only, uint8_t *buffer, size_t size)
{
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(table) && count < size; i++)
		if (table[i].option != DHCP_OPTION_IPV6_ONLY || ipv6_only)
			buffer[count++] = table[i].option;
	return count;
}

void options_read(const struct dhcp_message *message, struct dhcp_lease *lease)
{
	uint8_t value[DHCP_OPTION_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		int size = table[i].read ? dhcp_message_option(message, table[i].option, value)
					 : -ENOENT;

		if (size >= 0 && table[i].read(CURSOR(value, (size_t)size), lease) < 0)
			log_debug("DHCP option %u is malformed and left out", table[i].option);
	}
}
