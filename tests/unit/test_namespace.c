/*
 * The guard that keeps the daemon off the host's own network. Only the function is called here: a
 * daemon is never started in the host's namespace to see whether it refuses.
 */
#include <sched.h>
#include <sys/mount.h>

#include "daemon/namespace.h"
#include "unit.h"

static void test_refuses_where_the_tests_were_started(void **state)
{
	struct error error;

	/* Also right where the tests themselves run in a namespace: then there is nothing to show.
	 */
	if (!namespace_may_be_initial())
		skip();
	assert_true(namespace_check(false, &error) < 0);
	assert_int_equal(error.code, ERROR_HOST_NAMESPACE);
	assert_int_equal(namespace_check(true, &error), 0);
}

static void test_runs_in_a_namespace_of_its_own(void **state)
{
	struct error error;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_false(namespace_may_be_initial());
	assert_int_equal(namespace_check(false, &error), 0);
}

/* Whatever hides the proof makes it refuse. */
static void test_refuses_in_doubt(void **state)
{
	assert_int_equal(unshare(CLONE_NEWNET | CLONE_NEWNS), 0);
	assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	assert_int_equal(mount("none", "/proc", "tmpfs", 0, NULL), 0);
	assert_true(namespace_may_be_initial());
	assert_int_equal(umount("/proc"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refuses_where_the_tests_were_started),
		cmocka_unit_test(test_runs_in_a_namespace_of_its_own),
		cmocka_unit_test(test_refuses_in_doubt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
