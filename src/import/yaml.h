/*
 * YAML as a tree that knows its lines. A node is a JSON object {"file", "line"} and one of "text",
 * "list" (of nodes) and "map" (of nodes): so jansson owns and looks up.
 */
#pragma once

#include "internal.h"

/* Reads a file. Returns 0 with the tree (NULL for an empty file), 1 where it is not YAML or too
 * deep, which is then in the list of `import`; or -ENOMEM. */
int yaml_read(struct import *import, const struct import_file *file, json_t **ret);

/* Lays `above` over `*below` (NULL for nothing): maps are joined, lists appended, all else
 * replaced. */
void yaml_lay_over(struct import *import, json_t **below, json_t *above);

const char *yaml_text(const json_t *node);   /* NULL for lists and maps */
const json_t *yaml_list(const json_t *node); /* NULL for what is none */
const json_t *yaml_map(const json_t *node);  /* likewise */
const char *yaml_file(const json_t *node);
unsigned yaml_line(const json_t *node);
