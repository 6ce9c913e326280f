#include "infer.h"

#include <stdio.h>
#include <string.h>

#include "address_table.h"

#define USUAL_PREFIX  24
#define PROXY_ANSWERS 3	  /* addresses of one MAC that are more than a router's own */
#define POOL_FIRST    100 /* last octets that DHCP servers commonly hand out */
#define POOL_LAST     199
#define SEARCH_MOST   65536

struct inference {
	const struct observation *observations;
	size_t count;
	const struct hardware_address *mac;
	struct address_table table;
	struct suggestion *suggestion;
};

struct gateway_score {
	const struct known_address *address;
	double score;
	bool virtual_mac, advertises, capability, told;
};

static void put_evidence(struct suggestion *suggestion, const char *format, ...) _printf_(2, 3);

static void put_evidence(struct suggestion *suggestion, const char *format, ...)
{
	va_list arguments;

	if (suggestion->evidence_count == SUGGESTION_EVIDENCE_MAX)
		return;
	va_start(arguments, format);
	vsnprintf(suggestion->evidence[suggestion->evidence_count++], SUGGESTION_TEXT_MAX, format,
		  arguments);
	va_end(arguments);
}

static const char *print(uint32_t address, char *buffer)
{
	struct ip_address value = ip_address_v4(htonl(address));

	return ip_address_print(&value, buffer);
}

/* ---- the prefix ---- */

/*
 * Between the shortest prefix whose last address is the broadcast address that was seen, and the
 * longest that holds all that was heard, the commonest one.
 */
static uint8_t infer_prefix(const struct address_table *table, unsigned subnet, uint32_t *broadcast)
{
	unsigned longest = address_table_common(table, subnet), shortest = 8;

	*broadcast = 0;
	for (unsigned i = 0; i < table->count; i++)
		if (table->entries[i].subnet == subnet && table->entries[i].broadcast)
			*broadcast = table->entries[i].broadcast;
	if (*broadcast)
		shortest = 32 - (unsigned)MIN(__builtin_ctzll(~(uint64_t)*broadcast), 24);
	if (shortest > longest) /* somebody's netmask is wrong */
		return (uint8_t)longest;
	return (uint8_t)MAX(shortest, MIN(longest, (unsigned)USUAL_PREFIX));
}

/* ---- the gateway ---- */

/* VRRP (RFC 9568 7.3), HSRP, HSRP version 2 and GLBP */
static bool is_virtual_router(const struct hardware_address *mac)
{
	static const uint8_t prefixes[][5] = {{0x00, 0x00, 0x5e, 0x00, 0x01},
					      {0x00, 0x00, 0x0c, 0x07, 0xac},
					      {0x00, 0x00, 0x0c, 0x9f, 0xf0},
					      {0x00, 0x07, 0xb4, 0x00, 0x00}};

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (mac->length == 6 && memcmp(mac->bytes, prefixes[i], 5) == 0)
			return true;
	return false;
}

static struct gateway_score score_gateway(const struct inference *inference,
					  const struct known_address *known, unsigned prefix)
{
	struct gateway_score score = {.address = known,
				      .virtual_mac = is_virtual_router(&known->mac)};
	uint32_t part = known->address & (UINT32_MAX >> prefix);

	for (size_t i = 0; i < inference->count; i++) {
		const struct observation *each = &inference->observations[i];

		if (each->kind == OBSERVATION_DHCP_SERVER &&
		    ntohl(each->gateway.s_addr) == known->address)
			score.told = true;
		if (!known->mac.length || !hardware_address_equal(&each->mac, &known->mac))
			continue;
		score.advertises =
			score.advertises || each->kind == OBSERVATION_ROUTER_ADVERTISEMENT;
		score.capability =
			score.capability || (each->kind == OBSERVATION_LLDP && each->router);
	}
	score.score = known->witnesses + (score.virtual_mac ? 3 : 0) + (score.advertises ? 3 : 0) +
		      (score.capability ? 2 : 0) + (score.told ? 5 : 0) +
		      (known->router_group ? 2 : 0);
	if (known->alive && (part == 1 || part == (UINT32_MAX >> prefix) - 1 ||
			     (known->address & 0xff) == 1 || (known->address & 0xff) == 254))
		score.score += 1.5;
	return score;
}

static struct gateway_score find_gateway(const struct inference *inference, unsigned subnet,
					 unsigned prefix)
{
	struct gateway_score best = {0};

	for (unsigned i = 0; i < inference->table.count; i++) {
		struct gateway_score each;

		if (inference->table.entries[i].subnet != subnet)
			continue;
		each = score_gateway(inference, &inference->table.entries[i], prefix);
		if (each.score > best.score)
			best = each;
	}
	return best;
}

/* ---- an address that nobody has ---- */

static bool is_taken(const struct inference *inference, uint32_t address, bool avoid_pools)
{
	uint32_t last = address & 0xff;

	for (size_t i = 0; i < inference->count; i++) {
		const struct observation *each = &inference->observations[i];

		if (!hardware_address_equal(&each->mac, inference->mac) &&
		    (ntohl(each->sender.s_addr) == address ||
		     ntohl(each->target.s_addr) == address))
			return true;
	}
	if (last == 0 || last == 255)
		return true;
	return avoid_pools &&
	       (last == 1 || last == 254 || (last >= POOL_FIRST && last <= POOL_LAST));
}

/* FNV-1a */
static uint32_t hash_mac(const struct hardware_address *mac)
{
	uint32_t hash = 2166136261u;

	for (unsigned i = 0; i < mac->length; i++)
		hash = (hash ^ mac->bytes[i]) * 16777619u;
	return hash ^ hash >> 15;
}

/* An odd step meets every host of a power of two once. */
static uint32_t find_free(const struct inference *inference, uint32_t near, unsigned prefix,
			  bool avoid_pools)
{
	uint32_t mask = UINT32_MAX >> prefix, hash = hash_mac(inference->mac);
	uint32_t step = hash >> 8 | 1, limit = MIN(mask, (uint32_t)SEARCH_MOST);

	for (uint32_t i = 0; i <= limit; i++) {
		uint32_t part = (hash + i * step) & mask;

		if (part > 1 && part + 1 < mask &&
		    !is_taken(inference, (near & ~mask) | part, avoid_pools))
			return (near & ~mask) | part;
	}
	for (uint32_t part = 1; !avoid_pools && part < MIN(mask, (uint32_t)SEARCH_MOST); part++)
		if (!is_taken(inference, (near & ~mask) | part, false))
			return (near & ~mask) | part;
	return 0;
}

/* First within the smallest prefix that was proved: the real one may be longer than the commonest.
 */
static uint32_t choose_address(const struct inference *inference, uint32_t near, unsigned proved,
			       unsigned prefix)
{
	uint32_t address = 0;

	for (unsigned length = MAX(proved, prefix); !address && length >= prefix; length--)
		for (unsigned avoid = 2; !address && avoid-- > 0;)
			address = find_free(inference, near, length, avoid);
	return address;
}

/* ---- one subnet ---- */

static struct suggested_subnet infer_subnet(const struct inference *inference, unsigned subnet)
{
	const struct address_table *table = &inference->table;
	unsigned living = address_table_living(table, subnet);
	struct suggested_subnet ret = {0};
	struct gateway_score gateway;
	uint32_t broadcast, near = table->entries[subnet].address, proved;

	ret.prefix = infer_prefix(table, subnet, &broadcast);
	gateway = find_gateway(inference, subnet, ret.prefix);
	for (size_t i = 0; i < inference->count; i++)
		if (gateway.told && inference->observations[i].prefix &&
		    ntohl(inference->observations[i].gateway.s_addr) == gateway.address->address)
			ret.prefix = inference->observations[i].prefix;
	if (gateway.address)
		near = gateway.address->address;
	proved = address_table_common(table, subnet);
	ret.network.s_addr = htonl(near) & ip_length_to_netmask(ret.prefix);
	ret.gateway.s_addr = gateway.address ? htonl(gateway.address->address) : 0;
	ret.address.s_addr = htonl(choose_address(inference, near, proved, ret.prefix));
	ret.confidence = MIN(0.1 * living, 0.3) + (broadcast ? 0.2 : 0) +
			 MIN(0.12 * gateway.score, 0.4) +
			 (gateway.address && gateway.address->alive ? 0.1 : 0);
	return ret;
}

/* ---- in words ---- */

static void tell_gateway(const struct inference *inference, const struct gateway_score *gateway)
{
	struct suggestion *suggestion = inference->suggestion;
	char text[IP_ADDRESS_TEXT_MAX], mac[HARDWARE_ADDRESS_TEXT_MAX] = "";
	const struct known_address *known = gateway->address;

	if (!known) {
		put_evidence(suggestion, "nobody was asked for as a gateway is");
		return;
	}
	print(known->address, text);
	hardware_address_print(&known->mac, mac);
	if (known->witnesses)
		put_evidence(suggestion, "%u host%s asked by ARP for %s", known->witnesses,
			     known->witnesses == 1 ? "" : "s", text);
	if (known->alive)
		put_evidence(suggestion, "%s is there, with MAC %s", text, mac);
	if (gateway->virtual_mac)
		put_evidence(suggestion, "%s has the MAC of a virtual router (%s)", text, mac);
	if (gateway->advertises)
		put_evidence(suggestion, "the MAC of %s sends IPv6 router advertisements", text);
	if (gateway->capability)
		put_evidence(suggestion, "LLDP of the MAC of %s says that it routes", text);
	if (known->router_group)
		put_evidence(suggestion, "%s speaks a routing or redundancy protocol", text);
	if (gateway->told)
		put_evidence(suggestion, "a DHCP server told another host that %s is the gateway",
			     text);
}

static void tell_subnet(const struct inference *inference, unsigned subnet)
{
	struct suggestion *suggestion = inference->suggestion;
	struct gateway_score gateway;
	char text[IP_ADDRESS_TEXT_MAX], network[IP_ADDRESS_TEXT_MAX];
	uint32_t broadcast;
	unsigned living = address_table_living(&inference->table, subnet);

	put_evidence(suggestion, "%u host%s of %s/%u heard", living, living == 1 ? "" : "s",
		     print(ntohl(suggestion->best.network.s_addr), network),
		     suggestion->best.prefix);
	(void)infer_prefix(&inference->table, subnet, &broadcast);
	if (broadcast)
		put_evidence(suggestion, "broadcasts to %s bound the prefix",
			     print(broadcast, text));
	else
		put_evidence(suggestion,
			     "no broadcast address was seen: /%u is the commonest "
			     "prefix that holds all that were heard",
			     suggestion->best.prefix);
	gateway = find_gateway(inference, subnet, suggestion->best.prefix);
	tell_gateway(inference, &gateway);
}

static void tell_link(const struct inference *inference)
{
	struct suggestion *suggestion = inference->suggestion;
	bool spanning_tree = false;

	for (size_t i = 0; i < inference->count; i++) {
		const struct observation *each = &inference->observations[i];

		spanning_tree = spanning_tree || each->kind == OBSERVATION_BPDU;
		suggestion->dhcp_server =
			suggestion->dhcp_server || each->kind == OBSERVATION_DHCP_SERVER;
		if (each->kind == OBSERVATION_DHCP_SERVER && each->dns.s_addr)
			suggestion->dns = each->dns;
	}
	if (suggestion->dhcp_server)
		put_evidence(suggestion, "a DHCP server answered another host");
	if (suggestion->proxy_arp)
		put_evidence(suggestion,
			     "one MAC answers for %u addresses or more: proxy ARP, its "
			     "answers prove no host",
			     PROXY_ANSWERS);
	if (spanning_tree)
		put_evidence(suggestion,
			     "a switch speaks STP: its port may have been mute at first");
}

/* ---- all ---- */

/* One MAC that answers for many addresses. Its answers are no hosts: what nobody else asked for and
 * what never spoke up otherwise is left out of the record by not counting as alive. */
static void find_proxies(struct inference *inference)
{
	struct address_table *table = &inference->table;

	for (unsigned i = 0; i < table->count; i++) {
		unsigned same = 0;

		for (unsigned k = 0; k < table->count; k++)
			same += table->entries[i].mac.length &&
				hardware_address_equal(&table->entries[i].mac,
						       &table->entries[k].mac);
		if (same < PROXY_ANSWERS)
			continue;
		inference->suggestion->proxy_arp = true;
		table->entries[i].alive = table->entries[i].witnesses > 0;
	}
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
	/* RFC 3927 2.1: the first and last 256 addresses are reserved */
	best->address.s_addr = htonl(0xa9fe0100 + hash_mac(inference->mac) % (0xfe00));
	put_evidence(inference->suggestion, "nothing of IPv4 was heard: only a link-local address "
					    "(RFC 3927) can be suggested");
}

void infer_suggestion(const struct observation *observations, size_t count,
		      const struct hardware_address *mac, struct suggestion *ret)
{
	struct inference inference = {observations, count, mac, {.count = 0}, ret};
	bool found = false;
	unsigned chosen = 0;

	*ret = (struct suggestion){0};
	address_table_gather(&inference.table, observations, count, mac);
	find_proxies(&inference);
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
		tell_subnet(&inference, chosen);
	else
		suggest_link_local(&inference);
	tell_link(&inference);
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
