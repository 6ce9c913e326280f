/* What a lease puts into intent: the address, the routes, the resolvers, the MTU of its link. */
#pragma once

#include "lease.h"
#include "service.h"

/* Adds the resources that follow from `lease` (NULL: none) under `spec` to a proposal whose
 * children they are: what is not among them any more goes. */
int derive_propose(struct core *core, struct proposal *proposal, const struct dhcp_spec *spec,
		   const struct dhcp_lease *lease, struct error *error);
