/*
 * Which links were adopted, so that one whose adoption was undone is not adopted again, nor
 * configured in another way, until somebody says so. Kept in the store, for this boot.
 */
#pragma once

#include "core/core.h"

/* Remembers that the link is adopted. */
void released_remember(struct core *core, const char *link);
/* Was it adopted in this boot? Where intent has it no more, it was released. */
bool released_is_known(struct core *core, const char *link);
