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
