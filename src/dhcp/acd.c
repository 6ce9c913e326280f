#include "acd.h"

/* RFC 5227 section 1.1 */
#define PROBE_NUM	  3
#define PROBE_MIN	  USEC_PER_SEC
#define PROBE_MAX	  (2 * USEC_PER_SEC)
#define ANNOUNCE_WAIT	  (2 * USEC_PER_SEC)
#define ANNOUNCE_NUM	  2
#define ANNOUNCE_INTERVAL (2 * USEC_PER_SEC)
#define DEFEND_INTERVAL	  (10 * USEC_PER_SEC)

static void queue(struct acd *acd, struct in_addr sender)
{
	acd->packet = (struct arp_packet){
		.operation = ARP_REQUEST,
		.sender_mac = acd->mac,
		.target_mac.length = 6,
		.sender = sender,
		.target = acd->address,
	};
	acd->packet_ready = true;
}

void acd_start(struct acd *acd, usec_t now, const struct hardware_address *mac,
	       struct in_addr address)
{
	/* The RFC's random delay before the first probe is for many hosts that are switched on
	 * together; the DHCP exchange before it has spread them already. */
	*acd = (struct acd){.mac = *mac, .address = address, .state = ACD_PROBING, .next = now};
	acd_timeout(acd, now, 0);
}

void acd_resume(struct acd *acd, const struct hardware_address *mac, struct in_addr address)
{
	*acd = (struct acd){.mac = *mac,
			    .address = address,
			    .state = ACD_WATCHING,
			    .next = USEC_INFINITY};
}

void acd_stop(struct acd *acd)
{
	*acd = (struct acd){.state = ACD_IDLE, .next = USEC_INFINITY};
}

void acd_timeout(struct acd *acd, usec_t now, uint32_t random)
{
	static const struct in_addr unspecified;

	if (now < acd->next)
		return;
	if (acd->state == ACD_PROBING && acd->sent < PROBE_NUM) {
		queue(acd, unspecified);
		acd->sent++;
		acd->next = now + (acd->sent == PROBE_NUM
					   ? ANNOUNCE_WAIT
					   : PROBE_MIN + random % (PROBE_MAX - PROBE_MIN));
		return;
	}
	if (acd->state == ACD_PROBING) {
		acd->state = ACD_ANNOUNCING;
		acd->sent = 0;
	}
	if (acd->state == ACD_ANNOUNCING) {
		queue(acd, acd->address);
		acd->sent++;
		acd->next = now + ANNOUNCE_INTERVAL;
	}
	if (acd->state != ACD_ANNOUNCING || acd->sent == ANNOUNCE_NUM) {
		acd->state = acd->state == ACD_ANNOUNCING ? ACD_WATCHING : acd->state;
		acd->next = USEC_INFINITY;
	}
}

/*
 * Our own kernel answers for the address already, so what bears our MAC proves nothing. Another's
 * probe counts while we probe ourselves (section 2.1.1); later he will see our defence and give up.
 */
bool acd_is_conflict(const struct acd *acd, const struct arp_packet *packet)
{
	if (acd->state == ACD_IDLE || acd->state == ACD_CONFLICT ||
	    hardware_address_equal(&packet->sender_mac, &acd->mac))
		return false;
	if (packet->sender.s_addr == acd->address.s_addr)
		return true;
	return acd->state == ACD_PROBING && packet->sender.s_addr == 0 &&
	       packet->operation == ARP_REQUEST && packet->target.s_addr == acd->address.s_addr;
}

enum acd_verdict acd_receive(struct acd *acd, usec_t now, const struct arp_packet *packet)
{
	if (!acd_is_conflict(acd, packet))
		return ACD_FINE;
	/* Section 2.4 (b): defend once, and give up when it comes again within the interval. */
	if (acd->state != ACD_PROBING &&
	    (!acd->defended || now - acd->defended >= DEFEND_INTERVAL)) {
		acd->defended = now;
		queue(acd, acd->address);
		return ACD_DEFENDED;
	}
	acd->state = ACD_CONFLICT;
	acd->rival = packet->sender_mac;
	acd->next = USEC_INFINITY;
	acd->packet_ready = false;
	return ACD_LOST;
}

bool acd_pop_packet(struct acd *acd, struct arp_packet *ret)
{
	bool ready = acd->packet_ready;

	if (ready)
		*ret = acd->packet;
	acd->packet_ready = false;
	return ready;
}
