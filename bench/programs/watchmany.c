/*
 * Starts a program in this network namespace and tells when it has configured many links.
 *
 *     watchmany COUNT TIMEOUT MEMORY LOG -- PROGRAM [ARGUMENT]...
 *
 * Waits until COUNT links each have an IPv4 address and a default route by it, as the kernel
 * announces them, for TIMEOUT seconds at most, and measures the memory of all its processes MEMORY
 * seconds later. The program's output goes to the file LOG, and it runs on: whoever started this
 * ends it.
 *
 * Prints {"ok": .., "ms": .., "links": .., "pss_kib": ..}, `links` being those that are ready.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"
#include "processes.h"
#include "routable.h"

#define RECEIVE_BUFFER (64 << 20)
#define INDEX_MAX      65536

enum { HAS_ADDRESS = 1, HAS_ROUTE = 2, IS_READY = HAS_ADDRESS | HAS_ROUTE };

static uint8_t state[INDEX_MAX]; /* by the link's index */
static unsigned ready;

static void note(int index, uint8_t what)
{
	if (index <= 0 || index >= INDEX_MAX || state[index] & what)
		return;
	state[index] |= what;
	ready += state[index] == IS_READY;
}

static void take_address(const struct nlmsghdr *header)
{
	const struct ifaddrmsg *address = NLMSG_DATA(header);

	if (address->ifa_family == AF_INET && is_routable(address, IFA_PAYLOAD(header)))
		note((int)address->ifa_index, HAS_ADDRESS);
}

static void take_route(const struct nlmsghdr *header)
{
	const struct rtmsg *route = NLMSG_DATA(header);
	size_t left = RTM_PAYLOAD(header);

	if (route->rtm_family != AF_INET || route->rtm_dst_len != 0 ||
	    route->rtm_type != RTN_UNICAST)
		return;
	for (struct rtattr *at = RTM_RTA(route); RTA_OK(at, left); at = RTA_NEXT(at, left)) {
		if (at->rta_type == RTA_OIF)
			note(*(int *)RTA_DATA(at), HAS_ROUTE);
	}
}

static void take_events(int events)
{
	static uint8_t bytes[65536] __attribute__((aligned(NLMSG_ALIGNTO)));
	ssize_t length = recv(events, bytes, sizeof(bytes), MSG_DONTWAIT);
	size_t left = length < 0 ? 0 : (size_t)length;

	if (length < 0 && errno != EAGAIN)
		fail("rtnetlink");
	for (struct nlmsghdr *header = (struct nlmsghdr *)bytes; NLMSG_OK(header, left);
	     header = NLMSG_NEXT(header, left)) {
		if (header->nlmsg_type == RTM_NEWADDR)
			take_address(header);
		else if (header->nlmsg_type == RTM_NEWROUTE)
			take_route(header);
	}
}

int main(int argc, char **argv)
{
	int events = rtnetlink_open(RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE), size = RECEIVE_BUFFER;
	struct pollfd readable = {events, POLLIN, 0};
	struct process_memory memory;
	double start, end;
	unsigned count;
	pid_t pid;

	if (argc < 7 || strcmp(argv[5], "--") != 0)
		return 2;
	if (setsockopt(events, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		fail("SO_RCVBUFFORCE");
	count = (unsigned)atoi(argv[1]);
	pid = process_start(argv + 6, argv[4], &start);
	do {
		poll(&readable, 1, 100);
		take_events(events);
		end = now_ms();
	} while (ready < count && end - start < atof(argv[2]) * 1e3);
	usleep((useconds_t)(atof(argv[3]) * 1e6));
	process_memory_read(pid, &memory);
	printf("{\"ok\": %s, \"ms\": %.3f, \"links\": %u, \"pss_kib\": %ld}\n",
	       ready >= count ? "true" : "false", end - start, ready, memory.proportional_kib);
	return 0;
}
