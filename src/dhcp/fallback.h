/*
 * What a link has while no DHCP server answers, when somebody who knows the network has said so:
 * one address, its gateway, name servers. It is in use from the start, and given up for a lease.
 */
#pragma once

#include "base/base.h"

#define FALLBACK_SERVERS_MAX 3

struct dhcp_fallback {
	struct in_addr address; /* 0.0.0.0: there is none */
	uint8_t prefix_length;
	struct in_addr gateway; /* 0.0.0.0 for none */
	unsigned dns_count;
	struct in_addr dns[FALLBACK_SERVERS_MAX];
};

/* {"address": "192.0.2.7/24", "gateway", "dns": [...]}; NULL or JSON null is none. Errors name the
 * member. */
int fallback_parse(const json_t *object, struct dhcp_fallback *ret, struct error *error);
/* The same as JSON; NULL when memory is exhausted. Of none: JSON null. */
json_t *fallback_print(const struct dhcp_fallback *fallback);
bool fallback_equal(const struct dhcp_fallback *a, const struct dhcp_fallback *b);
