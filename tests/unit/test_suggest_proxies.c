/* One that answers ARP for everybody, as a router of many does. */
#include "suggest_heard.h"

static struct observation answer(const char *address, const char *mac)
{
	struct observation observation = heard(OBSERVATION_ARP_REPLY, address, "0.0.0.0");

	observation.mac = mac_of(mac);
	return observation;
}

static void test_proxy_answers_what_nobody_has(void **state)
{
	const struct observation observations[] = {
		asked(OBSERVATION_OWN_GUESS, "192.0.2.40"),
		asked(OBSERVATION_OWN_GUESS, "192.0.2.41"),
		asked(OBSERVATION_OWN_GUESS, "192.0.2.42"),
		answer("192.0.2.40", "192.0.2.1"),
		answer("192.0.2.40", "192.0.2.1"),
		answer("192.0.2.41", "192.0.2.1"),
		answer("192.0.2.42", "192.0.2.9"),
		answer("192.0.2.42", "192.0.2.1"),
	};
	const struct hardware_address proxy = mac_of("192.0.2.1"), host = mac_of("192.0.2.9");
	struct proxies proxies;

	proxies_find(observations, ARRAY_SIZE(observations) - 1, &proxies);
	assert_int_equal(proxies.count, 0);
	proxies_find(observations, ARRAY_SIZE(observations), &proxies);
	assert_int_equal(proxies.count, 1);
	assert_true(proxies_have(&proxies, &proxy));
	assert_false(proxies_have(&proxies, &host));
}

/* What it answers for makes no gateway, unless others ask for it. */
static void test_answers_of_a_proxy(void **state)
{
	const struct observation observations[] = {
		ASK("192.0.2.20", "192.0.2.9"),
		ASK("192.0.2.21", "192.0.2.9"),
		asked(OBSERVATION_OWN_GUESS, "192.0.2.40"),
		asked(OBSERVATION_OWN_GUESS, "192.0.2.41"),
		asked(OBSERVATION_OWN_GUESS, "192.0.2.42"),
		asked(OBSERVATION_OWN_PROBE, "192.0.2.1"),
		asked(OBSERVATION_OWN_PROBE, "192.0.2.9"),
		answer("192.0.2.40", "192.0.2.250"),
		answer("192.0.2.41", "192.0.2.250"),
		answer("192.0.2.42", "192.0.2.250"),
		answer("192.0.2.1", "192.0.2.250"),
		answer("192.0.2.9", "192.0.2.250"),
		answer("192.0.2.9", "192.0.2.9"),
	};
	struct suggestion suggestion;

	infer_suggestion(observations, ARRAY_SIZE(observations), &own, &suggestion);
	assert_true(suggestion.proxy_arp);
	assert_address(suggestion.best.gateway, "192.0.2.9");
	assert_true(says(&suggestion, "3 hosts of 192.0.2.0/24"));
	assert_false(says(&suggestion, "more than one MAC"));
	assert_true(says(&suggestion, "against it: one that answers for everybody"));
	infer_suggestion(observations, ARRAY_SIZE(observations) - 1, &own, &suggestion);
	assert_address(suggestion.best.gateway, "192.0.2.9");
	assert_false(says(&suggestion, "did not answer ARP"));
}

/* A proxy has an address itself. Where that is not known, its answers may be for its own. */
static void test_proxy_whose_own_address_is_not_known(void **state)
{
	const struct observation observations[] = {
		ASK("192.0.2.20", "192.0.2.20"),
		asked(OBSERVATION_OWN_GUESS, "192.0.2.40"),
		asked(OBSERVATION_OWN_GUESS, "192.0.2.41"),
		asked(OBSERVATION_OWN_GUESS, "192.0.2.42"),
		answer("192.0.2.40", "192.0.2.9"),
		answer("192.0.2.41", "192.0.2.9"),
		answer("192.0.2.42", "192.0.2.9"),
		answer("192.0.2.1", "192.0.2.9"),
		answer("192.0.2.1", "192.0.2.1"),
		ASK("192.0.2.9", "192.0.2.20"),
	};
	const struct hardware_address proxy = mac_of("192.0.2.9"), host = mac_of("192.0.2.20");
	struct suggested_subnet subnet = {.network = v4("192.0.2.0"), .prefix = 24};
	const size_t count = ARRAY_SIZE(observations);

	/* No gateway, and it never spoke. */
	assert_true(infer_answer_counts(observations, count - 3, &subnet, &proxy));
	/* It answers for the gateway, and nobody else does: it is the gateway. */
	subnet.gateway = v4("192.0.2.1");
	assert_false(infer_answer_counts(observations, count - 2, &subnet, &proxy));
	/* Another is the gateway. */
	assert_true(infer_answer_counts(observations, count - 1, &subnet, &proxy));
	/* It spoke with an address of its own. */
	assert_false(infer_answer_counts(observations, count, &subnet, &proxy));
	assert_true(infer_answer_counts(observations, count, &subnet, &host));
}

static void test_guesses_are_nobodys(void **state)
{
	const struct observation observations[] = {
		ASK("192.0.2.20", "192.0.2.1"),
		ASK("192.0.2.21", "192.0.2.1"),
		ASK("198.51.100.7", "198.51.100.1"),
	};
	struct in_addr guesses[INFER_GUESSES_MAX];
	struct suggestion suggestion;
	unsigned count = infer_guesses(observations, ARRAY_SIZE(observations), &own, guesses);

	infer_suggestion(observations, ARRAY_SIZE(observations), &own, &suggestion);
	assert_int_equal(count, 6);
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(ntohl(guesses[i].s_addr) >> 8, i < 3 ? 0xc00002 : 0xc63364);
		assert_int_not_equal(guesses[i].s_addr, suggestion.best.address.s_addr);
		for (size_t k = 0; k < ARRAY_SIZE(observations); k++)
			assert_int_not_equal(guesses[i].s_addr, observations[k].sender.s_addr);
	}
	assert_int_equal(infer_guesses(NULL, 0, &own, guesses), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_proxy_answers_what_nobody_has),
		cmocka_unit_test(test_answers_of_a_proxy),
		cmocka_unit_test(test_proxy_whose_own_address_is_not_known),
		cmocka_unit_test(test_guesses_are_nobodys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
