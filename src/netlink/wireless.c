#include <linux/genetlink.h>
#include <linux/nl80211.h>

#include "attribute.h"
#include "netlink.h"

#define ANSWER_TIMEOUT (100 * USEC_PER_MSEC)

struct family {
	uint16_t id;
	char name[GENL_NAMSIZ];
};

static const struct attribute family_rows[] = {
	[CTRL_ATTR_FAMILY_ID] = ATTRIBUTE(U16, struct family, id),
	[CTRL_ATTR_FAMILY_NAME] = ATTRIBUTE(TEXT, struct family, name),
};
static const struct attribute_table family_table = ATTRIBUTE_TABLE(family_rows);

static int find_family(const struct nlmsghdr *message, void *userdata)
{
	uint16_t *id = userdata;
	struct cursor body = CURSOR(message + 1, message->nlmsg_len - sizeof(*message));
	struct family family = {};

	cursor_skip(&body, GENL_HDRLEN);
	if (!cursor_ok(&body) ||
	    attribute_read(cursor_sub(&body, cursor_left(&body)), &family_table, &family) < 0)
		return 0;
	if (!strcmp(family.name, NL80211_GENL_NAME))
		*id = family.id;
	return 0;
}

static struct nlmsghdr *build(void *buffer, uint16_t type, uint16_t flags, uint8_t command)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct genlmsghdr *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	header->cmd = command;
	header->version = 1;
	return message;
}

bool netlink_link_is_wireless(int index)
{
	_cleanup_(netlink_socket_cleanup) struct netlink_socket *socket = NULL;
	uint8_t buffer[NETLINK_MESSAGE_MAX];
	struct nlmsghdr *message;
	uint16_t id = 0;

	if (netlink_socket_new(&socket, NETLINK_GENERIC, ANSWER_TIMEOUT) < 0)
		return false;

	/* The family is looked for in a dump, since asking for it by name makes the kernel start
	 * modprobe where it is not there, which takes milliseconds. A wireless link cannot exist
	 * before its family does. */
	message = build(buffer, GENL_ID_CTRL, NLM_F_DUMP, CTRL_CMD_GETFAMILY);
	if (netlink_query(socket, message, find_family, &id) < 0 || !id)
		return false;
	message = build(buffer, id, 0, NL80211_CMD_GET_INTERFACE);
	mnl_attr_put_u32(message, NL80211_ATTR_IFINDEX, (uint32_t)index);
	return netlink_request(socket, message) == 0;
}
