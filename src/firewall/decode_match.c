#include <string.h>

#include "decode-internal.h"
#include "field.h"

struct match *decoder_add_match(struct decoder *decoder)
{
	struct filter_rule *rule = decoder->rule;

	if (rule->match_count == RULE_MATCHES_MAX) {
		rule->verdict = RULE_UNKNOWN;
		rule->matches[RULE_MATCHES_MAX - 1].kind = MATCH_UNKNOWN;
		return NULL;
	}
	return &rule->matches[rule->match_count++];
}

/* ---- which field is it? ---- */

static bool family_fits(const struct decoder *decoder, const struct field_form *field)
{
	return !field->family || field->family == decoder->family;
}

/* Of a header, the field that begins at the byte and is at most `width` wide; else the number is
 * the field. ICMP's type and the source port begin at one byte. */
int decoder_field(const struct decoder *decoder, const struct loaded *loaded, uint32_t number,
		  uint32_t width)
{
	for (int i = 0; i < _FIELD_MAX; i++) {
		const struct field_form *field = field_of((enum packet_field)i);

		if (field->source != loaded->source || field->number != number ||
		    !family_fits(decoder, field))
			continue;
		if (width && i == FIELD_ICMP_TYPE && width != 1)
			continue;
		if (width && i == FIELD_SOURCE_PORT && width < 2)
			continue;
		return i;
	}
	return -1;
}

bool loaded_is_header(const struct loaded *loaded)
{
	return loaded->source == FIELD_OF_NETWORK_HEADER ||
	       loaded->source == FIELD_OF_TRANSPORT_HEADER;
}

/* A value of a register as a packet has it. */
struct packet_value loaded_value(enum packet_field number, const void *bytes, uint32_t size)
{
	struct packet_value value = {0};
	uint32_t host;

	if (field_of(number)->host_order && size == sizeof(host)) {
		memcpy(&host, bytes, sizeof(host));
		return packet_value_number(number, host);
	}
	memcpy(value.bytes, bytes, MIN(size, sizeof(value.bytes)));
	return value;
}

static void note_exact(struct decoder *decoder, enum packet_field field, const uint8_t *bytes)
{
	if (field == FIELD_FAMILY)
		decoder->family = bytes[0];
	else if (field == FIELD_PROTOCOL)
		decoder->protocol = bytes[0];
}

/* ---- comparisons ---- */

static void put_masked(struct decoder *decoder, const struct loaded *loaded,
		       enum packet_field field, const uint8_t *bytes, uint32_t size, bool negated)
{
	static const uint8_t none[PACKET_VALUE_MAX];
	struct match *match = decoder_add_match(decoder);

	if (!match)
		return;
	*match = (struct match){.kind = MATCH_BITS, .field_count = 1, .fields = {field}};
	match->bits.mask = loaded_value(field, loaded->mask, size);
	match->bits.value = loaded_value(field, bytes, size);
	match->negated = negated;
	/* Of several bits, any: they are compared with none of them. */
	if (memcmp(bytes, none, size) == 0 && field_of(field)->host_order) {
		match->kind = MATCH_ANY_BIT;
		match->negated = !negated;
	}
}

void decoder_put_range(struct decoder *decoder, enum packet_field field,
		       const struct packet_value *low, const struct packet_value *high,
		       bool negated)
{
	struct filter_rule *rule = decoder->rule;
	struct match *last = rule->match_count ? &rule->matches[rule->match_count - 1] : NULL;
	struct match *match;

	/* "at least" and "at most" in two steps are one range. */
	if (last && last->kind == MATCH_RANGE && last->fields[0] == field && !last->negated &&
	    !negated) {
		if (memcmp(low, &last->range.low, sizeof(*low)) > 0)
			last->range.low = *low;
		if (memcmp(high, &last->range.high, sizeof(*high)) < 0)
			last->range.high = *high;
		return;
	}
	match = decoder_add_match(decoder);
	if (!match)
		return;
	*match = (struct match){.kind = MATCH_RANGE, .field_count = 1, .fields = {field}};
	match->negated = negated;
	match->range.low = *low;
	match->range.high = *high;
}

/* Only the first bytes of the field were loaded: a prefix. */
static void put_prefix(struct decoder *decoder, enum packet_field field, const uint8_t *bytes,
		       uint32_t size, bool negated)
{
	struct match *match = decoder_add_match(decoder);

	if (!match)
		return;
	*match = (struct match){.kind = MATCH_BITS, .field_count = 1, .fields = {field}};
	match->bits.mask = packet_value_mask(size * 8);
	memcpy(match->bits.value.bytes, bytes, size);
	match->negated = negated;
}

/* One load may have several fields that lie side by side. */
bool decoder_put_equal(struct decoder *decoder, const struct loaded *loaded, const uint8_t *bytes,
		       uint32_t size, bool negated)
{
	uint32_t at = 0;

	while (at < size) {
		uint32_t left = size - at,
			 number = loaded->number + (loaded_is_header(loaded) ? at : 0);
		int number_of =
			decoder_field(decoder, loaded, number, loaded_is_header(loaded) ? left : 0);
		enum packet_field field = (enum packet_field)number_of;
		struct packet_value value;
		uint32_t width;

		if (number_of < 0)
			return false;
		width = field_of(field)->width;
		if (left < width) {
			put_prefix(decoder, field, bytes + at, left, negated);
			return at == 0 || !negated;
		}
		if (negated && width != size)
			return false;
		if (loaded->masked && width != size)
			return false;
		if (loaded->masked) {
			put_masked(decoder, loaded, field, bytes, size, negated);
			return true;
		}
		value = loaded_value(field, bytes + at, width);
		if (!negated)
			note_exact(decoder, field, bytes + at);
		decoder_put_range(decoder, field, &value, &value, negated);
		at += width;
	}
	return true;
}

bool decoder_put_bound(struct decoder *decoder, const struct loaded *loaded, const uint8_t *bytes,
		       uint32_t size, bool least)
{
	int number =
		decoder_field(decoder, loaded, loaded->number, loaded_is_header(loaded) ? size : 0);
	enum packet_field field = (enum packet_field)number;
	struct packet_value value, none = {0}, most;

	if (number < 0 || loaded->masked || field_of(field)->width != size ||
	    field_of(field)->host_order)
		return false;
	value = loaded_value(field, bytes, size);
	most = packet_value_most(field);
	decoder_put_range(decoder, field, least ? &value : &none, least ? &most : &value, false);
	return true;
}
