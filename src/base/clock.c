#include "clock.h"

#include <errno.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

static usec_t clock_read(clockid_t id)
{
	struct timespec time;

	/* Both clocks exist on every kernel that this program runs on: the call cannot fail. */
	clock_gettime(id, &time);
	return (usec_t)time.tv_sec * USEC_PER_SEC + (usec_t)time.tv_nsec / 1000;
}

usec_t clock_boottime_usec(void)
{
	return clock_read(CLOCK_BOOTTIME);
}

usec_t clock_realtime_usec(void)
{
	return clock_read(CLOCK_REALTIME);
}

usec_t usec_add(usec_t a, usec_t b)
{
	return a > USEC_INFINITY - b ? USEC_INFINITY : a + b;
}

usec_t usec_sub(usec_t a, usec_t b)
{
	if (a == USEC_INFINITY)
		return USEC_INFINITY;
	return a > b ? a - b : 0;
}

const char *clock_print_realtime(usec_t realtime, char *buffer, unsigned size)
{
	time_t seconds = (time_t)(realtime / USEC_PER_SEC);
	struct tm parts;
	char date[24];

	gmtime_r(&seconds, &parts);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &parts);
	snprintf(buffer, size, "%s.%03uZ", date, (unsigned)(realtime / 1000 % 1000));
	return buffer;
}

int clock_parse_realtime(const char *text, usec_t *ret)
{
	struct tm parts = {0};
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
	usec_t fraction = 0, unit = USEC_PER_SEC;
	time_t seconds;

	if (!rest)
		return -EINVAL;
	if (*rest == '.')
		for (rest++; *rest >= '0' && *rest <= '9'; rest++) {
			unit /= 10;
			fraction += unit * (usec_t)(*rest - '0');
		}
	seconds = timegm(&parts);
	if (strcmp(rest, "Z") != 0 || seconds < 0)
		return -EINVAL;
	*ret = (usec_t)seconds * USEC_PER_SEC + fraction;
	return 0;
}
