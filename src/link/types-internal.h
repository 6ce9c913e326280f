/* What the resource types of this room share. */
#pragma once

#include "link.h"

/* What the kernel said of a failed request, in our words: kernel.refused, kernel.unsupported, ...
 */
int kernel_error(struct core *core, int r, const char *what, struct error *error);
