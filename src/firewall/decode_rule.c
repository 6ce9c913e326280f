/*
 * A rule of the kernel is a list of expressions over registers: one loads a field, another compares
 * it. So they are followed in their order, and what each register holds is kept.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h> /* libnftnl's headers want it */

#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/udata.h>
#include <string.h>

#include "decode-internal.h"
#include "field.h"

/* Registers of 16 bytes and of 4 bytes are the same memory. */
static unsigned word_of(uint32_t number)
{
	if (number >= NFT_REG_1 && number <= NFT_REG_4)
		return (number - NFT_REG_1) * 4;
	if (number >= NFT_REG32_00 && number <= NFT_REG32_15)
		return number - NFT_REG32_00;
	return REGISTER_WORDS;
}

static void unknown(struct decoder *decoder)
{
	struct match *match = decoder_add_match(decoder);

	if (match)
		*match = (struct match){.kind = MATCH_UNKNOWN};
}

/* ---- loads ---- */

static struct loaded *load(struct decoder *decoder, const struct nftnl_expr *expression,
			   uint16_t attribute)
{
	unsigned word = word_of(nftnl_expr_get_u32(expression, attribute));

	if (word == REGISTER_WORDS) {
		unknown(decoder);
		return NULL;
	}
	decoder->words[word] = (struct loaded){0};
	return &decoder->words[word];
}

static void on_meta(struct decoder *decoder, const struct nftnl_expr *expression)
{
	struct loaded *loaded;

	if (!nftnl_expr_is_set(expression, NFTNL_EXPR_META_DREG)) {
		unknown(decoder); /* it writes */
		return;
	}
	loaded = load(decoder, expression, NFTNL_EXPR_META_DREG);
	if (loaded)
		*loaded = (struct loaded){
			.known = true,
			.source = FIELD_OF_META,
			.number = nftnl_expr_get_u32(expression, NFTNL_EXPR_META_KEY),
		};
}

static void on_payload(struct decoder *decoder, const struct nftnl_expr *expression)
{
	uint32_t base = nftnl_expr_get_u32(expression, NFTNL_EXPR_PAYLOAD_BASE);
	struct loaded *loaded;

	if (!nftnl_expr_is_set(expression, NFTNL_EXPR_PAYLOAD_DREG)) {
		unknown(decoder);
		return;
	}
	loaded = load(decoder, expression, NFTNL_EXPR_PAYLOAD_DREG);
	if (!loaded)
		return;
	*loaded = (struct loaded){
		.known = base == NFT_PAYLOAD_NETWORK_HEADER || base == NFT_PAYLOAD_TRANSPORT_HEADER,
		.source = base == NFT_PAYLOAD_NETWORK_HEADER ? FIELD_OF_NETWORK_HEADER
							     : FIELD_OF_TRANSPORT_HEADER,
		.number = nftnl_expr_get_u32(expression, NFTNL_EXPR_PAYLOAD_OFFSET),
		.width = nftnl_expr_get_u32(expression, NFTNL_EXPR_PAYLOAD_LEN),
	};
}

static void on_connection(struct decoder *decoder, const struct nftnl_expr *expression)
{
	struct loaded *loaded;
	bool directed = nftnl_expr_is_set(expression, NFTNL_EXPR_CT_DIR);

	if (!nftnl_expr_is_set(expression, NFTNL_EXPR_CT_DREG)) {
		unknown(decoder);
		return;
	}
	loaded = load(decoder, expression, NFTNL_EXPR_CT_DREG);
	if (loaded)
		*loaded = (struct loaded){
			.known = !directed || nftnl_expr_get_u8(expression, NFTNL_EXPR_CT_DIR) == 0,
			.source = directed ? FIELD_OF_ORIGINAL : FIELD_OF_CONNECTION,
			.number = nftnl_expr_get_u32(expression, NFTNL_EXPR_CT_KEY),
		};
}

static void on_fib(struct decoder *decoder, const struct nftnl_expr *expression)
{
	uint32_t result = nftnl_expr_get_u32(expression, NFTNL_EXPR_FIB_RESULT);
	uint32_t flags = nftnl_expr_get_u32(expression, NFTNL_EXPR_FIB_FLAGS);
	struct loaded *loaded = load(decoder, expression, NFTNL_EXPR_FIB_DREG);
	bool present = flags & NFTA_FIB_F_PRESENT;

	if (loaded)
		*loaded = (struct loaded){
			.known = result == (present ? NFT_FIB_RESULT_OIF : NFT_FIB_RESULT_ADDRTYPE),
			.source = FIELD_OF_ROUTES,
			.number = flags & ~(uint32_t)NFTA_FIB_F_PRESENT,
		};
}

static void on_bitwise(struct decoder *decoder, const struct nftnl_expr *expression)
{
	static const uint8_t none[PACKET_VALUE_MAX];
	unsigned from = word_of(nftnl_expr_get_u32(expression, NFTNL_EXPR_BITWISE_SREG));
	struct loaded loaded = from < REGISTER_WORDS ? decoder->words[from] : (struct loaded){0};
	struct loaded *to = load(decoder, expression, NFTNL_EXPR_BITWISE_DREG);
	uint32_t mask_size = 0, xor_size = 0;
	const void *mask = nftnl_expr_get(expression, NFTNL_EXPR_BITWISE_MASK, &mask_size);
	const void * xor = nftnl_expr_get(expression, NFTNL_EXPR_BITWISE_XOR, &xor_size);

	if (!mask || !xor || mask_size > PACKET_VALUE_MAX || xor_size > PACKET_VALUE_MAX ||
	    memcmp(xor, none, xor_size) != 0 || loaded.masked) {
		loaded.known = false;
	} else {
		loaded.masked = true;
		memcpy(loaded.mask, mask, mask_size);
	}
	if (to)
		*to = loaded;
}

/* What it loads of one byte has no order of bytes. */
static void on_byteorder(struct decoder *decoder, const struct nftnl_expr *expression)
{
	unsigned word = word_of(nftnl_expr_get_u32(expression, NFTNL_EXPR_BYTEORDER_DREG));

	if (word < REGISTER_WORDS && (decoder->words[word].source != FIELD_OF_META ||
				      decoder->words[word].number != NFT_META_L4PROTO))
		decoder->words[word].known = false;
}

/* ---- comparisons ---- */

static void on_compare(struct decoder *decoder, const struct nftnl_expr *expression)
{
	unsigned word = word_of(nftnl_expr_get_u32(expression, NFTNL_EXPR_CMP_SREG));
	uint32_t operation = nftnl_expr_get_u32(expression, NFTNL_EXPR_CMP_OP), size = 0;
	const uint8_t *bytes = nftnl_expr_get(expression, NFTNL_EXPR_CMP_DATA, &size);
	const struct loaded *loaded;
	bool understood = false;

	if (word < REGISTER_WORDS && bytes && size <= PACKET_VALUE_MAX &&
	    decoder->words[word].known) {
		loaded = &decoder->words[word];
		if (operation == NFT_CMP_EQ || operation == NFT_CMP_NEQ)
			understood = decoder_put_equal(decoder, loaded, bytes, size,
						       operation == NFT_CMP_NEQ);
		else if (operation == NFT_CMP_GTE || operation == NFT_CMP_LTE)
			understood = decoder_put_bound(decoder, loaded, bytes, size,
						       operation == NFT_CMP_GTE);
	}
	if (!understood)
		unknown(decoder);
}

static void on_range(struct decoder *decoder, const struct nftnl_expr *expression)
{
	unsigned word = word_of(nftnl_expr_get_u32(expression, NFTNL_EXPR_RANGE_SREG));
	uint32_t low_size = 0, high_size = 0;
	const void *low = nftnl_expr_get(expression, NFTNL_EXPR_RANGE_FROM_DATA, &low_size);
	const void *high = nftnl_expr_get(expression, NFTNL_EXPR_RANGE_TO_DATA, &high_size);
	bool negated = nftnl_expr_get_u32(expression, NFTNL_EXPR_RANGE_OP) == NFT_RANGE_NEQ;
	const struct loaded *loaded = word < REGISTER_WORDS ? &decoder->words[word] : NULL;
	int number = -1;

	if (loaded && loaded->known && !loaded->masked && low && high && low_size == high_size)
		number = decoder_field(decoder, loaded, loaded->number,
				       loaded_is_header(loaded) ? low_size : 0);
	if (number >= 0 && field_of((enum packet_field)number)->width == low_size) {
		enum packet_field field = (enum packet_field)number;
		struct packet_value from = loaded_value(field, low, low_size);
		struct packet_value to = loaded_value(field, high, high_size);

		decoder_put_range(decoder, field, &from, &to, negated);
		return;
	}
	unknown(decoder);
}

static bool look_up(struct decoder *decoder, const struct nftnl_expr *expression,
		    struct match *match)
{
	unsigned word = word_of(nftnl_expr_get_u32(expression, NFTNL_EXPR_LOOKUP_SREG));
	const char *name = nftnl_expr_get_str(expression, NFTNL_EXPR_LOOKUP_SET);
	const struct filter_set *set = name ? ruleset_set(decoder->ruleset, name) : NULL;

	if (!set || set->unknown || nftnl_expr_is_set(expression, NFTNL_EXPR_LOOKUP_DREG))
		return false;
	*match = (struct match){.kind = MATCH_SET, .field_count = set->field_count};
	snprintf(match->set, sizeof(match->set), "%s", name);
	match->negated = nftnl_expr_get_u32(expression, NFTNL_EXPR_LOOKUP_FLAGS) & NFT_LOOKUP_F_INV;
	for (unsigned i = 0; i < set->field_count; i++) {
		const struct loaded *loaded = word < REGISTER_WORDS ? &decoder->words[word] : NULL;
		unsigned width = field_of(set->fields[i])->width;
		int field = loaded && loaded->known && !loaded->masked
				    ? decoder_field(decoder, loaded, loaded->number,
						    loaded_is_header(loaded) ? width : 0)
				    : -1;

		if (field < 0 || field_of((enum packet_field)field)->width != width)
			return false;
		match->fields[i] = (uint8_t)field;
		word += field_room((enum packet_field)field) / 4;
	}
	return true;
}

static void on_lookup(struct decoder *decoder, const struct nftnl_expr *expression)
{
	struct match match;
	struct match *added;

	if (!look_up(decoder, expression, &match)) {
		unknown(decoder);
		return;
	}
	added = decoder_add_match(decoder);
	if (added)
		*added = match;
}

/* ---- statements ---- */

static void on_counter(struct decoder *decoder, const struct nftnl_expr *expression)
{
	decoder->rule->counts = true;
	decoder->rule->packets = nftnl_expr_get_u64(expression, NFTNL_EXPR_CTR_PACKETS);
	decoder->rule->bytes = nftnl_expr_get_u64(expression, NFTNL_EXPR_CTR_BYTES);
}

static void on_object(struct decoder *decoder, const struct nftnl_expr *expression)
{
	const char *name = nftnl_expr_get_str(expression, NFTNL_EXPR_OBJREF_IMM_NAME);

	if (name &&
	    nftnl_expr_get_u32(expression, NFTNL_EXPR_OBJREF_IMM_TYPE) == NFT_OBJECT_COUNTER)
		snprintf(decoder->rule->counter, sizeof(decoder->rule->counter), "%s", name);
	else
		unknown(decoder);
}

static void on_limit(struct decoder *decoder, const struct nftnl_expr *expression)
{
	struct filter_rule *rule = decoder->rule;

	if (nftnl_expr_get_u32(expression, NFTNL_EXPR_LIMIT_TYPE) != NFT_LIMIT_PKTS ||
	    nftnl_expr_get_u32(expression, NFTNL_EXPR_LIMIT_FLAGS) != 0 ||
	    nftnl_expr_get_u64(expression, NFTNL_EXPR_LIMIT_UNIT) != 1) {
		unknown(decoder);
		return;
	}
	rule->limit_rate = (uint32_t)nftnl_expr_get_u64(expression, NFTNL_EXPR_LIMIT_RATE);
	rule->limit_burst = nftnl_expr_get_u32(expression, NFTNL_EXPR_LIMIT_BURST);
}

static void on_log(struct decoder *decoder, const struct nftnl_expr *expression)
{
	const char *prefix = nftnl_expr_get_str(expression, NFTNL_EXPR_LOG_PREFIX);

	decoder->rule->log_group = nftnl_expr_get_u16(expression, NFTNL_EXPR_LOG_GROUP);
	snprintf(decoder->rule->log_prefix, sizeof(decoder->rule->log_prefix), "%s",
		 prefix ? prefix : "");
}

static void on_immediate(struct decoder *decoder, const struct nftnl_expr *expression)
{
	static const struct {
		int number;
		enum rule_verdict verdict;
	} verdicts[] = {
		{NF_ACCEPT, RULE_ACCEPT}, {NF_DROP, RULE_DROP},	     {NFT_JUMP, RULE_JUMP},
		{NFT_GOTO, RULE_GOTO},	  {NFT_RETURN, RULE_RETURN}, {NFT_CONTINUE, RULE_CONTINUE},
	};
	const char *target = nftnl_expr_get_str(expression, NFTNL_EXPR_IMM_CHAIN);
	int number = (int)nftnl_expr_get_u32(expression, NFTNL_EXPR_IMM_VERDICT);

	decoder->rule->verdict = RULE_UNKNOWN;
	if (nftnl_expr_get_u32(expression, NFTNL_EXPR_IMM_DREG) != NFT_REG_VERDICT) {
		/* A constant for what comes, such as the address of a translation. */
		decoder->rule->verdict = RULE_CONTINUE;
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(verdicts); i++)
		if (verdicts[i].number == number)
			decoder->rule->verdict = verdicts[i].verdict;
	if (target)
		snprintf(decoder->rule->target, sizeof(decoder->rule->target), "%s", target);
}

static void on_reject(struct decoder *decoder, const struct nftnl_expr *expression)
{
	uint32_t type = nftnl_expr_get_u32(expression, NFTNL_EXPR_REJECT_TYPE);
	uint8_t code = nftnl_expr_get_u8(expression, NFTNL_EXPR_REJECT_CODE);

	decoder->rule->verdict = RULE_REJECT;
	if (type == NFT_REJECT_TCP_RST)
		decoder->rule->verdict = RULE_REJECT_RESET;
	else if (type == NFT_REJECT_ICMPX_UNREACH && code == NFT_REJECT_ICMPX_ADMIN_PROHIBITED)
		decoder->rule->verdict = RULE_REJECT_PROHIBITED;
}

static void on_translation(struct decoder *decoder, const struct nftnl_expr *expression)
{
	decoder->rule->verdict = nftnl_expr_get_u32(expression, NFTNL_EXPR_NAT_TYPE) == NFT_NAT_DNAT
					 ? RULE_DESTINATION_NAT
					 : RULE_SOURCE_NAT;
}

static void on_masquerade(struct decoder *decoder, const struct nftnl_expr *expression)
{
	decoder->rule->verdict = RULE_SOURCE_NAT;
}

static void on_redirect(struct decoder *decoder, const struct nftnl_expr *expression)
{
	decoder->rule->verdict = RULE_DESTINATION_NAT;
}

static const struct {
	const char *name;
	void (*take)(struct decoder *decoder, const struct nftnl_expr *expression);
} expressions[] = {
	{"meta", on_meta},	 {"payload", on_payload},     {"ct", on_connection},
	{"fib", on_fib},	 {"bitwise", on_bitwise},     {"byteorder", on_byteorder},
	{"cmp", on_compare},	 {"range", on_range},	      {"lookup", on_lookup},
	{"counter", on_counter}, {"objref", on_object},	      {"limit", on_limit},
	{"log", on_log},	 {"immediate", on_immediate}, {"reject", on_reject},
	{"nat", on_translation}, {"masq", on_masquerade},     {"redir", on_redirect},
};

static int take_expression(struct nftnl_expr *expression, void *userdata)
{
	const char *name = nftnl_expr_get_str(expression, NFTNL_EXPR_NAME);
	struct decoder *decoder = userdata;

	for (size_t i = 0; name && i < ARRAY_SIZE(expressions); i++) {
		if (strcmp(expressions[i].name, name) == 0) {
			expressions[i].take(decoder, expression);
			return 0;
		}
	}
	unknown(decoder);
	return 0;
}

/* nft's own form of a comment: type, length, text with a zero at its end. */
static void take_comment(const struct nftnl_rule *kernel, struct filter_rule *rule)
{
	uint32_t size = 0;
	const uint8_t *note = nftnl_rule_get_data(kernel, NFTNL_RULE_USERDATA, &size);

	if (note && size > 2 && note[0] == NFTNL_UDATA_RULE_COMMENT && note[1] <= size - 2)
		snprintf(rule->comment, sizeof(rule->comment), "%.*s", (int)note[1],
			 (const char *)note + 2);
}

void decode_rule(const struct ruleset *ruleset, const struct nftnl_rule *kernel,
		 struct filter_rule *ret)
{
	struct decoder decoder = {.ruleset = ruleset, .rule = ret};

	if (ruleset->family != NFPROTO_INET)
		decoder.family = ruleset->family;
	ret->handle = nftnl_rule_get_u64(kernel, NFTNL_RULE_HANDLE);
	/* It fails where the function does; ours does not. */
	(void)nftnl_expr_foreach((struct nftnl_rule *)kernel, take_expression, &decoder);
	take_comment(kernel, ret);
	filter_rule_normalise(ret);
}
