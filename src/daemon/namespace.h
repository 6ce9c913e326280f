/* Is this network the host's own? */
#pragma once

#include "base/base.h"

/*
 * False only where it is proved that this process is not in the network namespace that the kernel
 * booted with; true in every doubt.
 *
 * The proof is a property of the kernel: it registers the tuning of its per-CPU receive queues
 * (net.core.netdev_max_backlog) for the first namespace alone, while net.core.somaxconn is there in
 * each. Neither cookies nor inode numbers serve: the first namespace's are not the same on all
 * kernels.
 */
bool namespace_may_be_initial(void);

/* 0 where the daemon may run, or daemon.host_namespace; `host` is the administrator's word. */
int namespace_check(bool host, struct error *error);
