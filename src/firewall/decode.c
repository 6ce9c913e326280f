#include <errno.h>
#include <stdio.h> /* libnftnl's headers want it */

#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/object.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <stdlib.h>
#include <string.h>

#include "decode-internal.h"
#include "field.h"

DEFINE_CLEANUP(struct nftnl_chain *, chain_cleanup, nftnl_chain_free)
DEFINE_CLEANUP(struct nftnl_rule *, rule_cleanup, nftnl_rule_free)
DEFINE_CLEANUP(struct nftnl_set *, set_cleanup, nftnl_set_free)
DEFINE_CLEANUP(struct nftnl_obj *, object_cleanup, nftnl_obj_free)

struct decoding {
	struct ruleset *ruleset;
	bool found;
};

static bool is_of_table(const struct decoding *decoding, const char *table)
{
	return table && strcmp(table, decoding->ruleset->table) == 0;
}

/* ---- chains ---- */

static const enum packet_hook hooks[] = {
	[NF_INET_PRE_ROUTING] = HOOK_PREROUTING,   [NF_INET_LOCAL_IN] = HOOK_INPUT,
	[NF_INET_FORWARD] = HOOK_FORWARD,	   [NF_INET_LOCAL_OUT] = HOOK_OUTPUT,
	[NF_INET_POST_ROUTING] = HOOK_POSTROUTING,
};

static void chain_base(const struct nftnl_chain *kernel, struct filter_chain *chain)
{
	uint32_t hook = nftnl_chain_get_u32(kernel, NFTNL_CHAIN_HOOKNUM);
	const char *type = nftnl_chain_get_str(kernel, NFTNL_CHAIN_TYPE);

	chain->hook = hook < ARRAY_SIZE(hooks) ? hooks[hook] : HOOK_OTHER;
	chain->priority = nftnl_chain_get_s32(kernel, NFTNL_CHAIN_PRIO);
	chain->drops = nftnl_chain_get_u32(kernel, NFTNL_CHAIN_POLICY) == NF_DROP;
	chain->nat = type && strcmp(type, "nat") == 0;
}

static int take_chain(const struct nlmsghdr *message, void *userdata)
{
	_cleanup_(chain_cleanup) struct nftnl_chain *kernel = nftnl_chain_alloc();
	struct decoding *decoding = userdata;
	struct filter_chain *chain;

	if (!kernel)
		return -ENOMEM;
	if (nftnl_chain_nlmsg_parse(message, kernel) < 0)
		return -EBADMSG;
	if (!is_of_table(decoding, nftnl_chain_get_str(kernel, NFTNL_CHAIN_TABLE)))
		return 0;
	decoding->found = true;
	chain = ruleset_add_chain(decoding->ruleset, nftnl_chain_get_str(kernel, NFTNL_CHAIN_NAME));
	if (!chain)
		return -ENOMEM;
	if (nftnl_chain_is_set(kernel, NFTNL_CHAIN_HOOKNUM))
		chain_base(kernel, chain);
	return 0;
}

/* ---- sets ---- */

/* The fields of a key by the types that nft gave it; false where one of them is none of ours. */
static bool key_fields(uint32_t type, uint32_t size, struct filter_set *set)
{
	static const uint8_t candidates[] = {FIELD_SOURCE4, FIELD_SOURCE6, FIELD_PROTOCOL,
					     FIELD_DESTINATION_PORT, FIELD_IN_LINK};
	uint8_t fields[MATCH_FIELDS_MAX];
	unsigned count = 0, room = 0;

	for (; type && count < MATCH_FIELDS_MAX; type >>= 6) {
		size_t i = 0;

		while (i < ARRAY_SIZE(candidates) && field_of(candidates[i])->type != (type & 63))
			i++;
		if (i == ARRAY_SIZE(candidates))
			return false;
		fields[count++] = candidates[i];
		room += field_room(candidates[i]);
	}
	if (type || count == 0 || size != (count == 1 ? field_of(fields[0])->width : room))
		return false;
	for (unsigned i = 0; i < count; i++)
		set->fields[i] = fields[count - 1 - i];
	set->field_count = (uint8_t)count;
	return true;
}

static int take_set(const struct nlmsghdr *message, void *userdata)
{
	_cleanup_(set_cleanup) struct nftnl_set *kernel = nftnl_set_alloc();
	struct decoding *decoding = userdata;
	struct filter_set *set;
	uint32_t flags;

	if (!kernel)
		return -ENOMEM;
	if (nftnl_set_nlmsg_parse(message, kernel) < 0)
		return -EBADMSG;
	if (!is_of_table(decoding, nftnl_set_get_str(kernel, NFTNL_SET_TABLE)))
		return 0;
	set = ruleset_add_set(decoding->ruleset, nftnl_set_get_str(kernel, NFTNL_SET_NAME));
	if (!set)
		return -ENOMEM;
	flags = nftnl_set_get_u32(kernel, NFTNL_SET_FLAGS);
	set->intervals = flags & NFT_SET_INTERVAL;
	set->timeouts = flags & NFT_SET_TIMEOUT;
	set->counters = flags & NFT_SET_EXPR;
	set->unknown = flags & (NFT_SET_MAP | NFT_SET_OBJECT) ||
		       !key_fields(nftnl_set_get_u32(kernel, NFTNL_SET_KEY_TYPE),
				   nftnl_set_get_u32(kernel, NFTNL_SET_KEY_LEN), set);
	return 0;
}

static int take_object(const struct nlmsghdr *message, void *userdata)
{
	_cleanup_(object_cleanup) struct nftnl_obj *kernel = nftnl_obj_alloc();
	struct decoding *decoding = userdata;
	struct filter_counter *counter;

	if (!kernel)
		return -ENOMEM;
	if (nftnl_obj_nlmsg_parse(message, kernel) < 0)
		return -EBADMSG;
	if (!is_of_table(decoding, nftnl_obj_get_str(kernel, NFTNL_OBJ_TABLE)) ||
	    nftnl_obj_get_u32(kernel, NFTNL_OBJ_TYPE) != NFT_OBJECT_COUNTER)
		return 0;
	counter = ruleset_add_counter(decoding->ruleset, nftnl_obj_get_str(kernel, NFTNL_OBJ_NAME));
	if (!counter)
		return -ENOMEM;
	counter->packets = nftnl_obj_get_u64(kernel, NFTNL_OBJ_CTR_PKTS);
	counter->bytes = nftnl_obj_get_u64(kernel, NFTNL_OBJ_CTR_BYTES);
	return 0;
}

/* ---- rules ---- */

static int take_rule(const struct nlmsghdr *message, void *userdata)
{
	_cleanup_(rule_cleanup) struct nftnl_rule *kernel = nftnl_rule_alloc();
	struct decoding *decoding = userdata;
	struct filter_chain *chain;
	struct filter_rule *rule;

	if (!kernel)
		return -ENOMEM;
	if (nftnl_rule_nlmsg_parse(message, kernel) < 0)
		return -EBADMSG;
	if (!is_of_table(decoding, nftnl_rule_get_str(kernel, NFTNL_RULE_TABLE)))
		return 0;
	chain = ruleset_chain(decoding->ruleset, nftnl_rule_get_str(kernel, NFTNL_RULE_CHAIN));
	/* Made since the chains were read: the next announcement has it looked at again. */
	if (!chain)
		return -EAGAIN;
	rule = filter_chain_add_rule(chain);
	if (!rule)
		return -ENOMEM;
	decode_rule(decoding->ruleset, kernel, rule);
	return 0;
}

/* ---- the whole ---- */

static int dump(struct netfilter *netfilter, const struct ruleset *ruleset, uint16_t type,
		netlink_receive_t receive, struct decoding *decoding)
{
	_Alignas(struct nlmsghdr) char buffer[256];
	struct nlmsghdr *message = netfilter_query_begin(buffer, type, ruleset->family);
	int r;

	/* Chains are not filtered by the kernel; the attribute has this number in all the others.
	 */
	if (type != NFT_MSG_GETCHAIN)
		mnl_attr_put_strz(message, NFTA_RULE_TABLE, ruleset->table);
	r = netlink_query(netfilter_socket(netfilter), message, receive, decoding);
	return r == -ENOENT ? 0 : r;
}

int ruleset_decode(struct netfilter *netfilter, uint8_t family, const char *table,
		   struct ruleset *ret)
{
	static const struct {
		uint16_t type;
		netlink_receive_t receive;
	} kinds[] = {
		{NFT_MSG_GETCHAIN, take_chain},
		{NFT_MSG_GETSET, take_set},
		{NFT_MSG_GETOBJ, take_object},
		{NFT_MSG_GETRULE, take_rule},
	};
	_cleanup_ruleset_ struct ruleset ruleset = {.family = family};
	struct decoding decoding = {.ruleset = &ruleset};
	int r = 0;

	snprintf(ruleset.table, sizeof(ruleset.table), "%s", table);
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(kinds); i++)
		r = dump(netfilter, &ruleset, kinds[i].type, kinds[i].receive, &decoding);
	if (r < 0 || !decoding.found)
		return r < 0 ? r : 0;
	*ret = ruleset;
	ruleset = (struct ruleset){0};
	return 1;
}
