/* Who answers ARP for everything: told by answers to questions that hardly anybody can answer. */
#pragma once

#include "observation.h"

#define PROXIES_MAX 4

struct proxies {
	struct hardware_address macs[PROXIES_MAX];
	unsigned count;
};

/* The MACs that answered for at least three of the addresses that we guessed to be nobody's: a host
 * has one of them by a rare chance, and three by none. */
void proxies_find(const struct observation *observations, size_t count, struct proxies *ret);
bool proxies_have(const struct proxies *proxies, const struct hardware_address *mac);
