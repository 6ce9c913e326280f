/* Evidence that contradicts itself, and those who make it up. */
#include "suggest_heard.h"

static struct hardware_address liar(void)
{
	return (struct hardware_address){.length = 6, .bytes = {2, 0x66, 0, 0, 0, 1}};
}

static struct observation lie(const char *sender, const char *target)
{
	struct observation observation = ASK(sender, target);

	observation.mac = liar();
	return observation;
}

static double confidence(const struct observation *observations, size_t count)
{
	struct suggestion suggestion;

	infer_suggestion(observations, count, &own, &suggestion);
	return suggestion.best.confidence;
}

/* One host that asks from many addresses is one witness. */
static void test_liar_is_one_witness(void **state)
{
	const struct observation observations[] = {
		lie("192.0.2.31", "192.0.2.66"), lie("192.0.2.32", "192.0.2.66"),
		lie("192.0.2.33", "192.0.2.66"), lie("192.0.2.34", "192.0.2.66"),
		lie("192.0.2.35", "192.0.2.66"), ASK("192.0.2.20", "192.0.2.9"),
		ASK("192.0.2.77", "192.0.2.9"),
	};
	struct suggestion lies, suggestion;

	infer_suggestion(observations, ARRAY_SIZE(observations), &own, &suggestion);
	assert_address(suggestion.best.gateway, "192.0.2.9");
	infer_suggestion(observations, 1, &own, &suggestion);
	infer_suggestion(observations, 5, &own, &lies);
	assert_true(lies.best.confidence <= suggestion.best.confidence);
}

/* Nor does the gateway that only a liar asks for become one by a proxy's answer. */
static void test_liar_and_proxy(void **state)
{
	struct observation observations[] = {
		lie("192.0.2.31", "192.0.2.12"),
		lie("192.0.2.32", "192.0.2.12"),
		lie("192.0.2.33", "192.0.2.12"),
		lie("192.0.2.34", "192.0.2.12"),
		ASK("192.0.2.20", "192.0.2.20"),
		asked(OBSERVATION_OWN_GUESS, "192.0.2.40"),
		asked(OBSERVATION_OWN_GUESS, "192.0.2.41"),
		asked(OBSERVATION_OWN_GUESS, "192.0.2.42"),
		heard(OBSERVATION_ARP_REPLY, "192.0.2.40", "0.0.0.0"),
		heard(OBSERVATION_ARP_REPLY, "192.0.2.41", "0.0.0.0"),
		heard(OBSERVATION_ARP_REPLY, "192.0.2.42", "0.0.0.0"),
		heard(OBSERVATION_ARP_REPLY, "192.0.2.12", "0.0.0.0"),
		heard(OBSERVATION_ARP_REPLY, "192.0.2.126", "0.0.0.0"),
	};
	struct suggestion suggestion;

	for (size_t i = 8; i < ARRAY_SIZE(observations); i++)
		observations[i].mac = mac_of("192.0.2.126");
	infer_suggestion(observations, ARRAY_SIZE(observations), &own, &suggestion);
	assert_address(suggestion.best.gateway, "0.0.0.0");
}

/* An address outside of what is proved to be the subnet may be none of it. */
static void test_address_outside_of_what_is_proved(void **state)
{
	struct observation observations[13];
	struct suggestion suggestion;
	char address[32];
	double before;

	observations[0] = ASK("192.0.2.18", "192.0.2.17");
	observations[1] = ASK("192.0.2.19", "192.0.2.17");
	before = confidence(observations, 2);
	for (unsigned i = 2; i < ARRAY_SIZE(observations); i++) {
		snprintf(address, sizeof(address), "192.0.2.%u", i + 18);
		observations[i] = lie(address, "192.0.2.17");
	}
	infer_suggestion(observations, ARRAY_SIZE(observations), &own, &suggestion);
	assert_true(says(&suggestion, "against it: the address is outside"));
	assert_true(suggestion.best.confidence < before);
}

/* Many addresses of one host do not make the prefix of the others wider. */
static void test_liar_does_not_widen_the_prefix(void **state)
{
	const struct observation observations[] = {
		ASK("10.1.2.20", "10.1.2.1"), ASK("10.1.2.21", "10.1.2.1"),
		lie("10.9.0.4", "10.1.2.1"),  lie("10.77.3.4", "10.1.2.1"),
		lie("10.1.2.44", "10.1.2.1"), lie("10.200.9.4", "10.1.2.1"),
	};
	struct suggestion suggestion;

	infer_suggestion(observations, ARRAY_SIZE(observations), &own, &suggestion);
	assert_true(says(&suggestion, "2 hosts asked"));
	assert_int_equal(suggestion.best.prefix, 24);
	assert_address(suggestion.best.gateway, "10.1.2.1");
}

/* One host that names more addresses than the table holds does not hide those who come later. */
static void test_liar_does_not_fill_the_table(void **state)
{
	struct observation observations[302];
	struct suggestion suggestion;
	char sender[32];

	for (unsigned i = 0; i < 300; i++) {
		snprintf(sender, sizeof(sender), "10.%u.0.%u", i / 200 + 1, i % 200 + 1);
		observations[i] = lie(sender, sender);
	}
	observations[300] = ASK("192.0.2.20", "192.0.2.1");
	observations[301] = ASK("192.0.2.21", "192.0.2.1");
	infer_suggestion(observations, ARRAY_SIZE(observations), &own, &suggestion);
	assert_address(suggestion.best.gateway, "192.0.2.1");
}

/* A MAC that claims the gateway's address later does not take the place of the first one. */
static void test_first_mac_stays(void **state)
{
	struct observation observations[] = {
		heard(OBSERVATION_ARP_REPLY, "192.0.2.9", "192.0.2.20"),
		heard(OBSERVATION_ROUTER_ADVERTISEMENT, "0.0.0.0", "0.0.0.0"),
		ASK("192.0.2.20", "192.0.2.9"),
		lie("192.0.2.9", "192.0.2.20"),
	};
	struct suggestion suggestion;

	observations[1].mac = observations[0].mac;
	infer_suggestion(observations, ARRAY_SIZE(observations), &own, &suggestion);
	assert_address(suggestion.best.gateway, "192.0.2.9");
	assert_true(says(&suggestion, "router advertisements"));
}

/* The more that speaks for it, the surer, but hearsay is never certain. */
static void test_never_certain(void **state)
{
	const struct observation observations[] = {
		BROADCAST("192.0.2.20", "192.0.2.255"), BROADCAST("192.0.2.21", "192.0.2.255"),
		ASK("192.0.2.20", "192.0.2.1"),		ASK("192.0.2.21", "192.0.2.1"),
		ASK("192.0.2.22", "192.0.2.1"),		ASK("192.0.2.23", "192.0.2.1"),
		ASK("192.0.2.24", "192.0.2.1"),		ASK("192.0.2.1", "192.0.2.24"),
	};
	struct suggestion suggestion;

	infer_suggestion(observations, ARRAY_SIZE(observations), &own, &suggestion);
	assert_true(suggestion.best.confidence > 0.9 && suggestion.best.confidence < 1);
}

static void test_contradictions_lower_confidence(void **state)
{
	const struct observation consistent[] = {
		BROADCAST("192.0.2.20", "192.0.2.255"), BROADCAST("192.0.2.21", "192.0.2.255"),
		ASK("192.0.2.20", "192.0.2.1"),		ASK("192.0.2.21", "192.0.2.1"),
		ASK("192.0.2.22", "192.0.2.1"),		ASK("192.0.2.1", "192.0.2.24"),
	};
	const struct observation contradictions[][2] = {
		{ASK("192.0.2.23", "192.0.2.9"), ASK("192.0.2.22", "192.0.2.9")},
		{ASK("198.51.100.23", "198.51.100.1"), ASK("198.51.100.22", "198.51.100.1")},
		{BROADCAST("192.0.2.22", "192.0.2.127"), ASK("192.0.2.22", "192.0.2.1")},
		{lie("192.0.2.1", "192.0.2.22"), ASK("192.0.2.22", "192.0.2.1")},
	};
	struct observation all[ARRAY_SIZE(consistent) + 2];
	double before = confidence(consistent, ARRAY_SIZE(consistent));

	memcpy(all, consistent, sizeof(consistent));
	for (size_t i = 0; i < ARRAY_SIZE(contradictions); i++) {
		memcpy(all + ARRAY_SIZE(consistent), contradictions[i], sizeof(contradictions[i]));
		assert_true(confidence(all, ARRAY_SIZE(all)) < before * 0.9);
	}
}

/* The prefix is what most hosts broadcast to. */
static void test_wrong_mask_of_one_host(void **state)
{
	const struct observation observations[] = {
		BROADCAST("192.0.2.20", "192.0.2.255"),	  BROADCAST("192.0.2.21", "192.0.2.255"),
		BROADCAST("192.0.2.22", "192.0.255.255"), ASK("192.0.2.20", "192.0.2.1"),
		ASK("192.0.2.21", "192.0.2.1"),		  ASK("192.0.2.22", "192.0.2.1"),
	};
	struct suggestion suggestion;

	infer_suggestion(observations, ARRAY_SIZE(observations), &own, &suggestion);
	assert_int_equal(suggestion.best.prefix, 24);
	assert_true(says(&suggestion, "against it: hosts disagree on the prefix"));
}

static void test_mute_gateway(void **state)
{
	const struct observation observations[] = {
		ASK("192.0.2.20", "192.0.2.9"),
		ASK("192.0.2.21", "192.0.2.9"),
		ASK("192.0.2.22", "192.0.2.1"),
		asked(OBSERVATION_OWN_PROBE, "192.0.2.9"),
		asked(OBSERVATION_OWN_PROBE, "192.0.2.1"),
		heard(OBSERVATION_ARP_REPLY, "192.0.2.1", "0.0.0.0"),
	};
	struct suggestion suggestion;

	infer_suggestion(observations, ARRAY_SIZE(observations), &own, &suggestion);
	assert_address(suggestion.best.gateway, "192.0.2.1");
	assert_true(says(&suggestion, "192.0.2.1 answers ARP"));
	infer_suggestion(observations, 4, &own, &suggestion);
	assert_address(suggestion.best.gateway, "192.0.2.9");
	assert_true(says(&suggestion, "against it: 192.0.2.9 did not answer ARP"));
	assert_true(suggestion.best.confidence < confidence(observations, 3) * 0.6);
}

/* Not every address that a broadcast frame is sent to bounds a prefix. */
static void test_broadcasts_that_are_none(void **state)
{
	static const char *const targets[] = {"198.51.100.255", "192.0.2.77", "255.255.255.255"};

	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		const struct observation observations[] = {
			BROADCAST("192.0.2.20", targets[i]),
			ASK("192.0.2.20", "192.0.2.1"),
			ASK("192.0.2.21", "192.0.2.1"),
		};
		struct suggestion suggestion;

		infer_suggestion(observations, ARRAY_SIZE(observations), &own, &suggestion);
		assert_int_equal(suggestion.best.prefix, 24);
		assert_true(says(&suggestion, "no broadcast address was seen"));
	}
}

/* What asks across networks joins none of them. */
static void test_stranger_joins_nothing(void **state)
{
	const struct observation observations[] = {
		ASK("192.0.2.20", "192.0.2.1"),	  ASK("192.0.2.21", "192.0.2.1"),
		ASK("198.51.100.9", "192.0.2.1"), ASK("10.1.2.3", "10.1.2.1"),
		ASK("10.1.2.4", "10.1.2.1"),	  ASK("10.1.2.4", "192.0.2.1"),
	};
	struct suggestion suggestion;

	infer_suggestion(observations, ARRAY_SIZE(observations), &own, &suggestion);
	assert_int_equal(suggestion.best.prefix, 24);
	assert_address(suggestion.best.gateway, "192.0.2.1");
}

/* A router has an address in each of the subnets of a wire, and is no proxy for that. */
static void test_router_of_many_subnets_is_no_proxy(void **state)
{
	struct observation observations[] = {
		ASK("192.0.2.20", "192.0.2.17"),
		ASK("192.0.2.40", "192.0.2.33"),
		ASK("203.0.113.20", "203.0.113.1"),
		heard(OBSERVATION_ARP_REPLY, "192.0.2.17", "0.0.0.0"),
		heard(OBSERVATION_ARP_REPLY, "192.0.2.33", "0.0.0.0"),
		heard(OBSERVATION_ARP_REPLY, "203.0.113.1", "0.0.0.0"),
		heard(OBSERVATION_ARP_REPLY, "198.51.100.1", "0.0.0.0"),
	};
	struct suggestion suggestion;

	for (unsigned i = 4; i < ARRAY_SIZE(observations); i++)
		observations[i].mac = observations[3].mac;
	infer_suggestion(observations, ARRAY_SIZE(observations), &own, &suggestion);
	assert_false(suggestion.proxy_arp);
	assert_true(suggestion.alternatives_count >= 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_liar_is_one_witness),
		cmocka_unit_test(test_liar_and_proxy),
		cmocka_unit_test(test_address_outside_of_what_is_proved),
		cmocka_unit_test(test_liar_does_not_widen_the_prefix),
		cmocka_unit_test(test_liar_does_not_fill_the_table),
		cmocka_unit_test(test_first_mac_stays),
		cmocka_unit_test(test_never_certain),
		cmocka_unit_test(test_contradictions_lower_confidence),
		cmocka_unit_test(test_wrong_mask_of_one_host),
		cmocka_unit_test(test_mute_gateway),
		cmocka_unit_test(test_broadcasts_that_are_none),
		cmocka_unit_test(test_stranger_joins_nothing),
		cmocka_unit_test(test_router_of_many_subnets_is_no_proxy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
