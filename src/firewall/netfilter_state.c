#include "netfilter_state.h"

#include <errno.h>
#include <string.h>

static void state_rule_clear(struct state_rule *rule)
{
	for (unsigned i = 0; rule->matches && i < rule->rule.match_count; i++)
		packet_region_clear(&rule->matches[i].boxes);
	free(rule->matches);
}

static void state_table_free(struct state_table *table)
{
	for (size_t i = 0; i < table->chain_count; i++) {
		struct state_chain *chain = &table->chains[i];

		for (size_t j = 0; j < chain->rule_count; j++)
			state_rule_clear(&chain->rules[j]);
		free(chain->rules);
	}
	for (size_t i = 0; i < table->set_count; i++)
		packet_set_clear(&table->sets[i]);
	free(table->chains);
	free(table->sets);
	free(table);
}
DEFINE_CLEANUP(struct state_table *, state_table_cleanup, state_table_free)
#define _cleanup_table_ _cleanup_(state_table_cleanup)

void netfilter_state_clear(struct netfilter_state *state)
{
	for (size_t i = 0; i < state->table_count; i++)
		state_table_free(state->tables[i]);
	free(state->tables);
	free(state->base);
	*state = (struct netfilter_state){0};
}

/* Longer names of others were cut, and two may have become one. */
static bool may_be_cut(const char *name)
{
	return strlen(name) == RULESET_NAME_MAX - 1;
}

static struct packet_set *table_set(const struct state_table *table, const char *name)
{
	for (size_t i = 0; i < table->set_count && !may_be_cut(name); i++)
		if (strcmp(table->sets[i].name, name) == 0)
			return &table->sets[i];
	return NULL;
}

static struct state_chain *table_chain(const struct state_table *table, const char *name)
{
	for (size_t i = 0; i < table->chain_count && !may_be_cut(name); i++)
		if (strcmp(table->chains[i].name, name) == 0)
			return &table->chains[i];
	return NULL;
}

/* Making a table */

static int match_take(struct state_match *match, const struct state_table *table,
		      const struct match *from)
{
	if (from->kind == MATCH_SET) {
		match->set = table_set(table, from->set);
		match->unknown = !match->set ||
				 !packet_set_takes(match->set, from->fields, from->field_count);
		return 0;
	}
	if (from->kind == MATCH_UNKNOWN || from->fields[0] >= _FIELD_MAX) {
		match->unknown = true;
		return 0;
	}
	packet_region_of_hook(HOOK_NONE, &match->boxes);
	switch (packet_region_match(&match->boxes, from)) {
	case 0:
		return 0;
	case -EOPNOTSUPP:
		packet_region_clear(&match->boxes);
		match->unknown = true;
		return 0;
	default:
		return -ENOMEM;
	}
}

static bool has_unknown(const struct filter_rule *rule)
{
	for (unsigned i = 0; i < rule->match_count; i++)
		if (rule->matches[i].kind == MATCH_UNKNOWN)
			return true;
	return false;
}

static int rule_take(struct state_rule *rule, const struct state_table *table,
		     const struct filter_rule *from)
{
	int r;

	rule->rule = *from;
	rule->matches = calloc(MAX(from->match_count, 1u), sizeof(rule->matches[0]));
	if (!rule->matches)
		return -ENOMEM;
	for (unsigned i = 0; i < from->match_count; i++) {
		r = match_take(&rule->matches[i], table, &from->matches[i]);
		if (r < 0)
			return r;
	}
	/* What is not understood of a rule that seems to do nothing may be what it does. */
	if (from->verdict == RULE_CONTINUE && has_unknown(from))
		rule->rule.verdict = RULE_UNKNOWN;
	if (from->verdict == RULE_JUMP || from->verdict == RULE_GOTO)
		rule->target = table_chain(table, from->target);
	return 0;
}

static int chain_take(struct state_chain *chain, const struct filter_chain *from)
{
	int r;

	chain->rules = calloc(MAX(from->rule_count, 1u), sizeof(chain->rules[0]));
	if (!chain->rules)
		return -ENOMEM;
	chain->rule_count = from->rule_count;
	for (size_t i = 0; i < from->rule_count; i++) {
		r = rule_take(&chain->rules[i], chain->table, &from->rules[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

static int table_take(struct state_table *table, const struct ruleset *ruleset)
{
	int r;

	memcpy(table->name, ruleset->table, sizeof(table->name));
	table->family = ruleset->family;
	table->sets = calloc(MAX(ruleset->set_count, 1u), sizeof(table->sets[0]));
	table->chains = calloc(MAX(ruleset->chain_count, 1u), sizeof(table->chains[0]));
	if (!table->sets || !table->chains)
		return -ENOMEM;

	for (size_t i = 0; i < ruleset->set_count; i++) {
		r = packet_set_init(&table->sets[i], &ruleset->sets[i]);
		if (r < 0)
			return r;
		table->set_count++;
	}
	/* All names first: rules refer to chains behind them. */
	for (size_t i = 0; i < ruleset->chain_count; i++) {
		const struct filter_chain *from = &ruleset->chains[i];
		struct state_chain *chain = &table->chains[table->chain_count++];

		memcpy(chain->name, from->name, sizeof(chain->name));
		chain->hook = from->hook;
		chain->nat = from->nat;
		chain->drops = from->drops;
		chain->priority = from->priority;
		chain->table = table;
	}
	for (size_t i = 0; i < ruleset->chain_count; i++) {
		r = chain_take(&table->chains[i], &ruleset->chains[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The base chains in order */

static bool chain_before(const struct state_chain *a, const struct state_chain *b)
{
	return a->hook != b->hook ? a->hook < b->hook : a->priority < b->priority;
}

static bool rule_may_translate(const struct state_chain *chain, const struct filter_rule *rule)
{
	return rule->verdict == RULE_DESTINATION_NAT || rule->verdict == RULE_SOURCE_NAT ||
	       (chain->nat && rule->verdict == RULE_UNKNOWN);
}

static bool table_translates(const struct state_table *table)
{
	for (size_t i = 0; i < table->chain_count; i++)
		for (size_t j = 0; j < table->chains[i].rule_count; j++)
			if (rule_may_translate(&table->chains[i], &table->chains[i].rules[j].rule))
				return true;
	return false;
}

/* Chains of one hook and priority stay in the order of their tables, as the kernel has them. */
static void base_insert(struct netfilter_state *state, struct state_chain *chain)
{
	size_t i = state->base_count++;

	for (; i > 0 && chain_before(chain, state->base[i - 1]); i--)
		state->base[i] = state->base[i - 1];
	state->base[i] = chain;
}

/* Notes the hook in all chains that jumps lead to. */
static void reach(struct state_chain *chain, enum packet_hook hook)
{
	if (chain->hooks & 1u << hook)
		return;
	chain->hooks |= (uint16_t)(1u << hook);
	for (size_t i = 0; i < chain->rule_count; i++)
		if (chain->rules[i].target)
			reach(chain->rules[i].target, hook);
}

static int base_sort(struct netfilter_state *state)
{
	size_t count = 0;

	for (size_t i = 0; i < state->table_count; i++)
		count += state->tables[i]->chain_count;
	free(state->base);
	state->base_count = 0;
	state->base = calloc(MAX(count, 1u), sizeof(state->base[0]));
	if (!state->base)
		return -ENOMEM;

	state->translates = false;
	for (size_t i = 0; i < state->table_count; i++) {
		struct state_table *table = state->tables[i];

		state->translates |= table_translates(table);
		for (size_t j = 0; j < table->chain_count; j++)
			if (table->chains[j].hook != HOOK_NONE) {
				base_insert(state, &table->chains[j]);
				reach(&table->chains[j], table->chains[j].hook);
			}
	}
	return 0;
}

/* Changing */

static size_t table_index(const struct netfilter_state *state, const char *name, uint8_t family)
{
	for (size_t i = 0; i < state->table_count; i++)
		if (strcmp(state->tables[i]->name, name) == 0 && state->tables[i]->family == family)
			return i;
	return state->table_count;
}

int netfilter_state_put(struct netfilter_state *state, const struct ruleset *ruleset)
{
	_cleanup_table_ struct state_table *table = calloc(1, sizeof(*table));
	size_t index = table_index(state, ruleset->table, ruleset->family);
	int r;

	if (!table)
		return -ENOMEM;
	r = table_take(table, ruleset);
	if (r < 0)
		return r;

	if (index < state->table_count) {
		state_table_free(state->tables[index]);
	} else {
		struct state_table **tables = reallocarray(state->tables, state->table_count + 1,
							   sizeof(state->tables[0]));

		if (!tables)
			return -ENOMEM;
		state->tables = tables;
		state->table_count++;
	}
	state->tables[index] = TAKE_PTR(table);
	return base_sort(state);
}

int netfilter_state_remove(struct netfilter_state *state, const char *table, uint8_t family)
{
	size_t index = table_index(state, table, family);

	if (index == state->table_count)
		return 0;
	state_table_free(state->tables[index]);
	state->tables[index] = state->tables[--state->table_count];
	return base_sort(state);
}

struct packet_set *netfilter_state_set(const struct netfilter_state *state, const char *table,
				       const char *set)
{
	for (size_t i = 0; i < state->table_count; i++)
		if (strcmp(state->tables[i]->name, table) == 0)
			return table_set(state->tables[i], set);
	return NULL;
}
