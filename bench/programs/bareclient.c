/*
 * The floor: what coming online costs when nothing is done but that.
 *
 *     bareclient [--wait] INTERFACE...
 *
 * One DHCP exchange on a packet socket, one address, one default route; no lease file, no resolver,
 * no renewal, no check of anything. With --wait it waits for carrier first. Several interfaces are
 * asked for side by side; the first is preferred, and the default route of one that loses its
 * carrier is removed.
 *
 * The packet socket is made with protocol 0 and bound afterwards with its filter in place. Made
 * with a protocol it would be hooked to all links at once and moved by bind(), which waits for a
 * grace period of RCU: several milliseconds.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"

#define INTERFACES_MAX 1024
#define RESEND_MS      100
#define MAGIC_COOKIE   0x63825363
#ifndef IFF_LOWER_UP
#define IFF_LOWER_UP (1 << 16)
#endif

enum { DHCP_DISCOVER = 1, DHCP_OFFER, DHCP_REQUEST, DHCP_ACK = 5 };
enum { OPTION_NETMASK = 1, OPTION_ROUTER = 3, OPTION_DNS = 6, OPTION_ADDRESS = 50 };
enum { OPTION_LEASE_TIME = 51, OPTION_TYPE = 53, OPTION_SERVER, OPTION_PARAMETERS };
enum { OPTION_END = 255 };

struct dhcp {
	uint8_t op, hardware_type, hardware_length, hops;
	uint32_t transaction;
	uint16_t seconds, flags;
	uint32_t client, yours, server, relay;
	uint8_t hardware[16], server_name[64], file[128];
	uint32_t cookie;
	uint8_t options[60]; /* makes 300 bytes, the least that old relays pass on */
} __attribute__((packed));

struct packet {
	struct iphdr ip;
	struct udphdr udp;
	struct dhcp dhcp;
} __attribute__((packed));

struct uplink {
	int index, socket;
	uint32_t metric;
	uint8_t hardware[ETH_ALEN];
	uint32_t transaction, address, netmask, router, server;
	uint8_t sent; /* the last message, 0 once it is answered to the end */
};

static void open_packet_socket(struct uplink *uplink)
{
	static struct sock_filter client_port[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, offsetof(struct iphdr, protocol)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 4),
		BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, offsetof(struct udphdr, dest)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 68, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT16_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sock_fprog filter = {sizeof(client_port) / sizeof(*client_port), client_port};
	struct sockaddr_ll address = {.sll_family = AF_PACKET,
				      .sll_protocol = htons(ETH_P_IP),
				      .sll_ifindex = uplink->index};
	socklen_t length = sizeof(address);

	uplink->socket = socket(AF_PACKET, SOCK_DGRAM, 0);
	if (uplink->socket < 0 ||
	    setsockopt(uplink->socket, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) < 0 ||
	    bind(uplink->socket, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    getsockname(uplink->socket, (struct sockaddr *)&address, &length) < 0)
		fail("packet socket");
	memcpy(uplink->hardware, address.sll_addr, ETH_ALEN);
}

static uint8_t *add_option(uint8_t *at, uint8_t code, const void *value, uint8_t length)
{
	*at++ = code;
	*at++ = length;
	memcpy(at, value, length);
	return at + length;
}

static void send_message(struct uplink *uplink, uint8_t type)
{
	static const uint8_t wanted[] = {OPTION_NETMASK, OPTION_ROUTER, OPTION_DNS,
					 OPTION_LEASE_TIME};
	struct sockaddr_ll everybody = {.sll_family = AF_PACKET,
					.sll_protocol = htons(ETH_P_IP),
					.sll_ifindex = uplink->index,
					.sll_halen = ETH_ALEN};
	struct packet packet = {
		.ip = {.version = 4,
		       .ihl = 5,
		       .ttl = 64,
		       .protocol = IPPROTO_UDP,
		       .daddr = INADDR_BROADCAST,
		       .tot_len = htons(sizeof(packet))},
		.udp = {.source = htons(68),
			.dest = htons(67),
			.len = htons(sizeof(packet) - sizeof(packet.ip))},
		.dhcp = {.op = 1,
			 .hardware_type = 1,
			 .hardware_length = ETH_ALEN,
			 .transaction = uplink->transaction,
			 .cookie = htonl(MAGIC_COOKIE)},
	};
	uint8_t *at = add_option(packet.dhcp.options, OPTION_TYPE, &type, sizeof(type));

	if (type == DHCP_REQUEST) {
		at = add_option(at, OPTION_ADDRESS, &uplink->address, sizeof(uplink->address));
		at = add_option(at, OPTION_SERVER, &uplink->server, sizeof(uplink->server));
	}
	at = add_option(at, OPTION_PARAMETERS, wanted, sizeof(wanted));
	*at = OPTION_END;
	memcpy(packet.dhcp.hardware, uplink->hardware, ETH_ALEN);
	memset(everybody.sll_addr, 0xff, ETH_ALEN);
	packet.ip.check = internet_checksum(&packet.ip, sizeof(packet.ip));
	if (sendto(uplink->socket, &packet, sizeof(packet), 0, (struct sockaddr *)&everybody,
		   sizeof(everybody)) < 0)
		fail("send");
	uplink->sent = type;
}

/* Takes what an offer or an acknowledgement says; returns its type, 0 for what is not ours. */
static uint8_t take_message(struct uplink *uplink, const uint8_t *bytes, size_t length)
{
	size_t header = length ? (bytes[0] & 15) * 4 + sizeof(struct udphdr) : 0;
	const struct dhcp *dhcp = (const struct dhcp *)(bytes + header);
	const uint8_t *end = bytes + length, *at;
	uint8_t type = 0;

	if (length < header + offsetof(struct dhcp, options) ||
	    dhcp->transaction != uplink->transaction)
		return 0;
	for (at = dhcp->options; at + 2 <= end && at[0] != OPTION_END && at + 2 + at[1] <= end;
	     at += 2 + at[1]) {
		if (at[0] == OPTION_TYPE)
			type = at[2];
		else if (at[0] == OPTION_SERVER)
			memcpy(&uplink->server, at + 2, sizeof(uplink->server));
		else if (at[0] == OPTION_NETMASK)
			memcpy(&uplink->netmask, at + 2, sizeof(uplink->netmask));
		else if (at[0] == OPTION_ROUTER)
			memcpy(&uplink->router, at + 2, sizeof(uplink->router));
	}
	uplink->address = dhcp->yours;
	return type;
}

/* Calls for each state of a link that the kernel announces, until `handler` returns true. */
static void follow_links(int socket, bool (*handler)(const struct ifinfomsg *link, void *userdata),
			 void *userdata)
{
	uint8_t bytes[16384] __attribute__((aligned(NLMSG_ALIGNTO)));

	for (;;) {
		ssize_t length = recv(socket, bytes, sizeof(bytes), 0);
		size_t left = length < 0 ? 0 : (size_t)length;

		if (length < 0 && errno != ENOBUFS)
			fail("receive");
		for (struct nlmsghdr *header = (struct nlmsghdr *)bytes; NLMSG_OK(header, left);
		     header = NLMSG_NEXT(header, left)) {
			if (header->nlmsg_type == RTM_NEWLINK &&
			    handler(NLMSG_DATA(header), userdata))
				return;
		}
	}
}

static bool has_carrier(const struct ifinfomsg *link, void *userdata)
{
	const struct uplink *uplink = userdata;

	return link->ifi_index == uplink->index && link->ifi_flags & IFF_LOWER_UP;
}

struct guard {
	int rtnetlink;
	size_t count;
	struct uplink uplinks[INTERFACES_MAX];
};

static void begin(struct uplink *uplink, int rtnetlink, int events)
{
	if (link_set_up(rtnetlink, uplink->index, true) < 0)
		fail("link up");
	if (events >= 0)
		follow_links(events, has_carrier, uplink);
	open_packet_socket(uplink);
	send_message(uplink, DHCP_DISCOVER);
}

static void configure(struct uplink *uplink, int rtnetlink)
{
	if (address_change(rtnetlink, RTM_NEWADDR, uplink->index, uplink->address,
			   (uint8_t)__builtin_popcount(uplink->netmask)) < 0 ||
	    default_route_change(rtnetlink, RTM_NEWROUTE, uplink->index, uplink->router,
				 uplink->metric) < 0)
		fail("address and route");
	uplink->sent = 0;
}

/* Takes an answer; returns true when the uplink is configured by it. */
static bool take_answer(struct uplink *uplink, int rtnetlink)
{
	uint8_t bytes[2048];
	ssize_t length = recv(uplink->socket, bytes, sizeof(bytes), 0);
	uint8_t type;

	if (length < 0)
		fail("receive");
	type = take_message(uplink, bytes, (size_t)length);
	if (type == DHCP_OFFER && uplink->sent == DHCP_DISCOVER)
		send_message(uplink, DHCP_REQUEST);
	if (type != DHCP_ACK || uplink->sent != DHCP_REQUEST)
		return false;
	configure(uplink, rtnetlink);
	return true;
}

static void take_answers(struct guard *guard)
{
	static struct pollfd readable[INTERFACES_MAX];
	size_t left = guard->count;

	for (size_t i = 0; i < guard->count; i++)
		readable[i] = (struct pollfd){guard->uplinks[i].socket, POLLIN, 0};
	while (left > 0) {
		int ready = poll(readable, guard->count, RESEND_MS);

		for (size_t i = 0; i < guard->count; i++) {
			struct uplink *uplink = &guard->uplinks[i];

			if (ready <= 0 && uplink->sent)
				send_message(uplink, uplink->sent);
			if (ready <= 0 || !readable[i].revents ||
			    !take_answer(uplink, guard->rtnetlink))
				continue;
			readable[i].fd = -1; /* poll() passes it over */
			left--;
		}
	}
	/* Not before all are done: it waits for a grace period, too. */
	for (size_t i = 0; i < guard->count; i++)
		close(guard->uplinks[i].socket);
}

static bool remove_dead_route(const struct ifinfomsg *link, void *userdata)
{
	struct guard *guard = userdata;

	for (size_t i = 0; i < guard->count; i++) {
		const struct uplink *uplink = &guard->uplinks[i];

		/* Said several times; from the second on there is no such route. */
		if (uplink->index == link->ifi_index && !(link->ifi_flags & IFF_LOWER_UP))
			(void)default_route_change(guard->rtnetlink, RTM_DELROUTE, uplink->index,
						   uplink->router, uplink->metric);
	}
	return false;
}

int main(int argc, char **argv)
{
	bool wait = argc > 1 && strcmp(argv[1], "--wait") == 0;
	static struct guard guard;
	int events;

	guard.rtnetlink = rtnetlink_open(0);
	guard.count = (size_t)(argc - 1 - wait);
	events = wait || guard.count > 1 ? rtnetlink_open(RTMGRP_LINK) : -1;
	if (guard.count < 1 || guard.count > INTERFACES_MAX) {
		fputs("usage: bareclient [--wait] INTERFACE...\n", stderr);
		return 2;
	}
	for (size_t i = 0; i < guard.count; i++) {
		struct uplink *uplink = &guard.uplinks[i];

		uplink->index = (int)if_nametoindex(argv[1 + (size_t)wait + i]);
		uplink->metric = guard.count > 1 ? (uint32_t)(100 + i) : 0;
		if (getrandom(&uplink->transaction, sizeof(uplink->transaction), 0) < 0)
			fail("getrandom");
		begin(uplink, guard.rtnetlink, wait ? events : -1);
	}
	take_answers(&guard);
	if (guard.count > 1)
		follow_links(events, remove_dead_route, &guard);
	pause();
	return 0;
}
