#include "inference.h"

#define GUESSES_A_SUBNET 3
#define HEARSAY_PROBES	 6

uint8_t infer_prefix(const struct address_table *table, unsigned subnet, uint32_t *broadcast)
{
	unsigned longest = address_table_common(table, subnet), shortest = 8;
	bool conflict;

	*broadcast = address_table_broadcast(table, subnet, &conflict);
	if (*broadcast)
		shortest = 32 - (unsigned)MIN(__builtin_ctzll(~(uint64_t)*broadcast), 24);
	if (shortest > longest) /* somebody's netmask is wrong */
		return (uint8_t)longest;
	return (uint8_t)MAX(shortest, MIN(longest, (unsigned)USUAL_PREFIX));
}

static struct suggested_subnet infer_subnet(const struct inference *inference, unsigned subnet)
{
	const struct address_table *table = &inference->table;
	unsigned living = address_table_living(table, subnet);
	struct suggested_subnet ret = {0};
	struct gateway_score gateway;
	uint32_t broadcast, near = table->entries[subnet].address, proved;

	ret.prefix = infer_prefix(table, subnet, &broadcast);
	gateway = infer_gateway(inference, subnet, ret.prefix);
	for (size_t i = 0; i < inference->count; i++)
		if (gateway.told && inference->observations[i].prefix &&
		    ntohl(inference->observations[i].gateway.s_addr) == gateway.address->address)
			ret.prefix = inference->observations[i].prefix;
	if (gateway.address)
		near = gateway.address->address;
	proved = address_table_common(table, subnet);
	ret.network.s_addr = htonl(near) & ip_length_to_netmask(ret.prefix);
	ret.gateway.s_addr = gateway.address ? htonl(gateway.address->address) : 0;
	ret.address.s_addr = htonl(infer_address(inference, near, proved, ret.prefix, 0));
	ret.confidence = MIN(0.1 * living, 0.3) + (broadcast ? 0.2 : 0) +
			 MIN(0.12 * gateway.score, 0.4) +
			 (gateway.address && gateway.address->alive ? 0.1 : 0);
	ret.confidence = MIN(ret.confidence, SUGGESTION_CONFIDENCE_MAX) *
			 infer_doubts(inference, subnet, &gateway, false);
	return ret;
}

static void insert(struct suggestion *suggestion, const struct suggested_subnet *subnet)
{
	unsigned at = suggestion->alternatives_count;

	if (at == SUGGESTION_ALTERNATIVES_MAX)
		at--;
	else
		suggestion->alternatives_count++;
	for (; at > 0 && suggestion->alternatives[at - 1].confidence < subnet->confidence; at--)
		suggestion->alternatives[at] = suggestion->alternatives[at - 1];
	suggestion->alternatives[at] = *subnet;
}

static void suggest_link_local(struct inference *inference)
{
	struct suggested_subnet *best = &inference->suggestion->best;

	best->network.s_addr = htonl(0xa9fe0000);
	best->prefix = 16;
	best->address.s_addr = htonl(infer_link_local(inference));
	infer_evidence(inference->suggestion,
		       "nothing of IPv4 was heard: only a link-local address "
		       "(RFC 3927) can be suggested");
}

void infer_suggestion(const struct observation *observations, size_t count,
		      const struct hardware_address *mac, struct suggestion *ret)
{
	struct inference inference = {observations, count, mac, {.count = 0}, {.count = 0}, ret};
	bool found = false;
	unsigned chosen = 0;

	*ret = (struct suggestion){0};
	proxies_find(observations, count, &inference.proxies);
	address_table_gather(&inference.table, observations, count, mac, &inference.proxies);
	infer_proxies(&inference);
	address_table_join(&inference.table);
	for (unsigned i = 0; i < inference.table.count; i++) {
		struct suggested_subnet each;

		if (inference.table.entries[i].subnet != i ||
		    address_table_living(&inference.table, i) == 0)
			continue;
		each = infer_subnet(&inference, i);
		if (!found || each.confidence > ret->best.confidence) {
			if (found)
				insert(ret, &ret->best);
			ret->best = each;
			chosen = i;
		} else {
			insert(ret, &each);
		}
		found = true;
	}
	if (found)
		infer_tell_subnet(&inference, chosen);
	else
		suggest_link_local(&inference);
	infer_tell_link(&inference);
}

static void put_probe(struct in_addr *ret, unsigned *count, uint32_t address)
{
	for (unsigned i = 0; i < *count; i++)
		if (ret[i].s_addr == htonl(address))
			return;
	if (*count < INFER_PROBES_MAX)
		ret[(*count)++].s_addr = htonl(address);
}

static void put_subnet_probes(const struct suggested_subnet *subnet, struct in_addr *ret,
			      unsigned *count)
{
	uint32_t network = ntohl(subnet->network.s_addr), mask = UINT32_MAX >> subnet->prefix;

	if (subnet->gateway.s_addr)
		put_probe(ret, count, ntohl(subnet->gateway.s_addr));
	put_probe(ret, count, network + 1);
	put_probe(ret, count, (network | mask) - 1);
}

/* What others told of and was not heard itself. */
static void put_hearsay(const struct observation *observations, size_t count,
			const struct hardware_address *mac, struct in_addr *ret, unsigned *probes)
{
	struct address_table table;
	const struct proxies none = {.count = 0};

	address_table_gather(&table, observations, count, mac, &none);
	for (unsigned i = 0; i < table.count && *probes < HEARSAY_PROBES; i++)
		if (table.entries[i].named && !table.entries[i].alive)
			put_probe(ret, probes, table.entries[i].address);
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
	unsigned probes = 0;

	infer_suggestion(observations, count, mac, &suggestion);
	put_hearsay(observations, count, mac, ret, &probes);
	if (suggestion.best.confidence > 0) {
		put_subnet_probes(&suggestion.best, ret, &probes);
		for (unsigned i = 0; i < suggestion.alternatives_count; i++)
			put_subnet_probes(&suggestion.alternatives[i], ret, &probes);
		return probes;
	}
	for (size_t i = 0; i < ARRAY_SIZE(common); i++)
		put_probe(ret, &probes, common[i]);
	return probes;
}

unsigned infer_guesses(const struct observation *observations, size_t count,
		       const struct hardware_address *mac, struct in_addr ret[INFER_GUESSES_MAX])
{
	const struct inference inference = {observations, count,	mac,
					    {.count = 0}, {.count = 0}, NULL};
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
