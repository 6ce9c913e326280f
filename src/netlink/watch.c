#include <errno.h>
#include <linux/netconf.h>
#include <stdlib.h>

#include "netlink.h"
#include "parse.h"

#define DATAGRAMS_MOST 32 /* that a turn of the loop takes */

struct netlink_watch {
	struct mnl_socket *mnl;
	sd_event_source *source;
	void (*heard)(const struct nlmsghdr *message, void *userdata);
	void *userdata;
};

static void pass_on(struct netlink_watch *watch, const void *buffer, int length)
{
	const struct nlmsghdr *message = buffer;

	for (; mnl_nlmsg_ok(message, length); message = mnl_nlmsg_next(message, &length))
		watch->heard(message, watch->userdata);
}

static int on_readable(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	_Alignas(struct nlmsghdr) char buffer[8192];
	struct netlink_watch *watch = userdata;

	for (unsigned i = 0; i < DATAGRAMS_MOST; i++) {
		ssize_t length = mnl_socket_recvfrom(watch->mnl, buffer, sizeof(buffer));

		if (length >= 0)
			pass_on(watch, buffer, (int)length);
		else if (errno == EAGAIN || errno == EINTR)
			return 0;
		else /* ENOBUFS, or ENOSPC of a datagram that was cut */
			watch->heard(NULL, watch->userdata);
	}
	return 0;
}

int netlink_watch_new(struct netlink_watch **ret, sd_event *event, const int *groups,
		      void (*heard)(const struct nlmsghdr *message, void *userdata), void *userdata)
{
	_cleanup_(netlink_watch_cleanup) struct netlink_watch *watch = calloc(1, sizeof(*watch));
	int r;

	if (!watch)
		return -ENOMEM;
	watch->heard = heard;
	watch->userdata = userdata;
	watch->mnl = mnl_socket_open2(NETLINK_ROUTE, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (!watch->mnl || mnl_socket_bind(watch->mnl, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	for (; *groups; groups++) {
		int group = *groups;

		if (mnl_socket_setsockopt(watch->mnl, NETLINK_ADD_MEMBERSHIP, &group,
					  sizeof(group)) < 0)
			return -errno;
	}
	r = sd_event_add_io(event, &watch->source, mnl_socket_get_fd(watch->mnl), EPOLLIN,
			    on_readable, watch);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(watch);
	return 0;
}

void netlink_watch_free(struct netlink_watch *watch)
{
	sd_event_source_disable_unref(watch->source);
	if (watch->mnl)
		mnl_socket_close(watch->mnl);
	free(watch);
}

static const struct attribute netconf_rows[] = {
	[NETCONFA_IFINDEX] = {.type = ATTRIBUTE_U32, .size = sizeof(int)},
};
static const struct attribute_table netconf_table = ATTRIBUTE_TABLE(netconf_rows);

int netlink_parse_netconf_link(const struct nlmsghdr *message)
{
	struct netconfmsg header;
	struct cursor body;
	int index = 0, r;

	if (message->nlmsg_len < sizeof(*message))
		return -EBADMSG;
	body = CURSOR(message + 1, message->nlmsg_len - sizeof(*message));
	if (!parse_header(&body, &header, sizeof(header)))
		return -EBADMSG;
	r = attribute_read(body, &netconf_table, &index);
	/* Those of all links and of links to come are -1 and -2. */
	return r < 0 ? r : MAX(index, 0);
}
