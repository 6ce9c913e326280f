#include "page.h"

#include <stdlib.h>
#include <string.h>

#include "common.h"

void page_init(struct page *page, const struct tool_call *call, size_t item_size,
	       int (*compare)(const void *left, const void *right))
{
	const json_t *arguments = tool_call_arguments(call);

	*page = (struct page){
		.item_size = item_size,
		.compare = compare,
		.offset = (size_t)json_member_integer(arguments, "offset", 0),
		.limit = (size_t)json_member_integer(arguments, "limit", PROPERTY_COUNT_MOST),
	};
}

void page_clear(struct page *page)
{
	free(page->items);
	*page = (struct page){0};
}

static void sort(struct page *page)
{
	if (page->count > 1)
		qsort(page->items, page->count, page->item_size, page->compare);
	page->count = MIN(page->count, page->offset + page->limit);
}

/* Room for one more: that of the items behind the page, or new. */
static bool make_room(struct page *page)
{
	size_t capacity = MAX(64u, page->capacity * 2);
	uint8_t *items;

	if (page->count < page->capacity)
		return true;
	if (page->count >= 2 * (page->offset + page->limit)) {
		sort(page);
		return true;
	}
	items = reallocarray(page->items, capacity, page->item_size);
	if (!items)
		return false;
	page->items = items;
	page->capacity = capacity;
	return true;
}

void page_add(struct page *page, const void *item)
{
	page->total++;
	if (page->failed || !make_room(page)) {
		page->failed = true;
		return;
	}
	memcpy(page->items + page->count++ * page->item_size, item, page->item_size);
}

int page_to_json(struct page *page, const struct tool_call *call, const char *member,
		 json_t *(*make)(const struct tool_call *call, const void *item), json_t **ret,
		 struct error *error)
{
	_cleanup_json_ json_t *items = json_array();

	if (page->failed)
		return out_of_memory(error);
	sort(page);
	for (size_t i = page->offset; i < page->count; i++)
		if (json_array_append_new(items, make(call, page->items + i * page->item_size)) < 0)
			return out_of_memory(error);
	*ret = json_pack("{sO sI}", member, items, "total", (json_int_t)page->total);
	return *ret ? 0 : out_of_memory(error);
}
