/* ARP packets of IPv4 over Ethernet (RFC 826), without the Ethernet header. */
#pragma once

#include <linux/filter.h>

#include "base/base.h"

#define ARP_PACKET_SIZE 28

enum arp_operation { ARP_REQUEST = 1, ARP_REPLY = 2 };

struct arp_packet {
	uint16_t operation;
	struct hardware_address sender_mac, target_mac; /* 6 bytes each */
	struct in_addr sender, target;
};

void arp_build(const struct arp_packet *packet, uint8_t buffer[ARP_PACKET_SIZE]);
/* 0; 1 when it is ARP of something else; -EBADMSG when it is cut off. */
int arp_parse(const void *bytes, size_t size, struct arp_packet *ret);

/* For a packet socket of ARP without link layer header: IPv4 over Ethernet only. */
extern const struct sock_fprog arp_packet_filter;

#define ARP_HEARD_MOST	64u /* addresses that a filter tells apart */
#define ARP_FILTER_MOST (9u + ARP_HEARD_MOST)

/* Writes a filter for the same socket that passes only what says something of one of `count`
 * addresses (at most ARP_HEARD_MOST): who has it, or that somebody probes for it. Returns the
 * number of instructions. */
unsigned short arp_filter_build(struct sock_filter ret[ARP_FILTER_MOST],
				const struct in_addr *addresses, unsigned count);
