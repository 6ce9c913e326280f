#include "probe_target.h"

#include <string.h>

#define RESOLVE_TIME_MAX (5 * USEC_PER_SEC)

void probe_target_stop(struct probe_target *target)
{
	if (target->lookup)
		lookup_cancel(TAKE_PTR(target->lookup));
}

static void take_addresses(struct probe_target *target, const struct dns_message *message)
{
	struct ip_address *addresses = target->addresses;

	for (unsigned i = 0; i < message->records_count && target->count < PROBE_ADDRESSES_MAX; i++)
		if (message->records[i].section == DNS_ANSWER &&
		    dns_record_address(message, &message->records[i], &addresses[target->count]))
			target->count++;
}

static int resolve_next(struct probe_target *target, struct error *error);

static void on_resolved(int r, const struct lookup_result *result, const struct error *lookup_error,
			void *userdata)
{
	struct probe_target *target = userdata;
	struct error error = *lookup_error;

	target->lookup = NULL;
	if (r == 0)
		take_addresses(target, &result->message);
	/* What one family's answer lacks, or how it failed, matters only where the other has none.
	 */
	if (target->count > 0 && (r < 0 || !target->all || target->types[0] == 0)) {
		target->found(0, NULL, target->userdata);
		return;
	}
	if (r == 0)
		r = resolve_next(target, &error);
	if (r < 0) {
		probe_rename_parameter(&error, "host");
		target->found(r, &error, target->userdata);
	}
}

static int resolve_next(struct probe_target *target, struct error *error)
{
	struct lookup_request request = lookup_request_default(target->host, target->types[0]);

	if (target->types[0] == 0)
		return error_set(error, ERROR_NAME_NOT_FOUND, "host", "%s has no address%s",
				 target->host,
				 target->family != AF_UNSPEC ? " of this family" : "");
	target->types[0] = target->types[1];
	target->types[1] = 0;
	request.timeout = RESOLVE_TIME_MAX;
	request.servers_count = target->servers_count;
	memcpy(request.servers, target->servers, sizeof(target->servers));
	memcpy(request.interface, target->interface, sizeof(request.interface));
	return lookup_start(&target->lookup, tool_call_event(target->call), &request, on_resolved,
			    target, error);
}

int probe_target_start(struct probe_target *target, probe_target_found_t found, void *userdata,
		       struct error *error)
{
	int r;

	target->found = found;
	target->userdata = userdata;
	if (ip_address_parse(target->host, &target->addresses[0], "host", NULL) == 0) {
		target->count = 1;
		if (target->family == AF_UNSPEC || target->family == target->addresses[0].family)
			return 1;
		return error_set(error, ERROR_PARAMETER_CONFLICT, "host",
				 "%s is an address of the other family", target->host);
	}
	r = probe_servers(target->call, target->servers, error);
	if (r < 0)
		return r;
	target->servers_count = (unsigned)r;
	target->types[0] = target->family == AF_INET6 ? DNS_TYPE_AAAA : DNS_TYPE_A;
	target->types[1] = target->family == AF_UNSPEC ? DNS_TYPE_AAAA : 0;
	r = resolve_next(target, error);
	if (r < 0)
		probe_rename_parameter(error, "host");
	return r;
}
