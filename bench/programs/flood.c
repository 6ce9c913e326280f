/*
 * Changes many routes or neighbours as fast as the kernel takes them, as a routing daemon does.
 *
 *     flood [OPTION]... routes|neighbours LINK COUNT
 *
 *     --delete             takes them away
 *     --gateway ADDRESS    of the routes (none: by the link alone)
 *     --protocol NUMBER    of the routes (4: static)
 *     --first NUMBER       the number of the first one (0)
 *     --rate NUMBER        no more than so many a second
 *
 * Route N leads to the network 32.0.0.0/24 and N networks further, neighbour N is 10.200.0.0 and N
 * addresses further, and stays until it is taken away. Prints {"ms": ..}, how long it took. It is
 * the floor of a change of many, too: many requests in one datagram, no answer to any but the last.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common.h"

#define ROUTE_FIRST	0x20000000u /* 32.0.0.0 */
#define NEIGHBOUR_FIRST 0x0ac80000u /* 10.200.0.0 */
#define BATCH		100

struct flood {
	bool delete;
	in_addr_t gateway;
	uint8_t protocol;
	uint32_t first;
	double rate;
	int link;
	void (*build)(const struct flood *flood, uint32_t number, struct request *ret);
};

static uint16_t flags(const struct flood *flood)
{
	return flood->delete ? 0 : NLM_F_CREATE | NLM_F_REPLACE;
}

static void build_route(const struct flood *flood, uint32_t number, struct request *ret)
{
	uint32_t destination = htonl(ROUTE_FIRST + (number << 8));
	struct rtmsg *route = request_begin(ret, flood->delete ? RTM_DELROUTE : RTM_NEWROUTE,
					    flags(flood), sizeof(*route));

	route->rtm_family = AF_INET;
	route->rtm_dst_len = 24;
	route->rtm_table = RT_TABLE_MAIN;
	request_add(ret, RTA_DST, &destination, sizeof(destination));
	if (flood->delete) {
		route->rtm_scope = RT_SCOPE_NOWHERE; /* whatever it has */
		return;
	}
	route->rtm_protocol = flood->protocol;
	route->rtm_scope = flood->gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	route->rtm_type = RTN_UNICAST;
	request_add(ret, RTA_OIF, &flood->link, sizeof(flood->link));
	if (flood->gateway)
		request_add(ret, RTA_GATEWAY, &flood->gateway, sizeof(flood->gateway));
}

static void build_neighbour(const struct flood *flood, uint32_t number, struct request *ret)
{
	uint32_t address = htonl(NEIGHBOUR_FIRST + number);
	uint8_t hardware[6] = {2};
	struct ndmsg *neighbour = request_begin(ret, flood->delete ? RTM_DELNEIGH : RTM_NEWNEIGH,
						flags(flood), sizeof(*neighbour));

	memcpy(hardware + 2, &address, sizeof(address));
	neighbour->ndm_family = AF_INET;
	neighbour->ndm_ifindex = flood->link;
	neighbour->ndm_state = NUD_PERMANENT;
	request_add(ret, NDA_DST, &address, sizeof(address));
	if (!flood->delete)
		request_add(ret, NDA_LLADDR, hardware, sizeof(hardware));
}

/* The kernel works inside of send(), and answers what failed. */
static void send_batch(int socket, const uint8_t *bytes, size_t length)
{
	uint8_t reply[4096] __attribute__((aligned(NLMSG_ALIGNTO)));
	const struct nlmsghdr *header = (const struct nlmsghdr *)reply;
	ssize_t received;

	if (send(socket, bytes, length, 0) < 0)
		fail("send");
	while ((received = recv(socket, reply, sizeof(reply), MSG_DONTWAIT)) > 0) {
		errno = -((const struct nlmsgerr *)NLMSG_DATA(header))->error;
		fail("the kernel refused one");
	}
}

static void run(const struct flood *flood, uint32_t count)
{
	static uint8_t bytes[BATCH * sizeof(struct request)];
	int socket = rtnetlink_open(0);
	double start = now_ms();

	for (uint32_t done = 0; done < count;) {
		size_t length = 0;

		for (unsigned i = 0; i < BATCH && done < count; i++, done++) {
			struct request request;

			flood->build(flood, flood->first + done, &request);
			memcpy(bytes + length, &request, request.header.nlmsg_len);
			length += NLMSG_ALIGN(request.header.nlmsg_len);
		}
		send_batch(socket, bytes, length);
		if (flood->rate > 0)
			wait_until(start + done * 1e3 / flood->rate);
	}
	printf("{\"ms\": %.3f}\n", now_ms() - start);
}

static const struct option long_options[] = {
	{"delete", no_argument, NULL, 'd'},	    {"gateway", required_argument, NULL, 'g'},
	{"protocol", required_argument, NULL, 'p'}, {"first", required_argument, NULL, 'f'},
	{"rate", required_argument, NULL, 'r'},	    {0},
};

static bool take_option(int option, struct flood *flood)
{
	switch (option) {
	case 'd':
		flood->delete = true;
		return true;
	case 'g':
		flood->gateway = inet_addr(optarg);
		return true;
	case 'p':
		flood->protocol = (uint8_t)atoi(optarg);
		return true;
	case 'f':
		flood->first = (uint32_t)strtoul(optarg, NULL, 10);
		return true;
	case 'r':
		flood->rate = atof(optarg);
		return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	struct flood flood = {.protocol = RTPROT_STATIC};
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (!take_option(option, &flood))
			return 2;
	}
	if (argc - optind != 3)
		return 2;
	flood.build = strcmp(argv[optind], "routes") == 0 ? build_route : build_neighbour;
	flood.link = (int)if_nametoindex(argv[optind + 1]);
	if (flood.link == 0)
		fail(argv[optind + 1]);
	run(&flood, (uint32_t)strtoul(argv[optind + 2], NULL, 10));
	return 0;
}
