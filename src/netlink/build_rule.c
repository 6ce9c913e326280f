#include <linux/fib_rules.h>

#include "parse.h"

struct nlmsghdr *netlink_build_rule(void *buffer, bool add, const struct rule *rule)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct fib_rule_hdr *header;

	message->nlmsg_type = add ? RTM_NEWRULE : RTM_DELRULE;
	message->nlmsg_flags = NLM_F_REQUEST | (add ? NLM_F_CREATE | NLM_F_EXCL : 0);
	header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
	header->family = rule->family;
	header->src_len = rule->source.length;
	header->dst_len = rule->destination.length;
	header->table = rule->table > UINT8_MAX ? RT_TABLE_UNSPEC : (uint8_t)rule->table;
	header->action = rule->action;
	header->flags = rule->invert ? FIB_RULE_INVERT : 0;
	attribute_put(message, &netlink_rule_attributes, rule);
	/* None; the kernel states it of each rule. */
	mnl_attr_put_u32(message, FRA_SUPPRESS_PREFIXLEN, UINT32_MAX);
	return message;
}
