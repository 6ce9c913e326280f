#include "error.h"

#include <stdarg.h>
#include <stdio.h>

static const struct {
	const char *text;
	int errnum;
} code_table[] = {
#define X(name, text, errnum, summary) [ERROR_##name] = {text, errnum},
	ERROR_CODES(X)
#undef X
};

int error_set(struct error *error, enum error_code code, const char *parameter, const char *format,
	      ...)
{
	va_list arguments;

	if (error) {
		error->code = code;
		snprintf(error->parameter, sizeof(error->parameter), "%s", parameter ?: "");
		error->hint[0] = error->guard[0] = error->resource[0] = '\0';
		va_start(arguments, format);
		vsnprintf(error->message, sizeof(error->message), format, arguments);
		va_end(arguments);
	}

	return -code_table[code].errnum;
}

void error_hint(struct error *error, const char *format, ...)
{
	va_list arguments;

	if (!error)
		return;

	va_start(arguments, format);
	vsnprintf(error->hint, sizeof(error->hint), format, arguments);
	va_end(arguments);
}

void error_counterexample(struct error *error, const char *guard, const char *resource)
{
	if (!error)
		return;
	snprintf(error->guard, sizeof(error->guard), "%s", guard);
	snprintf(error->resource, sizeof(error->resource), "%s", resource);
}

const char *error_member(const struct error *error, unsigned index, const char **ret_name)
{
	const struct {
		const char *name, *text;
	} members[] = {
		{"parameter", error->parameter},
		{"hint", error->hint},
		{"guard", error->guard},
		{"resource", error->resource},
	};

	if (index >= ARRAY_SIZE(members))
		return NULL;
	*ret_name = members[index].name;
	return members[index].text;
}

const char *error_code_text(enum error_code code)
{
	return code_table[code].text;
}

int error_code_errno(enum error_code code)
{
	return -code_table[code].errnum;
}
