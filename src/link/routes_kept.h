/*
 * Routes that outlive the last address of their link.
 *
 * With the last IPv4 address of a link the kernel takes away all its IPv4 routes (fib_frontend.c,
 * fib_inetaddr_event()), also those that need no address there, whoever made them. Those are put
 * back at once, as the kernel itself told them: the mirror knows neither all that a route may say
 * nor all routes.
 */
#pragma once

#include "link.h"

struct routes_kept {
	uint8_t *messages; /* owned: one after the other, aligned, as they are sent again */
	size_t length;
};

void routes_kept_clear(struct routes_kept *kept);

/*
 * Fills `ret` with the routes that would go with the address `prefix` of the link, and need not:
 * nothing unless it is the last one of IPv4. `ret` is to be cleared also after an error. Returns 0
 * or a negative errno.
 */
int routes_kept_collect(struct core *core, int link, const struct ip_prefix *prefix,
			struct routes_kept *ret);

/* The same with all routes of the link but those that follow from its addresses: for what may take
 * more away. Where they stay, they are not put back. */
int routes_kept_collect_all(struct core *core, int link, struct routes_kept *ret);

/* Puts them back, behind others of one destination and metric. One whose next hop is not reached
 * any more, or whose place somebody took meanwhile, stays away. Returns 0 or the negative errno of
 * the first that was refused for something else. */
int routes_kept_put_back(struct core *core, const struct routes_kept *kept);
