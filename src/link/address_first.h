/*
 * Which of several IPv4 addresses of one network on a link is the first: the kernel sends from it,
 * and the others go with it unless the link promotes them (promote_secondaries).
 */
#pragma once

#include "link.h"

/*
 * Makes the address, which is there, the first of its network: the present first one is taken away
 * and put back behind it, with what the kernel takes away with it. For some 0.1 ms it is not there.
 * 0, or a negative errno with `error` filled.
 */
int address_put_first(struct core *core, const char *link, const struct ip_prefix *prefix,
		      struct error *error);

/* Takes the address away where others of its network would go with it, and puts those back. It is
 * left as it is where none would. 0, or a negative errno with `error` filled. */
int address_remove_alone(struct core *core, const struct link *link, const struct ip_prefix *prefix,
			 struct error *error);
