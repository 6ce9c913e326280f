/*
 * Any result of any tool, for people: objects as keys and values, lists of objects as tables.
 *
 * The order of keys and columns is the schema's, then the result's own. What does not fit the width
 * is cut; a table that would become unreadable is shown as one block a row.
 */
#pragma once

#include "output.h"

/* Prints `value`; `schema` is its JSON Schema, or NULL. Of well-known lists only the columns that
 * matter are shown. */
void render_value(const struct output *output, const json_t *value, const json_t *schema);

/* A value on one line; malloc()ed, NULL when memory is exhausted. `schema` gives units and times.
 */
char *render_line(const json_t *value, const json_t *schema);
