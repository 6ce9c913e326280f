#include "types.h"

#include <string.h>

static const char *const object_kind_texts[_OBJECT_KIND_MAX] = {
	[OBJECT_LINK] = "link", [OBJECT_ADDRESS] = "address",	  [OBJECT_ROUTE] = "route",
	[OBJECT_RULE] = "rule", [OBJECT_NEIGHBOUR] = "neighbour",
};

static const char *const link_kind_texts[_LINK_KIND_MAX] = {
	[LINK_ETHERNET] = "ethernet", [LINK_LOOPBACK] = "loopback", [LINK_WIFI] = "wifi",
	[LINK_BRIDGE] = "bridge",     [LINK_VETH] = "veth",	    [LINK_TUN] = "tun",
	[LINK_BOND] = "bond",	      [LINK_VLAN] = "vlan",	    [LINK_WIREGUARD] = "wireguard",
	[LINK_MACVLAN] = "macvlan",   [LINK_VXLAN] = "vxlan",	    [LINK_DUMMY] = "dummy",
	[LINK_VIRTUAL] = "virtual",
};

const char *object_kind_text(enum object_kind kind)
{
	return object_kind_texts[kind];
}

const char *link_kind_text(enum link_kind kind)
{
	return link_kind_texts[kind];
}

/* ---- identity ---- */

static uint32_t hash_mix(uint32_t hash, uint32_t word)
{
	hash = (hash ^ word) * 0x85ebca6bu;
	return hash ^ hash >> 15;
}

static uint32_t hash_address(uint32_t hash, const struct ip_address *address)
{
	uint32_t words[4];

	memcpy(words, address->bytes, sizeof(words));
	hash = hash_mix(hash, words[0]);
	if (address->family != AF_INET6)
		return hash;
	hash = hash_mix(hash, words[1]);
	hash = hash_mix(hash, words[2]);
	return hash_mix(hash, words[3]);
}

static uint32_t hash_prefix(uint32_t hash, const struct ip_prefix *prefix)
{
	return hash_mix(hash_address(hash, &prefix->address), prefix->length);
}

static uint32_t link_hash(const void *object)
{
	const struct link *link = object;

	return hash_mix(0, (uint32_t)link->index);
}

static bool link_same(const void *a, const void *b)
{
	return ((const struct link *)a)->index == ((const struct link *)b)->index;
}

/* The parser zeroes a link before it fills it, padding too, and links are copied as bytes. */
static bool link_equal(const void *a, const void *b)
{
	struct link left, right;

	memcpy(&left, a, sizeof(left));
	memcpy(&right, b, sizeof(right));
	memset(&left.statistics, 0, sizeof(left.statistics));
	memset(&right.statistics, 0, sizeof(right.statistics));
	return !memcmp(&left, &right, sizeof(left));
}

static uint32_t address_hash(const void *object)
{
	const struct address *address = object;

	return hash_prefix(hash_mix(1, (uint32_t)address->link), &address->prefix);
}

static bool address_same(const void *a, const void *b)
{
	const struct address *left = a, *right = b;

	return left->link == right->link && ip_prefix_equal(&left->prefix, &right->prefix) &&
	       ip_address_equal(&left->peer, &right->peer);
}

/* A lifetime that is shorter than before, and was finite before, has only run on. */
static bool lifetime_ran_on(uint32_t before, uint32_t after)
{
	return before == after || (before != UINT32_MAX && after < before && after > 0);
}

static bool address_equal(const void *a, const void *b)
{
	const struct address *left = a, *right = b;

	return address_same(left, right) && left->scope == right->scope &&
	       left->protocol == right->protocol && left->flags == right->flags &&
	       left->metric == right->metric &&
	       ip_address_equal(&left->broadcast, &right->broadcast) &&
	       lifetime_ran_on(left->preferred, right->preferred) &&
	       lifetime_ran_on(left->valid, right->valid);
}

bool route_same_place(const struct route *a, const struct route *b)
{
	return a->table == b->table && a->metric == b->metric && a->tos == b->tos &&
	       ip_prefix_equal(&a->destination, &b->destination);
}

static uint32_t route_hash(const void *object)
{
	const struct route *route = object;
	uint32_t hash = hash_prefix(2, &route->destination);

	return hash_mix(hash_mix(hash, route->table), route->metric ^ (uint32_t)route->tos << 24);
}

static bool route_same(const void *a, const void *b)
{
	const struct route *left = a, *right = b;

	return route_same_place(left, right) && left->link == right->link &&
	       left->protocol == right->protocol && left->type == right->type &&
	       left->scope == right->scope && left->mtu == right->mtu &&
	       left->nexthops == right->nexthops &&
	       ip_address_equal(&left->gateway, &right->gateway) &&
	       ip_address_equal(&left->source, &right->source);
}

static bool route_equal(const void *a, const void *b)
{
	const struct route *left = a, *right = b;

	return route_same(left, right) && left->flags == right->flags &&
	       left->digest == right->digest;
}

static uint32_t rule_hash(const void *object)
{
	const struct rule *rule = object;

	return hash_mix(hash_mix(3, rule->priority), rule->family);
}

static bool rule_same(const void *a, const void *b)
{
	const struct rule *left = a, *right = b;

	return left->family == right->family && left->priority == right->priority &&
	       left->table == right->table && left->action == right->action &&
	       left->protocol == right->protocol && left->invert == right->invert &&
	       left->mark == right->mark && left->mask == right->mask &&
	       left->least_length == right->least_length && left->others == right->others &&
	       ip_prefix_equal(&left->source, &right->source) &&
	       ip_prefix_equal(&left->destination, &right->destination) &&
	       !strcmp(left->input, right->input) && !strcmp(left->output, right->output);
}

/* A rule is never changed, only deleted and added. */
static bool rule_equal(const void *a, const void *b)
{
	return rule_same(a, b);
}

static uint32_t neighbour_hash(const void *object)
{
	const struct neighbour *neighbour = object;

	return hash_address(hash_mix(4, (uint32_t)neighbour->link), &neighbour->address);
}

static bool neighbour_same(const void *a, const void *b)
{
	const struct neighbour *left = a, *right = b;

	return left->link == right->link && ip_address_equal(&left->address, &right->address);
}

static bool neighbour_equal(const void *a, const void *b)
{
	const struct neighbour *left = a, *right = b;

	return neighbour_same(left, right) && left->state == right->state &&
	       left->flags == right->flags && hardware_address_equal(&left->mac, &right->mac);
}

#define KIND(name)                                                                                 \
	{                                                                                          \
		sizeof(struct name), name##_hash, name##_same, name##_equal                        \
	}

static const struct {
	size_t size;
	uint32_t (*hash)(const void *object);
	bool (*same)(const void *a, const void *b);
	bool (*equal)(const void *a, const void *b);
} kinds[_OBJECT_KIND_MAX] = {
	[OBJECT_LINK] = KIND(link),	      [OBJECT_ADDRESS] = KIND(address),
	[OBJECT_ROUTE] = KIND(route),	      [OBJECT_RULE] = KIND(rule),
	[OBJECT_NEIGHBOUR] = KIND(neighbour),
};

size_t object_size(enum object_kind kind)
{
	return kinds[kind].size;
}

uint32_t object_hash(enum object_kind kind, const void *object)
{
	return kinds[kind].hash(object);
}

bool object_same(enum object_kind kind, const void *a, const void *b)
{
	return kinds[kind].same(a, b);
}

bool object_equal(enum object_kind kind, const void *a, const void *b)
{
	return kinds[kind].equal(a, b);
}
