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
		error->hint[0] = '\0';
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

const char *error_code_text(enum error_code code)
{
	return code_table[code].text;
}

int error_code_errno(enum error_code code)
{
	return -code_table[code].errnum;
}
