/*
 * Starts a program in this network namespace and tells when the kernel says that it did its work.
 *
 *     watch [OPTION]... -- PROGRAM [ARGUMENT]...
 *
 *     --interface NAME     the link to look at (eth0)
 *     --gateway ADDRESS    done when a ping of it is answered
 *     --other NAME         instead: done when packets to 8.8.8.8 leave by this link
 *     --trigger FD         the clock starts not with the program, but when the far end of the link,
 *     --far-end NAME       in the namespace that is open as FD, is set
 *     --state up|down      up or down
 *     --settle SECONDS     how long the program is left alone before that, and, with --other, after
 *                          both links have a default route
 *     --memory SECONDS     afterwards measure the memory of all its processes, so much later
 *     --timeout SECONDS    (30)
 *     --log FILE           where the program's output goes (/dev/null)
 *
 * Prints one JSON object: milliseconds since the clock started until the kernel announced carrier
 * (its gain, or with --state down its loss), an IPv4 address and a default route, and until the
 * reply came; null for what did not happen. The program runs on: whoever started this ends it.
 *
 * Nothing is between the clock and the program but vfork() and exec().
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"
#include "processes.h"
#include "routable.h"

#define PING_EVERY_MS	 2
#define PING_POLL_NS	 500000
#define FAILOVER_POLL_NS 100000 /* a route may go without an announcement of its own */
#define EVENT_POLL_NS	 20000000
#define RECEIVE_BUFFER	 (8 << 20)
#ifndef IFF_LOWER_UP
#define IFF_LOWER_UP (1 << 16)
#endif

struct options {
	const char *interface, *other, *far_end, *log;
	in_addr_t gateway;
	int namespace;
	bool up;
	double settle_ms, memory_s, timeout_ms;
	char **program;
};

struct watch {
	struct options options;
	int events, requests, echo;
	int index, other_index;
	uint16_t sequence;
	pid_t pid;
	bool ended;
	int status;	/* as of waitpid(), if it ended */
	bool routes[2]; /* a default route by the link, and by the other */
	double start, last_ping;
	double carrier, address, route, reply; /* milliseconds since the start, 0: not yet */
};

/* ---- what the kernel announces ---- */

static void note(double *when, double now)
{
	if (*when == 0)
		*when = now;
}

static int outgoing_link(const struct rtmsg *route, size_t left)
{
	for (struct rtattr *at = RTM_RTA(route); RTA_OK(at, left); at = RTA_NEXT(at, left)) {
		if (at->rta_type == RTA_OIF)
			return *(int *)RTA_DATA(at);
	}
	return 0;
}

static void take_link(struct watch *watch, const struct ifinfomsg *link, double now)
{
	bool carrier = link->ifi_flags & IFF_LOWER_UP;

	if (link->ifi_index == watch->index && carrier == watch->options.up)
		note(&watch->carrier, now);
}

static void take_address(struct watch *watch, const struct nlmsghdr *header, double now)
{
	const struct ifaddrmsg *address = NLMSG_DATA(header);

	if (address->ifa_family == AF_INET && (int)address->ifa_index == watch->index &&
	    is_routable(address, IFA_PAYLOAD(header)))
		note(&watch->address, now);
}

static void take_route(struct watch *watch, const struct nlmsghdr *header, double now)
{
	const struct rtmsg *route = NLMSG_DATA(header);
	int link = outgoing_link(route, RTM_PAYLOAD(header));

	if (route->rtm_family != AF_INET || route->rtm_dst_len != 0 ||
	    route->rtm_type != RTN_UNICAST)
		return;
	watch->routes[0] = watch->routes[0] || link == watch->index;
	watch->routes[1] = watch->routes[1] || link == watch->other_index;
	if (link == watch->index && !watch->options.other)
		note(&watch->route, now);
}

static void take_events(struct watch *watch)
{
	static uint8_t bytes[65536] __attribute__((aligned(NLMSG_ALIGNTO)));
	ssize_t length = recv(watch->events, bytes, sizeof(bytes), MSG_DONTWAIT);
	size_t left = length < 0 ? 0 : (size_t)length;
	double now = now_ms() - watch->start;

	if (length < 0 && errno != EAGAIN)
		fail("rtnetlink");
	for (struct nlmsghdr *header = (struct nlmsghdr *)bytes; NLMSG_OK(header, left);
	     header = NLMSG_NEXT(header, left)) {
		if (header->nlmsg_type == RTM_NEWLINK)
			take_link(watch, NLMSG_DATA(header), now);
		else if (header->nlmsg_type == RTM_NEWADDR)
			take_address(watch, header, now);
		else if (header->nlmsg_type == RTM_NEWROUTE)
			take_route(watch, header, now);
	}
}

static bool wait_for_event(struct watch *watch, long nanoseconds)
{
	struct pollfd readable[] = {{watch->events, POLLIN, 0}, {watch->echo, POLLIN, 0}};
	struct timespec timeout = {nanoseconds / 1000000000, nanoseconds % 1000000000};

	return ppoll(readable, 2, &timeout, NULL) > 0;
}

/* ---- ping ---- */

static void send_echo(struct watch *watch)
{
	struct icmphdr echo = {.type = ICMP_ECHO};
	const struct sockaddr_in to = {.sin_family = AF_INET,
				       .sin_addr.s_addr = watch->options.gateway};

	if (watch->last_ping != 0 && now_ms() - watch->last_ping < PING_EVERY_MS)
		return;
	echo.un.echo.id = htons((uint16_t)getpid());
	echo.un.echo.sequence = htons(++watch->sequence);
	echo.checksum = internet_checksum(&echo, sizeof(echo));
	/* No way there yet, or no neighbour: the next one will do. */
	(void)sendto(watch->echo, &echo, sizeof(echo), 0, (const struct sockaddr *)&to, sizeof(to));
	watch->last_ping = now_ms();
}

static void take_echo(struct watch *watch)
{
	uint8_t bytes[2048];
	ssize_t length;

	while ((length = recv(watch->echo, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
		size_t header = (bytes[0] & 15) * 4;
		const struct icmphdr *echo = (const struct icmphdr *)(bytes + header);

		if ((size_t)length >= header + sizeof(*echo) && echo->type == ICMP_ECHOREPLY &&
		    echo->un.echo.id == htons((uint16_t)getpid()))
			note(&watch->reply, now_ms() - watch->start);
	}
}

/* ---- the program, and the trigger ---- */

static bool has_ended(struct watch *watch)
{
	watch->ended = watch->ended || waitpid(watch->pid, &watch->status, WNOHANG) == watch->pid;
	return watch->ended;
}

/* Events that came so far are forgotten; what comes from now on belongs to what is measured. */
static void start_clock(struct watch *watch)
{
	while (wait_for_event(watch, 0)) {
		take_events(watch);
		take_echo(watch);
	}
	watch->carrier = watch->address = watch->route = watch->reply = 0;
	watch->start = now_ms();
}

static bool is_settled(const struct watch *watch)
{
	return !watch->options.other ||
	       (watch->routes[0] && watch->routes[1] &&
		route_link(watch->requests, inet_addr("8.8.8.8")) == watch->index);
}

static void wait_until_settled(struct watch *watch)
{
	double deadline = now_ms() + watch->options.timeout_ms, until;

	while (!is_settled(watch) && !has_ended(watch) && now_ms() < deadline) {
		wait_for_event(watch, EVENT_POLL_NS);
		take_events(watch);
	}
	until = now_ms() + watch->options.settle_ms;
	while (!has_ended(watch) && now_ms() < until) {
		wait_for_event(watch, EVENT_POLL_NS);
		take_events(watch);
	}
}

/* A socket in the namespace of the far end; one in ours stays ours. */
static int open_far_socket(const struct options *options, int *ret_index)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), far;

	if (home < 0 || setns(options->namespace, CLONE_NEWNET) < 0)
		fail("the namespace of the far end");
	far = rtnetlink_open(0);
	*ret_index = (int)if_nametoindex(options->far_end);
	if (*ret_index == 0)
		fail(options->far_end);
	if (setns(home, CLONE_NEWNET) < 0)
		fail("the own namespace");
	close(home);
	return far;
}

static void pull_trigger(struct watch *watch)
{
	int index, far = open_far_socket(&watch->options, &index);

	wait_until_settled(watch);
	start_clock(watch);
	if (link_set_up(far, index, watch->options.up) < 0)
		fail("setting the far end");
	close(far);
}

/* ---- the whole ---- */

static bool is_done(struct watch *watch)
{
	if (watch->options.other) {
		if (route_link(watch->requests, inet_addr("8.8.8.8")) == watch->other_index)
			note(&watch->route, now_ms() - watch->start);
		return watch->route != 0 && watch->carrier != 0;
	}
	return watch->address != 0 && watch->route != 0 &&
	       (watch->reply != 0 || !watch->options.gateway);
}

static bool watch_until_done(struct watch *watch)
{
	double deadline = watch->start + watch->options.timeout_ms;

	while (!is_done(watch)) {
		bool pinging = watch->options.gateway && watch->address != 0 && watch->route != 0;

		if (has_ended(watch) || now_ms() > deadline)
			return false;
		if (pinging)
			send_echo(watch);
		wait_for_event(watch, watch->options.other ? FAILOVER_POLL_NS
				      : pinging		   ? PING_POLL_NS
							   : EVENT_POLL_NS);
		take_events(watch);
		take_echo(watch);
	}
	return true;
}

static void print_time(const char *name, double value)
{
	if (value == 0)
		printf(", \"%s\": null", name);
	else
		printf(", \"%s\": %.3f", name, value);
}

static void report(const struct watch *watch, bool done)
{
	printf("{\"ok\": %s", done ? "true" : "false");
	print_time("carrier", watch->carrier);
	print_time("address", watch->address);
	print_time("route", watch->route);
	print_time("ping", watch->reply);
	if (watch->ended)
		printf(", \"ended\": %d", WEXITSTATUS(watch->status));
	if (watch->options.memory_s > 0 && !watch->ended) {
		struct process_memory memory;

		usleep((useconds_t)(watch->options.memory_s * 1e6));
		process_memory_read(watch->pid, &memory);
		printf(", \"pss_kib\": %ld, \"private_kib\": %ld, \"processes\": %d",
		       memory.proportional_kib, memory.private_kib, memory.processes);
	}
	puts("}");
}

static const struct option long_options[] = {
	{"interface", required_argument, NULL, 'i'},
	{"gateway", required_argument, NULL, 'g'},
	{"other", required_argument, NULL, 'o'},
	{"trigger", required_argument, NULL, 't'},
	{"far-end", required_argument, NULL, 'f'},
	{"state", required_argument, NULL, 's'},
	{"settle", required_argument, NULL, 'w'},
	{"memory", required_argument, NULL, 'm'},
	{"timeout", required_argument, NULL, 'T'},
	{"log", required_argument, NULL, 'l'},
	{0},
};

static bool take_option(int option, struct options *options)
{
	switch (option) {
	case 'i':
		options->interface = optarg;
		return true;
	case 'g':
		options->gateway = inet_addr(optarg);
		return true;
	case 'o':
		options->other = optarg;
		return true;
	case 't':
		options->namespace = atoi(optarg);
		return true;
	case 'f':
		options->far_end = optarg;
		return true;
	case 's':
		options->up = strcmp(optarg, "up") == 0;
		return true;
	case 'w':
		options->settle_ms = atof(optarg) * 1e3;
		return true;
	case 'm':
		options->memory_s = atof(optarg);
		return true;
	case 'T':
		options->timeout_ms = atof(optarg) * 1e3;
		return true;
	case 'l':
		options->log = optarg;
		return true;
	}
	return false;
}

static void open_sockets(struct watch *watch)
{
	int size = RECEIVE_BUFFER;

	watch->events = rtnetlink_open(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE);
	watch->requests = rtnetlink_open(0);
	watch->echo = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
	if (watch->echo < 0 ||
	    setsockopt(watch->events, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		fail("sockets");
	watch->index = (int)if_nametoindex(watch->options.interface);
	if (watch->index == 0)
		fail(watch->options.interface);
	if (watch->options.other)
		watch->other_index = (int)if_nametoindex(watch->options.other);
}

int main(int argc, char **argv)
{
	struct watch watch = {.options = {.interface = "eth0",
					  .log = "/dev/null",
					  .namespace = -1,
					  .up = true,
					  .timeout_ms = 30e3}};
	int option;
	bool done;

	while ((option = getopt_long(argc, argv, "+", long_options, NULL)) != -1) {
		if (!take_option(option, &watch.options))
			return 2;
	}
	watch.options.program = argv + optind;
	if (optind == argc)
		return 2;
	open_sockets(&watch);
	watch.pid = process_start(watch.options.program, watch.options.log, &watch.start);
	if (watch.options.namespace >= 0)
		pull_trigger(&watch);
	done = watch_until_done(&watch);
	report(&watch, done);
	return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
