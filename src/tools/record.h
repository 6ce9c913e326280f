/* From a call to its line in the audit record: secrets taken out. */
#pragma once

#include "dispatch.h"

/* Writes `given` with every secret replaced: members that the table marks, and members whose name
 * sounds like one. */
void record_redact(const struct dispatcher *dispatcher, const struct tool *tool,
		   const json_t *given, struct text_buffer *ret);
