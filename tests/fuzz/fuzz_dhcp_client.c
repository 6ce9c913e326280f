/*
 * The client, fed with any sequence of calls, times and answers. An input is a list of steps, each
 * a byte and what it needs. Answers are made to fit one of the client's last questions (transaction
 * and MAC), as a fuzzer would not guess them; all else in them is the input's.
 */
#include "dhcp/client.h"
#include "fuzz.h"

#define STEPS_MAX     200
#define QUESTIONS_MAX 4

struct fuzz {
	struct dhcp_client *client;
	struct cursor input;
	usec_t now;
	uint8_t questions[QUESTIONS_MAX][4]; /* the last transaction numbers */
	unsigned asked;
};

static const uint8_t mac[6] = {2, 0, 0x5e, 0, 0, 1};

static void step_deadline(struct fuzz *fuzz)
{
	usec_t next = dhcp_client_deadline(fuzz->client);

	if (next == USEC_INFINITY)
		return;
	fuzz->now = MAX(fuzz->now, next);
	dhcp_client_timeout(fuzz->client, fuzz->now);
}

static void step_time(struct fuzz *fuzz)
{
	fuzz->now += (usec_t)cursor_u16(&fuzz->input) * cursor_u16(&fuzz->input) * 1000;
	dhcp_client_timeout(fuzz->client, fuzz->now);
}

static void step_answer(struct fuzz *fuzz)
{
	uint8_t which = cursor_u8(&fuzz->input), type = cursor_u8(&fuzz->input);
	struct cursor options =
		cursor_sub(&fuzz->input, MIN(cursor_u8(&fuzz->input), cursor_left(&fuzz->input)));
	uint8_t payload[1024];
	struct writer writer = WRITER(payload, sizeof(payload));
	struct hardware_address hardware = {.length = 6};
	struct in_addr none = {0};

	memcpy(hardware.bytes, mac, sizeof(mac));
	dhcp_message_begin(&writer, 0, 0, false, none, &hardware);
	payload[0] = 2;
	memcpy(payload + 4, fuzz->questions[which % QUESTIONS_MAX], 4);
	cursor_copy(&options, payload + 16, 4);
	dhcp_message_put(&writer, DHCP_OPTION_TYPE, &type, 1);
	if (cursor_left(&options))
		writer_put(&writer, options.data + options.offset, cursor_left(&options));
	writer_u8(&writer, DHCP_OPTION_END);
	dhcp_client_receive(fuzz->client, fuzz->now, payload, writer.offset);
}

static void step_raw(struct fuzz *fuzz)
{
	struct cursor bytes =
		cursor_sub(&fuzz->input, MIN(cursor_u16(&fuzz->input), cursor_left(&fuzz->input)));

	dhcp_client_receive(fuzz->client, fuzz->now, bytes.data, bytes.size);
}

static void step_start(struct fuzz *fuzz)
{
	struct dhcp_lease known = {.prefix_length = 24};

	cursor_copy(&fuzz->input, &known.address, 4);
	dhcp_client_start(fuzz->client, fuzz->now, known.address.s_addr ? &known : NULL);
}

static void step_resume(struct fuzz *fuzz)
{
	const struct dhcp_lease *lease = dhcp_client_lease(fuzz->client);
	struct dhcp_lease copy;

	if (!lease || lease->expires <= fuzz->now)
		return;
	copy = *lease;
	dhcp_client_resume(fuzz->client, fuzz->now, &copy);
}

static void step_confirm(struct fuzz *fuzz)
{
	dhcp_client_confirm(fuzz->client, fuzz->now);
}

static void step_decline(struct fuzz *fuzz)
{
	dhcp_client_decline(fuzz->client, fuzz->now);
}

static void step_stop(struct fuzz *fuzz)
{
	dhcp_client_stop(fuzz->client, fuzz->now, cursor_u8(&fuzz->input) % 2);
}

static void packets_out(struct fuzz *fuzz)
{
	struct dhcp_packet packet;
	struct dhcp_message message;

	while (dhcp_client_pop_packet(fuzz->client, &packet)) {
		FUZZ_CHECK(packet.size >= DHCP_PAYLOAD_MIN && packet.size <= DHCP_PAYLOAD_MAX);
		FUZZ_CHECK(dhcp_message_parse(packet.payload, packet.size, &message) == 0);
		FUZZ_CHECK(message.operation == 1);
		FUZZ_CHECK(packet.unicast == (packet.destination.s_addr != 0));
		memcpy(fuzz->questions[fuzz->asked++ % QUESTIONS_MAX], packet.payload + 4, 4);
	}
}

static void check(struct fuzz *fuzz)
{
	enum dhcp_client_state state = dhcp_client_state(fuzz->client);
	const struct dhcp_lease *lease = dhcp_client_lease(fuzz->client);
	struct dhcp_event event;

	FUZZ_CHECK((lease != NULL) ==
		   (state == DHCP_BOUND || state == DHCP_RENEWING || state == DHCP_REBINDING));
	FUZZ_CHECK(dhcp_client_state_text(state) != NULL);
	/* Whoever is not stopped has something to wait for, but for a lease without end. */
	FUZZ_CHECK(state == DHCP_STOPPED || (lease && lease->expires == USEC_INFINITY) ||
		   dhcp_client_deadline(fuzz->client) != USEC_INFINITY);
	while (dhcp_client_pop_event(fuzz->client, &event))
		FUZZ_CHECK(event.kind != DHCP_EVENT_IPV6_ONLY || event.seconds >= 300);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const steps[])(struct fuzz *) = {
		step_deadline, step_answer, step_time,	  step_answer,	step_raw,
		step_start,    step_resume, step_confirm, step_decline, step_stop,
	};
	struct fuzz fuzz = {.input = CURSOR(data, size), .now = USEC_PER_SEC};
	uint8_t flags = cursor_u8(&fuzz.input);
	struct dhcp_client_config config = {
		.mac.length = 6,
		.rapid_commit = flags & 1,
		.ipv6_only = flags & 2,
		.plain_mac_id = flags & 4,
		.hostname = "box",
		.seed = flags,
	};

	memcpy(config.mac.bytes, mac, sizeof(mac));
	FUZZ_CHECK(dhcp_client_new(&fuzz.client, &config) == 0);
	dhcp_client_start(fuzz.client, fuzz.now, NULL);
	for (unsigned i = 0; i < STEPS_MAX && cursor_left(&fuzz.input); i++) {
		packets_out(&fuzz);
		steps[cursor_u8(&fuzz.input) % ARRAY_SIZE(steps)](&fuzz);
		/* After its deadline the client waits for a later one: it does not spin. */
		dhcp_client_timeout(fuzz.client, fuzz.now);
		FUZZ_CHECK(dhcp_client_deadline(fuzz.client) > fuzz.now);
		check(&fuzz);
	}
	dhcp_client_free(fuzz.client);
	return 0;
}
