/*
 * Leases in the store: as the message's own options would be, but in JSON. What is read back is
 * checked like what comes from the wire.
 */
#include <arpa/inet.h>
#include <string.h>

#include "options.h"

json_t *lease_address_json(struct in_addr address)
{
	char text[INET_ADDRSTRLEN];

	return json_string(inet_ntop(AF_INET, &address, text, sizeof(text)));
}

json_t *lease_addresses_json(const struct in_addr *list, unsigned count)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < count; i++)
		json_array_append_new(array, lease_address_json(list[i]));
	return array;
}

static json_t *routes_json(const struct dhcp_lease *lease)
{
	json_t *array = json_array();
	char text[IP_PREFIX_TEXT_MAX];

	for (unsigned i = 0; i < lease->routes_count; i++)
		json_array_append_new(
			array, json_pack("{s:s,s:o}", "destination",
					 ip_prefix_print(&lease->routes[i].destination, text),
					 "gateway", lease_address_json(lease->routes[i].gateway)));
	return array;
}

static json_t *search_json(const struct dhcp_lease *lease)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < lease->search_count; i++)
		json_array_append_new(array, json_string(text_list_at(lease->search, i)));
	return array;
}

json_t *lease_to_json(const struct dhcp_lease *lease)
{
	usec_t boottime = clock_boottime_usec(), realtime = clock_realtime_usec();
	usec_t ends = lease->expires == USEC_INFINITY
			      ? USEC_INFINITY
			      : usec_add(realtime, usec_sub(lease->expires, boottime));

	return json_pack(
		"{s:o,s:i,s:o,s:o, s:I,s:I,s:I,s:I,s:I, s:o,s:o,s:o,s:o,s:o, s:s,s:s,s:s,s:i}",
		"address", lease_address_json(lease->address), "prefix_length",
		lease->prefix_length, "broadcast", lease_address_json(lease->broadcast), "server",
		lease_address_json(lease->server), "obtained", (json_int_t)lease->obtained, "renew",
		(json_int_t)lease->renew, "rebind", (json_int_t)lease->rebind, "expires",
		(json_int_t)lease->expires, "ends", (json_int_t)ends, "gateways",
		lease_addresses_json(lease->gateways, lease->gateways_count), "routes",
		routes_json(lease), "dns", lease_addresses_json(lease->dns, lease->dns_count),
		"ntp", lease_addresses_json(lease->ntp, lease->ntp_count), "search",
		search_json(lease), "domain", lease->domain, "hostname", lease->hostname, "portal",
		lease->portal, "mtu", (int)lease->mtu);
}

static int address_read(const json_t *json, struct in_addr *ret)
{
	return inet_pton(AF_INET, json_string_value(json) ?: "", ret) == 1 ? 0 : -EBADMSG;
}

static int addresses_read(const json_t *array, struct in_addr *list, unsigned most,
			  unsigned *ret_count)
{
	const json_t *entry;
	size_t i;

	if (json_array_size(array) > most)
		return -EBADMSG;
	json_array_foreach(array, i, entry)
		if (address_read(entry, &list[i]) < 0 || !lease_address_is_usable(list[i]))
			return -EBADMSG;
	*ret_count = (unsigned)json_array_size(array);
	return 0;
}

static int routes_read(const json_t *array, struct dhcp_lease *lease)
{
	const json_t *entry;
	size_t i;

	if (json_array_size(array) > LEASE_ROUTES_MAX)
		return -EBADMSG;
	json_array_foreach(array, i, entry) {
		struct lease_route *route = &lease->routes[i];
		const char *destination = json_member_text(entry, "destination") ?: "";

		if (ip_network_parse(destination, &route->destination, NULL, NULL) < 0 ||
		    route->destination.address.family != AF_INET ||
		    address_read(json_object_get(entry, "gateway"), &route->gateway) < 0 ||
		    !lease_route_is_usable(route))
			return -EBADMSG;
	}
	lease->routes_count = (unsigned)json_array_size(array);
	return 0;
}

static int name_read(const json_t *json, char *buffer, size_t size)
{
	const char *name = json_string_value(json);

	if (!name || strlen(name) >= size || !lease_name_is_valid(name))
		return -EBADMSG;
	memcpy(buffer, name, strlen(name) + 1);
	return 0;
}

/* As name_read(), for one that may be "". */
static int name_read_optional(const json_t *json, char *buffer, size_t size)
{
	return json_string_length(json) == 0 ? 0 : name_read(json, buffer, size);
}

static int portal_read(const json_t *json, struct dhcp_lease *lease)
{
	const char *uri = json_string_value(json) ?: "";

	if (*uri && (strlen(uri) >= sizeof(lease->portal) || !lease_portal_is_valid(uri)))
		return -EBADMSG;
	memcpy(lease->portal, uri, strlen(uri) + 1);
	return 0;
}

static int search_read(const json_t *array, struct dhcp_lease *lease)
{
	char name[LEASE_NAME_MAX];
	const json_t *entry;
	size_t i;

	if (json_array_size(array) > LEASE_SEARCH_MAX)
		return -EBADMSG;
	lease->search_count = 0;
	json_array_foreach(array, i, entry)
		if (name_read(entry, name, sizeof(name)) < 0 ||
		    !text_list_add(lease->search, sizeof(lease->search), &lease->search_count,
				   name))
			return -EBADMSG;
	return 0;
}

/* Another boot's boottime means nothing here: what is left is counted by the real time. */
static void times_translate(const json_t *object, struct dhcp_lease *lease)
{
	usec_t length = lease->expires - lease->obtained, now = clock_boottime_usec();
	usec_t ends = (usec_t)json_member_integer(object, "ends", 0);
	usec_t left = MIN(usec_sub(ends, clock_realtime_usec()), length);

	lease->obtained = now;
	if (lease->expires == USEC_INFINITY)
		return;
	lease->expires = usec_add(now, left);
	lease->renew = usec_add(now, left / 2);
	lease->rebind = usec_add(now, left / 8 * 7);
}

static int times_read(const json_t *object, bool same_boot, struct dhcp_lease *lease)
{
	lease->obtained = (usec_t)json_member_integer(object, "obtained", 0);
	lease->renew = (usec_t)json_member_integer(object, "renew", 0);
	lease->rebind = (usec_t)json_member_integer(object, "rebind", 0);
	lease->expires = (usec_t)json_member_integer(object, "expires", 0);
	if (lease->obtained > lease->renew || lease->renew > lease->rebind ||
	    lease->rebind > lease->expires ||
	    (lease->expires == USEC_INFINITY) != (lease->renew == USEC_INFINITY))
		return -EBADMSG;
	/* What the wire counts in 32 bits of seconds (RFC 2131, section 3.3). */
	if (lease->expires != USEC_INFINITY &&
	    lease->expires - lease->obtained > UINT32_MAX * USEC_PER_SEC)
		return -EBADMSG;
	if (!same_boot)
		times_translate(object, lease);
	/* A time of obtaining in the future is none of this boot. */
	return lease->obtained <= clock_boottime_usec() ? 0 : -EBADMSG;
}

static int lists_read(const json_t *object, struct dhcp_lease *lease)
{
	if (addresses_read(json_object_get(object, "gateways"), lease->gateways, LEASE_GATEWAYS_MAX,
			   &lease->gateways_count) < 0 ||
	    addresses_read(json_object_get(object, "dns"), lease->dns, LEASE_SERVERS_MAX,
			   &lease->dns_count) < 0 ||
	    addresses_read(json_object_get(object, "ntp"), lease->ntp, LEASE_SERVERS_MAX,
			   &lease->ntp_count) < 0 ||
	    routes_read(json_object_get(object, "routes"), lease) < 0 ||
	    search_read(json_object_get(object, "search"), lease) < 0)
		return -EBADMSG;
	return 0;
}

int lease_from_json(const json_t *object, bool same_boot, struct dhcp_lease *ret)
{
	int64_t length = json_member_integer(object, "prefix_length", 0);
	int64_t mtu = json_member_integer(object, "mtu", 0);

	memset(ret, 0, sizeof(*ret));
	if (address_read(json_object_get(object, "address"), &ret->address) < 0 ||
	    address_read(json_object_get(object, "server"), &ret->server) < 0 ||
	    address_read(json_object_get(object, "broadcast"), &ret->broadcast) < 0 ||
	    !lease_address_is_usable(ret->address) || !lease_address_is_usable(ret->server) ||
	    length < 1 || length > 32 || (mtu && mtu < LEASE_MTU_MIN) || mtu > UINT16_MAX ||
	    lists_read(object, ret) < 0 ||
	    name_read_optional(json_object_get(object, "domain"), ret->domain,
			       sizeof(ret->domain)) < 0 ||
	    name_read_optional(json_object_get(object, "hostname"), ret->hostname,
			       sizeof(ret->hostname)) < 0 ||
	    portal_read(json_object_get(object, "portal"), ret) < 0)
		return -EBADMSG;
	ret->prefix_length = (uint8_t)length;
	ret->mtu = (uint32_t)mtu;
	return times_read(object, same_boot, ret);
}
