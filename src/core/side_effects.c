/*
 * What the kernel does to other links than the one that a step names, and what the inverse of the
 * step does not undo: a smaller MTU is passed on to what lies on the link (macvlan.c,
 * macvlan_device_event()), a larger one is not.
 */
#include "core-internal.h"

struct link_mtu {
	int index;
	uint32_t mtu;
};

int side_effects_remember(const struct core *core, struct side_effects *ret)
{
	const struct link *link = NULL;
	size_t room = observed_count(core->observed, OBJECT_LINK);

	*ret = (struct side_effects){.links = calloc(room ?: 1, sizeof(struct link_mtu))};
	if (!ret->links)
		return -ENOMEM;
	while ((link = observed_next_link(core->observed, link)))
		if (link->lower && link->lower_namespace < 0)
			ret->links[ret->count++] = (struct link_mtu){link->index, link->mtu};
	return 0;
}

void side_effects_clear(struct side_effects *effects)
{
	free(effects->links);
	*effects = (struct side_effects){0};
}

void side_effects_undo(struct core *core, const struct side_effects *effects)
{
	for (size_t i = 0; i < effects->count; i++) {
		const struct link_mtu *before = &effects->links[i];
		const struct link *now = observed_link(core->observed, before->index);
		const struct link_settings settings = {.fields = LINK_FIELD_MTU,
						       .mtu = before->mtu};
		char buffer[NETLINK_MESSAGE_MAX];
		int r;

		if (!now || now->mtu == before->mtu)
			continue;
		r = netlink_request(core->netlink,
				    netlink_build_link_set(buffer, before->index, &settings));
		if (r < 0)
			core_publish(core, "tx.rollback_failed", NULL,
				     "cannot give %s its MTU of %u back: %s", now->name,
				     before->mtu, strerror(-r));
	}
}
