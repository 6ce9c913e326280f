#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "clock.h"

static struct {
	enum log_level level;
	bool service;
} settings = {LOG_LEVEL_INFO, false};

static const char *const level_names[] = {
	[LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_WARNING] = "warning", [LOG_LEVEL_NOTICE] = "notice",
	[LOG_LEVEL_INFO] = "info",   [LOG_LEVEL_DEBUG] = "debug",
};

void log_setup(enum log_level level, bool service)
{
	settings.level = level;
	settings.service = service;
}

bool log_enabled(enum log_level level)
{
	return level <= settings.level;
}

void log_write(enum log_level level, const char *format, ...)
{
	char line[1024];
	int saved = errno, offset, length;
	va_list arguments;

	if (settings.service) {
		offset = snprintf(line, sizeof(line), "<%d>", level);
	} else {
		usec_t now = clock_boottime_usec();

		offset = snprintf(line, sizeof(line), "%6llu.%06llu %-7s ",
				  (unsigned long long)(now / USEC_PER_SEC),
				  (unsigned long long)(now % USEC_PER_SEC), level_names[level]);
	}

	va_start(arguments, format);
	length = vsnprintf(line + offset, sizeof(line) - offset - 1, format, arguments);
	va_end(arguments);
	if (length > (int)sizeof(line) - offset - 2)
		length = sizeof(line) - offset - 2;

	/* A message may quote what came from the wire: no line breaks, no terminal control. */
	for (char *c = line + offset; c < line + offset + length; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	line[offset + length] = '\n';

	/* Nobody is left to tell when stderr itself fails. */
	if (write(STDERR_FILENO, line, offset + length + 1) < 0)
		settings.level = LOG_LEVEL_ERROR;
	errno = saved;
}
