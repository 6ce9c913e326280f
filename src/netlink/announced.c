#include "announced.h"

#include <string.h>

#define ANNOUNCED_MAX (ANNOUNCED_SLOTS / 2)

/* The slot that holds the hash, or the vacant one where it belongs. */
static uint32_t slot_of(const struct announced *announced, uint32_t hash)
{
	uint32_t at = hash;

	while (announced->slots[at % ANNOUNCED_SLOTS] &&
	       announced->slots[at % ANNOUNCED_SLOTS] != hash)
		at++;
	return at % ANNOUNCED_SLOTS;
}

void announced_add(struct announced *announced, uint32_t hash)
{
	uint32_t *slot;

	if (announced->count == ANNOUNCED_MAX)
		return;
	slot = &announced->slots[slot_of(announced, MAX(hash, 1u))];
	announced->count += !*slot;
	*slot = MAX(hash, 1u);
}

bool announced_has(const struct announced *announced, uint32_t hash)
{
	return announced->count == ANNOUNCED_MAX ||
	       (announced->count && announced->slots[slot_of(announced, MAX(hash, 1u))]);
}

void announced_clear(struct announced *announced)
{
	if (announced->count)
		memset(announced, 0, sizeof(*announced));
}
