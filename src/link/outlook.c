#include "outlook.h"

#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#define LINK_DEPTH_MAX 8 /* devices on devices */

static const struct step *step_for(const struct plan *plan, const struct resource_type *type,
				   const char *id)
{
	const struct step *step = NULL;

	while (plan && (step = plan_next_step(plan, step)))
		if (step->type == type && strcmp(step->id, id) == 0)
			return step;
	return NULL;
}

/* The step of the type whose key is the link's name. */
static const struct step *step_for_link(const struct plan *plan, const struct resource_type *type,
					const struct link *link)
{
	char id[RESOURCE_KEY_MAX + 16];

	snprintf(id, sizeof(id), "%s/%s", type->name, link->name);
	return step_for(plan, type, id);
}

/* Would it be there, and up? */
static bool link_would_stand(const struct plan *plan, const struct link *link)
{
	const struct step *device = step_for_link(plan, &device_type, link);
	const struct step *step = step_for_link(plan, &link_type, link);
	const struct link_spec *after = step ? step->after : NULL;

	if (device && !device->after)
		return false;
	if (after && after->settings.fields & LINK_FIELD_UP)
		return after->settings.up;
	return link->flags & IFF_UP;
}

/* What a port receives is its device's, no longer its own. */
static bool link_would_be_up(const struct plan *plan, const struct link *link)
{
	const struct step *port = step_for_link(plan, &port_type, link);

	return !(port && port->after && !port->before) && link_would_stand(plan, link);
}

bool outlook_link_works(struct core *core, const struct plan *plan, const struct link *link)
{
	unsigned depth = 0;

	if (!link_would_be_up(plan, link))
		return false;
	while (link && depth++ < LINK_DEPTH_MAX) {
		if (!link_would_stand(plan, link))
			return false;
		link = link->kind == LINK_VETH || link->lower_namespace >= 0
			       ? NULL
			       : observed_link(core_observed(core), link->lower);
	}
	return true;
}

bool outlook_link_loses_ipv6(const struct plan *plan, const struct link *link)
{
	struct link_spec spec = {0};
	char id[RESOURCE_KEY_MAX + 16];
	const struct step *step;
	const struct link_spec *after;

	memcpy(spec.name, link->name, sizeof(spec.name));
	step = step_for(plan, &link_type, resource_id(&link_type, &spec, id));
	after = step ? step->after : NULL;
	return after && after->settings.fields & LINK_FIELD_MTU &&
	       after->settings.mtu < IPV6_MTU_MIN;
}

const struct link *outlook_address_holder(struct core *core, const struct plan *plan,
					  const struct ip_address *wanted)
{
	const struct observed *observed = core_observed(core);
	const struct address *address = NULL;
	const struct step *step = NULL;

	while ((step = plan_next_step(plan, step))) {
		const struct address_spec *after = step->after;

		if (step->type == &address_type && after &&
		    ip_address_equal(&after->prefix.address, wanted))
			return observed_link_by_name(observed, after->link);
	}
	while ((address = observed_next_address(observed, address))) {
		const struct link *link = observed_link(observed, address->link);
		struct address_spec spec = {.prefix = address->prefix};
		char id[RESOURCE_KEY_MAX + 16];

		if (!link || !ip_address_equal(&address->prefix.address, wanted))
			continue;
		memcpy(spec.link, link->name, sizeof(spec.link));
		step = step_for(plan, &address_type, resource_id(&address_type, &spec, id));
		if (!step || step->after)
			return link;
	}
	return NULL;
}

/* Does the plan remove the route, or put another in its place? */
static bool route_would_go(struct core *core, const struct plan *plan, const struct route *route)
{
	const struct link *link = observed_link(core_observed(core), route->link);
	struct route_spec spec = {.destination = route->destination,
				  .table = route->table,
				  .metric = route->metric};
	char id[RESOURCE_KEY_MAX + 16];

	if (link && route->nexthops <= 1)
		memcpy(spec.link, link->name, sizeof(spec.link));
	if (step_for(plan, &route_type, resource_id(&route_type, &spec, id)))
		return true;
	/* A prefix route goes with the address that brought it. */
	return route->protocol == RTPROT_KERNEL && ip_address_is_set(&route->source) &&
	       !outlook_address_holder(core, plan, &route->source);
}

static bool route_would_reach(struct core *core, const struct plan *plan, const struct route *route,
			      const struct ip_address *remote)
{
	const struct link *link = observed_link(core_observed(core), route->link);

	return route->type == RTN_UNICAST && ip_prefix_contains(&route->destination, remote) &&
	       link && link_would_be_up(plan, link) && !route_would_go(core, plan, route);
}

struct path;

/* What is looked for among the routes that the mirror leaves out. */
struct left_out {
	struct core *core;
	const struct plan *plan;
	const struct ip_address *remote;
	struct path *path;
	bool reaches;
};

static void left_out_reach(const struct route *route, void *userdata)
{
	struct left_out *left_out = userdata;

	left_out->reaches = left_out->reaches || route_would_reach(left_out->core, left_out->plan,
								   route, left_out->remote);
}

/* All are read, but only where the change would be refused otherwise. */
static bool left_out_would_reach(struct core *core, const struct plan *plan,
				 const struct ip_address *remote)
{
	struct left_out left_out = {.core = core, .plan = plan, .remote = remote};
	int r = observed_each_left_out(core_observed(core), core_netlink(core), remote->family, 0,
				       left_out_reach, &left_out);

	return r >= 0 && left_out.reaches;
}

bool outlook_reaches(struct core *core, const struct plan *plan, const struct ip_address *remote)
{
	const struct observed *observed = core_observed(core);
	const struct route *route = NULL;
	const struct step *step = NULL;

	while ((step = plan_next_step(plan, step))) {
		const struct route_spec *route_after = step->after;
		const struct address_spec *address_after = step->after;

		if (step->after && step->type == &route_type && route_after->type == RTN_UNICAST &&
		    ip_prefix_contains(&route_after->destination, remote))
			return true;
		if (step->after && step->type == &address_type &&
		    ip_prefix_contains(&address_after->prefix, remote))
			return true;
	}
	while ((route = observed_next_route(observed, route)))
		if (route_would_reach(core, plan, route, remote))
			return true;
	return left_out_would_reach(core, plan, remote);
}

/* ---- the way that the main table would choose ---- */

/* The best route so far: the longest prefix wins, then the lowest metric. */
struct path {
	bool found, usable;
	unsigned length;
	uint32_t metric;
};

/* What the kernel makes of metric 0 for IPv6: IP6_RT_PRIO_ADDRCONF, IP6_RT_PRIO_USER. */
static uint32_t metric_in_kernel(const struct ip_address *remote, uint32_t metric, bool prefix)
{
	if (metric || remote->family == AF_INET)
		return metric;
	return prefix ? 256 : 1024;
}

static void path_consider(struct path *path, unsigned length, uint32_t metric, bool usable)
{
	bool equal = path->found && length == path->length && metric == path->metric;

	if (path->found && !equal &&
	    (length < path->length || (length == path->length && metric > path->metric)))
		return;
	*path = (struct path){true, usable || (equal && path->usable), length, metric};
}

/* Does the kernel send by the link? 1; 0 when it would pass over the route; -ENOLINK when it would
 * choose it, and nothing would arrive. */
static int link_would_carry(const struct plan *plan, const struct link *link)
{
	if (!link || !link_would_be_up(plan, link))
		return 0;
	if (!(link->flags & IFF_UP) || link->carrier)
		return 1;
	return link->ignore_dead_routes ? 0 : -ENOLINK;
}

static void consider_step(const struct observed *observed, const struct plan *plan,
			  const struct step *step, const struct ip_address *remote,
			  struct path *path)
{
	const struct route_spec *route = step->after;
	const struct address_spec *address = step->after;
	int carries;

	if (step->after && step->type == &address_type &&
	    ip_prefix_contains(&address->prefix, remote)) {
		carries = link_would_carry(plan, observed_link_by_name(observed, address->link));
		/* His own address on this host: all that is sent to him stays here. */
		if (ip_address_equal(&address->prefix.address, remote))
			path_consider(path, ip_family_bits(remote->family) + 1, 0, false);
		else if (carries)
			path_consider(path, address->prefix.length,
				      metric_in_kernel(remote, address->metric, true), carries > 0);
	}
	if (step->after && step->type == &route_type && route->table == RT_TABLE_MAIN &&
	    ip_prefix_contains(&route->destination, remote)) {
		carries = route->type != RTN_UNICAST ? -ENOLINK
			  : route->nexthops_count
				  ? 1
				  : link_would_carry(plan,
						     observed_link_by_name(observed, route->link));
		if (carries)
			path_consider(path, route->destination.length,
				      metric_in_kernel(remote, route->metric, false), carries > 0);
	}
}

static void consider_route(struct core *core, const struct plan *plan, const struct route *route,
			   const struct ip_address *remote, struct path *path)
{
	int carries;

	if (route->table != RT_TABLE_MAIN || !ip_prefix_contains(&route->destination, remote) ||
	    (plan && route_would_go(core, plan, route)))
		return;
	carries = route->type != RTN_UNICAST ? -ENOLINK
		  : route->nexthops > 1
			  ? 1
			  : link_would_carry(plan, observed_link(core_observed(core), route->link));
	if (carries)
		path_consider(path, route->destination.length, route->metric, carries > 0);
}

static void left_out_consider(const struct route *route, void *userdata)
{
	struct left_out *left_out = userdata;

	consider_route(left_out->core, left_out->plan, route, left_out->remote, left_out->path);
}

/* Would the kernel's present choice go? */
static bool choice_would_go(struct core *core, const struct plan *plan, const struct route *choice)
{
	const struct link *link = observed_link(core_observed(core), choice->link);

	return plan && (choice->table != RT_TABLE_MAIN || route_would_go(core, plan, choice) ||
			(choice->nexthops <= 1 && link_would_carry(plan, link) <= 0));
}

/*
 * The routes that the mirror leaves out. What the kernel chooses now stands above all that it has,
 * so of those only that one can count, unless it goes: then all are read.
 */
static void consider_left_out(struct core *core, const struct plan *plan,
			      const struct ip_address *remote, struct path *path)
{
	const struct observed *observed = core_observed(core);
	struct left_out left_out = {.core = core, .plan = plan, .remote = remote, .path = path};
	struct route choice;
	bool chosen = observed_ask_route(observed, core_netlink(core), remote, &choice) > 0;

	if (chosen && !choice_would_go(core, plan, &choice)) {
		consider_route(core, plan, &choice, remote, path);
		return;
	}
	/* Where they cannot be read, nothing is known that speaks for the change. */
	if (observed_each_left_out(observed, core_netlink(core), remote->family, RT_TABLE_MAIN,
				   left_out_consider, &left_out) < 0)
		log_notice("management.path: the kernel does not list its routes");
}

/* With `plan` as it would be, without as it is. */
static struct path path_to(struct core *core, const struct plan *plan,
			   const struct ip_address *remote)
{
	const struct route *route = NULL;
	const struct step *step = NULL;
	struct path path = {0};

	while (plan && (step = plan_next_step(plan, step)))
		consider_step(core_observed(core), plan, step, remote, &path);
	while ((route = observed_next_route(core_observed(core), route)))
		consider_route(core, plan, route, remote, &path);
	consider_left_out(core, plan, remote, &path);
	return path;
}

bool outlook_path_is_usable(struct core *core, const struct plan *plan,
			    const struct ip_address *remote)
{
	return path_to(core, plan, remote).usable;
}
