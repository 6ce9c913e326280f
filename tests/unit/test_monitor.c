#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <netinet/tcp.h>

#include "monitor/monitor.h"
#include "online_network.h"

#define STATE(state) (1u << (state))

/* ---- one message ---- */

struct diag_message {
	struct nlmsghdr header;
	struct inet_diag_msg diag;
};

static struct diag_message diag_message_of(uint8_t family, uint8_t state)
{
	struct diag_message message = {
		.header = {.nlmsg_len = sizeof(message)},
		.diag = {.idiag_family = family, .idiag_state = state, .idiag_uid = 7},
	};

	message.diag.id.idiag_sport = htons(22);
	message.diag.id.idiag_dport = htons(40000);
	return message;
}

static void test_parse(void **state)
{
	struct diag_message message = diag_message_of(AF_INET6, TCP_ESTABLISHED);
	char text[IP_ADDRESS_TEXT_MAX];
	struct connection connection;

	message.diag.id.idiag_src[2] = htonl(0xffff);
	message.diag.id.idiag_src[3] = htonl(0xc0000201);
	message.diag.id.idiag_dst[0] = htonl(0x20010db8);
	assert_int_equal(connection_parse(&message.header, CONNECTION_TCP, &connection), 0);
	assert_string_equal(ip_address_print(&connection.local, text), "192.0.2.1");
	assert_string_equal(ip_address_print(&connection.remote, text), "2001:db8::");
	assert_int_equal(connection.local_port, 22);
	assert_int_equal(connection.uid, 7);
	assert_false(connection.has_tcp);
	message.header.nlmsg_len--;
	assert_int_equal(connection_parse(&message.header, CONNECTION_TCP, &connection), -EBADMSG);
	message = diag_message_of(AF_UNIX, TCP_ESTABLISHED);
	assert_int_equal(connection_parse(&message.header, CONNECTION_TCP, &connection), -EBADMSG);
}

static void test_states(void **state)
{
	struct connection connection = {.protocol = CONNECTION_TCP};

	for (connection.state = 1; connection.state < 12; connection.state++)
		assert_int_equal(connection_state_parse(connection_state_text(&connection)),
				 connection.state);
	connection.state = 99;
	assert_string_equal(connection_state_text(&connection), "unknown");
	assert_int_equal(connection_state_parse("nonsense"), -EINVAL);
	connection.protocol = CONNECTION_UDP;
	connection.state = TCP_CLOSE;
	assert_string_equal(connection_state_text(&connection), "unconnected");
}

static void test_matches(void **state)
{
	struct connection connection = {
		.protocol = CONNECTION_TCP,
		.family = AF_INET,
		.state = TCP_ESTABLISHED,
		.local = test_address("192.0.2.1"),
		.remote = test_address("198.51.100.7"),
		.local_port = 22,
		.remote_port = 40000,
		.uid = 5,
	};
	struct connection_filter filter = {0};

	assert_true(connection_matches(&connection, &filter));
	filter.port = 40000;
	assert_true(connection_matches(&connection, &filter));
	filter.port = 23;
	assert_false(connection_matches(&connection, &filter));
	filter.port = 22;
	assert_int_equal(ip_prefix_parse("198.51.100.0/24", &filter.address, NULL, NULL), 0);
	assert_true(connection_matches(&connection, &filter));
	assert_int_equal(ip_prefix_parse("203.0.113.0/24", &filter.address, NULL, NULL), 0);
	assert_false(connection_matches(&connection, &filter));
	filter = (struct connection_filter){.has_uid = true};
	assert_false(connection_matches(&connection, &filter));
	filter = (struct connection_filter){.states = STATE(TCP_LISTEN)};
	assert_false(connection_matches(&connection, &filter));
	filter = (struct connection_filter){.protocols = 1u << CONNECTION_UDP};
	assert_false(connection_matches(&connection, &filter));
}

/* ---- the kernel's sockets ---- */

struct listed {
	bool done;
	int r;
	struct error error;
	size_t count, matched, seen;
	struct connection first;
	json_t *json; /* of the first */
};

static void on_connections(int r, const struct connections_result *result,
			   const struct error *error, void *userdata)
{
	struct listed *outcome = userdata;

	assert_false(outcome->done);
	outcome->done = true;
	outcome->r = r;
	outcome->error = *error;
	outcome->count = result->count;
	outcome->matched = result->matched;
	outcome->seen = result->seen;
	if (result->count > 0) {
		outcome->first = result->connections[0];
		outcome->json = connection_to_json(&outcome->first);
	}
}

static void list(struct connection_filter filter, struct listed *ret)
{
	struct connections_query *query;
	sd_event *event;

	memset(ret, 0, sizeof(*ret));
	filter.limit = filter.limit ?: CONNECTIONS_MAX;
	assert_int_equal(sd_event_new(&event), 0);
	assert_int_equal(connections_start(&query, event, &filter, 5 * USEC_PER_SEC, on_connections,
					   ret, NULL),
			 0);
	test_loop(event, &ret->done);
	assert_int_equal(ret->r, 0);
	sd_event_unref(event);
}

static int open_listener(int family, uint16_t port)
{
	struct sockaddr_in6 address = {.sin6_family = (sa_family_t)family,
				       .sin6_port = htons(port)};
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 100), 0);
	return fd;
}

static int open_client(const char *target, uint16_t port, int type)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = inet_addr(target);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void test_nothing(void **state)
{
	struct listed outcome;

	list((struct connection_filter){.owners = true}, &outcome);
	assert_int_equal(outcome.count, 0);
	assert_int_equal(outcome.seen, 0);
}

static void test_connections(void **state)
{
	int listener = open_listener(AF_INET6, 8080), client, server, udp;
	struct listed outcome;

	client = open_client("127.0.0.1", 8080, SOCK_STREAM);
	server = accept(listener, NULL, NULL);
	udp = open_client("127.0.0.1", 53, SOCK_DGRAM);
	assert_int_equal(send(client, "hello", 5, 0), 5);

	list((struct connection_filter){0}, &outcome);
	assert_int_equal(outcome.count, 4);
	json_decref(outcome.json);

	list((struct connection_filter){.states = STATE(TCP_LISTEN), .owners = true}, &outcome);
	assert_int_equal(outcome.count, 1);
	assert_int_equal(outcome.first.local_port, 8080);
	assert_int_equal(outcome.first.pid, getpid());
	assert_string_equal(outcome.first.comm, "test_monitor");
	assert_null(json_object_get(outcome.json, "remote_port"));
	assert_int_equal(json_member_integer(outcome.json, "pid", 0), getpid());
	json_decref(outcome.json);

	/* The IPv6 socket that carries IPv4: bytes wait in it. */
	list((struct connection_filter){.family = AF_INET6, .states = STATE(TCP_ESTABLISHED)},
	     &outcome);
	assert_int_equal(outcome.count, 1);
	assert_int_equal(outcome.first.local.family, AF_INET);
	assert_int_equal(outcome.first.receive_queue, 5);
	assert_int_equal(outcome.first.bytes_received, 5);
	assert_int_equal(outcome.first.pid, 0);
	json_decref(outcome.json);

	list((struct connection_filter){.family = AF_INET,
					.states = STATE(TCP_ESTABLISHED),
					.protocols = 1u << CONNECTION_TCP},
	     &outcome);
	assert_int_equal(outcome.count, 1);
	assert_true(outcome.first.has_tcp && outcome.first.rtt > 0);
	assert_int_equal(outcome.first.uid, getuid());
	json_decref(outcome.json);

	list((struct connection_filter){.protocols = 1u << CONNECTION_UDP, .port = 53}, &outcome);
	assert_int_equal(outcome.count, 1);
	assert_string_equal(connection_state_text(&outcome.first), "established");
	json_decref(outcome.json);

	list((struct connection_filter){.pid = (uint32_t)getpid(), .limit = 2}, &outcome);
	assert_int_equal(outcome.count, 2);
	assert_int_equal(outcome.matched, 4);
	json_decref(outcome.json);
	list((struct connection_filter){.pid = 1}, &outcome);
	assert_int_equal(outcome.count, 0);

	close(listener);
	close(client);
	close(server);
	close(udp);
}

static void test_limit_and_many(void **state)
{
	int listener = open_listener(AF_INET6, 8081), clients[50];
	struct listed outcome;

	for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
		clients[i] = open_client("127.0.0.1", 8081, SOCK_STREAM);
	list((struct connection_filter){.port = 8081, .limit = 10}, &outcome);
	assert_int_equal(outcome.count, 10);
	/* Both ends, those not yet accepted included, and the listener. */
	assert_int_equal(outcome.matched, 101);
	json_decref(outcome.json);
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
		close(clients[i]);
	close(listener);
}

static void test_refused_and_cancelled(void **state)
{
	struct connection_filter filter = {.limit = 0};
	struct connections_query *query;
	struct listed outcome = {0};
	struct error error;
	sd_event *event;

	assert_int_equal(sd_event_new(&event), 0);
	assert_true(connections_start(&query, event, &filter, USEC_PER_SEC, on_connections,
				      &outcome, &error) < 0);
	assert_int_equal(error.code, ERROR_PARAMETER_RANGE);
	filter.limit = 1;
	assert_int_equal(connections_start(&query, event, &filter, USEC_PER_SEC, on_connections,
					   &outcome, &error),
			 0);
	connections_cancel(query);
	assert_true(sd_event_run(event, 10 * USEC_PER_MSEC) >= 0);
	assert_false(outcome.done);
	sd_event_unref(event);
}

/* ---- bandwidth ---- */

struct measured {
	bool done;
	int r;
	size_t count;
	usec_t window;
	struct bandwidth link; /* the loopback */
};

static void on_bandwidth(int r, const struct bandwidth_result *result, const struct error *error,
			 void *userdata)
{
	struct measured *measured = userdata;

	measured->done = true;
	measured->r = r;
	measured->count = result->count;
	measured->window = result->window;
	for (size_t i = 0; i < result->count; i++)
		if (result->links[i].link == 1)
			measured->link = result->links[i];
}

static void test_bandwidth(void **state)
{
	int fd = open_client("127.0.0.1", 9, SOCK_DGRAM);
	struct measured measured = {0};
	struct bandwidth_query *query;
	const char data[972] = {0};
	json_t *json, *way;
	sd_event *event;

	assert_int_equal(sd_event_new(&event), 0);
	assert_int_equal(bandwidth_start(&query, event, 0, 100 * USEC_PER_MSEC, on_bandwidth,
					 &measured, NULL),
			 0);
	assert_true(sd_event_run(event, 0) >= 0);
	/* 100 packets of 1000 bytes with their headers; each is answered by an ICMP error. */
	for (int i = 0; i < 100; i++)
		(void)!send(fd, data, sizeof(data), MSG_DONTWAIT);
	test_loop(event, &measured.done);
	assert_int_equal(measured.r, 0);
	assert_int_equal(measured.count, 2); /* lo and v0 */
	assert_true(measured.window >= 100 * USEC_PER_MSEC);
	/* A send that meets the error of an earlier one sends nothing. */
	assert_true(measured.link.difference.transmit_packets >= 50);
	assert_true(measured.link.transmit_bits > 50 * 1000 * 8);
	assert_true(measured.link.transmit_bits <=
		    (double)measured.link.difference.transmit_bytes * 8 * 10);
	json = bandwidth_to_json(&measured.link, 10);
	way = json_object_get(json, "transmit");
	assert_true(json_number_value(json_object_get(way, "utilisation_percent")) > 0);
	json_decref(json);
	assert_true(bandwidth_utilisation(5e6, 10) == 0.5);
	assert_true(bandwidth_utilisation(5e6, 0) == -1);

	memset(&measured, 0, sizeof(measured));
	assert_int_equal(bandwidth_start(&query, event, 1, BANDWIDTH_WINDOW_MIN, on_bandwidth,
					 &measured, NULL),
			 0);
	test_loop(event, &measured.done);
	assert_int_equal(measured.count, 1);
	assert_true(bandwidth_start(&query, event, 1, 1, on_bandwidth, &measured, NULL) < 0);
	sd_event_unref(event);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_matches),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_connections),
		cmocka_unit_test(test_limit_and_many),
		cmocka_unit_test(test_refused_and_cancelled),
		cmocka_unit_test(test_bandwidth),
	};

	test_network_new();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
