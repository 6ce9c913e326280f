#include "namespace.h"

#include <sys/stat.h>
#include <sys/vfs.h>

#include <linux/magic.h>

bool namespace_may_be_initial(void)
{
	struct statfs filesystem;
	struct stat ignored;

	/* An empty directory in the place of /proc/sys proves nothing. */
	if (statfs("/proc/sys/net/core", &filesystem) < 0 ||
	    filesystem.f_type != PROC_SUPER_MAGIC ||
	    stat("/proc/sys/net/core/somaxconn", &ignored) < 0)
		return true;
	return stat("/proc/sys/net/core/netdev_max_backlog", &ignored) >= 0 || errno != ENOENT;
}

int namespace_check(bool host, struct error *error)
{
	int r;

	if (host || !namespace_may_be_initial())
		return 0;
	r = error_set(error, ERROR_HOST_NAMESPACE, NULL,
		      "this is, or may be, the host's own network namespace");
	error_hint(error,
		   "give --host to manage it, or start in a namespace of your own with /proc "
		   "mounted");
	return r;
}
