/*
 * The network as it would be: what the kernel has, with the steps of a plan on top. For those who
 * judge a plan before it is applied.
 */
#pragma once

#include "link.h"

#define IPV6_MTU_MIN 1280 /* RFC 8200 section 5 */

/* Would the link be up, with those that it lies on? */
bool outlook_link_works(struct core *core, const struct plan *plan, const struct link *link);
/* The kernel takes IPv6 and its addresses off a link whose MTU is too small for it. */
bool outlook_link_loses_ipv6(const struct plan *plan, const struct link *link);
/* The link that would hold the address, or NULL. */
const struct link *outlook_address_holder(struct core *core, const struct plan *plan,
					  const struct ip_address *wanted);
/* Would a route of a link that is up lead to the address? The kernel's prefix routes count through
 * the addresses that bring them. */
bool outlook_reaches(struct core *core, const struct plan *plan, const struct ip_address *remote);
/* Would the main table choose a way to the address by which packets arrive? Without `plan`: does
 * it? */
bool outlook_path_is_usable(struct core *core, const struct plan *plan,
			    const struct ip_address *remote);
