#include "inference.h"

#include <string.h>

#define RIVAL_SHARE  0.4 /* of the score of the best */
#define MUTE	     0.3 /* it did not answer our question */
#define MUTE_SPEAKER 0.6 /* nor it did, but it speaks */

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
		score.capability = score.capability ||
				   (each->router && ntohl(each->named.s_addr) == known->address);
		if (!known->mac.length || !hardware_address_equal(&each->mac, &known->mac))
			continue;
		score.advertises =
			score.advertises || each->kind == OBSERVATION_ROUTER_ADVERTISEMENT;
		score.capability = score.capability || each->router;
	}
	score.score = known->witnesses + (score.virtual_mac ? 3 : 0) + (score.advertises ? 3 : 0) +
		      (score.capability ? 2 : 0) + (score.told ? 5 : 0) +
		      (known->router_group ? 2 : 0);
	if (known->alive && (part == 1 || part == (UINT32_MAX >> prefix) - 1 ||
			     (known->address & 0xff) == 1 || (known->address & 0xff) == 254))
		score.score += 1.5;
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
