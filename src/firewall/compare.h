/*
 * Is what the kernel has what is wanted?
 */
#pragma once

#include "netfilter/netfilter.h"
#include "ruleset.h"

/* Chains with their rules, and sets without their elements. */
bool ruleset_equal(const struct ruleset *wanted, const struct ruleset *read);

/* Have the kernel's sets whose names begin so just the elements that are wanted? 1, 0, or a
 * negative errno. */
int ruleset_has_elements(struct netfilter *netfilter, const struct ruleset *wanted,
			 const char *prefix);
