/* All tools in one list, and the text of tools/list. */
#pragma once

#include "dispatch.h"

extern const struct tool_set *const all_tools[]; /* ended by NULL */

struct catalog;

/* Builds the pages of tools/list once. */
int catalog_new(struct catalog **ret, const struct dispatcher *dispatcher);
void catalog_free(struct catalog *catalog);
DEFINE_CLEANUP(struct catalog *, catalog_cleanup, catalog_free)

/* As mcp_backend.list_tools. */
int catalog_page(const struct catalog *catalog, const char *cursor, struct mcp_page *ret);

/* What tools/list says of one tool. */
json_t *catalog_describe(const struct tool *tool);
