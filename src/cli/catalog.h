/*
 * The daemon's tools, as it lists them: an array of MCP tool objects.
 *
 * A tool `net.route_list` is reached by its words, "net route list", "net route_list" or
 * "net.route_list": dots, underscores, hyphens and the space between words are all the same.
 */
#pragma once

#include "base/base.h"

/* The tool of exactly this name, or NULL; borrowed. */
const json_t *catalog_find(const json_t *tools, const char *name);

/* The tool whose words are the first ones of `words`, the longest such; `ret_used` is how many
 * words it took. NULL for none. */
const json_t *catalog_match(const json_t *tools, int count, char *const *words, int *ret_used);

/* The tools whose words begin with all of `words` and go on: an array of borrowed members. */
json_t *catalog_below(const json_t *tools, int count, char *const *words);

/* The name that was most likely meant, or NULL. */
const char *catalog_nearest(const json_t *tools, const char *name);

const char *tool_name(const json_t *tool);    /* never NULL */
const json_t *tool_input(const json_t *tool); /* inputSchema, or NULL */
