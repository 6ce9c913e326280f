/*
 * What the kernel does besides what a step names, and what the inverse of the step does not undo:
 *
 * - A smaller MTU is passed on to what lies on the link (macvlan.c, macvlan_device_event()), a
 *   larger one is not.
 * - Which of a network's IPv4 addresses is the first, from which the kernel sends, is a matter of
 *   which was there before: one that goes and comes back is the last (devinet.c,
 *   inet_insert_ifa()).
 *
 * A change that is not confirmed yet keeps what it caused in the store, until it is.
 */
#include <inttypes.h>
#include <linux/if_addr.h>
#include <stdio.h>

#include "core-internal.h"
#include "store-internal.h"

#define KIND "side_effects" /* in the store: number -> {mtus, firsts} */

struct link_mtu {
	char name[IFNAMSIZ];
	uint32_t mtu;
};

struct first_address {
	char link[IFNAMSIZ];
	struct ip_prefix prefix;
};

/* Only those of what lies on others, as no other changes by itself. */
static int remember_mtus(const struct core *core, struct side_effects *ret)
{
	const struct link *link = NULL;

	ret->links = calloc(observed_count(core->observed, OBJECT_LINK) ?: 1, sizeof(*ret->links));
	if (!ret->links)
		return -ENOMEM;
	while ((link = observed_next_link(core->observed, link)))
		if (link->lower && link->lower_namespace < 0) {
			struct link_mtu *mtu = &ret->links[ret->count++];

			memcpy(mtu->name, link->name, sizeof(mtu->name));
			mtu->mtu = link->mtu;
		}
	return 0;
}

static bool is_first(const struct address *address)
{
	return address->prefix.address.family == AF_INET && !(address->flags & IFA_F_SECONDARY);
}

static int remember_firsts(const struct core *core, struct side_effects *ret)
{
	const struct address *address = NULL;

	ret->firsts =
		calloc(observed_count(core->observed, OBJECT_ADDRESS) ?: 1, sizeof(*ret->firsts));
	if (!ret->firsts)
		return -ENOMEM;
	while ((address = observed_next_address(core->observed, address))) {
		const struct link *link = observed_link(core->observed, address->link);
		struct first_address *first = &ret->firsts[ret->firsts_count];

		if (!link || !is_first(address))
			continue;
		memcpy(first->link, link->name, sizeof(first->link));
		first->prefix = address->prefix;
		ret->firsts_count++;
	}
	return 0;
}

int side_effects_remember(const struct core *core, const struct plan *plan,
			  struct side_effects *ret)
{
	int r;

	*ret = (struct side_effects){0};
	if (!plan->steps_count)
		return 0;
	r = remember_mtus(core, ret);
	return r < 0 ? r : remember_firsts(core, ret);
}

void side_effects_clear(struct side_effects *effects)
{
	free(effects->links);
	free(effects->firsts);
	*effects = (struct side_effects){0};
}

static void restore_mtu(struct core *core, const char *name, uint32_t mtu)
{
	const struct link *link = observed_link_by_name(core->observed, name);
	const struct link_settings settings = {.fields = LINK_FIELD_MTU, .mtu = mtu};
	char buffer[NETLINK_MESSAGE_MAX];
	int r;

	if (!link || link->mtu == mtu)
		return;
	r = netlink_request(core->netlink, netlink_build_link_set(buffer, link->index, &settings));
	if (r < 0)
		core_publish(core, "tx.rollback_failed", NULL,
			     "cannot give %s its MTU of %u back: %s", name, mtu, strerror(-r));
}

/* It is there, and another of its network has taken its place. */
static bool is_second(const struct core *core, const char *link_name,
		      const struct ip_prefix *prefix)
{
	const struct link *link = observed_link_by_name(core->observed, link_name);
	const struct address *address =
		link ? observed_address(core->observed, link->index, prefix) : NULL;

	return address && !is_first(address);
}

static void restore_first(struct core *core, const char *link, const struct ip_prefix *prefix)
{
	const struct resource_type *type = core_type(core, "address");
	char text[IP_PREFIX_TEXT_MAX];
	struct error error;

	if (!type || !type->put_first || !is_second(core, link, prefix) ||
	    type->put_first(core, link, prefix, &error) >= 0)
		return;
	core_publish(core, "tx.rollback_failed", NULL,
		     "cannot make %s the first of its network on %s again: %s",
		     ip_prefix_print(prefix, text), link, error.message);
}

void side_effects_undo(struct core *core, const struct side_effects *effects)
{
	for (size_t i = 0; i < effects->count; i++)
		restore_mtu(core, effects->links[i].name, effects->links[i].mtu);
	for (size_t i = 0; i < effects->firsts_count; i++)
		restore_first(core, effects->firsts[i].link, &effects->firsts[i].prefix);
}

/* ---- of a change that is not confirmed yet ---- */

static json_t *mtus_caused(const struct core *core, const struct side_effects *effects)
{
	_cleanup_json_ json_t *mtus = json_array();

	for (size_t i = 0; mtus && i < effects->count; i++) {
		const struct link_mtu *before = &effects->links[i];
		const struct link *now = observed_link_by_name(core->observed, before->name);

		if (now && now->mtu < before->mtu &&
		    json_array_append_new(mtus, json_pack("{ss sI sI}", "link", before->name,
							  "before", (json_int_t)before->mtu,
							  "after", (json_int_t)now->mtu)) < 0)
			return NULL;
	}
	return TAKE_PTR(mtus);
}

static json_t *firsts_lost(const struct core *core, const struct side_effects *effects)
{
	_cleanup_json_ json_t *firsts = json_array();
	char text[IP_PREFIX_TEXT_MAX];

	for (size_t i = 0; firsts && i < effects->firsts_count; i++) {
		const struct first_address *before = &effects->firsts[i];
		const struct link *link = observed_link_by_name(core->observed, before->link);
		const struct address *now =
			link ? observed_address(core->observed, link->index, &before->prefix)
			     : NULL;

		if ((!now || !is_first(now)) &&
		    json_array_append_new(firsts,
					  json_pack("{ss ss}", "link", before->link, "address",
						    ip_prefix_print(&before->prefix, text))) < 0)
			return NULL;
	}
	return TAKE_PTR(firsts);
}

static const char *key_of(uint64_t number, char buffer[24])
{
	snprintf(buffer, 24, "%" PRIu64, number);
	return buffer;
}

int side_effects_store(struct core *core, const struct side_effects *effects, uint64_t number,
		       struct error *error)
{
	json_t *mtus = mtus_caused(core, effects), *firsts = firsts_lost(core, effects);
	_cleanup_json_ json_t *caused = json_pack("{so so}", "mtus", mtus, "firsts", firsts);
	char key[24];

	if (!caused)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot commit");
	if (json_array_size(mtus) == 0 && json_array_size(firsts) == 0)
		return 0;
	return store_put(core->store, KIND, key_of(number, key), caused) < 0
		       ? store_failed(core->store, "cannot commit", error)
		       : 0;
}

int side_effects_forget(struct core *core, uint64_t number, struct error *error)
{
	char key[24];

	return store_delete(core->store, KIND, key_of(number, key)) < 0
		       ? store_failed(core->store, "cannot commit", error)
		       : 0;
}

static void take_mtu_back(struct core *core, const json_t *mtu)
{
	const char *name = json_member_text(mtu, "link");
	const struct link *now = observed_link_by_name(core->observed, name);

	/* What somebody set meanwhile stays. */
	if (now && now->mtu == json_member_integer(mtu, "after", 0))
		restore_mtu(core, name, (uint32_t)json_member_integer(mtu, "before", 0));
}

void side_effects_take_back(struct core *core, uint64_t number)
{
	_cleanup_json_ json_t *caused = NULL;
	struct ip_prefix prefix;
	struct error error;
	const json_t *item;
	char key[24];
	size_t i;

	if (store_get(core->store, KIND, key_of(number, key), &caused) < 0)
		return;
	(void)observed_drain(core->observed);
	json_array_foreach(json_object_get(caused, "mtus"), i, item)
		take_mtu_back(core, item);
	json_array_foreach(json_object_get(caused, "firsts"), i, item)
		if (ip_prefix_parse(json_member_text(item, "address"), &prefix, "address",
				    &error) >= 0)
			restore_first(core, json_member_text(item, "link"), &prefix);
	if (side_effects_forget(core, number, &error) < 0)
		store_fall_behind(core, "a rollback", &error);
}
