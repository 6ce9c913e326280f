/* What the tests of the DHCP client share. */
#pragma once

#include "base/base.h"
#include "unit.h"

#define SECOND USEC_PER_SEC

static inline struct in_addr ip(const char *text)
{
	struct ip_address address;

	assert_int_equal(ip_address_parse(text, &address, NULL, NULL), 0);
	return address.v4;
}
