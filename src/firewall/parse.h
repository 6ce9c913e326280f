/*
 * From nft's language to a ruleset: the part of the language that ruleset.h can hold.
 */
#pragma once

#include "ruleset.h"

/* What of a text was not understood. */
struct parse_gap {
	unsigned line;	/* from 1 */
	char text[120]; /* the statement, cut */
};

/*
 * Reads one table. What is not understood is passed to `gap` and left out as a whole: a rule
 * without one of its matches would mean something else. A text whose structure cannot be followed
 * (a brace is missing) is -EBADMSG with `error` filled: ruleset.malformed and the line.
 *
 * A list of values makes a rule of each, in their order.
 */
int ruleset_parse(const char *text, size_t size, struct ruleset *ret,
		  void (*gap)(const struct parse_gap *gap, void *userdata), void *userdata,
		  struct error *error);
