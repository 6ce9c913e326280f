#include "encode.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h> /* libnftnl's headers want it */

#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/object.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <stdlib.h>
#include <string.h>

#include "encode-internal.h"
#include "field.h"

DEFINE_CLEANUP(struct nftnl_table *, table_cleanup, nftnl_table_free)
DEFINE_CLEANUP(struct nftnl_chain *, chain_cleanup, nftnl_chain_free)
DEFINE_CLEANUP(struct nftnl_set *, set_cleanup, nftnl_set_free)
DEFINE_CLEANUP(struct nftnl_obj *, object_cleanup, nftnl_obj_free)

static const struct {
	uint32_t number;
	const char *type;
} hooks[_HOOK_MAX] = {
	[HOOK_PREROUTING] = {NF_INET_PRE_ROUTING},   [HOOK_INPUT] = {NF_INET_LOCAL_IN},
	[HOOK_FORWARD] = {NF_INET_FORWARD},	     [HOOK_OUTPUT] = {NF_INET_LOCAL_OUT},
	[HOOK_POSTROUTING] = {NF_INET_POST_ROUTING},
};

static int put_table(const char *name, uint16_t type, struct netfilter_batch *batch)
{
	_cleanup_(table_cleanup) struct nftnl_table *table = nftnl_table_alloc();
	uint16_t flags = type == NFT_MSG_NEWTABLE ? NLM_F_CREATE : 0;
	struct nlmsghdr *message = netfilter_batch_begin(batch, type, NFPROTO_INET, flags);

	if (!table || !message || nftnl_table_set_str(table, NFTNL_TABLE_NAME, name) < 0)
		return -ENOMEM;
	nftnl_table_nlmsg_build_payload(message, table);
	netfilter_batch_end(batch, message);
	return 0;
}

static int put_chain(const struct ruleset *ruleset, const struct filter_chain *chain,
		     struct netfilter_batch *batch)
{
	_cleanup_(chain_cleanup) struct nftnl_chain *kernel = nftnl_chain_alloc();
	struct nlmsghdr *message =
		netfilter_batch_begin(batch, NFT_MSG_NEWCHAIN, NFPROTO_INET, NLM_F_CREATE);

	if (!kernel || !message)
		return -ENOMEM;
	if (nftnl_chain_set_str(kernel, NFTNL_CHAIN_TABLE, ruleset->table) < 0 ||
	    nftnl_chain_set_str(kernel, NFTNL_CHAIN_NAME, chain->name) < 0)
		return -ENOMEM;
	if (chain->hook != HOOK_NONE) {
		if (nftnl_chain_set_str(kernel, NFTNL_CHAIN_TYPE, chain->nat ? "nat" : "filter") <
		    0)
			return -ENOMEM;
		nftnl_chain_set_u32(kernel, NFTNL_CHAIN_HOOKNUM, hooks[chain->hook].number);
		nftnl_chain_set_s32(kernel, NFTNL_CHAIN_PRIO, chain->priority);
		nftnl_chain_set_u32(kernel, NFTNL_CHAIN_POLICY, chain->drops ? NF_DROP : NF_ACCEPT);
	}
	nftnl_chain_nlmsg_build_payload(message, kernel);
	netfilter_batch_end(batch, message);
	return 0;
}

/* ---- sets ---- */

/* Not "last", which would say when an element last matched: nft 1.0.6 crashes on such a set,
 * whatever it is asked for. */
static int set_expression(struct nftnl_set *kernel)
{
	struct nftnl_expr *expression = nftnl_expr_alloc("counter");

	if (!expression)
		return -ENOMEM;
	nftnl_set_add_expr(kernel, expression);
	return 0;
}

static int set_key(struct nftnl_set *kernel, const struct filter_set *set, uint32_t *flags)
{
	uint8_t lengths[MATCH_FIELDS_MAX];
	uint32_t type = 0, size = 0;

	for (unsigned i = 0; i < set->field_count; i++) {
		const struct field_form *field = field_of(set->fields[i]);

		type = type << 6 | field->type;
		size += set->field_count > 1 ? field_room(set->fields[i]) : field->width;
		lengths[i] = field->width;
	}
	nftnl_set_set_u32(kernel, NFTNL_SET_KEY_TYPE, type);
	nftnl_set_set_u32(kernel, NFTNL_SET_KEY_LEN, size);
	if (set->field_count == 1 || !set->intervals)
		return 0;
	*flags |= NFT_SET_CONCAT;
	return nftnl_set_set_data(kernel, NFTNL_SET_DESC_CONCAT, lengths, set->field_count) < 0
		       ? -ENOMEM
		       : 0;
}

static int put_set(const struct ruleset *ruleset, const struct filter_set *set, uint32_t id,
		   struct netfilter_batch *batch)
{
	_cleanup_(set_cleanup) struct nftnl_set *kernel = nftnl_set_alloc();
	struct nlmsghdr *message =
		netfilter_batch_begin(batch, NFT_MSG_NEWSET, NFPROTO_INET, NLM_F_CREATE);
	uint32_t flags = 0;

	if (!kernel || !message || nftnl_set_set_str(kernel, NFTNL_SET_TABLE, ruleset->table) < 0 ||
	    nftnl_set_set_str(kernel, NFTNL_SET_NAME, set->name) < 0 ||
	    set_key(kernel, set, &flags) < 0)
		return -ENOMEM;
	flags |= set->intervals ? NFT_SET_INTERVAL : 0;
	flags |= set->timeouts ? NFT_SET_TIMEOUT : 0;
	if (set->counters) {
		flags |= NFT_SET_EXPR;
		if (set_expression(kernel) < 0)
			return -ENOMEM;
	}
	nftnl_set_set_u32(kernel, NFTNL_SET_FLAGS, flags);
	nftnl_set_set_u32(kernel, NFTNL_SET_ID, id);
	nftnl_set_nlmsg_build_payload(message, kernel);
	netfilter_batch_end(batch, message);
	return 0;
}

static int put_counter(const struct ruleset *ruleset, const struct filter_counter *counter,
		       struct netfilter_batch *batch)
{
	_cleanup_(object_cleanup) struct nftnl_obj *object = nftnl_obj_alloc();
	struct nlmsghdr *message =
		netfilter_batch_begin(batch, NFT_MSG_NEWOBJ, NFPROTO_INET, NLM_F_CREATE);

	if (!object || !message)
		return -ENOMEM;
	nftnl_obj_set_str(object, NFTNL_OBJ_TABLE, ruleset->table);
	nftnl_obj_set_str(object, NFTNL_OBJ_NAME, counter->name);
	nftnl_obj_set_u32(object, NFTNL_OBJ_TYPE, NFT_OBJECT_COUNTER);
	nftnl_obj_set_u64(object, NFTNL_OBJ_CTR_PKTS, 0);
	nftnl_obj_set_u64(object, NFTNL_OBJ_CTR_BYTES, 0);
	nftnl_obj_nlmsg_build_payload(message, object);
	netfilter_batch_end(batch, message);
	return 0;
}

/* ---- elements ---- */

void filter_element_encode(const struct filter_set *set, const struct filter_element *element,
			   struct set_element *ret)
{
	unsigned at = 0;

	memset(ret->key, 0, sizeof(ret->key));
	memset(ret->end, 0, sizeof(ret->end));
	for (unsigned i = 0; i < set->field_count; i++) {
		unsigned width = field_of(set->fields[i])->width;

		memcpy(ret->key + at, element->low[i].bytes, width);
		memcpy(ret->end + at, element->high[i].bytes, width);
		at += set->field_count > 1 ? field_room(set->fields[i]) : width;
	}
	ret->key_size = (uint8_t)at;
	ret->end_size = set->intervals && set->field_count > 1 ? (uint8_t)at : 0;
}

void filter_element_decode(const struct filter_set *set, const struct set_element *kernel,
			   struct filter_element *ret)
{
	const uint8_t *end = kernel->end_size ? kernel->end : kernel->key;
	unsigned at = 0;

	*ret = (struct filter_element){0};
	for (unsigned i = 0; i < set->field_count; i++) {
		unsigned width = field_of(set->fields[i])->width;

		memcpy(ret->low[i].bytes, kernel->key + at, width);
		memcpy(ret->high[i].bytes, end + at, width);
		at += field_room(set->fields[i]);
	}
}

/* The value behind; false behind the last. */
static bool add_one(uint8_t *value, unsigned width)
{
	for (unsigned i = width; i-- > 0;)
		if (++value[i])
			return true;
	return false;
}

int filter_element_each(const struct filter_set *set, const struct filter_element *element,
			int (*call)(const struct set_element *kernel, void *userdata),
			void *userdata)
{
	struct set_element kernel = {0};
	int r;

	filter_element_encode(set, element, &kernel);
	r = call(&kernel, userdata);
	if (r || !set->intervals || set->field_count > 1)
		return r;
	memcpy(kernel.key, element->high[0].bytes, kernel.key_size);
	if (!add_one(kernel.key, kernel.key_size))
		return 0;
	kernel.interval_end = true;
	return call(&kernel, userdata);
}

static int put_element(const struct set_element *kernel, void *userdata)
{
	netfilter_elements_put(userdata, kernel);
	return 0;
}

static void put_elements(const struct ruleset *ruleset, const struct filter_set *set,
			 struct netfilter_batch *batch)
{
	struct element_writer writer;

	netfilter_elements_begin(&writer, batch, ruleset->table, set->name, false);
	for (size_t i = 0; i < set->element_count; i++)
		(void)filter_element_each(set, &set->elements[i], put_element, &writer);
	netfilter_elements_end(&writer);
}

/* ---- the whole ---- */

static int put_rules(const struct ruleset *ruleset, struct netfilter_batch *batch)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ruleset->chain_count; i++) {
		const struct filter_chain *chain = &ruleset->chains[i];

		for (size_t k = 0; r >= 0 && k < chain->rule_count; k++)
			r = encode_rule(ruleset, chain, &chain->rules[k], batch);
	}
	return r;
}

int ruleset_encode_removal(const char *table, struct netfilter_batch *batch)
{
	/* What is not there cannot be deleted, and what is there may be added. */
	int r = put_table(table, NFT_MSG_NEWTABLE, batch);

	return r < 0 ? r : put_table(table, NFT_MSG_DELTABLE, batch);
}

int ruleset_encode(const struct ruleset *ruleset, struct netfilter_batch *batch)
{
	int r = ruleset_encode_removal(ruleset->table, batch);

	if (r >= 0)
		r = put_table(ruleset->table, NFT_MSG_NEWTABLE, batch);
	for (size_t i = 0; r >= 0 && i < ruleset->counter_count; i++)
		r = put_counter(ruleset, &ruleset->counters[i], batch);
	for (size_t i = 0; r >= 0 && i < ruleset->set_count; i++)
		r = put_set(ruleset, &ruleset->sets[i], (uint32_t)i + 1, batch);
	for (size_t i = 0; r >= 0 && i < ruleset->set_count; i++)
		put_elements(ruleset, &ruleset->sets[i], batch);
	for (size_t i = 0; r >= 0 && i < ruleset->chain_count; i++)
		r = put_chain(ruleset, &ruleset->chains[i], batch);
	return r < 0 ? r : put_rules(ruleset, batch);
}

int ruleset_encode_rules(const struct ruleset *ruleset, struct netfilter_batch *batch)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ruleset->chain_count; i++) {
		r = put_chain(ruleset, &ruleset->chains[i], batch);
		if (r >= 0)
			r = encode_flush(ruleset, &ruleset->chains[i], batch);
	}
	return r < 0 ? r : put_rules(ruleset, batch);
}
