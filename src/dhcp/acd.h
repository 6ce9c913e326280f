/*
 * Address conflict detection (RFC 5227), beside the use of the address and not before it.
 *
 * The RFC lets a host wait 4 to 7 s before it uses an address. Here the address is in use from the
 * first moment: it is probed meanwhile, given up when somebody else has it, and defended ever
 * after.
 *
 *     PROBING --(3 probes, silence)--> ANNOUNCING --(2 announcements)--> WATCHING
 *        |                                  |                               |
 *        +------------- conflict ----------+---- second conflict in 10 s ---+---> CONFLICT
 *
 * A pure object, as the client is: ARP packets and the time in, ARP packets and an event out.
 */
#pragma once

#include "netlink/arp.h"

struct acd {
	struct hardware_address mac;
	struct in_addr address; /* 0.0.0.0: idle */
	enum { ACD_IDLE, ACD_PROBING, ACD_ANNOUNCING, ACD_WATCHING, ACD_CONFLICT } state;
	unsigned sent;		       /* probes or announcements so far */
	usec_t next;		       /* deadline, USEC_INFINITY for none */
	usec_t defended;	       /* last defence, 0 for never */
	struct hardware_address rival; /* who has the address, in ACD_CONFLICT */
	bool packet_ready;
	struct arp_packet packet;
};

/* Begins to probe for `address` at once. */
void acd_start(struct acd *acd, usec_t now, const struct hardware_address *mac,
	       struct in_addr address);
/* Watches and defends an address that was probed for before (after a restart of the daemon). */
void acd_resume(struct acd *acd, const struct hardware_address *mac, struct in_addr address);
void acd_stop(struct acd *acd);

enum acd_verdict {
	ACD_FINE,
	ACD_DEFENDED, /* another host claimed the address, and was told whose it is */
	ACD_LOST,     /* the address is another's; the state is ACD_CONFLICT */
};

/* Is the packet proof that somebody with another MAC has the address, or wants it? A host with
 * several links on one segment answers itself: its caller asks this, and passes on to acd_receive()
 * only what no MAC of its own has sent. */
bool acd_is_conflict(const struct acd *acd, const struct arp_packet *packet);
/* An ARP packet of the link. */
enum acd_verdict acd_receive(struct acd *acd, usec_t now, const struct arp_packet *packet);
/* The time has come that acd->next names. `random` spreads the probes. */
void acd_timeout(struct acd *acd, usec_t now, uint32_t random);
/* The packet to broadcast now, if there is one. */
bool acd_pop_packet(struct acd *acd, struct arp_packet *ret);
