/*
 * Whose a link is. Container engines, virtual machine monitors and other managers make links on the
 * same host; taking one of theirs breaks what it serves, so in doubt a link that somebody made is
 * theirs, and a link that was found is ours.
 */
#include <stdio.h>
#include <string.h>

#include "link.h"

/* Kinds that exist only because somebody made them. */
static const char *const made_by_somebody[_LINK_KIND_MAX] = {
	[LINK_BRIDGE] = "a bridge that somebody made",
	[LINK_TUN] = "a tun or tap device of another program",
	[LINK_BOND] = "a bond that somebody made",
	[LINK_VLAN] = "a VLAN that somebody made",
	[LINK_MACVLAN] = "a macvlan that somebody made",
	[LINK_VXLAN] = "a tunnel that somebody made",
	[LINK_DUMMY] = "a virtual device that somebody made",
	[LINK_WIREGUARD] = "a tunnel that somebody made",
	[LINK_VIRTUAL] = "a virtual device that somebody made",
};

/* How container engines name the host's end of a container's veth pair. The other end, inside, is a
 * container's eth0: seen from there it is the uplink, and nothing but the name tells the two apart.
 */
static const struct {
	const char *prefix;
	const char *why;
} engine_names[] = {
	{"veth", "a container's veth"},
	{"cali", "a Calico endpoint"},
	{"lxc", "a container of Cilium or LXC"},
	{"vnet", "a virtual machine's interface"},
	{"docker", "made by Docker"},
	{"podman", "made by Podman"},
	{"cni", "made by a CNI plugin"},
	{"ve-", "a container of systemd-nspawn"},
	{"vb-", "a container of systemd-nspawn"},
};

static const char *engine_name(const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(engine_names); i++)
		if (strncmp(name, engine_names[i].prefix, strlen(engine_names[i].prefix)) == 0)
			return engine_names[i].why;
	return NULL;
}

const struct resource *link_resource(const struct core *core, const char *type, const char *name)
{
	char id[IFNAMSIZ + 16];

	snprintf(id, sizeof(id), "%s/%s", type, name);
	return core_resource(core, id);
}

bool link_is_peer_of_ours(const struct core *core, const struct link *link)
{
	const struct link *peer = link->kind == LINK_VETH && link->lower_namespace < 0
					  ? observed_link(core_observed(core), link->lower)
					  : NULL;

	return peer && link_resource(core, "device", peer->name);
}

static bool named_by_intent(const struct core *core, const struct link *link)
{
	const struct resource *resource = link_resource(core, "link", link->name);

	if (resource && strcmp(resource->provenance.owner, LINK_BOOT_OWNER) != 0)
		return true;
	return link_resource(core, "device", link->name) ||
	       link_resource(core, "port", link->name) || link_is_peer_of_ours(core, link);
}

enum link_ownership link_ownership(const struct core *core, const struct link *link,
				   const char **ret_why)
{
	const char *ignored, **why = ret_why ?: &ignored;

	if (!spec_link_name_valid(link->name)) {
		*why = "of a name that cannot be written";
		return LINK_FOREIGN;
	}
	if (link->kind == LINK_LOOPBACK) {
		*why = "the loopback interface";
		return LINK_IGNORED;
	}
	if (named_by_intent(core, link)) {
		*why = "named by intent";
		return LINK_OURS;
	}
	if (link->master) {
		*why = "a port of another device";
		return LINK_FOREIGN;
	}
	*why = made_by_somebody[link->kind];
	if (!*why)
		*why = engine_name(link->name);
	if (*why)
		return LINK_FOREIGN;
	*why = "found on this host";
	return LINK_OURS;
}
