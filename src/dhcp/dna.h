/*
 * Detecting network attachment (RFC 4436): after the cable was out, the gateway that was known is
 * asked by ARP whether it is still the same one. An answer takes a millisecond, and says that the
 * address and the routes still serve. A pure object.
 */
#pragma once

#include "netlink/arp.h"

#define DNA_TRIES    3
#define DNA_INTERVAL (100 * USEC_PER_MSEC)

enum dna_verdict {
	DNA_PENDING,
	DNA_CONFIRMED, /* the gateway answered with the MAC that it had */
	DNA_MOVED,     /* somebody else answers for the gateway's address */
	DNA_SILENT,    /* nobody does */
};

struct dna {
	struct hardware_address mac, gateway_mac;
	struct in_addr address, gateway;
	enum dna_verdict verdict;
	unsigned sent;
	usec_t next; /* deadline, USEC_INFINITY for none */
	bool packet_ready;
};

/* Asks `gateway`, which had `gateway_mac`, from our `address` and `mac`. */
void dna_start(struct dna *dna, usec_t now, const struct hardware_address *mac,
	       struct in_addr address, struct in_addr gateway,
	       const struct hardware_address *gateway_mac);
/* Both return the verdict as it is then. */
enum dna_verdict dna_receive(struct dna *dna, const struct arp_packet *packet);
enum dna_verdict dna_timeout(struct dna *dna, usec_t now);
/* The packet to send to gateway_mac now, if there is one. */
bool dna_pop_packet(struct dna *dna, struct arp_packet *ret);
