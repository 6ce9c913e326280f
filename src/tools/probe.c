#include "probe.h"

#include <string.h>

usec_t probe_milliseconds(const struct tool_call *call, const char *name)
{
	return (usec_t)json_member_integer(tool_call_arguments(call), name, 0) * USEC_PER_MSEC;
}

void probe_rename_parameter(struct error *error, const char *name)
{
	if (error && strcmp(error->parameter, "name") == 0)
		(void)text_copy(error->parameter, sizeof(error->parameter), name);
}

int probe_link(const struct tool_call *call, char ret[IFNAMSIZ], struct error *error)
{
	const char *name = json_member_text(tool_call_arguments(call), "link");
	const struct link *link;
	int r;

	ret[0] = '\0';
	if (!name)
		return 0;
	r = find_link(call, name, &link, error);
	if (r == 0)
		memcpy(ret, link->name, IFNAMSIZ);
	return r;
}

int probe_servers(const struct tool_call *call, struct ip_address ret[LOOKUP_SERVERS_MAX],
		  struct error *error)
{
	const struct tool_services *services = tool_call_services(call);
	unsigned count;
	int r;

	ret[0] = argument_address(call, "server");
	if (ip_address_is_set(&ret[0]))
		return 1;
	count = services->dns ? dns_service_servers(services->dns, ret, LOOKUP_SERVERS_MAX) : 0;
	if (count > 0)
		return (int)count;
	r = error_set(error, ERROR_DNS_FAILED, "server", "this host has no name server");
	error_hint(error, "give one, or configure a link that offers one");
	return r;
}
