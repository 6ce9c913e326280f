#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>

#include "online/dns_message.h"
#include "online/lookup.h"
#include "online_network.h"

/* ---- messages ---- */

static size_t bytes_of_hex(const char *hex, uint8_t *bytes)
{
	size_t length = 0;

	for (; hex[0]; hex++) {
		unsigned byte;

		if (*hex == ' ')
			continue;
		assert_int_equal(sscanf(hex, "%2x", &byte), 1);
		bytes[length++] = (uint8_t)byte;
		hex++;
	}
	return length;
}

/* Header, the question "example.test. TYPE IN" at offset 12, and one answer record. */
static size_t make_answer(uint8_t *buffer, size_t size, uint16_t flags, uint16_t type,
			  const uint8_t *data, size_t length)
{
	struct writer writer = WRITER(buffer, size);

	writer_u16(&writer, 0xbeef);
	writer_u16(&writer, flags);
	writer_u16(&writer, 1);
	writer_u16(&writer, 1);
	writer_u32(&writer, 0);
	writer_put(&writer, "\7example\4test", 14);
	writer_u16(&writer, type);
	writer_u16(&writer, 1);
	writer_u16(&writer, 0xc00c);
	writer_u16(&writer, type);
	writer_u16(&writer, 1);
	writer_u32(&writer, 3600);
	writer_u16(&writer, (uint16_t)length);
	writer_put(&writer, data, length);
	assert_true(writer_ok(&writer));
	return writer.offset;
}

/* c00c is a pointer to "example.test." */
static const struct {
	uint16_t type;
	const char *hex, *json;
} records[] = {
	{DNS_TYPE_A, "c0000201", "{\"address\":\"192.0.2.1\"}"},
	{DNS_TYPE_AAAA, "20010db8000000000000000000000007", "{\"address\":\"2001:db8::7\"}"},
	{DNS_TYPE_CNAME, "03777777c00c", "{\"target\":\"www.example.test.\"}"},
	{DNS_TYPE_NS, "026e7300", "{\"host\":\"ns.\"}"},
	{DNS_TYPE_PTR, "00", "{\"host\":\".\"}"},
	{DNS_TYPE_MX, "000a 046d61696cc00c",
	 "{\"preference\":10,\"exchange\":\"mail.example.test.\"}"},
	{DNS_TYPE_TXT, "0568656c6c6f 00 02ff22",
	 "{\"strings\":[\"hello\",\"\",\"\xef\xbf\xbd\\\"\"]}"},
	{DNS_TYPE_SOA, "026e73c00c 0361646dc00c 00000001 00000002 00000003 00000004 ffffffff",
	 "{\"primary\":\"ns.example.test.\",\"mailbox\":\"adm.example.test.\",\"serial\":1,"
	 "\"refresh\":2,\"retry\":3,\"expire\":4,\"minimum\":4294967295}"},
	{DNS_TYPE_SRV, "0001 0002 01bb c00c",
	 "{\"priority\":1,\"weight\":2,\"port\":443,\"target\":\"example.test.\"}"},
	{DNS_TYPE_CAA, "80 056973737565 6361",
	 "{\"flags\":128,\"tag\":\"issue\",\"value\":\"ca\"}"},
	{DNS_TYPE_HTTPS,
	 "0001 00 0001 0006 02683202 6833 0003 0002 20fb 0004 0004 c0000201"
	 " 0006 0010 20010db8000000000000000000000001 0100 0001 ff",
	 "{\"priority\":1,\"target\":\".\",\"parameters\":{\"alpn\":[\"h2\",\"h3\"],"
	 "\"port\":8443,\"ipv4hint\":[\"192.0.2.1\"],\"ipv6hint\":[\"2001:db8::1\"],"
	 "\"key256\":\"ff\"}}"},
	{DNS_TYPE_SVCB, "0000 c00c",
	 "{\"priority\":0,\"target\":\"example.test.\",\"parameters\":{}}"},
	{DNS_TYPE_DS, "002a 0d 02 c0ffee",
	 "{\"key_tag\":42,\"algorithm\":13,\"digest_type\":2,\"digest\":\"c0ffee\"}"},
	{DNS_TYPE_NSEC, "0161c00c 0006 400000080003",
	 "{\"next\":\"a.example.test.\",\"types\":[\"A\",\"AAAA\",\"RRSIG\",\"NSEC\"]}"},
	{1234, "0102", "{\"hex\":\"0102\"}"},
	{DNS_TYPE_CNAME, "035c2e20c00c", "{\"target\":\"\\\\\\\\\\\\.\\\\032.example.test.\"}"},
};

static void test_records(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
		uint8_t data[256], buffer[512];
		size_t length = bytes_of_hex(records[i].hex, data), size;
		struct dns_message message;
		char name[DNS_NAME_TEXT_MAX];
		json_t *json;
		char *text;

		size = make_answer(buffer, sizeof(buffer), 0x8580, records[i].type, data, length);
		assert_int_equal(dns_message_parse(buffer, size, &message), 0);
		assert_int_equal(message.records_count, 1);
		assert_int_equal(message.flags,
				 DNS_FLAG_QR | DNS_FLAG_AA | DNS_FLAG_RD | DNS_FLAG_RA);
		assert_int_equal(message.records[0].ttl, 3600);
		assert_string_equal(dns_message_name(&message, message.records[0].name, name),
				    "example.test.");
		json = dns_record_to_json(&message, &message.records[0]);
		text = json_dumps(json, JSON_COMPACT);
		assert_string_equal(text, records[i].json);
		free(text);
		json_decref(json);

		/* Nowhere may it be cut. */
		for (size_t cut = 0; cut < size; cut++)
			assert_int_equal(dns_message_parse(buffer, cut, &message), -EBADMSG);
	}
}

static void test_records_malformed(void **state)
{
	static const struct {
		uint16_t type;
		const char *hex;
	} cases[] = {
		{DNS_TYPE_A, "c00002"},
		{DNS_TYPE_A, "c000020101"},
		{DNS_TYPE_A, ""},
		{DNS_TYPE_CNAME, "c0ff"},
		{DNS_TYPE_CNAME, "c02a"}, /* to itself */
		{DNS_TYPE_CNAME, "0161c02a"},
		{DNS_TYPE_CNAME, "40"},
		{DNS_TYPE_CNAME, "0161"},
		{DNS_TYPE_TXT, "0561"},
		{DNS_TYPE_TXT, ""},
		{DNS_TYPE_MX, "00"},
		{DNS_TYPE_HTTPS, "0001000001"},
		{DNS_TYPE_HTTPS, "00010000010005"},
		{DNS_TYPE_NSEC, "000000"},
		{DNS_TYPE_NSEC, "00002101"},
	};
	struct dns_message message;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t data[256], buffer[512];
		size_t length = bytes_of_hex(cases[i].hex, data);
		size_t size =
			make_answer(buffer, sizeof(buffer), 0x8180, cases[i].type, data, length);

		assert_int_equal(dns_message_parse(buffer, size, &message), -EBADMSG);
	}
}

/* Any byte may be any other: the parser says yes or no, and what it accepted can be printed. */
static void test_records_disturbed(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
		uint8_t data[256], buffer[512];
		size_t length = bytes_of_hex(records[i].hex, data);
		size_t size =
			make_answer(buffer, sizeof(buffer), 0x8180, records[i].type, data, length);

		for (size_t at = 0; at < size; at++) {
			static const uint8_t values[] = {0, 1, 0x0c, 0x2a, 0x3f, 0x40, 0xc0, 0xff};
			uint8_t kept = buffer[at];

			for (size_t v = 0; v < ARRAY_SIZE(values); v++) {
				struct dns_message message;

				buffer[at] = values[v];
				if (dns_message_parse(buffer, size, &message) < 0)
					continue;
				for (unsigned r = 0; r < message.records_count; r++)
					json_decref(
						dns_record_to_json(&message, &message.records[r]));
			}
			buffer[at] = kept;
		}
	}
}

static void test_query(void **state)
{
	static const char *const refused[] = {"", "..", ".a", "a..b", "\\", "a\\25", "a\\256"};
	struct dns_query query = {.name = "www.Example.test",
				  .type = DNS_TYPE_A,
				  .id = 7,
				  .recursion = true,
				  .edns_size = 1232,
				  .dnssec = true};
	uint8_t buffer[DNS_QUERY_MAX];
	struct dns_message message;
	char name[DNS_NAME_TEXT_MAX], label[300];
	int size = dns_query_build(&query, buffer);

	assert_true(size > 0);
	assert_int_equal(dns_message_parse(buffer, (size_t)size, &message), 0);
	assert_int_equal(message.id, 7);
	assert_int_equal(message.flags, DNS_FLAG_RD | DNS_FLAG_AD);
	assert_true(message.edns && message.edns_size == 1232 && message.question);
	assert_string_equal(dns_message_name(&message, message.question_name, name),
			    "www.Example.test.");
	query.name = ".";
	assert_true(dns_query_build(&query, buffer) > 0);
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		query.name = refused[i];
		assert_int_equal(dns_query_build(&query, buffer), -EINVAL);
	}
	memset(label, 'a', sizeof(label));
	label[64] = '\0';
	query.name = label;
	assert_int_equal(dns_query_build(&query, buffer), -EINVAL);
	for (size_t i = 0; i < 256; i++)
		label[i] = i % 2 ? '.' : 'a';
	label[254] = '\0'; /* 127 labels: 255 octets */
	assert_true(dns_query_build(&query, buffer) > 0);
	strcpy(label + 253, ".aa"); /* 256 */
	assert_int_equal(dns_query_build(&query, buffer), -EINVAL);
}

static void test_types_and_names(void **state)
{
	char buffer[DNS_NAME_TEXT_MAX];
	struct ip_address address = test_address("192.0.2.7");
	uint16_t type;

	assert_int_equal(dns_type_parse("aaaa", &type), 0);
	assert_int_equal(type, DNS_TYPE_AAAA);
	assert_int_equal(dns_type_parse("TYPE65280", &type), 0);
	assert_int_equal(type, 65280);
	assert_int_equal(dns_type_parse("TYPE65536", &type), -EINVAL);
	assert_int_equal(dns_type_parse("TYPE", &type), -EINVAL);
	assert_int_equal(dns_type_parse("nonsense", &type), -EINVAL);
	assert_string_equal(dns_type_text(65, buffer), "HTTPS");
	assert_string_equal(dns_rcode_text(3), "NXDOMAIN");
	assert_string_equal(dns_rcode_text(999), "unknown");
	assert_string_equal(dns_reverse_name(&address, buffer), "7.2.0.192.in-addr.arpa.");
	address = test_address("2001:db8::1");
	assert_string_equal(dns_reverse_name(&address, buffer),
			    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2."
			    "ip6.arpa.");
}

/* ---- a name server whose answer depends on the first label ---- */

static size_t answer_to(const uint8_t *query, size_t size, uint8_t *buffer, bool tcp)
{
	static const uint8_t address[4] = {192, 0, 2, 80};
	struct dns_message message;
	char name[DNS_NAME_TEXT_MAX];
	uint16_t flags = 0x8180;
	struct writer writer = WRITER(buffer, 65535);
	unsigned answers = 1;
	size_t question;

	if (dns_message_parse(query, size, &message) < 0)
		return 0;
	dns_message_name(&message, message.question_name, name);
	question = strlen(name) + 1 + 4;
	if (strncmp(name, "drop.", 5) == 0)
		return 0;
	if (strncmp(name, "slow.", 5) == 0)
		usleep(60000);
	if (strncmp(name, "nx.", 3) == 0)
		flags |= DNS_NXDOMAIN, answers = 0;
	if (strncmp(name, "fail.", 5) == 0)
		flags |= DNS_SERVFAIL, answers = 0;
	if (strncmp(name, "empty.", 6) == 0)
		answers = 0;
	if (strncmp(name, "tc.", 3) == 0 && !tcp)
		flags |= DNS_FLAG_TC, answers = 0;
	if (strncmp(name, "tc.", 3) == 0 && tcp)
		answers = 300;

	writer_u16(&writer, message.id);
	writer_u16(&writer, flags);
	writer_u16(&writer, 1);
	writer_u16(&writer, (uint16_t)answers);
	writer_u32(&writer, 0);
	writer_put(&writer, query + 12, question);
	for (unsigned i = 0; i < answers; i++) {
		writer_u16(&writer, 0xc00c);
		writer_u16(&writer, DNS_TYPE_A);
		writer_u16(&writer, 1);
		writer_u32(&writer, 60);
		writer_u16(&writer, strncmp(name, "bad.", 4) == 0 ? 400 : 4);
		writer_put(&writer, address, 4);
	}
	return writer.offset;
}

static int listen_on(const char *address, int type)
{
	struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(53)};
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), on = 1;

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	name.sin_addr.s_addr = inet_addr(address);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 8), 0);
	return fd;
}

static void serve_udp(int fd)
{
	struct sockaddr_in from;
	socklen_t length = sizeof(from);
	uint8_t query[2048], buffer[65535];
	ssize_t n = recvfrom(fd, query, sizeof(query), 0, (struct sockaddr *)&from, &length);
	size_t size = n > 0 ? answer_to(query, (size_t)n, buffer, false) : 0;

	if (size > 0)
		(void)!sendto(fd, buffer, size, 0, (struct sockaddr *)&from, length);
}

static void serve_tcp(int listener)
{
	int fd = accept(listener, NULL, NULL);
	uint8_t query[2048], buffer[65535 + 2];
	ssize_t n = recv(fd, query, sizeof(query), 0);
	size_t size = n > 2 ? answer_to(query + 2, (size_t)n - 2, buffer + 2, true) : 0;

	buffer[0] = (uint8_t)(size >> 8);
	buffer[1] = (uint8_t)size;
	if (size > 0) {
		/* In two pieces: the reader has to put them together. */
		(void)!send(fd, buffer, 1, 0);
		usleep(2000);
		(void)!send(fd, buffer + 1, size + 1, 0);
	}
	close(fd);
}

static void *serve(void *userdata)
{
	struct pollfd fds[] = {
		{listen_on("127.0.0.1", SOCK_DGRAM), POLLIN, 0},
		{listen_on("127.0.0.1", SOCK_STREAM), POLLIN, 0},
	};

	pthread_barrier_wait(userdata);
	while (poll(fds, 2, -1) > 0) {
		if (fds[0].revents)
			serve_udp(fds[0].fd);
		if (fds[1].revents)
			serve_tcp(fds[1].fd);
	}
	return NULL;
}

/* The second server gives the first one's answers, without its vices. */
static void *serve_well(void *userdata)
{
	int fd = listen_on("127.0.0.2", SOCK_DGRAM);
	uint8_t query[2048], buffer[2048];

	pthread_barrier_wait(userdata);
	for (;;) {
		struct sockaddr_in from;
		socklen_t length = sizeof(from);
		ssize_t n =
			recvfrom(fd, query, sizeof(query), 0, (struct sockaddr *)&from, &length);
		size_t size;

		if (n < 20)
			continue;
		/* A first label in other case has no meaning to answer_to(). */
		query[13] ^= 0x20;
		size = answer_to(query, (size_t)n, buffer, false);
		buffer[13] ^= 0x20;
		if (size > 0)
			(void)!sendto(fd, buffer, size, 0, (struct sockaddr *)&from, length);
	}
	return NULL;
}

/* ---- asking ---- */

struct outcome {
	bool done;
	int r;
	struct error error;
	bool answered, tcp;
	unsigned records, answers, servers_asked;
	usec_t latency, duration;
	char server[IP_ADDRESS_TEXT_MAX];
	json_t *json;
};

static void on_done(int r, const struct lookup_result *result, const struct error *error,
		    void *userdata)
{
	struct outcome *outcome = userdata;

	assert_false(outcome->done);
	outcome->done = true;
	outcome->r = r;
	outcome->error = *error;
	outcome->answered = result->answered;
	outcome->tcp = result->tcp;
	outcome->servers_asked = result->servers_asked;
	outcome->latency = result->latency;
	outcome->duration = result->duration;
	outcome->json = lookup_result_to_json(result);
	if (result->answered) {
		outcome->records = result->message.records_count;
		outcome->answers = result->message.section_count[DNS_ANSWER];
		ip_address_print(&result->server, outcome->server);
	}
}

static void look_up(const char *name, const char *server, const char *second, usec_t timeout,
		    struct outcome *ret)
{
	struct lookup_request request = lookup_request_default(name, DNS_TYPE_A);
	struct lookup *lookup;
	struct error error = {0};
	sd_event *event;

	request.timeout = timeout;
	request.servers[request.servers_count++] = test_address(server);
	if (second)
		request.servers[request.servers_count++] = test_address(second);
	memset(ret, 0, sizeof(*ret));
	assert_int_equal(sd_event_new(&event), 0);
	assert_int_equal(lookup_start(&lookup, event, &request, on_done, ret, &error), 0);
	assert_false(ret->done);
	test_loop(event, &ret->done);
	json_decref(ret->json);
	sd_event_unref(event);
}

#define SHORT (300 * USEC_PER_MSEC)
#define LONG  (3 * USEC_PER_SEC)

static void test_answered(void **state)
{
	struct outcome outcome;

	look_up("ok.test", "127.0.0.1", NULL, LONG, &outcome);
	assert_int_equal(outcome.r, 0);
	assert_true(outcome.answered && !outcome.tcp);
	assert_int_equal(outcome.records, 1);
	assert_string_equal(outcome.server, "127.0.0.1");
	assert_true(outcome.latency > 0 && outcome.latency < LONG / 2);
	look_up("slow.test", "127.0.0.1", NULL, LONG, &outcome);
	assert_int_equal(outcome.r, 0);
	assert_true(outcome.latency >= 60 * USEC_PER_MSEC);
	look_up("empty.test", "127.0.0.1", NULL, LONG, &outcome);
	assert_int_equal(outcome.r, 0);
	assert_int_equal(outcome.records, 0);
}

static void test_truncated_goes_tcp(void **state)
{
	struct outcome outcome;

	look_up("tc.test", "127.0.0.1", NULL, LONG, &outcome);
	assert_int_equal(outcome.r, 0);
	assert_true(outcome.tcp);
	assert_int_equal(outcome.answers, 300);
	assert_int_equal(outcome.records, DNS_RECORDS_MAX);
}

static void test_failures(void **state)
{
	static const struct {
		const char *name, *server;
		enum error_code code;
		bool answered;
	} cases[] = {
		{"nx.test", "127.0.0.1", ERROR_NAME_NOT_FOUND, true},
		{"fail.test", "127.0.0.1", ERROR_DNS_FAILED, true},
		{"bad.test", "127.0.0.1", ERROR_DNS_FAILED, false},
		{"drop.test", "127.0.0.1", ERROR_TIMEOUT, false},
		{"ok.test", "127.0.0.9", ERROR_DNS_FAILED, false},
		{"ok.test", "203.0.113.1", ERROR_TIMEOUT, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct outcome outcome;

		look_up(cases[i].name, cases[i].server, NULL, SHORT, &outcome);
		assert_true(outcome.r < 0);
		assert_int_equal(outcome.error.code, cases[i].code);
		assert_int_equal(outcome.answered, cases[i].answered);
		assert_true(outcome.duration < SHORT + 200 * USEC_PER_MSEC);
	}
}

static void test_second_server(void **state)
{
	struct outcome outcome;

	/* The first says something that is none, or nothing, or is not there. */
	look_up("fail.test", "127.0.0.1", "127.0.0.2", LONG, &outcome);
	assert_int_equal(outcome.r, 0);
	assert_string_equal(outcome.server, "127.0.0.2");
	assert_true(outcome.duration < LOOKUP_HEDGE);
	look_up("ok.test", "127.0.0.9", "127.0.0.2", LONG, &outcome);
	assert_int_equal(outcome.r, 0);
	assert_true(outcome.duration < LOOKUP_HEDGE);
	look_up("drop.test", "127.0.0.1", "127.0.0.2", LONG, &outcome);
	assert_int_equal(outcome.r, 0);
	assert_true(outcome.duration >= LOOKUP_HEDGE && outcome.duration < LONG / 2);
	assert_int_equal(outcome.servers_asked, 2);
	/* "No such name" is an answer: the second is not asked. */
	look_up("nx.test", "127.0.0.1", "127.0.0.2", LONG, &outcome);
	assert_int_equal(outcome.error.code, ERROR_NAME_NOT_FOUND);
	assert_int_equal(outcome.servers_asked, 1);
}

static void test_start_refuses(void **state)
{
	struct lookup_request request = lookup_request_default("a..b", DNS_TYPE_A);
	struct lookup *lookup;
	struct error error;
	sd_event *event;
	char name[400];

	assert_int_equal(sd_event_new(&event), 0);
	assert_true(lookup_start(&lookup, event, &request, on_done, NULL, &error) < 0);
	assert_int_equal(error.code, ERROR_PARAMETER_MISSING);
	request.servers[request.servers_count++] = test_address("127.0.0.1");
	assert_true(lookup_start(&lookup, event, &request, on_done, NULL, &error) < 0);
	assert_int_equal(error.code, ERROR_NAME_INVALID);
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	request = lookup_request_default(name, DNS_TYPE_A);
	request.servers[request.servers_count++] = test_address("127.0.0.1");
	assert_true(lookup_start(&lookup, event, &request, on_done, NULL, &error) < 0);
	assert_int_equal(error.code, ERROR_NAME_INVALID);
	sd_event_unref(event);
}

static void test_cancel(void **state)
{
	struct lookup_request request = lookup_request_default("drop.test", DNS_TYPE_A);
	struct outcome outcome = {0};
	struct lookup *lookup;
	sd_event *event;

	request.servers[request.servers_count++] = test_address("127.0.0.1");
	assert_int_equal(sd_event_new(&event), 0);
	assert_int_equal(lookup_start(&lookup, event, &request, on_done, &outcome, NULL), 0);
	assert_true(sd_event_run(event, 10 * USEC_PER_MSEC) >= 0);
	lookup_cancel(lookup);
	assert_true(sd_event_run(event, 10 * USEC_PER_MSEC) >= 0);
	assert_false(outcome.done);
	sd_event_unref(event);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_records_malformed),
		cmocka_unit_test(test_records_disturbed),
		cmocka_unit_test(test_query),
		cmocka_unit_test(test_types_and_names),
		cmocka_unit_test(test_answered),
		cmocka_unit_test(test_truncated_goes_tcp),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_second_server),
		cmocka_unit_test(test_start_refuses),
		cmocka_unit_test(test_cancel),
	};
	pthread_barrier_t ready;
	pthread_t thread;

	test_network_new();
	/* An address from which nothing comes back. */
	test_run("ip route add 203.0.113.0/24 dev v0");
	pthread_barrier_init(&ready, NULL, 3);
	pthread_create(&thread, NULL, serve, &ready);
	pthread_create(&thread, NULL, serve_well, &ready);
	pthread_barrier_wait(&ready);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
