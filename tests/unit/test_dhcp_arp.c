#include "dhcp.h"
#include "dhcp/acd.h"
#include "dhcp/dna.h"

#define START (1000 * SECOND)

static const struct hardware_address ours = {.length = 6, .bytes = {2, 0, 0x5e, 0, 0, 1}};
static const struct hardware_address rival = {.length = 6, .bytes = {2, 0, 0x5e, 0, 0, 0xff}};
static const struct hardware_address router = {.length = 6, .bytes = {2, 0, 0x5e, 0, 0, 2}};

static struct arp_packet arp(uint16_t operation, const struct hardware_address *sender_mac,
			     const char *sender, const char *target)
{
	return (struct arp_packet){.operation = operation,
				   .sender_mac = *sender_mac,
				   .target_mac.length = 6,
				   .sender = ip(sender),
				   .target = ip(target)};
}

/* ---- packets ---- */

static void test_packet_round(void **state)
{
	static const uint8_t expected[ARP_PACKET_SIZE] = {0,	1, 8, 0, 6,   4, 0, 2, 2, 0,
							  0x5e, 0, 0, 2, 192, 0, 2, 1, 2, 0,
							  0x5e, 0, 0, 1, 192, 0, 2, 50};
	struct arp_packet packet = arp(ARP_REPLY, &router, "192.0.2.1", "192.0.2.50"), back;
	uint8_t bytes[ARP_PACKET_SIZE];

	packet.target_mac = ours;
	arp_build(&packet, bytes);
	assert_memory_equal(bytes, expected, sizeof(bytes));
	assert_int_equal(arp_parse(bytes, sizeof(bytes), &back), 0);
	assert_int_equal(back.operation, ARP_REPLY);
	assert_true(hardware_address_equal(&back.sender_mac, &router));
	assert_true(hardware_address_equal(&back.target_mac, &ours));
	assert_int_equal(back.sender.s_addr, packet.sender.s_addr);
	assert_int_equal(back.target.s_addr, packet.target.s_addr);
}

static void test_packets_of_others(void **state)
{
	struct arp_packet packet = arp(ARP_REQUEST, &router, "192.0.2.1", "192.0.2.50"), back;
	uint8_t bytes[ARP_PACKET_SIZE];

	arp_build(&packet, bytes);
	for (size_t size = 0; size < sizeof(bytes); size++)
		assert_int_equal(arp_parse(bytes, size, &back), -EBADMSG);
	for (unsigned i = 0; i < 6; i++) {
		bytes[i] ^= 1; /* hardware, protocol, their lengths */
		assert_int_equal(arp_parse(bytes, sizeof(bytes), &back), 1);
		bytes[i] ^= 1;
	}
}

/* ---- conflicts ---- */

static void start(struct acd *acd)
{
	acd_start(acd, START, &ours, ip("192.0.2.50"));
}

static usec_t to_deadline(struct acd *acd)
{
	usec_t now = acd->next;

	assert_true(now != USEC_INFINITY);
	acd_timeout(acd, now, 12345);
	return now;
}

static void expect_probe(struct acd *acd)
{
	struct arp_packet packet;

	assert_true(acd_pop_packet(acd, &packet));
	assert_int_equal(packet.operation, ARP_REQUEST);
	assert_int_equal(packet.sender.s_addr, 0);
	assert_int_equal(packet.target.s_addr, ip("192.0.2.50").s_addr);
	assert_true(hardware_address_equal(&packet.sender_mac, &ours));
	assert_false(acd_pop_packet(acd, &packet));
}

static void expect_announcement(struct acd *acd)
{
	struct arp_packet packet;

	assert_true(acd_pop_packet(acd, &packet));
	assert_int_equal(packet.operation, ARP_REQUEST);
	assert_int_equal(packet.sender.s_addr, ip("192.0.2.50").s_addr);
	assert_int_equal(packet.target.s_addr, ip("192.0.2.50").s_addr);
	assert_false(acd_pop_packet(acd, &packet));
}

/* Three probes at once and 1 to 2 s apart, 2 s of silence, two announcements 2 s apart. */
static usec_t quiet_until_watching(struct acd *acd)
{
	usec_t now = START, then;

	start(acd);
	expect_probe(acd);
	for (int i = 0; i < 2; i++) {
		then = now;
		now = to_deadline(acd);
		assert_in_range(now - then, SECOND, 2 * SECOND);
		expect_probe(acd);
	}
	assert_int_equal(acd->state, ACD_PROBING);
	then = now;
	now = to_deadline(acd);
	assert_int_equal(now - then, 2 * SECOND);
	assert_int_equal(acd->state, ACD_ANNOUNCING);
	expect_announcement(acd);
	then = now;
	now = to_deadline(acd);
	assert_int_equal(now - then, 2 * SECOND);
	expect_announcement(acd);
	assert_int_equal(acd->state, ACD_WATCHING);
	assert_true(acd->next == USEC_INFINITY);
	return now;
}

static void test_silence(void **state)
{
	struct acd acd;

	quiet_until_watching(&acd);
}

static void test_conflicts_while_probing(void **state)
{
	const struct arp_packet packets[] = {
		arp(ARP_REPLY, &rival, "192.0.2.50", "0.0.0.0"),     /* it answers our probe */
		arp(ARP_REQUEST, &rival, "192.0.2.50", "192.0.2.1"), /* it uses the address */
		arp(ARP_REQUEST, &rival, "0.0.0.0", "192.0.2.50"), /* it probes at the same time */
	};
	struct acd acd;
	struct arp_packet packet;

	for (size_t i = 0; i < ARRAY_SIZE(packets); i++) {
		start(&acd);
		assert_int_equal(acd_receive(&acd, START, &packets[i]), ACD_LOST);
		assert_int_equal(acd.state, ACD_CONFLICT);
		assert_true(hardware_address_equal(&acd.rival, &rival));
		assert_true(acd.next == USEC_INFINITY);
		assert_false(acd_pop_packet(&acd, &packet)); /* nothing more is said */
		assert_int_equal(acd_receive(&acd, START, &packets[i]), ACD_FINE); /* told once */
	}
}

/* Our kernel answers for the address already, and our own packets come back to us. */
static void test_what_is_no_conflict(void **state)
{
	const struct arp_packet packets[] = {
		arp(ARP_REPLY, &ours, "192.0.2.50", "192.0.2.1"),
		arp(ARP_REQUEST, &ours, "0.0.0.0", "192.0.2.50"),
		arp(ARP_REQUEST, &ours, "192.0.2.50", "192.0.2.50"),
		arp(ARP_REQUEST, &rival, "192.0.2.1", "192.0.2.50"), /* it asks for us */
		arp(ARP_REPLY, &rival, "192.0.2.1", "192.0.2.50"),
		arp(ARP_REPLY, &rival, "0.0.0.0", "192.0.2.50"),
		arp(ARP_REQUEST, &rival, "0.0.0.0", "192.0.2.51"),
	};
	struct acd acd;

	start(&acd);
	for (size_t i = 0; i < ARRAY_SIZE(packets); i++)
		assert_int_equal(acd_receive(&acd, START, &packets[i]), ACD_FINE);
	assert_int_equal(acd.state, ACD_PROBING);
}

/* RFC 5227 section 2.4 (b) */
static void test_defence(void **state)
{
	const struct arp_packet claim = arp(ARP_REQUEST, &rival, "192.0.2.50", "192.0.2.1");
	struct acd acd;
	usec_t now = quiet_until_watching(&acd);

	assert_int_equal(acd_receive(&acd, now, &claim), ACD_DEFENDED);
	expect_announcement(&acd);
	assert_int_equal(acd.state, ACD_WATCHING);
	/* After the interval it is defended again. */
	now += 10 * SECOND;
	assert_int_equal(acd_receive(&acd, now, &claim), ACD_DEFENDED);
	expect_announcement(&acd);
	/* Within it, given up. */
	now += 10 * SECOND - 1;
	assert_int_equal(acd_receive(&acd, now, &claim), ACD_LOST);
	assert_int_equal(acd.state, ACD_CONFLICT);
}

static void test_defence_while_announcing(void **state)
{
	const struct arp_packet claim = arp(ARP_REPLY, &rival, "192.0.2.50", "192.0.2.1");
	struct acd acd;

	start(&acd);
	while (acd.state == ACD_PROBING)
		to_deadline(&acd);
	assert_int_equal(acd_receive(&acd, acd.next - 1, &claim), ACD_DEFENDED);
	expect_announcement(&acd);
	to_deadline(&acd);
	assert_int_equal(acd.state, ACD_WATCHING);
}

/* Once it is ours, another's probe is answered by the kernel, and he gives up. */
static void test_later_probes_of_others(void **state)
{
	const struct arp_packet probe = arp(ARP_REQUEST, &rival, "0.0.0.0", "192.0.2.50");
	struct acd acd;
	usec_t now = quiet_until_watching(&acd);

	assert_int_equal(acd_receive(&acd, now, &probe), ACD_FINE);
	assert_int_equal(acd.state, ACD_WATCHING);
}

static void test_resume_and_stop(void **state)
{
	const struct arp_packet claim = arp(ARP_REQUEST, &rival, "192.0.2.50", "192.0.2.1");
	struct arp_packet packet;
	struct acd acd;

	acd_resume(&acd, &ours, ip("192.0.2.50"));
	assert_false(acd_pop_packet(&acd, &packet));
	assert_int_equal(acd_receive(&acd, START, &claim), ACD_DEFENDED);
	acd_stop(&acd);
	assert_int_equal(acd_receive(&acd, START, &claim), ACD_FINE);
	assert_true(acd.next == USEC_INFINITY);
}

static void test_timeout_before_its_time(void **state)
{
	struct acd acd;

	start(&acd);
	expect_probe(&acd);
	acd_timeout(&acd, acd.next - 1, 0);
	assert_int_equal(acd.sent, 1);
}

/* After a sleep of the machine the steps are made one at a time, none is skipped. */
static void test_sleep(void **state)
{
	usec_t now = START + 3600 * SECOND;
	struct acd acd;

	start(&acd);
	expect_probe(&acd);
	acd_timeout(&acd, now, 0);
	expect_probe(&acd);
	assert_in_range(acd.next, now + SECOND, now + 2 * SECOND);
}

/* ---- attachment ---- */

static void attach(struct dna *dna)
{
	dna_start(dna, START, &ours, ip("192.0.2.50"), ip("192.0.2.1"), &router);
}

static void test_gateway_is_the_same(void **state)
{
	const struct arp_packet answer = arp(ARP_REPLY, &router, "192.0.2.1", "192.0.2.50");
	struct arp_packet packet;
	struct dna dna;

	attach(&dna);
	assert_true(dna_pop_packet(&dna, &packet));
	assert_int_equal(packet.operation, ARP_REQUEST);
	assert_int_equal(packet.sender.s_addr, ip("192.0.2.50").s_addr);
	assert_int_equal(packet.target.s_addr, ip("192.0.2.1").s_addr);
	assert_false(dna_pop_packet(&dna, &packet));
	assert_int_equal(dna_receive(&dna, &answer), DNA_CONFIRMED);
	assert_true(dna.next == USEC_INFINITY);
	assert_int_equal(dna_timeout(&dna, START + SECOND), DNA_CONFIRMED);
}

static void test_gateway_is_another(void **state)
{
	const struct arp_packet answer = arp(ARP_REPLY, &rival, "192.0.2.1", "192.0.2.50");
	const struct arp_packet late = arp(ARP_REPLY, &router, "192.0.2.1", "192.0.2.50");
	struct dna dna;

	attach(&dna);
	assert_int_equal(dna_receive(&dna, &answer), DNA_MOVED);
	assert_int_equal(dna_receive(&dna, &late), DNA_MOVED);
}

static void test_gateway_is_silent(void **state)
{
	struct arp_packet packet;
	struct dna dna;
	unsigned asked = 0;

	attach(&dna);
	while (dna.verdict == DNA_PENDING) {
		asked += dna_pop_packet(&dna, &packet);
		dna_timeout(&dna, dna.next);
	}
	assert_int_equal(asked, DNA_TRIES);
	assert_int_equal(dna.verdict, DNA_SILENT);
	assert_true(dna.next == USEC_INFINITY);
}

static void test_answers_of_others_prove_nothing(void **state)
{
	const struct arp_packet packets[] = {
		arp(ARP_REPLY, &router, "192.0.2.9", "192.0.2.50"),
		arp(ARP_REQUEST, &router, "192.0.2.1", "192.0.2.9"),
	};
	struct dna dna;

	attach(&dna);
	for (size_t i = 0; i < ARRAY_SIZE(packets); i++)
		assert_int_equal(dna_receive(&dna, &packets[i]), DNA_PENDING);
	assert_int_equal(dna.next - START, DNA_INTERVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packet_round),
		cmocka_unit_test(test_packets_of_others),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_conflicts_while_probing),
		cmocka_unit_test(test_what_is_no_conflict),
		cmocka_unit_test(test_defence),
		cmocka_unit_test(test_defence_while_announcing),
		cmocka_unit_test(test_later_probes_of_others),
		cmocka_unit_test(test_resume_and_stop),
		cmocka_unit_test(test_timeout_before_its_time),
		cmocka_unit_test(test_sleep),
		cmocka_unit_test(test_gateway_is_the_same),
		cmocka_unit_test(test_gateway_is_another),
		cmocka_unit_test(test_gateway_is_silent),
		cmocka_unit_test(test_answers_of_others_prove_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
