#include "dna.h"

void dna_start(struct dna *dna, usec_t now, const struct hardware_address *mac,
	       struct in_addr address, struct in_addr gateway,
	       const struct hardware_address *gateway_mac)
{
	*dna = (struct dna){
		.mac = *mac,
		.gateway_mac = *gateway_mac,
		.address = address,
		.gateway = gateway,
		.next = now,
	};
	dna_timeout(dna, now);
}

enum dna_verdict dna_receive(struct dna *dna, const struct arp_packet *packet)
{
	if (dna->verdict != DNA_PENDING || !dna->sent || packet->operation != ARP_REPLY ||
	    packet->sender.s_addr != dna->gateway.s_addr)
		return dna->verdict;
	dna->verdict = hardware_address_equal(&packet->sender_mac, &dna->gateway_mac)
			       ? DNA_CONFIRMED
			       : DNA_MOVED;
	dna->next = USEC_INFINITY;
	return dna->verdict;
}

enum dna_verdict dna_timeout(struct dna *dna, usec_t now)
{
	if (dna->verdict != DNA_PENDING || now < dna->next)
		return dna->verdict;
	if (dna->sent == DNA_TRIES) {
		dna->verdict = DNA_SILENT;
		dna->next = USEC_INFINITY;
		return dna->verdict;
	}
	dna->sent++;
	dna->packet_ready = true;
	dna->next = now + DNA_INTERVAL;
	return dna->verdict;
}

bool dna_pop_packet(struct dna *dna, struct arp_packet *ret)
{
	bool ready = dna->packet_ready;

	dna->packet_ready = false;
	if (ready)
		*ret = (struct arp_packet){
			.operation = ARP_REQUEST,
			.sender_mac = dna->mac,
			.target_mac.length = 6,
			.sender = dna->address,
			.target = dna->gateway,
		};
	return ready;
}
