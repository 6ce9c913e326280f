/* ARP packets and times in any order, to conflict detection and to attachment detection. */
#include "dhcp/acd.h"
#include "dhcp/dna.h"
#include "fuzz.h"

static const struct hardware_address mac = {.length = 6, .bytes = {2, 0, 0x5e, 0, 0, 1}};
static const struct hardware_address gateway_mac = {.length = 6, .bytes = {2, 0, 0x5e, 0, 0, 2}};

struct machines {
	struct acd acd;
	struct dna dna;
	usec_t now;
};

/* Time goes to the next deadline, and the machines must move on from it. */
static void next_deadline(struct machines *machines, uint32_t random)
{
	usec_t next = MIN(machines->acd.next, machines->dna.next);

	if (next == USEC_INFINITY)
		return;
	machines->now = MAX(machines->now, next);
	acd_timeout(&machines->acd, machines->now, random);
	dna_timeout(&machines->dna, machines->now);
	FUZZ_CHECK(machines->acd.next > machines->now && machines->dna.next > machines->now);
}

static void packets_out(struct machines *machines)
{
	struct arp_packet packet, back;
	uint8_t buffer[ARP_PACKET_SIZE];

	while (acd_pop_packet(&machines->acd, &packet) || dna_pop_packet(&machines->dna, &packet)) {
		arp_build(&packet, buffer);
		FUZZ_CHECK(arp_parse(buffer, sizeof(buffer), &back) == 0);
		FUZZ_CHECK(hardware_address_equal(&back.sender_mac, &mac));
	}
}

static void packet_in(struct machines *machines, struct cursor *input)
{
	struct cursor bytes = cursor_sub(input, MIN(cursor_u8(input), cursor_left(input)));
	struct arp_packet packet;

	if (arp_parse(bytes.data, bytes.size, &packet) != 0)
		return;
	if (acd_receive(&machines->acd, machines->now, &packet) == ACD_LOST)
		FUZZ_CHECK(machines->acd.state == ACD_CONFLICT &&
			   machines->acd.next == USEC_INFINITY &&
			   !hardware_address_equal(&packet.sender_mac, &mac));
	dna_receive(&machines->dna, &packet);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor input = CURSOR(data, size);
	struct in_addr address = {htonl(0xc0000232)}, gateway = {htonl(0xc0000201)};
	struct machines machines = {.now = USEC_PER_SEC};

	acd_start(&machines.acd, machines.now, &mac, address);
	dna_start(&machines.dna, machines.now, &mac, address, gateway, &gateway_mac);
	while (cursor_left(&input)) {
		uint8_t what = cursor_u8(&input);

		if (what % 2)
			packet_in(&machines, &input);
		else
			next_deadline(&machines, what);
		packets_out(&machines);
	}
	return 0;
}
