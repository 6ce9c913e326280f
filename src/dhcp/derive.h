/* What a lease puts into intent: the address, the routes, the resolvers, the MTU of its link. */
#pragma once

#include "lease.h"
#include "service.h"

/* What stays as intent has it from before, whatever the lease says. */
enum derive_keep {
	DERIVE_KEEP_NAMES = 1 << 0,
	DERIVE_KEEP_ROUTES = 1 << 1,
};

/* Adds the resources that follow from `lease` (NULL: none) under `spec` to a proposal whose
 * children they are: what is not among them any more goes. `keep` is of enum derive_keep. */
int derive_propose(struct core *core, struct proposal *proposal, const struct dhcp_spec *spec,
		   const struct dhcp_lease *lease, unsigned keep, struct error *error);
