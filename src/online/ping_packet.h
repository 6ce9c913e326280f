/*
 * Echo packets (RFC 792, RFC 4443): built, and recognised when they come back. Pure.
 */
#pragma once

#include "base/base.h"

#define PING_HEADER_SIZE 8 /* bytes of the echo header */
#define PING_TOKEN_SIZE	 8 /* bytes; leads the data, so that only our own answers count */

struct ping_identity {
	uint8_t family;
	uint16_t identifier;
	uint8_t token[PING_TOKEN_SIZE];
};

/* An echo request with `size` bytes of data. Returns its length, or -EMSGSIZE. */
int ping_packet_build(const struct ping_identity *identity, uint16_t sequence, size_t size,
		      void *buffer, size_t buffer_size);

struct ping_reply {
	uint16_t sequence;
	size_t size;		/* bytes of data */
	uint8_t ttl;		/* of an IPv4 answer; an IPv6 one tells it beside the packet */
	struct ip_address from; /* of an IPv4 answer */
};

/*
 * What a raw socket received: with the IP header for IPv4, without for IPv6 (whose checksum the
 * kernel has verified). 0; 1 when it is not an answer to `identity`; -EBADMSG when it is damaged.
 */
int ping_packet_parse(const struct ping_identity *identity, const void *bytes, size_t size,
		      struct ping_reply *ret);

/* Our own request as an ICMP error quotes it, from the echo header on. 0 and its sequence number,
 * or 1 when it is not of `identity`. */
int ping_packet_parse_quoted(const struct ping_identity *identity, const void *bytes, size_t size,
			     uint16_t *ret_sequence);
