/*
 * What of the kernel's announcements the mirror has a use for.
 *
 * A host may have a million routes of a routing daemon, and tens of thousands of neighbours that
 * come and go. Both are the kernel's to hold: the mirror leaves them out, and who wants them asks
 * the kernel. What is left out is dropped by a classic BPF program on the socket, in the context of
 * whoever made the change, before anything is queued: so it costs this process nothing, and cannot
 * overrun its buffer. A dump's datagrams hold many messages and pass the program; of those the same
 * is left out message by message, by filter_passes().
 *
 * Hosts without a routing daemon are many, and there the mirror is complete: so all routes pass
 * until the first is seen that is left out (`leaves_out`), and who asks knows whether there are
 * any.
 *
 * Of routes pass then: default routes of anybody; all of those who configure hosts (the kernel,
 * static, DHCP, router advertisements, ourselves); and what took the place of another route or
 * joined it, since that may have been one of those. Of neighbours pass those that are followed.
 */
#pragma once

#include <linux/filter.h>

#include "netlink.h"

#define FILTER_FOLLOWED_MOST 1024u /* of more neighbours, all pass */
#define FILTER_PROGRAM_MOST  (64u + 2 * FILTER_FOLLOWED_MOST)

struct filter {
	bool kept[256];	 /* routes of this protocol */
	bool leaves_out; /* there are, or were, routes that are not kept */
	/* The last 32 bits of each address: for IPv6 more may pass than are followed. */
	uint32_t *followed;
	size_t followed_count;
	/* All neighbours pass for now: the program that tells them apart comes when the timer
	 * fires. */
	bool wide;
	sd_event_source *narrowing;
	int fd;
};

void filter_init(struct filter *filter);
void filter_clear(struct filter *filter);
int filter_follow(struct filter *filter, const struct ip_address *addresses, size_t count);

bool filter_keeps_route(const struct filter *filter, const struct route *route);
/* Is the message the announcement, or the entry of a dump, of a route that is not kept? Not of the
 * kernel's own doubles. */
bool filter_leaves_out(const struct filter *filter, const struct nlmsghdr *message);
/* Has the mirror a use for the whole rtnetlink message? Of other kinds it has for all. */
bool filter_passes(const struct filter *filter, const struct nlmsghdr *message);

/* The same as a program for SO_ATTACH_FILTER (until `leaves_out` all routes but the kernel's
 * doubles pass), of at most FILTER_PROGRAM_MOST instructions. Returns their number. */
unsigned short filter_program(const struct filter *filter, struct sock_filter *ret);
/* Puts it on the socket, in the place of the one before. */
int filter_attach(const struct filter *filter, int fd);
/* The same a little later, for what changes often in a short time: a hundred clients find their
 * gateways at once. Until then all neighbours pass. */
int filter_attach_soon(struct filter *filter, sd_event *event, int fd);
