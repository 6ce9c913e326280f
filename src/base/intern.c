#include "intern.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

struct kept {
	unsigned holders;
	UT_hash_handle hh;
	char text[];
};

static struct kept *all;
static const char empty[] = "";

static struct kept *kept_of(const char *text)
{
	return (struct kept *)(text - offsetof(struct kept, text));
}

const char *text_keep(const char *text)
{
	size_t size = text ? strlen(text) + 1 : 1;
	struct kept *kept;

	if (size == 1)
		return empty;
	HASH_FIND_STR(all, text, kept);
	if (!kept) {
		kept = calloc(1, sizeof(*kept) + size);
		if (!kept)
			return NULL;
		memcpy(kept->text, text, size);
		HASH_ADD_STR(all, text, kept);
	}
	kept->holders++;
	return kept->text;
}

const char *text_keep_again(const char *kept)
{
	if (kept != empty)
		kept_of(kept)->holders++;
	return kept;
}

void text_let_go(const char *text)
{
	struct kept *kept;

	if (!text || text == empty)
		return;
	kept = kept_of(text);
	if (--kept->holders)
		return;
	HASH_DEL(all, kept);
	free(kept);
}
