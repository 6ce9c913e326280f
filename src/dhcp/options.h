/*
 * The options that a lease is made of, as one table: number and reader, in the order in which they
 * are asked for (option 55).
 */
#pragma once

#include "lease.h"

/* Reads what the table knows from `message` into `lease`, whose address and prefix length are set.
 * An option that is malformed is left out: the lease is of use without it. */
void options_read(const struct dhcp_message *message, struct dhcp_lease *lease);

/* What is checked on the wire is checked in the store as well. */
bool lease_address_is_usable(struct in_addr address); /* not 0/8, 127/8, 224/4 and above */
bool lease_route_is_usable(const struct lease_route *route);
bool lease_name_is_valid(const char *name);
bool lease_portal_is_valid(const char *uri);
