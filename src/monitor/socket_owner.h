/*
 * Which process holds a socket: found by its inode behind /proc/PID/fd. Looked for in portions,
 * since a host may have many processes with many descriptors.
 */
#pragma once

#include "monitor.h"

struct socket_owner_search;

/* Looks for the owners of `connections`, in all processes or in `pid` (0 for all). Borrowed. */
int socket_owner_search_new(struct socket_owner_search **ret, struct connection *connections,
			    size_t count, uint32_t pid);
void socket_owner_search_free(struct socket_owner_search *search);
DEFINE_CLEANUP(struct socket_owner_search *, socket_owner_search_cleanup, socket_owner_search_free)

/* Goes on for about `budget`. 1 while there is more to do, 0 at the end. */
int socket_owner_search_step(struct socket_owner_search *search, usec_t budget);

/* Processes that we were not allowed to look into. */
size_t socket_owner_search_hidden(const struct socket_owner_search *search);
