/*
 * What a person or an agent reads when something is wrong.
 *
 * A function that can fail for a reason worth telling takes a `struct error *` last and fills it
 * beside its negative errno. The struct owns no memory; a caller keeps it on the stack. NULL is
 * allowed where the caller does not want the words.
 */
#pragma once

#include <errno.h>

#include "error_codes.h"
#include "macro.h"

enum error_code {
#define X(name, text, errnum, summary) ERROR_##name,
	ERROR_CODES(X)
#undef X
		_ERROR_CODE_MAX
};

struct error {
	enum error_code code;
	char parameter[64]; /* the offending parameter, or "" */
	char message[320];  /* what was wrong, one sentence */
	char hint[256];	    /* what to do about it, or "" */
	char guard[64];	    /* the guard rail that refused, or "" */
	char resource[176]; /* id of the resource that it is about: the counterexample, or "" */
};

/* Fills `error` (may be NULL; parameter may be NULL) and returns the code's negative errno. */
int error_set(struct error *error, enum error_code code, const char *parameter, const char *format,
	      ...) _printf_(4, 5);

/* Adds what to do about it. Returns nothing, so that it can stand before `return r`. */
void error_hint(struct error *error, const char *format, ...) _printf_(2, 3);

/* Adds which guard rail refused, and the change that it will not have: the id of a resource, or "".
 */
void error_counterexample(struct error *error, const char *guard, const char *resource);

/* What it says beside code and message: parameter, hint, guard and resource by `index` from 0, with
 * the member's name. The text may be ""; NULL behind the last. */
const char *error_member(const struct error *error, unsigned index, const char **ret_name);

/* The stable text of a code, such as "parameter.missing"; never NULL. */
const char *error_code_text(enum error_code code);

/* The negative errno of a code. */
int error_code_errno(enum error_code code);
