/* An address where no server answers (RFC 3927). */
#include "dhcp.h"
#include "dhcp/link_local.h"

#define START (1000 * SECOND)

static const struct hardware_address ours = {.length = 6, .bytes = {2, 0, 0x5e, 0, 0, 1}};
static const struct hardware_address rival = {.length = 6, .bytes = {2, 0, 0x5e, 0, 0, 0xff}};

/* Somebody else says that he has the address that is probed for or in use. */
static struct arp_packet claim(const struct link_local *local)
{
	return (struct arp_packet){.operation = ARP_REPLY,
				   .sender_mac = rival,
				   .target_mac = ours,
				   .sender = local->acd.address,
				   .target = local->acd.address};
}

/* Lets time pass until something is said; returns when. */
static usec_t run(struct link_local *local, enum link_local_verdict *ret)
{
	for (unsigned i = 0; i < 10; i++) {
		usec_t now = link_local_deadline(local);

		assert_int_not_equal(now, USEC_INFINITY);
		*ret = link_local_timeout(local, now, 0);
		if (*ret != LINK_LOCAL_NOTHING)
			return now;
	}
	fail_msg("nothing is ever said");
	return 0;
}

static void test_candidates_are_in_range_and_differ(void **state)
{
	struct hardware_address mac = ours;
	unsigned same = 0;

	for (unsigned i = 0; i < 20000; i++) {
		uint32_t address, next;

		mac.bytes[5] = (uint8_t)i;
		mac.bytes[4] = (uint8_t)(i >> 8);
		address = ntohl(link_local_candidate(&mac, 0).s_addr);
		next = ntohl(link_local_candidate(&mac, 1).s_addr);
		assert_in_range(address, 0xa9fe0100, 0xa9fefeff);
		assert_in_range(next, 0xa9fe0100, 0xa9fefeff);
		same += address == next;
		assert_int_equal(ntohl(link_local_candidate(&mac, 0).s_addr), address);
	}
	assert_true(same < 10);
}

static void test_used_after_three_unanswered_probes(void **state)
{
	struct link_local local;
	struct arp_packet packet;
	enum link_local_verdict verdict;
	usec_t now;

	link_local_init(&local);
	assert_int_equal(link_local_deadline(&local), USEC_INFINITY);
	link_local_start(&local, START, &ours);
	assert_true(link_local_pop_packet(&local, &packet));
	assert_int_equal(packet.sender.s_addr, 0);
	assert_int_equal(packet.target.s_addr, link_local_candidate(&ours, 0).s_addr);
	assert_int_equal(link_local_address(&local).s_addr, 0);
	now = run(&local, &verdict);
	assert_int_equal(verdict, LINK_LOCAL_USABLE);
	assert_true(now >= START + 4 * SECOND && now <= START + 7 * SECOND);
	assert_int_equal(link_local_address(&local).s_addr, link_local_candidate(&ours, 0).s_addr);
	assert_true(link_local_pop_packet(&local, &packet));
	assert_int_equal(packet.sender.s_addr, packet.target.s_addr);
}

static void test_conflict_while_probing_gives_the_next_one(void **state)
{
	struct link_local local;
	struct arp_packet packet;
	enum link_local_verdict verdict;

	link_local_start(&local, START, &ours);
	packet = claim(&local);
	assert_int_equal(link_local_receive(&local, START + 1, &packet), LINK_LOCAL_NOTHING);
	run(&local, &verdict);
	assert_int_equal(verdict, LINK_LOCAL_USABLE);
	assert_int_equal(link_local_address(&local).s_addr, link_local_candidate(&ours, 1).s_addr);
}

static void test_defended_once_then_given_up(void **state)
{
	struct link_local local;
	struct arp_packet packet;
	enum link_local_verdict verdict;
	usec_t now;

	link_local_start(&local, START, &ours);
	now = run(&local, &verdict);
	packet = claim(&local);
	assert_int_equal(link_local_receive(&local, now + 1, &packet), LINK_LOCAL_NOTHING);
	assert_int_not_equal(link_local_address(&local).s_addr, 0);
	assert_int_equal(link_local_receive(&local, now + SECOND, &packet), LINK_LOCAL_LOST);
	assert_int_equal(link_local_address(&local).s_addr, 0);
	run(&local, &verdict);
	assert_int_equal(verdict, LINK_LOCAL_USABLE);
	assert_int_equal(link_local_address(&local).s_addr, link_local_candidate(&ours, 1).s_addr);
}

/* Section 2.2.1: after ten conflicts one attempt a minute. */
static void test_many_conflicts_slow_it_down(void **state)
{
	struct link_local local;
	struct arp_packet packet;

	link_local_start(&local, START, &ours);
	for (unsigned i = 0; i < 10; i++) {
		packet = claim(&local);
		link_local_receive(&local, START + i, &packet);
	}
	assert_int_equal(local.state, LINK_LOCAL_PAUSED);
	assert_int_equal(link_local_deadline(&local), START + 9 + 60 * SECOND);
	link_local_timeout(&local, link_local_deadline(&local), 0);
	assert_int_equal(local.state, LINK_LOCAL_PROBING);
	packet = claim(&local);
	link_local_receive(&local, START + 61 * SECOND, &packet);
	assert_int_equal(local.state, LINK_LOCAL_PAUSED);
}

/* After a restart, or when the cable is back, it stays in use while it is probed for again. */
static void test_resumed_is_in_use_and_probed(void **state)
{
	struct in_addr address = link_local_candidate(&ours, 0);
	struct link_local local;
	struct arp_packet packet;

	link_local_init(&local);
	link_local_resume(&local, START, &ours, address);
	assert_int_equal(link_local_address(&local).s_addr, address.s_addr);
	assert_true(link_local_pop_packet(&local, &packet));
	packet = claim(&local);
	assert_int_equal(link_local_receive(&local, START + 1, &packet), LINK_LOCAL_LOST);
	assert_int_equal(local.acd.address.s_addr, link_local_candidate(&ours, 1).s_addr);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_candidates_are_in_range_and_differ),
		cmocka_unit_test(test_used_after_three_unanswered_probes),
		cmocka_unit_test(test_conflict_while_probing_gives_the_next_one),
		cmocka_unit_test(test_defended_once_then_given_up),
		cmocka_unit_test(test_many_conflicts_slow_it_down),
		cmocka_unit_test(test_resumed_is_in_use_and_probed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
