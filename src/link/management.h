/*
 * The guard rail that nobody locks himself out: a change may not take away the address, the link or
 * the route by which somebody is connected to this host's management ports, unless the same change
 * puts another in its place; and no change may take the way to a peer that was stated.
 */
#pragma once

#include "core/core.h"

/* Adds the guard rail. What it remembers of who is connected is `ret`, to be freed with free()
 * after the core; of `config`, which is borrowed, it asks what was stated. */
struct sessions;
struct link_manager_config;
int management_guard_add(struct core *core, const struct link_manager_config *config,
			 struct sessions **ret);
