#include "text_buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CAPACITY_LEAST 512

/* An emptied buffer gives back what it grew beyond this. */
#define CAPACITY_KEPT 16384

void text_buffer_clear(struct text_buffer *buffer)
{
	free(buffer->data);
	*buffer = (struct text_buffer){0};
}

static bool reserve(struct text_buffer *buffer, size_t more)
{
	size_t wanted = buffer->length + more;
	size_t capacity = MAX(buffer->capacity, (size_t)CAPACITY_LEAST);
	char *data;

	if (buffer->failed)
		return false;
	if (wanted <= buffer->capacity)
		return true;
	while (capacity < wanted)
		capacity *= 2;
	data = realloc(buffer->data, capacity);
	if (!data) {
		buffer->failed = true;
		return false;
	}
	buffer->data = data;
	buffer->capacity = capacity;
	return true;
}

void text_buffer_append(struct text_buffer *buffer, const void *bytes, size_t length)
{
	if (length == 0 || !reserve(buffer, length))
		return;
	memcpy(buffer->data + buffer->length, bytes, length);
	buffer->length += length;
}

void text_buffer_put(struct text_buffer *buffer, const char *text)
{
	text_buffer_append(buffer, text, strlen(text));
}

void text_buffer_format(struct text_buffer *buffer, const char *format, ...)
{
	va_list arguments;
	char *text;
	int n;

	va_start(arguments, format);
	n = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (n < 0) {
		buffer->failed = true;
		return;
	}
	text_buffer_append(buffer, text, (size_t)n);
	free(text);
}

static int append_dumped(const char *text, size_t length, void *userdata)
{
	struct text_buffer *buffer = userdata;

	text_buffer_append(buffer, text, length);
	return buffer->failed ? -1 : 0;
}

void text_buffer_json(struct text_buffer *buffer, const json_t *value)
{
	if (!value ||
	    json_dump_callback(value, append_dumped, buffer, JSON_COMPACT | JSON_ENCODE_ANY) < 0)
		buffer->failed = true;
}

void text_buffer_quote(struct text_buffer *buffer, const char *text, size_t length)
{
	size_t plain = 0;

	text_buffer_append(buffer, "\"", 1);
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		text_buffer_append(buffer, text + plain, i - plain);
		plain = i + 1;
		if (c == '"' || c == '\\')
			text_buffer_append(buffer, (char[]){'\\', (char)c}, 2);
		else
			text_buffer_format(buffer, "\\u%04x", c);
	}
	text_buffer_append(buffer, text + plain, length - plain);
	text_buffer_append(buffer, "\"", 1);
}

void text_buffer_consume(struct text_buffer *buffer, size_t length)
{
	buffer->length -= length;
	if (buffer->length > 0)
		memmove(buffer->data, buffer->data + length, buffer->length);
	else if (buffer->capacity > CAPACITY_KEPT)
		text_buffer_clear(buffer);
}
