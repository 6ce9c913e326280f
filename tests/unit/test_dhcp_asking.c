/* How the client asks, and which answers it takes. */
#include "dhcp_server.h"

/* ---- what the RFCs ask for in detail ---- */

static uint16_t seconds_of(const struct dhcp_packet *packet)
{
	return (uint16_t)(packet->payload[8] << 8 | packet->payload[9]);
}

/* RFC 2131 section 4.4.1: the seconds and the transaction of the DISCOVER, address and server of
 * the offer, and no ciaddr. */
static void test_request_says_what_the_rfc_asks_for(void **state)
{
	struct script *script = *state;
	struct dhcp_packet discover, request;
	struct dhcp_message message;
	struct in_addr value;

	dhcp_client_start(script->client, script->now, NULL);
	expect_message(script, DHCP_DISCOVER, &discover);
	script->now += 3 * SECOND;
	dhcp_client_timeout(script->client, script->now);
	expect_message(script, DHCP_DISCOVER, &discover);
	assert_int_equal(seconds_of(&discover), 3);
	script->now += 5 * SECOND;
	assert_int_equal(answer(script, &discover, DHCP_OFFER, "192.0.2.50", 600), 0);
	message = next_message(script, &request);
	assert_int_equal(seconds_of(&request), 3);
	assert_memory_equal(request.payload + 4, discover.payload + 4, 4);
	assert_int_equal(message.client.s_addr, 0);
	assert_int_equal(dhcp_message_address(&message, DHCP_OPTION_REQUESTED_ADDRESS, &value), 0);
	assert_int_equal(value.s_addr, ip("192.0.2.50").s_addr);
	assert_int_equal(dhcp_message_address(&message, DHCP_OPTION_SERVER_ID, &value), 0);
	assert_int_equal(value.s_addr, ip("192.0.2.1").s_addr);
}

/* A server that answers others is not asked again meanwhile, but not for ever. */
static void test_others_are_waited_for(void **state)
{
	struct script *script = *state;
	struct dhcp_packet packet;
	usec_t asked = script->now;

	dhcp_client_start(script->client, script->now, NULL);
	expect_message(script, DHCP_DISCOVER, &packet);
	dhcp_client_wait_for_others(script->client, asked + 2 * SECOND);
	script->now = asked + SECOND;
	dhcp_client_timeout(script->client, script->now);
	assert_false(dhcp_client_pop_packet(script->client, &packet));
	assert_true(dhcp_client_deadline(script->client) == asked + 2 * SECOND);
	dhcp_client_wait_for_others(script->client, asked + 60 * SECOND);
	assert_true(dhcp_client_deadline(script->client) == asked + DHCP_OTHERS_MAX);
	advance_to_deadline(script);
	expect_message(script, DHCP_DISCOVER, &packet);
}

/* Table 5: neither requested address nor server while renewing; the server in a RELEASE. */
static void test_renewal_and_release_say_what_the_rfc_asks_for(void **state)
{
	struct script *script = *state;
	struct dhcp_packet packet;
	struct dhcp_message message;
	struct in_addr value;

	obtain(script, 600);
	advance_to_deadline(script);
	message = next_message(script, &packet);
	assert_int_equal(message.client.s_addr, ip("192.0.2.50").s_addr);
	assert_int_equal(dhcp_message_address(&message, DHCP_OPTION_REQUESTED_ADDRESS, &value),
			 -ENOENT);
	assert_int_equal(dhcp_message_address(&message, DHCP_OPTION_SERVER_ID, &value), -ENOENT);
	dhcp_client_stop(script->client, script->now, true);
	message = next_message(script, &packet);
	assert_int_equal(message.type, DHCP_RELEASE);
	assert_int_equal(message.client.s_addr, ip("192.0.2.50").s_addr);
	assert_int_equal(dhcp_message_address(&message, DHCP_OPTION_SERVER_ID, &value), 0);
	assert_int_equal(expect_event(script, DHCP_EVENT_LOST).why, DHCP_LOST_STOPPED);
	assert_int_equal(dhcp_client_state(script->client), DHCP_STOPPED);
}

/* The lease began when it was asked for, not when the answer came. */
static void test_lease_counts_from_the_request(void **state)
{
	struct script *script = *state;
	struct dhcp_packet packet;
	usec_t asked;

	discover(script, &packet);
	answer(script, &packet, DHCP_OFFER, "192.0.2.50", 600);
	expect_message(script, DHCP_REQUEST, &packet);
	asked = script->now;
	script->now += 300 * USEC_PER_MSEC;
	assert_int_equal(answer(script, &packet, DHCP_ACK, "192.0.2.50", 600), 0);
	assert_int_equal(dhcp_client_lease(script->client)->expires, asked + 600 * SECOND);
}

static void test_ack_that_comes_after_its_lease_has_ended(void **state)
{
	struct script *script = *state;
	struct dhcp_packet packet;

	discover(script, &packet);
	answer(script, &packet, DHCP_OFFER, "192.0.2.50", 10);
	expect_message(script, DHCP_REQUEST, &packet);
	script->now += 11 * SECOND;
	assert_int_equal(answer(script, &packet, DHCP_ACK, "192.0.2.50", 10), 1);
	expect_no_event(script);
}

static void test_ack_of_another_address_is_refused(void **state)
{
	struct script *script = *state;
	struct dhcp_packet packet;

	discover(script, &packet);
	answer(script, &packet, DHCP_OFFER, "192.0.2.50", 600);
	expect_message(script, DHCP_REQUEST, &packet);
	assert_int_equal(answer(script, &packet, DHCP_ACK, "192.0.2.51", 600), -EBADMSG);
	assert_int_equal(answer(script, &packet, DHCP_ACK, "192.0.2.50", 600), 0);
}

/* Another server's refusal of what was not asked of it. */
static void test_refusals_that_do_not_count(void **state)
{
	struct script *script = *state;
	struct dhcp_packet packet;
	uint8_t type = DHCP_NAK;

	discover(script, &packet);
	assert_int_equal(answer(script, &packet, DHCP_NAK, "0.0.0.0", 0), 1); /* of a DISCOVER */
	answer(script, &packet, DHCP_OFFER, "192.0.2.50", 600);
	expect_message(script, DHCP_REQUEST, &packet);
	reply_begin(script, &packet, DHCP_NAK, "0.0.0.0");
	script->reply[script->writer.offset - 1] = 99; /* the server's last byte */
	assert_int_equal(reply_send(script), 1);
	reply_begin(script, &packet, DHCP_NAK, "0.0.0.0");
	script->writer.offset = 240; /* without a server */
	dhcp_message_put(&script->writer, DHCP_OPTION_TYPE, &type, 1);
	assert_int_equal(reply_send(script), -EBADMSG);
	expect_no_event(script);
	assert_int_equal(answer(script, &packet, DHCP_ACK, "192.0.2.50", 600), 0);
}

/* RFC 6842 section 3 */
static void test_client_ids_that_come_back(void **state)
{
	struct script *script = *state;
	struct dhcp_packet packet;
	struct dhcp_message message;
	uint8_t id[DHCP_OPTION_MAX];

	dhcp_client_start(script->client, script->now, NULL);
	message = next_message(script, &packet);
	assert_int_equal(dhcp_message_option(&message, DHCP_OPTION_CLIENT_ID, id), 15);
	id[14]++;
	reply_begin(script, &packet, DHCP_OFFER, "192.0.2.50");
	dhcp_message_put(&script->writer, DHCP_OPTION_CLIENT_ID, id, 15);
	assert_int_equal(reply_send(script), 1);
	id[14]--;
	reply_begin(script, &packet, DHCP_OFFER, "192.0.2.50");
	dhcp_message_put(&script->writer, DHCP_OPTION_CLIENT_ID, id, 15);
	assert_int_equal(reply_send(script), 0);
	expect_message(script, DHCP_REQUEST, &packet);
}

static void test_plain_mac_id(void **state)
{
	struct script *script = *state;
	struct dhcp_packet packet;
	struct dhcp_message message;
	uint8_t id[DHCP_OPTION_MAX];

	dhcp_client_start(script->client, script->now, NULL);
	message = next_message(script, &packet);
	assert_int_equal(dhcp_message_option(&message, DHCP_OPTION_CLIENT_ID, id), 7);
	assert_int_equal(id[0], 1);
	assert_memory_equal(id + 1, test_mac, 6);
}

/* RFC 4361 section 6.1: 255, IAID, DUID-LL (type 3, hardware type 1, MAC). */
static void test_client_id_is_a_duid(void **state)
{
	static const uint8_t expected[15] = {255, 0x5e, 0, 0, 1, 0, 3, 0, 1, 2, 0, 0x5e, 0, 0, 1};
	struct script *script = *state;
	struct dhcp_packet packet;
	struct dhcp_message message;
	uint8_t id[DHCP_OPTION_MAX];

	dhcp_client_start(script->client, script->now, NULL);
	message = next_message(script, &packet);
	assert_int_equal(dhcp_message_option(&message, DHCP_OPTION_CLIENT_ID, id), 15);
	assert_memory_equal(id, expected, sizeof(expected));
}

/* Answers by unicast first (RFC 2131 section 4.1); by broadcast when those do not arrive. */
static void test_broadcast_is_asked_for_after_three_tries(void **state)
{
	struct script *script = *state;
	struct dhcp_packet packet;

	dhcp_client_start(script->client, script->now, NULL);
	for (int i = 0; i < 6; i++) {
		assert_int_equal(next_message(script, &packet).flags, i < 3 ? 0 : 0x8000);
		advance_to_deadline(script);
	}
	answer(script, &packet, DHCP_OFFER, "192.0.2.50", 600);
	while (dhcp_client_pop_packet(script->client, &packet))
		;
	assert_int_equal(packet.payload[10], 0x80); /* the REQUEST as well */
}

static void test_two_offers_first_wins(void **state)
{
	struct script *script = *state;
	struct dhcp_packet discover, packet;

	dhcp_client_start(script->client, script->now, NULL);
	expect_message(script, DHCP_DISCOVER, &discover);
	assert_int_equal(answer(script, &discover, DHCP_OFFER, "192.0.2.50", 600), 0);
	expect_message(script, DHCP_REQUEST, &packet);
	assert_int_equal(answer(script, &discover, DHCP_OFFER, "192.0.2.60", 600), 1);
	expect_silence(script);
}

static void test_late_offer_to_an_earlier_discover_counts(void **state)
{
	struct script *script = *state;
	struct dhcp_packet first, packet;

	dhcp_client_start(script->client, script->now, NULL);
	expect_message(script, DHCP_DISCOVER, &first);
	for (int i = 0; i < 3; i++) {
		advance_to_deadline(script);
		expect_message(script, DHCP_DISCOVER, &packet);
	}
	assert_int_equal(answer(script, &first, DHCP_OFFER, "192.0.2.50", 600), 0);
	expect_message(script, DHCP_REQUEST, &packet);
}

/* ---- INIT-REBOOT ---- */

static void test_reboot_confirmed_while_an_offer_is_requested(void **state)
{
	struct script *script = *state;
	struct dhcp_packet request, discover, packet;

	reboot(script, &request, &discover);
	answer(script, &discover, DHCP_OFFER, "192.0.2.77", 600);
	assert_int_equal(dhcp_client_state(script->client), DHCP_REQUESTING);
	expect_message(script, DHCP_REQUEST, &packet);
	assert_int_equal(answer(script, &request, DHCP_ACK, "192.0.2.50", 600), 0);
	expect_event(script, DHCP_EVENT_BOUND);
	assert_int_equal(answer(script, &packet, DHCP_ACK, "192.0.2.77", 600), 1);
}

static void test_reboot_by_rapid_commit(void **state)
{
	struct script *script = *state;
	struct dhcp_packet request, discover;

	reboot(script, &request, &discover);
	reply_begin(script, &discover, DHCP_ACK, "192.0.2.77");
	reply_u32(script, DHCP_OPTION_LEASE_TIME, 600);
	dhcp_message_put(&script->writer, DHCP_OPTION_RAPID_COMMIT, NULL, 0);
	assert_int_equal(reply_send(script), 0);
	expect_event(script, DHCP_EVENT_BOUND);
	assert_int_equal(dhcp_client_lease(script->client)->address.s_addr,
			 ip("192.0.2.77").s_addr);
}

static void test_reboot_says_what_the_rfc_asks_for(void **state)
{
	struct script *script = *state;
	struct dhcp_packet request, discover;
	struct dhcp_message message;
	struct in_addr value;

	reboot(script, &request, &discover);
	dhcp_message_parse(request.payload, request.size, &message);
	assert_int_equal(message.client.s_addr, 0);
	assert_int_equal(dhcp_message_address(&message, DHCP_OPTION_REQUESTED_ADDRESS, &value), 0);
	assert_int_equal(value.s_addr, ip("192.0.2.50").s_addr);
	assert_int_equal(dhcp_message_address(&message, DHCP_OPTION_SERVER_ID, &value), -ENOENT);
	dhcp_message_parse(discover.payload, discover.size, &message);
	assert_int_equal(dhcp_message_address(&message, DHCP_OPTION_REQUESTED_ADDRESS, &value), 0);
	assert_int_equal(value.s_addr, ip("192.0.2.50").s_addr);
}

/* The question for the old address ends, the search goes on. */
static void test_reboot_without_any_answer(void **state)
{
	struct script *script = *state;
	struct dhcp_packet packet, discover;
	unsigned requests = 1, discovers = 1;

	reboot(script, &packet, &discover);
	for (int i = 0; i < 30; i++) {
		advance_to_deadline(script);
		while (dhcp_client_pop_packet(script->client, &packet)) {
			struct dhcp_message message;

			dhcp_message_parse(packet.payload, packet.size, &message);
			requests += message.type == DHCP_REQUEST;
			discovers += message.type == DHCP_DISCOVER;
		}
	}
	assert_int_equal(requests, 4);
	assert_true(discovers > 20);
	assert_int_equal(dhcp_client_state(script->client), DHCP_SELECTING);
	assert_int_equal(answer(script, &discover, DHCP_OFFER, "192.0.2.77", 600), 0);
}

/* ---- bounds ---- */

/* Whoever does not fetch what comes out gets the newest, and nothing grows. */
static void test_queues_are_bounded(void **state)
{
	struct script *script = *state;
	struct dhcp_packet packet;
	struct dhcp_event event;
	unsigned packets = 0, events = 0;

	dhcp_client_start(script->client, script->now, NULL);
	for (int i = 0; i < 1000; i++)
		advance_to_deadline(script);
	while (dhcp_client_pop_packet(script->client, &packet))
		packets++;
	while (dhcp_client_pop_event(script->client, &event))
		events++;
	assert_int_equal(packets, 4);
	assert_int_equal(events, 8);
	assert_int_equal(event.tries, 512);
}

static void test_messages_are_of_use_to_old_relays(void **state)
{
	struct script *script = *state;
	struct dhcp_packet packet;
	struct dhcp_message message;
	uint8_t value[DHCP_OPTION_MAX];

	dhcp_client_start(script->client, script->now, NULL);
	message = next_message(script, &packet);
	assert_in_range(packet.size, 300, 548);
	assert_int_equal(dhcp_message_option(&message, DHCP_OPTION_MAXIMUM_SIZE, value), 2);
	assert_int_equal(dhcp_message_option(&message, DHCP_OPTION_HOSTNAME, value), 3);
	assert_memory_equal(value, "box", 3);
	assert_int_equal(dhcp_message_option(&message, DHCP_OPTION_RAPID_COMMIT, value), 0);
	assert_int_equal(dhcp_message_option(&message, DHCP_OPTION_VENDOR_CLASS, value), 7);
}

static void test_states_have_names(void **state)
{
	for (int i = 0; i < _DHCP_STATE_MAX; i++)
		assert_non_null(dhcp_client_state_text((enum dhcp_client_state)i));
}

static void test_other_hardware_is_refused(void **state)
{
	const struct dhcp_client_config infiniband = {.mac.length = 20};
	struct dhcp_client *client;

	assert_int_equal(dhcp_client_new(&client, &infiniband), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_request_says_what_the_rfc_asks_for),
		TEST(test_others_are_waited_for),
		TEST(test_renewal_and_release_say_what_the_rfc_asks_for),
		TEST(test_lease_counts_from_the_request),
		TEST(test_ack_that_comes_after_its_lease_has_ended),
		TEST(test_ack_of_another_address_is_refused),
		TEST(test_refusals_that_do_not_count),
		TEST(test_client_ids_that_come_back),
		TEST_IPV6_ONLY(test_plain_mac_id),
		TEST(test_client_id_is_a_duid),
		TEST(test_broadcast_is_asked_for_after_three_tries),
		TEST(test_two_offers_first_wins),
		TEST(test_late_offer_to_an_earlier_discover_counts),
		TEST(test_reboot_confirmed_while_an_offer_is_requested),
		TEST(test_reboot_by_rapid_commit),
		TEST(test_reboot_says_what_the_rfc_asks_for),
		TEST(test_reboot_without_any_answer),
		TEST(test_queues_are_bounded),
		TEST(test_messages_are_of_use_to_old_relays),
		TEST(test_states_have_names),
		TEST(test_other_hardware_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
