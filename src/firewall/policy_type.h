/* The resource types of the firewall. */
#pragma once

#include "rule.h"

/* Type "firewall": key "policy"; struct firewall_policy. */
extern const struct resource_type firewall_policy_type;

extern const char *const firewall_modes[];    /* of enum firewall_mode, NULL at the end */
extern const char *const outbound_profiles[]; /* of enum outbound_profile, NULL at the end */
