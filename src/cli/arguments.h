/*
 * From the words of a command line to the typed arguments of a tool, as its inputSchema says.
 *
 * The schema decides only the type: ranges and meaning are the daemon's to judge, so that there is
 * one place that does. Errors: parameter.unknown, parameter.type, parameter.missing.
 */
#pragma once

#include "base/base.h"

/* One value of `schema` (a property's schema; NULL when nothing is known, then JSON's own notation
 * decides and all else is a string). A list is given by commas or as JSON. */
int argument_value(const json_t *schema, const char *name, const char *text, json_t **ret,
		   struct error *error);

/*
 * Arguments as pairs: key=value, key.member=value, key.0.member=value, key:=JSON. A repeated key
 * of a list appends to it.
 */
int arguments_parse_pairs(const json_t *schema, int count, char *const *words, json_t **ret,
			  struct error *error);

/*
 * Arguments as a command has them: --count 3, --count=3, --dry-run, --no-dry-run, key=value, and
 * words that fill the required parameters in their order. "--" ends the options.
 */
int arguments_parse_options(const json_t *schema, int count, char *const *words, json_t **ret,
			    struct error *error);

/* The schema of the property at `path` ("peers.0.key"), or NULL. */
const json_t *arguments_property(const json_t *schema, const char *path);

/* True for a property that needs no value on the command line. */
bool arguments_is_flag(const json_t *property);

/* True when the property's schema names the type, alone or among others. */
bool arguments_has_type(const json_t *property, const char *type);
