#include "parse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "field.h"
#include "parse-internal.h"
#include "phrase.h"

struct parser {
	struct tokens tokens;
	struct ruleset *ruleset;
	void (*gap)(const struct parse_gap *gap, void *userdata);
	void *userdata;
};

static const struct {
	const char *text;
	uint8_t family;
} families[] = {{"inet", NFPROTO_INET}, {"ip", NFPROTO_IPV4}, {"ip6", NFPROTO_IPV6}};

static const struct {
	const char *text;
	enum packet_hook hook;
} hooks[] = {
	{"prerouting", HOOK_PREROUTING},   {"input", HOOK_INPUT},
	{"forward", HOOK_FORWARD},	   {"output", HOOK_OUTPUT},
	{"postrouting", HOOK_POSTROUTING},
};

static const struct {
	const char *text;
	int priority;
} priorities[] = {{"raw", CHAIN_PRIORITY_RAW},
		  {"mangle", -150},
		  {"dstnat", CHAIN_PRIORITY_DNAT},
		  {"filter", 0},
		  {"security", 50},
		  {"srcnat", CHAIN_PRIORITY_SNAT}};

/* Types of keys, as fields of that type. */
static const uint8_t key_fields[] = {FIELD_SOURCE4, FIELD_SOURCE6, FIELD_PROTOCOL,
				     FIELD_DESTINATION_PORT, FIELD_IN_LINK};

/* Goes back to where the statement began, tells of it, and goes on behind it. */
static void leave_out(struct parser *parser, const struct tokens *from)
{
	struct parse_gap gap = {.line = from->line};
	const char *begin = from->at - strlen(from->text);
	size_t length = strcspn(begin, "\n;");

	snprintf(gap.text, sizeof(gap.text), "%.*s",
		 (int)MIN(length, (size_t)(parser->tokens.end - begin)), begin);
	if (parser->gap)
		parser->gap(&gap, parser->userdata);
	parser->tokens = *from;
	tokens_skip_statement(&parser->tokens);
}

static bool take_name(struct parser *parser, char ret[RULESET_NAME_MAX])
{
	if (!parser->tokens.text[0] || strlen(parser->tokens.text) >= RULESET_NAME_MAX)
		return false;
	snprintf(ret, RULESET_NAME_MAX, "%s", parser->tokens.text);
	tokens_next(&parser->tokens);
	return true;
}

/* ---- sets ---- */

static int take_type(struct parser *parser, struct filter_set *set)
{
	struct tokens *tokens = &parser->tokens;

	do {
		size_t i = 0;

		while (i < ARRAY_SIZE(key_fields) &&
		       !tokens_is(tokens, field_of(key_fields[i])->type_text))
			i++;
		if (i == ARRAY_SIZE(key_fields) || set->field_count == MATCH_FIELDS_MAX)
			return -EINVAL;
		set->fields[set->field_count++] = key_fields[i];
		tokens_next(tokens);
	} while (tokens_take(tokens, "."));
	return 0;
}

static int take_flags(struct parser *parser, struct filter_set *set)
{
	struct tokens *tokens = &parser->tokens;

	do {
		if (tokens_take(tokens, "interval"))
			set->intervals = true;
		else if (tokens_take(tokens, "timeout"))
			set->timeouts = true;
		else if (!tokens_take(tokens, "constant") && !tokens_take(tokens, "dynamic"))
			return -EINVAL;
	} while (tokens_take(tokens, ","));
	return 0;
}

/* The lowest and the highest value of what a match of one field takes. */
static void match_ends(const struct match *match, struct packet_value *ret_low,
		       struct packet_value *ret_high)
{
	struct packet_value most = packet_value_most(match->fields[0]);

	if (match->kind == MATCH_RANGE) {
		*ret_low = match->range.low;
		*ret_high = match->range.high;
		return;
	}
	*ret_low = match->bits.value;
	for (unsigned i = 0; i < PACKET_VALUE_MAX; i++)
		ret_high->bytes[i] = match->bits.value.bytes[i] |
				     (uint8_t)(~match->bits.mask.bytes[i] & most.bytes[i]);
}

static int take_element(struct parser *parser, struct filter_set *set)
{
	struct filter_element *element = filter_set_add_element(set);

	if (!element)
		return -ENOMEM;
	for (unsigned i = 0; i < set->field_count; i++) {
		struct phrase phrase = {.field = set->fields[i]};
		struct match match = {0};

		if ((i > 0 && !tokens_take(&parser->tokens, ".")) ||
		    phrase_value(&parser->tokens, &phrase, &match) < 0) {
			set->element_count--;
			return -EINVAL;
		}
		match_ends(&match, &element->low[i], &element->high[i]);
	}
	return 0;
}

static int take_elements(struct parser *parser, struct filter_set *set)
{
	struct tokens *tokens = &parser->tokens;
	int r = 0;

	if (!tokens_take(tokens, "=") || !tokens_take(tokens, "{"))
		return -EINVAL;
	while (r >= 0 && !tokens_take(tokens, "}")) {
		if (tokens_take(tokens, ",") || tokens_take(tokens, ";"))
			continue;
		r = take_element(parser, set);
	}
	return r;
}

static int set_line(struct parser *parser, struct filter_set *set)
{
	struct tokens *tokens = &parser->tokens;

	if (tokens_take(tokens, "type"))
		return take_type(parser, set);
	if (tokens_take(tokens, "flags"))
		return take_flags(parser, set);
	if (tokens_take(tokens, "elements"))
		return take_elements(parser, set);
	if (tokens_take(tokens, "counter")) {
		set->counters = true;
		return 0;
	}
	if (tokens_take(tokens, "auto-merge"))
		return 0;
	if (tokens_take(tokens, "size")) {
		tokens_next(tokens);
		return 0;
	}
	return -EINVAL;
}

/* ---- blocks ---- */

static int chain_type(struct parser *parser, struct filter_chain *chain)
{
	struct tokens *tokens = &parser->tokens;
	size_t i = 0;

	chain->nat = tokens_is(tokens, "nat");
	tokens_next(tokens);
	if (!tokens_take(tokens, "hook"))
		return -EINVAL;
	while (i < ARRAY_SIZE(hooks) && !tokens_is(tokens, hooks[i].text))
		i++;
	chain->hook = i < ARRAY_SIZE(hooks) ? hooks[i].hook : HOOK_OTHER;
	tokens_next(tokens);
	if (!tokens_take(tokens, "priority"))
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(priorities); i++)
		if (tokens_is(tokens, priorities[i].text))
			break;
	chain->priority = i < ARRAY_SIZE(priorities) ? priorities[i].priority : atoi(tokens->text);
	tokens_next(tokens);
	return 0;
}

static int chain_line(struct parser *parser, struct filter_chain *chain)
{
	struct tokens *tokens = &parser->tokens;

	if (tokens_take(tokens, "type"))
		return chain_type(parser, chain);
	if (tokens_take(tokens, "policy")) {
		chain->drops = tokens_is(tokens, "drop");
		tokens_next(tokens);
		return 0;
	}
	return parse_rule(tokens, chain);
}

/* Passes the lines of a block on to `line` of `object`: what it does not understand is a gap. */
#define TAKE_BLOCK(parser, line, object)                                                           \
	({                                                                                         \
		int _r = tokens_take(&(parser)->tokens, "{") ? 0 : -EBADMSG;                       \
		while (_r >= 0 && !tokens_take(&(parser)->tokens, "}")) {                          \
			struct tokens _from = (parser)->tokens;                                    \
			if (!_from.text[0] && !_from.quoted)                                       \
				_r = -EBADMSG;                                                     \
			else if (!tokens_take(&(parser)->tokens, ";") &&                           \
				 ((_r = line(parser, object)) == -EINVAL || _r == -E2BIG)) {       \
				leave_out(parser, &_from);                                         \
				_r = 0;                                                            \
			}                                                                          \
		}                                                                                  \
		_r;                                                                                \
	})

static int take_chain(struct parser *parser)
{
	char name[RULESET_NAME_MAX];
	struct filter_chain *chain;

	if (!take_name(parser, name))
		return -EINVAL;
	chain = ruleset_add_chain(parser->ruleset, name);
	return chain ? TAKE_BLOCK(parser, chain_line, chain) : -ENOMEM;
}

static int take_set(struct parser *parser)
{
	char name[RULESET_NAME_MAX];
	struct filter_set *set;
	int r;

	if (!take_name(parser, name))
		return -EINVAL;
	set = ruleset_add_set(parser->ruleset, name);
	r = set ? TAKE_BLOCK(parser, set_line, set) : -ENOMEM;
	if (r >= 0 && set->field_count == 0)
		set->unknown = true;
	return r;
}

static int take_counter(struct parser *parser)
{
	char name[RULESET_NAME_MAX];

	if (!take_name(parser, name))
		return -EINVAL;
	if (!ruleset_add_counter(parser->ruleset, name))
		return -ENOMEM;
	if (!tokens_take(&parser->tokens, "{"))
		return -EINVAL;
	while (!tokens_is(&parser->tokens, "}") && parser->tokens.text[0])
		tokens_next(&parser->tokens);
	return tokens_take(&parser->tokens, "}") ? 0 : -EBADMSG;
}

static int table_line(struct parser *parser, struct ruleset *ruleset)
{
	struct tokens *tokens = &parser->tokens;

	if (tokens_take(tokens, "chain"))
		return take_chain(parser);
	if (tokens_take(tokens, "set"))
		return take_set(parser);
	return tokens_take(tokens, "counter") ? take_counter(parser) : -EINVAL;
}

static int take_table(struct parser *parser)
{
	struct ruleset *ruleset = parser->ruleset;
	size_t i = 0;

	if (!tokens_take(&parser->tokens, "table"))
		return -EINVAL;
	ruleset->family = NFPROTO_IPV4;
	while (i < ARRAY_SIZE(families) && !tokens_is(&parser->tokens, families[i].text))
		i++;
	if (i < ARRAY_SIZE(families)) {
		ruleset->family = families[i].family;
		tokens_next(&parser->tokens);
	}
	if (!take_name(parser, ruleset->table))
		return -EINVAL;
	return TAKE_BLOCK(parser, table_line, ruleset);
}

int ruleset_parse(const char *text, size_t size, struct ruleset *ret,
		  void (*gap)(const struct parse_gap *gap, void *userdata), void *userdata,
		  struct error *error)
{
	_cleanup_ruleset_ struct ruleset ruleset = {0};
	struct parser parser = {.ruleset = &ruleset, .gap = gap, .userdata = userdata};
	int r = 0;

	tokens_begin(&parser.tokens, text, size);
	while (r >= 0 && parser.tokens.text[0]) {
		if (tokens_take(&parser.tokens, ";"))
			continue;
		r = ruleset.table[0] ? -EEXIST : take_table(&parser);
	}
	if (r == -ENOMEM)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "memory is exhausted");
	if (r < 0)
		return error_set(error, ERROR_RULESET_MALFORMED, NULL,
				 "line %u: the ruleset cannot be followed", parser.tokens.line);
	*ret = ruleset;
	ruleset = (struct ruleset){0};
	return 0;
}
