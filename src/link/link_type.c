/*
 * Resource type `link`: what is set on an interface. Only the members that are named count; what
 * the interface was before comes back when it is released.
 */
#include <stdio.h>
#include <string.h>

#include "kernel_error.h"

#define FIELDS_IPV4 (LINK_FIELD_IGNORE_DEAD_ROUTES | LINK_FIELD_PROMOTE_SECONDARIES)
#define FIELDS_ALL  (LINK_FIELD_UP | LINK_FIELD_MTU | LINK_FIELD_MAC | FIELDS_IPV4)

/* The truths among the settings: JSON member, field, place. */
static const struct {
	const char *key;
	unsigned field;
	size_t offset;
} truths[] = {
	{"up", LINK_FIELD_UP, offsetof(struct link_settings, up)},
	{"ignore_dead_routes", LINK_FIELD_IGNORE_DEAD_ROUTES,
	 offsetof(struct link_settings, ignore_dead_routes)},
	{"promote_secondaries", LINK_FIELD_PROMOTE_SECONDARIES,
	 offsetof(struct link_settings, promote_secondaries)},
};

static bool *truth(struct link_settings *settings, unsigned i)
{
	return (bool *)((char *)settings + truths[i].offset);
}

static bool truth_value(const struct link_settings *settings, unsigned i)
{
	return *(const bool *)((const char *)settings + truths[i].offset);
}

static int link_parse(const json_t *object, void *ret_spec, struct error *error)
{
	struct link_spec *spec = ret_spec;
	struct link_settings *settings = &spec->settings;
	const char *mac;
	int r = spec_member_link(object, "name", spec->name, error);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < ARRAY_SIZE(truths); i++) {
		r = spec_member_bool(object, truths[i].key, truth(settings, i), error);
		if (r < 0)
			return r;
		if (r > 0)
			settings->fields |= truths[i].field;
	}
	if (json_object_get(object, "mtu")) {
		r = spec_member_u32(object, "mtu", &settings->mtu, error);
		settings->fields |= LINK_FIELD_MTU;
	}
	if (r >= 0 && json_object_get(object, "mac")) {
		r = spec_member_text(object, "mac", &mac, error);
		if (r >= 0)
			r = hardware_address_parse(mac, &settings->mac, "mac", error);
		settings->fields |= LINK_FIELD_MAC;
	}
	return r < 0 ? r : 0;
}

static json_t *link_print(const void *data)
{
	const struct link_spec *spec = data;
	const struct link_settings *settings = &spec->settings;
	_cleanup_json_ json_t *json = json_pack("{s:s}", "name", spec->name);
	int r = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(truths); i++)
		if (settings->fields & truths[i].field)
			r |= json_put(json, truths[i].key, json_boolean(truth_value(settings, i)));
	if (settings->fields & LINK_FIELD_MTU)
		r |= json_put(json, "mtu", json_integer(settings->mtu));
	if (settings->fields & LINK_FIELD_MAC)
		r |= json_put(json, "mac", json_mac(&settings->mac));
	return r < 0 ? NULL : TAKE_PTR(json);
}

static void link_key(const void *data, char buffer[RESOURCE_KEY_MAX])
{
	const struct link_spec *spec = data;

	text_copy(buffer, RESOURCE_KEY_MAX, spec->name);
}

static int link_validate(struct core *core, const void *data, struct error *error)
{
	const struct link_spec *spec = data;
	const struct link_settings *settings = &spec->settings;
	const struct link *link = observed_link_by_name(core_observed(core), spec->name);

	if (!link || !(settings->fields & LINK_FIELD_MTU))
		return 0;
	if (settings->mtu < MAX(link->mtu_min, 68u) ||
	    (link->mtu_max && settings->mtu > link->mtu_max)) {
		int r = error_set(error, ERROR_PARAMETER_RANGE, "mtu",
				  "%s cannot have an MTU of %u", spec->name, settings->mtu);

		error_hint(error, "between %u and %u bytes", MAX(link->mtu_min, 68u),
			   link->mtu_max ?: UINT32_MAX);
		return r;
	}
	return 0;
}

static unsigned link_needs(const void *data, const char *ret[RESOURCE_LINKS_MAX])
{
	ret[0] = ((const struct link_spec *)data)->name;
	return 1;
}

static int link_observe(struct core *core, const void *wanted, void *ret_spec)
{
	const struct link_spec *spec = wanted;
	const struct link *link = observed_link_by_name(core_observed(core), spec->name);
	struct link_spec *ret = ret_spec;

	if (!link)
		return -ENODEV;
	memset(ret, 0, sizeof(*ret));
	memcpy(ret->name, spec->name, sizeof(ret->name));
	ret->settings = (struct link_settings){
		.fields = FIELDS_ALL,
		.up = link->flags & IFF_UP,
		.mtu = link->mtu,
		.mac = link->mac,
		.ignore_dead_routes = link->ignore_dead_routes,
		.promote_secondaries = link->promote_secondaries,
	};
	return 1;
}

/* The fields that `wanted` sets and `observed` does not have so. */
static unsigned fields_differing(const struct link_settings *wanted,
				 const struct link_settings *observed)
{
	unsigned differing = wanted->fields & ~observed->fields;

	for (unsigned i = 0; i < ARRAY_SIZE(truths); i++)
		if (truth_value(wanted, i) != truth_value(observed, i))
			differing |= truths[i].field;
	if (wanted->mtu != observed->mtu)
		differing |= LINK_FIELD_MTU;
	if (!hardware_address_equal(&wanted->mac, &observed->mac))
		differing |= LINK_FIELD_MAC;
	return differing & wanted->fields;
}

static bool link_satisfied(const void *wanted, const void *observed)
{
	const struct link_spec *w = wanted, *o = observed;

	return fields_differing(&w->settings, &o->settings) == 0;
}

static void link_restore(const void *previous, const void *baseline, void *wanted)
{
	const struct link_spec *p = previous, *b = baseline;
	struct link_spec *w = wanted;
	struct link_settings missing = b->settings;
	unsigned added = p->settings.fields & ~w->settings.fields;

	memcpy(w->name, p->name, sizeof(w->name));
	for (unsigned i = 0; i < ARRAY_SIZE(truths); i++)
		if (added & truths[i].field)
			*truth(&w->settings, i) = truth_value(&missing, i);
	if (added & LINK_FIELD_MTU)
		w->settings.mtu = missing.mtu;
	if (added & LINK_FIELD_MAC)
		w->settings.mac = missing.mac;
	w->settings.fields |= added;
}

static void link_rebase(const void *previous, const void *observed, void *baseline)
{
	const struct link_settings *set = &((const struct link_spec *)previous)->settings;
	const struct link_settings *now = &((const struct link_spec *)observed)->settings;
	struct link_settings *base = &((struct link_spec *)baseline)->settings;

	for (unsigned i = 0; i < ARRAY_SIZE(truths); i++)
		if (!(set->fields & truths[i].field))
			*truth(base, i) = truth_value(now, i);
	if (!(set->fields & LINK_FIELD_MTU))
		base->mtu = now->mtu;
	if (!(set->fields & LINK_FIELD_MAC))
		base->mac = now->mac;
}

static int link_apply(struct core *core, const void *before, const void *after, struct error *error)
{
	const struct link_spec *b = before, *a = after;
	const struct link *link;
	struct link_settings settings;
	char buffer[NETLINK_MESSAGE_MAX], what[64];
	int r;

	/* A link is neither made nor removed by this type. */
	if (!a)
		return 0;
	link = observed_link_by_name(core_observed(core), a->name);
	if (!link)
		return error_set(error, ERROR_LINK_UNKNOWN, "link", "there is no interface '%s'",
				 a->name);
	settings = a->settings;
	if (b)
		settings.fields = fields_differing(&a->settings, &b->settings);
	if (settings.fields == 0)
		return 0;
	r = netlink_request(core_netlink(core),
			    netlink_build_link_set(buffer, link->index, &settings));
	/* The kernel announces the two IPv4 settings only of a link that is up. */
	if (r >= 0 && settings.fields & FIELDS_IPV4)
		r = observed_refresh_link(core_observed(core), core_netlink(core), link->index);
	if (r >= 0)
		return 0;
	snprintf(what, sizeof(what), "the settings of %s", a->name);
	return kernel_error(core, r, what, error);
}

/* The server is told of a release, and routes go, while the link is still up. */
static bool link_comes_last(const void *data)
{
	const struct link_settings *settings = &((const struct link_spec *)data)->settings;

	return settings->fields & LINK_FIELD_UP && !settings->up;
}

const struct resource_type link_type = {
	.name = "link",
	.order = 10,
	.spec_size = sizeof(struct link_spec),
	.parse = link_parse,
	.print = link_print,
	.key = link_key,
	.comes_last = link_comes_last,
	.validate = link_validate,
	.needs = link_needs,
	.observe = link_observe,
	.satisfied = link_satisfied,
	.restore = link_restore,
	.rebase = link_rebase,
	.apply = link_apply,
};
