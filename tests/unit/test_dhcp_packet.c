#include <sys/socket.h>

#include "dhcp/packet.h"
#include "netlink/arp.h"
#include "unit.h"

#define PAYLOAD "a payload of odd length"

struct packet {
	uint8_t bytes[256];
	size_t size;
};

static struct packet built(void)
{
	struct packet packet;

	packet.size = packet_build(PAYLOAD, strlen(PAYLOAD), packet.bytes, sizeof(packet.bytes));
	assert_int_equal(packet.size, PACKET_HEADERS + strlen(PAYLOAD));
	return packet;
}

static int parse(const struct packet *packet, bool pending)
{
	struct udp_packet udp;

	return packet_parse(packet->bytes, packet->size, pending, &udp);
}

/* Gives the IP header the checksum that fits it again (RFC 1071). */
static void seal_header(struct packet *packet)
{
	unsigned size = (packet->bytes[0] & 15u) * 4u;
	uint32_t sum = 0;

	packet->bytes[10] = packet->bytes[11] = 0;
	for (unsigned i = 0; i < size; i += 2)
		sum += (uint32_t)packet->bytes[i] << 8 | packet->bytes[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	packet->bytes[10] = (uint8_t)(~sum >> 8);
	packet->bytes[11] = (uint8_t)~sum;
}

static void test_round(void **state)
{
	struct packet packet = built();
	struct udp_packet udp;
	struct ip_address all = ip_address_v4(INADDR_BROADCAST);

	assert_int_equal(packet_parse(packet.bytes, packet.size, false, &udp), 0);
	assert_int_equal(udp.source_port, 68);
	assert_int_equal(udp.destination_port, 67);
	assert_true(ip_address_is_unspecified(&udp.source));
	assert_true(ip_address_equal(&udp.destination, &all));
	assert_int_equal(udp.payload_size, strlen(PAYLOAD));
	assert_memory_equal(udp.payload, PAYLOAD, strlen(PAYLOAD));
}

/* Computed by hand: header words 4500 0033 0000 0000 4011 .... 0000 0000 ffff ffff. */
static void test_header_checksum(void **state)
{
	struct packet packet = built();

	assert_int_equal(packet.bytes[10] << 8 | packet.bytes[11], 0x7abb);
}

static void test_every_bit_counts(void **state)
{
	for (size_t bit = 0; bit < (PACKET_HEADERS + strlen(PAYLOAD)) * 8; bit++) {
		struct packet packet = built();

		packet.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_not_equal(parse(&packet, false), 0);
	}
}

static void test_checksum_that_is_not_there_yet(void **state)
{
	struct packet packet = built();

	packet.bytes[26] ^= 0x5a;
	assert_int_equal(parse(&packet, false), -EBADMSG);
	assert_int_equal(parse(&packet, true), 0);
	/* The IP header's is never left to hardware. */
	packet.bytes[8]--;
	assert_int_equal(parse(&packet, true), -EBADMSG);
}

static void test_no_checksum_at_all(void **state)
{
	struct packet packet = built();

	packet.bytes[26] = packet.bytes[27] = 0;
	assert_int_equal(parse(&packet, false), 0);
}

static void test_every_truncation(void **state)
{
	for (size_t size = 0; size < PACKET_HEADERS + strlen(PAYLOAD); size++) {
		struct packet packet = built();

		packet.size = size;
		assert_int_equal(parse(&packet, false), -EBADMSG);
		assert_int_equal(parse(&packet, true), -EBADMSG);
	}
}

/* Short frames are padded to 60 bytes by Ethernet. */
static void test_padding_is_no_payload(void **state)
{
	struct packet packet = built();
	struct udp_packet udp;

	memset(packet.bytes + packet.size, 0xee, 40);
	assert_int_equal(packet_parse(packet.bytes, packet.size + 40, false, &udp), 0);
	assert_int_equal(udp.payload_size, strlen(PAYLOAD));
}

static void test_lengths_that_lie(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} lies[] = {
		{3, 19},   {3, 27},
		{3, 200}, /* IP: less than a header, than UDP's; more than is there */
		{25, 0},   {25, 7},
		{25, 200}, /* UDP */
		{0, 0x44}, {0, 0x4f},
		{0, 0x65}, /* length and version of the header */
	};

	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		struct packet packet = built();

		packet.bytes[lies[i].at] = lies[i].value;
		seal_header(&packet);
		assert_int_equal(parse(&packet, true), -EBADMSG);
	}
}

static void test_what_is_none_of_ours(void **state)
{
	static const uint8_t fragments[][2] = {{0x20, 0}, {0, 1}, {0x3f, 0xff}};
	struct packet packet = built();

	packet.bytes[9] = 6;
	seal_header(&packet);
	assert_int_equal(parse(&packet, false), 1);
	for (size_t i = 0; i < ARRAY_SIZE(fragments); i++) {
		packet = built();
		memcpy(packet.bytes + 6, fragments[i], 2);
		seal_header(&packet);
		assert_int_equal(parse(&packet, false), 1);
	}
	packet = built();
	packet.bytes[6] = 0x40; /* don't fragment: whole */
	seal_header(&packet);
	assert_int_equal(parse(&packet, false), 0);
}

static void test_header_with_options(void **state)
{
	struct packet packet = built();
	struct udp_packet udp;

	memmove(packet.bytes + 24, packet.bytes + 20, packet.size - 20);
	memset(packet.bytes + 20, 1, 4); /* four of "no operation" */
	packet.size += 4;
	packet.bytes[0] = 0x46;
	packet.bytes[3] = (uint8_t)(packet.bytes[3] + 4);
	seal_header(&packet);
	assert_int_equal(packet_parse(packet.bytes, packet.size, false, &udp), 0);
	assert_memory_equal(udp.payload, PAYLOAD, strlen(PAYLOAD));
}

static void test_buffer_that_is_too_small(void **state)
{
	uint8_t buffer[40];

	assert_int_equal(packet_build(PAYLOAD, 13, buffer, sizeof(buffer)), 0);
	assert_int_equal(packet_build(PAYLOAD, 12, buffer, sizeof(buffer)), 40);
}

/* ---- the filters, run by the kernel on a socket that needs no network ---- */

static bool passes(const struct sock_fprog *filter, const void *bytes, size_t size)
{
	uint8_t buffer[256];
	ssize_t n;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair), 0);
	assert_int_equal(setsockopt(pair[1], SOL_SOCKET, SO_ATTACH_FILTER, filter, sizeof(*filter)),
			 0);
	/* A packet that the filter drops is an error of its sender here. */
	n = send(pair[0], bytes, size, 0) < 0 ? -1 : recv(pair[1], buffer, sizeof(buffer), 0);
	assert_true(n < 0 || (size_t)n == size);
	close(pair[0]);
	close(pair[1]);
	return n >= 0;
}

static struct packet reply(void)
{
	struct packet packet = built();

	packet.bytes[21] = 67;
	packet.bytes[23] = 68;
	return packet;
}

static void test_filter_of_dhcp(void **state)
{
	struct packet packet = reply();

	assert_true(passes(&dhcp_packet_filter, packet.bytes, packet.size));
	packet.bytes[23] = 67;
	assert_false(passes(&dhcp_packet_filter, packet.bytes, packet.size));
	packet = reply();
	packet.bytes[9] = 6;
	assert_false(passes(&dhcp_packet_filter, packet.bytes, packet.size));
	packet = reply();
	packet.bytes[6] = 0x20; /* a first fragment */
	assert_false(passes(&dhcp_packet_filter, packet.bytes, packet.size));
	packet = reply();
	packet.bytes[7] = 8; /* a later one */
	assert_false(passes(&dhcp_packet_filter, packet.bytes, packet.size));
	packet = reply();
	packet.bytes[6] = 0x40; /* don't fragment */
	assert_true(passes(&dhcp_packet_filter, packet.bytes, packet.size));
	assert_false(passes(&dhcp_packet_filter, packet.bytes, 20));
}

static void test_filter_of_dhcp_finds_the_port_behind_options(void **state)
{
	struct packet packet = reply();

	memmove(packet.bytes + 28, packet.bytes + 20, packet.size - 20);
	memset(packet.bytes + 20, 1, 8);
	packet.size += 8;
	packet.bytes[0] = 0x47;
	assert_true(passes(&dhcp_packet_filter, packet.bytes, packet.size));
	packet.bytes[0] = 0x45;
	assert_false(passes(&dhcp_packet_filter, packet.bytes, packet.size));
}

static void test_filter_of_arp(void **state)
{
	uint8_t bytes[ARP_PACKET_SIZE] = {0, 1, 8, 0, 6, 4, 0, 1};

	assert_true(passes(&arp_packet_filter, bytes, sizeof(bytes)));
	for (unsigned i = 0; i < 6; i++) {
		bytes[i] ^= 1;
		assert_false(passes(&arp_packet_filter, bytes, sizeof(bytes)));
		bytes[i] ^= 1;
	}
	assert_false(passes(&arp_packet_filter, bytes, 4));
}

static void test_filter_of_arp_about_some(void **state)
{
	const struct in_addr heard[] = {{htonl(0x0a000001)}, {htonl(0x0a000002)}};
	struct sock_filter instructions[ARP_FILTER_MOST];
	struct sock_fprog filter = {.filter = instructions};
	/* The sender is 10.0.0.1, the target 10.0.0.9. */
	uint8_t bytes[ARP_PACKET_SIZE] = {0, 1, 8,	   0,	     6,		4,
					  0, 1, [14] = 10, [17] = 1, [24] = 10, [27] = 9};

	filter.len = arp_filter_build(instructions, heard, 2);
	assert_true(passes(&filter, bytes, sizeof(bytes)));
	bytes[17] = 2;
	assert_true(passes(&filter, bytes, sizeof(bytes)));
	bytes[5] = 6;
	assert_false(passes(&filter, bytes, sizeof(bytes)));
	bytes[5] = 4;
	bytes[3] = 1;
	assert_false(passes(&filter, bytes, sizeof(bytes)));
	bytes[3] = 0;
	/* Somebody else asks for an address of ours: the kernel answers that. */
	bytes[17] = 3;
	bytes[27] = 2;
	assert_false(passes(&filter, bytes, sizeof(bytes)));
	/* But he probes for it. */
	memset(bytes + 14, 0, 4);
	assert_true(passes(&filter, bytes, sizeof(bytes)));
	bytes[27] = 3;
	assert_false(passes(&filter, bytes, sizeof(bytes)));
	filter.len = arp_filter_build(instructions, heard, 0);
	assert_false(passes(&filter, bytes, sizeof(bytes)));
}

static void test_filter_of_arp_about_many(void **state)
{
	struct in_addr heard[ARP_HEARD_MOST];
	struct sock_filter instructions[ARP_FILTER_MOST];
	struct sock_fprog filter = {.filter = instructions};
	uint8_t bytes[ARP_PACKET_SIZE] = {0, 1, 8, 0, 6, 4, 0, 1, [14] = 10};

	for (unsigned i = 0; i < ARP_HEARD_MOST; i++)
		heard[i].s_addr = htonl(0x0a000000 + i);
	filter.len = arp_filter_build(instructions, heard, ARP_HEARD_MOST);
	for (unsigned i = 0; i < ARP_HEARD_MOST + 5; i++) {
		bytes[17] = (uint8_t)i;
		assert_int_equal(passes(&filter, bytes, sizeof(bytes)), i < ARP_HEARD_MOST);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round),
		cmocka_unit_test(test_header_checksum),
		cmocka_unit_test(test_every_bit_counts),
		cmocka_unit_test(test_checksum_that_is_not_there_yet),
		cmocka_unit_test(test_no_checksum_at_all),
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_padding_is_no_payload),
		cmocka_unit_test(test_lengths_that_lie),
		cmocka_unit_test(test_what_is_none_of_ours),
		cmocka_unit_test(test_header_with_options),
		cmocka_unit_test(test_buffer_that_is_too_small),
		cmocka_unit_test(test_filter_of_dhcp),
		cmocka_unit_test(test_filter_of_dhcp_finds_the_port_behind_options),
		cmocka_unit_test(test_filter_of_arp),
		cmocka_unit_test(test_filter_of_arp_about_some),
		cmocka_unit_test(test_filter_of_arp_about_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
