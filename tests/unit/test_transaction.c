/*
 * Transactions over a type of the test's own, whose "kernel" is an array that can be told to
 * refuse, to lie, and to be changed behind our back. The core is the real one, in a network
 * namespace and a state directory of the test's own.
 */
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "core/core.h"
#include "unit.h"

#define PLACES 8

struct thing_spec {
	char name[16];
	uint32_t value;
};

struct world {
	char directory[64];
	sd_event *event;
	struct core *core;
	uint32_t kernel[PLACES]; /* 0: absent */
	int fail_at;		 /* the n-th apply fails, 0 for never */
	int lie_at, lie_until;	 /* the n-th apply, or up to that one, does nothing and says 0 */
	int applied;
};

static uint32_t *place(struct world *world, const char *name)
{
	return &world->kernel[(name[0] - 'a') % PLACES];
}

static int thing_parse(const json_t *object, void *ret_spec, struct error *error)
{
	struct thing_spec *spec = ret_spec;

	text_copy(spec->name, sizeof(spec->name), json_member_text(object, "name"));
	spec->value = (uint32_t)json_member_integer(object, "value", 0);
	return 0;
}

static json_t *thing_print(const void *data)
{
	const struct thing_spec *spec = data;

	return json_pack("{s:s,s:i}", "name", spec->name, "value", (int)spec->value);
}

static void thing_key(const void *data, char buffer[RESOURCE_KEY_MAX])
{
	text_copy(buffer, RESOURCE_KEY_MAX, ((const struct thing_spec *)data)->name);
}

static int thing_observe(struct core *core, const void *wanted, void *ret_spec);
static int thing_apply(struct core *core, const void *before, const void *after,
		       struct error *error);

static bool thing_satisfied(const void *wanted, const void *observed)
{
	return ((const struct thing_spec *)wanted)->value ==
	       ((const struct thing_spec *)observed)->value;
}

static const struct resource_type thing_type = {
	.name = "thing",
	.order = 5,
	.spec_size = sizeof(struct thing_spec),
	.parse = thing_parse,
	.print = thing_print,
	.key = thing_key,
	.observe = thing_observe,
	.satisfied = thing_satisfied,
	.apply = thing_apply,
};

static int thing_observe(struct core *core, const void *wanted, void *ret_spec)
{
	struct world *world = core_type_userdata(core, &thing_type);
	const struct thing_spec *spec = wanted;
	struct thing_spec *ret = ret_spec;

	if (spec->name[0] == 'z')
		return -ENODEV;
	*ret = *spec;
	ret->value = *place(world, spec->name);
	return ret->value != 0;
}

static int thing_apply(struct core *core, const void *before, const void *after,
		       struct error *error)
{
	struct world *world = core_type_userdata(core, &thing_type);
	const struct thing_spec *spec = after ?: before;

	world->applied++;
	if (world->applied == world->fail_at)
		return error_set(error, ERROR_KERNEL_REFUSED, NULL, "told to refuse");
	if (spec && (world->applied < world->lie_at ||
		     world->applied > MAX(world->lie_at, world->lie_until)))
		*place(world, spec->name) = after ? spec->value : 0;
	return 0;
}

static void world_open(struct world *world)
{
	struct core_config config = {.state_directory = world->directory};
	struct error error;

	assert_int_equal(sd_event_new(&world->event), 0);
	assert_int_equal(core_new(&world->core, world->event, &config, &error), 0);
	assert_int_equal(core_register_type(world->core, &thing_type, world), 0);
	assert_int_equal(core_start(world->core, &error), 0);
}

static void world_close(struct world *world)
{
	core_free(world->core);
	sd_event_unref(world->event);
}

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	strcpy(world->directory, "/tmp/aiosnet-test-XXXXXX");
	assert_non_null(mkdtemp(world->directory));
	world_open(world);
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;
	static const char *const files[] = {"aiosnet.db", "aiosnet.db-wal", "aiosnet.db-shm"};
	char path[128];

	world_close(world);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", world->directory, files[i]);
		unlink(path);
	}
	rmdir(world->directory);
	free(world);
	return 0;
}

static void want(struct proposal *proposal, const char *name, uint32_t value)
{
	struct thing_spec spec = {.value = value};

	text_copy(spec.name, sizeof(spec.name), name);
	assert_int_equal(proposal_put(proposal, &thing_type, &spec), 0);
}

static void begin(struct proposal *proposal)
{
	proposal_init(proposal, "test");
	strcpy(proposal->provenance.owner, "tester");
	strcpy(proposal->provenance.reason, "because");
}

/* Runs the proposal and clears it. */
static int finish(struct world *world, struct proposal *proposal, struct outcome *ret,
		  struct error *error)
{
	int r = transaction_run(world->core, proposal, false, ret, error);

	proposal_clear(proposal);
	return r;
}

static uint64_t put(struct world *world, const char *name, uint32_t value)
{
	_cleanup_outcome_ struct outcome outcome = {0};
	struct proposal proposal;
	struct error error;

	begin(&proposal);
	want(&proposal, name, value);
	assert_int_equal(finish(world, &proposal, &outcome, &error), 0);
	return outcome.transaction;
}

static void test_commit_and_provenance(void **state)
{
	struct world *world = *state;
	uint64_t number = put(world, "a", 7);
	const struct resource *resource = core_resource(world->core, "thing/a");

	assert_int_equal(world->kernel[0], 7);
	assert_non_null(resource);
	assert_string_equal(resource->provenance.owner, "tester");
	assert_string_equal(resource->provenance.reason, "because");
	assert_int_equal(resource->transaction, number);
}

static void test_same_again_changes_nothing(void **state)
{
	struct world *world = *state;
	int applied;

	put(world, "a", 7);
	applied = world->applied;
	assert_int_equal(put(world, "a", 7), 0);
	assert_int_equal(world->applied, applied);
}

static void test_dry_run_changes_nothing(void **state)
{
	struct world *world = *state;
	_cleanup_outcome_ struct outcome outcome = {0};
	struct proposal proposal;
	struct error error;

	begin(&proposal);
	want(&proposal, "a", 7);
	want(&proposal, "z", 1);
	assert_int_equal(transaction_run(world->core, &proposal, true, &outcome, &error), 0);
	proposal_clear(&proposal);
	assert_int_equal(outcome.state, TRANSACTION_PLANNED);
	assert_int_equal(json_array_size(outcome.steps), 1);
	assert_int_equal(json_array_size(outcome.waiting), 1);
	assert_int_equal(world->applied, 0);
	assert_null(core_resource(world->core, "thing/a"));
}

/* Whichever step fails: the kernel is as before, intent is as before. */
static void test_failure_at_every_step_rolls_back(void **state)
{
	struct world *world = *state;
	uint32_t before[PLACES];

	put(world, "a", 1);
	put(world, "b", 2);
	for (int fail = 1; fail <= 4; fail++) {
		struct proposal proposal;
		struct error error;

		memcpy(before, world->kernel, sizeof(before));
		begin(&proposal);
		want(&proposal, "a", 10);
		want(&proposal, "c", 11);
		want(&proposal, "d", 12);
		assert_int_equal(proposal_remove(&proposal, "thing/b"), 0);
		world->applied = 0;
		world->fail_at = fail;
		assert_int_equal(finish(world, &proposal, NULL, &error), -EIO);
		assert_int_equal(error.code, ERROR_KERNEL_REFUSED);
		assert_memory_equal(before, world->kernel, sizeof(before));
		assert_null(core_resource(world->core, "thing/c"));
		assert_non_null(core_resource(world->core, "thing/b"));
	}
}

static void test_kernel_that_lies_is_found_out(void **state)
{
	struct world *world = *state;
	struct proposal proposal;
	struct error error;

	begin(&proposal);
	want(&proposal, "a", 1);
	want(&proposal, "b", 2);
	world->lie_at = 2;
	world->lie_until = 3;
	assert_int_equal(finish(world, &proposal, NULL, &error), -EIO);
	assert_int_equal(error.code, ERROR_TX_VERIFY_FAILED);
	assert_int_equal(world->kernel[0], 0);
	assert_int_equal(core_resource_count(world->core), 0);
}

static void test_side_effect_of_a_later_step_is_mended(void **state)
{
	struct world *world = *state;
	struct proposal proposal;

	begin(&proposal);
	want(&proposal, "a", 1);
	want(&proposal, "b", 2);
	world->lie_at = 1;
	assert_int_equal(finish(world, &proposal, NULL, NULL), 0);
	assert_int_equal(world->kernel[0], 1);
	assert_int_equal(world->kernel[1], 2);
}

static void test_undo(void **state)
{
	struct world *world = *state;
	struct provenance who = {.owner = "tester", .reason = "no longer"};
	uint64_t first = put(world, "a", 1), second = put(world, "a", 2);
	struct error error;

	assert_true(transaction_undo(world->core, first, ASKER_ADMINISTRATOR, &who, false, NULL,
				     &error) < 0);
	assert_int_equal(error.code, ERROR_TX_NOT_UNDOABLE);
	assert_int_equal(transaction_undo(world->core, second, ASKER_ADMINISTRATOR, &who, false,
					  NULL, &error),
			 0);
	assert_int_equal(world->kernel[0], 1);
	assert_true(transaction_undo(world->core, second, ASKER_ADMINISTRATOR, &who, false, NULL,
				     &error) < 0);
}

static void test_undoing_is_undone(void **state)
{
	struct world *world = *state;
	struct provenance who = {.owner = "tester", .reason = "after all"};
	uint64_t first = put(world, "a", 1), second = put(world, "a", 2);
	struct outcome outcome = {0};
	struct error error;

	assert_true(second > first);
	assert_int_equal(transaction_undo(world->core, second, ASKER_ADMINISTRATOR, &who, false,
					  &outcome, &error),
			 0);
	assert_int_equal(world->kernel[0], 1);
	assert_int_equal(transaction_undo(world->core, outcome.transaction, ASKER_ADMINISTRATOR,
					  &who, false, NULL, &error),
			 0);
	assert_int_equal(world->kernel[0], 2);
	outcome_clear(&outcome);
}

static void test_undo_of_a_removal_brings_the_old_provenance_back(void **state)
{
	struct world *world = *state;
	struct provenance who = {.owner = "other", .reason = "mistake"};
	_cleanup_outcome_ struct outcome outcome = {0};
	struct proposal proposal;
	struct error error;

	put(world, "a", 1);
	begin(&proposal);
	assert_int_equal(proposal_remove(&proposal, "thing/a"), 0);
	assert_int_equal(finish(world, &proposal, &outcome, &error), 0);
	assert_int_equal(world->kernel[0], 0);
	assert_int_equal(transaction_undo(world->core, outcome.transaction, ASKER_ADMINISTRATOR,
					  &who, false, NULL, &error),
			 0);
	assert_int_equal(world->kernel[0], 1);
	assert_string_equal(core_resource(world->core, "thing/a")->provenance.owner, "tester");
}

static void test_children_follow_their_parent(void **state)
{
	struct world *world = *state;
	struct proposal proposal;
	struct error error;

	put(world, "a", 1);
	begin(&proposal);
	strcpy(proposal.parent, "thing/a");
	proposal.replaces_children = true;
	want(&proposal, "b", 2);
	want(&proposal, "c", 3);
	assert_int_equal(finish(world, &proposal, NULL, &error), 0);

	begin(&proposal);
	strcpy(proposal.parent, "thing/a");
	proposal.replaces_children = true;
	want(&proposal, "c", 3);
	assert_int_equal(finish(world, &proposal, NULL, &error), 0);
	assert_int_equal(world->kernel[1], 0);
	assert_int_equal(world->kernel[2], 3);

	begin(&proposal);
	assert_int_equal(proposal_remove(&proposal, "thing/a"), 0);
	assert_int_equal(finish(world, &proposal, NULL, &error), 0);
	assert_int_equal(world->kernel[2], 0);
	assert_int_equal(core_resource_count(world->core), 0);
}

/* Runs the loop until the value is there, 2 s at most. */
static void await(struct world *world, char name, uint32_t value)
{
	usec_t end = clock_boottime_usec() + 2 * USEC_PER_SEC;

	while (*place(world, &name) != value && clock_boottime_usec() < end)
		assert_true(sd_event_run(world->event, 10000) >= 0);
	assert_int_equal(*place(world, &name), value);
}

/* 0 removes it. */
static uint64_t put_unconfirmed(struct world *world, uint32_t value, usec_t within)
{
	_cleanup_outcome_ struct outcome outcome = {0};
	struct proposal proposal;
	struct error error;

	begin(&proposal);
	if (value)
		want(&proposal, "a", value);
	else
		assert_int_equal(proposal_remove(&proposal, "thing/a"), 0);
	proposal.confirm_within = within;
	assert_int_equal(finish(world, &proposal, &outcome, &error), 0);
	assert_int_equal(outcome.state, TRANSACTION_PENDING);
	return outcome.transaction;
}

static void test_unconfirmed_is_taken_back(void **state)
{
	struct world *world = *state;

	put(world, "a", 1);
	put_unconfirmed(world, 2, 30 * USEC_PER_MSEC);
	put(world, "b", 5);
	await(world, 'a', 1);
	assert_int_equal(world->kernel[1], 5);
}

static void test_unconfirmed_on_each_other_are_taken_back(void **state)
{
	struct world *world = *state;

	put(world, "a", 1);
	put_unconfirmed(world, 2, 20 * USEC_PER_MSEC);
	put_unconfirmed(world, 3, 30 * USEC_PER_MSEC);
	put_unconfirmed(world, 4, 60 * USEC_PER_MSEC);
	await(world, 'a', 1);
}

static void test_unconfirmed_on_each_other_leave_nothing(void **state)
{
	struct world *world = *state;

	put_unconfirmed(world, 2, 20 * USEC_PER_MSEC);
	put_unconfirmed(world, 3, 40 * USEC_PER_MSEC);
	await(world, 'a', 0);
	assert_null(core_resource(world->core, "thing/a"));
}

/* What the first took away comes back, whichever goes first. */
static void test_unconfirmed_removal_under_another_change_is_taken_back(void **state)
{
	struct world *world = *state;

	put(world, "a", 1);
	put_unconfirmed(world, 0, 20 * USEC_PER_MSEC);
	put_unconfirmed(world, 3, 40 * USEC_PER_MSEC);
	await(world, 'a', 1);
	put_unconfirmed(world, 0, 60 * USEC_PER_MSEC);
	put_unconfirmed(world, 3, 20 * USEC_PER_MSEC);
	await(world, 'a', 0);
	await(world, 'a', 1);
	put_unconfirmed(world, 0, 20 * USEC_PER_MSEC);
	put_unconfirmed(world, 3, 30 * USEC_PER_MSEC);
	put_unconfirmed(world, 0, 40 * USEC_PER_MSEC);
	put_unconfirmed(world, 4, 50 * USEC_PER_MSEC);
	await(world, 'a', 1);
	assert_string_equal(core_resource(world->core, "thing/a")->provenance.owner, "tester");
}

/* What somebody removed for good meanwhile does not. */
static void test_removal_that_is_committed_stays(void **state)
{
	struct world *world = *state;
	struct proposal proposal;

	put(world, "a", 1);
	put_unconfirmed(world, 0, 20 * USEC_PER_MSEC);
	put(world, "a", 2);
	begin(&proposal);
	assert_int_equal(proposal_remove(&proposal, "thing/a"), 0);
	assert_int_equal(finish(world, &proposal, NULL, NULL), 0);
	put_unconfirmed(world, 3, 40 * USEC_PER_MSEC);
	await(world, 'a', 0);
	assert_null(core_resource(world->core, "thing/a"));
}

static void test_unconfirmed_is_taken_back_after_a_restart(void **state)
{
	struct world *world = *state;

	put(world, "a", 1);
	put_unconfirmed(world, 2, 30 * USEC_PER_MSEC);
	world_close(world);
	usleep(40000);
	world_open(world);
	assert_int_equal(world->kernel[0], 1);
}

static void test_confirmed_stays(void **state)
{
	struct world *world = *state;
	uint64_t number = put_unconfirmed(world, 2, 30 * USEC_PER_MSEC);
	struct error error;

	assert_int_equal(transaction_confirm(world->core, number, &error), 0);
	assert_true(transaction_confirm(world->core, number, &error) < 0);
	assert_int_equal(error.code, ERROR_TX_NOT_PENDING);
	for (int i = 0; i < 6; i++)
		sd_event_run(world->event, 10000);
	assert_int_equal(world->kernel[0], 2);
}

static void test_expiry(void **state)
{
	struct world *world = *state;
	struct proposal proposal;
	struct error error;

	begin(&proposal);
	want(&proposal, "a", 1);
	proposal.expires = clock_realtime_usec() + 30 * USEC_PER_MSEC;
	assert_int_equal(finish(world, &proposal, NULL, &error), 0);
	assert_int_equal(world->kernel[0], 1);
	await(world, 'a', 0);
	assert_null(core_resource(world->core, "thing/a"));
}

static void test_restart_is_a_difference(void **state)
{
	struct world *world = *state;

	put(world, "a", 1);
	put(world, "b", 2);
	world_close(world);
	world->kernel[1] = 0;
	world->applied = 0;
	world_open(world);
	assert_int_equal(world->applied, 1);
	assert_int_equal(world->kernel[1], 2);
	assert_string_equal(core_resource(world->core, "thing/a")->provenance.owner, "tester");
}

static void test_refused_at_convergence_is_tried_again(void **state)
{
	struct world *world = *state;

	put(world, "a", 1);
	world->kernel[0] = 0;
	world->applied = 0;
	world->fail_at = 1;
	core_schedule_convergence(world->core, "test");
	await(world, 'a', 1);
	assert_true(world->applied >= 2);
}

static void test_history(void **state)
{
	struct world *world = *state;
	_cleanup_json_ json_t *page = NULL;
	struct error error;
	uint64_t last;

	put(world, "a", 1);
	last = put(world, "a", 2);
	assert_int_equal(transaction_history(world->core, 0, 10, true, &page, &error), 0);
	assert_int_equal(json_array_size(page), 2);
	assert_int_equal(json_member_integer(json_array_get(page, 0), "number", 0), last);
	assert_string_equal(json_member_text(json_array_get(page, 0), "state"), "committed");
}

static int refuse_everything(struct core *core, const struct plan *plan, void *userdata,
			     struct error *error)
{
	return plan_next_step(plan, NULL)
		       ? error_set(error, ERROR_GUARD_REFUSED, NULL, "the guard says no")
		       : 0;
}

static int refuse_removal_of_a(struct core *core, const struct plan *plan, void *userdata,
			       struct error *error)
{
	const struct step *step = NULL;

	while ((step = plan_next_step(plan, step)))
		if (!step->after && strcmp(step->id, "thing/a") == 0)
			return error_set(error, ERROR_GUARD_REFUSED, NULL, "a stays");
	return 0;
}

static void test_what_may_not_expire_holds_nothing_else(void **state)
{
	struct world *world = *state;
	struct guard_rail guard = {.name = "test", .summary = "", .check = refuse_removal_of_a};
	struct proposal proposal;
	struct error error;

	assert_int_equal(core_add_guard_rail(world->core, &guard), 0);
	begin(&proposal);
	proposal.expires = clock_realtime_usec() + 20 * USEC_PER_MSEC;
	want(&proposal, "a", 1);
	want(&proposal, "b", 2);
	assert_int_equal(finish(world, &proposal, NULL, &error), 0);
	await(world, 'b', 0);
	assert_non_null(core_resource(world->core, "thing/a"));
	assert_null(core_resource(world->core, "thing/b"));
}

static void test_guard_rail(void **state)
{
	struct world *world = *state;
	struct guard_rail guard = {.name = "test", .summary = "", .check = refuse_everything};
	struct proposal proposal;
	struct error error;

	assert_int_equal(core_add_guard_rail(world->core, &guard), 0);
	begin(&proposal);
	want(&proposal, "a", 1);
	assert_int_equal(finish(world, &proposal, NULL, &error), -EPERM);
	assert_int_equal(world->applied, 0);
	assert_null(core_resource(world->core, "thing/a"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_commit_and_provenance),
		TEST(test_same_again_changes_nothing),
		TEST(test_dry_run_changes_nothing),
		TEST(test_failure_at_every_step_rolls_back),
		TEST(test_kernel_that_lies_is_found_out),
		TEST(test_side_effect_of_a_later_step_is_mended),
		TEST(test_undo),
		TEST(test_undoing_is_undone),
		TEST(test_undo_of_a_removal_brings_the_old_provenance_back),
		TEST(test_children_follow_their_parent),
		TEST(test_unconfirmed_is_taken_back),
		TEST(test_unconfirmed_on_each_other_are_taken_back),
		TEST(test_unconfirmed_on_each_other_leave_nothing),
		TEST(test_unconfirmed_removal_under_another_change_is_taken_back),
		TEST(test_removal_that_is_committed_stays),
		TEST(test_unconfirmed_is_taken_back_after_a_restart),
		TEST(test_confirmed_stays),
		TEST(test_expiry),
		TEST(test_restart_is_a_difference),
		TEST(test_refused_at_convergence_is_tried_again),
		TEST(test_history),
		TEST(test_what_may_not_expire_holds_nothing_else),
		TEST(test_guard_rail),
	};

	if (unshare(CLONE_NEWNET) < 0) {
		perror("unshare");
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
