/* What the kernel said of a failed request, in our words. */
#pragma once

#include "link.h"

/* `r` is the request's negative errno, `what` was refused ("adding the route to ..."). Fills
 * `error` (kernel.refused, kernel.unsupported, link.busy, link.unknown) and returns its negative
 * errno. */
int kernel_error(struct core *core, int r, const char *what, struct error *error);
