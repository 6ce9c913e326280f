/* A stored lease that somebody has written by hand: what is taken can be kept again unchanged. */
#include "dhcp/lease.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_json_ json_t *json = json_loadb((const char *)data, size, 0, NULL), *again = NULL;
	struct dhcp_lease lease, back;

	if (!json || lease_from_json(json, size % 2, &lease) < 0)
		return 0;
	FUZZ_CHECK(lease.renew <= lease.rebind && lease.rebind <= lease.expires);
	again = lease_to_json(&lease);
	FUZZ_CHECK(again && lease_from_json(again, true, &back) == 0);
	FUZZ_CHECK(lease_same(&lease, &back) && lease.expires == back.expires);
	return 0;
}
