#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>

#include "online/check_port.h"
#include "online_network.h"

static void test_judge(void **state)
{
	static const struct {
		int family;
		enum port_protocol protocol;
		uint8_t type, code;
		bool from_target;
		enum port_state expected;
	} cases[] = {
		{AF_INET, PORT_UDP, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, true, PORT_REFUSED},
		{AF_INET, PORT_UDP, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, false, PORT_FILTERED},
		{AF_INET, PORT_TCP, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, true, PORT_FILTERED},
		{AF_INET, PORT_TCP, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, false, PORT_NO_ROUTE},
		{AF_INET, PORT_TCP, ICMP_DEST_UNREACH, ICMP_PKT_FILTERED, false, PORT_FILTERED},
		{AF_INET, PORT_UDP, ICMP_TIME_EXCEEDED, ICMP_EXC_TTL, false, PORT_NO_ROUTE},
		{AF_INET, PORT_UDP, 200, 200, false, PORT_FILTERED},
		{AF_INET6, PORT_UDP, ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_NOPORT, true,
		 PORT_REFUSED},
		{AF_INET6, PORT_TCP, ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_ADMIN, true,
		 PORT_FILTERED},
		{AF_INET6, PORT_TCP, ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_NOROUTE, false,
		 PORT_NO_ROUTE},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(check_port_judge(cases[i].family, cases[i].protocol, cases[i].type,
						  cases[i].code, cases[i].from_target),
				 cases[i].expected);
}

static void test_payloads(void **state)
{
	const uint8_t *bytes;

	assert_int_equal(check_port_payload(53, &bytes), 17);
	assert_int_equal(check_port_payload(123, &bytes), 48);
	assert_int_equal(check_port_payload(9, &bytes), 0);
	assert_non_null(bytes);
}

struct outcome {
	struct check_port_result result;
	bool done;
};

static void on_done(const struct check_port_result *result, void *userdata)
{
	struct outcome *outcome = userdata;
	json_t *json = check_port_result_to_json(result);

	assert_non_null(json);
	assert_string_equal(json_member_text(json, "state"), port_state_text(result->state));
	json_decref(json);
	outcome->result = *result;
	outcome->done = true;
}

static struct check_port_result check(sd_event *event, const char *target, uint16_t port,
				      enum port_protocol protocol)
{
	const struct check_port_request request = {
		.target = test_address(target),
		.port = port,
		.protocol = protocol,
		.timeout = 300 * USEC_PER_MSEC,
	};
	struct outcome outcome = {0};
	struct check_port *checking;

	assert_int_equal(check_port_start(&checking, event, &request, on_done, &outcome, NULL), 0);
	assert_false(outcome.done);
	test_loop(event, &outcome.done);
	return outcome.result;
}

/* A socket that listens, or takes datagrams, on a port of `far`; it goes with the test. */
static int open_socket(int far, int near, int type, uint16_t port)
{
	const struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd;

	test_enter(far);
	fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 4), 0);
	test_enter(near);
	return fd;
}

static struct test_network network;

static void test_states(void **state)
{
	static const struct {
		const char *target;
		uint16_t port;
		enum port_protocol protocol;
		enum port_state expected;
	} cases[] = {
		/* First: a router sends "unreachable" a few times only to each source. */
		{"10.99.0.1", 80, PORT_TCP, PORT_NO_ROUTE},
		{"10.99.0.1", 80, PORT_UDP, PORT_NO_ROUTE},
		{"1.1.1.1", 8080, PORT_TCP, PORT_OPEN},
		{"1.1.1.1", 8081, PORT_TCP, PORT_REFUSED},
		{"2001:db8:1::1", 8081, PORT_TCP, PORT_REFUSED},
		{"1.1.1.1", 8080, PORT_UDP, PORT_OPEN_OR_FILTERED},
		{"1.1.1.1", 8081, PORT_UDP, PORT_REFUSED},
		{"2001:db8:1::1", 8081, PORT_UDP, PORT_REFUSED},
		{"2001:db8:99::1", 80, PORT_TCP, PORT_NO_ROUTE},
		{"2001:db8:99::1", 80, PORT_UDP, PORT_NO_ROUTE},
	};
	int tcp = open_socket(network.far, network.near, SOCK_STREAM, 8080);
	int udp = open_socket(network.far, network.near, SOCK_DGRAM, 8080);
	sd_event *event;

	assert_int_equal(sd_event_new(&event), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct check_port_result result =
			check(event, cases[i].target, cases[i].port, cases[i].protocol);

		assert_int_equal(result.state, cases[i].expected);
	}
	sd_event_unref(event);
	close(tcp);
	close(udp);
}

static void test_refuses(void **state)
{
	struct check_port_request request = {
		.target = test_address("1.1.1.1"),
		.port = 80,
		.timeout = USEC_PER_SEC,
		.source = test_address("2001:db8:9::1"),
	};
	struct check_port *checking;
	struct error error;
	sd_event *event;

	assert_int_equal(sd_event_new(&event), 0);
	assert_true(check_port_start(&checking, event, &request, on_done, NULL, &error) < 0);
	assert_string_equal(error.parameter, "source");
	request.source = (struct ip_address){0};
	request.port = 0;
	assert_true(check_port_start(&checking, event, &request, on_done, NULL, &error) < 0);
	assert_string_equal(error.parameter, "port");
	request.port = 80;
	assert_int_equal(check_port_start(&checking, event, &request, on_done, NULL, &error), 0);
	check_port_cancel(checking);
	sd_event_unref(event);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_judge),
		cmocka_unit_test(test_payloads),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_refuses),
	};

	network = test_network_new();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
