/*
 * Tables of fields at work: the JSON Schema they give, and what they say to a value.
 */
#pragma once

#include "descriptor.h"

/* A table and, where not NULL, a second one that belongs to every tool of a sort. */
struct field_tables {
	const struct field *own, *common;
};

/* The field at `index` of both tables in order, or NULL behind the last. */
const struct field *field_tables_at(const struct field_tables *tables, size_t index);

/* The JSON Schema (2020-12) of an object of these fields, or NULL when memory is exhausted. */
json_t *fields_schema(const struct field_tables *tables, bool output);

/* "integer", "IP address", ... as messages and documentation name the type. */
const char *field_type_text(enum field_type type);

/*
 * Checks `arguments` (NULL: none) and gives them with the defaults filled in: one reference more to
 * the same object, which is changed on the way. Of ten thousand members no copy is made.
 * Returns 0 or a negative errno with `error` filled: parameter.unknown, .missing, .type, .range,
 * address.invalid, prefix.invalid, prefix.host_bits, mac.invalid, name.invalid.
 */
int fields_validate(const struct field_tables *tables, json_t *arguments, json_t **ret,
		    struct error *error);

/* Checks that a result is what the table promises. 0, or -EINVAL with `error` filled. */
int fields_check_output(const struct field_tables *tables, const json_t *result,
			struct error *error);

/* The candidate that `text` was most likely meant to be, or NULL when none is near. Candidates are
 * given by `at(userdata, i)`, NULL behind the last. */
const char *nearest_name(const char *text, const char *(*at)(const void *userdata, size_t index),
			 const void *userdata);
