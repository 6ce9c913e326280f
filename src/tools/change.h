/*
 * Changing tools: what is common to them all, from a proposal to the answer.
 */
#pragma once

#include "fields.h"

extern const struct field change_parameters[]; /* reason, goal, expires_in, ... */
extern const struct field change_output[];
extern const struct field change_step_members[]; /* of a step in a result */

/*
 * Runs a tool's proposal as a transaction, or plans it only (`dry_run`, besides what the arguments
 * say). `arguments` are validated ones. 0 and the answer, or a negative errno with
 * `error` filled.
 */
int change_run(struct tool_call *call, const struct tool *tool, bool dry_run,
	       const struct proving *proving, json_t **ret, struct error *error);

/* The answer of an outcome. */
json_t *change_answer(const struct outcome *outcome);
char *change_summarise(const json_t *result);

/* As whom guard rails know the caller. */
enum asker change_asker(const struct tool_call *call);

/* "uid:1000", reason and goal of a call's arguments. */
void change_provenance(const struct tool_call *call, struct provenance *ret);

/* For tx.plan: another tool's arguments in place of the call's own. They are borrowed. */
const json_t *tool_call_replace_arguments(struct tool_call *call, const json_t *arguments);
const struct tool *tool_call_tool(const struct tool_call *call);
uid_t tool_call_uid(const struct tool_call *call);
pid_t tool_call_pid(const struct tool_call *call);
