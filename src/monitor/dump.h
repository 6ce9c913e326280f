/*
 * A dump of the kernel, read in portions on the event loop: one datagram for each event, so that a
 * large table holds nobody up.
 */
#pragma once

#include <linux/netlink.h>
#include <systemd/sd-event.h>

#include "base/base.h"

struct dump;

struct dump_handlers {
	/* Each answer. Other than 0 ends the dump with that. */
	int (*message)(const struct nlmsghdr *message, void *userdata);
	/* The end: `r` is 0 or a negative errno; `interrupted` says that the table changed under
	 * the dump (NLM_F_DUMP_INTR). The dump is freed after it. */
	void (*done)(int r, bool interrupted, void *userdata);
};

/* Sends `request` (NLM_F_REQUEST, NLM_F_DUMP and the sequence number are filled in) to a netlink
 * socket of its own. `handlers` is borrowed and outlives the dump. */
int dump_start(struct dump **ret, sd_event *event, int protocol, struct nlmsghdr *request,
	       const struct dump_handlers *handlers, void *userdata);
void dump_cancel(struct dump *dump); /* NULL is allowed */
DEFINE_CLEANUP(struct dump *, dump_cleanup, dump_cancel)
