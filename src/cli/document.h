/*
 * Arguments from a file: the first word after a tool may be @FILE (@- is standard input), a JSON
 * object of the tool's arguments. Words after it add to them, or take their place.
 */
#pragma once

#include "base/base.h"

/* One of the parsers of arguments.h. */
typedef int (*arguments_parser_t)(const json_t *schema, int count, char *const *words, json_t **ret,
				  struct error *error);

/* As `parse`, with a document before the other words where there is one. */
int document_or_words(arguments_parser_t parse, const json_t *schema, int count, char *const *words,
		      json_t **ret, struct error *error);
