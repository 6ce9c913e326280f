/*
 * The guard rail that nobody locks himself out: a change may not take away the address, the link or
 * the route by which somebody is connected to this host's management ports, unless the same change
 * puts another in its place.
 */
#pragma once

#include "core/core.h"

extern const struct guard_rail management_guard;
