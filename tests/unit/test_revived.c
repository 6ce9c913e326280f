/* What waited for a link is part of the plan that makes it. */
#include "kinds_world.h"

#define MAKES                                                                                      \
	"[\"device\",{\"name\":\"v0\",\"kind\":\"veth\",\"veth\":{\"peer\":\"v1\"}}],"             \
	"[\"link\",{\"name\":\"v0\",\"up\":true}],[\"link\",{\"name\":\"v1\",\"up\":true}]"
#define ADDRESS "[\"address\",{\"link\":\"v0\",\"address\":\"192.0.2.1/24\"}]"
#define ROUTE                                                                                      \
	"[\"route\",{\"link\":\"v0\",\"destination\":\"198.51.100.0/"                              \
	"24\",\"gateway\":\"192.0.2.9\"}]"
/* Fails when it is applied. */
#define IMPOSSIBLE                                                                                 \
	"[\"route\",{\"link\":\"v0\",\"destination\":\"203.0.113.0/"                               \
	"24\",\"gateway\":\"10.9.9.9\"}]"
#define UPON "[\"device\",{\"name\":\"m0\",\"kind\":\"macvlan\",\"macvlan\":{\"parent\":\"v0\"}}]"

static void put_waiting(struct world *world, const char *text, size_t count)
{
	_cleanup_outcome_ struct outcome outcome = {0};

	assert_int_equal(world_run(world, text, &outcome), 0);
	assert_int_equal(json_array_size(outcome.waiting), count);
}

static bool has_step(const json_t *steps, const char *id)
{
	const json_t *step;
	size_t i;

	json_array_foreach(steps, i, step)
		if (strcmp(json_member_text(step, "resource"), id) == 0)
			return true;
	return false;
}

static const struct resource *intended(struct world *world, const char *id)
{
	const struct resource *resource = core_resource(world->core, id);

	assert_non_null(resource);
	return resource;
}

static void test_what_waited_is_among_the_steps(void **state)
{
	struct world *world = *state;
	_cleanup_outcome_ struct outcome outcome = {0};
	const char *route = "route/254/198.51.100.0/24/0";
	uint64_t number;

	put_waiting(world, "[" ADDRESS "," ROUTE "]", 2);
	number = intended(world, route)->transaction;
	assert_int_equal(world_run(world, "[" MAKES "]", &outcome), 0);
	assert_true(has_step(outcome.steps, route));
	assert_true(has_step(outcome.steps, "address/v0/192.0.2.1/24"));
	assert_true(world_shows("ip route", "198.51.100.0/24 via 192.0.2.9 dev v0"));
	/* It stays what it was: put by another transaction, and not undone with this one. */
	assert_true(intended(world, route)->transaction == number);
	assert_true(intended(world, route)->stands);
	world_undo(world, outcome.transaction);
	assert_null(world_link(world, "v0"));
	assert_true(intended(world, route)->transaction == number);
}

static void test_what_waited_is_rolled_back_with_the_rest(void **state)
{
	struct world *world = *state;

	put_waiting(world, "[" ADDRESS "," ROUTE "]", 2);
	assert_true(world_run(world, "[" MAKES "," IMPOSSIBLE "]", NULL) < 0);
	assert_null(world_link(world, "v0"));
	assert_false(world_shows("ip route", "198.51.100.0/24"));
	world_put(world, "[" MAKES "]");
	assert_true(world_shows("ip route", "198.51.100.0/24 via 192.0.2.9 dev v0"));
}

static void test_what_the_kernel_refuses_hinders_nobody(void **state)
{
	struct world *world = *state;

	put_waiting(world, "[" ADDRESS "," IMPOSSIBLE "]", 2);
	world_put(world, "[" MAKES "]");
	assert_non_null(world_link(world, "v0"));
	world_settle(world);
	assert_true(world_shows("ip addr show dev v0", "192.0.2.1/24"));
	assert_true(intended(world, "route/254/203.0.113.0/24/0")->trouble[0]);
}

static void test_what_waits_for_what_waits(void **state)
{
	struct world *world = *state;

	put_waiting(world,
		    "[" UPON ",[\"link\",{\"name\":\"m0\",\"up\":true}],"
		    "[\"address\",{\"link\":\"m0\",\"address\":\"192.0.2.7/24\"}]]",
		    3);
	world_put(world, "[" MAKES "]");
	assert_non_null(world_link(world, "m0"));
	assert_true(world_shows("ip addr show dev m0", "192.0.2.7/24"));
}

static void test_link_that_is_switched_on_brings_what_waited(void **state)
{
	struct world *world = *state;
	_cleanup_outcome_ struct outcome outcome = {0};

	world_put(world, "[" MAKES "," ADDRESS "]");
	world_put(world, "[[\"link\",{\"name\":\"v0\",\"up\":false}]]");
	put_waiting(world, "[" ROUTE "]", 1);
	assert_int_equal(world_run(world, "[[\"link\",{\"name\":\"v0\",\"up\":true}]]", &outcome),
			 0);
	assert_true(has_step(outcome.steps, "route/254/198.51.100.0/24/0"));
	assert_true(world_shows("ip route", "198.51.100.0/24 via 192.0.2.9 dev v0"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_what_waited_is_among_the_steps),
		TEST(test_what_waited_is_rolled_back_with_the_rest),
		TEST(test_what_the_kernel_refuses_hinders_nobody),
		TEST(test_what_waits_for_what_waits),
		TEST(test_link_that_is_switched_on_brings_what_waited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
