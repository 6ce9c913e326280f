/*
 * The resynchronising machine: every transition, with time as we say.
 */
#include "netlink/resync.h"
#include "unit.h"

#define MSEC USEC_PER_MSEC

static void start(struct resync *resync, enum object_kind kind, usec_t now)
{
	resync_emptied(resync);
	assert_int_equal(resync_next(resync, now), kind);
	resync_started(resync, kind, now);
	assert_int_equal(resync_next(resync, now), -1);
}

/* Dumps all that is dirty, each kind in one millisecond. Returns the time when it ended. */
static usec_t run(struct resync *resync, usec_t now)
{
	bool done = false;

	while (!done) {
		int kind;

		resync_emptied(resync);
		kind = resync_next(resync, now);
		assert_true(kind >= 0);
		resync_started(resync, (enum object_kind)kind, now);
		now += MSEC;
		done = resync_ended(resync, now);
	}
	return now;
}

static struct resync synchronised(usec_t began)
{
	struct resync resync;

	resync_init(&resync, RESYNC_ALL);
	run(&resync, began);
	assert_true(resync_is_synchronised(&resync));
	return resync;
}

static void test_first(void **state)
{
	struct resync resync;

	resync_init(&resync, RESYNC_ALL);
	assert_false(resync_is_synchronised(&resync));
	assert_int_equal(resync_deadline(&resync), 0);
	/* not before the socket was read empty */
	assert_int_equal(resync_next(&resync, 0), -1);
	for (int kind = 0; kind < _OBJECT_KIND_MAX; kind++) {
		start(&resync, (enum object_kind)kind, 10 * MSEC);
		assert_int_equal(resync_ended(&resync, 11 * MSEC), kind == _OBJECT_KIND_MAX - 1);
	}
	assert_true(resync_is_synchronised(&resync));
	assert_int_equal(resync_deadline(&resync), USEC_INFINITY);
	assert_int_equal(resync_next(&resync, USEC_INFINITY), -1);
}

static void test_socket_must_be_empty(void **state)
{
	struct resync resync = synchronised(MSEC);

	assert_true(resync_lost(&resync, RESYNC_ALL, USEC_PER_SEC));
	resync_read(&resync);
	assert_int_equal(resync_next(&resync, USEC_PER_SEC), -1);
	resync_emptied(&resync);
	assert_int_equal(resync_next(&resync, USEC_PER_SEC), OBJECT_LINK);
}

static void test_losses_coalesce(void **state)
{
	struct resync resync = synchronised(MSEC);

	assert_true(resync_lost(&resync, 1u << OBJECT_ROUTE, USEC_PER_SEC));
	assert_false(resync_lost(&resync, 1u << OBJECT_RULE, USEC_PER_SEC));
	for (int i = 0; i < 1000; i++)
		assert_false(resync_lost(&resync, RESYNC_ALL, USEC_PER_SEC));
	assert_int_equal(resync.failures, 0);
	assert_int_equal(resync_deadline(&resync), resync.not_before);
	start(&resync, OBJECT_LINK, USEC_PER_SEC);
}

static void test_only_what_is_dirty(void **state)
{
	struct resync resync = synchronised(MSEC);

	assert_true(resync_lost(&resync, 1u << OBJECT_ROUTE, USEC_PER_SEC));
	assert_false(resync_knows(&resync, OBJECT_ROUTE));
	start(&resync, OBJECT_ROUTE, USEC_PER_SEC);
	assert_false(resync_knows(&resync, OBJECT_ROUTE));
	assert_true(resync_knows(&resync, OBJECT_LINK));
	assert_true(resync_ended(&resync, USEC_PER_SEC));
	assert_true(resync_knows(&resync, OBJECT_ROUTE));
}

static void test_taint(void **state)
{
	struct resync resync;

	resync_init(&resync, RESYNC_ALL);
	start(&resync, OBJECT_LINK, MSEC);
	assert_false(resync_is_tainted(&resync));
	assert_false(resync_lost(&resync, 1u << OBJECT_LINK, MSEC));
	assert_true(resync_is_tainted(&resync));
	/* a tainted dump cannot fail once more */
	assert_false(resync_lost(&resync, 1u << OBJECT_LINK, MSEC));
	assert_int_equal(resync.failures, 1);
	assert_false(resync_ended(&resync, 2 * MSEC));
	/* it is repeated, first of all */
	start(&resync, OBJECT_LINK, 3 * MSEC);
	assert_false(resync_is_tainted(&resync));
}

static void test_loss_of_other_kinds(void **state)
{
	struct resync resync;

	resync_init(&resync, RESYNC_ALL);
	start(&resync, OBJECT_LINK, MSEC);
	assert_false(resync_ended(&resync, MSEC));
	start(&resync, OBJECT_ADDRESS, MSEC);
	/* routes were not dumped yet: their coming dump covers it */
	assert_false(resync_lost(&resync, 1u << OBJECT_ROUTE, MSEC));
	assert_int_equal(resync.failures, 0);
	/* links were: they are dumped again, after a pause */
	assert_false(resync_lost(&resync, 1u << OBJECT_LINK, MSEC));
	assert_int_equal(resync.failures, 1);
	assert_false(resync_is_tainted(&resync));
	assert_false(resync_ended(&resync, MSEC));
	resync_emptied(&resync);
	assert_int_equal(resync_next(&resync, MSEC), -1);
	assert_int_equal(resync_deadline(&resync), 2 * MSEC);
	assert_int_equal(resync_next(&resync, 2 * MSEC), OBJECT_LINK);
}

static void test_backs_off_and_never_gives_up(void **state)
{
	struct resync resync;
	usec_t now = 0, last = 0;

	resync_init(&resync, RESYNC_ALL);
	for (int i = 0; i < 100; i++) {
		usec_t pause;

		start(&resync, OBJECT_LINK, now);
		resync_lost(&resync, RESYNC_ALL, now);
		assert_false(resync_ended(&resync, now));
		pause = resync_deadline(&resync) - now;
		assert_in_range(pause, i ? MIN(2 * last, RESYNC_DELAY_MAX) : RESYNC_DELAY_MIN,
				RESYNC_DELAY_MAX);
		last = pause;
		now += pause;
	}
	assert_int_equal(last, RESYNC_DELAY_MAX);
	run(&resync, now);
	assert_true(resync_is_synchronised(&resync));
	assert_int_equal(resync.failures, 0);
}

static void test_half_of_the_time(void **state)
{
	struct resync resync = synchronised(MSEC);
	usec_t lasted = _OBJECT_KIND_MAX * MSEC, ended = MSEC + lasted;

	/* lost again at once: a pause as long as the synchronisation was */
	assert_true(resync_lost(&resync, RESYNC_ALL, ended));
	resync_emptied(&resync);
	assert_int_equal(resync_next(&resync, ended), -1);
	assert_int_equal(resync_deadline(&resync), ended + lasted);
	/* lost after quiet: none */
	resync = synchronised(MSEC);
	assert_true(resync_lost(&resync, RESYNC_ALL, 10 * ended));
	resync_emptied(&resync);
	assert_int_equal(resync_next(&resync, 10 * ended), OBJECT_LINK);
}

static void test_silence(void **state)
{
	struct resync resync;

	resync_init(&resync, RESYNC_ALL);
	assert_false(resync_expire(&resync, USEC_PER_SEC));
	start(&resync, OBJECT_LINK, 0);
	assert_int_equal(resync_deadline(&resync), RESYNC_PATIENCE);
	resync_heard(&resync, MSEC);
	assert_false(resync_expire(&resync, RESYNC_PATIENCE));
	assert_true(resync_expire(&resync, RESYNC_PATIENCE + MSEC));
	assert_false(resync_is_synchronised(&resync));
	resync_emptied(&resync);
	assert_int_equal(resync_next(&resync, RESYNC_PATIENCE + MSEC), -1);
	start(&resync, OBJECT_LINK, RESYNC_PATIENCE + 2 * MSEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first),
		cmocka_unit_test(test_socket_must_be_empty),
		cmocka_unit_test(test_losses_coalesce),
		cmocka_unit_test(test_only_what_is_dirty),
		cmocka_unit_test(test_taint),
		cmocka_unit_test(test_loss_of_other_kinds),
		cmocka_unit_test(test_backs_off_and_never_gives_up),
		cmocka_unit_test(test_half_of_the_time),
		cmocka_unit_test(test_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
