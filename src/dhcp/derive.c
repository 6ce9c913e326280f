#include "derive.h"

#include <arpa/inet.h>

struct derivation {
	struct core *core;
	struct proposal *proposal;
	const struct dhcp_spec *spec;
	const struct dhcp_lease *lease;
};

static const char *print(struct in_addr address, char buffer[INET_ADDRSTRLEN])
{
	return inet_ntop(AF_INET, &address, buffer, INET_ADDRSTRLEN);
}

/* The broadcast address that follows from the prefix; the server's own word where it gave one. */
static struct in_addr broadcast_of(const struct dhcp_lease *lease)
{
	struct in_addr broadcast = lease->broadcast;

	if (!broadcast.s_addr && lease->prefix_length < 31)
		broadcast.s_addr =
			lease->address.s_addr | ~ip_length_to_netmask(lease->prefix_length);
	return broadcast;
}

/* The address as it is in the kernel, where the lease was found in use; else NULL. */
static const struct address *address_found(const struct derivation *of,
					   const struct ip_prefix *prefix)
{
	const struct observed *observed = core_observed(of->core);
	const struct link *link = observed_link_by_name(observed, of->spec->link);

	return of->spec->as_found && link ? observed_address(observed, link->index, prefix) : NULL;
}

static int put_address(const struct derivation *of, struct error *error)
{
	const struct dhcp_lease *lease = of->lease;
	struct ip_prefix prefix = {.address = ip_address_v4(lease->address.s_addr),
				   .length = lease->prefix_length};
	struct in_addr broadcast = broadcast_of(lease);
	char text[IP_PREFIX_TEXT_MAX], other[INET_ADDRSTRLEN];
	const struct address *found = address_found(of, &prefix);
	uint32_t metric = found ? found->metric : of->spec->metric;
	json_t *spec = json_pack("{s:s,s:s,s:I}", "link", of->spec->link, "address",
				 ip_prefix_print(&prefix, text), "metric", (json_int_t)metric);

	if (broadcast.s_addr)
		json_object_set_new(spec, "broadcast", json_string(print(broadcast, other)));
	if (lease->expires != USEC_INFINITY)
		json_object_set_new(spec, "valid_until", json_integer((json_int_t)lease->expires));
	return proposal_put_json(of->core, of->proposal, "address", spec, error);
}

/* A gateway outside of the prefix (a /32 lease, say) is reached on the link itself. */
static bool is_onlink(const struct dhcp_lease *lease, struct in_addr gateway)
{
	struct ip_prefix prefix = {.address = ip_address_v4(lease->address.s_addr),
				   .length = lease->prefix_length};
	struct ip_address address = ip_address_v4(gateway.s_addr);

	return !ip_prefix_contains(&prefix, &address);
}

static int put_route(const struct derivation *of, const struct ip_prefix *destination,
		     struct in_addr gateway, struct error *error)
{
	char text[IP_PREFIX_TEXT_MAX], via[INET_ADDRSTRLEN], source[INET_ADDRSTRLEN];
	json_t *spec = json_pack("{s:s,s:s,s:I}", "link", of->spec->link, "destination",
				 ip_prefix_print(destination, text), "metric",
				 (json_int_t)of->spec->metric);

	if (!of->spec->as_found)
		json_object_set_new(spec, "source", json_string(print(of->lease->address, source)));

	if (gateway.s_addr) {
		json_object_set_new(spec, "gateway", json_string(print(gateway, via)));
		if (is_onlink(of->lease, gateway))
			json_object_set_new(spec, "onlink", json_true());
	}
	return proposal_put_json(of->core, of->proposal, "route", spec, error);
}

/* RFC 3442: where there are classless routes the router option is ignored. */
static int put_routes(const struct derivation *of, struct error *error)
{
	const struct ip_prefix all = {.address.family = AF_INET};
	const struct dhcp_lease *lease = of->lease;
	int r = 0;

	if (!of->spec->use_routes)
		return 0;
	for (unsigned i = 0; r >= 0 && i < lease->routes_count; i++)
		r = put_route(of, &lease->routes[i].destination, lease->routes[i].gateway, error);
	if (!lease->routes_count && lease->gateways_count)
		r = put_route(of, &all, lease->gateways[0], error);
	return r;
}

static int put_resolver(const struct derivation *of, struct error *error)
{
	const struct dhcp_lease *lease = of->lease;
	json_t *servers = json_array(), *search = json_array();
	char text[INET_ADDRSTRLEN];

	for (unsigned i = 0; i < lease->dns_count; i++)
		json_array_append_new(servers, json_string(print(lease->dns[i], text)));
	for (unsigned i = 0; i < lease->search_count; i++)
		json_array_append_new(search, json_string(text_list_at(lease->search, i)));
	/* RFC 3397: the search option takes the place of the domain name. */
	if (!lease->search_count && lease->domain[0])
		json_array_append_new(search, json_string(lease->domain));
	if (!of->spec->use_dns || (!json_array_size(servers) && !json_array_size(search))) {
		json_decref(servers);
		json_decref(search);
		return 0;
	}
	return proposal_put_json(of->core, of->proposal, "resolver",
				 json_pack("{s:s,s:I,s:o,s:o}", "link", of->spec->link, "metric",
					   (json_int_t)of->spec->metric, "servers", servers,
					   "search", search),
				 error);
}

/* An MTU that the device cannot have is a mistake of the network, and no reason to be without it.
 */
static bool mtu_is_possible(const struct derivation *of)
{
	const struct link *link = observed_link_by_name(core_observed(of->core), of->spec->link);

	return !link || !link->mtu_max || of->lease->mtu <= link->mtu_max;
}

static int put_mtu(const struct derivation *of, struct error *error)
{
	if (!of->spec->use_mtu || !of->lease->mtu || !mtu_is_possible(of))
		return 0;
	return proposal_put_json(of->core, of->proposal, "mtu",
				 json_pack("{s:s,s:I}", "link", of->spec->link, "mtu",
					   (json_int_t)of->lease->mtu),
				 error);
}

/* The resources of the type that derived before, as they are. */
static int put_former(const struct derivation *of, const char *type, struct error *error)
{
	const struct resource *resource = NULL;

	while ((resource = core_next_resource(of->core, resource)))
		if (strcmp(resource->type->name, type) == 0 &&
		    strcmp(resource->parent, of->proposal->parent) == 0 &&
		    proposal_put(of->proposal, resource->type, resource->spec) < 0)
			return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot keep a %s",
					 type);
	return 0;
}

int derive_propose(struct core *core, struct proposal *proposal, const struct dhcp_spec *spec,
		   const struct dhcp_lease *lease, unsigned keep, struct error *error)
{
	static const struct {
		int (*put)(const struct derivation *of, struct error *error);
		unsigned keep; /* with this bit the former ones of `type` instead */
		const char *type;
	} parts[] = {
		{put_mtu, 0, "mtu"},
		{put_address, 0, "address"},
		{put_routes, DERIVE_KEEP_ROUTES, "route"},
		{put_resolver, DERIVE_KEEP_NAMES, "resolver"},
	};
	const struct derivation of = {core, proposal, spec, lease};
	int r = 0;

	resource_id(&dhcp_type, spec, proposal->parent);
	proposal->replaces_children = true;
	if (lease && lease->expires != USEC_INFINITY)
		proposal->expires = usec_add(clock_realtime_usec(),
					     usec_sub(lease->expires, clock_boottime_usec()));
	for (unsigned i = 0; r >= 0 && lease && i < ARRAY_SIZE(parts); i++)
		r = keep & parts[i].keep ? put_former(&of, parts[i].type, error)
					 : parts[i].put(&of, error);
	return r;
}
