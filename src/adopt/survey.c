#include "survey.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "evidence.h"
#include "resolv_conf.h"

#define RESOLVER_METRIC 50 /* below those of leases, so that what somebody wrote comes first */

/* A lease, as it stands in the kernel. */
struct lease_in_kernel {
	const struct address *address; /* NULL: the link has no lease */
	struct found_lease lease;
	struct evidence evidence;
	bool from_file;
};

void survey_clear(struct survey *survey)
{
	json_decref(survey->taken);
	json_decref(survey->left);
	for (size_t i = 0; i < survey->leases_count; i++)
		json_decref(survey->leases[i].json);
}

int survey_leave(struct survey *survey, const char *what, const char *why, struct error *error)
{
	json_t *entry = json_pack("{s:o,s:s}", "what", json_text_from_bytes(what, strlen(what)),
				  "why", why);

	if (json_array_append_new(survey->left, entry) < 0)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot adopt");
	return 0;
}

static int taken_append(struct survey *survey, const struct resource *resource)
{
	return json_array_append_new(survey->taken,
				     json_pack("{s:s,s:s,s:s,s:s}", "resource", resource->id,
					       "type", resource->type->name, "owner",
					       resource->provenance.owner, "reason",
					       resource->provenance.reason));
}

int survey_put(struct survey *survey, const char *type_name, json_t *json, const char *owner,
	       const char *reason, struct error *error)
{
	_cleanup_json_ json_t *object = json;
	const struct resource_type *type = core_type(survey->core, type_name);
	_cleanup_(cleanup_free) void *spec = type ? calloc(1, type->spec_size) : NULL;
	struct provenance provenance = {0};
	struct resource *resource;
	int r;

	if (!type)
		return 0;
	if (!object || !spec)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot adopt");
	r = type->parse(object, spec, error);
	if (r < 0)
		return r;
	resource = resource_new(type, spec);
	if (!resource)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot adopt");
	text_copy(provenance.owner, PROVENANCE_TEXT_MAX, owner);
	text_copy(provenance.reason, PROVENANCE_TEXT_MAX, reason);
	if (resource_set_provenance(resource, &provenance) < 0) {
		resource_free(resource);
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot adopt");
	}
	resource->created = clock_realtime_usec();
	resource->expires = USEC_INFINITY;
	/* Somebody has put it into intent already: he has his reasons. */
	if (core_resource(survey->core, resource->id)) {
		resource_free(resource);
		return 0;
	}
	r = taken_append(survey, resource);
	if (r < 0) {
		resource_free(resource);
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot adopt");
	}
	r = proposal_restore(survey->proposal, resource);
	return r < 0 ? error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot adopt") : 0;
}

/* ---- addresses ---- */

/* Made by the kernel itself, from a router's advertisement or for the link. */
static bool is_kernels(const struct address *address)
{
	return address->protocol >= 1 && address->protocol <= 3;
}

static bool is_foreign(const struct address *address, const struct link *link)
{
	return address->link == link->index && address->protocol != AIOSNET_PROTOCOL &&
	       !is_kernels(address) && !ip_address_is_link_local(&address->prefix.address) &&
	       !ip_address_is_loopback(&address->prefix.address) && address->prefix.length > 0;
}

static bool is_permanent(const struct address *address)
{
	return address->valid == UINT32_MAX &&
	       (address->prefix.address.family == AF_INET || address->flags & IFA_F_PERMANENT);
}

static bool has_udhcpc(const struct manager *managers, size_t count, const struct link *link)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(manager_name(&managers[i]), "udhcpc") == 0 &&
		    manager_manages(&managers[i], link))
			return true;
	return false;
}

/* udhcpc keeps no lease, and its script gives the address no lifetime: that it runs, or did, is
 * all there is to see. */
static bool udhcpc_configured(const struct survey *survey, const struct link *link)
{
	char path[64];

	snprintf(path, sizeof(path), "/run/udhcpc.%s.pid", link->name);
	return has_udhcpc(survey->managers, survey->managers_count, link) ||
	       has_udhcpc(survey->ended, survey->ended_count, link) || access(path, F_OK) == 0;
}

/* The first address that a DHCP server granted: by a client's file, or by its lifetime. */
static void find_lease(const struct survey *survey, const struct link *link,
		       struct lease_in_kernel *ret)
{
	const struct observed *observed = core_observed(survey->core);
	const struct address *address = NULL;
	bool client = udhcpc_configured(survey, link);

	memset(ret, 0, sizeof(*ret));
	while ((address = observed_next_address(observed, address))) {
		const struct ip_address *ip = &address->prefix.address;

		if (!is_foreign(address, link) || ip->family != AF_INET ||
		    ip_address_is_set(&address->peer))
			continue;
		ret->from_file = evidence_find_lease(link, ip, &ret->lease, &ret->evidence);
		if (ret->from_file || !is_permanent(address) || client) {
			ret->address = address;
			break;
		}
	}
	if (!ret->address || ret->from_file)
		return;
	memset(&ret->lease, 0, sizeof(ret->lease));
	ret->lease.address = ret->address->prefix.address.v4;
	evidence_of_link(link, &ret->evidence);
	text_copy(ret->evidence.reason, sizeof(ret->evidence.reason),
		  client ? "udhcpc, which runs or ran on the link"
			 : "its lifetime: a DHCP server granted it");
	if (strcmp(ret->evidence.owner, RESOURCE_ADOPTED_PREFIX "static") == 0)
		text_copy(ret->evidence.owner, sizeof(ret->evidence.owner),
			  RESOURCE_ADOPTED_PREFIX "dhcp");
}

static json_t *address_json(const struct link *link, const struct address *address)
{
	char text[IP_PREFIX_TEXT_MAX];
	_cleanup_json_ json_t *json = json_pack("{s:s,s:s}", "link", link->name, "address",
						ip_prefix_print(&address->prefix, text));
	int r = json_put_address(json, "broadcast", &address->broadcast);

	if (address->metric)
		r |= json_put(json, "metric", json_integer(address->metric));
	return r < 0 ? NULL : TAKE_PTR(json);
}

/* Returns how many were taken. */
static int put_addresses(struct survey *survey, const struct link *link,
			 const struct address *leased, const struct evidence *evidence,
			 struct error *error)
{
	const struct address *address = NULL;
	int r = 0, count = 0;

	while (r >= 0 && (address = observed_next_address(core_observed(survey->core), address))) {
		char text[IP_PREFIX_TEXT_MAX];

		if (!is_foreign(address, link) || address == leased)
			continue;
		ip_prefix_print(&address->prefix, text);
		if (ip_address_is_set(&address->peer)) {
			r = survey_leave(survey, text, "point to point", error);
		} else if (!is_permanent(address)) {
			r = survey_leave(survey, text, "its lifetime ends by itself", error);
		} else {
			r = survey_put(survey, "address", address_json(link, address),
				       evidence->owner, evidence->reason, error);
			count++;
		}
	}
	return r < 0 ? r : count;
}

/* ---- leases ---- */

static usec_t lease_expires(const struct lease_in_kernel *in_kernel)
{
	usec_t now = clock_boottime_usec(), realtime = clock_realtime_usec();
	const struct found_lease *lease = &in_kernel->lease;

	/* The file's own word comes first: the kernel's lifetime may be none, or be longer. */
	if (lease->ends && lease->ends != USEC_INFINITY)
		return usec_add(now, usec_sub(lease->ends, realtime));
	if (in_kernel->address->valid != UINT32_MAX)
		return usec_add(now, in_kernel->address->valid * USEC_PER_SEC);
	/* Of no stated end: it is asked for at once, and until then good for an hour. */
	return lease->ends == USEC_INFINITY ? USEC_INFINITY : usec_add(now, 3600 * USEC_PER_SEC);
}

static int keep_lease(struct survey *survey, const struct link *link,
		      const struct lease_in_kernel *in_kernel, struct error *error)
{
	struct survey_lease *kept = &survey->leases[survey->leases_count];
	const struct found_lease *lease = &in_kernel->lease;
	uint8_t length = in_kernel->address->prefix.length;
	bool whole =
		lease->server.s_addr && (!lease->prefix_length || lease->prefix_length == length);

	hardware_address_print(&link->mac, kept->key);
	kept->json = found_lease_to_json(lease, length, lease_expires(in_kernel), whole);
	if (!kept->json)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot adopt");
	survey->leases_count++;
	survey->dns_comes_with_lease |= !whole;
	for (unsigned i = 0; i < lease->dns_count && survey->leased_dns_count < SURVEY_LINKS_MAX;
	     i++)
		survey->leased_dns[survey->leased_dns_count++] = lease->dns[i];
	return 0;
}

/* With the identity by which the server knows it, or another address would be granted. Most clients
 * whose files do not tell send the MAC, and servers that know none of it take it for the MAC. */
static json_t *dhcp_json(const struct link *link, const struct found_lease *lease,
			 const struct route *route)
{
	char id[2 * FOUND_CLIENT_ID_MAX + 1] = "";

	for (unsigned i = 0; i < lease->client_id_length; i++)
		snprintf(id + (size_t)2 * i, 3, "%02x", lease->client_id[i]);
	return json_pack("{s:s,s:b,s:I,s:b,s:s,s:s}", "link", link->name, "as_found", true,
			 "metric", (json_int_t)(route ? route->metric : 0), "use_routes",
			 route != NULL, "identity", lease->client_id_known ? "exact" : "mac",
			 "client_id", id);
}

static int put_lease(struct survey *survey, const struct link *link,
		     const struct lease_in_kernel *in_kernel, const struct route *route,
		     struct error *error)
{
	int r;

	if (survey->leases_count == SURVEY_LINKS_MAX)
		return 0;
	r = keep_lease(survey, link, in_kernel, error);
	if (r < 0)
		return r;
	return survey_put(survey, "dhcp", dhcp_json(link, &in_kernel->lease, route),
			  in_kernel->evidence.owner, in_kernel->evidence.reason, error);
}

/* ---- the link as a whole ---- */

/* The running manager that has the link, or NULL. */
static const struct manager *manager_of(const struct survey *survey, const struct link *link)
{
	for (size_t i = 0; i < survey->managers_count; i++)
		if (manager_manages(&survey->managers[i], link))
			return &survey->managers[i];
	return NULL;
}

static bool has_anything(const struct survey *survey, const struct link *link)
{
	const struct address *address = NULL;

	while ((address = observed_next_address(core_observed(survey->core), address)))
		if (is_foreign(address, link) &&
		    (is_permanent(address) || address->prefix.address.family == AF_INET))
			return true;
	return false;
}

/* An address that nobody's traces explain, on a host without any way out, is no configuration but
 * the rest of one. Boot detection seeks a network beside it. */
static bool is_unfinished(const struct survey *survey, const struct evidence *evidence)
{
	return !survey->asked && !evidence->by_manager && !survey_has_gateway(survey);
}

int survey_link(struct survey *survey, const struct link *link, struct error *error)
{
	struct lease_in_kernel lease;
	const struct route *route;
	struct evidence evidence;
	int r;

	if (!survey->while_running && manager_of(survey, link))
		return survey_leave(survey, link->name, "another manager that still runs has it",
				    error);
	if (!(link->flags & IFF_UP) || survey->links_count == SURVEY_LINKS_MAX ||
	    !has_anything(survey, link))
		return 0;
	evidence_of_link(link, &evidence);
	find_lease(survey, link, &lease);
	if (!lease.address && is_unfinished(survey, &evidence))
		return 0;
	route = lease.address ? survey_default_route(survey, link) : NULL;
	r = survey_put(survey, "link", json_pack("{s:s,s:b}", "name", link->name, "up", true),
		       lease.address ? lease.evidence.owner : evidence.owner,
		       lease.address ? lease.evidence.reason : evidence.reason, error);
	if (r >= 0 && lease.address)
		r = put_lease(survey, link, &lease, route, error);
	if (r >= 0)
		r = put_addresses(survey, link, lease.address, &evidence, error);
	if (r >= 0)
		r = survey_routes(survey, link, evidence.owner, evidence.reason,
				  lease.address != NULL, route, error);
	if (r < 0)
		return r;
	survey->links[survey->links_count++] = link->index;
	return 1;
}

/* ---- resolvers ---- */

static bool is_leased(const struct survey *survey, const struct ip_address *server)
{
	for (size_t i = 0; i < survey->leased_dns_count; i++)
		if (server->family == AF_INET && server->v4.s_addr == survey->leased_dns[i].s_addr)
			return true;
	return false;
}

static json_t *resolver_json(const struct survey *survey, const struct resolv_conf *conf)
{
	_cleanup_json_ json_t *json = json_pack("{s:s,s:i,s:[],s:[]}", "link", "global", "metric",
						RESOLVER_METRIC, "servers", "search");
	json_t *servers = json_object_get(json, "servers"),
	       *search = json_object_get(json, "search");

	for (unsigned i = 0; i < conf->servers_count; i++)
		if (!is_leased(survey, &conf->servers[i]) &&
		    json_array_append_new(servers, json_address(&conf->servers[i])) < 0)
			return NULL;
	for (unsigned i = 0; i < conf->search_count; i++)
		if (json_array_append_new(search, json_string(conf->search[i])) < 0)
			return NULL;
	return TAKE_PTR(json);
}

int survey_resolvers(struct survey *survey, struct error *error)
{
	char text[8192];
	struct resolv_conf conf;
	ssize_t length = evidence_read(survey->resolv_conf, text, sizeof(text));
	json_t *json;

	if (length <= 0 || survey->links_count == 0)
		return 0;
	resolv_conf_parse(text, (size_t)length, &conf);
	if (conf.local)
		return survey_leave(survey, survey->resolv_conf, "it names a resolver on this host",
				    error);
	if (conf.ours || survey->dns_comes_with_lease)
		return 0;
	json = resolver_json(survey, &conf);
	if (json && !json_array_size(json_object_get(json, "servers"))) {
		json_decref(json);
		return 0;
	}
	return survey_put(survey, "resolver", json, RESOURCE_ADOPTED_PREFIX "resolv.conf",
			  survey->resolv_conf, error);
}
