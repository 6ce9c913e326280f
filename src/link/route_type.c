/*
 * Resource type `route`. Its place in the kernel is table, destination and metric (and for IPv6 the
 * link): a second route in the same place replaces the first.
 */
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "kernel_error.h"
#include "route_nexthops.h"

#define METRIC_IPV6_DEFAULT 1024 /* IP6_RT_PRIO_USER: what the kernel makes of 0 */

static const struct {
	const char *text;
	uint8_t type;
} route_types[] = {
	{"unicast", RTN_UNICAST},
	{"blackhole", RTN_BLACKHOLE},
	{"unreachable", RTN_UNREACHABLE},
	{"prohibit", RTN_PROHIBIT},
};

static const char *route_type_text(uint8_t type)
{
	for (unsigned i = 0; i < ARRAY_SIZE(route_types); i++)
		if (route_types[i].type == type)
			return route_types[i].text;
	return "other";
}

static int route_type_parse(const json_t *object, uint8_t *ret, struct error *error)
{
	const char *text = json_member_text(object, "type") ?: "unicast";

	for (unsigned i = 0; i < ARRAY_SIZE(route_types); i++) {
		if (strcmp(route_types[i].text, text) == 0) {
			*ret = route_types[i].type;
			return 0;
		}
	}
	return error_set(error, ERROR_PARAMETER_RANGE, "type", "'%.32s' is no type of route", text);
}

static uint32_t metric_in_kernel(const struct route_spec *spec)
{
	if (spec->metric == 0 && spec->destination.address.family == AF_INET6)
		return METRIC_IPV6_DEFAULT;
	return spec->metric;
}

static int route_parse(const json_t *object, void *ret_spec, struct error *error)
{
	struct route_spec *spec = ret_spec;
	const json_t *protocol = json_object_get(object, "protocol");
	const char *destination;
	int r = route_type_parse(object, &spec->type, error);

	if (r >= 0)
		r = route_nexthops_parse(object, spec, error);
	if (r >= 0 && !spec->nexthops_count &&
	    (spec->type == RTN_UNICAST || json_object_get(object, "link")))
		r = spec_member_link(object, "link", spec->link, error);
	if (r >= 0)
		r = spec_member_text(object, "destination", &destination, error);
	if (r >= 0)
		r = ip_network_parse(destination, &spec->destination, "destination", error);
	if (r >= 0)
		r = spec_member_address(object, "gateway", &spec->gateway, error);
	if (r >= 0)
		r = spec_member_address(object, "source", &spec->source, error);
	if (r >= 0)
		r = spec_member_u32(object, "table", &spec->table, error);
	if (r >= 0)
		r = spec_member_u32(object, "metric", &spec->metric, error);
	if (r >= 0)
		r = spec_member_u32(object, "mtu", &spec->mtu, error);
	if (r < 0)
		return r;
	if (!spec->table)
		spec->table = RT_TABLE_MAIN;
	spec->onlink = json_member_true(object, "onlink");
	spec->foreign = json_is_integer(protocol);
	spec->protocol = (uint8_t)json_integer_value(protocol);
	return 0;
}

static json_t *route_print(const void *data)
{
	const struct route_spec *spec = data;
	char text[IP_PREFIX_TEXT_MAX];
	_cleanup_json_ json_t *json =
		json_pack("{s:s,s:s,s:I,s:I}", "destination",
			  ip_prefix_print(&spec->destination, text), "type",
			  route_type_text(spec->type), "table", (json_int_t)spec->table, "metric",
			  (json_int_t)spec->metric);
	int r = 0;

	if (spec->link[0])
		r |= json_put(json, "link", json_string(spec->link));
	r |= json_put_address(json, "gateway", &spec->gateway);
	r |= json_put_address(json, "source", &spec->source);
	r |= route_nexthops_print(spec, json);
	if (spec->mtu)
		r |= json_put(json, "mtu", json_integer(spec->mtu));
	if (spec->onlink)
		r |= json_put(json, "onlink", json_true());
	if (spec->foreign)
		r |= json_put(json, "protocol", json_integer(spec->protocol));
	return r < 0 ? NULL : TAKE_PTR(json);
}

static void route_key(const void *data, char buffer[RESOURCE_KEY_MAX])
{
	const struct route_spec *spec = data;
	char text[IP_PREFIX_TEXT_MAX];

	snprintf(buffer, RESOURCE_KEY_MAX, "%u/%s/%u", spec->table,
		 ip_prefix_print(&spec->destination, text), metric_in_kernel(spec));
}

/* Routes without a gateway come first: they are what gateways are reached by. */
static unsigned route_rank(const void *data)
{
	const struct route_spec *spec = data;

	return spec->nexthops_count || ip_address_is_set(&spec->gateway);
}

/* Of IPv6 there may be several at one place, each by another link, but a request to replace one
 * takes whichever is first (ip6_fib.c, fib6_add_rt2node()): so intent has one, as of IPv4, and that
 * by its link is the one, if it is there.
 *
 * Where the mirror leaves routes out, the kernel says of one if it is the one that it would choose:
 * then it is in `asked`. */
static const struct route *route_in_place(struct core *core, const struct route_spec *spec,
					  struct route *asked)
{
	const struct observed *observed = core_observed(core);
	const struct link *link = observed_link_by_name(observed, spec->link);
	const struct route *found;
	struct route place = {
		.destination = spec->destination,
		.table = spec->table,
		.metric = metric_in_kernel(spec),
	};

	if (spec->destination.address.family == AF_INET6 && link)
		place.link = link->index;
	found = observed_route(observed, &place);
	place.link = 0;
	found = found ?: observed_route(observed, &place);
	if (!found &&
	    observed_ask_route(observed, core_netlink(core), &spec->destination.address, asked) >
		    0 &&
	    route_same_place(asked, &place))
		found = asked;
	return found;
}

static int family_agrees(const struct route_spec *spec, const struct ip_address *address,
			 const char *parameter, struct error *error)
{
	if (!ip_address_is_set(address) || address->family == spec->destination.address.family)
		return 0;
	return error_set(error, ERROR_PARAMETER_CONFLICT, parameter,
			 "the %s and the destination are of different address families", parameter);
}

static int nexthops_validate(const struct route_spec *spec, struct error *error)
{
	if (spec->nexthops_count && spec->type != RTN_UNICAST)
		return error_set(error, ERROR_PARAMETER_CONFLICT, "nexthops",
				 "a %s route has no nexthops", route_type_text(spec->type));
	for (unsigned i = 0; i < spec->nexthops_count; i++) {
		int r = family_agrees(spec, &spec->nexthops[i].gateway, "nexthops.gateway", error);

		if (r < 0)
			return r;
	}
	return 0;
}

static int route_exists(const struct route_spec *spec, const char *whose, struct error *error)
{
	int r = error_set(error, ERROR_ROUTE_EXISTS, "destination",
			  "%s has this destination and metric", whose);

	error_hint(error, "choose another metric than %u, or remove the other route", spec->metric);
	return r;
}

static int route_validate(struct core *core, const void *data, struct error *error)
{
	const struct route_spec *spec = data;
	const struct route *present;
	struct route asked;
	char id[RESOURCE_KEY_MAX + 16], text[IP_ADDRESS_TEXT_MAX], whose[96];
	int r = family_agrees(spec, &spec->gateway, "gateway", error);

	if (r >= 0)
		r = family_agrees(spec, &spec->source, "source", error);
	if (r >= 0)
		r = nexthops_validate(spec, error);
	if (r < 0)
		return r;
	if (spec->type != RTN_UNICAST && ip_address_is_set(&spec->gateway))
		return error_set(error, ERROR_PARAMETER_CONFLICT, "gateway",
				 "a %s route has no gateway", route_type_text(spec->type));

	present = route_in_place(core, spec, &asked);
	if (!present || present->protocol == AIOSNET_PROTOCOL ||
	    core_resource(core, resource_id(&route_type, spec, id)) ||
	    (ip_address_equal(&present->gateway, &spec->gateway) && !spec->nexthops_count &&
	     observed_keeps_route(core_observed(core), present)))
		return 0;
	snprintf(whose, sizeof(whose), "somebody else's route by %s",
		 ip_address_print(&present->gateway, text));
	return route_exists(spec, whose, error);
}

static unsigned route_needs(const void *data, const char *ret[RESOURCE_LINKS_MAX])
{
	const struct route_spec *spec = data;

	ret[0] = spec->link;
	if (!spec->nexthops_count)
		return spec->link[0] ? 1 : 0;
	for (unsigned i = 0; i < spec->nexthops_count; i++)
		ret[i] = spec->nexthops[i].link;
	return spec->nexthops_count;
}

/* The kernel takes the routes of a link that is set down, and lets none be added there. */
static bool route_needs_up(const void *data)
{
	return ((const struct route_spec *)data)->type == RTN_UNICAST;
}

static int route_observe(struct core *core, const void *wanted, void *ret_spec)
{
	const struct observed *observed = core_observed(core);
	const struct route_spec *spec = wanted;
	const struct route *route;
	struct route asked;
	const struct link *link;
	struct route_spec *ret = ret_spec;
	const char *links[RESOURCE_LINKS_MAX];
	unsigned count;

	count = route_needs(spec, links);
	for (unsigned i = 0; i < count; i++)
		if (!observed_link_by_name(observed, links[i]))
			return -ENODEV;
	route = route_in_place(core, spec, &asked);
	if (!route)
		return 0;
	link = route->link ? observed_link(observed, route->link) : NULL;
	memset(ret, 0, sizeof(*ret));
	if (route->nexthops > 1) {
		int r = route_nexthops_observe(core, route, ret);

		if (r < 0)
			return r;
	} else {
		if (link && (route->type == RTN_UNICAST || spec->link[0]))
			memcpy(ret->link, link->name, sizeof(ret->link));
		ret->gateway = route->gateway;
	}
	ret->destination = spec->destination;
	ret->source = route->source;
	ret->table = spec->table;
	ret->metric = spec->metric;
	ret->mtu = route->mtu;
	ret->type = route->type;
	ret->onlink = route->flags & RTNH_F_ONLINK;
	ret->foreign = route->protocol != AIOSNET_PROTOCOL;
	ret->protocol = route->protocol;
	return 1;
}

static int route_place(struct core *core, const union object *object, void *ret_spec)
{
	const struct route *route = &object->route;
	const struct link *link = observed_link(core_observed(core), route->link);
	struct route_spec *ret = ret_spec;

	if (route->protocol == RTPROT_KERNEL)
		return 0;
	if (link)
		memcpy(ret->link, link->name, sizeof(ret->link));
	ret->destination = route->destination;
	ret->table = route->table;
	ret->metric = route->metric;
	return 1;
}

static bool route_satisfied(const void *wanted, const void *observed)
{
	const struct route_spec *w = wanted, *o = observed;

	return w->type == o->type && w->mtu == o->mtu &&
	       (w->type != RTN_UNICAST || strcmp(w->link, o->link) == 0) &&
	       w->gateway.family == o->gateway.family &&
	       ip_address_equal(&w->gateway, &o->gateway) && route_nexthops_equal(w, o) &&
	       (!ip_address_is_set(&w->source) || ip_address_equal(&w->source, &o->source));
}

/* Where the mirror leaves routes out, nothing is replaced but what it has: it would be a routing
 * daemon's. */
static bool may_replace(struct core *core, const struct route_spec *spec)
{
	const struct observed *observed = core_observed(core);
	const struct route *found;
	struct route asked;

	if (!observed_leaves_out_routes(observed))
		return true;
	found = route_in_place(core, spec, &asked);
	return found && observed_keeps_route(observed, found);
}

/* The message in `buffer`; NULL with `error` filled where there can be none. */
static struct nlmsghdr *route_message(struct core *core, bool add, const struct route_spec *spec,
				      void *buffer, struct error *error)
{
	const struct link *link = observed_link_by_name(core_observed(core), spec->link);
	struct route route = {
		.destination = spec->destination,
		.gateway = spec->gateway,
		.source = spec->source,
		.table = spec->table,
		.metric = metric_in_kernel(spec),
		.mtu = spec->mtu,
		.type = spec->type,
		.protocol = spec->foreign ? spec->protocol : AIOSNET_PROTOCOL,
		.scope = spec->type == RTN_UNICAST && !route_rank(spec) ? RT_SCOPE_LINK
									: RT_SCOPE_UNIVERSE,
		.flags = spec->onlink ? RTNH_F_ONLINK : 0,
		.link = link ? link->index : 0,
		.nexthops = 1,
	};
	struct nlmsghdr *message;
	struct nexthops nexthops;

	if (spec->link[0] && !link) {
		error_set(error, ERROR_LINK_UNKNOWN, "link", "there is no interface '%s'",
			  spec->link);
		return NULL;
	}
	if (add && spec->nexthops_count) {
		if (route_nexthops_resolve(core, spec, &nexthops, error) < 0)
			return NULL;
		message = netlink_build_multipath_route(buffer, &route, &nexthops);
	} else {
		message = netlink_build_route(buffer, add, &route);
	}
	if (add && !may_replace(core, spec))
		message->nlmsg_flags ^= NLM_F_REPLACE | NLM_F_EXCL;
	return message;
}

static int route_do(struct core *core, bool add, const struct route_spec *spec, struct error *error)
{
	char buffer[NETLINK_MESSAGE_MAX], text[IP_PREFIX_TEXT_MAX], what[96];
	struct error reason;
	struct nlmsghdr *message = route_message(core, add, spec, buffer, &reason);
	int r;

	if (!message && !add)
		return 0;
	if (!message) {
		if (error)
			*error = reason;
		return error_code_errno(reason.code);
	}
	r = netlink_request(core_netlink(core), message);
	if (r >= 0 || (!add && (r == -ESRCH || r == -ENODEV)))
		return 0;
	if (r == -EEXIST)
		return route_exists(spec, "somebody else's route", error);
	snprintf(what, sizeof(what), "%s the route to %s", add ? "adding" : "removing",
		 ip_prefix_print(&spec->destination, text));
	r = kernel_error(core, r, what, error);
	if (add && route_rank(spec))
		error_hint(error, "the gateway must be inside a prefix of a link that is up");
	return r;
}

static struct nlmsghdr *route_request(struct core *core, const void *before, const void *after,
				      void *buffer)
{
	struct error error;

	return after || before ? route_message(core, after != NULL, after ?: before, buffer, &error)
			       : NULL;
}

static int route_apply(struct core *core, const void *before, const void *after,
		       struct error *error)
{
	if (after)
		return route_do(core, true, after, error);
	return before ? route_do(core, false, before, error) : 0;
}

const struct resource_type route_type = {
	.name = "route",
	.order = 30,
	.spec_size = sizeof(struct route_spec),
	.parse = route_parse,
	.print = route_print,
	.key = route_key,
	.rank = route_rank,
	.validate = route_validate,
	.needs = route_needs,
	.needs_up = route_needs_up,
	.observe = route_observe,
	.place = route_place,
	.kind = OBJECT_ROUTE,
	.satisfied = route_satisfied,
	.apply = route_apply,
	.request = route_request,
};
