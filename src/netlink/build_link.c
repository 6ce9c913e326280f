#include <linux/if_link.h>

#include "link_maker.h"
#include "netlink.h"

static struct nlmsghdr *begin(void *buffer, uint16_t type, uint16_t flags, int index)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *header;

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
	header->ifi_index = index;
	return message;
}

static void put_identity(struct nlmsghdr *message, const struct link *link)
{
	mnl_attr_put_strz(message, IFLA_IFNAME, link->name);
	if (link->mac.length)
		mnl_attr_put(message, IFLA_ADDRESS, link->mac.length, link->mac.bytes);
}

/* The other end of a pair is a whole message about a link, header and attributes. */
static void put_peer(struct nlmsghdr *message, uint16_t number, const struct link *peer)
{
	struct nlattr *nest = mnl_attr_nest_start(message, number);

	mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
	put_identity(message, peer);
	mnl_attr_nest_end(message, nest);
}

static void put_info(struct nlmsghdr *message, const struct link_maker *maker,
		     const union link_options *before, const union link_options *after,
		     const struct link *peer)
{
	struct nlattr *info = mnl_attr_nest_start(message, IFLA_LINKINFO), *data;

	mnl_attr_put_strz(message, IFLA_INFO_KIND, maker->kind);
	data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
	attribute_put_differing(message, &maker->table, before, after);
	if (maker->peer && peer)
		put_peer(message, maker->peer, peer);
	mnl_attr_nest_end(message, data);
	mnl_attr_nest_end(message, info);
}

struct nlmsghdr *netlink_build_link_new(void *buffer, const struct link *link,
					const struct link *peer)
{
	const struct link_maker *maker = link_maker(link->info_kind);
	struct nlmsghdr *message = begin(buffer, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);

	if (!maker)
		return NULL;
	put_identity(message, link);
	if (maker->on_lower)
		mnl_attr_put_u32(message, IFLA_LINK, (uint32_t)link->lower);
	put_info(message, maker, &maker->initial, &link->options, peer);
	return message;
}

struct nlmsghdr *netlink_build_link_options(void *buffer, const struct link *before,
					    const union link_options *after)
{
	const struct link_maker *maker = link_maker(before->info_kind);
	struct nlmsghdr *message = begin(buffer, RTM_NEWLINK, 0, before->index);

	if (!maker)
		return NULL;
	put_info(message, maker, &before->options, after, NULL);
	return message;
}

struct nlmsghdr *netlink_build_link_delete(void *buffer, int index)
{
	return begin(buffer, RTM_DELLINK, 0, index);
}

struct nlmsghdr *netlink_build_link_master(void *buffer, int index, int master)
{
	struct nlmsghdr *message = begin(buffer, RTM_NEWLINK, 0, index);

	mnl_attr_put_u32(message, IFLA_MASTER, (uint32_t)master);
	return message;
}
