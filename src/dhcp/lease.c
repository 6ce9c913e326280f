#include "lease.h"

#include <arpa/inet.h>
#include <string.h>

#include "options.h"

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

/* A server's own T1 or T2, as a time; 0 when it names none. */
static usec_t read_time(const struct dhcp_message *message, uint8_t option, usec_t now)
{
	uint32_t seconds;

	if (dhcp_message_u32(message, option, &seconds) < 0)
		return 0;
	return seconds_after(now, seconds);
}

/*
 * RFC 2131 section 4.4.5: T1 is half and T2 seven eighths of the lease. The server's own replace
 * them where T1 < T2 < lease holds, and they do not make us ask without end.
 */
static int read_times(const struct dhcp_message *message, usec_t now, struct dhcp_lease *lease)
{
	usec_t rebind = read_time(message, DHCP_OPTION_T2, now);
	usec_t renew = read_time(message, DHCP_OPTION_T1, now), time;
	uint32_t length;

	if (dhcp_message_u32(message, DHCP_OPTION_LEASE_TIME, &length) < 0)
		return -EBADMSG;
	lease->obtained = now;
	lease->expires = seconds_after(now, length);
	if (lease->expires == USEC_INFINITY) {
		lease->renew = lease->rebind = USEC_INFINITY;
		return 0;
	}
	lease->expires = MAX(lease->expires, usec_add(now, LEASE_TIME_MIN));
	time = lease->expires - now;
	lease->renew = now + time / 2;
	lease->rebind = now + time / 8 * 7;
	if (rebind < lease->expires && rebind > now + LEASE_TIME_MIN / 2)
		lease->rebind = rebind;
	if (renew < lease->rebind && renew >= now + LEASE_TIME_MIN / 2)
		lease->renew = renew;
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
	int length = read_prefix_length(message);

	memset(ret, 0, sizeof(*ret));
	if (length < 0 || !lease_address_is_usable(message->yours) ||
	    !address_fits_prefix(message->yours, (unsigned)length) ||
	    dhcp_message_address(message, DHCP_OPTION_SERVER_ID, &ret->server) < 0 ||
	    !lease_address_is_usable(ret->server))
		return -EBADMSG;
	ret->address = message->yours;
	ret->prefix_length = (uint8_t)length;
	if (read_times(message, now, ret) < 0 && message->type == DHCP_ACK)
		return -EBADMSG;
	options_read(message, ret);
	return 0;
}

static bool routes_same(const struct dhcp_lease *a, const struct dhcp_lease *b)
{
	for (unsigned i = 0; i < a->routes_count; i++)
		if (!ip_prefix_equal(&a->routes[i].destination, &b->routes[i].destination) ||
		    a->routes[i].gateway.s_addr != b->routes[i].gateway.s_addr)
			return false;
	return a->routes_count == b->routes_count;
}

static bool addresses_same(const struct in_addr *a, unsigned a_count, const struct in_addr *b,
			   unsigned b_count)
{
	return a_count == b_count && memcmp(a, b, a_count * sizeof(*a)) == 0;
}

static bool search_same(const struct dhcp_lease *a, const struct dhcp_lease *b)
{
	for (unsigned i = 0; i < a->search_count; i++)
		if (strcmp(text_list_at(a->search, i), text_list_at(b->search, i)) != 0)
			return false;
	return a->search_count == b->search_count;
}

bool lease_same(const struct dhcp_lease *a, const struct dhcp_lease *b)
{
	return a->address.s_addr == b->address.s_addr && a->prefix_length == b->prefix_length &&
	       a->server.s_addr == b->server.s_addr && a->broadcast.s_addr == b->broadcast.s_addr &&
	       addresses_same(a->gateways, a->gateways_count, b->gateways, b->gateways_count) &&
	       addresses_same(a->dns, a->dns_count, b->dns, b->dns_count) &&
	       addresses_same(a->ntp, a->ntp_count, b->ntp, b->ntp_count) && routes_same(a, b) &&
	       search_same(a, b) && strcmp(a->domain, b->domain) == 0 &&
	       strcmp(a->hostname, b->hostname) == 0 && strcmp(a->portal, b->portal) == 0 &&
	       a->mtu == b->mtu;
}
