#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/filter.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netfilter-internal.h"
#include "netlink/attribute.h"

#define DATAGRAMS_MOST 64 /* that a turn of the loop takes */

struct netfilter_watch {
	struct mnl_socket *mnl;
	sd_event_source *source;
	void (*changed)(const char *name, void *userdata);
	void *userdata;
};

struct generation {
	uint32_t id, process;
	char name[17];
};

static const struct attribute generation_rows[] = {
	[NFTA_GEN_ID] = ATTRIBUTE(U32, struct generation, id),
	[NFTA_GEN_PROC_PID] = ATTRIBUTE(U32, struct generation, process),
	[NFTA_GEN_PROC_NAME] = ATTRIBUTE(TEXT, struct generation, name),
};
static const struct attribute_table generation_table = ATTRIBUTE_TABLE(generation_rows);

static void on_message(struct netfilter_watch *watch, const struct nlmsghdr *message)
{
	struct generation generation = {0};

	if (message->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN) ||
	    message->nlmsg_len < NLMSG_LENGTH(sizeof(struct nfgenmsg)))
		return;
	if (attribute_read(netfilter_attributes(message), &generation_table, &generation) < 0)
		watch->changed(NULL, watch->userdata);
	else if (ntohl(generation.process) != (uint32_t)getpid())
		watch->changed(generation.name, watch->userdata);
}

static int on_readable(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	_Alignas(struct nlmsghdr) char buffer[16384];
	struct netfilter_watch *watch = userdata;

	for (unsigned i = 0; i < DATAGRAMS_MOST; i++) {
		ssize_t length = mnl_socket_recvfrom(watch->mnl, buffer, sizeof(buffer));
		const struct nlmsghdr *message = (const struct nlmsghdr *)buffer;
		int left = (int)length;

		if (length < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (length < 0)
			watch->changed(NULL, watch->userdata);
		for (; length > 0 && mnl_nlmsg_ok(message, left);
		     message = mnl_nlmsg_next(message, &left))
			on_message(watch, message);
	}
	return 0;
}

/* A change of a million elements is announced with a million messages, then one for the whole: only
 * that one is queued. The kernel packs the others into datagrams of their own. */
static int filter_elements(int fd)
{
	struct sock_filter steps[] = {
		/* The type stands in the host's order; BPF loads in the network's. */
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_type)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
			 htons(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = {.len = ARRAY_SIZE(steps), .filter = steps};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno
											   : 0;
}

int netfilter_watch_new(struct netfilter_watch **ret, sd_event *event,
			void (*changed)(const char *name, void *userdata), void *userdata)
{
	_cleanup_(netfilter_watch_cleanup) struct netfilter_watch *watch =
		calloc(1, sizeof(*watch));
	int group = NFNLGRP_NFTABLES, r;

	if (!watch)
		return -ENOMEM;
	watch->changed = changed;
	watch->userdata = userdata;
	watch->mnl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (!watch->mnl || mnl_socket_bind(watch->mnl, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	r = filter_elements(mnl_socket_get_fd(watch->mnl));
	if (r < 0)
		return r;
	if (mnl_socket_setsockopt(watch->mnl, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
		return -errno;
	r = sd_event_add_io(event, &watch->source, mnl_socket_get_fd(watch->mnl), EPOLLIN,
			    on_readable, watch);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(watch);
	return 0;
}

void netfilter_watch_free(struct netfilter_watch *watch)
{
	sd_event_source_disable_unref(watch->source);
	if (watch->mnl)
		mnl_socket_close(watch->mnl);
	free(watch);
}
