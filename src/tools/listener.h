/* The listening end of the socket. */
#pragma once

#include "base/base.h"

/* Binds and listens at `path`, open to every user of the host. A file that a dead daemon left is
 * replaced; daemon.running when a living one answers there. Returns the descriptor. */
int listener_open(const char *path, struct error *error);
