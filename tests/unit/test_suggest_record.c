/* What net.suggest keeps of a link that is busier than its record is long. */
#include "suggest_heard.h"

static struct observation nth(unsigned n)
{
	char address[32];

	snprintf(address, sizeof(address), "10.0.%u.%u", n / 200, n % 200 + 1);
	return heard(OBSERVATION_ARP_REQUEST, address, "10.9.9.9");
}

static bool is_recorded(const struct record *record, const struct observation *observation)
{
	for (size_t i = 0; i < record->count; i++)
		if (record->observations[i].kind == observation->kind &&
		    record->observations[i].target.s_addr == observation->target.s_addr &&
		    hardware_address_equal(&record->observations[i].mac, &observation->mac))
			return true;
	return false;
}

static void test_repeats_are_one(void **state)
{
	struct record record = {.count = 0};
	struct observation again = ASK("192.0.2.20", "192.0.2.1");

	for (again.time = 1; again.time <= 2 * RECORD_MAX; again.time++)
		record_put(&record, &again);
	assert_int_equal(record.count, 1);
	assert_int_equal(record.observations[0].time, 2 * RECORD_MAX);
}

/* Another host's late probe of the address about to be suggested is kept, however busy the link. */
static void test_late_probe_of_a_candidate(void **state)
{
	struct record record = {.count = 0};
	struct observation question = asked(OBSERVATION_OWN_GUESS, "10.0.0.250"), probe;

	for (unsigned i = 0; i < 2 * RECORD_MAX; i++) {
		probe = nth(i);
		record_put(&record, &probe);
	}
	assert_int_equal(record.count, RECORD_MAX - RECORD_RESERVED);
	record_put(&record, &question);
	probe = heard(OBSERVATION_ARP_REQUEST, "0.0.0.0", "10.0.0.250");
	record_put(&record, &probe);
	assert_true(is_recorded(&record, &question));
	assert_true(is_recorded(&record, &probe));
}

/* Nor can one that floods with that very address hide it. */
static void test_flood_of_a_candidate(void **state)
{
	struct record record = {.count = 0};
	struct observation question = asked(OBSERVATION_OWN_GUESS, "10.0.0.250"), probe;

	record_put(&record, &question);
	for (unsigned i = 0; i < 4 * RECORD_MAX; i++) {
		probe = nth(i);
		probe.target = v4("10.0.0.250");
		record_put(&record, &probe);
		assert_true(is_recorded(&record, &probe));
	}
	assert_int_equal(record.count, RECORD_MAX);
	question = asked(OBSERVATION_OWN_GUESS, "10.0.0.251");
	record_put(&record, &question);
	for (unsigned i = 0; i < 4 * RECORD_MAX; i++) {
		probe = nth(i);
		probe.target = v4("10.0.0.251");
		record_put(&record, &probe);
	}
	assert_true(is_recorded(&record, &question));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_repeats_are_one),
		cmocka_unit_test(test_late_probe_of_a_candidate),
		cmocka_unit_test(test_flood_of_a_candidate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
