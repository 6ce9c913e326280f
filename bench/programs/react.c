/*
 * How long it takes until somebody sets links up again that are set down.
 *
 *     react PAUSE LINK...
 *
 * Sets each LINK down, PAUSE milliseconds one after the other, and waits for the kernel's
 * announcement that it is up. Prints a series in milliseconds, from the moment when it is down.
 * One that stays so for 10 s ends the measurement.
 */
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "common.h"

#define TIMEOUT_MS 10000

/* Takes one datagram of announcements; returns whether it says that the link is up. */
static bool says_up(int events, int index)
{
	uint8_t bytes[65536] __attribute__((aligned(NLMSG_ALIGNTO)));
	ssize_t length = recv(events, bytes, sizeof(bytes), MSG_DONTWAIT);
	size_t left = length < 0 ? 0 : (size_t)length;
	bool up = false;

	for (struct nlmsghdr *header = (struct nlmsghdr *)bytes; NLMSG_OK(header, left);
	     header = NLMSG_NEXT(header, left)) {
		const struct ifinfomsg *link = NLMSG_DATA(header);

		if (header->nlmsg_type == RTM_NEWLINK && link->ifi_index == index)
			up = link->ifi_flags & IFF_UP;
	}
	return up;
}

static double measure(int requests, int events, const char *name)
{
	struct pollfd readable = {events, POLLIN, 0};
	int index = (int)if_nametoindex(name);
	double start;

	if (index == 0)
		fail(name);
	while (poll(&readable, 1, 0) > 0)
		says_up(events, index);
	errno = -link_set_up(requests, index, false);
	if (errno)
		fail(name);
	start = now_ms();
	do {
		if (poll(&readable, 1, TIMEOUT_MS) <= 0) {
			errno = ETIMEDOUT;
			fail(name);
		}
	} while (!says_up(events, index));
	return now_ms() - start;
}

int main(int argc, char **argv)
{
	int requests = rtnetlink_open(0), events = rtnetlink_open(RTMGRP_LINK), count = argc - 2;
	double *values = calloc((size_t)argc, sizeof(*values));

	if (count < 1 || !values)
		return 2;
	for (int i = 0; i < count; i++) {
		double begin = now_ms();

		values[i] = measure(requests, events, argv[i + 2]);
		wait_until(begin + atof(argv[1]));
	}
	series_print(values, (size_t)count, 1);
	putchar('\n');
	free(values);
	return 0;
}
