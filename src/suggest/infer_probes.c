/* Which addresses are worth a question. */
#include "inference.h"

#define GUESSES_A_SUBNET 3
#define HEARSAY_PROBES	 6
#define ASKED_PROBES	 12 /* with the hearsay */
#define LONGER_MAX	 29

static void put_probe(struct in_addr *ret, unsigned *count, uint32_t address)
{
	for (unsigned i = 0; i < *count; i++)
		if (ret[i].s_addr == htonl(address))
			return;
	if (*count < INFER_PROBES_MAX)
		ret[(*count)++].s_addr = htonl(address);
}

/* What others told of and was not heard itself. */
static void put_hearsay(const struct address_table *table, struct in_addr *ret, unsigned *count)
{
	for (unsigned i = 0; i < table->count && *count < HEARSAY_PROBES; i++)
		if (table->entries[i].named && !table->entries[i].alive)
			put_probe(ret, count, table->entries[i].address);
}

/* What hosts ask for: first what many do. */
static void put_asked(const struct address_table *table, struct in_addr *ret, unsigned *count)
{
	for (unsigned least = 2; least > 0; least--)
		for (unsigned i = 0; i < table->count && *count < ASKED_PROBES; i++)
			if (table->entries[i].witnesses >= least)
				put_probe(ret, count, table->entries[i].address);
}

/* The first and last address of a prefix. */
static void put_ends(uint32_t near, unsigned prefix, struct in_addr *ret, unsigned *count)
{
	uint32_t mask = UINT32_MAX >> prefix;

	put_probe(ret, count, (near & ~mask) + 1);
	put_probe(ret, count, (near | mask) - 1);
}

static void put_subnet_probes(const struct suggested_subnet *subnet, struct in_addr *ret,
			      unsigned *count)
{
	if (subnet->gateway.s_addr)
		put_probe(ret, count, ntohl(subnet->gateway.s_addr));
	put_ends(ntohl(subnet->address.s_addr), subnet->prefix, ret, count);
}

/* The real prefix may be longer than the commonest one. */
static void put_longer_ends(const struct inference *inference, struct in_addr *ret, unsigned *count)
{
	const struct address_table *table = &inference->table;

	for (unsigned i = 0; i < table->count; i++) {
		unsigned proved = address_table_common(table, i);

		if (table->entries[i].subnet != i || address_table_living(table, i) == 0)
			continue;
		for (unsigned length = USUAL_PREFIX + 1;
		     length <= MIN(proved, (unsigned)LONGER_MAX); length++)
			put_ends(table->entries[i].address, length, ret, count);
	}
}

unsigned infer_probes(const struct observation *observations, size_t count,
		      const struct hardware_address *mac, struct in_addr ret[INFER_PROBES_MAX])
{
	static const uint32_t common[] = {
		0xc0a80001, 0xc0a800fe, 0xc0a80101, 0xc0a801fe, 0xc0a80201,
		0xc0a80a01, 0xc0a86401, 0xc0a8b201, 0x0a000001, 0x0a0000fe,
		0x0a000101, 0x0a010101, 0xac100001, 0xac1000fe, 0xac1f0001,
	};
	struct suggestion suggestion;
	struct inference inference;
	unsigned probes = 0;

	infer_suggestion(observations, count, mac, &suggestion);
	infer_gather(&inference, observations, count, mac, &suggestion);
	put_hearsay(&inference.table, ret, &probes);
	if (suggestion.best.confidence > 0) {
		put_asked(&inference.table, ret, &probes);
		put_subnet_probes(&suggestion.best, ret, &probes);
		for (unsigned i = 0; i < suggestion.alternatives_count; i++)
			put_subnet_probes(&suggestion.alternatives[i], ret, &probes);
		put_longer_ends(&inference, ret, &probes);
		return probes;
	}
	for (size_t i = 0; i < ARRAY_SIZE(common); i++)
		put_probe(ret, &probes, common[i]);
	return probes;
}

unsigned infer_guesses(const struct observation *observations, size_t count,
		       const struct hardware_address *mac, struct in_addr ret[INFER_GUESSES_MAX])
{
	const struct inference inference = {observations, count, mac, .suggestion = NULL};
	struct suggestion suggestion;
	const struct suggested_subnet *subnets[] = {&suggestion.best, &suggestion.alternatives[0]};
	unsigned guesses = 0;

	infer_suggestion(observations, count, mac, &suggestion);
	if (suggestion.best.confidence == 0)
		return 0;
	for (unsigned i = 0; i < 1 + MIN(suggestion.alternatives_count, 1u); i++)
		for (unsigned salt = 1; salt <= GUESSES_A_SUBNET; salt++)
			put_probe(ret, &guesses,
				  infer_address(&inference, ntohl(subnets[i]->address.s_addr),
						subnets[i]->prefix, subnets[i]->prefix, salt));
	return guesses;
}
