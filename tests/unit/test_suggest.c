#include "suggest_heard.h"

static void test_hosts_ask_for_their_gateway(void **state)
{
	const struct observation observations[] = {
		ASK("192.0.2.20", "192.0.2.1"),
		ASK("192.0.2.77", "192.0.2.1"),
		ASK("192.0.2.201", "192.0.2.1"),
	};
	struct suggestion suggestion;

	infer_suggestion(observations, ARRAY_SIZE(observations), &own, &suggestion);
	assert_address(suggestion.best.gateway, "192.0.2.1");
	assert_int_equal(suggestion.best.prefix, 24);
	assert_free(&suggestion, observations, ARRAY_SIZE(observations));
	assert_true(suggestion.best.confidence > 0.5 && suggestion.best.confidence <= 1);
}

static void test_broadcast_address_bounds_the_prefix(void **state)
{
	const struct observation observations[] = {
		BROADCAST("10.4.18.7", "10.4.31.255"),
		ASK("10.4.18.7", "10.4.16.9"),
		ASK("10.4.25.3", "10.4.16.9"),
	};
	struct suggestion suggestion;

	infer_suggestion(observations, ARRAY_SIZE(observations), &own, &suggestion);
	assert_int_equal(suggestion.best.prefix, 20);
	assert_address(suggestion.best.network, "10.4.16.0");
	assert_address(suggestion.best.gateway, "10.4.16.9");
}

static void test_small_prefix(void **state)
{
	const struct observation observations[] = {
		BROADCAST("198.51.100.42", "198.51.100.47"),
		ASK("198.51.100.42", "198.51.100.46"),
		ASK("198.51.100.43", "198.51.100.46"),
	};
	struct suggestion suggestion;

	infer_suggestion(observations, ARRAY_SIZE(observations), &own, &suggestion);
	assert_true(suggestion.best.prefix == 28 || suggestion.best.prefix == 29);
	assert_int_equal(ntohl(suggestion.best.address.s_addr) & ~7u, 0xc6336428);
	assert_free(&suggestion, observations, ARRAY_SIZE(observations));
}

static void test_two_subnets_on_one_wire(void **state)
{
	const struct observation observations[] = {
		ASK("192.0.2.20", "192.0.2.1"),	     ASK("192.0.2.77", "192.0.2.1"),
		ASK("192.0.2.201", "192.0.2.1"),     ASK("203.0.113.5", "203.0.113.254"),
		ASK("203.0.113.6", "203.0.113.254"),
	};
	struct suggestion suggestion;

	infer_suggestion(observations, ARRAY_SIZE(observations), &own, &suggestion);
	assert_address(suggestion.best.gateway, "192.0.2.1");
	assert_int_equal(suggestion.alternatives_count, 1);
	assert_address(suggestion.alternatives[0].gateway, "203.0.113.254");
}

static void test_virtual_router(void **state)
{
	struct observation observations[] = {
		ASK("192.0.2.20", "192.0.2.9"),
		heard(OBSERVATION_ARP_REPLY, "192.0.2.3", "192.0.2.20"),
	};
	struct suggestion suggestion;

	observations[1].mac =
		(struct hardware_address){.length = 6, .bytes = {0, 0, 0x5e, 0, 1, 7}};
	infer_suggestion(observations, ARRAY_SIZE(observations), &own, &suggestion);
	assert_address(suggestion.best.gateway, "192.0.2.3");
}

static void test_proxy_is_said(void **state)
{
	struct observation observations[] = {
		ASK("192.0.2.20", "192.0.2.1"),
		heard(OBSERVATION_ARP_REPLY, "192.0.2.1", "0.0.0.0"),
		heard(OBSERVATION_ARP_REPLY, "192.0.2.254", "0.0.0.0"),
		heard(OBSERVATION_ARP_REPLY, "192.0.2.66", "0.0.0.0"),
	};
	struct suggestion suggestion;

	for (unsigned i = 2; i < ARRAY_SIZE(observations); i++)
		observations[i].mac = observations[1].mac;
	infer_suggestion(observations, ARRAY_SIZE(observations), &own, &suggestion);
	assert_true(suggestion.proxy_arp);
	assert_address(suggestion.best.gateway, "192.0.2.1");
}

static void test_nothing_heard(void **state)
{
	struct in_addr probes[INFER_PROBES_MAX];
	struct suggestion suggestion;

	infer_suggestion(NULL, 0, &own, &suggestion);
	assert_true(suggestion.best.confidence == 0);
	assert_int_equal(suggestion.best.prefix, 16);
	assert_int_equal(ntohl(suggestion.best.address.s_addr) >> 16, 0xa9fe);
	assert_int_equal(suggestion.evidence_count, 1);
	assert_true(infer_probes(NULL, 0, &own, probes) > 0);
}

static void test_probes_stay_where_evidence_is(void **state)
{
	const struct observation observations[] = {ASK("192.0.2.20", "192.0.2.9")};
	struct in_addr probes[INFER_PROBES_MAX];
	unsigned count = infer_probes(observations, 1, &own, probes);

	assert_in_range(count, 1, 3);
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(ntohl(probes[i].s_addr) >> 8, 0xc00002);
}

static void test_parse_arp_frame(void **state)
{
	static const uint8_t frame[] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0,   0, 0, 0, 9, 8, 6, 0, 1, 8, 0,   6, 4, 0,
		1,    2,    0,	  0,	0,    0,    9, 192, 0, 2, 9, 0, 0, 0, 0, 0, 0, 192, 0, 2, 1,
	};
	struct observation observation;

	assert_int_equal(observation_parse(frame, sizeof(frame), 5, &observation), 0);
	assert_int_equal(observation.kind, OBSERVATION_ARP_REQUEST);
	assert_int_equal(observation.time, 5);
	assert_address(observation.sender, "192.0.2.9");
	assert_address(observation.target, "192.0.2.1");
	for (size_t i = 0; i < sizeof(frame); i++)
		assert_int_not_equal(observation_parse(frame, i, 5, &observation), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hosts_ask_for_their_gateway),
		cmocka_unit_test(test_broadcast_address_bounds_the_prefix),
		cmocka_unit_test(test_small_prefix),
		cmocka_unit_test(test_two_subnets_on_one_wire),
		cmocka_unit_test(test_virtual_router),
		cmocka_unit_test(test_proxy_is_said),
		cmocka_unit_test(test_nothing_heard),
		cmocka_unit_test(test_probes_stay_where_evidence_is),
		cmocka_unit_test(test_parse_arp_frame),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
