#include "fallback.h"

#include <string.h>

#include "options.h"

static int address_read(const json_t *json, const char *path, struct in_addr *ret,
			struct error *error)
{
	struct ip_address address;
	int r = ip_address_parse(json_string_value(json) ?: "", &address, path, error);

	if (r < 0)
		return r;
	if (address.family != AF_INET)
		return error_set(error, ERROR_ADDRESS_INVALID, path, "%s is no IPv4 address",
				 json_string_value(json));
	*ret = address.v4;
	return 0;
}

static int servers_read(const json_t *array, struct dhcp_fallback *fallback, struct error *error)
{
	const json_t *entry;
	size_t i;

	if (json_array_size(array) > FALLBACK_SERVERS_MAX)
		return error_set(error, ERROR_PARAMETER_RANGE, "fallback.dns",
				 "at most %d name servers", FALLBACK_SERVERS_MAX);
	json_array_foreach(array, i, entry) {
		int r = address_read(entry, "fallback.dns", &fallback->dns[i], error);

		if (r < 0)
			return r;
		fallback->dns_count = (unsigned)i + 1;
	}
	return 0;
}

int fallback_parse(const json_t *object, struct dhcp_fallback *ret, struct error *error)
{
	const json_t *gateway = json_object_get(object, "gateway");
	struct ip_prefix prefix;
	int r;

	memset(ret, 0, sizeof(*ret));
	if (!object || json_is_null(object))
		return 0;
	r = ip_prefix_parse(json_member_text(object, "address") ?: "", &prefix, "fallback.address",
			    error);
	if (r < 0)
		return r;
	if (prefix.address.family != AF_INET || !lease_address_is_usable(prefix.address.v4))
		return error_set(error, ERROR_ADDRESS_INVALID, "fallback.address",
				 "the fallback is the IPv4 address of a host, with its prefix");
	ret->address = prefix.address.v4;
	ret->prefix_length = prefix.length;
	if (gateway)
		r = address_read(gateway, "fallback.gateway", &ret->gateway, error);
	return r < 0 ? r : servers_read(json_object_get(object, "dns"), ret, error);
}

json_t *fallback_print(const struct dhcp_fallback *fallback)
{
	struct ip_prefix prefix = {.address = ip_address_v4(fallback->address.s_addr),
				   .length = fallback->prefix_length};
	_cleanup_json_ json_t *json = NULL;
	int r;

	if (!fallback->address.s_addr)
		return json_null();
	json = json_object();
	r = json_put(json, "address", json_prefix(&prefix));
	if (fallback->gateway.s_addr)
		r |= json_put(json, "gateway", lease_address_json(fallback->gateway));
	r |= json_put(json, "dns", lease_addresses_json(fallback->dns, fallback->dns_count));
	return r < 0 ? NULL : TAKE_PTR(json);
}

bool fallback_equal(const struct dhcp_fallback *a, const struct dhcp_fallback *b)
{
	_cleanup_json_ json_t *first = fallback_print(a), *second = fallback_print(b);

	return json_equal(first, second);
}
