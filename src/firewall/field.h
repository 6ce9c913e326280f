/*
 * The fields of a packet: for each how the kernel loads it, how wide it is, and what nft calls it.
 */
#pragma once

#include "ruleset.h"

enum field_source {
	FIELD_OF_META,
	FIELD_OF_NETWORK_HEADER,
	FIELD_OF_TRANSPORT_HEADER,
	FIELD_OF_CONNECTION,
	FIELD_OF_ORIGINAL, /* of the connection's first packet, before any translation */
	FIELD_OF_ROUTES,
};

struct field_form {
	const char *text; /* as nft writes it */
	enum field_source source;
	uint16_t number; /* NFT_META_*, NFT_CT_*, the offset in the header in bytes, NFTA_FIB_F_* */
	uint8_t width;	 /* bytes */
	uint8_t family;	 /* NFPROTO_*, of a header that only one family has; else 0 */
	bool host_order; /* in a register of the kernel it is a number in the host's order */
	uint8_t type;	 /* of a set's key, as nft numbers them; 0: it is in no set of ours */
	const char *type_text;
};

const struct field_form *field_of(enum packet_field field);

/* Bytes that the field takes in a concatenation: whole words. */
unsigned field_room(enum packet_field field);

/* Values. Text is cut, as the kernel would. */
struct packet_value packet_value_number(enum packet_field field, uint32_t number);
struct packet_value packet_value_text(const char *text);
struct packet_value packet_value_address(const struct ip_address *address);
/* The first `length` bits set: the mask of a prefix. */
struct packet_value packet_value_mask(unsigned length);
/* All bits of the field set: its greatest value. */
struct packet_value packet_value_most(enum packet_field field);
uint32_t packet_value_to_number(enum packet_field field, const struct packet_value *value);
bool packet_value_equal(const struct packet_value *a, const struct packet_value *b);

/* The lowest and the highest address of a prefix. */
void packet_value_prefix(const struct ip_prefix *prefix, struct packet_value *ret_low,
			 struct packet_value *ret_high);
