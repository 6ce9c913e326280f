/* Text in buffers of fixed size. */
#pragma once

#include "macro.h"

/* Copies as much of `text` (NULL counts as "") as fits whole UTF-8 characters and the final NUL.
 * Returns true when nothing was cut. */
bool text_copy(char *buffer, size_t size, const char *text);

/* A list of texts in a buffer that starts zeroed: one behind the other, each with its NUL. Adds one
 * behind the `*count` that are there, or returns false and leaves it where there is no room. */
bool text_list_add(char *list, size_t size, unsigned *count, const char *text);
/* The text at `index`, which is below the list's count. */
const char *text_list_at(const char *list, unsigned index);
