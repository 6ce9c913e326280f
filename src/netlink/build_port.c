#include <libmnl/libmnl.h>
#include <linux/if_bridge.h>

#include "netlink.h"

static void put_vlan(struct nlmsghdr *message, const struct port_vlans *vlans, unsigned id,
		     uint16_t range)
{
	struct bridge_vlan_info info = {.flags = range, .vid = (uint16_t)id};

	if (vlan_bit(vlans->untagged, id))
		info.flags |= BRIDGE_VLAN_INFO_UNTAGGED;
	if (vlans->pvid == id)
		info.flags |= BRIDGE_VLAN_INFO_PVID;
	mnl_attr_put(message, IFLA_BRIDGE_VLAN_INFO, sizeof(info), &info);
}

struct nlmsghdr *netlink_build_port_vlans(void *buffer, bool add, int index,
					  const struct port_vlans *vlans, unsigned first,
					  unsigned last)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *header;
	struct nlattr *spec;

	message->nlmsg_type = add ? RTM_SETLINK : RTM_DELLINK;
	message->nlmsg_flags = NLM_F_REQUEST;
	header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
	header->ifi_family = AF_BRIDGE;
	header->ifi_index = index;
	spec = mnl_attr_nest_start(message, IFLA_AF_SPEC);
	put_vlan(message, vlans, first, first < last ? BRIDGE_VLAN_INFO_RANGE_BEGIN : 0);
	if (first < last)
		put_vlan(message, vlans, last, BRIDGE_VLAN_INFO_RANGE_END);
	mnl_attr_nest_end(message, spec);
	return message;
}

struct nlmsghdr *netlink_build_port_vlans_dump(void *buffer, int index)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct br_vlan_msg *header;

	message->nlmsg_type = RTM_GETVLAN;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
	header->family = AF_BRIDGE;
	header->ifindex = (uint32_t)index;
	return message;
}
