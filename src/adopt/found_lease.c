#include "found_lease.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

/* RFC 2131 section 4.4.5 */
#define RENEW(length)  ((length) / 2)
#define REBIND(length) ((length) / 8 * 7)

#define MTU_MIN 576

bool found_address_is_usable(struct in_addr address)
{
	uint8_t first = (uint8_t)(ntohl(address.s_addr) >> 24);

	return first != 0 && first != 127 && first < 224;
}

void found_addresses_add(struct in_addr *list, unsigned *count, unsigned most,
			 struct in_addr address)
{
	for (unsigned i = 0; i < *count; i++)
		if (list[i].s_addr == address.s_addr)
			return;
	if (*count < most && found_address_is_usable(address))
		list[(*count)++] = address;
}

bool found_name_copy(char buffer[FOUND_NAME_MAX], const char *text, size_t length)
{
	bool valid;

	buffer[0] = '\0';
	if (length && text[length - 1] == '.')
		length--;
	valid = length > 0 && length < FOUND_NAME_MAX && text[0] != '.' && text[0] != '-';
	for (size_t i = 0; valid && i < length; i++)
		valid = isalnum((unsigned char)text[i]) || text[i] == '-' || text[i] == '_' ||
			(text[i] == '.' && text[i - 1] != '.');
	if (!valid)
		return false;
	memcpy(buffer, text, length);
	buffer[length] = '\0';
	return true;
}

void found_route_add(struct found_lease *lease, const struct found_route *route)
{
	struct found_route *place = &lease->routes[lease->routes_count];

	if (lease->routes_count == FOUND_ROUTES_MAX || route->destination.length > 32 ||
	    (route->gateway.s_addr && !found_address_is_usable(route->gateway)) ||
	    ip_address_is_multicast(&route->destination.address) ||
	    ip_address_is_loopback(&route->destination.address))
		return;
	*place = *route;
	place->destination = ip_prefix_network(&route->destination);
	lease->routes_count++;
}

int found_lease_check(struct found_lease *lease)
{
	if (!found_address_is_usable(lease->address) || lease->prefix_length > 32)
		return -EBADMSG;
	if (!found_address_is_usable(lease->server))
		lease->server.s_addr = 0;
	if (lease->mtu < MTU_MIN || lease->mtu > UINT16_MAX)
		lease->mtu = 0;
	return 0;
}

static json_t *address_json(struct in_addr address)
{
	char text[INET_ADDRSTRLEN];

	return json_string(inet_ntop(AF_INET, &address, text, sizeof(text)));
}

static json_t *addresses_json(const struct in_addr *list, unsigned count)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < count; i++)
		json_array_append_new(array, address_json(list[i]));
	return array;
}

static json_t *routes_json(const struct found_lease *lease)
{
	json_t *array = json_array();
	char text[IP_PREFIX_TEXT_MAX];

	for (unsigned i = 0; i < lease->routes_count; i++)
		json_array_append_new(array,
				      json_pack("{s:s,s:o}", "destination",
						ip_prefix_print(&lease->routes[i].destination,
								text),
						"gateway", address_json(lease->routes[i].gateway)));
	return array;
}

static json_t *search_json(const struct found_lease *lease)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < lease->search_count; i++)
		json_array_append_new(array, json_string(lease->search[i]));
	return array;
}

/* Where the whole length is told, the lease began before now; else it is taken to begin now. */
static json_t *times_json(const struct found_lease *lease, usec_t expires)
{
	usec_t now = clock_boottime_usec(), obtained = now, length, ends;

	if (expires == USEC_INFINITY)
		return json_pack("{s:I,s:I,s:I,s:I,s:I}", "obtained", (json_int_t)now, "renew",
				 (json_int_t)USEC_INFINITY, "rebind", (json_int_t)USEC_INFINITY,
				 "expires", (json_int_t)USEC_INFINITY, "ends",
				 (json_int_t)USEC_INFINITY);
	length = lease->length ?: usec_sub(expires, now);
	if (length < expires)
		obtained = MIN(now, expires - length);
	length = usec_sub(expires, obtained);
	ends = usec_add(clock_realtime_usec(), usec_sub(expires, now));
	return json_pack("{s:I,s:I,s:I,s:I,s:I}", "obtained", (json_int_t)obtained, "renew",
			 (json_int_t)(obtained + RENEW(length)), "rebind",
			 (json_int_t)(obtained + REBIND(length)), "expires", (json_int_t)expires,
			 "ends", (json_int_t)ends);
}

json_t *found_lease_to_json(const struct found_lease *lease, uint8_t length, usec_t expires,
			    bool in_use)
{
	_cleanup_json_ json_t *json = times_json(lease, expires);
	/* A lease whose server is not known is asked for of all on the link, and never of this. */
	struct in_addr server = lease->server.s_addr ? lease->server : lease->address;
	int r = json_put(json, "address", address_json(lease->address)) |
		json_put(json, "prefix_length", json_integer(length)) |
		json_put(json, "broadcast", address_json(lease->broadcast)) |
		json_put(json, "server", address_json(server)) |
		json_put(json, "gateways", addresses_json(lease->gateways, lease->gateways_count)) |
		json_put(json, "routes", routes_json(lease)) |
		json_put(json, "dns", addresses_json(lease->dns, lease->dns_count)) |
		json_put(json, "ntp", addresses_json(lease->ntp, lease->ntp_count)) |
		json_put(json, "search", search_json(lease)) |
		json_put(json, "domain", json_string(lease->domain)) |
		json_put(json, "hostname", json_string("")) |
		json_put(json, "portal", json_string("")) |
		json_put(json, "mtu", json_integer(lease->mtu)) |
		json_put(json, "in_use", json_boolean(in_use && lease->server.s_addr));

	return r < 0 ? NULL : TAKE_PTR(json);
}
