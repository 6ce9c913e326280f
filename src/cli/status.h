/* The result of net.status as the page that a person looks at. Whatever is absent is left out. */
#pragma once

#include "output.h"

/* `now` is the realtime that spans are counted from. */
void status_print(const struct output *output, const json_t *status, usec_t now);
