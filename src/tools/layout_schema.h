/* The layout document: {links, routes, rules}. */
#pragma once

#include "descriptor.h"

extern const struct field layout_members[];

/* tools_layout.c: proposes what a document says that layout_members describes. Whether links that
 * somebody else made are taken over is an argument of the call. */
struct proposal;
int layout_propose(struct tool_call *call, const json_t *document, struct proposal *proposal,
		   struct error *error);

/* tools_export.c: does the document speak of it? Of a guard rail, for one, it does not. */
bool layout_has_place(const struct resource *resource);
