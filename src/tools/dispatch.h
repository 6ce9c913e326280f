/*
 * From a tool's name and arguments to an answer: the same way for every tool.
 *
 *     look up -> role -> calls under way -> validate -> [record "begin"] -> run -> check the result
 *     -> record "call" -> answer
 *
 * A call is answered once, unless its client cancels it. A tool that finishes later is stopped when
 * its time limit is over, and the caller then gets tool.timeout.
 */
#pragma once

#include "audit.h"
#include "descriptor.h"
#include "mcp.h"

struct dispatcher;
struct proof;

/* Who asks, by the kernel's word. */
struct caller {
	uid_t uid;
	gid_t gid;
	pid_t pid;
	enum tool_role role;
};

/* Where answers go. `result` is borrowed for the call. */
struct dispatch_client {
	void (*finish)(void *userdata, const struct mcp_result *result);
	void (*progress)(void *userdata, double progress, double total, const char *message);
	void *userdata;
	const char *name; /* its own claim, for the record; borrowed for dispatcher_call() only */
};

/* `sets` and `audit` (may be NULL) are borrowed, `services` is copied. */
int dispatcher_new(struct dispatcher **ret, struct core *core, sd_event *event,
		   const struct tool_set *const *sets, const struct tool_services *services,
		   struct audit *audit);

/* No call may be under way. */
void dispatcher_free(struct dispatcher *dispatcher);
DEFINE_CLEANUP(struct dispatcher *, dispatcher_cleanup, dispatcher_free)

/* The tool at `index` in the order of the sets, or NULL behind the last; and by name. */
const struct tool *dispatcher_tool_at(const struct dispatcher *dispatcher, size_t index);
const struct tool *dispatcher_tool(const struct dispatcher *dispatcher, const char *name,
				   struct error *error);

/*
 * Calls a tool; `arguments` (may be NULL, or of any type) are borrowed and their defaults
 * filled in, `client` is copied. Returns 0
 * with `ret` the call under way, or NULL there when it was answered already; -ENOENT with
 * `error` filled when there is no such tool: then nothing was called.
 */
int dispatcher_call(struct dispatcher *dispatcher, const struct caller *caller,
		    const struct dispatch_client *client, const char *name, json_t *arguments,
		    struct tool_call **ret, struct error *error);

/* Stops a call; it is recorded, and not answered. */
void dispatcher_cancel(struct tool_call *call);

/* ---- for tools ---- */

struct dispatcher *tool_call_dispatcher(const struct tool_call *call);

/* The first of the proofs under way (change_proved.c), which keeps their list. */
struct proof **dispatcher_proofs(struct dispatcher *dispatcher);

/* The tables of a tool with what is common to all of its sort. */
struct field_tables tool_parameters(const struct tool *tool);
struct field_tables tool_output(const struct tool *tool);

/* What a change's record names; told by the common code of changing tools. */
void tool_call_note_transaction(struct tool_call *call, uint64_t transaction);
