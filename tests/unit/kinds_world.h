/* A core with the link room's types, in a network namespace and a state directory of its own. */
#pragma once

#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "link/link.h"
#include "unit.h"

struct world {
	char directory[64];
	sd_event *event;
	struct core *core;
	struct link_manager *manager;
	struct error error;		  /* of the last transaction */
	bool configure_new;		  /* boot detection, from the next world_open() on */
	const struct resource_type *also; /* a type of the test's own, or NULL */
};

static inline void world_open(struct world *world)
{
	struct core_config config = {.state_directory = world->directory};
	struct link_manager_config manager = {.configure_new = world->configure_new};

	assert_int_equal(sd_event_new(&world->event), 0);
	assert_int_equal(core_new(&world->core, world->event, &config, &world->error), 0);
	assert_int_equal(link_manager_new(&world->manager, world->core, &manager), 0);
	if (world->also)
		assert_int_equal(core_register_type(world->core, world->also, world), 0);
	assert_int_equal(core_start(world->core, &world->error), 0);
	link_manager_start(world->manager);
}

static inline void world_close(struct world *world)
{
	link_manager_free(world->manager);
	core_free(world->core);
	sd_event_unref(world->event);
}

static inline int world_setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	strcpy(world->directory, "/tmp/aiosnet-kinds-XXXXXX");
	assert_non_null(mkdtemp(world->directory));
	world_open(world);
	*state = world;
	return 0;
}

static inline int world_teardown(void **state)
{
	struct world *world = *state;
	char command[128];

	world_close(world);
	snprintf(command, sizeof(command), "rm -rf %s", world->directory);
	assert_int_equal(system(command), 0);
	free(world);
	return 0;
}

/* One transaction that puts an array of [TYPE, SPEC] and removes those of [ID]. Returns its result;
 * `ret` may be NULL. */
static inline int world_run(struct world *world, const char *text, struct outcome *ret)
{
	_cleanup_proposal_ struct proposal proposal;
	_cleanup_json_ json_t *edits = json_loads(text, 0, NULL);
	const json_t *edit;
	size_t i;
	int r = 0;

	assert_non_null(edits);
	world->error = (struct error){0};
	proposal_init(&proposal, "test");
	strcpy(proposal.provenance.owner, "uid:0");
	json_array_foreach(edits, i, edit) {
		const char *name = json_string_value(json_array_get(edit, 0));

		if (json_array_size(edit) == 1)
			r = proposal_remove(&proposal, name);
		else
			r = proposal_put_json(world->core, &proposal, name,
					      json_incref(json_array_get(edit, 1)), &world->error);
		if (r < 0)
			return r;
	}
	return transaction_run(world->core, &proposal, false, ret, &world->error);
}

/* As world_run(); must succeed, and leave nothing waiting. Returns the transaction's number. */
static inline uint64_t world_put(struct world *world, const char *text)
{
	_cleanup_outcome_ struct outcome outcome = {0};

	if (world_run(world, text, &outcome) < 0)
		fail_msg("%s: %s (%s)", error_code_text(world->error.code), world->error.message,
			 text);
	assert_int_equal(json_array_size(outcome.waiting), 0);
	return outcome.transaction;
}

static inline void world_undo(struct world *world, uint64_t number)
{
	struct provenance provenance = {.owner = "uid:0"};

	if (transaction_undo(world->core, number, ASKER_ADMINISTRATOR, &provenance, false, NULL,
			     &world->error) < 0)
		fail_msg("%s", world->error.message);
}

/* Runs the event loop for a while: what is scheduled is done. */
static inline void world_settle(struct world *world)
{
	for (int i = 0; i < 20; i++)
		assert_true(sd_event_run(world->event, 5 * USEC_PER_MSEC) >= 0);
}

static inline const struct link *world_link(struct world *world, const char *name)
{
	return observed_link_by_name(core_observed(world->core), name);
}

/* A command in the namespace; its success, and what it does is in the mirror afterwards. */
static inline void world_shell(struct world *world, const char *command)
{
	if (system(command) != 0)
		fail_msg("%s", command);
	assert_int_equal(observed_drain(core_observed(world->core)), 0);
}

/* Does the command print the text? */
static inline bool world_shows(const char *command, const char *text)
{
	char output[16384];
	FILE *pipe = popen(command, "r");
	size_t length;

	assert_non_null(pipe);
	length = fread(output, 1, sizeof(output) - 1, pipe);
	output[length] = '\0';
	assert_true(pclose(pipe) >= 0);
	return strstr(output, text);
}

static inline void assert_refused(struct world *world, const char *text, const char *code,
				  const char *parameter)
{
	assert_true(world_run(world, text, NULL) < 0);
	assert_string_equal(error_code_text(world->error.code), code);
	assert_string_equal(world->error.parameter, parameter);
}
