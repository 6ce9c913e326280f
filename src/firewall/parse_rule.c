#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "field.h"
#include "parse-internal.h"
#include "phrase.h"

#define VALUES_MOST 64 /* of a list */

/* A rule as it is written: a match may have several values, each of which makes a rule. */
struct draft {
	struct filter_rule rule;
	struct match lists[RULE_MATCHES_MAX][VALUES_MOST];
	unsigned counts[RULE_MATCHES_MAX]; /* 0: the match stands in the rule */
};

static int add_match(struct draft *draft, const struct match *match)
{
	struct filter_rule *rule = &draft->rule;

	if (rule->match_count == RULE_MATCHES_MAX)
		return -E2BIG;
	draft->counts[rule->match_count] = 0;
	rule->matches[rule->match_count++] = *match;
	return 0;
}

/* What a field of one protocol or family says besides; unless the rule says so already. */
static int add_implied(struct draft *draft, enum packet_field field, uint8_t number)
{
	struct match match = {.kind = MATCH_RANGE, .field_count = 1, .fields = {field}};

	if (!number)
		return 0;
	match.range.low = match.range.high = packet_value_number(field, number);
	for (unsigned i = 0; i < draft->rule.match_count; i++) {
		const struct match *have = &draft->rule.matches[i];

		if (have->kind == MATCH_RANGE && !have->negated && have->fields[0] == field &&
		    memcmp(&have->range, &match.range, sizeof(match.range)) == 0)
			return 0;
	}
	return add_match(draft, &match);
}

static int take_list(struct tokens *tokens, const struct phrase *phrase, struct draft *draft,
		     bool negated)
{
	unsigned index = draft->rule.match_count, count = 0;
	struct match value = {.negated = negated};
	int r;

	while (!tokens_is(tokens, "}")) {
		if (tokens_take(tokens, ";"))
			continue;
		if (count == VALUES_MOST)
			return -E2BIG;
		r = phrase_value(tokens, phrase, &value);
		if (r < 0)
			return r;
		draft->lists[index][count++] = value;
		(void)tokens_take(tokens, ",");
	}
	tokens_next(tokens);
	if (count == 0 || (negated && count > 1))
		return -EINVAL;
	r = add_match(draft, &draft->lists[index][0]);
	if (r >= 0 && count > 1)
		draft->counts[index] = count;
	return r;
}

static int take_set(struct tokens *tokens, struct match *match)
{
	if (tokens->text[0] == '\0' || strlen(tokens->text) >= sizeof(match->set))
		return -EINVAL;
	match->kind = MATCH_SET;
	snprintf(match->set, sizeof(match->set), "%s", tokens->text);
	tokens_next(tokens);
	return 0;
}

static int take_match(struct tokens *tokens, const struct phrase *phrase, struct draft *draft)
{
	struct match match = {.field_count = 1, .fields = {phrase->field}};
	int r = add_implied(draft, FIELD_FAMILY, phrase->family);

	if (r >= 0)
		r = add_implied(draft, FIELD_PROTOCOL, phrase->protocol);
	while (r >= 0 && tokens_take(tokens, ".")) {
		const struct phrase *next = phrase_take(tokens);

		if (!next || next->family || next->protocol ||
		    match.field_count == MATCH_FIELDS_MAX)
			return -EINVAL;
		match.fields[match.field_count++] = next->field;
	}
	if (r < 0)
		return r;
	if (tokens_take(tokens, "!")) {
		match.negated = true;
		if (!tokens_take(tokens, "="))
			return -EINVAL;
	} else if (tokens_take(tokens, "=")) {
		if (!tokens_take(tokens, "="))
			return -EINVAL;
	}
	if (tokens_take(tokens, "@")) {
		r = take_set(tokens, &match);
		return r < 0 ? r : add_match(draft, &match);
	}
	if (match.field_count > 1)
		return -EINVAL;
	if (tokens_take(tokens, "{"))
		return take_list(tokens, phrase, draft, match.negated);
	r = phrase_value(tokens, phrase, &match);
	return r < 0 ? r : add_match(draft, &match);
}

/* ---- statements ---- */

static int take_number(struct tokens *tokens, uint32_t most, uint32_t *ret)
{
	unsigned long number;
	char *end;

	if (tokens->text[0] < '0' || tokens->text[0] > '9')
		return -EINVAL;
	number = strtoul(tokens->text, &end, 10);
	if (number > most || (*end && strcmp(end, "/second") != 0))
		return -EINVAL;
	*ret = (uint32_t)number;
	tokens_next(tokens);
	return 0;
}

static int take_name(struct tokens *tokens, char ret[RULESET_NAME_MAX])
{
	if (!tokens->text[0] || tokens_is(tokens, ";") || strlen(tokens->text) >= RULESET_NAME_MAX)
		return -EINVAL;
	snprintf(ret, RULESET_NAME_MAX, "%s", tokens->text);
	tokens_next(tokens);
	return 0;
}

static int take_counter(struct tokens *tokens, struct filter_rule *rule)
{
	uint32_t ignored;

	if (tokens_take(tokens, "name"))
		return take_name(tokens, rule->counter);
	rule->counts = true;
	if (tokens_take(tokens, "packets") && take_number(tokens, UINT32_MAX, &ignored) < 0)
		return -EINVAL;
	return tokens_take(tokens, "bytes") ? take_number(tokens, UINT32_MAX, &ignored) : 0;
}

/* "limit rate 20/second burst 50 packets" */
static int take_limit(struct tokens *tokens, struct filter_rule *rule)
{
	int r = tokens_take(tokens, "rate") && strstr(tokens->text, "/second")
			? take_number(tokens, UINT32_MAX, &rule->limit_rate)
			: -EINVAL;

	rule->limit_burst = 5; /* nft's own default */
	if (r >= 0 && tokens_take(tokens, "burst")) {
		r = take_number(tokens, UINT32_MAX, &rule->limit_burst);
		if (r >= 0 && !tokens_take(tokens, "packets"))
			r = -EINVAL;
	}
	return r < 0 || !rule->limit_rate ? -EINVAL : 0;
}

/* "log prefix "x" group 5 snaplen 128" */
static int take_log(struct tokens *tokens, struct filter_rule *rule)
{
	uint32_t group = 0, ignored;
	int r = 0;

	if (tokens_take(tokens, "prefix")) {
		if (strlen(tokens->text) >= sizeof(rule->log_prefix))
			return -EINVAL;
		snprintf(rule->log_prefix, sizeof(rule->log_prefix), "%s", tokens->text);
		tokens_next(tokens);
	}
	if (tokens_take(tokens, "group"))
		r = take_number(tokens, UINT16_MAX, &group);
	if (r >= 0 && tokens_take(tokens, "snaplen"))
		r = take_number(tokens, UINT32_MAX, &ignored);
	rule->log_group = (uint16_t)group;
	return r < 0 || !group ? -EINVAL : 0;
}

static int take_reject(struct tokens *tokens, struct filter_rule *rule)
{
	rule->verdict = RULE_REJECT;
	if (!tokens_take(tokens, "with"))
		return 0;
	if (tokens_take(tokens, "tcp")) {
		rule->verdict = RULE_REJECT_RESET;
		return tokens_take(tokens, "reset") ? 0 : -EINVAL;
	}
	if (tokens_take(tokens, "icmpx")) {
		(void)tokens_take(tokens, "type");
		if (tokens_take(tokens, "admin-prohibited"))
			rule->verdict = RULE_REJECT_PROHIBITED;
		else
			tokens_next(tokens);
		return 0;
	}
	return -EINVAL;
}

static int take_accept(struct tokens *tokens, struct filter_rule *rule)
{
	rule->verdict = RULE_ACCEPT;
	return 0;
}

static int take_drop(struct tokens *tokens, struct filter_rule *rule)
{
	rule->verdict = RULE_DROP;
	return 0;
}

static int take_return(struct tokens *tokens, struct filter_rule *rule)
{
	rule->verdict = RULE_RETURN;
	return 0;
}

static int take_jump(struct tokens *tokens, struct filter_rule *rule)
{
	rule->verdict = RULE_JUMP;
	return take_name(tokens, rule->target);
}

static int take_goto(struct tokens *tokens, struct filter_rule *rule)
{
	rule->verdict = RULE_GOTO;
	return take_name(tokens, rule->target);
}

static int take_masquerade(struct tokens *tokens, struct filter_rule *rule)
{
	rule->verdict = RULE_SOURCE_NAT;
	return 0;
}

static int take_comment(struct tokens *tokens, struct filter_rule *rule)
{
	snprintf(rule->comment, sizeof(rule->comment), "%.*s", (int)sizeof(rule->comment) - 1,
		 tokens->text);
	tokens_next(tokens);
	return 0;
}

static const struct {
	const char *word;
	int (*take)(struct tokens *tokens, struct filter_rule *rule);
} statements[] = {
	{"accept", take_accept},
	{"drop", take_drop},
	{"reject", take_reject},
	{"return", take_return},
	{"jump", take_jump},
	{"goto", take_goto},
	{"counter", take_counter},
	{"limit", take_limit},
	{"log", take_log},
	{"comment", take_comment},
	{"masquerade", take_masquerade},
};

static int take_part(struct tokens *tokens, struct draft *draft)
{
	const struct phrase *phrase;

	for (size_t i = 0; i < ARRAY_SIZE(statements); i++)
		if (tokens_take(tokens, statements[i].word))
			return statements[i].take(tokens, &draft->rule);
	phrase = phrase_take(tokens);
	return phrase ? take_match(tokens, phrase, draft) : -EINVAL;
}

/* ---- from the draft to rules ---- */

void filter_rule_normalise(struct filter_rule *rule)
{
	bool implied = false;
	unsigned kept = 0;

	for (unsigned i = 0; i < rule->match_count; i++)
		for (unsigned k = 0; k < rule->matches[i].field_count; k++)
			implied |= field_of(rule->matches[i].fields[k])->family != 0;
	for (unsigned i = 0; i < rule->match_count; i++) {
		const struct match *match = &rule->matches[i];

		if (implied && match->kind == MATCH_RANGE && match->fields[0] == FIELD_FAMILY &&
		    !match->negated)
			continue;
		rule->matches[kept++] = *match;
	}
	rule->match_count = (uint8_t)kept;
}

static int add_rules(const struct draft *draft, struct filter_chain *chain)
{
	unsigned at[RULE_MATCHES_MAX] = {0};
	unsigned i;

	for (;;) {
		struct filter_rule *rule = filter_chain_add_rule(chain);

		if (!rule)
			return -ENOMEM;
		*rule = draft->rule;
		for (i = 0; i < rule->match_count; i++)
			if (draft->counts[i])
				rule->matches[i] = draft->lists[i][at[i]];
		filter_rule_normalise(rule);
		/* The next combination: the last list moves fastest. */
		for (i = draft->rule.match_count; i-- > 0;) {
			if (!draft->counts[i])
				continue;
			if (++at[i] < draft->counts[i])
				break;
			at[i] = 0;
		}
		if (i == UINT32_MAX)
			return 0;
	}
}

int parse_rule(struct tokens *tokens, struct filter_chain *chain)
{
	_cleanup_(cleanup_free) struct draft *draft = calloc(1, sizeof(*draft));
	int r = 0;

	if (!draft)
		return -ENOMEM;
	while (r >= 0 && !tokens_is(tokens, ";") && !tokens_is(tokens, "}") &&
	       (tokens->text[0] || tokens->quoted))
		r = take_part(tokens, draft);
	return r < 0 ? r : add_rules(draft, chain);
}
