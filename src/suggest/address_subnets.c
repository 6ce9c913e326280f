/* Which of the addresses are of one subnet. */
#include "address_table.h"

#include <string.h>

/* A single question for an address that nobody has may be a mistake, or meant for a proxy. */
static bool is_trusted(const struct known_address *known)
{
	return known->alive || known->witnesses > 1;
}

/* It is asked for every pair, and changes but with a join. */
static const struct subnet_facts *facts(struct address_table *table, unsigned subnet)
{
	struct subnet_facts *ret = &table->facts[subnet];
	bool conflict;

	if (ret->known)
		return ret;
	*ret = (struct subnet_facts){
		.known = true,
		.common = (uint8_t)address_table_common(table, subnet),
		.broadcast = address_table_broadcast(table, subnet, &conflict),
	};
	for (unsigned i = 0; i < table->count; i++)
		ret->has_gateway = ret->has_gateway || (table->entries[i].subnet == subnet &&
							table->entries[i].witnesses > 1);
	return ret;
}

static void join(struct address_table *table, unsigned a, unsigned b)
{
	unsigned first = MIN(table->entries[a].subnet, table->entries[b].subnet);
	unsigned second = MAX(table->entries[a].subnet, table->entries[b].subnet);

	for (unsigned i = 0; i < table->count; i++)
		if (table->entries[i].subnet == second)
			table->entries[i].subnet = first;
	table->facts[first].known = false;
}

unsigned address_table_shortest(uint32_t broadcast)
{
	return 32 - (unsigned)MIN(__builtin_ctzll(~(uint64_t)broadcast), 32 - PREFIX_SHORTEST);
}

/* Does the subnet's broadcast address say that this one is outside? */
static bool excludes(const struct subnet_facts *subnet, uint32_t address)
{
	return subnet->broadcast && prefix_common(subnet->broadcast, address) <
					    address_table_shortest(subnet->broadcast);
}

static bool is_same_subnet(struct address_table *table, unsigned i, unsigned k)
{
	uint32_t a = table->entries[i].address, b = table->entries[k].address;
	const struct subnet_facts *first = facts(table, table->entries[i].subnet);
	const struct subnet_facts *second = facts(table, table->entries[k].subnet);
	unsigned common = MIN(first->common, second->common);

	if (prefix_common(a, b) < PREFIX_SHORTEST || excludes(first, b) || excludes(second, a))
		return false;
	if (first->broadcast && second->broadcast)
		return first->broadcast == second->broadcast;
	/* Several subnets within one /24 ask for gateways of their own. */
	if (first->has_gateway && second->has_gateway)
		common = MAX(common, (unsigned)USUAL_PREFIX + 4);
	else if (common > USUAL_PREFIX)
		common = USUAL_PREFIX;
	return prefix_common(a, b) >= common;
}

void address_table_join(struct address_table *table)
{
	memset(table->facts, 0, sizeof(table->facts));
	for (unsigned i = 0; i < table->count; i++) {
		const struct known_address *asked = &table->entries[i];

		for (unsigned k = 0; is_trusted(asked) && k < asked->askers_count; k++) {
			struct known_address *asker =
				address_table_find(table, asked->askers[k].address);

			if (asker && asker->alive &&
			    prefix_common(asker->address, asked->address) >= PREFIX_SHORTEST)
				join(table, i, (unsigned)(asker - table->entries));
		}
	}
	for (unsigned i = 0; i < table->count; i++)
		for (unsigned k = 0; is_trusted(&table->entries[i]) && k < i; k++)
			if (is_trusted(&table->entries[k]) &&
			    table->entries[i].subnet != table->entries[k].subnet &&
			    is_same_subnet(table, i, k))
				join(table, i, k);
}

uint32_t address_table_broadcast(const struct address_table *table, unsigned subnet, bool *conflict)
{
	unsigned most = 0;
	uint32_t best = 0;

	*conflict = false;
	for (unsigned i = 0; i < table->count; i++) {
		uint32_t broadcast = table->entries[i].broadcast;
		unsigned users = 0;

		if (table->entries[i].subnet != subnet || !table->entries[i].alive || !broadcast)
			continue;
		for (unsigned k = 0; k < table->count; k++)
			users += table->entries[k].subnet == subnet && table->entries[k].alive &&
				 table->entries[k].broadcast == broadcast;
		*conflict = *conflict || (best && best != broadcast);
		if (users > most) {
			most = users;
			best = broadcast;
		}
	}
	return best;
}

unsigned address_table_common(const struct address_table *table, unsigned subnet)
{
	unsigned length = PREFIX_LONGEST;
	uint32_t first = 0, host;
	bool fits = false, conflict;
	uint32_t broadcast = address_table_broadcast(table, subnet, &conflict);

	for (unsigned i = 0; i < table->count; i++) {
		const struct known_address *known = &table->entries[i];

		if (known->subnet != subnet || !is_trusted(known))
			continue;
		first = first ? first : known->address;
		length = MIN(length, prefix_common(first, known->address));
		if (broadcast)
			length = MIN(length, prefix_common(first, broadcast));
	}
	while (!fits && length > PREFIX_SHORTEST) {
		fits = true;
		host = UINT32_MAX >> length;
		for (unsigned i = 0; i < table->count; i++) {
			uint32_t part = table->entries[i].address & host;

			if (table->entries[i].subnet == subnet && is_trusted(&table->entries[i]) &&
			    (part == 0 || part == host))
				fits = false;
		}
		length -= fits ? 0 : 1;
	}
	return length;
}

unsigned address_table_living(const struct address_table *table, unsigned subnet)
{
	unsigned living = 0;

	for (unsigned i = 0; i < table->count; i++) {
		const struct known_address *known = &table->entries[i];
		bool counts = known->subnet == subnet && known->alive;

		for (unsigned k = 0; counts && k < i; k++)
			counts = table->entries[k].subnet != subnet || !table->entries[k].alive ||
				 !hardware_address_equal(&table->entries[k].mac, &known->mac);
		living += counts;
	}
	return living;
}
