#include "inference.h"

struct doubted {
	const struct inference *inference;
	unsigned subnet;
	uint32_t address;
	const struct gateway_score *gateway;
};

static bool has_rival(const struct doubted *doubted)
{
	return doubted->gateway->rival;
}

static bool is_mute(const struct doubted *doubted)
{
	const struct known_address *known = doubted->gateway->address;

	return known && known->probed && !known->answered;
}

/* Two MACs of one address; a virtual router changes its own for the virtual one. */
static bool is_contested(const struct doubted *doubted)
{
	return doubted->gateway->address && doubted->gateway->address->contested &&
	       !doubted->gateway->virtual_mac;
}

static bool has_other_subnets(const struct doubted *doubted)
{
	const struct address_table *table = &doubted->inference->table;

	for (unsigned i = 0; i < table->count; i++)
		if (table->entries[i].alive && table->entries[i].subnet != doubted->subnet)
			return true;
	return false;
}

/* Two broadcast addresses, or one that does not hold all that was heard. */
static bool has_masks_in_conflict(const struct doubted *doubted)
{
	const struct address_table *table = &doubted->inference->table;
	bool conflict;
	uint32_t broadcast = address_table_broadcast(table, doubted->subnet, &conflict);

	return conflict || (broadcast && address_table_shortest(broadcast) >
						 address_table_common(table, doubted->subnet));
}

/* Where all that is proved is taken, what lies beside it is a guess. */
static bool is_outside(const struct doubted *doubted)
{
	const struct address_table *table = &doubted->inference->table;
	uint32_t near = doubted->gateway->address ? doubted->gateway->address->address
						  : table->entries[doubted->subnet].address;

	return doubted->address &&
	       prefix_common(near, doubted->address) < address_table_common(table, doubted->subnet);
}

static bool has_proxy(const struct doubted *doubted)
{
	return doubted->inference->proxies.count > 0;
}

enum subject { NOBODY, GATEWAY, RIVAL };

static const struct {
	bool (*holds)(const struct doubted *doubted);
	double factor;
	enum subject subject;
	const char *text;
} doubts[] = {
	{has_rival, 0.75, RIVAL, "may as well be the gateway"},
	{is_mute, 0.5, GATEWAY, "did not answer ARP"},
	{is_contested, 0.7, GATEWAY, "is claimed by more than one MAC"},
	{has_masks_in_conflict, 0.7, NOBODY, "hosts disagree on the prefix"},
	{is_outside, 0.7, NOBODY, "the address is outside of what is proved to be the subnet"},
	{has_proxy, 0.85, NOBODY, "one that answers for everybody may hide a silent host"},
	{has_other_subnets, 0.85, NOBODY, "another subnet is spoken on this wire"},
};

static void tell(const struct doubted *doubted, size_t i)
{
	const struct known_address *subjects[] = {
		[NOBODY] = NULL,
		[GATEWAY] = doubted->gateway->address,
		[RIVAL] = doubted->gateway->rival,
	};
	const struct known_address *known = subjects[doubts[i].subject];
	char address[IP_ADDRESS_TEXT_MAX] = "";

	if (known)
		infer_print(known->address, address);
	infer_evidence(doubted->inference->suggestion, "against it: %s%s%s", address,
		       known ? " " : "", doubts[i].text);
}

double infer_doubts(const struct inference *inference, unsigned subnet, struct in_addr address,
		    const struct gateway_score *gateway, bool told)
{
	const struct doubted doubted = {inference, subnet, ntohl(address.s_addr), gateway};
	double factor = 1;

	for (size_t i = 0; i < ARRAY_SIZE(doubts); i++) {
		if (!doubts[i].holds(&doubted))
			continue;
		factor *= doubts[i].factor;
		if (told)
			tell(&doubted, i);
	}
	return factor;
}
