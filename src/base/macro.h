/*
 * Small language helpers that every room uses: scope cleanup, ownership transfer, array sizes.
 *
 * A variable marked `_cleanup_(f)` is passed to `f(&variable)` when its scope ends. TAKE_PTR()
 * moves the value out and leaves NULL behind, so that the cleanup has nothing left to free.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(function)	__attribute__((cleanup(function)))
#define _printf_(string, first) __attribute__((format(printf, string, first)))

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#define TAKE_PTR(pointer)                                                                          \
	({                                                                                         \
		typeof(pointer) *_source = &(pointer);                                             \
		typeof(pointer) _taken = *_source;                                                 \
		*_source = NULL;                                                                   \
		_taken;                                                                            \
	})

#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int *_source = &(fd);                                                              \
		int _taken = *_source;                                                             \
		*_source = -1;                                                                     \
		_taken;                                                                            \
	})

/* Defines `name(type **)` for _cleanup_(), calling free_function on a pointer that is not NULL. */
#define DEFINE_CLEANUP(type, name, free_function)                                                  \
	static inline void name(type *pointer)                                                     \
	{                                                                                          \
		if (*pointer)                                                                      \
			free_function(*pointer);                                                   \
	}

static inline void cleanup_free(void *pointer)
{
	free(*(void **)pointer);
}

static inline void cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
