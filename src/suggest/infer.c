#include "inference.h"

uint8_t infer_prefix(const struct address_table *table, unsigned subnet, uint32_t *broadcast)
{
	unsigned longest = address_table_common(table, subnet), shortest = PREFIX_SHORTEST;
	bool conflict;

	*broadcast = address_table_broadcast(table, subnet, &conflict);
	if (*broadcast)
		shortest = address_table_shortest(*broadcast);
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
			 infer_doubts(inference, subnet, ret.address, &gateway, false);
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

/* The surest subnet with an address to spare is of more use than a surer one without. */
static bool is_better(const struct suggested_subnet *a, const struct suggested_subnet *b)
{
	if (!a->address.s_addr != !b->address.s_addr)
		return a->address.s_addr;
	return a->confidence > b->confidence;
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

void infer_gather(struct inference *inference, const struct observation *observations, size_t count,
		  const struct hardware_address *mac, struct suggestion *suggestion)
{
	*inference = (struct inference){observations, count, mac, .suggestion = suggestion};
	proxies_find(observations, count, &inference->proxies);
	address_table_gather(&inference->table, observations, count, mac, &inference->proxies);
	infer_proxies(inference);
	address_table_join(&inference->table);
}

void infer_suggestion(const struct observation *observations, size_t count,
		      const struct hardware_address *mac, struct suggestion *ret)
{
	struct inference inference;
	bool found = false;
	unsigned chosen = 0;

	*ret = (struct suggestion){0};
	infer_gather(&inference, observations, count, mac, ret);
	for (unsigned i = 0; i < inference.table.count; i++) {
		struct suggested_subnet each;

		if (inference.table.entries[i].subnet != i ||
		    address_table_living(&inference.table, i) == 0)
			continue;
		each = infer_subnet(&inference, i);
		if (!found || is_better(&each, &ret->best)) {
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
