#include "kernel_error.h"

#include <string.h>

int kernel_error(struct core *core, int r, const char *what, struct error *error)
{
	const char *words = netlink_socket_words(core_netlink(core));
	enum error_code code = r == -EOPNOTSUPP ? ERROR_KERNEL_UNSUPPORTED
			       : r == -EBUSY	? ERROR_LINK_BUSY
			       : r == -ENODEV	? ERROR_LINK_UNKNOWN
						: ERROR_KERNEL_REFUSED;

	return error_set(error, code, NULL, "the kernel refused %s: %s%s%s", what, strerror(-r),
			 words[0] ? ": " : "", words);
}
