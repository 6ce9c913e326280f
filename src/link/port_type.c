/*
 * Resource type `port`: a link that belongs to a bridge or a bond, and the VLANs that it carries
 * there. A link that is a port of somebody else's device is not taken from it.
 */
#include <stdio.h>
#include <string.h>

#include "kernel_error.h"

/* ---- VLANs ---- */

static void set_bit(uint8_t *bits, unsigned id)
{
	bits[id / 8] |= (uint8_t)(1u << id % 8);
}

static int vlan_parse(const json_t *object, struct port_vlans *vlans, struct error *error)
{
	uint32_t id = 0;
	bool untagged = false, pvid = false;
	int r = spec_member_u32(object, "id", &id, error);

	if (r >= 0)
		r = spec_member_bool(object, "untagged", &untagged, error);
	if (r >= 0)
		r = spec_member_bool(object, "pvid", &pvid, error);
	if (r < 0)
		return r;
	if (id < 1 || id > VLAN_MAX)
		return error_set(error, ERROR_PARAMETER_RANGE, "vlans.id",
				 "the 'id' of a VLAN is between 1 and %u", VLAN_MAX);
	if (pvid && vlans->pvid && vlans->pvid != id)
		return error_set(error, ERROR_PARAMETER_CONFLICT, "vlans.pvid",
				 "both VLAN %u and VLAN %u are the 'pvid'", vlans->pvid, id);
	set_bit(vlans->member, id);
	if (untagged)
		set_bit(vlans->untagged, id);
	if (pvid)
		vlans->pvid = (uint16_t)id;
	return 0;
}

static int vlans_parse(const json_t *array, struct port_spec *spec, struct error *error)
{
	const json_t *entry;
	size_t i;
	int r = 0;

	if (!array)
		return 0;
	if (!json_is_array(array))
		return error_set(error, ERROR_PARAMETER_TYPE, "vlans", "'vlans' must be a list");
	spec->has_vlans = true;
	json_array_foreach(array, i, entry) {
		if (!json_is_object(entry))
			return error_set(error, ERROR_PARAMETER_TYPE, "vlans",
					 "each of the 'vlans' must be an object");
		r = vlan_parse(entry, &spec->vlans, error);
		if (r < 0)
			return r;
	}
	return 0;
}

static json_t *vlans_print(const struct port_vlans *vlans)
{
	_cleanup_json_ json_t *array = json_array();

	for (unsigned id = 1; id <= VLAN_MAX; id++) {
		json_t *entry;

		if (!vlan_bit(vlans->member, id))
			continue;
		entry = json_pack("{s:i,s:b,s:b}", "id", (int)id, "untagged",
				  vlan_bit(vlans->untagged, id), "pvid", vlans->pvid == id);
		if (json_array_append_new(array, entry) < 0)
			return NULL;
	}
	return TAKE_PTR(array);
}

/* How the VLAN is carried: 0 not at all. */
static unsigned vlan_manner(const struct port_vlans *vlans, unsigned id)
{
	if (!vlan_bit(vlans->member, id))
		return 0;
	return 1u | (vlan_bit(vlans->untagged, id) ? 2u : 0) | (vlans->pvid == id ? 4u : 0);
}

static bool vlans_equal(const struct port_vlans *a, const struct port_vlans *b)
{
	for (unsigned id = 1; id <= VLAN_MAX; id++)
		if (vlan_manner(a, id) != vlan_manner(b, id))
			return false;
	return true;
}

/* ---- the type ---- */

static int port_parse(const json_t *object, void *ret_spec, struct error *error)
{
	struct port_spec *spec = ret_spec;
	int r = spec_member_link(object, "link", spec->link, error);

	if (r >= 0)
		r = spec_member_link(object, "controller", spec->controller, error);
	if (r >= 0 && strcmp(spec->link, spec->controller) == 0)
		r = error_set(error, ERROR_PARAMETER_CONFLICT, "controller",
			      "%s cannot be a port of itself", spec->link);
	return r < 0 ? r : vlans_parse(json_object_get(object, "vlans"), spec, error);
}

static json_t *port_print(const void *data)
{
	const struct port_spec *spec = data;
	_cleanup_json_ json_t *json =
		json_pack("{s:s,s:s}", "link", spec->link, "controller", spec->controller);

	if (spec->has_vlans && json_put(json, "vlans", vlans_print(&spec->vlans)) < 0)
		return NULL;
	return TAKE_PTR(json);
}

static void port_key(const void *data, char buffer[RESOURCE_KEY_MAX])
{
	text_copy(buffer, RESOURCE_KEY_MAX, ((const struct port_spec *)data)->link);
}

static unsigned port_needs(const void *data, const char *ret[RESOURCE_LINKS_MAX])
{
	const struct port_spec *spec = data;

	ret[0] = spec->link;
	ret[1] = spec->controller;
	return 2;
}

static int port_validate(struct core *core, const void *data, struct error *error)
{
	const struct observed *observed = core_observed(core);
	const struct port_spec *spec = data;
	const struct link *link = observed_link_by_name(observed, spec->link);
	const struct link *master =
		link && link->master ? observed_link(observed, link->master) : NULL;
	int r;

	if (!master || strcmp(master->name, spec->controller) == 0 ||
	    link_resource(core, "port", spec->link))
		return 0;
	r = error_set(error, ERROR_LINK_PORT, "link", "%s is a port of %s already", spec->link,
		      master->name);
	error_hint(error, "somebody else made it so: release it there first");
	return r;
}

struct vlans_query {
	int index;
	struct port_vlans *vlans;
};

static int take_vlans(const struct nlmsghdr *message, void *userdata)
{
	struct vlans_query *query = userdata;

	return netlink_parse_port_vlans(message, query->index, query->vlans);
}

/* Not in the mirror: few ports have any. A kernel without them has none. */
static int vlans_observe(struct core *core, int index, struct port_vlans *ret)
{
	struct vlans_query query = {.index = index, .vlans = ret};
	char buffer[NETLINK_MESSAGE_MAX];
	int r;

	memset(ret, 0, sizeof(*ret));
	r = netlink_query(core_netlink(core), netlink_build_port_vlans_dump(buffer, index),
			  take_vlans, &query);
	return r == -EOPNOTSUPP ? 0 : r;
}

static int port_observe(struct core *core, const void *wanted, void *ret_spec)
{
	const struct observed *observed = core_observed(core);
	const struct port_spec *spec = wanted;
	const struct link *link = observed_link_by_name(observed, spec->link);
	const struct link *controller = observed_link_by_name(observed, spec->controller);
	const struct link *master;
	struct port_spec *ret = ret_spec;
	int r;

	if (!link || !controller)
		return -ENODEV;
	master = link->master ? observed_link(observed, link->master) : NULL;
	if (!master)
		return 0;
	memset(ret, 0, sizeof(*ret));
	memcpy(ret->link, link->name, sizeof(ret->link));
	memcpy(ret->controller, master->name, sizeof(ret->controller));
	ret->has_vlans = spec->has_vlans && master->kind == LINK_BRIDGE;
	r = ret->has_vlans ? vlans_observe(core, link->index, &ret->vlans) : 0;
	return r < 0 ? r : 1;
}

static bool port_satisfied(const void *wanted, const void *observed)
{
	const struct port_spec *w = wanted, *o = observed;

	return strcmp(w->controller, o->controller) == 0 &&
	       (!w->has_vlans || vlans_equal(&w->vlans, &o->vlans));
}

/* It was a port already before intent named it. */
static void port_restore(const void *previous, const void *baseline, void *wanted)
{
	const struct port_spec *p = previous, *b = baseline;
	struct port_spec *w = wanted;

	if (!w->link[0]) {
		*w = *b;
	} else if (p->has_vlans && !w->has_vlans && b->has_vlans) {
		w->has_vlans = true;
		w->vlans = b->vlans;
	}
}

static int refused(struct core *core, int r, const char *verb, const struct port_spec *spec,
		   struct error *error)
{
	char what[96];

	snprintf(what, sizeof(what), "%s %s %s %s", verb, spec->link, "as a port of",
		 spec->controller);
	return kernel_error(core, r, what, error);
}

static int master_set(struct core *core, const struct link *link, int master)
{
	char buffer[NETLINK_MESSAGE_MAX];
	int r = netlink_request(core_netlink(core),
				netlink_build_link_master(buffer, link->index, master));

	/* Announced only while the link is up. */
	return r < 0 ? r
		     : observed_refresh_link(core_observed(core), core_netlink(core), link->index);
}

/* A bond takes only links that are down, and sets them up itself (bond_main.c, bond_enslave()). */
static int prepare(struct core *core, const struct link *link, const struct link *controller)
{
	struct link_settings settings = {.fields = LINK_FIELD_UP};
	char buffer[NETLINK_MESSAGE_MAX];

	if (controller->kind != LINK_BOND || !(link->flags & IFF_UP))
		return 0;
	return netlink_request(core_netlink(core),
			       netlink_build_link_set(buffer, link->index, &settings));
}

/* The last VLAN from `first` on that is to be carried like it, and is not so yet. The PVID stands
 * alone. */
static unsigned run_end(const struct port_vlans *present, const struct port_vlans *wanted,
			unsigned first)
{
	unsigned manner = vlan_manner(wanted, first), last = first;

	while (!(manner & 4u) && last < VLAN_MAX && vlan_manner(wanted, last + 1) == manner &&
	       vlan_manner(present, last + 1) != manner)
		last++;
	return last;
}

static int vlans_apply(struct core *core, const struct link *link, const struct port_spec *spec)
{
	char buffer[NETLINK_MESSAGE_MAX];
	struct port_vlans present;
	int r = vlans_observe(core, link->index, &present);

	for (unsigned id = 1, last; r >= 0 && id <= VLAN_MAX; id = last + 1) {
		unsigned manner = vlan_manner(&spec->vlans, id);

		last = id;
		if (manner == vlan_manner(&present, id))
			continue;
		last = run_end(&present, &spec->vlans, id);
		r = netlink_request(core_netlink(core),
				    netlink_build_port_vlans(buffer, manner != 0, link->index,
							     &spec->vlans, id, last));
	}
	return r;
}

static int port_leave(struct core *core, const struct port_spec *spec, struct error *error)
{
	const struct observed *observed = core_observed(core);
	const struct link *link = observed_link_by_name(observed, spec->link);
	const struct link *controller = observed_link_by_name(observed, spec->controller);
	int r;

	/* Of another device meanwhile: not ours to end. */
	if (!link || !controller || link->master != controller->index)
		return 0;
	r = master_set(core, link, 0);
	return r >= 0 || r == -ENODEV ? 0 : refused(core, r, "releasing", spec, error);
}

static int port_apply(struct core *core, const void *before, const void *after, struct error *error)
{
	const struct observed *observed = core_observed(core);
	const struct port_spec *spec = after;
	const struct link *link, *controller;
	int r = 0;

	if (!spec)
		return before ? port_leave(core, before, error) : 0;
	link = observed_link_by_name(observed, spec->link);
	controller = observed_link_by_name(observed, spec->controller);
	if (!link || !controller)
		return error_set(error, ERROR_LINK_UNKNOWN, link ? "controller" : "link",
				 "there is no interface '%s'",
				 link ? spec->controller : spec->link);
	if (link->master != controller->index) {
		r = prepare(core, link, controller);
		if (r >= 0)
			r = master_set(core, link, controller->index);
		if (r < 0)
			return refused(core, r, "taking", spec, error);
	}
	r = spec->has_vlans ? vlans_apply(core, link, spec) : 0;
	if (r == -EOPNOTSUPP) {
		r = error_set(error, ERROR_KERNEL_UNSUPPORTED, "vlans",
			      "this kernel cannot filter VLANs on %s: it lacks "
			      "CONFIG_BRIDGE_VLAN_FILTERING",
			      spec->link);
		error_hint(error, "leave 'vlans' out, or run a kernel that has it");
		return r;
	}
	return r < 0 ? refused(core, r, "setting the VLANs of", spec, error) : 0;
}

const struct resource_type port_type = {
	.name = "port",
	.order = 12,
	.spec_size = sizeof(struct port_spec),
	.parse = port_parse,
	.print = port_print,
	.key = port_key,
	.needs = port_needs,
	.validate = port_validate,
	.observe = port_observe,
	.satisfied = port_satisfied,
	.restore = port_restore,
	.removable = true,
	.apply = port_apply,
};
