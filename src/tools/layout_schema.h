/* The layout document: {links, routes, rules}. */
#pragma once

#include "descriptor.h"

extern const struct field layout_members[];
