/* The words by which nft's language names fields and values. */
#pragma once

#include "ruleset.h"
#include "tokens.h"

struct phrase {
	const char *words[5];
	uint8_t field;
	uint8_t family;	  /* NFPROTO_*, that it implies, or 0 */
	uint8_t protocol; /* IPPROTO_*, that it implies, or 0 */
};

/* The phrase that the tokens stand at, and goes behind it; NULL, and stays, where there is none. */
const struct phrase *phrase_take(struct tokens *tokens);

/* A value, a range or a prefix of the field, as a match of it: the tokens stand at it and are
 * taken. 0, or -EINVAL where it is none. */
int phrase_value(struct tokens *tokens, const struct phrase *phrase, struct match *ret);

/* The name of a field's value as nft writes it, or NULL; `protocol` is of FIELD_ICMP_TYPE. Ports
 * have numbers. */
const char *value_name(enum packet_field field, uint8_t protocol, uint32_t number);
/* The protocol of a name or number: 0 and `ret`, or -EINVAL. */
int protocol_parse(const char *text, uint8_t *ret);
