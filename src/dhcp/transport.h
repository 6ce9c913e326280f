/*
 * The sockets of the DHCP room: one for all links of each kind.
 *
 *  - a packet socket for IPv4, filtered to UDP for port 68, since servers answer to an address that
 *    the host does not have yet;
 *  - a UDP socket on port 68, for renewals by unicast, and so that the kernel does not refuse their
 *    answers;
 *  - a packet socket for ARP, opened with the first lease.
 *
 * One of each, not one a link: opening is cheap, but closing a packet socket waits for a grace
 * period of the kernel (15 to 20 ms, measured), and a host with a thousand links would wait that
 * often.
 */
#pragma once

#include "core/core.h"

struct transport;

struct transport_handlers {
	/* A BOOTP payload came in on link `index`. `source` is the sender's address. */
	void (*dhcp)(int index, const void *payload, size_t size, const struct ip_address *source,
		     void *userdata);
	/* An ARP packet (without its Ethernet header) came in on link `index`. */
	void (*arp)(int index, const void *packet, size_t size, void *userdata);
};

int transport_new(struct transport **ret, sd_event *event,
		  const struct transport_handlers *handlers, void *userdata);
void transport_free(struct transport *transport);
DEFINE_CLEANUP(struct transport *, transport_cleanup, transport_free)

/* Opens what is needed to ask, or to watch for conflicts. Idempotent. */
int transport_open_dhcp(struct transport *transport);
int transport_open_arp(struct transport *transport);

/* Hears of these addresses alone from here on, of all if there are too many to tell apart. Returns
 * false while the socket is not open. */
bool transport_hear_arp(struct transport *transport, const struct in_addr *addresses,
			unsigned count);

/* Broadcasts an IPv4 packet on the link, from and to addresses that need not exist. */
int transport_send_packet(struct transport *transport, int index, const void *packet, size_t size);
/* Sends a payload from our address to the server's port 67, by the routes of the host. */
int transport_send_unicast(struct transport *transport, int index, struct in_addr source,
			   struct in_addr server, const void *payload, size_t size);
/* Sends an ARP packet to `destination`, or to all where it is NULL. */
int transport_send_arp(struct transport *transport, int index,
		       const struct hardware_address *destination, const void *packet, size_t size);
