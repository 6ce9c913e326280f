/* A BOOTP payload: parsed, every option of it gathered, read as a lease, kept and read back. */
#include "dhcp/lease.h"
#include "fuzz.h"

static void check_text(const char *text, size_t size)
{
	FUZZ_CHECK(strnlen(text, size) < size);
	for (; *text; text++)
		FUZZ_CHECK(*text > ' ' && *text < 0x7f);
}

static void check_lease(const struct dhcp_lease *lease)
{
	FUZZ_CHECK(lease->prefix_length >= 1 && lease->prefix_length <= 32);
	FUZZ_CHECK(lease->gateways_count <= LEASE_GATEWAYS_MAX);
	FUZZ_CHECK(lease->routes_count <= LEASE_ROUTES_MAX);
	FUZZ_CHECK(lease->dns_count <= LEASE_SERVERS_MAX && lease->ntp_count <= LEASE_SERVERS_MAX);
	FUZZ_CHECK(lease->search_count <= LEASE_SEARCH_MAX);
	FUZZ_CHECK(lease->renew <= lease->rebind && lease->rebind <= lease->expires);
	FUZZ_CHECK(lease->mtu == 0 || lease->mtu >= LEASE_MTU_MIN);
	for (unsigned i = 0; i < lease->routes_count; i++)
		FUZZ_CHECK(!ip_prefix_has_host_bits(&lease->routes[i].destination));
	for (unsigned i = 0; i < lease->search_count; i++)
		check_text(text_list_at(lease->search, i), LEASE_NAME_MAX);
	check_text(lease->domain, sizeof(lease->domain));
	check_text(lease->hostname, sizeof(lease->hostname));
	check_text(lease->portal, sizeof(lease->portal));
}

/* The store keeps what the wire brought: else a good lease would be lost at the next start. */
static void check_store(const struct dhcp_lease *lease)
{
	_cleanup_json_ json_t *json = lease_to_json(lease);
	struct dhcp_lease back;

	FUZZ_CHECK(json);
	FUZZ_CHECK(lease_from_json(json, true, &back) == 0);
	FUZZ_CHECK(lease_same(lease, &back));
	FUZZ_CHECK(lease_from_json(json, false, &back) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dhcp_message message;
	struct dhcp_lease lease;
	uint8_t value[DHCP_OPTION_MAX];
	int length;

	if (dhcp_message_parse(data, size, &message) < 0)
		return 0;
	for (unsigned option = 0; option < 256; option++) {
		length = dhcp_message_option(&message, (uint8_t)option, value);
		FUZZ_CHECK(length <= DHCP_OPTION_MAX);
		if (length > 0)
			fuzz_touch(value, (size_t)length);
	}
	message.type = DHCP_ACK;
	if (lease_from_message(&message, clock_boottime_usec(), &lease) < 0)
		return 0;
	check_lease(&lease);
	check_store(&lease);
	return 0;
}
