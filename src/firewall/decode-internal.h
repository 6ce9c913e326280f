/* What the files that read the kernel's rulesets share. */
#pragma once

#include "decode.h"

struct nftnl_rule;

/* What the kernel's rule says, as far as ruleset.h can hold it; the rest is unknown. */
void decode_rule(const struct ruleset *ruleset, const struct nftnl_rule *kernel,
		 struct filter_rule *ret);

/* ---- following a rule's registers ---- */

#define REGISTER_WORDS 16

struct loaded {
	bool known;
	uint8_t source; /* enum field_source */
	uint8_t base;	/* of a header: NFT_PAYLOAD_* */
	uint32_t number;
	uint32_t width;
	bool masked;
	uint8_t mask[PACKET_VALUE_MAX];
};

struct decoder {
	const struct ruleset *ruleset;
	struct filter_rule *rule;
	struct loaded words[REGISTER_WORDS]; /* what begins at each */
	uint8_t family;
	uint8_t protocol;
};

/* Room for a match more; NULL, and the rule is unknown, where it has too many. */
struct match *decoder_add_match(struct decoder *decoder);

/* Of a header, the field that begins at byte `number` and is at most `width` wide (0: any); else
 * the field of that number. -1: none that we know. */
int decoder_field(const struct decoder *decoder, const struct loaded *loaded, uint32_t number,
		  uint32_t width);
bool loaded_is_header(const struct loaded *loaded);
/* A value of a register as a packet has it. */
struct packet_value loaded_value(enum packet_field number, const void *bytes, uint32_t size);

/* What was loaded is (or is not) these bytes; false, where that is beyond ruleset.h. */
bool decoder_put_equal(struct decoder *decoder, const struct loaded *loaded, const uint8_t *bytes,
		       uint32_t size, bool negated);
/* It is at least, or at most, these bytes. */
bool decoder_put_bound(struct decoder *decoder, const struct loaded *loaded, const uint8_t *bytes,
		       uint32_t size, bool least);
void decoder_put_range(struct decoder *decoder, enum packet_field field,
		       const struct packet_value *low, const struct packet_value *high,
		       bool negated);
