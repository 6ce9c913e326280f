#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h> /* libnftnl's headers want it */

#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/udata.h>
#include <stdlib.h>
#include <string.h>

#include "encode-internal.h"
#include "field.h"

#define SNAP_LENGTH 128 /* bytes of a packet that is logged: its headers */

DEFINE_CLEANUP(struct nftnl_rule *, rule_cleanup, nftnl_rule_free)

/* Expressions are added to the rule one by one; the first failure stays. */
struct maker {
	struct nftnl_rule *rule;
	uint8_t family; /* that the rule has asked for so far */
	int failed;	/* a negative errno, or 0 */
};

static struct nftnl_expr *add(struct maker *maker, const char *name)
{
	struct nftnl_expr *expression = nftnl_expr_alloc(name);

	if (expression)
		nftnl_rule_add_expr(maker->rule, expression);
	else
		maker->failed = -ENOMEM;
	return expression;
}

/* Attributes that are set on NULL are lost: `failed` says so. */
static void set_number(struct nftnl_expr *expression, uint16_t attribute, uint32_t number)
{
	if (expression)
		nftnl_expr_set_u32(expression, attribute, number);
}

static void set_bytes(struct maker *maker, struct nftnl_expr *expression, uint16_t attribute,
		      const void *bytes, uint32_t size)
{
	if (expression && nftnl_expr_set(expression, attribute, bytes, size) < 0)
		maker->failed = -ENOMEM;
}

static void set_text(struct maker *maker, struct nftnl_expr *expression, uint16_t attribute,
		     const char *text)
{
	if (expression && nftnl_expr_set_str(expression, attribute, text) < 0)
		maker->failed = -ENOMEM;
}

/* ---- loading a field into a register ---- */

static void load_payload(struct maker *maker, const struct field_form *field, uint32_t base,
			 uint32_t place)
{
	struct nftnl_expr *load = add(maker, "payload");

	set_number(load, NFTNL_EXPR_PAYLOAD_BASE, base);
	set_number(load, NFTNL_EXPR_PAYLOAD_OFFSET, field->number);
	set_number(load, NFTNL_EXPR_PAYLOAD_LEN, field->width);
	set_number(load, NFTNL_EXPR_PAYLOAD_DREG, place);
}

static void load_connection(struct maker *maker, const struct field_form *field, uint32_t place)
{
	struct nftnl_expr *load = add(maker, "ct");

	set_number(load, NFTNL_EXPR_CT_KEY, field->number);
	set_number(load, NFTNL_EXPR_CT_DREG, place);
	if (load && field->source == FIELD_OF_ORIGINAL)
		nftnl_expr_set_u8(load, NFTNL_EXPR_CT_DIR, 0);
}

static void load_routes(struct maker *maker, const struct field_form *field, uint32_t place)
{
	struct nftnl_expr *load = add(maker, "fib");
	bool reverse_path = field->number & NFTA_FIB_F_IIF;

	set_number(load, NFTNL_EXPR_FIB_RESULT,
		   reverse_path ? NFT_FIB_RESULT_OIF : NFT_FIB_RESULT_ADDRTYPE);
	set_number(load, NFTNL_EXPR_FIB_FLAGS,
		   field->number | (reverse_path ? NFTA_FIB_F_PRESENT : 0));
	set_number(load, NFTNL_EXPR_FIB_DREG, place);
}

static void load_meta(struct maker *maker, uint32_t key, uint32_t place)
{
	struct nftnl_expr *load = add(maker, "meta");

	set_number(load, NFTNL_EXPR_META_KEY, key);
	set_number(load, NFTNL_EXPR_META_DREG, place);
}

static void load(struct maker *maker, enum packet_field number, uint32_t place)
{
	const struct field_form *field = field_of(number);

	switch (field->source) {
	case FIELD_OF_META:
		load_meta(maker, field->number, place);
		break;
	case FIELD_OF_NETWORK_HEADER:
		load_payload(maker, field, NFT_PAYLOAD_NETWORK_HEADER, place);
		break;
	case FIELD_OF_TRANSPORT_HEADER:
		load_payload(maker, field, NFT_PAYLOAD_TRANSPORT_HEADER, place);
		break;
	case FIELD_OF_CONNECTION:
	case FIELD_OF_ORIGINAL:
		load_connection(maker, field, place);
		break;
	case FIELD_OF_ROUTES:
		load_routes(maker, field, place);
		break;
	}
}

/* ---- matches ---- */

static uint32_t in_register(enum packet_field number, const struct packet_value *value,
			    uint8_t ret[PACKET_VALUE_MAX])
{
	const struct field_form *field = field_of(number);
	uint32_t host;

	memcpy(ret, value->bytes, PACKET_VALUE_MAX);
	if (field->host_order) {
		host = packet_value_to_number(number, value);
		memcpy(ret, &host, sizeof(host));
	}
	return field->width;
}

static void compare(struct maker *maker, enum packet_field field, uint32_t operation,
		    const struct packet_value *value)
{
	uint8_t bytes[PACKET_VALUE_MAX];
	uint32_t width = in_register(field, value, bytes);
	struct nftnl_expr *expression = add(maker, "cmp");

	set_number(expression, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
	set_number(expression, NFTNL_EXPR_CMP_OP, operation);
	set_bytes(maker, expression, NFTNL_EXPR_CMP_DATA, bytes, width);
}

/* (field & mask) == value, or != 0 */
static void compare_bits(struct maker *maker, const struct match *match)
{
	static const uint8_t none[PACKET_VALUE_MAX];
	static const struct packet_value nothing;
	bool any = match->kind == MATCH_ANY_BIT;
	uint8_t mask[PACKET_VALUE_MAX];
	uint32_t width = in_register(match->fields[0], &match->bits.mask, mask);
	struct nftnl_expr *expression = add(maker, "bitwise");

	set_number(expression, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
	set_number(expression, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
	set_number(expression, NFTNL_EXPR_BITWISE_LEN, width);
	set_bytes(maker, expression, NFTNL_EXPR_BITWISE_MASK, mask, width);
	set_bytes(maker, expression, NFTNL_EXPR_BITWISE_XOR, none, width);
	compare(maker, match->fields[0], any == match->negated ? NFT_CMP_EQ : NFT_CMP_NEQ,
		any ? &nothing : &match->bits.value);
}

static void compare_range(struct maker *maker, const struct match *match)
{
	uint8_t low[PACKET_VALUE_MAX], high[PACKET_VALUE_MAX];
	struct nftnl_expr *expression;
	uint32_t width;

	if (packet_value_equal(&match->range.low, &match->range.high)) {
		compare(maker, match->fields[0], match->negated ? NFT_CMP_NEQ : NFT_CMP_EQ,
			&match->range.low);
		return;
	}
	/* The kernel compares ranges byte by byte, from the first on. */
	if (field_of(match->fields[0])->host_order) {
		maker->failed = -EOPNOTSUPP;
		return;
	}
	width = in_register(match->fields[0], &match->range.low, low);
	(void)in_register(match->fields[0], &match->range.high, high);
	expression = add(maker, "range");
	set_number(expression, NFTNL_EXPR_RANGE_SREG, NFT_REG_1);
	set_number(expression, NFTNL_EXPR_RANGE_OP, match->negated ? NFT_RANGE_NEQ : NFT_RANGE_EQ);
	set_bytes(maker, expression, NFTNL_EXPR_RANGE_FROM_DATA, low, width);
	set_bytes(maker, expression, NFTNL_EXPR_RANGE_TO_DATA, high, width);
}

static void look_up(struct maker *maker, const struct match *match)
{
	struct nftnl_expr *expression = add(maker, "lookup");

	set_number(expression, NFTNL_EXPR_LOOKUP_SREG, NFT_REG32_00);
	set_number(expression, NFTNL_EXPR_LOOKUP_FLAGS, match->negated ? NFT_LOOKUP_F_INV : 0);
	set_text(maker, expression, NFTNL_EXPR_LOOKUP_SET, match->set);
}

/* A header is only of its family what it says it is. */
static void ask_family(struct maker *maker, enum packet_field number)
{
	uint8_t family = field_of(number)->family;
	struct packet_value value;

	if (!family || family == maker->family)
		return;
	maker->family = family;
	value = packet_value_number(FIELD_FAMILY, family);
	load(maker, FIELD_FAMILY, NFT_REG_1);
	compare(maker, FIELD_FAMILY, NFT_CMP_EQ, &value);
}

static void put_match(struct maker *maker, const struct match *match)
{
	uint32_t place = NFT_REG32_00;

	for (unsigned i = 0; i < match->field_count; i++)
		ask_family(maker, match->fields[i]);
	if (match->kind != MATCH_SET) {
		load(maker, match->fields[0], NFT_REG_1);
		if (match->kind == MATCH_RANGE)
			compare_range(maker, match);
		else
			compare_bits(maker, match);
		return;
	}
	for (unsigned i = 0; i < match->field_count; i++) {
		load(maker, match->fields[i], place);
		place += field_room(match->fields[i]) / 4;
	}
	look_up(maker, match);
}

/* ---- statements ---- */

static void put_limit(struct maker *maker, const struct filter_rule *rule)
{
	struct nftnl_expr *expression = add(maker, "limit");

	if (!expression)
		return;
	nftnl_expr_set_u64(expression, NFTNL_EXPR_LIMIT_RATE, rule->limit_rate);
	nftnl_expr_set_u64(expression, NFTNL_EXPR_LIMIT_UNIT, 1);
	nftnl_expr_set_u32(expression, NFTNL_EXPR_LIMIT_BURST, rule->limit_burst);
	nftnl_expr_set_u32(expression, NFTNL_EXPR_LIMIT_TYPE, NFT_LIMIT_PKTS);
	nftnl_expr_set_u32(expression, NFTNL_EXPR_LIMIT_FLAGS, 0);
}

static void put_log(struct maker *maker, const struct filter_rule *rule)
{
	struct nftnl_expr *expression = add(maker, "log");

	set_text(maker, expression, NFTNL_EXPR_LOG_PREFIX, rule->log_prefix);
	if (!expression)
		return;
	nftnl_expr_set_u16(expression, NFTNL_EXPR_LOG_GROUP, rule->log_group);
	nftnl_expr_set_u32(expression, NFTNL_EXPR_LOG_SNAPLEN, SNAP_LENGTH);
	nftnl_expr_set_u16(expression, NFTNL_EXPR_LOG_QTHRESHOLD, 1);
}

static void put_counter(struct maker *maker, const struct filter_rule *rule)
{
	struct nftnl_expr *expression = add(maker, "objref");

	set_number(expression, NFTNL_EXPR_OBJREF_IMM_TYPE, NFT_OBJECT_COUNTER);
	set_text(maker, expression, NFTNL_EXPR_OBJREF_IMM_NAME, rule->counter);
}

static void put_immediate(struct maker *maker, int verdict, const char *chain)
{
	struct nftnl_expr *expression = add(maker, "immediate");

	set_number(expression, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	set_number(expression, NFTNL_EXPR_IMM_VERDICT, (uint32_t)verdict);
	if (chain)
		set_text(maker, expression, NFTNL_EXPR_IMM_CHAIN, chain);
}

static void put_reject(struct maker *maker, uint32_t type, uint8_t code)
{
	struct nftnl_expr *expression = add(maker, "reject");

	set_number(expression, NFTNL_EXPR_REJECT_TYPE, type);
	if (expression)
		nftnl_expr_set_u8(expression, NFTNL_EXPR_REJECT_CODE, code);
}

static int put_verdict(struct maker *maker, const struct filter_rule *rule)
{
	switch (rule->verdict) {
	case RULE_CONTINUE:
		return 0;
	case RULE_ACCEPT:
		put_immediate(maker, NF_ACCEPT, NULL);
		return 0;
	case RULE_DROP:
		put_immediate(maker, NF_DROP, NULL);
		return 0;
	case RULE_JUMP:
		put_immediate(maker, NFT_JUMP, rule->target);
		return 0;
	case RULE_GOTO:
		put_immediate(maker, NFT_GOTO, rule->target);
		return 0;
	case RULE_RETURN:
		put_immediate(maker, NFT_RETURN, NULL);
		return 0;
	case RULE_REJECT_RESET:
		put_reject(maker, NFT_REJECT_TCP_RST, 0);
		return 0;
	case RULE_REJECT_PROHIBITED:
		put_reject(maker, NFT_REJECT_ICMPX_UNREACH, NFT_REJECT_ICMPX_ADMIN_PROHIBITED);
		return 0;
	case RULE_SOURCE_NAT:
		(void)add(maker, "masq");
		return 0;
	case RULE_DESTINATION_NAT:
	case RULE_REJECT:
	case RULE_UNKNOWN:
		break;
	}
	return -EOPNOTSUPP;
}

/* The kernel keeps it, and nft shows it: type, length with the zero at its end, text. */
static void put_comment(struct maker *maker, const char *text)
{
	uint8_t note[2 + sizeof(((struct filter_rule *)0)->comment)];
	size_t size = strlen(text) + 1;

	note[0] = NFTNL_UDATA_RULE_COMMENT;
	note[1] = (uint8_t)size;
	memcpy(note + 2, text, size);
	if (nftnl_rule_set_data(maker->rule, NFTNL_RULE_USERDATA, note, (uint32_t)size + 2) < 0)
		maker->failed = -ENOMEM;
}

static int put_rule(struct maker *maker, const struct filter_rule *rule)
{
	for (unsigned i = 0; i < rule->match_count; i++)
		put_match(maker, &rule->matches[i]);
	if (rule->limit_rate)
		put_limit(maker, rule);
	if (rule->log_group)
		put_log(maker, rule);
	if (rule->counts)
		(void)add(maker, "counter");
	if (rule->counter[0])
		put_counter(maker, rule);
	if (rule->comment[0])
		put_comment(maker, rule->comment);
	return put_verdict(maker, rule);
}

static int put_message(const struct ruleset *ruleset, const struct filter_chain *chain,
		       struct nftnl_rule *rule, uint16_t type, uint16_t flags,
		       struct netfilter_batch *batch)
{
	struct nlmsghdr *message = netfilter_batch_begin(batch, type, NFPROTO_INET, flags);

	if (!message || nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, ruleset->table) < 0 ||
	    nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, chain->name) < 0)
		return -ENOMEM;
	nftnl_rule_nlmsg_build_payload(message, rule);
	netfilter_batch_end(batch, message);
	return 0;
}

int encode_rule(const struct ruleset *ruleset, const struct filter_chain *chain,
		const struct filter_rule *rule, struct netfilter_batch *batch)
{
	_cleanup_(rule_cleanup) struct nftnl_rule *kernel = nftnl_rule_alloc();
	struct maker maker = {.rule = kernel};
	int r;

	if (!kernel)
		return -ENOMEM;
	r = put_rule(&maker, rule);
	if (r < 0)
		return r;
	if (maker.failed)
		return maker.failed;
	return put_message(ruleset, chain, kernel, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND,
			   batch);
}

int encode_flush(const struct ruleset *ruleset, const struct filter_chain *chain,
		 struct netfilter_batch *batch)
{
	_cleanup_(rule_cleanup) struct nftnl_rule *kernel = nftnl_rule_alloc();

	return kernel ? put_message(ruleset, chain, kernel, NFT_MSG_DELRULE, 0, batch) : -ENOMEM;
}
