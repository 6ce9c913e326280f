/* Times as people read them: the time of day, and how long ago. */
#pragma once

#include "base/base.h"

/* Realtime of RFC 3339 text in UTC ("2026-03-01T12:00:00.123Z"), or of a number in microseconds; 0
 * for anything else. */
usec_t when_parse(const json_t *time);

/* Local time: "12:03:01.250" on the day of `now`, "Mar 01 12:03" in its year, else the date. */
const char *when_print(usec_t time, usec_t now, char *buffer, size_t size);

/* A span: "250 ms", "4.2 s", "3 min", "2 h 5 min", "4 d 3 h". */
const char *when_print_span(usec_t span, char *buffer, size_t size);
