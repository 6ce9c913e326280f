#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>

#include "online/traceroute.h"
#include "online/traceroute_run.h"
#include "online_network.h"

static struct test_network network;

/* ---- packets ---- */

/* "TTL exceeded" of 192.0.2.9 about UDP from port 0x1234 to 198.51.100.7 port 33436. */
static size_t make_error(uint8_t bytes[256], size_t quoted)
{
	static const uint8_t packet[] = {
		0x45, 0, 0,   0,  0,   0, 0,	0,    63,   1,	  0, 0,	 192, 0,
		2,    9, 10,  0,  0,   1,	   /* outer */
		11,   0, 0,   0,  0,   0, 0,	0, /* ICMP */
		0x45, 0, 0,   60, 0,   0, 0,	0,    1,    17,	  0, 0,	 10,  0,
		0,    1, 198, 51, 100, 7, 0x12, 0x34, 0x82, 0x9c, 0, 40, 0,   0,
	};

	memset(bytes, 0, 256);
	memcpy(bytes, packet, sizeof(packet));
	return 28 + quoted;
}

static void test_parse_error(void **state)
{
	const struct ip_address router = test_address("192.0.2.9");
	const struct ip_address target = test_address("198.51.100.7");
	struct trace_error error;
	uint8_t bytes[256];
	size_t size = make_error(bytes, 28);

	assert_int_equal(trace_error_parse(AF_INET, bytes, size, &error), 0);
	assert_int_equal(error.type, ICMP_TIME_EXCEEDED);
	assert_true(ip_address_equal(&error.from, &router));
	assert_true(ip_address_equal(&error.target, &target));
	assert_int_equal(error.protocol, IPPROTO_UDP);
	assert_int_equal(error.payload_size, 8);
	assert_int_equal(error.payload[3], 0x9c);
	for (size_t cut = 0; cut < size; cut++)
		assert_true(trace_error_parse(AF_INET, bytes, cut, &error) < 0);

	/* An echo reply is no error; a later fragment tells nothing. */
	bytes[20] = ICMP_ECHOREPLY;
	assert_int_equal(trace_error_parse(AF_INET, bytes, size, &error), 1);
	bytes[20] = ICMP_DEST_UNREACH;
	bytes[28 + 7] = 1;
	assert_int_equal(trace_error_parse(AF_INET, bytes, size, &error), 1);
}

static void test_parse_mtu(void **state)
{
	struct trace_error error;
	uint8_t bytes[256];
	size_t size = make_error(bytes, 28);

	bytes[20] = ICMP_DEST_UNREACH;
	bytes[21] = ICMP_FRAG_NEEDED;
	bytes[26] = 1400 >> 8;
	bytes[27] = 1400 & 0xff;
	assert_int_equal(trace_error_parse(AF_INET, bytes, size, &error), 0);
	assert_int_equal(error.mtu, 1400);
}

/* RFC 4950 3: two labels behind 128 bytes of the packet. */
static void test_parse_labels(void **state)
{
	static const uint8_t extension[] = {0x20, 0,	0,    0, 0,    12,   1,	   1,
					    0x3e, 0x81, 0x02, 1, 0x00, 0x01, 0x01, 9};
	struct trace_error error;
	uint8_t bytes[256];
	size_t size = make_error(bytes, 128) + sizeof(extension);

	bytes[25] = 128 / 4;
	memcpy(bytes + 28 + 128, extension, sizeof(extension));
	assert_int_equal(trace_error_parse(AF_INET, bytes, size, &error), 0);
	assert_int_equal(error.payload_size, 128 - 20);
	assert_int_equal(error.labels_count, 2);
	assert_int_equal(error.labels[0].label, 0x3e810);
	assert_int_equal(error.labels[0].traffic_class, 1);
	assert_int_equal(error.labels[0].ttl, 1);
	assert_true(error.labels[1].bottom);
	/* Damaged extensions do not spoil the error. */
	bytes[28 + 128 + 5] = 255;
	assert_int_equal(trace_error_parse(AF_INET, bytes, size, &error), 0);
	assert_int_equal(error.labels_count, 0);
}

/* ---- the course ---- */

static struct trace_run new_run(unsigned hops, unsigned probes, bool path_mtu)
{
	const struct trace_request request = {
		.target = test_address("192.0.2.1"),
		.hops = hops,
		.probes = probes,
		.timeout = USEC_PER_SEC,
		.path_mtu = path_mtu,
	};
	struct trace_run run;

	trace_run_init(&run, &request, 1500, 1);
	return run;
}

static struct trace_probe outcome_of(enum trace_outcome outcome, const char *from, uint32_t mtu)
{
	return (struct trace_probe){.outcome = outcome,
				    .from = test_address(from),
				    .latency = 1000,
				    .mtu = mtu};
}

static void test_run_silent_takes_one_timeout(void **state)
{
	struct trace_run run = new_run(30, 3, false);
	unsigned number, sent = 0;
	usec_t now = 1;

	while (!trace_run_finished(&run)) {
		now = trace_run_deadline(&run);
		trace_run_expire(&run, now);
		sent += trace_run_next(&run, now, &number);
	}
	assert_int_equal(sent, 90);
	assert_true(now < 1 + USEC_PER_SEC + 90 * TRACE_INTERVAL + 1);
	trace_run_summarise(&run);
	assert_false(run.result.reached);
}

static void test_run_ends_at_target(void **state)
{
	struct trace_run run = new_run(30, 2, false);
	struct trace_probe passed = outcome_of(TRACE_PASSED, "10.0.0.1", 0);
	struct trace_probe reached = outcome_of(TRACE_REACHED, "192.0.2.1", 0);
	unsigned number, sent = 0;

	for (usec_t now = 1; trace_run_next(&run, now, &number); now = run.next_send) {
		trace_run_outcome(&run, number,
				  trace_run_hop(&run, number) < 2 ? &passed : &reached);
		sent++;
	}
	assert_int_equal(sent, 6);
	assert_int_equal(run.result.end, 3);
	assert_true(trace_run_finished(&run));
	trace_run_summarise(&run);
	assert_true(run.result.reached);
	assert_int_equal(run.result.loop_from, 0);
}

static void test_run_path_mtu(void **state)
{
	struct trace_run run = new_run(3, 1, true);
	struct trace_probe narrow = outcome_of(TRACE_TOO_LARGE, "10.0.0.1", 1400);
	struct trace_probe lie = outcome_of(TRACE_TOO_LARGE, "10.0.0.1", 9000);
	unsigned number;

	assert_true(trace_run_next(&run, 1, &number));
	trace_run_outcome(&run, number, &narrow);
	assert_int_equal(run.size, 1400);
	assert_int_equal(run.result.limits_count, 1);
	assert_true(trace_run_next(&run, run.next_send, &number));
	assert_int_equal(number, 0);
	assert_int_equal(trace_run_probe(&run, 0)->size, 1400);
	trace_run_outcome(&run, number, &lie);
	assert_int_equal(trace_run_probe(&run, 0)->outcome, TRACE_TOO_LARGE);
	assert_true(trace_run_finished(&run));
	trace_run_summarise(&run);
	assert_int_equal(run.result.path_mtu, 1400);
}

static void test_run_loop(void **state)
{
	struct trace_run run = new_run(6, 1, false);
	struct trace_probe a = outcome_of(TRACE_PASSED, "10.0.0.1", 0);
	struct trace_probe b = outcome_of(TRACE_PASSED, "10.0.0.2", 0);
	unsigned number;

	for (usec_t now = 1; trace_run_next(&run, now, &number); now = run.next_send)
		trace_run_outcome(&run, number, number % 2 ? &b : &a);
	trace_run_summarise(&run);
	assert_int_equal(run.result.loop_from, 1);
	assert_int_equal(run.result.loop_to, 3);
}

/* ---- with the kernel ---- */

struct outcome {
	struct trace_result result;
	bool done;
};

static void on_done(const struct trace_result *result, void *userdata)
{
	struct outcome *outcome = userdata;
	json_t *json = trace_result_to_json(result);

	assert_non_null(json);
	json_decref(json);
	outcome->result = *result;
	outcome->done = true;
}

static void trace(const char *target, enum trace_method method, struct outcome *ret)
{
	const struct trace_request request = {
		.target = test_address(target),
		.method = method,
		.hops = 8,
		.probes = 2,
		.timeout = 200 * USEC_PER_MSEC,
	};
	struct trace *tracing;
	sd_event *event;

	ret->done = false;
	assert_int_equal(sd_event_new(&event), 0);
	assert_int_equal(trace_start(&tracing, event, &request, on_done, ret, NULL), 0);
	test_loop(event, &ret->done);
	sd_event_unref(event);
}

static void test_trace(void **state)
{
	static const char *const targets[] = {"1.1.1.1", "2001:db8:1::1"};
	struct outcome outcome;

	/* First: a router sends "unreachable" a few times only to each source. */
	trace("10.99.0.1", TRACE_ICMP, &outcome);
	assert_false(outcome.result.reached);
	assert_int_equal(outcome.result.end, 1);
	assert_int_equal(outcome.result.probes[0][0].outcome, TRACE_ERROR);
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++)
		for (enum trace_method method = TRACE_ICMP; method <= TRACE_UDP; method++) {
			trace(targets[i], method, &outcome);
			assert_true(outcome.result.reached);
			assert_int_equal(outcome.result.end, 1);
			assert_true(ip_address_is_set(&outcome.result.source));
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_error),
		cmocka_unit_test(test_parse_mtu),
		cmocka_unit_test(test_parse_labels),
		cmocka_unit_test(test_run_silent_takes_one_timeout),
		cmocka_unit_test(test_run_ends_at_target),
		cmocka_unit_test(test_run_path_mtu),
		cmocka_unit_test(test_run_loop),
		cmocka_unit_test(test_trace),
	};

	network = test_network_new();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
