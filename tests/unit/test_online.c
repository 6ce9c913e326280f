#include <arpa/inet.h>
#include <pthread.h>

#include "online/online.h"
#include "online_network.h"

#define START(probe)  ((unsigned)VERIFIER_START << (probe))
#define CANCEL(probe) ((unsigned)VERIFIER_CANCEL << (probe))
#define BEGIN	      (START(VERIFIER_PING) | START(VERIFIER_LOOKUP))

#define T0 (1000 * USEC_PER_SEC)

static struct verifier_network network_of(const char *gateway, unsigned servers)
{
	struct verifier_network network = {.servers_count = servers};

	if (gateway) {
		network.route = true;
		network.link = 2;
		network.gateway = test_address(gateway);
	}
	for (unsigned i = 0; i < servers; i++)
		network.servers[i] = test_address("192.0.2.53");
	return network;
}

static unsigned see(struct verifier *verifier, const char *gateway, unsigned servers, usec_t now)
{
	struct verifier_network network = network_of(gateway, servers);

	return verifier_network_seen(verifier, &network, now);
}

static unsigned end(struct verifier *verifier, enum verifier_probe probe, bool good, usec_t now)
{
	return verifier_probe_ended(verifier, probe, good ? VERDICT_GOOD : VERDICT_BAD, now);
}

/* A machine that is online since T0. */
static struct verifier online(void)
{
	struct verifier verifier;

	verifier_init(&verifier, T0);
	assert_int_equal(see(&verifier, "192.0.2.1", 1, T0), BEGIN);
	assert_int_equal(end(&verifier, VERIFIER_PING, true, T0 + 1), 0);
	assert_int_equal(end(&verifier, VERIFIER_LOOKUP, true, T0 + 2), VERIFIER_REPORT);
	assert_int_equal(verifier.state, ONLINE_YES);
	return verifier;
}

static void test_starts_with_the_route(void **state)
{
	struct verifier verifier;

	verifier_init(&verifier, T0);
	assert_int_equal(see(&verifier, NULL, 0, T0), 0);
	assert_int_equal(see(&verifier, NULL, 1, T0), 0);
	assert_int_equal(see(&verifier, "192.0.2.1", 1, T0 + 1), BEGIN);
	assert_int_equal(verifier.deadline, USEC_INFINITY);
	/* The same seen again changes nothing. */
	assert_int_equal(see(&verifier, "192.0.2.1", 1, T0 + 2), 0);
}

static void test_resolver_after_route(void **state)
{
	struct verifier verifier;

	verifier_init(&verifier, T0);
	assert_int_equal(see(&verifier, "192.0.2.1", 0, T0), START(VERIFIER_PING));
	/* At once, and the echo goes on. */
	assert_int_equal(see(&verifier, "192.0.2.1", 1, T0 + 1), START(VERIFIER_LOOKUP));
	assert_int_equal(end(&verifier, VERIFIER_PING, true, T0 + 2), 0);
	assert_int_equal(end(&verifier, VERIFIER_LOOKUP, true, T0 + 3), VERIFIER_REPORT);
	assert_int_equal(verifier.state, ONLINE_YES);
}

static void test_no_resolver(void **state)
{
	struct verifier verifier;

	verifier_init(&verifier, T0);
	see(&verifier, "192.0.2.1", 0, T0);
	assert_int_equal(end(&verifier, VERIFIER_PING, true, T0 + 2), VERIFIER_REPORT);
	assert_int_equal(verifier.state, ONLINE_PARTIAL);
	assert_int_equal(verifier.reason, REASON_NO_SERVERS);
	assert_int_equal(see(&verifier, "192.0.2.1", 1, T0 + USEC_PER_SEC), BEGIN);
}

static void test_grace_then_offline(void **state)
{
	struct verifier verifier;

	verifier_init(&verifier, T0);
	see(&verifier, NULL, 0, T0);
	assert_int_equal(verifier.deadline, T0 + VERIFIER_GRACE);
	assert_int_equal(verifier_elapsed(&verifier, verifier.deadline - 1), 0);
	assert_int_equal(verifier_elapsed(&verifier, verifier.deadline), START(VERIFIER_PING));
	assert_int_equal(verifier_probe_ended(&verifier, VERIFIER_PING, VERDICT_NO_ROUTE, T0),
			 VERIFIER_REPORT);
	assert_int_equal(verifier.state, ONLINE_NO);
	assert_int_equal(verifier.reason, REASON_NO_ROUTE);
}

static void test_backs_off(void **state)
{
	struct verifier verifier;
	usec_t now = T0, expected = VERIFIER_RETRY;

	verifier_init(&verifier, now);
	assert_int_equal(see(&verifier, "192.0.2.1", 1, now), BEGIN);
	for (unsigned i = 0; i < 20; i++) {
		end(&verifier, VERIFIER_LOOKUP, false, now);
		assert_int_equal(end(&verifier, VERIFIER_PING, false, now),
				 START(VERIFIER_GATEWAY));
		assert_int_equal(end(&verifier, VERIFIER_GATEWAY, false, now),
				 i == 0 ? VERIFIER_REPORT : 0);
		assert_int_equal(verifier.reason, REASON_GATEWAY_SILENT);
		assert_int_equal(verifier.deadline - now, MIN(expected, VERIFIER_RETRY_MAX));
		expected *= 2;
		now = verifier.deadline;
		assert_int_equal(verifier_elapsed(&verifier, now), BEGIN);
	}
	/* Back online: the period, and the next trouble begins with short waits again. */
	end(&verifier, VERIFIER_PING, true, now);
	assert_int_equal(end(&verifier, VERIFIER_LOOKUP, true, now), VERIFIER_REPORT);
	assert_int_equal(verifier.deadline - now, VERIFIER_PERIOD);
	verifier_elapsed(&verifier, verifier.deadline);
	end(&verifier, VERIFIER_PING, true, now);
	assert_int_equal(end(&verifier, VERIFIER_LOOKUP, false, now), VERIFIER_REPORT);
	assert_int_equal(verifier.deadline - now, VERIFIER_RETRY);
}

static void test_reasons(void **state)
{
	static const struct {
		bool ping, lookup;
		int gateway; /* -1: there is none */
		enum verifier_reason reason;
		enum online_state state;
	} cases[] = {
		{true, true, 1, REASON_NONE, ONLINE_YES},
		{true, false, 1, REASON_LOOKUP_BAD, ONLINE_PARTIAL},
		{false, true, 0, REASON_ECHO_ONLY_BAD, ONLINE_PARTIAL},
		{false, true, 1, REASON_ECHO_ONLY_BAD, ONLINE_PARTIAL},
		{false, false, 1, REASON_BEYOND_GATEWAY, ONLINE_NO},
		{false, false, 0, REASON_GATEWAY_SILENT, ONLINE_NO},
		{false, false, -1, REASON_TARGET_SILENT, ONLINE_NO},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct verifier_network network = network_of("192.0.2.1", 1);
		struct verifier verifier;

		if (cases[i].gateway < 0)
			network.gateway = (struct ip_address){0};
		verifier_init(&verifier, T0);
		verifier_network_seen(&verifier, &network, T0);
		end(&verifier, VERIFIER_PING, cases[i].ping, T0);
		if (verifier.verdicts[VERIFIER_GATEWAY] == VERDICT_RUNNING)
			end(&verifier, VERIFIER_GATEWAY, cases[i].gateway == 1, T0);
		assert_int_equal(verifier.state, ONLINE_UNKNOWN);
		end(&verifier, VERIFIER_LOOKUP, cases[i].lookup, T0);
		assert_int_equal(verifier.reason, cases[i].reason);
		assert_int_equal(verifier.state, cases[i].state);
	}
}

static void test_route_lost(void **state)
{
	struct verifier verifier = online();

	assert_int_equal(see(&verifier, NULL, 1, T0 + USEC_PER_SEC), BEGIN);
	/* The kernel refuses the echo: the look-up is called off, and that is the verdict. */
	assert_int_equal(verifier_probe_ended(&verifier, VERIFIER_PING, VERDICT_NO_ROUTE,
					      T0 + USEC_PER_SEC),
			 CANCEL(VERIFIER_LOOKUP) | VERIFIER_REPORT);
	assert_int_equal(verifier.state, ONLINE_NO);
	assert_int_equal(see(&verifier, "192.0.2.1", 1, T0 + 2 * USEC_PER_SEC), BEGIN);
}

static void test_failover_verifies_at_once(void **state)
{
	struct verifier verifier = online();
	usec_t now = T0 + 10 * USEC_PER_SEC;

	assert_int_equal(see(&verifier, "198.51.100.1", 1, now), BEGIN);
	end(&verifier, VERIFIER_PING, true, now + 5);
	/* Still online: nothing to report. */
	assert_int_equal(end(&verifier, VERIFIER_LOOKUP, true, now + 5), 0);
}

static void test_flapping_is_bounded(void **state)
{
	struct verifier verifier = online();
	unsigned begun = 0;

	for (usec_t now = T0 + USEC_PER_SEC; now < T0 + 2 * USEC_PER_SEC; now += 100) {
		unsigned actions = see(&verifier, now / 100 % 2 ? "192.0.2.1" : NULL, 1, now);

		actions |= verifier_elapsed(&verifier, now);
		begun += actions & START(VERIFIER_PING) ? 1 : 0;
	}
	assert_true(begun >= 9 && begun <= 11);
}

static void test_old_news_is_not_told(void **state)
{
	struct verifier verifier = online();
	usec_t now = T0 + USEC_PER_SEC;

	assert_int_equal(see(&verifier, NULL, 1, now), BEGIN);
	assert_int_equal(see(&verifier, "192.0.2.2", 1, now + 10), 0);
	assert_int_equal(verifier_probe_ended(&verifier, VERIFIER_PING, VERDICT_NO_ROUTE, now + 20),
			 CANCEL(VERIFIER_LOOKUP));
	assert_int_equal(verifier.state, ONLINE_YES);
	assert_int_equal(verifier_elapsed(&verifier, now + VERIFIER_GAP), BEGIN);
}

static void test_change_while_verifying(void **state)
{
	struct verifier verifier;

	verifier_init(&verifier, T0);
	see(&verifier, "192.0.2.1", 1, T0);
	/* Within the gap: later, but then anew, even when this one ends well. */
	assert_int_equal(see(&verifier, "192.0.2.2", 1, T0 + 10), 0);
	end(&verifier, VERIFIER_PING, true, T0 + 20);
	end(&verifier, VERIFIER_LOOKUP, true, T0 + 20);
	assert_int_equal(verifier.deadline, T0 + VERIFIER_GAP);
	assert_int_equal(verifier_elapsed(&verifier, T0 + VERIFIER_GAP), BEGIN);
	/* After the gap a running one is begun anew, its gateway probe called off. */
	end(&verifier, VERIFIER_PING, false, T0 + VERIFIER_GAP);
	assert_int_equal(see(&verifier, "192.0.2.3", 1, T0 + 3 * VERIFIER_GAP),
			 BEGIN | CANCEL(VERIFIER_GATEWAY));
}

/* ---- the service, on a core of its own ---- */

static struct test_network network;

/* Answers every question with one address, until the test ends. */
static void *serve_names(void *userdata)
{
	struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(53)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	name.sin_addr.s_addr = inet_addr("127.0.0.1");
	if (bind(fd, (struct sockaddr *)&name, sizeof(name)) < 0)
		abort();
	pthread_barrier_wait(userdata);
	for (;;) {
		static const uint8_t answer[] = {0xc0, 12, 0, 1, 0,   1, 0, 0,
						 0,    9,  0, 4, 192, 0, 2, 1};
		struct sockaddr_in from;
		socklen_t length = sizeof(from);
		uint8_t message[512 + sizeof(answer)];
		ssize_t n = recvfrom(fd, message, 512, 0, (struct sockaddr *)&from, &length);

		if (n < 12 + 11)
			continue;
		n -= 11; /* the OPT record at its end */
		message[2] |= 0x80;
		message[7] = 1;
		message[11] = 0;
		memcpy(message + n, answer, sizeof(answer));
		(void)!sendto(fd, message, (size_t)n + sizeof(answer), 0, (struct sockaddr *)&from,
			      length);
	}
	return NULL;
}

struct host {
	char directory[64];
	sd_event *event;
	struct core *core;
	struct online_service *online;
	struct ip_address server;
};

static unsigned host_servers(void *userdata, struct ip_address *ret, unsigned max)
{
	const struct host *host = userdata;

	if (!ip_address_is_set(&host->server))
		return 0;
	ret[0] = host->server;
	return 1;
}

static int host_open(void **state)
{
	struct host *host = calloc(1, sizeof(*host));
	struct core_config config = {.state_directory = host->directory};
	struct online_config online = {.ping_target = test_address("1.1.1.1"),
				       .lookup_name = "api.anthropic.com"};

	strcpy(host->directory, "/tmp/aiosnet-test-XXXXXX");
	assert_non_null(mkdtemp(host->directory));
	host->server = test_address("127.0.0.1");
	assert_int_equal(sd_event_new(&host->event), 0);
	assert_int_equal(core_new(&host->core, host->event, &config, NULL), 0);
	assert_int_equal(core_start(host->core, NULL), 0);
	assert_int_equal(online_service_new(&host->online, host->core, &online, host_servers, host),
			 0);
	*state = host;
	return 0;
}

static int host_close(void **state)
{
	static const char *const files[] = {"aiosnet.db", "aiosnet.db-wal", "aiosnet.db-shm"};
	struct host *host = *state;
	char path[128];

	online_service_free(host->online);
	core_free(host->core);
	sd_event_unref(host->event);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", host->directory, files[i]);
		unlink(path);
	}
	rmdir(host->directory);
	free(host);
	return 0;
}

static void wait_for(struct host *host, enum online_state state)
{
	usec_t end = clock_boottime_usec() + 10 * USEC_PER_SEC;

	while (online_service_report(host->online)->state != state && clock_boottime_usec() < end)
		assert_true(sd_event_run(host->event, 100 * USEC_PER_MSEC) >= 0);
	assert_int_equal(online_service_report(host->online)->state, state);
}

/* The last event that tells of the state: its sentence. */
static const char *last_sentence(const struct host *host, const char *kind)
{
	const struct event_record *event = NULL, *found = NULL;

	while ((event = core_event_after(host->core, event ? event->sequence : 0)))
		if (strncmp(event->kind, "online.", 7) == 0)
			found = event;
	assert_non_null(found);
	assert_string_equal(found->kind, kind);
	return found->message;
}

static void test_service_online_and_back(void **state)
{
	struct host *host = *state;
	const struct online_report *report = online_service_report(host->online);

	wait_for(host, ONLINE_YES);
	assert_true(report->ping_ok && report->lookup_ok && report->first_online > 0);
	assert_non_null(strstr(last_sentence(host, "online.yes"), "online after "));
	assert_string_equal(report->detail, "");

	test_run("ip route del default");
	wait_for(host, ONLINE_NO);
	assert_string_equal(last_sentence(host, "online.no"), "offline: there is no default route");
	test_run("ip route add default via 10.9.0.2");
	wait_for(host, ONLINE_YES);
	assert_non_null(strstr(last_sentence(host, "online.yes"), "online again after "));
}

static void test_service_starts_with_the_route(void **state)
{
	struct host *host = *state;
	usec_t start;

	wait_for(host, ONLINE_YES);
	test_run("ip route del default");
	wait_for(host, ONLINE_NO);
	usleep(150000);
	test_run("ip route add default via 10.9.0.2");
	start = clock_boottime_usec();
	wait_for(host, ONLINE_YES);
	/* Far less than the back-off of 200 ms: the route itself started it. */
	assert_true(clock_boottime_usec() - start < 100 * USEC_PER_MSEC);
}

static void test_service_resolver(void **state)
{
	struct host *host = *state;

	host->server = test_address("127.0.0.9");
	wait_for(host, ONLINE_PARTIAL);
	assert_non_null(strstr(last_sentence(host, "online.partial"), "names do not resolve"));
	host->server = (struct ip_address){0};
	core_publish(host->core, "test.changed", NULL, "the resolver is gone");
	assert_true(sd_event_run(host->event, 0) >= 0);
	usleep(20000);
	for (int i = 0; i < 20; i++)
		assert_true(sd_event_run(host->event, 20 * USEC_PER_MSEC) >= 0);
	assert_non_null(strstr(online_service_report(host->online)->detail, "no name server"));
	host->server = test_address("127.0.0.1");
	core_publish(host->core, "test.changed", NULL, "the resolver is back");
	wait_for(host, ONLINE_YES);
}

static void test_service_dead_gateway(void **state)
{
	struct host *host = *state;

	/* An address that nobody has. */
	test_run("ip route replace default via 10.9.0.77");
	host->server = test_address("127.0.0.9");
	wait_for(host, ONLINE_NO);
	assert_string_equal(last_sentence(host, "online.no"),
			    "offline: the gateway 10.9.0.77 does not answer");
	test_run("ip route replace default via 10.9.0.2");
	test_enter(network.far);
	test_run("ip address del 1.1.1.1/32 dev lo; ip route add prohibit 1.1.1.1");
	test_enter(network.near);
	for (int i = 0; i < 100; i++) {
		assert_true(sd_event_run(host->event, 50 * USEC_PER_MSEC) >= 0);
		if (strstr(online_service_report(host->online)->detail, "prohibited"))
			break;
	}
	assert_string_equal(online_service_report(host->online)->detail,
			    "the gateway 10.9.0.2 answers, but 1.1.1.1 does not (10.9.0.2 says: "
			    "administratively prohibited)");
}

static void test_service_freed_while_it_asks(void **state)
{
	struct host *host = *state;

	/* Only the first step of the loop: the probes are under way when the host is closed. */
	assert_true(sd_event_run(host->event, 0) >= 0);
}

int main(void)
{
	pthread_barrier_t ready;
	pthread_t thread;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_starts_with_the_route),
		cmocka_unit_test(test_resolver_after_route),
		cmocka_unit_test(test_no_resolver),
		cmocka_unit_test(test_grace_then_offline),
		cmocka_unit_test(test_backs_off),
		cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_route_lost),
		cmocka_unit_test(test_failover_verifies_at_once),
		cmocka_unit_test(test_flapping_is_bounded),
		cmocka_unit_test(test_old_news_is_not_told),
		cmocka_unit_test(test_change_while_verifying),
		cmocka_unit_test_setup_teardown(test_service_online_and_back, host_open,
						host_close),
		cmocka_unit_test_setup_teardown(test_service_starts_with_the_route, host_open,
						host_close),
		cmocka_unit_test_setup_teardown(test_service_resolver, host_open, host_close),
		cmocka_unit_test_setup_teardown(test_service_freed_while_it_asks, host_open,
						host_close),
		cmocka_unit_test_setup_teardown(test_service_dead_gateway, host_open, host_close),
	};

	network = test_network_new();
	pthread_barrier_init(&ready, NULL, 2);
	pthread_create(&thread, NULL, serve_names, &ready);
	pthread_barrier_wait(&ready);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
