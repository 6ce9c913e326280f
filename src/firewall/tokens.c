#include "tokens.h"

#include <string.h>

#include "base/base.h"

static bool is_single(char c)
{
	return strchr("{};,=!@()", c) != NULL;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void skip_space(struct tokens *tokens)
{
	while (tokens->at < tokens->end) {
		char c = *tokens->at;

		if (c == '#') {
			while (tokens->at < tokens->end && *tokens->at != '\n')
				tokens->at++;
		} else if (c == '\\' && tokens->at + 1 < tokens->end && tokens->at[1] == '\n') {
			tokens->at += 2;
			tokens->line++;
		} else if (is_space(c)) {
			tokens->at++;
		} else {
			return;
		}
	}
}

static void take_text(struct tokens *tokens, const char *from, const char *to)
{
	size_t length = (size_t)(to - from);

	tokens->too_long = length >= sizeof(tokens->text);
	length = MIN(length, sizeof(tokens->text) - 1);
	memcpy(tokens->text, from, length);
	tokens->text[length] = '\0';
}

static void take_quoted(struct tokens *tokens)
{
	const char *from = ++tokens->at;

	while (tokens->at < tokens->end && *tokens->at != '"' && *tokens->at != '\n')
		tokens->at++;
	take_text(tokens, from, tokens->at);
	tokens->quoted = true;
	if (tokens->at < tokens->end && *tokens->at == '"')
		tokens->at++;
}

static void take_word(struct tokens *tokens)
{
	const char *from = tokens->at;

	while (tokens->at < tokens->end && !is_space(*tokens->at) && *tokens->at != '\n' &&
	       *tokens->at != '"' && *tokens->at != '#' && !is_single(*tokens->at))
		tokens->at++;
	take_text(tokens, from, tokens->at);
}

void tokens_next(struct tokens *tokens)
{
	skip_space(tokens);
	tokens->quoted = false;
	tokens->too_long = false;
	if (tokens->at == tokens->end) {
		tokens->text[0] = '\0';
	} else if (*tokens->at == '\n') {
		tokens->at++;
		tokens->line++;
		strcpy(tokens->text, ";");
	} else if (*tokens->at == '"') {
		take_quoted(tokens);
	} else if (is_single(*tokens->at)) {
		tokens->at++;
		take_text(tokens, tokens->at - 1, tokens->at);
	} else {
		take_word(tokens);
	}
}

void tokens_begin(struct tokens *tokens, const char *text, size_t size)
{
	*tokens = (struct tokens){.at = text, .end = text + size, .line = 1};
	tokens_next(tokens);
}

bool tokens_is(const struct tokens *tokens, const char *text)
{
	return !tokens->quoted && strcmp(tokens->text, text) == 0;
}

bool tokens_take(struct tokens *tokens, const char *text)
{
	if (!tokens_is(tokens, text))
		return false;
	tokens_next(tokens);
	return true;
}

static bool at_end(const struct tokens *tokens)
{
	return !tokens->quoted && tokens->text[0] == '\0';
}

void tokens_skip_statement(struct tokens *tokens)
{
	unsigned depth = 0;

	while (!at_end(tokens)) {
		if (tokens_is(tokens, "{")) {
			depth++;
		} else if (tokens_is(tokens, "}")) {
			if (depth == 0)
				return;
			depth--;
		} else if (depth == 0 && tokens_take(tokens, ";")) {
			return;
		}
		tokens_next(tokens);
	}
}
