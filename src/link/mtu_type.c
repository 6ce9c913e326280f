/*
 * Resource type `mtu`: the MTU that the network of a link announces.
 *
 * A type of its own, because it comes from another source than the settings of the link and goes
 * with its lease. It is set only where it differs, so that a driver which takes its carrier down
 * for a new MTU does so once and not at each renewal.
 */
#include <stdio.h>
#include <string.h>

#include "kernel_error.h"

static int mtu_parse(const json_t *object, void *ret_spec, struct error *error)
{
	struct mtu_spec *spec = ret_spec;
	int r = spec_member_link(object, "link", spec->link, error);

	return r < 0 ? r : spec_member_u32(object, "mtu", &spec->mtu, error);
}

static json_t *mtu_print(const void *data)
{
	const struct mtu_spec *spec = data;

	return json_pack("{s:s,s:I}", "link", spec->link, "mtu", (json_int_t)spec->mtu);
}

static void mtu_key(const void *data, char buffer[RESOURCE_KEY_MAX])
{
	text_copy(buffer, RESOURCE_KEY_MAX, ((const struct mtu_spec *)data)->link);
}

static unsigned mtu_needs(const void *data, const char *ret[RESOURCE_LINKS_MAX])
{
	ret[0] = ((const struct mtu_spec *)data)->link;
	return 1;
}

static int mtu_observe(struct core *core, const void *wanted, void *ret_spec)
{
	const struct mtu_spec *spec = wanted;
	const struct link *link = observed_link_by_name(core_observed(core), spec->link);
	struct mtu_spec *ret = ret_spec;

	if (!link)
		return -ENODEV;
	*ret = *spec;
	ret->mtu = link->mtu;
	return 1;
}

static bool mtu_satisfied(const void *wanted, const void *observed)
{
	return ((const struct mtu_spec *)wanted)->mtu == ((const struct mtu_spec *)observed)->mtu;
}

static void mtu_restore(const void *previous, const void *baseline, void *wanted)
{
	const struct mtu_spec *p = previous, *b = baseline;
	struct mtu_spec *w = wanted;

	memcpy(w->link, p->link, sizeof(w->link));
	if (!w->mtu)
		w->mtu = b->mtu;
}

static int mtu_apply(struct core *core, const void *before, const void *after, struct error *error)
{
	const struct mtu_spec *spec = after;
	struct link_settings settings = {.fields = LINK_FIELD_MTU};
	const struct link *link;
	char buffer[NETLINK_MESSAGE_MAX], what[64];
	int r;

	if (!spec)
		return 0;
	link = observed_link_by_name(core_observed(core), spec->link);
	if (!link)
		return error_set(error, ERROR_LINK_UNKNOWN, "link", "there is no interface '%s'",
				 spec->link);
	settings.mtu = spec->mtu;
	r = netlink_request(core_netlink(core),
			    netlink_build_link_set(buffer, link->index, &settings));
	if (r >= 0)
		return 0;
	snprintf(what, sizeof(what), "an MTU of %u on %s", spec->mtu, spec->link);
	return kernel_error(core, r, what, error);
}

const struct resource_type mtu_type = {
	.name = "mtu",
	.order = 15,
	.spec_size = sizeof(struct mtu_spec),
	.parse = mtu_parse,
	.print = mtu_print,
	.key = mtu_key,
	.needs = mtu_needs,
	.observe = mtu_observe,
	.satisfied = mtu_satisfied,
	.restore = mtu_restore,
	.apply = mtu_apply,
};
