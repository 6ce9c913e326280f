/*
 * The guard rail that nobody locks himself out: a change may not take away the address, the link or
 * the route by which somebody is connected to this host's management ports, unless the same change
 * puts another in its place.
 */
#pragma once

#include "core/core.h"

/* Adds the guard rail. What it remembers of who is connected is `ret`, to be freed with free()
 * after the core. */
struct sessions;
int management_guard_add(struct core *core, struct sessions **ret);
