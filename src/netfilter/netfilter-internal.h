/* What the files of this room share. */
#pragma once

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>

#include "netfilter.h"

/* A message of a subsystem NFNL_SUBSYS_* at the front of `buffer`. */
struct nlmsghdr *netfilter_header(void *buffer, unsigned subsystem, uint16_t type, uint8_t family,
				  uint16_t flags);

/* Room for `size` bytes more at the end of the batch, or NULL. */
void *netfilter_batch_room(struct netfilter_batch *batch, size_t size);

/* The attributes of a message of netfilter's; failed where it is too short. */
static inline struct cursor netfilter_attributes(const struct nlmsghdr *message)
{
	struct cursor body = CURSOR(message + 1, message->nlmsg_len - sizeof(*message));

	cursor_skip(&body, sizeof(struct nfgenmsg));
	return cursor_sub(&body, cursor_left(&body));
}
