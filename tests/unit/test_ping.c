#include <math.h>
#include <netinet/ip_icmp.h>

#include "online/ping.h"
#include "online/ping_packet.h"
#include "online/ping_run.h"
#include "online_network.h"

static struct test_network network;

/* ---- packets ---- */

static const struct ping_identity identity = {
	.family = AF_INET,
	.identifier = 0x1234,
	.token = {1, 2, 3, 4, 5, 6, 7, 8},
};

/* Makes the answer that a host at 192.0.2.1 gives to a request: IP header, TTL 61, type 0. */
static size_t make_reply(uint8_t *buffer, size_t size, uint16_t sequence)
{
	static const uint8_t header[20] = {0x45, [8] = 61, [9] = 1, [12] = 192, 0, 2, 1};
	int length = ping_packet_build(&identity, sequence, size, buffer + 20, 2000);
	uint32_t sum;

	assert_true(length > 0);
	memcpy(buffer, header, sizeof(header));
	/* Type 8 becomes 0: the checksum grows by as much. */
	buffer[20] = 0;
	sum = (uint32_t)(buffer[22] << 8 | buffer[23]) + 0x0800;
	sum = (sum & 0xffff) + (sum >> 16);
	buffer[22] = (uint8_t)(sum >> 8);
	buffer[23] = (uint8_t)sum;
	return 20 + (size_t)length;
}

static void test_packet_round_trip(void **state)
{
	static const size_t sizes[] = {0, 1, 7, 8, 9, 56, 1471};
	uint8_t buffer[2048];
	struct ping_reply reply;
	char text[IP_ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t length = make_reply(buffer, sizes[i], 77);

		assert_int_equal(ping_packet_parse(&identity, buffer, length, &reply), 0);
		assert_int_equal(reply.sequence, 77);
		assert_int_equal(reply.size, sizes[i]);
		assert_int_equal(reply.ttl, 61);
		assert_string_equal(ip_address_print(&reply.from, text), "192.0.2.1");
	}
	assert_int_equal(ping_packet_build(&identity, 0, 100, buffer, 107), -EMSGSIZE);
}

static void test_packet_refuses(void **state)
{
	struct ping_identity other = identity;
	uint8_t buffer[2048];
	struct ping_reply reply;
	size_t length = make_reply(buffer, 56, 1);

	for (size_t i = 0; i < 28; i++)
		assert_int_equal(ping_packet_parse(&identity, buffer, i, &reply), -EBADMSG);
	other.identifier++;
	assert_int_equal(ping_packet_parse(&other, buffer, length, &reply), 1);
	other = identity;
	other.token[7]++;
	assert_int_equal(ping_packet_parse(&other, buffer, length, &reply), 1);
	buffer[length - 1] ^= 1;
	assert_int_equal(ping_packet_parse(&identity, buffer, length, &reply), -EBADMSG);
	buffer[0] = 0x41; /* a header of 4 bytes */
	assert_int_equal(ping_packet_parse(&identity, buffer, length, &reply), -EBADMSG);
}

static void test_packet_quoted(void **state)
{
	uint8_t buffer[64];
	uint16_t sequence = 0;

	assert_int_equal(ping_packet_build(&identity, 9, 0, buffer, sizeof(buffer)), 8);
	assert_int_equal(ping_packet_parse_quoted(&identity, buffer, 8, &sequence), 0);
	assert_int_equal(sequence, 9);
	assert_int_equal(ping_packet_parse_quoted(&identity, buffer, 7, &sequence), 1);
	buffer[0] = 0;
	assert_int_equal(ping_packet_parse_quoted(&identity, buffer, 8, &sequence), 1);
}

/* ---- the course ---- */

static void answer(struct ping_run *run, unsigned number, uint64_t milliseconds)
{
	struct ping_probe probe = {.outcome = PING_ANSWERED, .latency = milliseconds * 1000000};

	ping_run_outcome(run, number, &probe);
}

static struct ping_request request_of(unsigned count, usec_t interval, usec_t timeout)
{
	struct ip_address target = test_address("192.0.2.1");
	struct ping_request request = ping_request_default(&target);

	request.count = count;
	request.interval = interval;
	request.timeout = timeout;
	return request;
}

static void test_run_sends_in_time(void **state)
{
	struct ping_request request = request_of(3, 100, 250);
	struct ping_run run;
	unsigned number;

	ping_run_init(&run, &request, 1000);
	assert_int_equal(ping_run_deadline(&run), 1000);
	assert_true(ping_run_next(&run, 1000, &number));
	assert_int_equal(number, 0);
	assert_false(ping_run_next(&run, 1000, &number));
	assert_int_equal(ping_run_deadline(&run), 1100);
	/* A loop that is late by two intervals sends one probe, then the next. */
	assert_true(ping_run_next(&run, 1230, &number));
	assert_false(ping_run_next(&run, 1230, &number));
	assert_int_equal(ping_run_deadline(&run), 1231);
	ping_run_expire(&run, 1250);
	assert_int_equal(run.result.probes[0].outcome, PING_TIMED_OUT);
	assert_int_equal(run.result.probes[1].outcome, PING_PENDING);
	assert_true(ping_run_next(&run, 1250, &number));
	answer(&run, 2, 1);
	assert_false(ping_run_finished(&run));
	assert_int_equal(ping_run_deadline(&run), 1480);
	ping_run_expire(&run, 1480);
	assert_true(ping_run_finished(&run));
	assert_int_equal(ping_run_deadline(&run), 0);
}

static void test_run_statistics(void **state)
{
	struct ping_request request = request_of(5, 1, 1000);
	const struct ping_statistics *s;
	struct ping_run run;
	unsigned number;

	ping_run_init(&run, &request, 0);
	for (usec_t t = 0; t < 5; t++)
		assert_true(ping_run_next(&run, t, &number));
	answer(&run, 0, 2);
	answer(&run, 1, 4);
	answer(&run, 1, 4);
	answer(&run, 3, 9);
	answer(&run, 99, 1);
	ping_run_expire(&run, 5000);
	ping_run_summarise(&run);
	s = &run.result.statistics;
	assert_int_equal(s->sent, 5);
	assert_int_equal(s->answered, 3);
	assert_int_equal(s->duplicates, 1);
	assert_true(fabs(s->loss - 0.4) < 1e-9);
	assert_true(s->minimum == 2 && s->maximum == 9 && s->average == 5);
	assert_true(fabs(s->deviation - sqrt(26.0 / 3)) < 1e-9);
	assert_true(fabs(s->jitter - 3.5) < 1e-9);
}

static void test_run_until_answer(void **state)
{
	struct ping_request request = request_of(3, 10, 1000);
	struct ping_run run;
	unsigned number;

	request.until_answer = true;
	ping_run_init(&run, &request, 0);
	assert_true(ping_run_next(&run, 0, &number));
	assert_true(ping_run_next(&run, 10, &number));
	answer(&run, 1, 1);
	assert_true(ping_run_finished(&run));
	ping_run_summarise(&run);
	assert_int_equal(run.result.statistics.sent, 1);
	assert_true(run.result.statistics.loss == 0);
}

/* ---- on the wire ---- */

struct outcome {
	bool done;
	struct ping_result result;
};

static void on_done(const struct ping_result *result, void *userdata)
{
	struct outcome *outcome = userdata;

	assert_false(outcome->done);
	outcome->done = true;
	outcome->result = *result;
}

static void ping_and_wait(const struct ping_request *request, struct outcome *ret)
{
	sd_event *event;
	struct ping *ping;
	struct error error = {0};

	memset(ret, 0, sizeof(*ret));
	assert_int_equal(sd_event_new(&event), 0);
	assert_int_equal(ping_start(&ping, event, request, on_done, ret, &error), 0);
	assert_false(ret->done);
	test_loop(event, &ret->done);
	sd_event_unref(event);
}

static struct ping_request request_to(const char *target)
{
	struct ip_address address = test_address(target);
	struct ping_request request = ping_request_default(&address);

	request.interval = PING_INTERVAL_MIN;
	request.timeout = 500 * USEC_PER_MSEC;
	return request;
}

static void test_echo_answered(void **state)
{
	static const char *const targets[] = {"127.0.0.1", "::1", "1.1.1.1", "2001:db8:1::1"};
	struct outcome outcome;

	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		struct ping_request request = request_to(targets[i]);
		json_t *json;

		ping_and_wait(&request, &outcome);
		assert_int_equal(outcome.result.statistics.answered, 3);
		assert_int_equal(outcome.result.probes[2].outcome, PING_ANSWERED);
		assert_int_equal(outcome.result.probes[2].ttl, 64);
		assert_true(ip_address_equal(&outcome.result.probes[2].from, &request.target));
		assert_true(outcome.result.statistics.maximum > 0);
		assert_true(outcome.result.statistics.maximum < 400);
		assert_true(ip_address_is_set(&outcome.result.source));
		json = ping_result_to_json(&outcome.result);
		assert_int_equal(json_member_integer(json, "received", 0), 3);
		json_decref(json);
	}
}

static void test_echo_sizes(void **state)
{
	static const unsigned sizes[] = {0, 4, 1472, 1473, 9000, 65507};
	struct outcome outcome;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct ping_request request = request_to("10.9.0.2");

		request.size = sizes[i];
		request.count = 1;
		ping_and_wait(&request, &outcome);
		assert_int_equal(outcome.result.statistics.answered, 1);
	}
}

static void test_echo_too_large(void **state)
{
	struct ping_request request = request_to("10.9.0.2");
	struct outcome outcome;

	request.dont_fragment = true;
	request.size = 1473;
	ping_and_wait(&request, &outcome);
	assert_int_equal(outcome.result.probes[0].outcome, PING_TOO_LARGE);
	assert_int_equal(outcome.result.probes[0].mtu, 1500);
	assert_int_equal(outcome.result.statistics.errors, 3);
	request.size = 1472;
	ping_and_wait(&request, &outcome);
	assert_int_equal(outcome.result.statistics.answered, 3);
}

static void test_echo_unreachable(void **state)
{
	static const struct {
		const char *target, *router, *text;
	} cases[] = {
		{"10.99.0.1", "10.9.0.2", "host unreachable"},
		{"2001:db8:99::1", "2001:db8:9::2", "no route to the destination"},
	};
	struct outcome outcome;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ping_request request = request_to(cases[i].target);
		struct ip_address router = test_address(cases[i].router);
		const struct ping_probe *probe = &outcome.result.probes[0];

		request.count = 1;
		ping_and_wait(&request, &outcome);
		assert_int_equal(probe->outcome, PING_UNREACHABLE);
		assert_true(ip_address_equal(&probe->from, &router));
		assert_string_equal(ping_icmp_text(request.target.family, probe->icmp_type,
						   probe->icmp_code),
				    cases[i].text);
	}
}

static void test_echo_ttl_exceeded(void **state)
{
	struct ping_request request = request_to("203.0.113.9");
	struct outcome outcome;

	request.ttl = 1;
	test_enter(network.far);
	test_run("ip route add 203.0.113.0/24 via 10.9.0.1");
	test_enter(network.near);
	ping_and_wait(&request, &outcome);
	assert_int_equal(outcome.result.probes[0].outcome, PING_UNREACHABLE);
	assert_int_equal(outcome.result.probes[0].icmp_type, ICMP_TIME_EXCEEDED);
}

static void test_echo_timed_out(void **state)
{
	struct ping_request request = request_to("1.1.1.1");
	struct outcome outcome;
	usec_t start = clock_boottime_usec();

	test_enter(network.far);
	test_run("echo 1 >/proc/sys/net/ipv4/icmp_echo_ignore_all");
	test_enter(network.near);
	request.timeout = 50 * USEC_PER_MSEC;
	ping_and_wait(&request, &outcome);
	test_enter(network.far);
	test_run("echo 0 >/proc/sys/net/ipv4/icmp_echo_ignore_all");
	test_enter(network.near);
	assert_int_equal(outcome.result.probes[2].outcome, PING_TIMED_OUT);
	assert_true(outcome.result.statistics.loss == 1);
	assert_true(clock_boottime_usec() - start >= ping_request_duration(&request));
}

static void test_connect(void **state)
{
	struct ping_request request = request_to("1.1.1.1");
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(443)};
	struct outcome outcome;
	int listener;

	test_enter(network.far);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 8), 0);
	test_enter(network.near);

	request.method = PING_CONNECT;
	request.port = 443;
	ping_and_wait(&request, &outcome);
	assert_int_equal(outcome.result.statistics.answered, 3);
	assert_true(outcome.result.statistics.maximum > 0);
	close(listener);

	ping_and_wait(&request, &outcome);
	assert_int_equal(outcome.result.probes[0].outcome, PING_REFUSED);
	assert_true(outcome.result.statistics.loss == 0);

	/* A router sends "unreachable" a few times only to each source: this one had none yet. */
	request.target = test_address("10.99.0.1");
	request.source = test_address("10.9.0.3");
	request.count = 1;
	ping_and_wait(&request, &outcome);
	assert_int_equal(outcome.result.probes[0].outcome, PING_UNREACHABLE);
	assert_string_equal(ping_icmp_text(AF_INET, outcome.result.probes[0].icmp_type,
					   outcome.result.probes[0].icmp_code),
			    "host unreachable");
}

static int start_fails(const struct ping_request *request, struct error *error)
{
	struct ping *ping;
	sd_event *event;
	int r;

	memset(error, 0, sizeof(*error));
	assert_int_equal(sd_event_new(&event), 0);
	r = ping_start(&ping, event, request, on_done, NULL, error);
	sd_event_unref(event);
	assert_true(r < 0);
	return (int)error->code;
}

static void test_start_refuses(void **state)
{
	struct ping_request request = request_to("1.1.1.1");
	struct error error;

	request.count = 101;
	assert_int_equal(start_fails(&request, &error), ERROR_PARAMETER_RANGE);
	assert_string_equal(error.parameter, "count");
	request = request_to("1.1.1.1");
	strcpy(request.interface, "nosuch0");
	assert_int_equal(start_fails(&request, &error), ERROR_LINK_UNKNOWN);
	request = request_to("1.1.1.1");
	request.source = test_address("192.0.2.55");
	assert_int_equal(start_fails(&request, &error), ERROR_ADDRESS_INVALID);
	request.source = test_address("::1");
	assert_int_equal(start_fails(&request, &error), ERROR_PARAMETER_CONFLICT);
	request = request_to("fe80::1");
	assert_int_equal(start_fails(&request, &error), ERROR_PARAMETER_MISSING);
	test_run("ip route del default");
	request = request_to("1.1.1.1");
	assert_int_equal(start_fails(&request, &error), ERROR_HOST_UNREACHABLE);
	request.method = PING_CONNECT;
	request.port = 80;
	assert_int_equal(start_fails(&request, &error), ERROR_HOST_UNREACHABLE);
	test_run("ip route add default via 10.9.0.2");
}

static void test_cancel(void **state)
{
	struct ping_request request = request_to("1.1.1.1");
	struct outcome outcome = {0};
	struct ping *ping;
	sd_event *event;

	assert_int_equal(sd_event_new(&event), 0);
	for (int method = PING_ECHO; method <= PING_CONNECT; method++) {
		request.method = method;
		request.port = 1;
		assert_int_equal(ping_start(&ping, event, &request, on_done, &outcome, NULL), 0);
		ping_cancel(ping);
	}
	assert_true(sd_event_run(event, 50 * USEC_PER_MSEC) >= 0);
	assert_false(outcome.done);
	sd_event_unref(event);
}

static void test_side_by_side(void **state)
{
	struct outcome outcomes[20] = {0};
	struct ping *pings[20];
	sd_event *event;

	assert_int_equal(sd_event_new(&event), 0);
	for (size_t i = 0; i < ARRAY_SIZE(pings); i++) {
		struct ping_request request = request_to("1.1.1.1");

		assert_int_equal(ping_start(&pings[i], event, &request, on_done, &outcomes[i],
					    NULL),
				 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(pings); i++) {
		test_loop(event, &outcomes[i].done);
		assert_int_equal(outcomes[i].result.statistics.answered, 3);
		assert_int_equal(outcomes[i].result.statistics.duplicates, 0);
	}
	sd_event_unref(event);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packet_round_trip),
		cmocka_unit_test(test_packet_refuses),
		cmocka_unit_test(test_packet_quoted),
		cmocka_unit_test(test_run_sends_in_time),
		cmocka_unit_test(test_run_statistics),
		cmocka_unit_test(test_run_until_answer),
		cmocka_unit_test(test_echo_answered),
		cmocka_unit_test(test_echo_sizes),
		cmocka_unit_test(test_echo_too_large),
		cmocka_unit_test(test_echo_unreachable),
		cmocka_unit_test(test_echo_ttl_exceeded),
		cmocka_unit_test(test_echo_timed_out),
		cmocka_unit_test(test_connect),
		cmocka_unit_test(test_start_refuses),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_side_by_side),
	};

	network = test_network_new();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
