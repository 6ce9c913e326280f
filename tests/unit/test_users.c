/* Who calls, and how much. */
#include "tools/users.h"
#include "unit.h"

#define START (1000 * USEC_PER_SEC)

static void test_calls_at_once_are_bounded(void **state)
{
	struct users users = {0};
	struct error error;

	for (unsigned i = 0; i < CALLS_PER_UID_MAX; i++)
		assert_int_equal(users_enter(&users, 1000, &error), 0);
	assert_true(users_enter(&users, 1000, &error) < 0);
	assert_int_equal(error.code, ERROR_TOOL_BUSY);
	assert_int_equal(users_enter(&users, 1001, &error), 0);
	users_leave(&users, 1000, START);
	assert_int_equal(users_enter(&users, 1000, &error), 0);
	users_clear(&users);
}

static const struct change_limit limit = {30, 60};

/* As a call of a tool that changes something. */
static int change(struct users *users, uid_t uid, usec_t now, struct error *error)
{
	int r = users_enter(users, uid, error);

	assert_int_equal(r, 0);
	r = users_take_change(users, uid, &limit, now, error);
	users_leave(users, uid, now);
	return r;
}

static void test_changes_in_a_time_are_bounded(void **state)
{
	struct users users = {0};
	struct error error;
	usec_t now = START;

	for (unsigned i = 0; i < limit.count; i++)
		assert_int_equal(change(&users, 1000, now, &error), 0);
	assert_true(change(&users, 1000, now, &error) < 0);
	assert_int_equal(error.code, ERROR_GUARD_REFUSED);
	assert_non_null(strstr(error.hint, "in 2 s"));
	assert_int_equal(change(&users, 1001, now, &error), 0);

	/* One comes back in each thirtieth of the time, and all in the whole of it. */
	now += (limit.period * USEC_PER_SEC) / limit.count;
	assert_int_equal(change(&users, 1000, now, &error), 0);
	assert_true(change(&users, 1000, now, &error) < 0);
	now += (limit.period * USEC_PER_SEC);
	for (unsigned i = 0; i < limit.count; i++)
		assert_int_equal(change(&users, 1000, now, &error), 0);
	assert_true(change(&users, 1000, now, &error) < 0);
	users_clear(&users);
}

static void test_who_waits_for_nothing_is_forgotten(void **state)
{
	struct users users = {0};
	struct error error;

	for (uid_t uid = 0; uid < 1000; uid++) {
		assert_int_equal(users_enter(&users, uid, &error), 0);
		users_leave(&users, uid, START);
	}
	assert_null(users.by_uid);
	assert_int_equal(change(&users, 1000, START, &error), 0);
	assert_non_null(users.by_uid);
	assert_int_equal(users_enter(&users, 1, &error), 0);
	users_leave(&users, 1, START + (limit.period * USEC_PER_SEC));
	assert_null(users.by_uid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls_at_once_are_bounded),
		cmocka_unit_test(test_changes_in_a_time_are_bounded),
		cmocka_unit_test(test_who_waits_for_nothing_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
