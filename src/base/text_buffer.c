#include "text_buffer.h"

#include <stdarg.h>
#include <stdint.h>
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

/* As jansson writes them. */
static void put_escaped(struct text_buffer *buffer, unsigned char c)
{
	static const char letters[0x20] = {
		['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};

	if (c >= 0x20)
		text_buffer_append(buffer, (char[]){'\\', (char)c}, 2);
	else if (letters[c])
		text_buffer_append(buffer, (char[]){'\\', letters[c]}, 2);
	else
		text_buffer_format(buffer, "\\u%04X", c);
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
		put_escaped(buffer, c);
	}
	text_buffer_append(buffer, text + plain, length - plain);
	text_buffer_append(buffer, "\"", 1);
}

static void put_integer(struct text_buffer *buffer, json_int_t value)
{
	/* The least one has no positive counterpart of its type. */
	uint64_t left = value < 0 ? -(uint64_t)value : (uint64_t)value;
	char digits[24], *at = digits + sizeof(digits);

	do
		*--at = (char)('0' + left % 10);
	while (left /= 10);
	if (value < 0)
		*--at = '-';
	text_buffer_append(buffer, at, (size_t)(digits + sizeof(digits) - at));
}

static int append_dumped(const char *text, size_t length, void *userdata)
{
	struct text_buffer *buffer = userdata;

	text_buffer_append(buffer, text, length);
	return buffer->failed ? -1 : 0;
}

static void put_object(struct text_buffer *buffer, json_t *object)
{
	const char *key, *separator = "{";
	json_t *member;

	json_object_foreach(object, key, member) {
		text_buffer_append(buffer, separator, 1);
		text_buffer_quote(buffer, key, strlen(key));
		text_buffer_append(buffer, ":", 1);
		text_buffer_json(buffer, member);
		separator = ",";
	}
	text_buffer_put(buffer, json_object_size(object) ? "}" : "{}");
}

static void put_array(struct text_buffer *buffer, const json_t *array)
{
	const json_t *item;
	size_t i;

	text_buffer_append(buffer, "[", 1);
	json_array_foreach(array, i, item) {
		if (i > 0)
			text_buffer_append(buffer, ",", 1);
		text_buffer_json(buffer, item);
	}
	text_buffer_append(buffer, "]", 1);
}

/* By hand, not by jansson, which notes every object to find one that contains itself: most of the
 * time that a large change takes goes into such text. */
void text_buffer_json(struct text_buffer *buffer, const json_t *value)
{
	switch (value ? (int)json_typeof(value) : -1) {
	case JSON_OBJECT:
		put_object(buffer, (json_t *)value);
		break;
	case JSON_ARRAY:
		put_array(buffer, value);
		break;
	case JSON_STRING:
		text_buffer_quote(buffer, json_string_value(value), json_string_length(value));
		break;
	case JSON_INTEGER:
		put_integer(buffer, json_integer_value(value));
		break;
	case JSON_TRUE:
		text_buffer_put(buffer, "true");
		break;
	case JSON_FALSE:
		text_buffer_put(buffer, "false");
		break;
	case JSON_NULL:
		text_buffer_put(buffer, "null");
		break;
	case JSON_REAL:
		if (json_dump_callback(value, append_dumped, buffer, JSON_ENCODE_ANY) == 0)
			break;
		/* fall through */
	default:
		buffer->failed = true;
	}
}

void text_buffer_consume(struct text_buffer *buffer, size_t length)
{
	buffer->length -= length;
	if (buffer->length > 0)
		memmove(buffer->data, buffer->data + length, buffer->length);
	else if (buffer->capacity > CAPACITY_KEPT)
		text_buffer_clear(buffer);
}
