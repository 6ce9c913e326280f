#include "inference.h"

#include <string.h>

#define RIVAL_SHARE    0.4 /* of the score of the best */
#define AGAIN	       0.1 /* of each repeated question, */
#define AGAIN_MOST     0.5 /* and of all */
#define ASKED_BY_ASKED 0.3
#define CHATS	       0.8 /* it speaks as hosts do */
#define MUTE	       0.3 /* it did not answer our question */
#define MUTE_SPEAKER   0.6 /* nor it did, but it speaks */

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

/* Hosts ask each other at times, and all of them their gateway. */
static bool asked_by_asked(const struct address_table *table, const struct known_address *known)
{
	for (unsigned i = 0; i < table->count; i++)
		for (unsigned k = 0; table->entries[i].witnesses && k < known->askers_count; k++)
			if (known->askers[k].address == table->entries[i].address)
				return true;
	return false;
}

static double score_questions(const struct address_table *table, const struct known_address *known)
{
	unsigned again = known->asked - known->witnesses;

	if (known->witnesses == 0)
		return 0;
	return known->witnesses + MIN(again * AGAIN, AGAIN_MOST) +
	       (asked_by_asked(table, known) ? ASKED_BY_ASKED : 0);
}

static bool is_end(uint32_t address, unsigned prefix)
{
	uint32_t mask = UINT32_MAX >> prefix, part = address & mask;

	return part == 1 || part + 1 == mask;
}

/* Gateways like the first or the last address, also of a prefix longer than it seems. */
static double score_place(const struct inference *inference, const struct known_address *known,
			  unsigned prefix)
{
	unsigned proved;

	if (!known->alive)
		return 0;
	if (is_end(known->address, prefix) || is_end(known->address, USUAL_PREFIX))
		return 1.5;
	proved = address_table_common(&inference->table, known->subnet);
	for (unsigned length = prefix + 1; !known->spoke && length < MIN(proved + 1, 30u); length++)
		if (is_end(known->address, length))
			return 0.9;
	return 0;
}

static struct gateway_score score_gateway(const struct inference *inference,
					  const struct known_address *known, unsigned prefix)
{
	struct gateway_score score = {.address = known,
				      .virtual_mac = is_virtual_router(&known->mac)};

	for (size_t i = 0; i < inference->count; i++) {
		const struct observation *each = &inference->observations[i];

		if (each->kind == OBSERVATION_DHCP_SERVER &&
		    ntohl(each->gateway.s_addr) == known->address)
			score.told = true;
		score.capability = score.capability ||
				   (each->router && ntohl(each->named.s_addr) == known->address);
		if (!known->mac.length || !hardware_address_equal(&each->mac, &known->mac))
			continue;
		score.advertises =
			score.advertises || each->kind == OBSERVATION_ROUTER_ADVERTISEMENT;
		score.capability = score.capability || each->router;
	}
	score.score = score_questions(&inference->table, known) + (score.virtual_mac ? 3 : 0) +
		      (score.advertises ? 3 : 0) + (score.capability ? 2 : 0) +
		      (score.told ? 5 : 0) + (known->router_group ? 2 : 0) +
		      score_place(inference, known, prefix);
	if (known->chats)
		score.score *= CHATS;
	if (known->probed && !known->answered)
		score.score *= known->spoke ? MUTE_SPEAKER : MUTE;
	return score;
}

/* Is there more to it than its place in the subnet? */
static bool is_candidate(const struct gateway_score *score)
{
	return score->address->witnesses || score->virtual_mac || score->advertises ||
	       score->capability || score->told || score->address->router_group;
}

struct gateway_score infer_gateway(const struct inference *inference, unsigned subnet,
				   unsigned prefix)
{
	struct gateway_score best = {0}, second = {0};

	for (unsigned i = 0; i < inference->table.count; i++) {
		struct gateway_score each;

		if (inference->table.entries[i].subnet != subnet)
			continue;
		each = score_gateway(inference, &inference->table.entries[i], prefix);
		if (each.score > best.score) {
			second = best;
			best = each;
		} else if (each.score > second.score) {
			second = each;
		}
	}
	if (second.score >= RIVAL_SHARE * best.score && second.address && is_candidate(&second))
		best.rival = second.address;
	return best;
}
