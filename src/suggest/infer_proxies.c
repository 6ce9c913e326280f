/* Who answers ARP for addresses of others. */
#include "inference.h"

#define ANSWERS_DOUBTED 3 /* addresses of one MAC close to each other, */
#define ANSWERS_UNASKED 2 /* of which so many are asked for by nobody else */

/* Does its MAC answer for so many addresses close to this one that they are hardly its own? A
 * router has an address in each subnet, which the hosts of that subnet ask for. */
static bool answers_for_many(const struct address_table *table, const struct known_address *known)
{
	unsigned answers = 0, unasked = 0;

	for (unsigned i = 0; i < table->count; i++) {
		const struct known_address *each = &table->entries[i];

		if (!each->answered || each->spoke ||
		    prefix_common(each->address, known->address) < USUAL_PREFIX ||
		    !hardware_address_equal(&each->mac, &known->mac))
			continue;
		answers++;
		unasked += each->witnesses == 0;
	}
	return answers >= ANSWERS_DOUBTED && unasked >= ANSWERS_UNASKED;
}

void infer_proxies(struct inference *inference)
{
	struct address_table *table = &inference->table;

	inference->suggestion->proxy_arp = inference->proxies.count > 0;
	for (unsigned i = 0; i < table->count; i++) {
		struct known_address *known = &table->entries[i];

		if (!known->answered || known->spoke || !answers_for_many(table, known))
			continue;
		inference->suggestion->proxy_arp = true;
		known->alive = known->witnesses > 0;
	}
}

static bool is_in(const struct suggested_subnet *subnet, struct in_addr address)
{
	return (address.s_addr & ip_length_to_netmask(subnet->prefix)) == subnet->network.s_addr;
}

/* Did it speak with an address of the subnet, by more than an answer? */
static bool spoke_in(const struct observation *observations, size_t count,
		     const struct suggested_subnet *subnet, const struct hardware_address *mac)
{
	for (size_t i = 0; i < count; i++)
		if (observations[i].kind != OBSERVATION_ARP_REPLY &&
		    is_in(subnet, observations[i].sender) &&
		    hardware_address_equal(&observations[i].mac, mac))
			return true;
	return false;
}

/* Does it answer for the gateway, and nobody but proxies does? */
static bool is_gateway(const struct observation *observations, size_t count,
		       const struct proxies *proxies, struct in_addr gateway,
		       const struct hardware_address *mac)
{
	bool answers = false;

	for (size_t i = 0; i < count; i++) {
		if (observations[i].kind != OBSERVATION_ARP_REPLY || !gateway.s_addr ||
		    observations[i].sender.s_addr != gateway.s_addr)
			continue;
		if (!proxies_have(proxies, &observations[i].mac))
			return false;
		answers = answers || hardware_address_equal(&observations[i].mac, mac);
	}
	return answers;
}

bool infer_answer_counts(const struct observation *observations, size_t count,
			 const struct suggested_subnet *subnet, const struct hardware_address *mac)
{
	struct proxies proxies;

	proxies_find(observations, count, &proxies);
	return !proxies_have(&proxies, mac) ||
	       (!spoke_in(observations, count, subnet, mac) &&
		!is_gateway(observations, count, &proxies, subnet->gateway, mac));
}
