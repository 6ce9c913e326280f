/* Which addresses count as being online. */
#pragma once

#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Is the announced IPv4 address neither link-local (169.254/16) nor of the loopback? `left` are the
 * bytes of its attributes. */
static inline bool is_routable(const struct ifaddrmsg *address, size_t left)
{
	for (struct rtattr *at = IFA_RTA(address); RTA_OK(at, left); at = RTA_NEXT(at, left)) {
		uint32_t value;

		if (at->rta_type != IFA_LOCAL || RTA_PAYLOAD(at) != sizeof(value))
			continue;
		memcpy(&value, RTA_DATA(at), sizeof(value));
		return ntohl(value) >> 16 != 0xa9fe && ntohl(value) >> 24 != 127;
	}
	return false;
}
