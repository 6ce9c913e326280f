/* The guard rails of the firewall. */
#pragma once

#include "service.h"

/* Adds firewall.management and firewall.telnet. `config` is borrowed. */
int firewall_add_rails(struct core *core, const struct firewall_config *config);
