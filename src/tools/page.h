/*
 * A page of a long list: of any number of items that are passed by, those that `offset` and `limit`
 * of the arguments choose, in order, in memory for twice as many as end before the page does.
 */
#pragma once

#include "descriptor.h"

struct page {
	size_t item_size;
	int (*compare)(const void *left, const void *right);
	size_t offset, limit;
	uint8_t *items;
	size_t count, capacity, total;
	bool failed; /* out of memory */
};

/* For items of `item_size` bytes, in the order of `compare`. */
void page_init(struct page *page, const struct tool_call *call, size_t item_size,
	       int (*compare)(const void *left, const void *right));
void page_clear(struct page *page);
#define _cleanup_page_ _cleanup_(page_clear)

/* Copies the item. */
void page_add(struct page *page, const void *item);

/* {member: [...], "total": N}, each made by `make`. */
int page_to_json(struct page *page, const struct tool_call *call, const char *member,
		 json_t *(*make)(const struct tool_call *call, const void *item), json_t **ret,
		 struct error *error);
