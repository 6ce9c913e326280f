#include "foreign.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <string.h>

#include "decode.h"
#include "field.h"

#define TABLES_MOST   64
#define NAME_MOST     256    /* NFT_NAME_MAXLEN */
#define ELEMENTS_MOST 200000 /* of a set; one with more is unknown */

struct table_name {
	char name[NAME_MOST];
	uint8_t family;
};

struct table_list {
	struct table_name tables[TABLES_MOST];
	size_t count;
	const char *ours;
};

/* ---- elements ---- */

/* What the kernel has of a set: a value, a range of a concatenation, or the end of a plain range,
 * which is an element of its own. */
struct kernel_element {
	struct packet_value low[MATCH_FIELDS_MAX], high[MATCH_FIELDS_MAX];
	bool ends;
};

struct element_list {
	const struct filter_set *set;
	struct kernel_element *elements;
	size_t count;
	bool odd;
};

static void take_key(const struct filter_set *set, const uint8_t *key,
		     struct packet_value ret[MATCH_FIELDS_MAX])
{
	unsigned at = 0;

	for (unsigned i = 0; i < set->field_count; i++) {
		memcpy(ret[i].bytes, key + at, field_of(set->fields[i])->width);
		at += field_room(set->fields[i]);
	}
}

static unsigned key_size(const struct filter_set *set)
{
	unsigned size = 0;

	if (set->field_count == 1)
		return field_of(set->fields[0])->width;
	for (unsigned i = 0; i < set->field_count; i++)
		size += field_room(set->fields[i]);
	return size;
}

static int take_element(const struct set_element *kernel, void *userdata)
{
	struct element_list *list = userdata;
	struct kernel_element *elements;

	/* Of another size is the one for all that is not in the set. */
	if (kernel->key_size != key_size(list->set) || list->count == ELEMENTS_MOST ||
	    (kernel->end_size && kernel->end_size != kernel->key_size)) {
		list->odd = true;
		return 0;
	}
	if (!(list->count & (list->count - 1))) {
		elements = reallocarray(list->elements, MAX(2 * list->count, (size_t)4),
					sizeof(elements[0]));
		if (!elements)
			return -ENOMEM;
		list->elements = elements;
	}
	elements = &list->elements[list->count++];
	*elements = (struct kernel_element){.ends = kernel->interval_end};
	take_key(list->set, kernel->key, elements->low);
	take_key(list->set, kernel->end_size ? kernel->end : kernel->key, elements->high);
	return 0;
}

/* An end comes before what begins with the same value. */
static int by_value(const void *a, const void *b)
{
	const struct kernel_element *one = a, *other = b;
	int order = memcmp(&one->low[0], &other->low[0], sizeof(one->low[0]));

	return order ? order : other->ends - one->ends;
}

static void take_one_off(struct packet_value *value, unsigned width)
{
	for (unsigned i = width; i-- > 0;)
		if (value->bytes[i]--)
			return;
}

/* The last value before the next element, or the greatest. */
static struct packet_value value_before(const struct element_list *list, size_t next)
{
	enum packet_field field = list->set->fields[0];
	struct packet_value value;

	if (next == list->count)
		return packet_value_most(field);
	value = list->elements[next].low[0];
	take_one_off(&value, field_of(field)->width);
	return value;
}

static int put_elements(const struct element_list *list, struct filter_set *set)
{
	bool plain = set->intervals && set->field_count == 1;

	if (plain && list->count > 0)
		qsort(list->elements, list->count, sizeof(list->elements[0]), by_value);
	for (size_t i = 0; i < list->count; i++) {
		const struct kernel_element *from = &list->elements[i];
		struct filter_element *element;

		if (from->ends)
			continue;
		element = filter_set_add_element(set);
		if (!element)
			return -ENOMEM;
		memcpy(element->low, from->low, sizeof(element->low));
		memcpy(element->high, from->high, sizeof(element->high));
		if (plain)
			element->high[0] = value_before(list, i + 1);
	}
	return 0;
}

static int read_set(struct netfilter *netfilter, const struct ruleset *ruleset,
		    struct filter_set *set)
{
	struct element_list list = {.set = set};
	int r;

	/* Of a name that was cut it is not known which set that is. */
	if (strlen(set->name) == RULESET_NAME_MAX - 1)
		set->unknown = true;
	if (set->unknown)
		return 0;
	r = netfilter_each_element_of(netfilter, ruleset->family, ruleset->table, set->name,
				      take_element, &list);
	if (r >= 0)
		r = put_elements(&list, set);
	set->unknown = list.odd;
	free(list.elements);
	return r;
}

/* ---- tables ---- */

static int take_table(const struct nlmsghdr *message, void *userdata)
{
	struct table_list *list = userdata;
	struct table_name *table = &list->tables[list->count];
	const struct nfgenmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute;
	uint32_t flags = 0;

	if (list->count == TABLES_MOST)
		return -E2BIG;
	*table = (struct table_name){.family = header->nfgen_family};
	mnl_attr_for_each(attribute, message, sizeof(*header))
	{
		if (mnl_attr_get_type(attribute) == NFTA_TABLE_NAME &&
		    mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0)
			snprintf(table->name, sizeof(table->name), "%s",
				 mnl_attr_get_str(attribute));
		if (mnl_attr_get_type(attribute) == NFTA_TABLE_FLAGS &&
		    mnl_attr_validate(attribute, MNL_TYPE_U32) >= 0)
			flags = ntohl(mnl_attr_get_u32(attribute));
	}
	if (flags & NFT_TABLE_F_DORMANT ||
	    (table->family == NFPROTO_INET && strcmp(table->name, list->ours) == 0))
		return 0;
	list->count++;
	return 0;
}

static bool is_of_ip(uint8_t family)
{
	return family == NFPROTO_INET || family == NFPROTO_IPV4 || family == NFPROTO_IPV6;
}

/* A table that cannot be read may do anything with any packet. */
static int put_stranger(struct netfilter_state *state, const struct table_name *table)
{
	_cleanup_ruleset_ struct ruleset ruleset = {.family = table->family};
	struct filter_chain *chain = ruleset_add_chain(&ruleset, "unreadable");

	if (!chain)
		return -ENOMEM;
	snprintf(ruleset.table, sizeof(ruleset.table), "%.*s", RULESET_NAME_MAX - 1, table->name);
	chain->hook = HOOK_OTHER;
	chain->drops = true;
	return netfilter_state_put(state, &ruleset);
}

static int put_table(struct netfilter_state *state, struct netfilter *netfilter,
		     const struct table_name *table)
{
	_cleanup_ruleset_ struct ruleset ruleset = {0};
	int r;

	if (table->family == NFPROTO_ARP)
		return 0; /* it sees no IP */
	if (!is_of_ip(table->family) || strlen(table->name) >= RULESET_NAME_MAX - 1)
		return put_stranger(state, table);
	r = ruleset_decode(netfilter, table->family, table->name, &ruleset);
	if (r <= 0)
		return r;
	for (size_t i = 0; i < ruleset.set_count && r >= 0; i++)
		r = read_set(netfilter, &ruleset, &ruleset.sets[i]);
	return r < 0 ? r : netfilter_state_put(state, &ruleset);
}

int netfilter_state_read(struct netfilter_state *state, struct netfilter *netfilter,
			 const char *ours)
{
	_Alignas(struct nlmsghdr) char buffer[256];
	_cleanup_(cleanup_free) struct table_list *list = calloc(1, sizeof(*list));
	int r;

	if (!list)
		return -ENOMEM;
	list->ours = ours;
	r = netlink_query(netfilter_socket(netfilter),
			  netfilter_query_begin(buffer, NFT_MSG_GETTABLE, NFPROTO_UNSPEC),
			  take_table, list);
	for (size_t i = 0; i < list->count && r >= 0; i++)
		r = put_table(state, netfilter, &list->tables[i]);
	return r < 0 ? r : 0;
}
