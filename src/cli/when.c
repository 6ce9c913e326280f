#include "when.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define MINUTE (60 * USEC_PER_SEC)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

usec_t when_parse(const json_t *time)
{
	const char *text = json_string_value(time), *rest;
	struct tm parts = {0};
	time_t seconds;
	usec_t fraction = 0;

	if (json_is_integer(time))
		return json_integer_value(time) > 0 ? (usec_t)json_integer_value(time) : 0;
	rest = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &parts) : NULL;
	if (!rest)
		return 0;
	if (*rest == '.') {
		usec_t unit = USEC_PER_SEC / 10;

		for (rest++; *rest >= '0' && *rest <= '9'; rest++, unit /= 10)
			fraction += (usec_t)(*rest - '0') * unit;
	}
	if (strcmp(rest, "Z") != 0 && strcmp(rest, "+00:00") != 0)
		return 0;
	seconds = timegm(&parts);
	return seconds < 0 ? 0 : (usec_t)seconds * USEC_PER_SEC + fraction;
}

const char *when_print(usec_t time, usec_t now, char *buffer, size_t size)
{
	time_t seconds = (time_t)(time / USEC_PER_SEC), today = (time_t)(now / USEC_PER_SEC);
	struct tm parts, present;
	char text[32];

	localtime_r(&seconds, &parts);
	localtime_r(&today, &present);
	if (parts.tm_year == present.tm_year && parts.tm_yday == present.tm_yday) {
		strftime(text, sizeof(text), "%H:%M:%S", &parts);
		snprintf(buffer, size, "%s.%03u", text, (unsigned)(time / USEC_PER_MSEC % 1000));
	} else if (parts.tm_year == present.tm_year) {
		strftime(buffer, size, "%b %d %H:%M", &parts);
	} else {
		strftime(buffer, size, "%Y-%m-%d", &parts);
	}
	return buffer;
}

/* Two units, the second left out when it is nothing. */
static void print_two(char *buffer, size_t size, usec_t span, usec_t large, const char *large_name,
		      usec_t small, const char *small_name)
{
	usec_t rest = span % large / small;

	if (rest)
		snprintf(buffer, size, "%" PRIu64 " %s %" PRIu64 " %s", span / large, large_name,
			 rest, small_name);
	else
		snprintf(buffer, size, "%" PRIu64 " %s", span / large, large_name);
}

const char *when_print_span(usec_t span, char *buffer, size_t size)
{
	if (span < 10 * USEC_PER_MSEC)
		snprintf(buffer, size, "%.1f ms", (double)span / USEC_PER_MSEC);
	else if (span < USEC_PER_SEC)
		snprintf(buffer, size, "%" PRIu64 " ms", span / USEC_PER_MSEC);
	else if (span < 10 * USEC_PER_SEC)
		snprintf(buffer, size, "%.1f s", (double)span / USEC_PER_SEC);
	else if (span < MINUTE)
		snprintf(buffer, size, "%" PRIu64 " s", span / USEC_PER_SEC);
	else if (span < HOUR)
		print_two(buffer, size, span, MINUTE, "min", USEC_PER_SEC, "s");
	else if (span < DAY)
		print_two(buffer, size, span, HOUR, "h", MINUTE, "min");
	else
		print_two(buffer, size, span, DAY, "d", HOUR, "h");
	return buffer;
}
