/*
 * Reading and writing bytes from outside without a way to leave the buffer.
 *
 * A cursor reads forward through a borrowed buffer. Reading past the end returns zero and makes the
 * cursor fail for good, so a parser reads a whole structure and asks once, with cursor_ok().
 * Integers are in network byte order unless the name says otherwise. A writer is the same the other
 * way.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cursor {
	const uint8_t *data;
	size_t size;
	size_t offset;
	bool failed;
};

#define CURSOR(bytes, length) ((struct cursor){.data = (const uint8_t *)(bytes), .size = (length)})

static inline bool cursor_ok(const struct cursor *cursor)
{
	return !cursor->failed;
}

static inline size_t cursor_left(const struct cursor *cursor)
{
	return cursor->failed ? 0 : cursor->size - cursor->offset;
}

/* `length` bytes in place, borrowed from the buffer, or NULL when there are fewer. */
static inline const uint8_t *cursor_bytes(struct cursor *cursor, size_t length)
{
	const uint8_t *bytes;

	if (cursor->failed || length > cursor->size - cursor->offset) {
		cursor->failed = true;
		return NULL;
	}
	bytes = cursor->data + cursor->offset;
	cursor->offset += length;
	return bytes;
}

static inline void cursor_skip(struct cursor *cursor, size_t length)
{
	(void)cursor_bytes(cursor, length);
}

/* Copies `length` bytes out; zeroes `to` when there are fewer. */
static inline void cursor_copy(struct cursor *cursor, void *to, size_t length)
{
	const uint8_t *bytes = cursor_bytes(cursor, length);

	if (bytes)
		memcpy(to, bytes, length);
	else
		memset(to, 0, length);
}

static inline uint8_t cursor_u8(struct cursor *cursor)
{
	const uint8_t *b = cursor_bytes(cursor, 1);

	return b ? b[0] : 0;
}

static inline uint16_t cursor_u16(struct cursor *cursor)
{
	const uint8_t *b = cursor_bytes(cursor, 2);

	return b ? (uint16_t)(b[0] << 8 | b[1]) : 0;
}

static inline uint32_t cursor_u32(struct cursor *cursor)
{
	const uint8_t *b = cursor_bytes(cursor, 4);

	return b ? (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3] : 0;
}

/* A cursor over the next `length` bytes; failed when there are fewer. */
static inline struct cursor cursor_sub(struct cursor *cursor, size_t length)
{
	const uint8_t *bytes = cursor_bytes(cursor, length);
	struct cursor sub = CURSOR(bytes, bytes ? length : 0);

	sub.failed = !bytes;
	return sub;
}

struct writer {
	uint8_t *data;
	size_t size;
	size_t offset;
	bool failed;
};

#define WRITER(bytes, length) ((struct writer){.data = (uint8_t *)(bytes), .size = (length)})

static inline bool writer_ok(const struct writer *writer)
{
	return !writer->failed;
}

static inline void writer_put(struct writer *writer, const void *bytes, size_t length)
{
	if (writer->failed || length > writer->size - writer->offset) {
		writer->failed = true;
		return;
	}
	if (length)
		memcpy(writer->data + writer->offset, bytes, length);
	writer->offset += length;
}

static inline void writer_fill(struct writer *writer, uint8_t value, size_t length)
{
	if (writer->failed || length > writer->size - writer->offset) {
		writer->failed = true;
		return;
	}
	memset(writer->data + writer->offset, value, length);
	writer->offset += length;
}

static inline void writer_u8(struct writer *writer, uint8_t value)
{
	writer_put(writer, &value, 1);
}

static inline void writer_u16(struct writer *writer, uint16_t value)
{
	uint8_t b[2] = {(uint8_t)(value >> 8), (uint8_t)value};

	writer_put(writer, b, 2);
}

static inline void writer_u32(struct writer *writer, uint32_t value)
{
	uint8_t b[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
			(uint8_t)value};

	writer_put(writer, b, 4);
}
