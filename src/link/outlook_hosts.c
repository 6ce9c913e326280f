/* Addresses and settings as they would be. */
#include <linux/if_addr.h>
#include <stdio.h>
#include <string.h>

#include "outlook.h"
#include "setting_watch.h"

/* ---- settings ---- */

static int32_t setting_now(const char *link, const char *name)
{
	struct setting_spec spec = {0};
	int32_t value = 0;

	text_copy(spec.link, sizeof(spec.link), link);
	text_copy(spec.name, sizeof(spec.name), name);
	return setting_read(&spec, &value) < 0 ? 0 : value;
}

static const struct step *setting_step(const struct outlook *outlook, const char *link,
				       const char *name)
{
	char key[RESOURCE_KEY_MAX];

	snprintf(key, sizeof(key), "%s/%s", link, name);
	return outlook_step(outlook, &setting_type, key);
}

int32_t outlook_setting(const struct outlook *outlook, const char *link, const char *name)
{
	const struct step *step = setting_step(outlook, link, name);

	if (step && step->after)
		return ((const struct setting_spec *)step->after)->value;
	/* What is made begins with the default. */
	return setting_now(observed_link_by_name(core_observed(outlook->core), link) ? link
										     : "default",
			   name);
}

int32_t outlook_setting_of_all(const char *name)
{
	return setting_now("all", name);
}

/* Of these the kernel drops what routers have told, or lets it run out. */
bool outlook_link_turns_from_routers(const struct outlook *outlook, const char *link)
{
	static const char *const heard[] = {"accept_ra", "accept_ra_defrtr", "accept_ra_pinfo",
					    "autoconf"};
	const struct step *step;

	for (size_t i = 0; i < ARRAY_SIZE(heard); i++) {
		step = setting_step(outlook, link, heard[i]);
		if (step && step->after && ((const struct setting_spec *)step->after)->value == 0)
			return true;
	}
	/* Who forwards hears no routers, unless accept_ra is 2 (addrconf.c). */
	step = setting_step(outlook, link, "ipv6_forwarding");
	return step && step->after && ((const struct setting_spec *)step->after)->value != 0 &&
	       outlook_setting(outlook, link, "accept_ra") != 2;
}

/* ---- addresses ---- */

static bool promotes_secondaries(const struct outlook *outlook, const struct link *link)
{
	const struct step *step = outlook_step(outlook, &link_type, link->name);
	const struct link_spec *after = step ? step->after : NULL;

	if (after && after->settings.fields & LINK_FIELD_PROMOTE_SECONDARIES)
		return after->settings.promote_secondaries;
	return link->promote_secondaries;
}

/* With the first IPv4 address of a network the kernel removes the others (devinet.c,
 * __inet_del_ifa()), unless they are promoted. */
static bool goes_with_first(const struct outlook *outlook, const struct link *link,
			    const struct address *address)
{
	struct ip_prefix network = ip_prefix_network(&address->prefix);
	const struct step *step = NULL;

	if (!(address->flags & IFA_F_SECONDARY) || promotes_secondaries(outlook, link))
		return false;
	while ((step = outlook_next_step(outlook, step))) {
		const struct address_spec *before = step->before;
		struct ip_prefix gone;

		if (step->type != &address_type || step->after ||
		    strcmp(before->link, link->name) != 0)
			continue;
		gone = ip_prefix_network(&before->prefix);
		if (ip_prefix_equal(&gone, &network))
			return true;
	}
	return false;
}

/* The kernel takes IPv6 off a link that is down, whose MTU is too small, or where it is switched
 * off. */
static bool link_loses_ipv6(const struct outlook *outlook, const char *name)
{
	const struct step *link = outlook_step(outlook, &link_type, name);
	const struct step *mtu = outlook_step(outlook, &mtu_type, name);
	const struct step *disabled = setting_step(outlook, name, "disable_ipv6");
	const struct link_spec *link_after = link ? link->after : NULL;
	const struct mtu_spec *mtu_after = mtu ? mtu->after : NULL;

	if (disabled && disabled->after &&
	    ((const struct setting_spec *)disabled->after)->value != 0)
		return true;
	if (mtu_after && mtu_after->mtu < IPV6_MTU_MIN)
		return true;
	if (link_after && link_after->settings.fields & LINK_FIELD_MTU &&
	    link_after->settings.mtu < IPV6_MTU_MIN)
		return true;
	return !outlook_link_is_up(outlook, name);
}

static bool address_stays(const struct outlook *outlook, const struct link *link,
			  const struct address *address)
{
	bool is_ipv6 = address->prefix.address.family == AF_INET6;
	struct address_spec spec = {.prefix = address->prefix};
	char key[RESOURCE_KEY_MAX];
	const struct step *step;

	memcpy(spec.link, link->name, sizeof(spec.link));
	address_type.key(&spec, key);
	step = outlook_step(outlook, &address_type, key);
	if (step)
		return step->after;
	if (is_ipv6 && address->valid != UINT32_MAX &&
	    outlook_link_turns_from_routers(outlook, link->name))
		return false;
	return outlook_link_is_there(outlook, link->name) &&
	       !(is_ipv6 ? link_loses_ipv6(outlook, link->name)
			 : goes_with_first(outlook, link, address));
}

static bool address_comes(const struct outlook *outlook, const struct address_spec *after)
{
	return outlook_link_is_there(outlook, after->link) &&
	       !(after->prefix.address.family == AF_INET6 && link_loses_ipv6(outlook, after->link));
}

const char *outlook_holder(const struct outlook *outlook, const struct ip_address *wanted,
			   const char *preferred)
{
	const struct observed *observed = core_observed(outlook->core);
	const struct address *address = NULL;
	const struct step *step = NULL;
	const char *found = NULL;

	while ((step = outlook_next_step(outlook, step))) {
		const struct address_spec *after = step->type == &address_type ? step->after : NULL;

		if (!after || !ip_address_equal(&after->prefix.address, wanted) ||
		    !address_comes(outlook, after))
			continue;
		if (!found || (preferred && strcmp(after->link, preferred) == 0))
			found = after->link;
	}
	while ((address = observed_next_address(observed, address))) {
		const struct link *link;

		if (!ip_address_equal(&address->prefix.address, wanted))
			continue;
		link = observed_link(observed, address->link);
		if (!link || !address_stays(outlook, link, address))
			continue;
		if (!found || (preferred && strcmp(link->name, preferred) == 0))
			found = link->name;
	}
	return found;
}
