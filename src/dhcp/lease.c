#include "lease.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* ---- single options: 0, or -EBADMSG ---- */

static int read_addresses(struct cursor value, struct in_addr *list, unsigned most, unsigned *count)
{
	if (value.size == 0 || value.size % 4)
		return -EBADMSG;
	while (cursor_left(&value) && *count < most)
		cursor_copy(&value, &list[(*count)++], 4);
	return 0;
}

static int read_gateways(struct cursor value, struct dhcp_lease *lease)
{
	return read_addresses(value, lease->gateways, LEASE_GATEWAYS_MAX, &lease->gateways_count);
}

static int read_dns(struct cursor value, struct dhcp_lease *lease)
{
	return read_addresses(value, lease->dns, LEASE_SERVERS_MAX, &lease->dns_count);
}

static int read_ntp(struct cursor value, struct dhcp_lease *lease)
{
	return read_addresses(value, lease->ntp, LEASE_SERVERS_MAX, &lease->ntp_count);
}

/* A name of letters, digits, hyphens, underscores and dots: what comes from the wire goes into
 * files and onto terminals. A final NUL, which some servers send, is dropped. */
static int read_name(struct cursor value, char *buffer, size_t size)
{
	const uint8_t *bytes = value.data;
	size_t length = value.size;

	while (length > 0 && bytes[length - 1] == 0)
		length--;
	if (length == 0 || length >= size || bytes[0] == '-' || bytes[0] == '.')
		return -EBADMSG;
	for (size_t i = 0; i < length; i++)
		if (!isalnum(bytes[i]) && bytes[i] != '-' && bytes[i] != '_' && bytes[i] != '.')
			return -EBADMSG;
	memcpy(buffer, bytes, length);
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

/* RFC 2132 section 5.1. Below 576 bytes IPv4 hosts need not even reassemble (RFC 791): such a value
 * is a mistake of the network, and obeying it would break IPv6 (1280). */
static int read_mtu(struct cursor value, struct dhcp_lease *lease)
{
	uint16_t mtu = cursor_u16(&value);

	if (value.size != 2 || mtu < 576)
		return -EBADMSG;
	lease->mtu = mtu;
	return 0;
}

static int read_broadcast(struct cursor value, struct dhcp_lease *lease)
{
	if (value.size != 4)
		return -EBADMSG;
	cursor_copy(&value, &lease->broadcast, 4);
	return 0;
}

static int read_ipv6_only(struct cursor value, struct dhcp_lease *lease)
{
	if (value.size != 4)
		return -EBADMSG;
	/* MIN_V6ONLY_WAIT, RFC 8925 section 3.4 */
	lease->ipv6_only = MAX(cursor_u32(&value), 300u);
	return 0;
}

static int read_portal(struct cursor value, struct dhcp_lease *lease)
{
	const char *bytes = (const char *)value.data;

	if (value.size < 8 || value.size >= sizeof(lease->portal) ||
	    (strncmp(bytes, "https://", 8) != 0 && strncmp(bytes, "urn:ietf", 8) != 0))
		return -EBADMSG;
	for (size_t i = 0; i < value.size; i++)
		if (!isgraph((unsigned char)bytes[i]))
			return -EBADMSG;
	memcpy(lease->portal, bytes, value.size);
	lease->portal[value.size] = '\0';
	return 0;
}

/* RFC 3442: prefix length, the significant bytes of the destination, the router. */
static int read_routes(struct cursor value, struct dhcp_lease *lease)
{
	lease->routes_count = 0;
	while (cursor_left(&value) > 0) {
		struct lease_route route = {.destination.address.family = AF_INET};

		route.destination.length = cursor_u8(&value);
		if (route.destination.length > 32)
			return -EBADMSG;
		cursor_copy(&value, route.destination.address.bytes,
			    (route.destination.length + 7u) / 8u);
		cursor_copy(&value, &route.gateway, 4);
		if (!cursor_ok(&value))
			return -EBADMSG;
		route.destination = ip_prefix_network(&route.destination);
		if (lease->routes_count < LEASE_ROUTES_MAX)
			lease->routes[lease->routes_count++] = route;
	}
	return lease->routes_count ? 0 : -EBADMSG;
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
		char *name = lease->search[lease->search_count];
		char text[LEASE_NAME_MAX];

		if (read_compressed(value, &offset, text, sizeof(text)) < 0)
			return -EBADMSG;
		if (read_name(CURSOR(text, strlen(text)), name, LEASE_NAME_MAX) >= 0)
			lease->search_count++;
	}
	return 0;
}

/* What a lease is made of, in the order in which it is asked for: what a server short of room
 * leaves out is what comes last. */
static const struct {
	uint8_t option;
	int (*read)(struct cursor value, struct dhcp_lease *lease); /* NULL: read by hand */
} table[] = {
	{DHCP_OPTION_SUBNET_MASK,		  NULL	      },
 /* Must be asked for before the router option (RFC 3442). */
	{DHCP_OPTION_CLASSLESS_ROUTES_MICROSOFT, read_routes   },
	{DHCP_OPTION_CLASSLESS_ROUTES,	       read_routes	  },
	{DHCP_OPTION_ROUTER,		     read_gateways },
	{DHCP_OPTION_DNS,			  read_dns	  },
	{DHCP_OPTION_LEASE_TIME,		 NULL	     },
	{DHCP_OPTION_T1,			 NULL	     },
	{DHCP_OPTION_T2,			 NULL	     },
	{DHCP_OPTION_DOMAIN,		     read_domain	},
	{DHCP_OPTION_SEARCH,		     read_search	},
	{DHCP_OPTION_MTU,			  read_mtu	  },
	{DHCP_OPTION_BROADCAST,			read_broadcast},
	{DHCP_OPTION_NTP,			  read_ntp	  },
	{DHCP_OPTION_CAPTIVE_PORTAL,	     read_portal	},
	{DHCP_OPTION_HOSTNAME,		       read_hostname },
	{DHCP_OPTION_IPV6_ONLY,			read_ipv6_only},
};

size_t lease_parameters(bool ipv6_only, uint8_t *buffer, size_t size)
{
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(table) && count < size; i++)
		if (table[i].option != DHCP_OPTION_IPV6_ONLY || ipv6_only)
			buffer[count++] = table[i].option;
	return count;
}

static bool address_is_usable(struct in_addr address)
{
	uint8_t first = (uint8_t)(ntohl(address.s_addr) >> 24);

	return first != 0 && first != 127 && first < 224;
}

/* The prefix length of the mask; without one that of the address' class (RFC 950). */
static int read_prefix_length(const struct dhcp_message *message)
{
	struct in_addr mask;
	uint32_t address = ntohl(message->yours.s_addr);
	int r = dhcp_message_address(message, DHCP_OPTION_SUBNET_MASK, &mask);

	if (r == -ENOENT)
		return address >> 31 == 0 ? 8 : address >> 30 == 2 ? 16 : 24;
	if (r >= 0)
		r = ip_netmask_to_length(mask.s_addr);
	return r > 0 ? r : -EBADMSG;
}

static usec_t seconds_after(usec_t now, uint32_t seconds)
{
	return seconds == UINT32_MAX ? USEC_INFINITY : usec_add(now, seconds * USEC_PER_SEC);
}

/* RFC 2131 section 4.4.5: T1 is half and T2 seven eighths of the lease; a server's own T1 < T2 <
 * lease replace them, anything else is repaired. */
static int read_times(const struct dhcp_message *message, usec_t now, struct dhcp_lease *lease)
{
	uint32_t length, renew, rebind;
	usec_t time;

	if (dhcp_message_u32(message, DHCP_OPTION_LEASE_TIME, &length) < 0)
		return -EBADMSG;
	lease->obtained = now;
	lease->expires = seconds_after(now, length);
	if (lease->expires == USEC_INFINITY) {
		lease->renew = lease->rebind = USEC_INFINITY;
		return 0;
	}
	lease->expires = MAX(lease->expires, now + LEASE_TIME_MIN);
	time = lease->expires - now;
	lease->renew = now + time / 2;
	lease->rebind = now + time / 8 * 7;
	if (dhcp_message_u32(message, DHCP_OPTION_T2, &rebind) >= 0 &&
	    seconds_after(now, rebind) < lease->expires && rebind > 0)
		lease->rebind = seconds_after(now, rebind);
	if (dhcp_message_u32(message, DHCP_OPTION_T1, &renew) >= 0 && renew > 0)
		lease->renew = seconds_after(now, renew);
	if (lease->renew >= lease->rebind)
		lease->renew = now + (lease->rebind - now) / 2;
	return 0;
}

/* Broadcast and network address of the prefix are nobody's; /31 and /32 have neither. */
static bool address_fits_prefix(struct in_addr address, unsigned length)
{
	uint32_t host = ntohl(address.s_addr) & ~ntohl(ip_length_to_netmask(length));
	uint32_t all = ~ntohl(ip_length_to_netmask(length));

	return length >= 31 || (host != 0 && host != all);
}

int lease_from_message(const struct dhcp_message *message, usec_t now, struct dhcp_lease *ret)
{
	uint8_t value[DHCP_OPTION_MAX];
	int length = read_prefix_length(message);

	memset(ret, 0, sizeof(*ret));
	if (length < 0 || !address_is_usable(message->yours) ||
	    !address_fits_prefix(message->yours, (unsigned)length) ||
	    dhcp_message_address(message, DHCP_OPTION_SERVER_ID, &ret->server) < 0 ||
	    !address_is_usable(ret->server))
		return -EBADMSG;
	ret->address = message->yours;
	ret->prefix_length = (uint8_t)length;
	if (read_times(message, now, ret) < 0 && message->type == DHCP_ACK)
		return -EBADMSG;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		int size = table[i].read ? dhcp_message_option(message, table[i].option, value)
					 : -ENOENT;

		if (size >= 0 && table[i].read(CURSOR(value, (size_t)size), ret) < 0)
			log_debug("DHCP option %u is malformed and left out", table[i].option);
	}
	return 0;
}

/* The members after the times, and the address itself. Both are filled into zeroed memory. */
bool lease_same(const struct dhcp_lease *a, const struct dhcp_lease *b)
{
	const size_t from = offsetof(struct dhcp_lease, gateways_count);

	return a->address.s_addr == b->address.s_addr && a->prefix_length == b->prefix_length &&
	       a->server.s_addr == b->server.s_addr && a->broadcast.s_addr == b->broadcast.s_addr &&
	       memcmp((const char *)a + from, (const char *)b + from, sizeof(*a) - from) == 0;
}
