/*
 * One packet, with all that a rule can ask of it: a counterexample, or a question of somebody.
 */
#pragma once

#include "field.h"

#define PACKET_PROTOCOL_NONE 256	/* an IPv6 header that does not say where the payload is */
#define PACKET_USER_NONE     UINT32_MAX /* no uid: it came from outside, or the kernel sent it */

struct packet {
	uint8_t family; /* NFPROTO_IPV4 or NFPROTO_IPV6 */
	char in_link[PACKET_VALUE_MAX], out_link[PACKET_VALUE_MAX]; /* "" for none */
	uint8_t source[PACKET_VALUE_MAX], destination[PACKET_VALUE_MAX];
	uint16_t protocol; /* IPPROTO_* or PACKET_PROTOCOL_NONE */
	bool transport;	   /* its transport header can be read: it is no later fragment */
	uint16_t source_port,
		destination_port; /* the header's first bytes: of ICMP type and code */
	uint16_t original_port;
	uint8_t hop_limit;
	uint32_t state; /* one bit of enum packet_state */
	uint32_t status, user, mark;
	uint8_t packet_type, source_type, destination_type;
	bool reverse_path;
};

/* What the kernel reads for the field; false if the packet has no such field, and the rule that
 * asks for it does not match. */
bool packet_field_value(const struct packet *packet, enum packet_field field,
			struct packet_value *ret);

/* Whether the packet is what a match without a set asks for. */
bool packet_matches(const struct packet *packet, const struct match *match);

/* In words, such as "IPv4 TCP 10.0.0.7:40000 > 10.0.0.1:22 by eth0, new". */
void packet_describe(const struct packet *packet, struct text_buffer *text);

/* The name of a transport protocol, such as "TCP"; NULL if it has no short one. */
const char *packet_protocol_name(unsigned protocol);
