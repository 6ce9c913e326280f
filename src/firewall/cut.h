/*
 * Connections that stand when what let them in ends: the kernel alone would let them live on.
 */
#pragma once

#include "service.h"

/*
 * Cuts the connections that the rule is about and that the firewall as it is now would not let
 * begin. Returns how many, or a negative errno.
 */
int firewall_cut(struct firewall_service *service, struct core *core,
		 const struct firewall_rule_spec *rule);
