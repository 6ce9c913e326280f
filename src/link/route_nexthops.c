#include "route_nexthops.h"

#include <stdio.h>
#include <string.h>

static int nexthop_parse(const json_t *object, struct route_nexthop *ret, struct error *error)
{
	uint32_t weight = 1;
	int r = 0;

	if (!json_is_object(object))
		return error_set(error, ERROR_PARAMETER_TYPE, "nexthops",
				 "each of the 'nexthops' must be an object");
	r = spec_member_link(object, "link", ret->link, error);
	if (r >= 0)
		r = spec_member_address(object, "gateway", &ret->gateway, error);
	if (r >= 0 && json_object_get(object, "weight"))
		r = spec_member_u32(object, "weight", &weight, error);
	if (r < 0)
		return r;
	if (weight < 1 || weight > 256)
		return error_set(error, ERROR_PARAMETER_RANGE, "weight",
				 "'weight' must be between 1 and 256");
	ret->weight = (uint16_t)weight;
	return 0;
}

static int nexthop_error(int r, struct error *error)
{
	char parameter[sizeof(error->parameter)];

	if (r >= 0 || !error || strcmp(error->parameter, "nexthops") == 0)
		return r;
	snprintf(parameter, sizeof(parameter), "nexthops.%.48s", error->parameter);
	memcpy(error->parameter, parameter, sizeof(parameter));
	return r;
}

int route_nexthops_parse(const json_t *object, struct route_spec *spec, struct error *error)
{
	const json_t *array = json_object_get(object, "nexthops"), *entry;
	size_t i;

	if (!array)
		return 0;
	if (!json_is_array(array))
		return error_set(error, ERROR_PARAMETER_TYPE, "nexthops",
				 "'nexthops' must be a list");
	if (json_array_size(array) < 2 || json_array_size(array) > ROUTE_NEXTHOPS_MAX)
		return error_set(error, ERROR_PARAMETER_RANGE, "nexthops",
				 "'nexthops' holds 2 to %d entries", ROUTE_NEXTHOPS_MAX);
	if (json_object_get(object, "gateway") || json_object_get(object, "link"))
		return error_set(error, ERROR_PARAMETER_CONFLICT, "nexthops",
				 "a route with 'nexthops' has no 'gateway' and 'link' beside them");
	json_array_foreach(array, i, entry) {
		int r = nexthop_error(nexthop_parse(entry, &spec->nexthops[i], error), error);

		if (r < 0)
			return r;
		spec->nexthops_count++;
	}
	return 0;
}

static json_t *nexthop_print(const struct route_nexthop *nexthop)
{
	_cleanup_json_ json_t *json =
		json_pack("{s:s,s:i}", "link", nexthop->link, "weight", (int)nexthop->weight);

	return json_put_address(json, "gateway", &nexthop->gateway) < 0 ? NULL : TAKE_PTR(json);
}

int route_nexthops_print(const struct route_spec *spec, json_t *json)
{
	_cleanup_json_ json_t *array = NULL;

	if (!spec->nexthops_count)
		return 0;
	array = json_array();
	for (unsigned i = 0; i < spec->nexthops_count; i++)
		if (json_array_append_new(array, nexthop_print(&spec->nexthops[i])) < 0)
			return -ENOMEM;
	return json_put(json, "nexthops", TAKE_PTR(array));
}

/* ---- the kernel's side ---- */

struct nexthops_query {
	const struct route *route;
	struct nexthops *ret;
};

static int take_nexthops(const struct nlmsghdr *message, void *userdata)
{
	struct nexthops_query *query = userdata;
	enum object_kind kind;
	union object object;
	int r = netlink_parse(message, &kind, &object);

	if (r != 0)
		return MIN(r, 0);
	if (kind != OBJECT_ROUTE || !object_same(OBJECT_ROUTE, &object, query->route))
		return 0;
	r = netlink_parse_nexthops(message, query->ret);
	return r < 0 ? r : 1;
}

int route_nexthops_observe(struct core *core, const struct route *route, struct route_spec *ret)
{
	const struct observed *observed = core_observed(core);
	struct nexthops nexthops = {.count = 0};
	struct nexthops_query query = {route, &nexthops};
	char buffer[NETLINK_MESSAGE_MAX];
	int r = netlink_query(core_netlink(core),
			      netlink_build_table_dump(buffer, route->destination.address.family,
						       route->table),
			      take_nexthops, &query);

	/* A route that went meanwhile is told of soon. */
	if (r < 0 && r != -ENOENT && r != -EAGAIN)
		return r;
	ret->nexthops_count = (uint8_t)MIN(nexthops.count, (unsigned)ROUTE_NEXTHOPS_MAX);
	for (unsigned i = 0; i < ret->nexthops_count; i++) {
		const struct link *link = observed_link(observed, nexthops.at[i].link);

		if (link)
			memcpy(ret->nexthops[i].link, link->name, sizeof(link->name));
		ret->nexthops[i].gateway = nexthops.at[i].gateway;
		ret->nexthops[i].weight = (uint16_t)nexthops.at[i].weight;
	}
	return 0;
}

static bool has_nexthop(const struct route_spec *spec, const struct route_nexthop *nexthop)
{
	for (unsigned i = 0; i < spec->nexthops_count; i++) {
		const struct route_nexthop *own = &spec->nexthops[i];

		if (strcmp(own->link, nexthop->link) == 0 && own->weight == nexthop->weight &&
		    own->gateway.family == nexthop->gateway.family &&
		    ip_address_equal(&own->gateway, &nexthop->gateway))
			return true;
	}
	return false;
}

bool route_nexthops_equal(const struct route_spec *a, const struct route_spec *b)
{
	if (a->nexthops_count != b->nexthops_count)
		return false;
	for (unsigned i = 0; i < a->nexthops_count; i++)
		if (!has_nexthop(b, &a->nexthops[i]) || !has_nexthop(a, &b->nexthops[i]))
			return false;
	return true;
}

int route_nexthops_resolve(struct core *core, const struct route_spec *spec, struct nexthops *ret,
			   struct error *error)
{
	for (ret->count = 0; ret->count < spec->nexthops_count; ret->count++) {
		const struct route_nexthop *nexthop = &spec->nexthops[ret->count];
		const struct link *link = observed_link_by_name(core_observed(core), nexthop->link);

		if (!link)
			return error_set(error, ERROR_LINK_UNKNOWN, "nexthops.link",
					 "there is no interface '%s'", nexthop->link);
		ret->at[ret->count] = (struct nexthop){
			.link = link->index,
			.gateway = nexthop->gateway,
			.weight = nexthop->weight,
		};
	}
	return 0;
}
