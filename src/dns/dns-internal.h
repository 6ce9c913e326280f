/* What the files of this room share. */
#pragma once

#include "dns.h"

/* The specification in force for `link`, borrowed, or NULL. */
const struct resolver_spec *dns_service_held(const struct dns_service *service, const char *link);
/* Puts `spec` in force for `link` (NULL: none) and writes resolv.conf; on failure all is as before.
 */
int dns_service_hold(struct dns_service *service, const char *link,
		     const struct resolver_spec *spec, struct error *error);
