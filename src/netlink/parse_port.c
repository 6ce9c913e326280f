#include <linux/if_bridge.h>

#include "parse.h"

struct vlan_entry {
	uint16_t flags, first, last;
};

static int read_info(struct cursor payload, void *object)
{
	struct vlan_entry *entry = object;
	struct bridge_vlan_info info;

	cursor_copy(&payload, &info, sizeof(info));
	entry->flags = info.flags;
	entry->first = info.vid;
	return cursor_ok(&payload) ? 0 : -EBADMSG;
}

static const struct attribute entry_rows[] = {
	[BRIDGE_VLANDB_ENTRY_INFO] = ATTRIBUTE_CALLED(read_info),
	[BRIDGE_VLANDB_ENTRY_RANGE] = ATTRIBUTE(U16, struct vlan_entry, last),
};
static const struct attribute_table entry_table = ATTRIBUTE_TABLE(entry_rows);

static void set_bit(uint8_t *bits, unsigned id)
{
	bits[id / 8] |= (uint8_t)(1u << id % 8);
}

static int read_entry(struct cursor payload, void *object)
{
	struct port_vlans *vlans = object;
	struct vlan_entry entry = {0};
	int r = attribute_read(payload, &entry_table, &entry);

	if (r < 0)
		return r;
	if (entry.last == 0)
		entry.last = entry.first;
	if (entry.last > VLAN_MAX)
		return -EBADMSG;
	for (unsigned id = entry.first; id <= entry.last; id++) {
		set_bit(vlans->member, id);
		if (entry.flags & BRIDGE_VLAN_INFO_UNTAGGED)
			set_bit(vlans->untagged, id);
		if (entry.flags & BRIDGE_VLAN_INFO_PVID)
			vlans->pvid = (uint16_t)id;
	}
	return 0;
}

static const struct attribute port_rows[] = {
	[BRIDGE_VLANDB_ENTRY] = ATTRIBUTE_CALLED(read_entry),
};
static const struct attribute_table port_table = ATTRIBUTE_TABLE(port_rows);

int netlink_parse_port_vlans(const struct nlmsghdr *message, int index, struct port_vlans *ret)
{
	struct br_vlan_msg header;
	struct cursor body;

	if (message->nlmsg_len < sizeof(*message))
		return -EBADMSG;
	body = CURSOR(message + 1, message->nlmsg_len - sizeof(*message));
	if (!parse_header(&body, &header, sizeof(header)))
		return -EBADMSG;
	return header.ifindex == (uint32_t)index ? attribute_read(body, &port_table, ret) : 0;
}
