#include "dhcp_server.h"

static void test_four_messages(void **state)
{
	struct script *script = *state;
	const struct dhcp_lease *lease;

	obtain(script, 3600);
	lease = dhcp_client_lease(script->client);
	assert_int_equal(lease->address.s_addr, ip("192.0.2.50").s_addr);
	assert_int_equal(lease->prefix_length, 24);
	assert_int_equal(lease->gateways[0].s_addr, ip("192.0.2.1").s_addr);
	assert_int_equal(lease->renew, script->now + 1800 * SECOND);
	assert_int_equal(lease->rebind, script->now + 3150 * SECOND);
	assert_int_equal(dhcp_client_deadline(script->client), lease->renew);
}

static void test_first_question_at_once_and_resend_after_half_a_second(void **state)
{
	struct script *script = *state;
	struct dhcp_packet packet;
	usec_t start = script->now, wait;

	discover(script, &packet);
	wait = dhcp_client_deadline(script->client) - start;
	assert_in_range(wait, 450 * USEC_PER_MSEC, 550 * USEC_PER_MSEC);
	advance_to_deadline(script);
	expect_message(script, DHCP_DISCOVER, &packet);
	wait = dhcp_client_deadline(script->client) - script->now;
	assert_in_range(wait, 900 * USEC_PER_MSEC, 1100 * USEC_PER_MSEC);
}

static void test_resends_stay_bounded_and_are_told(void **state)
{
	struct script *script = *state;
	struct dhcp_packet packet;
	struct dhcp_event event;
	unsigned told = 0;

	dhcp_client_start(script->client, script->now, NULL);
	for (int i = 0; i < 40; i++) {
		while (dhcp_client_pop_packet(script->client, &packet))
			assert_false(packet.unicast);
		while (dhcp_client_pop_event(script->client, &event))
			told += event.kind == DHCP_EVENT_NO_ANSWER;
		assert_true(dhcp_client_deadline(script->client) - script->now <= 71 * SECOND);
		advance_to_deadline(script);
	}
	assert_in_range(told, 3, 6);
}

static void test_rapid_commit(void **state)
{
	struct script *script = *state;
	struct dhcp_packet packet;

	discover(script, &packet);
	reply_begin(script, &packet, DHCP_ACK, "192.0.2.50");
	reply_address(script, DHCP_OPTION_SUBNET_MASK, "255.255.255.0");
	reply_u32(script, DHCP_OPTION_LEASE_TIME, 600);
	dhcp_message_put(&script->writer, DHCP_OPTION_RAPID_COMMIT, NULL, 0);
	assert_int_equal(reply_send(script), 0);
	expect_event(script, DHCP_EVENT_BOUND);
}

static void test_ack_to_a_discover_without_rapid_commit_is_ignored(void **state)
{
	struct script *script = *state;
	struct dhcp_packet packet;

	discover(script, &packet);
	assert_int_equal(answer(script, &packet, DHCP_ACK, "192.0.2.50", 600), 1);
	expect_no_event(script);
}

static void test_reboot_won_by_the_known_address(void **state)
{
	struct script *script = *state;
	struct dhcp_packet request, discover;

	reboot(script, &request, &discover);
	assert_int_equal(answer(script, &request, DHCP_ACK, "192.0.2.50", 600), 0);
	expect_event(script, DHCP_EVENT_BOUND);
	assert_int_equal(answer(script, &discover, DHCP_OFFER, "192.0.2.77", 600), 1);
	assert_int_equal(dhcp_client_lease(script->client)->address.s_addr,
			 ip("192.0.2.50").s_addr);
}

static void test_reboot_won_by_a_new_offer(void **state)
{
	struct script *script = *state;
	struct dhcp_packet request, discover, packet;

	reboot(script, &request, &discover);
	assert_int_equal(answer(script, &discover, DHCP_OFFER, "192.0.2.77", 600), 0);
	expect_message(script, DHCP_REQUEST, &packet);
	assert_int_equal(answer(script, &packet, DHCP_ACK, "192.0.2.77", 600), 0);
	expect_event(script, DHCP_EVENT_BOUND);
	/* The other server comes too late. */
	assert_int_equal(answer(script, &request, DHCP_ACK, "192.0.2.50", 600), 1);
	expect_no_event(script);
}

static void test_reboot_refused_goes_on_seeking(void **state)
{
	struct script *script = *state;
	struct dhcp_packet request, discover, packet;

	reboot(script, &request, &discover);
	assert_int_equal(answer(script, &request, DHCP_NAK, "0.0.0.0", 0), 0);
	assert_int_equal(dhcp_client_state(script->client), DHCP_SELECTING);
	expect_no_event(script);
	assert_int_equal(answer(script, &discover, DHCP_OFFER, "192.0.2.77", 600), 0);
	expect_message(script, DHCP_REQUEST, &packet);
}

static void test_offer_whose_server_vanished_is_given_up(void **state)
{
	struct script *script = *state;
	struct dhcp_packet packet;

	discover(script, &packet);
	answer(script, &packet, DHCP_OFFER, "192.0.2.50", 600);
	for (int i = 0; i < 4; i++) {
		expect_message(script, DHCP_REQUEST, &packet);
		advance_to_deadline(script);
	}
	expect_message(script, DHCP_DISCOVER, &packet);
}

static void test_renewal_is_unicast_and_extends(void **state)
{
	struct script *script = *state;
	struct dhcp_packet packet;
	struct dhcp_event event;

	obtain(script, 600);
	advance_to_deadline(script);
	assert_int_equal(dhcp_client_state(script->client), DHCP_RENEWING);
	expect_message(script, DHCP_REQUEST, &packet);
	assert_true(packet.unicast);
	assert_int_equal(packet.destination.s_addr, ip("192.0.2.1").s_addr);
	assert_int_equal(packet.source.s_addr, ip("192.0.2.50").s_addr);
	assert_int_equal(answer(script, &packet, DHCP_ACK, "192.0.2.50", 600), 0);
	event = expect_event(script, DHCP_EVENT_RENEWED);
	assert_false(event.changed);
	assert_int_equal(dhcp_client_lease(script->client)->expires, script->now + 600 * SECOND);
}

static void test_renewal_with_another_gateway_says_so(void **state)
{
	struct script *script = *state;
	struct dhcp_packet packet;

	obtain(script, 600);
	advance_to_deadline(script);
	expect_message(script, DHCP_REQUEST, &packet);
	reply_begin(script, &packet, DHCP_ACK, "192.0.2.50");
	reply_address(script, DHCP_OPTION_SUBNET_MASK, "255.255.255.0");
	reply_address(script, DHCP_OPTION_ROUTER, "192.0.2.254");
	reply_u32(script, DHCP_OPTION_LEASE_TIME, 600);
	assert_int_equal(reply_send(script), 0);
	assert_true(expect_event(script, DHCP_EVENT_RENEWED).changed);
}

static void test_rebinding_is_broadcast_then_expiry(void **state)
{
	struct script *script = *state;
	struct dhcp_packet packet;
	struct dhcp_event event;
	bool rebound = false;

	obtain(script, 600);
	while (dhcp_client_state(script->client) != DHCP_SELECTING) {
		advance_to_deadline(script);
		while (dhcp_client_pop_packet(script->client, &packet))
			if (dhcp_client_state(script->client) == DHCP_REBINDING)
				rebound |= !packet.unicast;
		assert_true(script->now <= 1600 * SECOND);
	}
	assert_true(rebound);
	assert_int_equal(script->now, 1600 * SECOND);
	do
		assert_true(dhcp_client_pop_event(script->client, &event));
	while (event.kind != DHCP_EVENT_LOST);
	assert_int_equal(event.why, DHCP_LOST_EXPIRED);
	assert_null(dhcp_client_lease(script->client));
}

static void test_refused_renewal_starts_over(void **state)
{
	struct script *script = *state;
	struct dhcp_packet packet;

	obtain(script, 600);
	advance_to_deadline(script);
	expect_message(script, DHCP_REQUEST, &packet);
	assert_int_equal(answer(script, &packet, DHCP_NAK, "0.0.0.0", 0), 0);
	assert_int_equal(expect_event(script, DHCP_EVENT_LOST).why, DHCP_LOST_NAK);
	expect_message(script, DHCP_DISCOVER, &packet);
}

static void test_repeated_refusals_slow_down(void **state)
{
	struct script *script = *state;
	struct dhcp_packet packet;

	dhcp_client_start(script->client, script->now, NULL);
	for (int i = 0; i < 6; i++) {
		expect_message(script, DHCP_DISCOVER, &packet);
		answer(script, &packet, DHCP_OFFER, "192.0.2.50", 600);
		expect_message(script, DHCP_REQUEST, &packet);
		answer(script, &packet, DHCP_NAK, "0.0.0.0", 0);
		expect_event(script, DHCP_EVENT_REFUSED);
		if (i > 0) {
			assert_int_equal(dhcp_client_state(script->client), DHCP_PAUSED);
			assert_int_equal(dhcp_client_deadline(script->client) - script->now,
					 SECOND << (i - 1));
			advance_to_deadline(script);
		}
	}
}

static void test_decline_pauses_and_forgets(void **state)
{
	struct script *script = *state;
	struct dhcp_packet packet;
	struct dhcp_message message;
	struct in_addr requested;

	obtain(script, 600);
	dhcp_client_decline(script->client, script->now);
	message = next_message(script, &packet);
	assert_int_equal(message.type, DHCP_DECLINE);
	assert_false(packet.unicast);
	assert_int_equal(message.client.s_addr, 0);
	assert_int_equal(dhcp_message_address(&message, DHCP_OPTION_REQUESTED_ADDRESS, &requested),
			 0);
	assert_int_equal(requested.s_addr, ip("192.0.2.50").s_addr);
	assert_int_equal(expect_event(script, DHCP_EVENT_LOST).why, DHCP_LOST_CONFLICT);
	assert_int_equal(dhcp_client_deadline(script->client) - script->now, 10 * SECOND);
	advance_to_deadline(script);
	message = next_message(script, &packet);
	assert_int_equal(message.type, DHCP_DISCOVER);
	assert_int_equal(dhcp_message_address(&message, DHCP_OPTION_REQUESTED_ADDRESS, &requested),
			 -ENOENT);
}

static void test_release(void **state)
{
	struct script *script = *state;
	struct dhcp_packet packet;

	obtain(script, 600);
	dhcp_client_stop(script->client, script->now, true);
	expect_message(script, DHCP_RELEASE, &packet);
	assert_true(packet.unicast);
	assert_int_equal(dhcp_client_deadline(script->client), USEC_INFINITY);
}

static void test_confirmation_keeps_the_lease_meanwhile(void **state)
{
	struct script *script = *state;
	struct dhcp_packet packet;

	obtain(script, 600);
	script->now += 5 * SECOND;
	dhcp_client_confirm(script->client, script->now);
	expect_message(script, DHCP_REQUEST, &packet);
	assert_non_null(dhcp_client_lease(script->client));
	assert_int_equal(answer(script, &packet, DHCP_ACK, "192.0.2.50", 600), 0);
	expect_event(script, DHCP_EVENT_RENEWED);

	dhcp_client_confirm(script->client, script->now);
	expect_message(script, DHCP_REQUEST, &packet);
	assert_int_equal(answer(script, &packet, DHCP_NAK, "0.0.0.0", 0), 0);
	assert_int_equal(expect_event(script, DHCP_EVENT_LOST).why, DHCP_LOST_NAK);
}

static void test_confirmation_without_answer_changes_nothing(void **state)
{
	struct script *script = *state;
	struct dhcp_packet packet;
	usec_t renew;

	obtain(script, 600);
	renew = dhcp_client_lease(script->client)->renew;
	dhcp_client_confirm(script->client, script->now);
	while (dhcp_client_deadline(script->client) != renew)
		advance_to_deadline(script);
	while (dhcp_client_pop_packet(script->client, &packet))
		;
	expect_no_event(script);
	assert_int_equal(dhcp_client_state(script->client), DHCP_BOUND);
}

static void test_sleep_over_the_end_of_the_lease(void **state)
{
	struct script *script = *state;
	struct dhcp_packet packet;

	obtain(script, 600);
	script->now += 100000 * SECOND;
	dhcp_client_timeout(script->client, script->now);
	assert_int_equal(expect_event(script, DHCP_EVENT_LOST).why, DHCP_LOST_EXPIRED);
	expect_message(script, DHCP_DISCOVER, &packet);
}

static void test_infinite_lease(void **state)
{
	struct script *script = *state;

	obtain(script, UINT32_MAX);
	assert_int_equal(dhcp_client_deadline(script->client), USEC_INFINITY);
}

static void test_ipv6_only_is_obeyed(void **state)
{
	struct script *script = *state;
	struct dhcp_packet packet;

	discover(script, &packet);
	reply_begin(script, &packet, DHCP_OFFER, "192.0.2.50");
	reply_address(script, DHCP_OPTION_SUBNET_MASK, "255.255.255.0");
	reply_u32(script, DHCP_OPTION_LEASE_TIME, 600);
	reply_u32(script, DHCP_OPTION_IPV6_ONLY, 1);
	assert_int_equal(reply_send(script), 0);
	assert_int_equal(expect_event(script, DHCP_EVENT_IPV6_ONLY).seconds, 300);
	expect_silence(script);
	assert_int_equal(dhcp_client_deadline(script->client) - script->now, 300 * SECOND);
}

static void test_ipv6_only_is_not_asked_for_unless_wanted(void **state)
{
	struct script *script = *state;
	struct dhcp_packet packet;
	struct dhcp_message message;
	uint8_t list[DHCP_OPTION_MAX];
	int length;

	dhcp_client_start(script->client, script->now, NULL);
	message = next_message(script, &packet);
	length = dhcp_message_option(&message, DHCP_OPTION_PARAMETERS, list);
	assert_true(length > 0);
	assert_null(memchr(list, DHCP_OPTION_IPV6_ONLY, (size_t)length));
	/* RFC 3442: classless routes before the router */
	assert_true((uint8_t *)memchr(list, DHCP_OPTION_CLASSLESS_ROUTES, (size_t)length) <
		    (uint8_t *)memchr(list, DHCP_OPTION_ROUTER, (size_t)length));
}

/* Two clones of a machine differ in their interface's MAC only: so must their client ids. */
static void test_client_id_holds_the_mac(void **state)
{
	struct script *script = *state;
	struct dhcp_packet packet;
	struct dhcp_message message;
	uint8_t id[DHCP_OPTION_MAX];

	dhcp_client_start(script->client, script->now, NULL);
	message = next_message(script, &packet);
	assert_int_equal(dhcp_message_option(&message, DHCP_OPTION_CLIENT_ID, id), 15);
	assert_int_equal(id[0], 255);
	assert_memory_equal(id + 1, test_mac + 2, 4);
	assert_memory_equal(id + 9, test_mac, 6);
}

static void test_answers_that_are_not_for_us(void **state)
{
	struct script *script = *state;
	struct dhcp_packet packet;

	discover(script, &packet);
	reply_begin(script, &packet, DHCP_OFFER, "192.0.2.50");
	script->reply[33]++; /* chaddr */
	assert_int_equal(reply_send(script), 1);
	reply_begin(script, &packet, DHCP_OFFER, "192.0.2.50");
	script->reply[7]++; /* xid */
	assert_int_equal(reply_send(script), 1);
	reply_begin(script, &packet, DHCP_OFFER, "192.0.2.50");
	script->reply[0] = 1; /* a request */
	assert_int_equal(reply_send(script), 1);
}

static void test_offers_that_make_no_sense(void **state)
{
	static const char *const addresses[] = {"0.0.0.0",	   "127.0.0.1", "224.0.0.1",
						"255.255.255.255", "192.0.2.0", "192.0.2.255"};
	struct script *script = *state;
	struct dhcp_packet packet;

	discover(script, &packet);
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++)
		assert_int_equal(answer(script, &packet, DHCP_OFFER, addresses[i], 600), -EBADMSG);
	reply_begin(script, &packet, DHCP_OFFER, "192.0.2.50");
	reply_address(script, DHCP_OPTION_SUBNET_MASK, "255.0.255.0");
	assert_int_equal(reply_send(script), -EBADMSG);
	reply_begin(script, &packet, DHCP_OFFER, "192.0.2.50");
	reply_address(script, DHCP_OPTION_SUBNET_MASK, "0.0.0.0");
	assert_int_equal(reply_send(script), -EBADMSG);
	expect_silence(script);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_four_messages),
		TEST(test_first_question_at_once_and_resend_after_half_a_second),
		TEST(test_resends_stay_bounded_and_are_told),
		TEST(test_rapid_commit),
		TEST(test_ack_to_a_discover_without_rapid_commit_is_ignored),
		TEST(test_reboot_won_by_the_known_address),
		TEST(test_reboot_won_by_a_new_offer),
		TEST(test_reboot_refused_goes_on_seeking),
		TEST(test_offer_whose_server_vanished_is_given_up),
		TEST(test_renewal_is_unicast_and_extends),
		TEST(test_renewal_with_another_gateway_says_so),
		TEST(test_rebinding_is_broadcast_then_expiry),
		TEST(test_refused_renewal_starts_over),
		TEST(test_repeated_refusals_slow_down),
		TEST(test_decline_pauses_and_forgets),
		TEST(test_release),
		TEST(test_confirmation_keeps_the_lease_meanwhile),
		TEST(test_confirmation_without_answer_changes_nothing),
		TEST(test_sleep_over_the_end_of_the_lease),
		TEST(test_infinite_lease),
		TEST_IPV6_ONLY(test_ipv6_only_is_obeyed),
		TEST(test_ipv6_only_is_not_asked_for_unless_wanted),
		TEST(test_client_id_holds_the_mac),
		TEST(test_answers_that_are_not_for_us),
		TEST(test_offers_that_make_no_sense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
