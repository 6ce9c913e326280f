/* The layout document: {links, routes, rules}. */
#pragma once

#include "descriptor.h"

extern const struct field layout_members[];

/* tools_export.c: does the document speak of it? Of a guard rail, for one, it does not. */
bool layout_has_place(const struct resource *resource);
