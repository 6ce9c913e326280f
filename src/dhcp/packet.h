/*
 * IPv4 and UDP around a DHCP payload, for the time in which the host has no address (RFC 2131
 * section 4.1). Pure functions of their bytes.
 */
#pragma once

#include <linux/filter.h>

#include "base/base.h"

#define PACKET_HEADERS 28 /* IPv4 without options, and UDP */

struct udp_packet {
	struct ip_address source, destination;
	uint16_t source_port, destination_port;
	const uint8_t *payload; /* borrowed */
	size_t payload_size;
};

/* Builds the packet from 0.0.0.0 port 68 to 255.255.255.255 port 67 into `buffer`. Returns its
 * size, or 0 when it does not fit. */
size_t packet_build(const void *payload, size_t size, uint8_t *buffer, size_t buffer_size);
/* The same between two addresses, ports 68 and 67. */
size_t packet_build_between(struct in_addr source, struct in_addr destination, const void *payload,
			    size_t size, uint8_t *buffer, size_t buffer_size);

/* Takes a packet apart and checks it. `checksum_pending`: the UDP checksum is not there yet,
 * because the sender left it to hardware. 0; 1 when it is no UDP, or a fragment; -EBADMSG when it
 * is broken. */
int packet_parse(const void *bytes, size_t size, bool checksum_pending, struct udp_packet *ret);

/* For a packet socket of IPv4 without link layer header: whole UDP packets to port 68 only. */
extern const struct sock_fprog dhcp_packet_filter;
