/* Rules and routes as they would be, and the way to an address. */
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "outlook.h"
#include "route_nexthops.h"

/* ---- rules ---- */

static bool rule_goes(const struct outlook *outlook, const struct rule *rule)
{
	const struct step *step = NULL;

	while ((step = outlook_next_step(outlook, step))) {
		struct rule before;

		if (step->type != &rule_type || !step->before ||
		    (step->after && rule_type.satisfied(step->after, step->before)))
			continue;
		if (rule_of_spec(step->before, &before) >= 0 &&
		    object_same(OBJECT_RULE, rule, &before))
			return true;
	}
	return false;
}

static bool rule_comes(const struct step *step)
{
	return step->type == &rule_type && step->after &&
	       !(step->before && rule_type.satisfied(step->after, step->before));
}

static unsigned rules_to_come(const struct outlook *outlook)
{
	const struct step *step = NULL;
	unsigned count = 0;

	while ((step = outlook_next_step(outlook, step)))
		count += rule_comes(step);
	return count;
}

static int compare_rules(const void *a, const void *b)
{
	const struct rule *x = *(const struct rule *const *)a, *y = *(const struct rule *const *)b;

	return x->priority < y->priority ? -1 : x->priority > y->priority;
}

int outlook_init(struct outlook *outlook, struct core *core, const struct plan *plan,
		 const struct step *until)
{
	const struct observed *observed = core_observed(core);
	const struct step *step = NULL;
	const struct rule *rule = NULL;
	unsigned count = 0, added;

	*outlook = (struct outlook){.core = core, .plan = plan, .until = until};
	added = rules_to_come(outlook);
	outlook->added = calloc(MAX(added, 1u), sizeof(*outlook->added));
	outlook->rules = calloc(observed_count(observed, OBJECT_RULE) + added + 1,
				sizeof(const struct rule *));
	if (!outlook->added || !outlook->rules) {
		outlook_clear(outlook);
		return -ENOMEM;
	}
	while ((rule = observed_next_rule(observed, rule)))
		if (!rule_goes(outlook, rule))
			outlook->rules[outlook->rules_count++] = rule;
	while ((step = outlook_next_step(outlook, step)))
		if (rule_comes(step) && rule_of_spec(step->after, &outlook->added[count]) >= 0)
			outlook->rules[outlook->rules_count++] = &outlook->added[count++];
	qsort(outlook->rules, outlook->rules_count, sizeof(*outlook->rules), compare_rules);
	return 0;
}

void outlook_clear(struct outlook *outlook)
{
	free(outlook->added);
	free(outlook->rules);
	*outlook = (struct outlook){0};
}

/* ---- routes that go ---- */

static const char *link_name(const struct outlook *outlook, int index)
{
	const struct link *link = index ? observed_link(core_observed(outlook->core), index) : NULL;

	return link ? link->name : "";
}

/* Does a step remove the route, or put another in its place? */
static bool place_is_changed(const struct outlook *outlook, const struct route *route)
{
	struct route_spec spec = {.destination = route->destination,
				  .table = route->table,
				  .metric = route->metric};
	char key[RESOURCE_KEY_MAX];

	if (route->nexthops <= 1)
		text_copy(spec.link, sizeof(spec.link), link_name(outlook, route->link));
	route_type.key(&spec, key);
	return outlook_step(outlook, &route_type, key);
}

/* The kernel's own route to a network of the link goes with the last address of that network. */
static bool network_is_left(const struct outlook *outlook, const struct route *route)
{
	const struct observed *observed = core_observed(outlook->core);
	const struct address *address = NULL;

	while ((address = observed_next_address(observed, address))) {
		struct ip_prefix network = ip_prefix_network(&address->prefix);
		const char *name = link_name(outlook, route->link), *holder;

		if (address->link != route->link || !ip_prefix_equal(&network, &route->destination))
			continue;
		holder = outlook_holder(outlook, &address->prefix.address, name);
		if (holder && strcmp(holder, name) == 0)
			return false;
	}
	return true;
}

static bool route_goes(const struct outlook *outlook, const struct route *route)
{
	const char *link = link_name(outlook, route->link);

	if (place_is_changed(outlook, route))
		return true;
	/* Steps alone make what was there go. */
	if (!outlook_next_step(outlook, NULL))
		return false;
	if (route->protocol == RTPROT_RA)
		return outlook_link_turns_from_routers(outlook, link);
	if (route->destination.address.family == AF_INET && ip_address_is_set(&route->source) &&
	    !outlook_holder(outlook, &route->source, NULL))
		return true;
	return route->protocol == RTPROT_KERNEL && route->destination.length > 0 &&
	       route->scope != RT_SCOPE_HOST && network_is_left(outlook, route);
}

/* ---- ways ---- */

static void add_hop(const struct outlook *outlook, struct way *way, const char *link,
		    const struct ip_address *gateway)
{
	struct hop *hop = &way->hops[way->hops_count];

	if (way->hops_count == PATH_HOPS_MAX)
		return;
	way->hops_count++;
	text_copy(hop->link, sizeof(hop->link), link);
	hop->gateway = *gateway;
	hop->state = outlook_link_state(outlook, link);
	/* Who has the gateway's address himself sends to nobody. */
	if (ip_address_is_set(gateway) && hop->state != HOP_PASSED_OVER &&
	    outlook_holder(outlook, gateway, NULL))
		hop->state = HOP_DEAD;
}

static void add_nexthops(const struct outlook *outlook, struct way *way,
			 const struct route_spec *spec)
{
	for (unsigned i = 0; i < spec->nexthops_count; i++)
		add_hop(outlook, way, spec->nexthops[i].link, &spec->nexthops[i].gateway);
}

/* What the kernel makes of metric 0 for IPv6: IP6_RT_PRIO_ADDRCONF, IP6_RT_PRIO_USER. */
static uint32_t metric_in_kernel(const struct ip_prefix *destination, uint32_t metric,
				 bool of_address)
{
	if (metric || destination->address.family == AF_INET)
		return metric;
	return of_address ? 256 : 1024;
}

static struct way way_of_spec(const struct outlook *outlook, const struct route_spec *spec)
{
	struct way way = {
		.destination = spec->destination,
		.metric = metric_in_kernel(&spec->destination, spec->metric, false),
		.type = spec->type,
	};

	if (spec->type != RTN_UNICAST)
		return way;
	if (spec->nexthops_count)
		add_nexthops(outlook, &way, spec);
	else
		add_hop(outlook, &way, spec->link, &spec->gateway);
	return way;
}

static struct way way_of_route(const struct outlook *outlook, const struct route *route)
{
	struct way way = {.destination = route->destination,
			  .metric = route->metric,
			  .type = route->type};
	struct route_spec spec = {0};

	if (route->type != RTN_UNICAST)
		return way;
	/* Where the kernel does not tell the others, the first one stands for them. */
	if (route->nexthops > 1 && route_nexthops_observe(outlook->core, route, &spec) >= 0)
		add_nexthops(outlook, &way, &spec);
	if (!way.hops_count)
		add_hop(outlook, &way, link_name(outlook, route->link), &route->gateway);
	return way;
}

static bool is_for(const struct ip_prefix *destination, const struct flow *flow)
{
	return destination->address.family == flow->remote.family &&
	       ip_prefix_contains(destination, &flow->remote);
}

static void consider_route(const struct outlook *outlook, uint32_t table, const struct flow *flow,
			   const struct route *route, struct way *best)
{
	struct way way;

	if (route->table != table || !is_for(&route->destination, flow) ||
	    (flow->link[0] && route->link &&
	     strcmp(flow->link, link_name(outlook, route->link)) != 0) ||
	    route_goes(outlook, route))
		return;
	way = way_of_route(outlook, route);
	path_consider(best, &way);
}

/* The route to the network of an address. */
static void consider_network(const struct outlook *outlook, const char *link,
			     const struct ip_prefix *prefix, uint32_t metric,
			     const struct flow *flow, struct way *best)
{
	struct way way = {
		.destination = ip_prefix_network(prefix),
		.metric = metric_in_kernel(prefix, metric, true),
		.type = RTN_UNICAST,
	};

	if (!is_for(prefix, flow) || (flow->link[0] && strcmp(flow->link, link) != 0))
		return;
	add_hop(outlook, &way, link, &(struct ip_address){0});
	path_consider(best, &way);
}

static void consider_step(const struct outlook *outlook, uint32_t table, const struct flow *flow,
			  const struct step *step, struct way *best)
{
	const struct route_spec *route = step->type == &route_type ? step->after : NULL;
	const struct address_spec *address = step->type == &address_type ? step->after : NULL;
	struct way way;

	if (address && table == RT_TABLE_MAIN)
		consider_network(outlook, address->link, &address->prefix, address->metric, flow,
				 best);
	if (!route || route->table != table || !is_for(&route->destination, flow) ||
	    (flow->link[0] && route->link[0] && strcmp(flow->link, route->link) != 0))
		return;
	way = way_of_spec(outlook, route);
	path_consider(best, &way);
}

/* A link that is set up brings the routes to the networks of the addresses that it has. */
static void consider_link_set_up(const struct outlook *outlook, const struct flow *flow,
				 const struct step *step, struct way *best)
{
	const struct observed *observed = core_observed(outlook->core);
	const struct link_spec *after = step->after;
	const struct link *link = observed_link_by_name(observed, after->name);
	const struct address *address = NULL;

	if (!link || link->flags & IFF_UP || !outlook_link_is_up(outlook, after->name))
		return;
	while ((address = observed_next_address(observed, address)))
		if (address->link == link->index)
			consider_network(outlook, after->name, &address->prefix, address->metric,
					 flow, best);
}

/* ---- routes that the mirror leaves out ---- */

struct left_out {
	const struct outlook *outlook;
	uint32_t table;
	const struct flow *flow;
	struct way *best;
};

static void left_out_consider(const struct route *route, void *userdata)
{
	struct left_out *left_out = userdata;

	consider_route(left_out->outlook, left_out->table, left_out->flow, route, left_out->best);
}

static bool stays_chosen(const struct outlook *outlook, const struct route *choice)
{
	return !route_goes(outlook, choice) &&
	       (choice->nexthops > 1 ||
		outlook_link_state(outlook, link_name(outlook, choice->link)) <= HOP_DOUBTFUL);
}

/*
 * What the kernel chooses now stands above all that its table has, so of those that are left out
 * only that one can count, unless it goes, or is of another table: then all are read.
 */
static void consider_left_out(const struct outlook *outlook, uint32_t table,
			      const struct flow *flow, struct way *best)
{
	const struct observed *observed = core_observed(outlook->core);
	struct netlink_socket *socket = core_netlink(outlook->core);
	struct left_out left_out = {outlook, table, flow, best};
	struct route choice;

	if (observed_ask_route(observed, socket, &flow->remote, &choice) > 0 &&
	    choice.table == table && stays_chosen(outlook, &choice)) {
		if (!observed_keeps_route(observed, &choice))
			consider_route(outlook, table, flow, &choice, best);
		return;
	}
	/* Where they cannot be read, nothing is known that speaks for the change. */
	if (observed_each_left_out(observed, socket, flow->remote.family, table, left_out_consider,
				   &left_out) < 0)
		log_notice("management.path: the kernel does not list its routes");
}

/* ---- the way ---- */

static void consider_table(uint32_t table, const struct flow *flow, struct way *best,
			   void *userdata)
{
	const struct outlook *outlook = userdata;
	const struct observed *observed = core_observed(outlook->core);
	const struct route *route = NULL;
	const struct step *step = NULL;

	while ((step = outlook_next_step(outlook, step))) {
		consider_step(outlook, table, flow, step, best);
		if (table == RT_TABLE_MAIN && step->type == &link_type && step->after)
			consider_link_set_up(outlook, flow, step, best);
	}
	while ((route = observed_next_route(observed, route)))
		consider_route(outlook, table, flow, route, best);
	consider_left_out(outlook, table, flow, best);
}

static bool is_own(const struct ip_address *address, void *userdata)
{
	return outlook_holder(userdata, address, NULL);
}

void outlook_path(const struct outlook *outlook, const struct flow *flow, struct path *ret)
{
	const struct path_world world = {
		.rules = outlook->rules,
		.rules_count = outlook->rules_count,
		.others_match = outlook->others_match,
		.table = consider_table,
		.is_own = is_own,
		.userdata = (void *)outlook,
	};

	path_find(&world, flow, ret);
}
