/* What was heard on a link, in short: observations by their addresses, for tests of net.suggest. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "suggest/suggest.h"

static const struct hardware_address own = {.length = 6, .bytes = {2, 0, 0, 0, 0xee, 1}};

static inline struct in_addr v4(const char *text)
{
	struct ip_address address;

	assert_int_equal(ip_address_parse(text, &address, "test", NULL), 0);
	return address.v4;
}

static inline struct hardware_address mac_of(const char *address)
{
	struct hardware_address mac = {.length = 6, .bytes = {2, 1}};
	struct in_addr value = v4(address);

	memcpy(mac.bytes + 2, &value, 4);
	return mac;
}

static inline struct observation heard(enum observation_kind kind, const char *sender,
				       const char *target)
{
	return (struct observation){.kind = kind,
				    .mac = mac_of(sender),
				    .sender = v4(sender),
				    .target = v4(target),
				    .ttl = 64};
}

/* A question of our own. */
static inline struct observation asked(enum observation_kind kind, const char *target)
{
	return (struct observation){.kind = kind, .mac = own, .target = v4(target)};
}

#define ASK(sender, target)	  heard(OBSERVATION_ARP_REQUEST, sender, target)
#define BROADCAST(sender, target) heard(OBSERVATION_IPV4_BROADCAST, sender, target)

static inline void assert_address(struct in_addr address, const char *text)
{
	struct ip_address value = ip_address_v4(address.s_addr);
	char buffer[IP_ADDRESS_TEXT_MAX];

	assert_string_equal(ip_address_print(&value, buffer), text);
}

static inline void assert_free(const struct suggestion *suggestion,
			       const struct observation *observations, size_t count)
{
	struct in_addr address = suggestion->best.address;

	assert_int_not_equal(address.s_addr, 0);
	for (size_t i = 0; i < count; i++) {
		assert_int_not_equal(observations[i].sender.s_addr, address.s_addr);
		assert_int_not_equal(observations[i].target.s_addr, address.s_addr);
	}
}

/* Is the text part of the evidence? */
static inline bool says(const struct suggestion *suggestion, const char *text)
{
	for (unsigned i = 0; i < suggestion->evidence_count; i++)
		if (strstr(suggestion->evidence[i], text))
			return true;
	return false;
}
