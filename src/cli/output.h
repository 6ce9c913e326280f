/*
 * Text for people: what may reach a terminal, how wide it is there, and in which colour.
 *
 * Whatever the daemon says may hold bytes from the wire (a hostname of a DHCP server, a name of a
 * certificate). So everything is printed through output_text(), which lets no control character,
 * escape sequence or direction override through.
 */
#pragma once

#include <stdio.h>

#include "base/base.h"

enum style {
	STYLE_PLAIN,
	STYLE_BOLD,
	STYLE_DIM,
	STYLE_GOOD,
	STYLE_BAD,
	STYLE_WARN,
	STYLE_ACCENT,
	_STYLE_MAX
};

struct output {
	FILE *stream;
	bool terminal;
	bool color;
	bool unicode;	/* the other side takes more than ASCII */
	unsigned width; /* columns, 0 for no limit */
};

/* Looks at the stream and at the environment: NO_COLOR, TERM, COLUMNS, the locale. */
void output_init(struct output *output, FILE *stream, bool no_color);
/* Asks the terminal for its width again: it may have been resized. */
void output_measure(struct output *output);

/* Prints what is printable of `text`, the rest as a replacement character. */
void output_text(const struct output *output, enum style style, const char *text);
void output_printf(const struct output *output, enum style style, const char *format, ...)
	_printf_(3, 4);
void output_spaces(const struct output *output, unsigned count);
void output_newline(const struct output *output);

/* As output_text(), cut to `columns` with an ellipsis, and filled up with spaces: at the end, or
 * at the beginning when `right`. */
void output_cell(const struct output *output, enum style style, const char *text, unsigned columns,
		 bool right);

/* As output_text(), broken between words to fit the width; the cursor stands at column `indent`,
 * and further lines begin there. */
void output_wrapped(const struct output *output, enum style style, const char *text,
		    unsigned indent);

/* Columns that the text takes on a terminal. */
unsigned text_width(const char *text);

/* The least number of insertions, deletions and replacements from `a` to `b`, for "did you mean";
 * UINT_MAX for texts longer than 63 bytes. */
unsigned text_distance(const char *a, const char *b);
