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

/* Broadcast addresses, or gateways of their own, tell the subnets of one /24 apart. */
static void test_small_subnets_beside_each_other(void **state)
{
	const struct observation bounded[] = {
		BROADCAST("192.0.2.19", "192.0.2.31"), ASK("192.0.2.19", "192.0.2.30"),
		ASK("192.0.2.25", "192.0.2.30"),       ASK("192.0.2.103", "192.0.2.105"),
		ASK("192.0.2.109", "192.0.2.105"),
	};
	const struct observation unbounded[] = {
		ASK("192.0.2.140", "192.0.2.137"),
		ASK("192.0.2.139", "192.0.2.137"),
		ASK("192.0.2.116", "192.0.2.113"),
		ASK("192.0.2.115", "192.0.2.113"),
	};
	struct suggestion suggestion;

	infer_suggestion(bounded, ARRAY_SIZE(bounded), &own, &suggestion);
	assert_address(suggestion.best.gateway, "192.0.2.30");
	assert_int_equal(ntohl(suggestion.best.address.s_addr) & ~15u, 0xc0000210);
	assert_int_equal(suggestion.alternatives_count, 1);
	infer_suggestion(unbounded, ARRAY_SIZE(unbounded), &own, &suggestion);
	assert_address(suggestion.best.gateway, "192.0.2.137");
	assert_int_equal(suggestion.alternatives_count, 1);
	assert_address(suggestion.alternatives[0].gateway, "192.0.2.113");
}

/* A subnet whose addresses are all taken is of no use, however sure it is. */
static void test_full_subnet(void **state)
{
	const struct observation observations[] = {
		BROADCAST("192.0.2.114", "192.0.2.119"), ASK("192.0.2.114", "192.0.2.113"),
		ASK("192.0.2.115", "192.0.2.113"),	 ASK("192.0.2.116", "192.0.2.113"),
		ASK("192.0.2.117", "192.0.2.113"),	 ASK("192.0.2.118", "192.0.2.113"),
		ASK("198.51.100.7", "198.51.100.1"),	 ASK("198.51.100.8", "198.51.100.1"),
	};
	struct suggestion suggestion;

	infer_suggestion(observations, ARRAY_SIZE(observations), &own, &suggestion);
	assert_address(suggestion.best.gateway, "198.51.100.1");
	infer_suggestion(observations, ARRAY_SIZE(observations) - 2, &own, &suggestion);
	assert_address(suggestion.best.gateway, "192.0.2.113");
	assert_int_equal(suggestion.best.address.s_addr, 0);
}

/* A host that is asked for once by another is none, where it asks again and again for a third. */
static void test_gateway_among_peers(void **state)
{
	struct observation observations[] = {
		ASK("192.0.2.146", "192.0.2.153"),
		ASK("192.0.2.153", "192.0.2.185"),
		asked(OBSERVATION_OWN_PROBE, "192.0.2.153"),
		asked(OBSERVATION_OWN_PROBE, "192.0.2.185"),
		heard(OBSERVATION_ARP_REPLY, "192.0.2.153", "0.0.0.0"),
		heard(OBSERVATION_ARP_REPLY, "192.0.2.185", "0.0.0.0"),
	};
	struct suggestion suggestion;

	observations[1].times = 6;
	infer_suggestion(observations, ARRAY_SIZE(observations), &own, &suggestion);
	assert_address(suggestion.best.gateway, "192.0.2.185");
}

/* What nobody asks for, and is where gateways are, in a prefix longer than it seems. */
static void test_quiet_gateway_of_a_small_prefix(void **state)
{
	const struct observation observations[] = {
		heard(OBSERVATION_IPV4_MULTICAST, "192.0.2.118", "224.0.0.251"),
		ASK("192.0.2.124", "192.0.2.118"),
		heard(OBSERVATION_ARP_REPLY, "192.0.2.126", "0.0.0.0"),
	};
	struct in_addr probes[INFER_PROBES_MAX];
	struct suggestion suggestion;
	unsigned count = infer_probes(observations, 2, &own, probes);
	bool found = false;

	for (unsigned i = 0; i < count; i++)
		found = found || probes[i].s_addr == observations[2].sender.s_addr;
	assert_true(found);
	infer_suggestion(observations, ARRAY_SIZE(observations), &own, &suggestion);
	assert_address(suggestion.best.gateway, "192.0.2.126");
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

	assert_in_range(count, 3, 16);
	assert_address(probes[0], "192.0.2.9");
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
		cmocka_unit_test(test_small_subnets_beside_each_other),
		cmocka_unit_test(test_full_subnet),
		cmocka_unit_test(test_gateway_among_peers),
		cmocka_unit_test(test_quiet_gateway_of_a_small_prefix),
		cmocka_unit_test(test_virtual_router),
		cmocka_unit_test(test_proxy_is_said),
		cmocka_unit_test(test_nothing_heard),
		cmocka_unit_test(test_probes_stay_where_evidence_is),
		cmocka_unit_test(test_parse_arp_frame),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
