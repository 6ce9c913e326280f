/* Words of a text in nft's language. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define TOKEN_MAX 128

/* Words, quoted text, and each of { } ; , = ! @ ( ) by itself; addresses, prefixes and ranges are
 * words. A line's end is a token ";". */
struct tokens {
	const char *at, *end;
	unsigned line;
	char text[TOKEN_MAX]; /* the present token, "" at the end */
	bool quoted;
	bool too_long; /* a word was cut */
};

void tokens_begin(struct tokens *tokens, const char *text, size_t size);
void tokens_next(struct tokens *tokens);
/* Is the present token this one? */
bool tokens_is(const struct tokens *tokens, const char *text);
/* The same, and goes on if it is. */
bool tokens_take(struct tokens *tokens, const char *text);
/* Goes behind the end of the present statement: a line's end or ';' outside of braces; or stands at
 * the '}' that closes the block around it. */
void tokens_skip_statement(struct tokens *tokens);
