/*
 * Asks for one address by ARP, each time as another host.
 *
 *     arpstorm LINK ADDRESS COUNT RATE
 *
 * Sends COUNT requests for ADDRESS, RATE a second, from 10.200.0.0 and the addresses after it.
 * Prints {"ms": ..}, how long it took.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/if_ether.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common.h"

#define SENDER_FIRST 0x0ac80000u /* 10.200.0.0 */
#define BURST	     50

struct packet {
	struct ether_header ethernet;
	struct ether_arp arp;
} __attribute__((packed));

static void build(struct packet *packet, uint32_t number, in_addr_t target)
{
	uint32_t sender = htonl(SENDER_FIRST + number);

	*packet = (struct packet){
		.ethernet = {.ether_type = htons(ETHERTYPE_ARP)},
		.arp.ea_hdr = {.ar_hrd = htons(ARPHRD_ETHER),
			       .ar_pro = htons(ETHERTYPE_IP),
			       .ar_hln = ETH_ALEN,
			       .ar_pln = sizeof(sender),
			       .ar_op = htons(ARPOP_REQUEST)},
		.arp.arp_sha = {2},
	};
	memcpy(packet->arp.arp_sha + 2, &sender, sizeof(sender));
	memcpy(packet->arp.arp_spa, &sender, sizeof(sender));
	memcpy(packet->arp.arp_tpa, &target, sizeof(target));
	memset(packet->ethernet.ether_dhost, 0xff, ETH_ALEN);
	memcpy(packet->ethernet.ether_shost, packet->arp.arp_sha, ETH_ALEN);
}

int main(int argc, char **argv)
{
	struct sockaddr_ll link = {.sll_family = AF_PACKET};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	uint32_t count;
	double rate, start;

	if (argc != 5)
		return 2;
	link.sll_ifindex = (int)if_nametoindex(argv[1]);
	if (fd < 0 || link.sll_ifindex == 0)
		fail(argv[1]);
	count = (uint32_t)strtoul(argv[3], NULL, 10);
	rate = atof(argv[4]);
	start = now_ms();
	for (uint32_t i = 0; i < count; i++) {
		struct packet packet;

		build(&packet, i, inet_addr(argv[2]));
		if (sendto(fd, &packet, sizeof(packet), 0, (struct sockaddr *)&link, sizeof(link)) <
			    0 &&
		    errno != ENOBUFS)
			fail("send");
		if (i % BURST == 0)
			wait_until(start + i * 1e3 / rate);
	}
	printf("{\"ms\": %.3f}\n", now_ms() - start);
	return 0;
}
