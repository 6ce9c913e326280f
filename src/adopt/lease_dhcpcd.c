/*
 * dhcpcd keeps the server's answer as it came: a BOOTP message (RFC 951) with DHCP options (RFC
 * 2132). Options 52 (overload) and 57 are not followed: what stands there is of ornament.
 */
#include <string.h>

#include "base/cursor.h"
#include "found_lease.h"

#define BOOTP_YOUR_ADDRESS 16
#define BOOTP_OPTIONS	   236
#define MAGIC_COOKIE	   0x63825363u

#define OPTION_PAD 0
#define OPTION_END 255

static void read_length(struct found_lease *lease, struct cursor *value)
{
	uint32_t seconds = cursor_u32(value);

	if (cursor_ok(value))
		lease->length = seconds == UINT32_MAX ? USEC_INFINITY : seconds * USEC_PER_SEC;
}

static void read_netmask(struct found_lease *lease, struct cursor *value)
{
	struct in_addr mask;
	int length;

	cursor_copy(value, &mask, sizeof(mask));
	length = cursor_ok(value) ? ip_netmask_to_length(mask.s_addr) : -1;
	if (length > 0)
		lease->prefix_length = (uint8_t)length;
}

static void read_address(struct in_addr *address, struct cursor *value)
{
	cursor_copy(value, address, sizeof(*address));
}

static void read_server(struct found_lease *lease, struct cursor *value)
{
	read_address(&lease->server, value);
}

static void read_broadcast(struct found_lease *lease, struct cursor *value)
{
	read_address(&lease->broadcast, value);
}

static void read_addresses(struct in_addr *list, unsigned *count, struct cursor *value)
{
	while (cursor_left(value) >= sizeof(struct in_addr)) {
		struct in_addr address;

		read_address(&address, value);
		found_addresses_add(list, count, FOUND_ADDRESSES_MAX, address);
	}
}

static void read_gateways(struct found_lease *lease, struct cursor *value)
{
	read_addresses(lease->gateways, &lease->gateways_count, value);
}

static void read_dns(struct found_lease *lease, struct cursor *value)
{
	read_addresses(lease->dns, &lease->dns_count, value);
}

static void read_ntp(struct found_lease *lease, struct cursor *value)
{
	read_addresses(lease->ntp, &lease->ntp_count, value);
}

static void read_domain(struct found_lease *lease, struct cursor *value)
{
	found_name_copy(lease->domain, (const char *)value->data, value->size);
}

static void read_mtu(struct found_lease *lease, struct cursor *value)
{
	lease->mtu = cursor_u16(value);
}

static void read_client_id(struct found_lease *lease, struct cursor *value)
{
	if (value->size < 2 || value->size > FOUND_CLIENT_ID_MAX)
		return;
	memcpy(lease->client_id, value->data, value->size);
	lease->client_id_length = (uint8_t)value->size;
	lease->client_id_known = true;
}

/* RFC 3442 */
static void read_routes(struct found_lease *lease, struct cursor *value)
{
	while (cursor_left(value) > 0) {
		struct found_route route = {.destination.address.family = AF_INET};

		route.destination.length = cursor_u8(value);
		if (route.destination.length > 32)
			return;
		cursor_copy(value, route.destination.address.bytes,
			    (route.destination.length + 7u) / 8u);
		cursor_copy(value, &route.gateway, sizeof(route.gateway));
		if (cursor_ok(value))
			found_route_add(lease, &route);
	}
}

static const struct {
	uint8_t number;
	void (*read)(struct found_lease *lease, struct cursor *value);
} options[] = {
	{1, read_netmask}, {3, read_gateways},	 {6, read_dns},	     {15, read_domain},
	{26, read_mtu},	   {28, read_broadcast}, {42, read_ntp},     {51, read_length},
	{54, read_server}, {61, read_client_id}, {121, read_routes},
};

static void read_option(struct found_lease *lease, uint8_t number, struct cursor value)
{
	for (unsigned i = 0; i < ARRAY_SIZE(options); i++)
		if (options[i].number == number)
			options[i].read(lease, &value);
}

static void read_options(struct found_lease *lease, struct cursor *message)
{
	while (cursor_left(message) > 0) {
		uint8_t number = cursor_u8(message);
		struct cursor value;

		if (number == OPTION_END)
			return;
		if (number == OPTION_PAD)
			continue;
		value = cursor_sub(message, cursor_u8(message));
		if (cursor_ok(&value) && value.size > 0)
			read_option(lease, number, value);
	}
}

int found_lease_parse_dhcpcd(const void *bytes, size_t size, usec_t obtained,
			     struct found_lease *ret)
{
	struct cursor message = CURSOR(bytes, size);

	memset(ret, 0, sizeof(*ret));
	cursor_skip(&message, BOOTP_YOUR_ADDRESS);
	read_address(&ret->address, &message);
	cursor_skip(&message, BOOTP_OPTIONS - BOOTP_YOUR_ADDRESS - sizeof(ret->address));
	if (cursor_u32(&message) != MAGIC_COOKIE)
		return -EBADMSG;
	read_options(ret, &message);
	if (obtained && ret->length)
		ret->ends = usec_add(obtained, ret->length);
	return found_lease_check(ret);
}
