#include "observed_links.h"

#include <uthash.h>

struct link_name {
	char name[IFNAMSIZ];
	int link;
	UT_hash_handle hh;
};

void link_index_clear(struct link_index *index)
{
	struct link_name *name, *next;

	HASH_ITER(hh, index->names, name, next) {
		HASH_DEL(index->names, name);
		free(name);
	}
	free(index->sorted);
	*index = (struct link_index){};
}

/* Position of the first index that is not below `link`. */
static size_t position(const struct link_index *index, int link)
{
	size_t low = 0, high = index->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (index->sorted[middle] < link)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int name_add(struct link_index *index, const struct link *link)
{
	struct link_name *name = calloc(1, sizeof(*name));

	if (!name)
		return -ENOMEM;
	memcpy(name->name, link->name, sizeof(name->name));
	name->link = link->index;
	HASH_ADD_STR(index->names, name, name);
	return 0;
}

static bool name_is_of(const struct link_name *name, const struct link *link)
{
	return name->link == link->index && !strcmp(name->name, link->name);
}

/* While a resynchronisation is under way two links may bear one name: the one that was renamed, and
 * the one that took the name over. So the entry of this very link is looked for. */
static void name_remove(struct link_index *index, const struct link *link)
{
	struct link_name *name, *next;

	HASH_FIND_STR(index->names, link->name, name);
	if (name && !name_is_of(name, link)) {
		HASH_ITER(hh, index->names, name, next) {
			if (name_is_of(name, link))
				break;
		}
	}
	if (!name)
		return;
	HASH_DEL(index->names, name);
	free(name);
}

int link_index_add(struct link_index *index, const struct link *link)
{
	size_t at = position(index, link->index);
	int r;

	if (index->count == index->size) {
		size_t size = index->size ? index->size * 2 : 8;
		int *sorted = reallocarray(index->sorted, size, sizeof(*sorted));

		if (!sorted)
			return -ENOMEM;
		index->sorted = sorted;
		index->size = size;
	}
	r = name_add(index, link);
	if (r < 0)
		return r;
	memmove(index->sorted + at + 1, index->sorted + at,
		(index->count - at) * sizeof(*index->sorted));
	index->sorted[at] = link->index;
	index->count++;
	return 0;
}

void link_index_remove(struct link_index *index, const struct link *link)
{
	size_t at = position(index, link->index);

	name_remove(index, link);
	if (at == index->count || index->sorted[at] != link->index)
		return;
	index->count--;
	memmove(index->sorted + at, index->sorted + at + 1,
		(index->count - at) * sizeof(*index->sorted));
}

int link_index_rename(struct link_index *index, const struct link *before, const struct link *after)
{
	if (!strcmp(before->name, after->name))
		return 0;
	name_remove(index, before);
	return name_add(index, after);
}

int link_index_by_name(const struct link_index *index, const char *text)
{
	struct link_name *name;

	HASH_FIND_STR(index->names, text, name);
	return name ? name->link : 0;
}

int link_index_after(const struct link_index *index, int link)
{
	size_t at = position(index, link + 1);

	return at < index->count ? index->sorted[at] : 0;
}
