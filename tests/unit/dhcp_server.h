/* A scripted DHCP server: builds the reply to a request of the client under test. */
#pragma once

#include "dhcp.h"
#include "dhcp/client.h"

static const uint8_t test_mac[6] = {0x02, 0, 0x5e, 0, 0, 1};

struct script {
	struct dhcp_client *client;
	usec_t now;
	uint8_t reply[1500];
	struct writer writer;
};

/* The next packet that the client wants to send, taken apart; fails when there is none. */
static inline struct dhcp_message next_message(struct script *script, struct dhcp_packet *packet)
{
	struct dhcp_message message;

	assert_true(dhcp_client_pop_packet(script->client, packet));
	assert_true(packet->size >= DHCP_PAYLOAD_MIN);
	assert_int_equal(dhcp_message_parse(packet->payload, packet->size, &message), 0);
	return message;
}

static inline void expect_message(struct script *script, uint8_t type, struct dhcp_packet *packet)
{
	assert_int_equal(next_message(script, packet).type, type);
}

/* Starts the client, which knows no lease, and takes its DISCOVER. */
static inline void discover(struct script *script, struct dhcp_packet *packet)
{
	dhcp_client_start(script->client, script->now, NULL);
	expect_message(script, DHCP_DISCOVER, packet);
}

static inline void expect_silence(struct script *script)
{
	struct dhcp_packet packet;

	assert_false(dhcp_client_pop_packet(script->client, &packet));
}

static inline struct dhcp_event expect_event(struct script *script, enum dhcp_event_kind kind)
{
	struct dhcp_event event;

	assert_true(dhcp_client_pop_event(script->client, &event));
	assert_int_equal(event.kind, kind);
	return event;
}

static inline void expect_no_event(struct script *script)
{
	struct dhcp_event event;

	assert_false(dhcp_client_pop_event(script->client, &event));
}

/* Begins a reply of `type` to `request` that grants `yours`, from server 192.0.2.1. */
static inline void reply_begin(struct script *script, const struct dhcp_packet *request,
			       uint8_t type, const char *yours)
{
	struct dhcp_message asked;
	struct hardware_address mac = {.length = 6};
	struct in_addr none = {0}, server = ip("192.0.2.1"), address = ip(yours);

	assert_int_equal(dhcp_message_parse(request->payload, request->size, &asked), 0);
	memcpy(mac.bytes, test_mac, 6);
	script->writer = WRITER(script->reply, sizeof(script->reply));
	dhcp_message_begin(&script->writer, asked.transaction, 0, false, none, &mac);
	script->reply[0] = 2;
	memcpy(script->reply + 16, &address, 4);
	dhcp_message_put(&script->writer, DHCP_OPTION_TYPE, &type, 1);
	dhcp_message_put(&script->writer, DHCP_OPTION_SERVER_ID, &server, 4);
}

static inline void reply_u32(struct script *script, uint8_t option, uint32_t value)
{
	uint32_t network = htonl(value);

	dhcp_message_put(&script->writer, option, &network, 4);
}

static inline void reply_address(struct script *script, uint8_t option, const char *address)
{
	struct in_addr value = ip(address);

	dhcp_message_put(&script->writer, option, &value, 4);
}

static inline int reply_send(struct script *script)
{
	dhcp_message_end(&script->writer);
	assert_true(writer_ok(&script->writer));
	return dhcp_client_receive(script->client, script->now, script->reply,
				   script->writer.offset);
}

/* A plain answer: /24, gateway 192.0.2.1, DNS 192.0.2.1, `seconds` of lease. */
static inline int answer(struct script *script, const struct dhcp_packet *request, uint8_t type,
			 const char *yours, uint32_t seconds)
{
	reply_begin(script, request, type, yours);
	if (type != DHCP_NAK) {
		reply_address(script, DHCP_OPTION_SUBNET_MASK, "255.255.255.0");
		reply_address(script, DHCP_OPTION_ROUTER, "192.0.2.1");
		reply_address(script, DHCP_OPTION_DNS, "192.0.2.1");
		reply_u32(script, DHCP_OPTION_LEASE_TIME, seconds);
	}
	return reply_send(script);
}

/* ---- what tests begin and end with ---- */

static inline int setup_with(void **state, bool ipv6_only, bool plain)
{
	struct script *script = calloc(1, sizeof(*script));
	struct dhcp_client_config config = {
		.mac = {.length = 6},
		.rapid_commit = true,
		.hostname = "box",
		.ipv6_only = ipv6_only,
		.plain_mac_id = plain,
		.seed = 42,
	};

	memcpy(config.mac.bytes, test_mac, 6);
	script->now = 1000 * SECOND;
	assert_int_equal(dhcp_client_new(&script->client, &config), 0);
	*state = script;
	return 0;
}

static inline int setup(void **state)
{
	return setup_with(state, false, false);
}

/* Asks for option 108, and has the plain MAC for its id. */
static inline int setup_ipv6_only(void **state)
{
	return setup_with(state, true, true);
}

static inline int teardown(void **state)
{
	struct script *script = *state;

	dhcp_client_free(script->client);
	free(script);
	return 0;
}

static inline void advance_to_deadline(struct script *script)
{
	usec_t deadline = dhcp_client_deadline(script->client);

	assert_true(deadline != USEC_INFINITY && deadline >= script->now);
	script->now = deadline;
	dhcp_client_timeout(script->client, script->now);
}

/* The four messages, from nothing to a lease of 192.0.2.50. */
static inline void obtain(struct script *script, uint32_t seconds)
{
	struct dhcp_packet packet;

	dhcp_client_start(script->client, script->now, NULL);
	expect_message(script, DHCP_DISCOVER, &packet);
	assert_int_equal(answer(script, &packet, DHCP_OFFER, "192.0.2.50", seconds), 0);
	expect_message(script, DHCP_REQUEST, &packet);
	assert_int_equal(answer(script, &packet, DHCP_ACK, "192.0.2.50", seconds), 0);
	expect_event(script, DHCP_EVENT_BOUND);
	assert_int_equal(dhcp_client_state(script->client), DHCP_BOUND);
	expect_silence(script);
}

/* Starts with a known lease of 192.0.2.50: both questions are asked in the same moment. */
static inline void reboot(struct script *script, struct dhcp_packet *request,
			  struct dhcp_packet *discover)
{
	struct dhcp_lease known = {.address = ip("192.0.2.50"), .prefix_length = 24};

	dhcp_client_start(script->client, script->now, &known);
	assert_int_equal(dhcp_client_state(script->client), DHCP_REBOOTING);
	expect_message(script, DHCP_REQUEST, request);
	expect_message(script, DHCP_DISCOVER, discover);
	assert_memory_not_equal(request->payload + 4, discover->payload + 4, 4);
}

#define TEST(name)	     cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_IPV6_ONLY(name) cmocka_unit_test_setup_teardown(name, setup_ipv6_only, teardown)
