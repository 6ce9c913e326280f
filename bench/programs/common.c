#include "common.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

void wait_until(double when_ms)
{
	double left = when_ms - now_ms();
	struct timespec pause = {(time_t)(left / 1e3), (long)(left * 1e6) % 1000000000};

	if (left > 0)
		nanosleep(&pause, NULL);
}

void fail(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(errno));
	exit(EXIT_FAILURE);
}

uint16_t internet_checksum(const void *data, size_t length)
{
	const uint16_t *word = data;
	uint32_t sum = 0;

	for (; length > 1; length -= 2)
		sum += *word++;
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t) ~(sum + (sum >> 16));
}

/* ---- series ---- */

static int compare(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

void series_print(double *values, size_t count, double scale)
{
	double median;

	qsort(values, count, sizeof(*values), compare);
	median = (values[(count - 1) / 2] + values[count / 2]) / 2;
	printf("{\"median\": %.4f, \"p99\": %.4f, \"min\": %.4f, \"max\": %.4f, \"count\": %zu}",
	       median * scale, values[(count - 1) * 99 / 100] * scale, values[0] * scale,
	       values[count - 1] * scale, count);
}

/* ---- rtnetlink ---- */

int rtnetlink_open(unsigned groups)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = groups};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail("rtnetlink socket");
	return fd;
}

void *request_begin(struct request *request, uint16_t type, uint16_t flags, size_t size)
{
	memset(request, 0, sizeof(*request));
	request->header.nlmsg_len = (uint32_t)NLMSG_LENGTH(size);
	request->header.nlmsg_type = type;
	request->header.nlmsg_flags = NLM_F_REQUEST | flags;
	return request->body;
}

void request_add(struct request *request, uint16_t type, const void *value, size_t length)
{
	size_t end = NLMSG_ALIGN(request->header.nlmsg_len);
	struct rtattr *attribute = (struct rtattr *)((uint8_t *)request + end);

	attribute->rta_type = type;
	attribute->rta_len = (uint16_t)RTA_LENGTH(length);
	memcpy(RTA_DATA(attribute), value, length);
	request->header.nlmsg_len = (uint32_t)(end + RTA_SPACE(length));
}

int request_talk(int socket, struct request *request)
{
	uint8_t reply[1024] __attribute__((aligned(NLMSG_ALIGNTO)));
	const struct nlmsghdr *header = (const struct nlmsghdr *)reply;
	ssize_t length;

	request->header.nlmsg_flags |= NLM_F_ACK;
	if (send(socket, request, request->header.nlmsg_len, 0) < 0)
		return -errno;
	length = recv(socket, reply, sizeof(reply), 0);
	if (length < 0)
		return -errno;
	if (!NLMSG_OK(header, (size_t)length) || header->nlmsg_type != NLMSG_ERROR)
		return -EPROTO;
	return ((const struct nlmsgerr *)NLMSG_DATA(header))->error;
}

int link_set_up(int socket, int index, bool up)
{
	struct request request;
	struct ifinfomsg *link = request_begin(&request, RTM_NEWLINK, 0, sizeof(*link));

	link->ifi_index = index;
	link->ifi_change = IFF_UP;
	link->ifi_flags = up ? IFF_UP : 0;
	return request_talk(socket, &request);
}

static uint16_t change_flags(uint16_t type)
{
	return type == RTM_NEWADDR || type == RTM_NEWROUTE ? NLM_F_CREATE | NLM_F_REPLACE : 0;
}

int address_change(int socket, uint16_t type, int index, uint32_t address, uint8_t prefix_length)
{
	struct request request;
	struct ifaddrmsg *header =
		request_begin(&request, type, change_flags(type), sizeof(*header));

	header->ifa_family = AF_INET;
	header->ifa_prefixlen = prefix_length;
	header->ifa_index = (unsigned)index;
	request_add(&request, IFA_LOCAL, &address, sizeof(address));
	request_add(&request, IFA_ADDRESS, &address, sizeof(address));
	return request_talk(socket, &request);
}

int default_route_change(int socket, uint16_t type, int index, uint32_t gateway, uint32_t metric)
{
	struct request request;
	struct rtmsg *route = request_begin(&request, type, change_flags(type), sizeof(*route));

	route->rtm_family = AF_INET;
	route->rtm_table = RT_TABLE_MAIN;
	route->rtm_protocol = RTPROT_DHCP;
	route->rtm_type = RTN_UNICAST;
	request_add(&request, RTA_GATEWAY, &gateway, sizeof(gateway));
	request_add(&request, RTA_OIF, &index, sizeof(index));
	if (metric)
		request_add(&request, RTA_PRIORITY, &metric, sizeof(metric));
	return request_talk(socket, &request);
}

int route_link(int socket, uint32_t destination)
{
	struct request request;
	uint8_t reply[4096] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *header = (struct nlmsghdr *)reply;
	struct rtmsg *route = request_begin(&request, RTM_GETROUTE, 0, sizeof(*route));
	ssize_t length;
	size_t left;

	route->rtm_family = AF_INET;
	route->rtm_dst_len = 32;
	request_add(&request, RTA_DST, &destination, sizeof(destination));
	if (send(socket, &request, request.header.nlmsg_len, 0) < 0)
		fail("RTM_GETROUTE");
	length = recv(socket, reply, sizeof(reply), 0);
	if (length < 0)
		fail("RTM_GETROUTE");
	if (!NLMSG_OK(header, (size_t)length) || header->nlmsg_type != RTM_NEWROUTE)
		return 0;
	route = NLMSG_DATA(header);
	left = RTM_PAYLOAD(header);
	for (struct rtattr *at = RTM_RTA(route); RTA_OK(at, left); at = RTA_NEXT(at, left)) {
		if (at->rta_type == RTA_OIF)
			return *(int *)RTA_DATA(at);
	}
	return 0;
}
