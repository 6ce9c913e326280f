/*
 * The objects that were announced while a dump is being read: a set of their hashes. It is small
 * and of fixed size; when it is full, it has all.
 */
#pragma once

#include "base/base.h"

#define ANNOUNCED_SLOTS 1024u

struct announced {
	uint32_t count;
	uint32_t slots[ANNOUNCED_SLOTS]; /* open addressing, 0 is vacant */
};

void announced_add(struct announced *announced, uint32_t hash);
bool announced_has(const struct announced *announced, uint32_t hash);
void announced_clear(struct announced *announced);
