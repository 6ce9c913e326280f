/*
 * Lease files of other clients and resolv.conf. The first byte chooses the parser. What is taken
 * can be written for the store, and is in its bounds.
 */
#include <string.h>

#include "adopt/found_lease.h"
#include "adopt/resolv_conf.h"
#include "fuzz.h"

static int parse(uint8_t which, const uint8_t *data, size_t size, struct found_lease *lease)
{
	static const struct hardware_address mac = {.length = 6, .bytes = {2, 0, 0, 1, 2, 3}};

	switch (which % 3) {
	case 0:
		return found_lease_parse_networkd((const char *)data, size, lease);
	case 1:
		return found_lease_parse_dhclient((const char *)data, size, "eth0", &mac, lease);
	default:
		return found_lease_parse_dhcpcd(data, size, USEC_PER_SEC, lease);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_json_ json_t *json = NULL;
	struct found_lease lease;
	struct resolv_conf conf;

	if (size < 1)
		return 0;
	resolv_conf_parse((const char *)data + 1, size - 1, &conf);
	FUZZ_CHECK(conf.servers_count <= RESOLV_CONF_SERVERS_MAX);
	FUZZ_CHECK(conf.search_count <= RESOLV_CONF_SEARCH_MAX);
	if (parse(data[0], data + 1, size - 1, &lease) < 0)
		return 0;
	FUZZ_CHECK(found_address_is_usable(lease.address));
	FUZZ_CHECK(lease.prefix_length <= 32 && lease.client_id_length <= FOUND_CLIENT_ID_MAX);
	json = found_lease_to_json(&lease, 24, usec_add(clock_boottime_usec(), lease.length), true);
	FUZZ_CHECK(json);
	return 0;
}
