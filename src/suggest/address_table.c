#include "address_table.h"

#include <string.h>

#define ASKED_MOST 1000u

#define GROUP_OSPF_ALL 0xe0000005
#define GROUP_OSPF_DR  0xe0000006
#define GROUP_RIP      0xe0000009
#define GROUP_EIGRP    0xe000000a
#define GROUP_VRRP     0xe0000012
#define GROUP_HSRP2    0xe0000066

unsigned prefix_common(uint32_t a, uint32_t b)
{
	return a == b ? 32 : (unsigned)__builtin_clz(a ^ b);
}

struct known_address *address_table_find(struct address_table *table, uint32_t address)
{
	for (unsigned i = 0; i < table->count; i++)
		if (table->entries[i].address == address)
			return &table->entries[i];
	return NULL;
}

/* A host's address: not unspecified, loopback, link-local, multicast or broadcast. */
static bool is_host(uint32_t address)
{
	return address >> 24 != 0 && address >> 24 != 127 && address >> 24 < 224 &&
	       address >> 16 != 0xa9fe;
}

/* Finds or adds; a MAC adds no more than its share, so that a scanner or liar fills no table. */
static struct known_address *entry(struct address_table *table, uint32_t address,
				   const struct hardware_address *introducer)
{
	struct known_address *found = address_table_find(table, address);
	unsigned introduced = 0;

	if (found || !is_host(address) || table->count == ADDRESS_TABLE_MAX)
		return found;
	for (unsigned i = 0; i < table->count; i++)
		introduced += memcmp(table->entries[i].introducer, introducer->bytes, 6) == 0;
	if (introduced >= CLAIMS_MAX)
		return NULL;
	found = &table->entries[table->count];
	*found = (struct known_address){.address = address, .subnet = table->count++};
	memcpy(found->introducer, introducer->bytes, 6);
	return found;
}

static void add_asker(struct known_address *asked, const struct observation *observation)
{
	uint32_t address = ntohl(observation->sender.s_addr);
	uint16_t times = (uint16_t)MIN(MAX(observation->times, 1u), ASKED_MOST);
	struct asker *asker;
	unsigned same = 0;

	for (unsigned i = 0; i < asked->askers_count; i++) {
		asker = &asked->askers[i];
		if (memcmp(asker->mac, observation->mac.bytes, 6) != 0)
			continue;
		if (asker->address == address) {
			asker->times = (uint16_t)MIN(asker->times + times, ASKED_MOST);
			return;
		}
		same++;
	}
	if (same >= CLAIMS_DOUBTED || asked->askers_count == ASKERS_MAX)
		return;
	asker = &asked->askers[asked->askers_count++];
	*asker = (struct asker){.address = address, .times = times};
	memcpy(asker->mac, observation->mac.bytes, 6);
}

static bool is_router_group(uint32_t group)
{
	static const uint32_t groups[] = {GROUP_OSPF_ALL, GROUP_OSPF_DR, GROUP_RIP,
					  GROUP_EIGRP,	  GROUP_VRRP,	 GROUP_HSRP2};

	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		if (groups[i] == group)
			return true;
	return false;
}

/* Can it be the last address of a subnet that the sender is in? */
static bool is_broadcast_of(uint32_t sender, uint32_t to)
{
	uint32_t host = UINT32_MAX >> PREFIX_LONGEST;

	return (to & host) == host && prefix_common(sender, to) >= PREFIX_SHORTEST;
}

/* Addresses inside of what was said: they are worth a question, and no proof. */
static void gather_hearsay(struct address_table *table, const struct observation *observation)
{
	const struct in_addr hearsay[] = {observation->named, observation->gateway,
					  observation->server};

	for (size_t i = 0; i < ARRAY_SIZE(hearsay); i++) {
		struct known_address *known =
			entry(table, ntohl(hearsay[i].s_addr), &observation->mac);

		if (known)
			known->named = true;
	}
}

static void gather(struct address_table *table, const struct observation *observation)
{
	uint32_t from = ntohl(observation->sender.s_addr);
	uint32_t to = ntohl(observation->target.s_addr);
	struct known_address *sender = NULL, *target;

	gather_hearsay(table, observation);
	if (observation->kind > OBSERVATION_IPV4_MULTICAST)
		return;
	/* A packet of IPv4 may come from a router's other side: with the TTL of a hop less. */
	if (observation->kind <= OBSERVATION_ARP_REPLY || observation->ttl == 1 ||
	    observation->ttl == 64 || observation->ttl >= 128)
		sender = entry(table, from, &observation->mac);
	if (sender) {
		sender->alive = true;
		sender->answered = sender->answered || observation->kind == OBSERVATION_ARP_REPLY;
		sender->spoke = sender->spoke || observation->kind != OBSERVATION_ARP_REPLY;
		if (!sender->mac.length)
			sender->mac = observation->mac;
		else if (!hardware_address_equal(&sender->mac, &observation->mac))
			sender->contested = true;
	}
	if (sender && observation->kind == OBSERVATION_IPV4_BROADCAST && is_broadcast_of(from, to))
		sender->broadcast = to;
	if (sender && observation->kind == OBSERVATION_IPV4_MULTICAST)
		sender->router_group = sender->router_group || is_router_group(to);
	if (sender && observation->kind >= OBSERVATION_IPV4_BROADCAST)
		sender->chats = !sender->router_group;
	if (observation->kind != OBSERVATION_ARP_REQUEST || from == to)
		return;
	target = entry(table, to, &observation->mac);
	if (target && sender)
		add_asker(target, observation);
}

/* ---- who is believed ---- */

static unsigned count_askers(const struct known_address *asked, const uint8_t mac[6])
{
	unsigned same = 0;

	for (unsigned i = 0; i < asked->askers_count; i++)
		same += memcmp(asked->askers[i].mac, mac, 6) == 0;
	return same;
}

/* One that asks for the same from many addresses is no witness at all. */
static void count_witnesses(struct known_address *known)
{
	known->witnesses = known->asked = 0;
	for (unsigned i = 0; i < known->askers_count; i++) {
		const struct asker *asker = &known->askers[i];
		bool first = true;

		if (memcmp(asker->mac, known->mac.bytes, 6) == 0 ||
		    count_askers(known, asker->mac) >= CLAIMS_DOUBTED)
			continue;
		for (unsigned k = 0; k < i; k++)
			first = first && memcmp(asker->mac, known->askers[k].mac, 6) != 0;
		known->witnesses += first;
		known->asked += asker->times;
	}
}

/* Has the MAC asked somebody from as many addresses as are doubted? */
static bool asks_from_many(const struct address_table *table, const struct hardware_address *mac)
{
	for (unsigned i = 0; i < table->count; i++)
		if (count_askers(&table->entries[i], mac->bytes) >= CLAIMS_DOUBTED)
			return true;
	return false;
}

/* Addresses close to this one that its MAC spoke from, and that nobody else wants. A router has one
 * of each subnet, or is asked for them. */
static unsigned count_claims(const struct address_table *table, const struct known_address *known)
{
	unsigned claims = 0;

	for (unsigned i = 0; i < table->count; i++) {
		const struct known_address *each = &table->entries[i];

		claims += each->spoke && each->witnesses == 0 &&
			  prefix_common(each->address, known->address) >= USUAL_PREFIX &&
			  hardware_address_equal(&each->mac, &known->mac);
	}
	return claims;
}

static bool is_first_of_mac(const struct address_table *table, unsigned i)
{
	for (unsigned k = 0; k < i; k++)
		if (hardware_address_equal(&table->entries[k].mac, &table->entries[i].mac))
			return false;
	return true;
}

/* Of one that claims many addresses only the first is believed, and those that others ask for; of
 * one that asks the same from many not even that. */
static void doubt(struct address_table *table)
{
	bool doubted[ADDRESS_TABLE_MAX] = {false};

	for (unsigned i = 0; i < table->count; i++) {
		const struct known_address *known = &table->entries[i];

		doubted[i] = known->spoke && known->witnesses == 0 &&
			     (asks_from_many(table, &known->mac) ||
			      (!is_first_of_mac(table, i) &&
			       count_claims(table, known) >= CLAIMS_DOUBTED));
	}
	for (unsigned i = 0; i < table->count; i++)
		if (doubted[i])
			table->entries[i].alive = false;
}

static void note_proxy(struct address_table *table, const struct observation *observation)
{
	struct known_address *known =
		entry(table, ntohl(observation->sender.s_addr), &observation->mac);

	if (known)
		known->proxy = observation->mac;
}

/* A proxy's answer for a gateway that is asked for may be the gateway's own. */
static void believe_proxy(struct known_address *known)
{
	if (!known->proxy.length || known->mac.length || known->witnesses == 0)
		return;
	known->mac = known->proxy;
	known->alive = known->answered = true;
}

static void note_probe(struct address_table *table, uint32_t address)
{
	struct known_address *known = address_table_find(table, address);

	if (known)
		known->probed = true;
}

void address_table_gather(struct address_table *table, const struct observation *observations,
			  size_t count, const struct hardware_address *own,
			  const struct proxies *proxies)
{
	table->count = 0;
	for (size_t i = 0; i < count; i++)
		if (observations[i].kind == OBSERVATION_ARP_REPLY &&
		    proxies_have(proxies, &observations[i].mac))
			note_proxy(table, &observations[i]);
		else if (!hardware_address_equal(&observations[i].mac, own))
			gather(table, &observations[i]);
	for (size_t i = 0; i < count; i++)
		if (observation_is_own(&observations[i]))
			note_probe(table, ntohl(observations[i].target.s_addr));
	for (unsigned i = 0; i < table->count; i++)
		count_witnesses(&table->entries[i]);
	for (unsigned i = 0; i < table->count; i++)
		believe_proxy(&table->entries[i]);
	doubt(table);
}
