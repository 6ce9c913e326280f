#include "compare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "encode.h"
#include "field.h"

static bool same_chains(const struct ruleset *wanted, const struct ruleset *read)
{
	if (wanted->chain_count != read->chain_count || wanted->set_count != read->set_count ||
	    wanted->counter_count != read->counter_count)
		return false;
	for (size_t i = 0; i < wanted->chain_count; i++) {
		const struct filter_chain *a = &wanted->chains[i];
		const struct filter_chain *b = ruleset_chain(read, a->name);

		if (!b || a->hook != b->hook || a->drops != b->drops || a->nat != b->nat ||
		    a->priority != b->priority || a->rule_count != b->rule_count)
			return false;
		for (size_t k = 0; k < a->rule_count; k++)
			if (!filter_rule_equal(&a->rules[k], &b->rules[k]))
				return false;
	}
	return true;
}

static bool same_sets(const struct ruleset *wanted, const struct ruleset *read)
{
	for (size_t i = 0; i < wanted->set_count; i++) {
		const struct filter_set *a = &wanted->sets[i];
		const struct filter_set *b = ruleset_set(read, a->name);

		if (!b || a->intervals != b->intervals || a->timeouts != b->timeouts ||
		    a->field_count != b->field_count)
			return false;
	}
	return true;
}

bool ruleset_equal(const struct ruleset *wanted, const struct ruleset *read)
{
	return same_sets(wanted, read) && same_chains(wanted, read);
}

/* ---- elements ---- */

struct end {
	uint8_t key[ELEMENT_KEY_MAX];
	bool interval_end;
};

struct ends {
	struct end *list;
	size_t count, most;
};

static int take(const struct set_element *kernel, void *userdata)
{
	struct ends *ends = userdata;

	/* One more than are wanted is enough to know. */
	if (ends->count == ends->most)
		return 1;
	memset(&ends->list[ends->count], 0, sizeof(ends->list[0]));
	memcpy(ends->list[ends->count].key, kernel->key, kernel->key_size);
	ends->list[ends->count++].interval_end = kernel->interval_end;
	return 0;
}

static int compare_ends(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct end));
}

/* What the kernel has of a set of plain values or plain intervals. */
static int same_elements(struct netfilter *netfilter, const char *table,
			 const struct filter_set *set)
{
	size_t most = 2 * set->element_count + 1;
	_cleanup_(cleanup_free) struct end *wanted_list = calloc(most, sizeof(struct end));
	_cleanup_(cleanup_free) struct end *read_list = calloc(most, sizeof(struct end));
	struct ends wanted = {.list = wanted_list, .most = most};
	struct ends read = {.list = read_list, .most = most};
	int r = 0;

	if (!wanted_list || !read_list)
		return -ENOMEM;
	for (size_t i = 0; i < set->element_count; i++)
		r |= filter_element_each(set, &set->elements[i], take, &wanted);
	if (r == 0)
		r = netfilter_each_element(netfilter, table, set->name, take, &read);
	if (r < 0)
		return r;
	qsort(wanted.list, wanted.count, sizeof(struct end), compare_ends);
	qsort(read.list, read.count, sizeof(struct end), compare_ends);
	return wanted.count == read.count &&
	       memcmp(wanted.list, read.list, wanted.count * sizeof(struct end)) == 0;
}

int ruleset_has_elements(struct netfilter *netfilter, const struct ruleset *wanted,
			 const char *prefix)
{
	int r = 1;

	for (size_t i = 0; r > 0 && i < wanted->set_count; i++)
		if (strncmp(wanted->sets[i].name, prefix, strlen(prefix)) == 0)
			r = same_elements(netfilter, wanted->table, &wanted->sets[i]);
	return r;
}
