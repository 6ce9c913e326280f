/* How the client keeps a lease: renewal, confirmation, conflicts, IPv6 in its place. */
#include "dhcp_server.h"

/* ---- renewing and rebinding ---- */

/* RFC 2131 section 4.4.5: half of what is left, not more often than each minute. */
static void test_renewal_is_repeated_by_halves(void **state)
{
	static const unsigned asked_at[] = {43200, 59400, 67500, 71550, 73575};
	struct script *script = *state;
	struct dhcp_packet packet;
	usec_t start = script->now, last = 0;

	obtain(script, 86400);
	for (size_t i = 0; i < ARRAY_SIZE(asked_at); i++) {
		advance_to_deadline(script);
		assert_int_equal((script->now - start) / SECOND, asked_at[i]);
		expect_message(script, DHCP_REQUEST, &packet);
		assert_true(packet.unicast);
	}
	while (dhcp_client_state(script->client) == DHCP_RENEWING) {
		last = script->now;
		advance_to_deadline(script);
		assert_true(script->now - last >= 60 * SECOND ||
			    dhcp_client_state(script->client) == DHCP_REBINDING);
		while (dhcp_client_pop_packet(script->client, &packet))
			;
	}
	assert_int_equal((script->now - start) / SECOND, 75600);
	assert_false(packet.unicast);
}

/* With leases of minutes there is more than one try, too. */
static void test_short_leases_are_asked_for_more_than_once(void **state)
{
	struct script *script = *state;
	struct dhcp_packet packet;
	unsigned renewals = 0, rebindings = 0;

	obtain(script, 120);
	while (dhcp_client_lease(script->client)) {
		advance_to_deadline(script);
		while (dhcp_client_pop_packet(script->client, &packet)) {
			renewals += dhcp_client_state(script->client) == DHCP_RENEWING;
			rebindings += dhcp_client_state(script->client) == DHCP_REBINDING;
		}
	}
	assert_in_range(renewals, 2, 5);
	assert_in_range(rebindings, 1, 5);
}

static void test_rebinding_takes_any_server(void **state)
{
	struct script *script = *state;
	struct dhcp_packet packet;
	struct dhcp_event event;

	obtain(script, 600);
	script->now = dhcp_client_lease(script->client)->rebind;
	dhcp_client_timeout(script->client, script->now);
	assert_int_equal(dhcp_client_state(script->client), DHCP_REBINDING);
	expect_message(script, DHCP_REQUEST, &packet);
	assert_false(packet.unicast);
	reply_begin(script, &packet, DHCP_ACK, "192.0.2.50");
	script->reply[script->writer.offset - 1] = 99;
	reply_address(script, DHCP_OPTION_SUBNET_MASK, "255.255.255.0");
	reply_u32(script, DHCP_OPTION_LEASE_TIME, 600);
	assert_int_equal(reply_send(script), 0);
	event = expect_event(script, DHCP_EVENT_RENEWED);
	assert_true(event.changed);
	assert_int_equal(dhcp_client_lease(script->client)->server.s_addr, ip("192.0.2.99").s_addr);
	assert_int_equal(dhcp_client_state(script->client), DHCP_BOUND);
}

static void test_wakes_up_in_the_middle_of_the_lease(void **state)
{
	struct script *script = *state;
	struct dhcp_packet packet;

	obtain(script, 600);
	script->now += 560 * SECOND;
	dhcp_client_timeout(script->client, script->now);
	assert_int_equal(dhcp_client_state(script->client), DHCP_REBINDING);
	expect_message(script, DHCP_REQUEST, &packet);
	assert_false(packet.unicast);
	expect_silence(script);
}

static void test_timeout_before_its_time_does_nothing(void **state)
{
	struct script *script = *state;

	obtain(script, 600);
	dhcp_client_timeout(script->client, dhcp_client_deadline(script->client) - 1);
	expect_silence(script);
	expect_no_event(script);
	assert_int_equal(dhcp_client_state(script->client), DHCP_BOUND);
}

/* ---- confirmation ---- */

static unsigned confirm_without_answer(struct script *script, struct dhcp_packet *packet)
{
	unsigned requests = 0;

	dhcp_client_confirm(script->client, script->now);
	while (next_message(script, packet).type == DHCP_REQUEST) {
		requests++;
		advance_to_deadline(script);
	}
	return requests;
}

/* A network whose server does not know the address, and is silent: a new one is sought beside it.
 */
static void test_unconfirmed_lease_is_replaced(void **state)
{
	struct script *script = *state;
	struct dhcp_packet packet;

	obtain(script, 600);
	assert_int_equal(confirm_without_answer(script, &packet), 4);
	assert_in_range(script->now, 1006 * SECOND, 1009 * SECOND);
	assert_non_null(dhcp_client_lease(script->client));
	assert_int_equal(dhcp_client_state(script->client), DHCP_BOUND);
	expect_no_event(script);

	assert_int_equal(answer(script, &packet, DHCP_OFFER, "192.0.2.77", 600), 0);
	expect_message(script, DHCP_REQUEST, &packet);
	assert_int_equal(dhcp_client_lease(script->client)->address.s_addr,
			 ip("192.0.2.50").s_addr);
	assert_int_equal(answer(script, &packet, DHCP_ACK, "192.0.2.77", 600), 0);
	expect_event(script, DHCP_EVENT_BOUND);
	assert_int_equal(dhcp_client_lease(script->client)->address.s_addr,
			 ip("192.0.2.77").s_addr);
}

static void test_refused_replacement_leaves_the_lease(void **state)
{
	struct script *script = *state;
	struct dhcp_packet packet;

	obtain(script, 600);
	confirm_without_answer(script, &packet);
	answer(script, &packet, DHCP_OFFER, "192.0.2.77", 600);
	expect_message(script, DHCP_REQUEST, &packet);
	assert_int_equal(answer(script, &packet, DHCP_NAK, "0.0.0.0", 0), 0);
	expect_event(script, DHCP_EVENT_REFUSED);
	assert_non_null(dhcp_client_lease(script->client));
	assert_int_equal(dhcp_client_deadline(script->client),
			 dhcp_client_lease(script->client)->renew);
}

static void test_confirmation_while_renewing(void **state)
{
	struct script *script = *state;
	struct dhcp_packet renewal, confirmation;

	obtain(script, 600);
	advance_to_deadline(script);
	expect_message(script, DHCP_REQUEST, &renewal);
	dhcp_client_confirm(script->client, script->now);
	expect_message(script, DHCP_REQUEST, &confirmation);
	assert_int_equal(answer(script, &confirmation, DHCP_ACK, "192.0.2.50", 600), 0);
	expect_event(script, DHCP_EVENT_RENEWED);
	assert_int_equal(answer(script, &renewal, DHCP_ACK, "192.0.2.50", 600), 1);
}

static void test_confirmation_without_a_lease_does_nothing(void **state)
{
	struct script *script = *state;

	dhcp_client_confirm(script->client, script->now);
	dhcp_client_decline(script->client, script->now);
	expect_silence(script);
	expect_no_event(script);
	assert_int_equal(dhcp_client_state(script->client), DHCP_STOPPED);
}

/* After a restart of the daemon: nothing is asked until it is time to. */
static void test_resume(void **state)
{
	struct script *script = *state;
	struct dhcp_lease lease;

	obtain(script, 600);
	lease = *dhcp_client_lease(script->client);
	dhcp_client_stop(script->client, script->now, false);
	expect_silence(script);
	expect_event(script, DHCP_EVENT_LOST);
	dhcp_client_resume(script->client, script->now, &lease);
	expect_silence(script);
	expect_no_event(script);
	assert_int_equal(dhcp_client_state(script->client), DHCP_BOUND);
	assert_int_equal(dhcp_client_deadline(script->client), lease.renew);
}

/* ---- conflicts ---- */

static void test_repeated_declines_slow_down(void **state)
{
	static const unsigned pauses[] = {10, 20, 40, 80, 160, 300, 300};
	struct script *script = *state;
	struct dhcp_packet packet;

	dhcp_client_start(script->client, script->now, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(pauses); i++) {
		expect_message(script, DHCP_DISCOVER, &packet);
		answer(script, &packet, DHCP_OFFER, "192.0.2.50", 600);
		expect_message(script, DHCP_REQUEST, &packet);
		answer(script, &packet, DHCP_ACK, "192.0.2.50", 600);
		expect_event(script, DHCP_EVENT_BOUND);
		dhcp_client_decline(script->client, script->now);
		expect_message(script, DHCP_DECLINE, &packet);
		expect_event(script, DHCP_EVENT_LOST);
		assert_int_equal(dhcp_client_deadline(script->client) - script->now,
				 pauses[i] * SECOND);
		advance_to_deadline(script);
	}
}

/* A lease that has lived until its renewal was none in a row of conflicts. */
static void test_renewal_forgives_declines(void **state)
{
	struct script *script = *state;
	struct dhcp_packet packet;

	obtain(script, 600);
	for (int i = 0; i < 2; i++) {
		dhcp_client_decline(script->client, script->now);
		expect_message(script, DHCP_DECLINE, &packet);
		expect_event(script, DHCP_EVENT_LOST);
		assert_int_equal(dhcp_client_deadline(script->client) - script->now, 10 * SECOND);
		advance_to_deadline(script);
		expect_message(script, DHCP_DISCOVER, &packet);
		answer(script, &packet, DHCP_OFFER, "192.0.2.60", 600);
		expect_message(script, DHCP_REQUEST, &packet);
		answer(script, &packet, DHCP_ACK, "192.0.2.60", 600);
		expect_event(script, DHCP_EVENT_BOUND);
		advance_to_deadline(script);
		expect_message(script, DHCP_REQUEST, &packet);
		answer(script, &packet, DHCP_ACK, "192.0.2.60", 600);
		expect_event(script, DHCP_EVENT_RENEWED);
	}
}

/* ---- IPv6-only preferred (RFC 8925) ---- */

static void put_ipv6_only(struct script *script, const struct dhcp_packet *request, uint8_t type,
			  const char *yours, uint32_t seconds)
{
	reply_begin(script, request, type, yours);
	reply_u32(script, DHCP_OPTION_LEASE_TIME, 600);
	reply_u32(script, DHCP_OPTION_IPV6_ONLY, seconds);
}

/* Section 3.3: the server need not set an address aside. */
static void test_ipv6_only_offer_without_an_address(void **state)
{
	struct script *script = *state;
	struct dhcp_packet packet;

	discover(script, &packet);
	put_ipv6_only(script, &packet, DHCP_OFFER, "0.0.0.0", 1800);
	assert_int_equal(reply_send(script), 0);
	assert_int_equal(expect_event(script, DHCP_EVENT_IPV6_ONLY).seconds, 1800);
	assert_int_equal(dhcp_client_state(script->client), DHCP_PAUSED);
	advance_to_deadline(script);
	assert_int_equal(script->now, 2800 * SECOND);
	expect_message(script, DHCP_DISCOVER, &packet);
}

static void test_ipv6_only_has_an_end(void **state)
{
	struct script *script = *state;
	struct dhcp_packet packet;

	discover(script, &packet);
	put_ipv6_only(script, &packet, DHCP_OFFER, "0.0.0.0", UINT32_MAX);
	assert_int_equal(reply_send(script), 0);
	assert_int_equal(expect_event(script, DHCP_EVENT_IPV6_ONLY).seconds, 86400);
}

/* Section 3.2: in INIT-REBOOT it counts, and while a lease is in use it does not. */
static void test_ipv6_only_in_an_ack(void **state)
{
	struct script *script = *state;
	struct dhcp_packet request, discover, packet;

	reboot(script, &request, &discover);
	put_ipv6_only(script, &request, DHCP_ACK, "192.0.2.50", 300);
	assert_int_equal(reply_send(script), 0);
	expect_event(script, DHCP_EVENT_IPV6_ONLY);
	assert_int_equal(dhcp_client_state(script->client), DHCP_PAUSED);

	obtain(script, 600);
	advance_to_deadline(script);
	expect_message(script, DHCP_REQUEST, &packet);
	put_ipv6_only(script, &packet, DHCP_ACK, "192.0.2.50", 300);
	assert_int_equal(reply_send(script), 0);
	expect_event(script, DHCP_EVENT_RENEWED);
	assert_non_null(dhcp_client_lease(script->client));
}

static void test_ipv6_only_is_ignored_unless_asked_for(void **state)
{
	struct script *script = *state;
	struct dhcp_packet packet;

	discover(script, &packet);
	put_ipv6_only(script, &packet, DHCP_OFFER, "192.0.2.50", 1800);
	assert_int_equal(reply_send(script), 0);
	expect_message(script, DHCP_REQUEST, &packet);
	expect_no_event(script);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_renewal_is_repeated_by_halves),
		TEST(test_short_leases_are_asked_for_more_than_once),
		TEST(test_rebinding_takes_any_server),
		TEST(test_wakes_up_in_the_middle_of_the_lease),
		TEST(test_timeout_before_its_time_does_nothing),
		TEST(test_unconfirmed_lease_is_replaced),
		TEST(test_refused_replacement_leaves_the_lease),
		TEST(test_confirmation_while_renewing),
		TEST(test_confirmation_without_a_lease_does_nothing),
		TEST(test_resume),
		TEST(test_repeated_declines_slow_down),
		TEST(test_renewal_forgives_declines),
		TEST_IPV6_ONLY(test_ipv6_only_offer_without_an_address),
		TEST_IPV6_ONLY(test_ipv6_only_has_an_end),
		TEST_IPV6_ONLY(test_ipv6_only_in_an_ack),
		TEST(test_ipv6_only_is_ignored_unless_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
