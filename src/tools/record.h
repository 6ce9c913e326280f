/* From a call to its line in the audit record: secrets taken out, long texts cut. */
#pragma once

#include "dispatch.h"

/* Appends the line of a call; `record` lacks only its input. Does nothing without `audit`. On
 * failure `error` is filled. */
void record_call(struct audit *audit, const struct dispatcher *dispatcher, const struct tool *tool,
		 const json_t *given, const struct audit_record *record, struct error *error);

/* A new value like `given` with every secret replaced: members that the table marks, and members
 * whose name sounds like one. NULL when memory is exhausted. */
json_t *record_redact(const struct dispatcher *dispatcher, const struct tool *tool,
		      const json_t *given);
