#include "ruleset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ruleset_clear(struct ruleset *ruleset)
{
	for (size_t i = 0; i < ruleset->chain_count; i++)
		free(ruleset->chains[i].rules);
	for (size_t i = 0; i < ruleset->set_count; i++)
		free(ruleset->sets[i].elements);
	free(ruleset->chains);
	free(ruleset->sets);
	free(ruleset->counters);
	*ruleset = (struct ruleset){0};
}

/* Room for one more in an array whose room is the next power of two. */
static void *grow(void *array, size_t count, size_t size)
{
	if (count & (count - 1) || (count > 0 && count < 4))
		return array;
	return reallocarray(array, count ? count * 2 : 4, size);
}

#define ADD_ONE(array, count)                                                                      \
	({                                                                                         \
		void *_grown = grow(array, count, sizeof(*(array)));                               \
		typeof(array) _one = NULL;                                                         \
		if (_grown) {                                                                      \
			(array) = _grown;                                                          \
			_one = &(array)[(count)++];                                                \
			memset(_one, 0, sizeof(*_one));                                            \
		}                                                                                  \
		_one;                                                                              \
	})

#define SET_NAME(object, text)                                                                     \
	({                                                                                         \
		if (object)                                                                        \
			snprintf((object)->name, sizeof((object)->name), "%s", text);              \
		object;                                                                            \
	})

struct filter_chain *ruleset_add_chain(struct ruleset *ruleset, const char *name)
{
	struct filter_chain *chain = ADD_ONE(ruleset->chains, ruleset->chain_count);

	return SET_NAME(chain, name);
}

struct filter_rule *filter_chain_add_rule(struct filter_chain *chain)
{
	return ADD_ONE(chain->rules, chain->rule_count);
}

struct filter_set *ruleset_add_set(struct ruleset *ruleset, const char *name)
{
	struct filter_set *set = ADD_ONE(ruleset->sets, ruleset->set_count);

	return SET_NAME(set, name);
}

struct filter_element *filter_set_add_element(struct filter_set *set)
{
	return ADD_ONE(set->elements, set->element_count);
}

struct filter_counter *ruleset_add_counter(struct ruleset *ruleset, const char *name)
{
	struct filter_counter *counter = ADD_ONE(ruleset->counters, ruleset->counter_count);

	return SET_NAME(counter, name);
}

struct filter_chain *ruleset_chain(const struct ruleset *ruleset, const char *name)
{
	for (size_t i = 0; i < ruleset->chain_count; i++)
		if (strcmp(ruleset->chains[i].name, name) == 0)
			return &ruleset->chains[i];
	return NULL;
}

struct filter_set *ruleset_set(const struct ruleset *ruleset, const char *name)
{
	for (size_t i = 0; i < ruleset->set_count; i++)
		if (strcmp(ruleset->sets[i].name, name) == 0)
			return &ruleset->sets[i];
	return NULL;
}

static bool match_equal(const struct match *a, const struct match *b)
{
	if (a->kind != b->kind || a->negated != b->negated || a->field_count != b->field_count ||
	    memcmp(a->fields, b->fields, a->field_count) != 0)
		return false;
	switch (a->kind) {
	case MATCH_RANGE:
		return memcmp(&a->range, &b->range, sizeof(a->range)) == 0;
	case MATCH_BITS:
	case MATCH_ANY_BIT:
		return memcmp(&a->bits, &b->bits, sizeof(a->bits)) == 0;
	case MATCH_SET:
		return strcmp(a->set, b->set) == 0;
	case MATCH_UNKNOWN:
		return false;
	}
	return false;
}

bool filter_rule_equal(const struct filter_rule *a, const struct filter_rule *b)
{
	if (a->match_count != b->match_count || a->counts != b->counts ||
	    a->limit_rate != b->limit_rate || a->limit_burst != b->limit_burst ||
	    a->log_group != b->log_group || a->verdict != b->verdict ||
	    strcmp(a->log_prefix, b->log_prefix) != 0 || strcmp(a->counter, b->counter) != 0 ||
	    strcmp(a->target, b->target) != 0)
		return false;
	for (unsigned i = 0; i < a->match_count; i++)
		if (!match_equal(&a->matches[i], &b->matches[i]))
			return false;
	return true;
}
