/*
 * Text that grows: what is sent and what is recorded is written once, without a tree in between.
 *
 * Appending after memory was exhausted does nothing; who builds a text asks once, at its end, with
 * text_buffer_ok().
 */
#pragma once

#include <jansson.h>

#include "macro.h"

struct text_buffer {
	char *data; /* not ended by NUL */
	size_t length, capacity;
	bool failed;
};

void text_buffer_clear(struct text_buffer *buffer);
#define _cleanup_text_buffer_ _cleanup_(text_buffer_clear)

static inline bool text_buffer_ok(const struct text_buffer *buffer)
{
	return !buffer->failed;
}

void text_buffer_append(struct text_buffer *buffer, const void *bytes, size_t length);
void text_buffer_put(struct text_buffer *buffer, const char *text);
void text_buffer_format(struct text_buffer *buffer, const char *format, ...) _printf_(2, 3);

/* Appends a value as compact JSON on one line. */
void text_buffer_json(struct text_buffer *buffer, const json_t *value);

/* Appends UTF-8 as a JSON string, quotes included. */
void text_buffer_quote(struct text_buffer *buffer, const char *text, size_t length);

/* Drops `length` bytes from the front. */
void text_buffer_consume(struct text_buffer *buffer, size_t length);
