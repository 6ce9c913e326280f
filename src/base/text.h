/* Text in buffers of fixed size. */
#pragma once

#include "macro.h"

/* Copies as much of `text` (NULL counts as "") as fits whole UTF-8 characters and the final NUL.
 * Returns true when nothing was cut. */
bool text_copy(char *buffer, size_t size, const char *text);
