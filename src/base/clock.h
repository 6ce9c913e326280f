/*
 * Time, in microseconds. Deadlines count on CLOCK_BOOTTIME: it never jumps, and it goes on while
 * the machine sleeps, as leases do. Only records for people carry the real time.
 */
#pragma once

#include <inttypes.h>
#include <stdint.h>

typedef uint64_t usec_t;

#define USEC_INFINITY UINT64_MAX
#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_PER_SEC  UINT64_C(1000000)

usec_t clock_boottime_usec(void);
usec_t clock_realtime_usec(void);

/* a + b without wrapping: USEC_INFINITY stays so. */
usec_t usec_add(usec_t a, usec_t b);

/* a - b, or 0 where b is later; USEC_INFINITY stays so. */
usec_t usec_sub(usec_t a, usec_t b);

/* Prints `realtime` as RFC 3339 in UTC with milliseconds; buffer of at least 32 bytes; returns it.
 */
const char *clock_print_realtime(usec_t realtime, char *buffer, unsigned size);

/* Reads RFC 3339 in UTC ("2030-01-31T12:00:00Z", with or without a fraction): 0 or -EINVAL. */
int clock_parse_realtime(const char *text, usec_t *ret);
