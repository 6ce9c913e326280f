#include "live.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "encode.h"
#include "field.h"

#define TIMEOUT_LEAST 1 /* ms: of what has just ended, for its rule goes soon */

unsigned live_set(enum rule_chain chain, enum rule_action action, enum rule_shape shape)
{
	return ((unsigned)chain * _RULE_ACTION_MAX + action) * _RULE_SHAPE_MAX + shape;
}

const char *live_set_name(unsigned set, char buffer[RULESET_NAME_MAX])
{
	unsigned rest = set / _RULE_SHAPE_MAX;

	return rule_set_name(rest / _RULE_ACTION_MAX, rest % _RULE_ACTION_MAX,
			     set % _RULE_SHAPE_MAX, buffer);
}

void live_kernel_element(unsigned set, const struct filter_element *element,
			 struct set_element *ret)
{
	struct filter_set fields = {0};

	rule_set_fields(set / _RULE_SHAPE_MAX / _RULE_ACTION_MAX, set % _RULE_SHAPE_MAX, &fields);
	*ret = (struct set_element){0};
	filter_element_encode(&fields, element, ret);
}

static void free_element(struct live *live, struct live_element *element)
{
	HASH_DEL(live->elements, element);
	if (element->ranged)
		DL_DELETE(live->intervals[element->set], element);
	free(element);
}

void live_clear(struct live *live)
{
	struct live_element *element, *next;
	struct live_rule *rule, *next_rule;

	HASH_ITER(hh, live->rules, rule, next_rule) {
		HASH_DEL(live->rules, rule);
		free(rule);
	}

	HASH_ITER(hh, live->elements, element, next)
		free_element(live, element);
	free(live->in_place);
	*live = (struct live){0};
}

void live_change_clear(struct live_change *change)
{
	netfilter_batch_clear(&change->batch);
}

/* ---- one element ---- */

/* Set, key and end as one text of bytes: what an element is known by. */
struct identity {
	uint8_t bytes[1 + 2 * ELEMENT_KEY_MAX];
	unsigned size;
};

static void identify(unsigned set, const struct set_element *kernel, struct identity *ret)
{
	ret->bytes[0] = (uint8_t)set;
	memcpy(ret->bytes + 1, kernel->key, kernel->key_size);
	memcpy(ret->bytes + 1 + kernel->key_size, kernel->end, kernel->end_size);
	ret->size = 1u + kernel->key_size + kernel->end_size;
}

struct live_element *live_find(const struct live *live, unsigned set,
			       const struct set_element *kernel)
{
	struct live_element *found;
	struct identity identity;

	identify(set, kernel, &identity);
	HASH_FIND(hh, live->elements, identity.bytes, identity.size, found);
	return found;
}

static struct live_element *insert(struct live *live, unsigned set,
				   const struct set_element *kernel)
{
	struct live_element *element;
	struct identity identity;

	identify(set, kernel, &identity);
	element = calloc(1, sizeof(*element) + identity.size);
	if (!element)
		return NULL;
	element->ranged = kernel->end_size > 0;
	element->size = (uint8_t)(identity.size - 1);
	memcpy(&element->set, identity.bytes, identity.size);
	HASH_ADD_KEYPTR(hh, live->elements, &element->set, identity.size, element);
	if (element->ranged)
		DL_APPEND(live->intervals[set], element);
	return element;
}

static void kernel_of(const struct live_element *element, struct set_element *ret)
{
	unsigned size = element->ranged ? element->size / 2u : element->size;

	*ret = (struct set_element){.key_size = (uint8_t)size};
	memcpy(ret->key, element->key, size);
	if (element->ranged) {
		ret->end_size = (uint8_t)size;
		memcpy(ret->end, element->key + size, size);
	}
}

static uint64_t timeout_of(usec_t expires)
{
	usec_t now = clock_realtime_usec();

	if (!expires)
		return 0;
	return expires > now + USEC_PER_MSEC ? (expires - now) / USEC_PER_MSEC : TIMEOUT_LEAST;
}

/* Do two ranges of a key meet? Each field fills whole words, so they are compared word by word but
 * for addresses of 16 bytes, which come first. */
static bool ranges_meet(const uint8_t *a, const uint8_t *b, unsigned size)
{
	unsigned address = size - 8; /* protocol and port follow, a word each */
	unsigned parts[] = {address, 4, 4}, at = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(parts); at += parts[i++])
		if (memcmp(a + at, b + size + at, parts[i]) > 0 ||
		    memcmp(b + at, a + size + at, parts[i]) > 0)
			return false;
	return true;
}

/* Would it lie across another one of its set? The kernel has room for only one of them. */
static bool collides(const struct live *live, unsigned set, const struct set_element *kernel)
{
	const struct live_element *other;
	struct identity identity;

	if (!kernel->end_size)
		return false;
	identify(set, kernel, &identity);
	DL_FOREACH(live->intervals[set], other)
		if (ranges_meet(identity.bytes + 1, other->key, kernel->key_size))
			return true;
	return false;
}

static void put(struct live_change *change, unsigned set, struct set_element *kernel,
		usec_t expires, bool removes)
{
	struct element_writer writer;
	char name[RULESET_NAME_MAX];

	if (!change)
		return;
	netfilter_elements_begin(&writer, &change->batch, FIREWALL_TABLE, live_set_name(set, name),
				 removes);
	kernel->timeout = timeout_of(expires);
	netfilter_elements_put(&writer, kernel);
	netfilter_elements_end(&writer);
}

/* What the kernel let expire cannot be removed, and what is there may be added: so first the one,
 * then the other, and neither is an error. */
static void put_removal(struct live_change *change, unsigned set, struct set_element *kernel)
{
	put(change, set, kernel, 0, false);
	put(change, set, kernel, 0, true);
}

static int hold(struct live *live, unsigned set, struct set_element *kernel, usec_t expires,
		struct live_change *change)
{
	struct live_element *element = live_find(live, set, kernel);
	bool fresh = !element;

	if (fresh)
		element = insert(live, set, kernel);
	if (!element)
		return -ENOMEM;
	element->holders++;
	if (!fresh && (!element->expires || (expires && expires <= element->expires)))
		return 0;
	element->expires = expires;
	/* Not all kernels change the time of what is there. */
	if (!fresh)
		put_removal(change, set, kernel);
	put(change, set, kernel, expires, false);
	return 0;
}

static void let_go(struct live *live, unsigned set, struct set_element *kernel,
		   struct live_change *change)
{
	struct live_element *element = live_find(live, set, kernel);

	if (element && --element->holders > 0)
		return;
	if (element)
		free_element(live, element);
	put_removal(change, set, kernel);
}

/* ---- rules ---- */

static int find_in_place(const struct live *live, const struct firewall_rule_spec *spec)
{
	for (size_t i = 0; i < live->in_place_count; i++)
		if (firewall_rule_same(&live->in_place[i], spec))
			return (int)i;
	return -1;
}

bool live_has_in_place(const struct live *live, const struct firewall_rule_spec *spec)
{
	return find_in_place(live, spec) >= 0;
}

/* The kernel's elements of a rule; 0 where it is none. */
static unsigned kernel_elements(const struct firewall_rule_spec *spec,
				struct set_element ret[RULE_ELEMENTS_MOST],
				unsigned sets[RULE_ELEMENTS_MOST])
{
	struct rule_element elements[RULE_ELEMENTS_MOST];
	unsigned count = firewall_rule_elements(spec, elements);

	for (unsigned i = 0; i < count; i++) {
		sets[i] = live_set(spec->chain, spec->action, elements[i].shape);
		live_kernel_element(sets[i], &elements[i].element, &ret[i]);
	}
	return count;
}

int live_each(const struct live *live, const struct firewall_rule_spec *spec,
	      int (*call)(struct live_element *element, const struct set_element *kernel,
			  void *userdata),
	      void *userdata)
{
	struct set_element kernel[RULE_ELEMENTS_MOST];
	unsigned sets[RULE_ELEMENTS_MOST];
	unsigned count = kernel_elements(spec, kernel, sets);
	int r = count > 0;

	for (unsigned i = 0; r == 1 && i < count; i++) {
		struct live_element *element = live_find(live, sets[i], &kernel[i]);

		r = element ? call(element, &kernel[i], userdata) : 0;
	}
	return r;
}

/* That its elements are there says nothing: other rules may hold them. */
static struct live_rule *find_rule(const struct live *live, const struct firewall_rule_spec *spec)
{
	char key[RESOURCE_KEY_MAX];
	struct live_rule *rule;

	firewall_rule_key(spec, key);
	HASH_FIND_STR(live->rules, key, rule);
	return rule;
}

bool live_has(const struct live *live, const struct firewall_rule_spec *spec)
{
	return find_rule(live, spec) != NULL;
}

static int add_rule(struct live *live, const struct firewall_rule_spec *spec)
{
	char key[RESOURCE_KEY_MAX];
	struct live_rule *rule;
	size_t size;

	firewall_rule_key(spec, key);
	size = strlen(key) + 1;
	rule = calloc(1, sizeof(*rule) + size);
	if (!rule)
		return -ENOMEM;
	memcpy(rule->key, key, size);
	HASH_ADD_STR(live->rules, key, rule);
	return 0;
}

static void remove_rule(struct live *live, struct live_rule *rule)
{
	HASH_DEL(live->rules, rule);
	free(rule);
}

static int add_in_place(struct live *live, const struct firewall_rule_spec *spec,
			struct live_change *change)
{
	struct firewall_rule_spec *list =
		reallocarray(live->in_place, live->in_place_count + 1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	list[live->in_place_count++] = *spec;
	live->in_place = list;
	if (change)
		change->chains = true;
	return 0;
}

static bool remove_in_place(struct live *live, const struct firewall_rule_spec *spec,
			    struct live_change *change)
{
	int index = find_in_place(live, spec);

	if (index < 0)
		return false;
	live->in_place_count--;
	memmove(&live->in_place[index], &live->in_place[index + 1],
		(live->in_place_count - (size_t)index) * sizeof(live->in_place[0]));
	if (change)
		change->chains = true;
	return true;
}

static int hold_all(struct live *live, const struct firewall_rule_spec *spec,
		    struct live_change *change)
{
	struct set_element kernel[RULE_ELEMENTS_MOST];
	unsigned sets[RULE_ELEMENTS_MOST];
	unsigned count = kernel_elements(spec, kernel, sets), i;

	for (i = 0; i < count; i++)
		if (!live_find(live, sets[i], &kernel[i]) && collides(live, sets[i], &kernel[i]))
			break;
	if (count == 0 || i < count)
		return add_in_place(live, spec, change);
	for (i = 0; i < count; i++) {
		if (hold(live, sets[i], &kernel[i], spec->expires, change) >= 0)
			continue;
		while (i-- > 0)
			let_go(live, sets[i], &kernel[i], NULL);
		return -ENOMEM;
	}
	return 0;
}

int live_add(struct live *live, const struct firewall_rule_spec *spec, struct live_change *change)
{
	int r = add_rule(live, spec);

	if (r < 0)
		return r;
	r = hold_all(live, spec, change);
	if (r < 0)
		remove_rule(live, find_rule(live, spec));
	return r;
}

int live_remove(struct live *live, const struct firewall_rule_spec *spec,
		struct live_change *change)
{
	struct set_element kernel[RULE_ELEMENTS_MOST];
	struct live_rule *rule = find_rule(live, spec);
	unsigned sets[RULE_ELEMENTS_MOST];
	unsigned count;
	bool held = rule != NULL;

	if (rule)
		remove_rule(live, rule);
	if (remove_in_place(live, spec, change))
		return 0;
	count = kernel_elements(spec, kernel, sets);
	for (unsigned i = 0; i < count; i++)
		if (held || !live_find(live, sets[i], &kernel[i]))
			let_go(live, sets[i], &kernel[i], change);
	return 0;
}

static int repeat(struct live_element *element, const struct set_element *kernel, void *userdata)
{
	struct set_element copy = *kernel;

	put_removal(userdata, element->set, &copy);
	put(userdata, element->set, &copy, element->expires, false);
	return 1;
}

void live_repeat(const struct live *live, const struct firewall_rule_spec *spec,
		 struct live_change *change)
{
	if (live_has_in_place(live, spec))
		change->chains = true;
	else
		(void)live_each(live, spec, repeat, change);
}

/* ---- all of them ---- */

void live_encode(const struct live *live, struct netfilter_batch *batch)
{
	const struct live_element *element;
	char name[RULESET_NAME_MAX];

	/* A set at a time, for a message to be of many. */
	for (unsigned set = 0; set < LIVE_SETS; set++) {
		struct element_writer writer;

		netfilter_elements_begin(&writer, batch, FIREWALL_TABLE, live_set_name(set, name),
					 false);
		for (element = live->elements; element; element = element->hh.next) {
			struct set_element kernel;

			if (element->set != set)
				continue;
			kernel_of(element, &kernel);
			kernel.timeout = timeout_of(element->expires);
			netfilter_elements_put(&writer, &kernel);
		}
		netfilter_elements_end(&writer);
	}
}

int live_add_rules(const struct live *live, struct ruleset *ruleset)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < live->in_place_count; i++) {
		const struct firewall_rule_spec *spec = &live->in_place[i];
		char name[RULESET_NAME_MAX];
		struct filter_chain *chain;

		snprintf(name, sizeof(name), "%s_%s", firewall_chain_text(spec->chain),
			 firewall_action_text(spec->action));
		chain = ruleset_chain(ruleset, name);
		r = chain ? firewall_rule_in_place(spec, chain) : -ENOENT;
	}
	return r;
}

int live_add_elements(const struct live *live, struct ruleset *ruleset)
{
	const struct live_element *element;
	char name[RULESET_NAME_MAX];

	for (element = live->elements; element; element = element->hh.next) {
		struct filter_set *set = ruleset_set(ruleset, live_set_name(element->set, name));
		struct filter_element *added = set ? filter_set_add_element(set) : NULL;
		struct set_element kernel;

		if (!added)
			return -ENOMEM;
		kernel_of(element, &kernel);
		filter_element_decode(set, &kernel, added);
	}
	return 0;
}
