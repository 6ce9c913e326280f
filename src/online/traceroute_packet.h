/*
 * ICMP errors as a raw socket receives them: who complains of which packet (RFC 792, RFC 4443), and
 * the labels that an MPLS router adds (RFC 4884, RFC 4950). Pure.
 */
#pragma once

#include "base/base.h"

#define TRACE_LABELS_MAX 4

struct trace_label {
	uint32_t label; /* 20 bits */
	uint8_t traffic_class, ttl;
	bool bottom;
};

struct trace_error {
	uint8_t type, code;
	uint32_t mtu;		/* of "too large", 0 for not told */
	struct ip_address from; /* of IPv4; IPv6 tells it beside the packet */
	/* The packet complained of: */
	uint8_t protocol; /* IPPROTO_UDP, IPPROTO_ICMP, ... */
	struct ip_address target;
	const uint8_t *payload; /* behind its IP header; points into the bytes given */
	size_t payload_size;	/* at least 8 */
	struct trace_label labels[TRACE_LABELS_MAX];
	unsigned labels_count;
};

/* With the IP header for IPv4, without for IPv6. 0; 1 when it is no error, or quotes a later
 * fragment; -EBADMSG when it is damaged. */
int trace_error_parse(int family, const void *bytes, size_t size, struct trace_error *ret);
