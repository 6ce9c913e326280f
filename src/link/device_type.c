/*
 * Resource type `device`: an interface that exists because intent says so.
 *
 * Only what we made is removed: a device that was there before intent named it is left in place,
 * with the options that it had. What the kernel cannot change of a device in place (the id of a
 * VLAN) is refused: to make it anew would take its addresses and routes with it.
 */
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>

#include "device_kinds.h"
#include "kernel_error.h"
#include "own_mac.h"

#define STP_FORWARD_DELAY_MIN 200 /* 1/100 s, IEEE 802.1D, as the kernel's BR_MIN_FORWARD_DELAY */

static int bridge_check(const struct device_spec *spec, struct error *error)
{
	if (!spec->options.bridge.stp ||
	    spec->options.bridge.forward_delay >= STP_FORWARD_DELAY_MIN)
		return 0;
	return error_set(error, ERROR_PARAMETER_RANGE, "bridge.forward_delay",
			 "with STP the forward delay is at least 2 s");
}

static int vxlan_check(const struct device_spec *spec, struct error *error)
{
	const struct ip_address *local = &spec->options.vxlan.local;
	const struct ip_address *remote = &spec->options.vxlan.remote;

	if (ip_address_is_set(local) && ip_address_is_set(remote) &&
	    local->family != remote->family)
		return error_set(error, ERROR_PARAMETER_CONFLICT, "vxlan.local",
				 "the two ends are of different address families");
	if (ip_address_is_multicast(remote) && !spec->parent[0])
		return error_set(error, ERROR_PARAMETER_MISSING, "vxlan.parent",
				 "a group is joined on an interface: 'vxlan.parent' is missing");
	return 0;
}

static int links_check(const struct device_spec *spec, struct error *error)
{
	char parameter[64];
	bool peer = strcmp(spec->name, spec->peer) == 0;

	if (!peer && strcmp(spec->name, spec->parent) != 0)
		return 0;
	snprintf(parameter, sizeof(parameter), "%s.%s", spec->kind, peer ? "peer" : "parent");
	return error_set(error, ERROR_PARAMETER_CONFLICT, parameter, "%s cannot be its own %s",
			 spec->name, peer ? "peer" : "parent");
}

static int device_parse(const json_t *object, void *ret_spec, struct error *error)
{
	struct device_spec *spec = ret_spec;
	const struct device_kind *kind;
	const char *name;
	char names[96];
	int r = spec_member_link(object, "name", spec->name, error);

	if (r >= 0)
		r = spec_member_text(object, "kind", &name, error);
	if (r < 0)
		return r;
	kind = device_kind(name);
	if (!kind) {
		r = error_set(error, ERROR_PARAMETER_RANGE, "kind", "'%.32s' is no kind of device",
			      name);
		error_hint(error, "one of %s", device_kind_names(names, sizeof(names)));
		return r;
	}
	text_copy(spec->kind, sizeof(spec->kind), kind->name);
	r = device_options_parse(kind, json_object_get(object, kind->name), spec, error);
	if (r >= 0)
		r = links_check(spec, error);
	if (r >= 0 && strcmp(kind->name, "bridge") == 0)
		r = bridge_check(spec, error);
	if (r >= 0 && strcmp(kind->name, "vxlan") == 0)
		r = vxlan_check(spec, error);
	return r;
}

static json_t *device_print(const void *data)
{
	const struct device_spec *spec = data;
	const struct device_kind *kind = device_kind(spec->kind);
	_cleanup_json_ json_t *json =
		json_pack("{s:s,s:s}", "name", spec->name, "kind", spec->kind);

	if (!json || !kind || !kind->options_count)
		return TAKE_PTR(json);
	if (json_put(json, kind->name, device_options_print(kind, spec)) < 0)
		return NULL;
	return TAKE_PTR(json);
}

static void device_key(const void *data, char buffer[RESOURCE_KEY_MAX])
{
	text_copy(buffer, RESOURCE_KEY_MAX, ((const struct device_spec *)data)->name);
}

static unsigned device_rank(const void *data)
{
	const struct device_kind *kind = device_kind(((const struct device_spec *)data)->kind);

	return kind ? kind->rank : 0;
}

static unsigned device_makes(const void *data, const char *ret[RESOURCE_LINKS_MAX])
{
	const struct device_spec *spec = data;

	ret[0] = spec->name;
	ret[1] = spec->peer;
	return spec->peer[0] ? 2 : 1;
}

static unsigned device_needs(const void *data, const char *ret[RESOURCE_LINKS_MAX])
{
	const struct device_spec *spec = data;

	ret[0] = spec->parent;
	return spec->parent[0] ? 1 : 0;
}

static const char *link_name(const struct observed *observed, int index)
{
	const struct link *link = index ? observed_link(observed, index) : NULL;

	return link ? link->name : "";
}

static void device_spec_of(const struct observed *observed, const struct link *link,
			   struct device_spec *ret)
{
	const char *below = link->lower_namespace < 0 ? link_name(observed, link->lower) : "";

	memset(ret, 0, sizeof(*ret));
	memcpy(ret->name, link->name, sizeof(ret->name));
	memcpy(ret->kind, link->info_kind, sizeof(ret->kind));
	memcpy(&ret->options, &link->options, sizeof(ret->options));
	if (link->kind == LINK_VETH)
		text_copy(ret->peer, sizeof(ret->peer), below);
	else if (link->kind != LINK_BRIDGE && link->kind != LINK_BOND)
		text_copy(ret->parent, sizeof(ret->parent), below);
}

static int device_observe(struct core *core, const void *wanted, void *ret_spec)
{
	const struct observed *observed = core_observed(core);
	const struct device_spec *spec = wanted;
	const struct link *link = observed_link_by_name(observed, spec->name);

	/* Also where there is a device of its name that lies on another link. */
	if (spec->parent[0] && !observed_link_by_name(observed, spec->parent))
		return -ENODEV;
	if (!link)
		return 0;
	device_spec_of(observed, link, ret_spec);
	return 1;
}

static bool device_satisfied(const void *wanted, const void *observed)
{
	const struct device_spec *w = wanted, *o = observed;
	const struct device_kind *kind = device_kind(w->kind);

	return kind && strcmp(w->kind, o->kind) == 0 &&
	       !device_options_differing(kind, w, o, false);
}

/* A specification states every option, so that only a device that is left has something to restore.
 */
static void device_restore(const void *previous, const void *baseline, void *wanted)
{
	const struct device_spec *b = baseline;
	struct device_spec *w = wanted;

	if (!w->name[0])
		*w = *b;
}

/* May the link that is there become what is wanted, without being made anew? */
static int device_may_become(const struct observed *observed, const struct link *link,
			     const struct device_spec *spec, struct error *error)
{
	const struct device_kind *kind = device_kind(spec->kind);
	const struct device_option *option;
	struct device_spec present;
	char parameter[64];
	int r;

	device_spec_of(observed, link, &present);
	if (strcmp(present.kind, spec->kind) != 0) {
		r = error_set(error, ERROR_LINK_EXISTS, "kind",
			      "there is an interface %s already, and it is no %s but %s",
			      spec->name, spec->kind,
			      present.kind[0] ? present.kind : "a network card");
		error_hint(error, "choose another name, or remove that interface first");
		return r;
	}
	option = device_options_differing(kind, spec, &present, true);
	if (!option)
		return 0;
	snprintf(parameter, sizeof(parameter), "%s.%s", kind->name, option->key);
	r = error_set(error, ERROR_LINK_IMMUTABLE, parameter,
		      "the %s of %s cannot be changed while it exists", option->key, spec->name);
	error_hint(error, "remove the device, then make it anew");
	return r;
}

static int device_validate(struct core *core, const void *data, struct error *error)
{
	const struct observed *observed = core_observed(core);
	const struct device_spec *spec = data;
	const struct link *link = observed_link_by_name(observed, spec->name);

	/* What lies on a link that is not there waits, and changes nothing that is. */
	if (link && (!spec->parent[0] || observed_link_by_name(observed, spec->parent)))
		return device_may_become(observed, link, spec, error);
	if (!spec->peer[0] || !observed_link_by_name(observed, spec->peer))
		return 0;
	return error_set(error, ERROR_LINK_EXISTS, "veth.peer",
			 "there is an interface %s already, it cannot be the peer of %s",
			 spec->peer, spec->name);
}

/* The steps that follow find the device by the mirror. */
static int follow(struct core *core, struct error *error)
{
	struct observed *observed = core_observed(core);

	if (observed_drain(observed) == 0 ||
	    observed_wait_synchronised(observed, 100 * USEC_PER_MSEC) >= 0)
		return 0;
	return error_set(error, ERROR_TX_VERIFY_FAILED, NULL,
			 "the kernel's state could not be read back in time");
}

static int unsupported(struct core *core, const struct device_spec *spec, struct error *error)
{
	const struct device_kind *kind = device_kind(spec->kind);
	const char *words = netlink_socket_words(core_netlink(core));
	const struct device_option *option =
		strstr(words, "Unknown device type") ? NULL : device_option_of_feature(kind, spec);
	int r = error_set(error, ERROR_LINK_KIND_UNSUPPORTED, option ? option->key : "kind",
			  "this kernel cannot make %s a %s%s%s: it lacks %s", spec->name,
			  spec->kind, option ? " with " : "", option ? option->key : "",
			  option ? option->feature : kind->feature);

	error_hint(error, "load the module, or run a kernel that has it");
	return r;
}

static int refused(struct core *core, int r, const char *verb, const struct device_spec *spec,
		   struct error *error)
{
	char what[64];

	if (r >= 0)
		return follow(core, error);
	snprintf(what, sizeof(what), "%s the %s %s", verb, spec->kind, spec->name);
	return kernel_error(core, r, what, error);
}

/* The peer is announced before the two are a pair, and not again (veth.c, veth_newlink()). */
static int refresh_peer(struct core *core, const struct device_spec *spec)
{
	struct observed *observed = core_observed(core);
	const struct link *peer = observed_link_by_name(observed, spec->peer);

	return peer ? observed_refresh_link(observed, core_netlink(core), peer->index) : 0;
}

/* Where the secret cannot be stored, the kernel chooses: a device is worth more than its name. */
static void give_macs(struct core *core, struct link *link, struct link *peer)
{
	if (!own_mac_is_given(link->info_kind) || own_mac(core, link->name, &link->mac) < 0)
		return;
	if (peer->name[0] && own_mac(core, peer->name, &peer->mac) < 0)
		peer->mac = (struct hardware_address){0};
}

static int device_make(struct core *core, const struct device_spec *spec, struct error *error)
{
	const struct link *parent = observed_link_by_name(core_observed(core), spec->parent);
	struct link link = {.options = spec->options}, peer = {0};
	char buffer[NETLINK_MESSAGE_MAX];
	int r;

	if (spec->parent[0] && !parent)
		return error_set(error, ERROR_LINK_UNKNOWN, "parent",
				 "%s lies on %s, and there is no such interface", spec->name,
				 spec->parent);
	memcpy(link.name, spec->name, sizeof(link.name));
	memcpy(link.info_kind, spec->kind, sizeof(link.info_kind));
	link.lower = parent ? parent->index : 0;
	if (parent && strcmp(spec->kind, "vxlan") == 0)
		link.options.vxlan.link = (uint32_t)parent->index;
	memcpy(peer.name, spec->peer, sizeof(peer.name));
	give_macs(core, &link, &peer);
	r = netlink_request(core_netlink(core),
			    netlink_build_link_new(buffer, &link, peer.name[0] ? &peer : NULL));
	if (r == -EOPNOTSUPP)
		return unsupported(core, spec, error);
	r = refused(core, r, "making", spec, error);
	return r < 0 ? r : refused(core, refresh_peer(core, spec), "reading", spec, error);
}

static int device_change(struct core *core, const struct link *link, const struct device_spec *spec,
			 struct error *error)
{
	union link_options options = spec->options;
	struct device_spec present;
	char buffer[NETLINK_MESSAGE_MAX];
	int r = device_may_become(core_observed(core), link, spec, error);

	if (r < 0)
		return r;
	device_spec_of(core_observed(core), link, &present);
	if (device_satisfied(spec, &present))
		return 0;
	if (strcmp(spec->kind, "vxlan") == 0)
		options.vxlan.link = link->options.vxlan.link;
	r = netlink_request(core_netlink(core), netlink_build_link_options(buffer, link, &options));
	/* The kernel announces the options only of a link that is up. */
	if (r >= 0)
		r = observed_refresh_link(core_observed(core), core_netlink(core), link->index);
	if (r == -EOPNOTSUPP && device_option_of_feature(device_kind(spec->kind), spec))
		return unsupported(core, spec, error);
	return refused(core, r, "changing", spec, error);
}

static int device_remove(struct core *core, const struct device_spec *spec, struct error *error)
{
	const struct link *link = observed_link_by_name(core_observed(core), spec->name);
	char buffer[NETLINK_MESSAGE_MAX];
	struct device_spec present;
	int r;

	if (!link)
		return 0;
	/* What took its name meanwhile is not ours, nor what kept this from being made: one that
	 * lies elsewhere. Of a VXLAN the mirror does not know on what it lies. */
	device_spec_of(core_observed(core), link, &present);
	if (strcmp(present.kind, spec->kind) != 0 ||
	    (present.parent[0] && strcmp(present.parent, spec->parent) != 0))
		return 0;
	r = netlink_request(core_netlink(core), netlink_build_link_delete(buffer, link->index));
	return refused(core, r == -ENODEV ? 0 : r, "removing", spec, error);
}

static int device_apply(struct core *core, const void *before, const void *after,
			struct error *error)
{
	const struct device_spec *spec = after;
	const struct link *link;

	if (!spec)
		return before ? device_remove(core, before, error) : 0;
	link = observed_link_by_name(core_observed(core), spec->name);
	return link ? device_change(core, link, spec, error) : device_make(core, spec, error);
}

const struct resource_type device_type = {
	.name = "device",
	.order = 5,
	.spec_size = sizeof(struct device_spec),
	.parse = device_parse,
	.print = device_print,
	.key = device_key,
	.rank = device_rank,
	.makes = device_makes,
	.needs = device_needs,
	.validate = device_validate,
	.observe = device_observe,
	.satisfied = device_satisfied,
	.restore = device_restore,
	.removable = true,
	.apply = device_apply,
};
