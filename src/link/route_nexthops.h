/* The nexthops of a multipath route: read from JSON, from the kernel, and compared. */
#pragma once

#include "link.h"

/* Reads the member "nexthops", where there is one; errors name "nexthops.MEMBER". */
int route_nexthops_parse(const json_t *object, struct route_spec *spec, struct error *error);
/* 0 or -ENOMEM. */
int route_nexthops_print(const struct route_spec *spec, json_t *json);

/* Those that the kernel has of `route`, which is a multipath route of the mirror. The mirror keeps
 * the first one only, so that the kernel is asked. 0 or a negative errno. */
int route_nexthops_observe(struct core *core, const struct route *route, struct route_spec *ret);
/* Are they the same, in whatever order? */
bool route_nexthops_equal(const struct route_spec *a, const struct route_spec *b);
/* For the kernel; link.unknown where a link is not there. */
int route_nexthops_resolve(struct core *core, const struct route_spec *spec, struct nexthops *ret,
			   struct error *error);
