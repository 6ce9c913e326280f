#include "outlook.h"

#include <stdio.h>
#include <string.h>

#define LINK_DEPTH_MAX 8 /* devices on devices */

/* ---- steps ---- */

const struct step *outlook_next_step(const struct outlook *outlook, const struct step *cursor)
{
	if (!outlook->plan || (cursor && cursor == outlook->until))
		return NULL;
	return outlook->plugged ? plan_next_any_step(outlook->plan, cursor)
				: plan_next_step(outlook->plan, cursor);
}

const struct step *outlook_step(const struct outlook *outlook, const struct resource_type *type,
				const char *key)
{
	size_t length = strlen(type->name);
	const struct step *step = NULL;

	while ((step = outlook_next_step(outlook, step)))
		if (step->type == type && strcmp(step->id + length + 1, key) == 0)
			return step;
	return NULL;
}

static const struct link *link_now(const struct outlook *outlook, const char *name)
{
	return observed_link_by_name(core_observed(outlook->core), name);
}

static const struct link *link_below(const struct outlook *outlook, const struct link *link)
{
	return link->lower && link->lower_namespace < 0
		       ? observed_link(core_observed(outlook->core), link->lower)
		       : NULL;
}

/* ---- made and removed ---- */

static bool device_has(const struct device_spec *device, const char *name)
{
	return device && (strcmp(device->name, name) == 0 || strcmp(device->peer, name) == 0);
}

static bool is_removed(const struct outlook *outlook, const struct link *link, unsigned depth)
{
	const struct link *below = link->kind == LINK_VETH ? NULL : link_below(outlook, link);
	const struct step *step = NULL;

	while ((step = outlook_next_step(outlook, step)))
		if (step->type == &device_type && !step->after &&
		    device_has(step->before, link->name))
			return true;
	return below && depth < LINK_DEPTH_MAX && is_removed(outlook, below, depth + 1);
}

/* Does something wait for the link, which is to come by itself? */
static bool is_awaited(const struct outlook *outlook, const char *name)
{
	const struct step *step = NULL;

	if (!outlook->plan || !outlook->plugged)
		return false;
	while ((step = plan_next_waiting(outlook->plan, step))) {
		const char *names[RESOURCE_LINKS_MAX];
		unsigned count = step->type->needs ? step->type->needs(step->after, names) : 0;

		for (unsigned i = 0; i < count; i++)
			if (strcmp(names[i], name) == 0)
				return true;
	}
	return false;
}

/* The device that the plan makes and that is, or brings, the link; NULL where there is none. */
static const struct device_spec *device_made(const struct outlook *outlook, const char *name)
{
	const struct step *step = NULL;

	while ((step = outlook_next_step(outlook, step)))
		if (step->type == &device_type && !step->before && device_has(step->after, name))
			return step->after;
	return NULL;
}

bool outlook_link_is_there(const struct outlook *outlook, const char *name)
{
	const struct link *link = link_now(outlook, name);

	return (link && !is_removed(outlook, link, 0)) || device_made(outlook, name) ||
	       is_awaited(outlook, name);
}

static const char *controller(const struct outlook *outlook, const char *name)
{
	const struct step *step = outlook_step(outlook, &port_type, name);
	const struct link *link = link_now(outlook, name), *master;

	if (step)
		return step->after ? ((const struct port_spec *)step->after)->controller : "";
	master = link && link->master ? observed_link(core_observed(outlook->core), link->master)
				      : NULL;
	return master && !is_removed(outlook, master, 0) ? master->name : "";
}

bool outlook_link_is_up(const struct outlook *outlook, const char *name)
{
	const struct step *step = outlook_step(outlook, &link_type, name);
	const struct link_spec *after = step ? step->after : NULL;
	const struct link *link = link_now(outlook, name);

	if (!outlook_link_is_there(outlook, name))
		return false;
	if (is_awaited(outlook, name))
		return true;
	if (after && after->settings.fields & LINK_FIELD_UP)
		return after->settings.up;
	return link && link->flags & IFF_UP;
}

/* ---- what it is ---- */

enum nature {
	NATURE_CABLE,	   /* the kernel tells whether something is plugged in */
	NATURE_CONTROLLER, /* carries what one of its ports carries */
	NATURE_PAIR,	   /* carries where the other end is up */
	NATURE_UPON,	   /* carries what the link below does */
	NATURE_INNER,	   /* loopback, dummy */
};

struct body {
	enum nature nature;
	const char *other; /* end of the pair, or link below */
};

static struct body body_of_made(const struct device_spec *device, const char *name)
{
	bool is_peer = strcmp(device->peer, name) == 0;

	if (strcmp(device->kind, "bridge") == 0 || strcmp(device->kind, "bond") == 0)
		return (struct body){NATURE_CONTROLLER, ""};
	if (device->peer[0])
		return (struct body){NATURE_PAIR, is_peer ? device->name : device->peer};
	if (device->parent[0])
		return (struct body){NATURE_UPON, device->parent};
	return (struct body){NATURE_INNER, ""};
}

static struct body body_of(const struct outlook *outlook, const char *name)
{
	const struct link *link = link_now(outlook, name), *below;

	if (!link && !device_made(outlook, name))
		return (struct body){NATURE_CABLE, ""};
	if (!link)
		return body_of_made(device_made(outlook, name), name);
	below = link_below(outlook, link);
	switch (link->kind) {
	case LINK_BRIDGE:
	case LINK_BOND:
		return (struct body){NATURE_CONTROLLER, ""};
	case LINK_LOOPBACK:
	case LINK_DUMMY:
		return (struct body){NATURE_INNER, ""};
	default:
		if (below)
			return (struct body){link->kind == LINK_VETH ? NATURE_PAIR : NATURE_UPON,
					     below->name};
		return (struct body){NATURE_CABLE, ""};
	}
}

bool outlook_link_is_inner(const struct outlook *outlook, const char *name)
{
	return outlook_link_is_there(outlook, name) &&
	       body_of(outlook, name).nature == NATURE_INNER;
}

/* ---- what it carries ---- */

static enum hop_state worse(enum hop_state a, enum hop_state b)
{
	return MAX(a, b);
}

static enum hop_state frames(const struct outlook *outlook, const char *name, unsigned depth);

/* A port that carries takes part, as far as it is no other device's. */
static bool port_carries(const struct outlook *outlook, const char *port, const char *device,
			 unsigned depth)
{
	return strcmp(controller(outlook, port), device) == 0 &&
	       frames(outlook, port, depth + 1) <= HOP_DOUBTFUL;
}

/* Behind which of its ports somebody is, only the bridge knows: one that is lost, or that carries
 * other VLANs, leaves it in doubt. Of a bond one is as good as the other. */
static enum hop_state ports_carry(const struct outlook *outlook, const char *device, unsigned depth)
{
	const struct observed *observed = core_observed(outlook->core);
	const struct link *own = link_now(outlook, device), *link = NULL;
	const struct step *step = NULL;
	bool any = false, doubt = false;

	while (own && (link = observed_next_link(observed, link))) {
		bool carries;

		if (link->master != own->index)
			continue;
		carries = port_carries(outlook, link->name, device, depth);
		any |= carries;
		doubt |= link->carrier && !carries;
	}
	while ((step = outlook_next_step(outlook, step))) {
		const struct port_spec *port = step->type == &port_type ? step->after : NULL;

		if (!port || strcmp(port->controller, device) != 0)
			continue;
		any |= port_carries(outlook, port->link, device, depth);
		doubt |= step->before != NULL;
	}
	if (!any)
		return HOP_DEAD;
	return doubt && !(own && own->kind == LINK_BOND) ? HOP_DOUBTFUL : HOP_CARRIES;
}

static enum hop_state cable_carries(const struct outlook *outlook, const struct link *link)
{
	if (!link || link->carrier || outlook->plugged)
		return HOP_CARRIES;
	/* What is set up now has told nothing yet. */
	return link->flags & IFF_UP ? HOP_DEAD : HOP_DOUBTFUL;
}

/* Another MAC address is known to nobody yet, and perhaps allowed by nobody; other options of a
 * device (VLAN, STP, the far end of a tunnel) lead elsewhere. */
static bool is_changed(const struct outlook *outlook, const char *name)
{
	const struct step *device = outlook_step(outlook, &device_type, name);
	const struct step *step = outlook_step(outlook, &link_type, name);
	const struct link_spec *after = step ? step->after : NULL;
	const struct link *link = link_now(outlook, name);

	if (device && device->before && device->after)
		return true;
	return link && after && after->settings.fields & LINK_FIELD_MAC &&
	       !hardware_address_equal(&after->settings.mac, &link->mac);
}

/* What becomes of frames there, whatever has the link as its port. */
static enum hop_state frames(const struct outlook *outlook, const char *name, unsigned depth)
{
	enum hop_state state = HOP_CARRIES;
	struct body body;

	if (depth > LINK_DEPTH_MAX || !outlook_link_is_up(outlook, name))
		return HOP_PASSED_OVER;
	body = body_of(outlook, name);
	switch (body.nature) {
	case NATURE_CABLE:
		state = cable_carries(outlook, link_now(outlook, name));
		break;
	case NATURE_CONTROLLER:
		state = ports_carry(outlook, name, depth);
		break;
	case NATURE_PAIR:
		state = outlook_link_is_up(outlook, body.other) ? HOP_CARRIES : HOP_DEAD;
		break;
	case NATURE_UPON:
		state = MIN(frames(outlook, body.other, depth + 1), HOP_DEAD);
		break;
	case NATURE_INNER:
		break;
	}
	return is_changed(outlook, name) ? worse(state, HOP_DOUBTFUL) : state;
}

/* What a port receives is its device's, no longer its own; and a macvlan in the mode passthru takes
 * all that its link receives. */
static bool is_taken(const struct outlook *outlook, const char *name)
{
	const struct link *link = link_now(outlook, name);
	const struct step *step = outlook_step(outlook, &port_type, name);

	if (step && step->after && !(link && link->master))
		return true;
	step = NULL;
	while ((step = outlook_next_step(outlook, step))) {
		const struct device_spec *device = step->type == &device_type ? step->after : NULL;

		if (device && strcmp(device->parent, name) == 0 &&
		    strcmp(device->kind, "macvlan") == 0 &&
		    device->options.macvlan.mode == MACVLAN_MODE_PASSTHRU)
			return true;
	}
	return false;
}

static bool ignores_dead_routes(const struct outlook *outlook, const char *name)
{
	const struct step *step = outlook_step(outlook, &link_type, name);
	const struct link_spec *after = step ? step->after : NULL;
	const struct link *link = link_now(outlook, name);

	if (after && after->settings.fields & LINK_FIELD_IGNORE_DEAD_ROUTES)
		return after->settings.ignore_dead_routes;
	return link && link->ignore_dead_routes;
}

enum hop_state outlook_link_state(const struct outlook *outlook, const char *name)
{
	enum hop_state state = frames(outlook, name, 0);

	if (state == HOP_DEAD)
		return ignores_dead_routes(outlook, name) ? HOP_PASSED_OVER : HOP_DEAD;
	return state <= HOP_DOUBTFUL && is_taken(outlook, name) ? HOP_DEAD : state;
}

/* ---- before and after ---- */

/* Was the link the only port of the device that carried anything? */
static bool is_only_port(const struct outlook *outlook, const char *device, const char *name)
{
	const struct observed *observed = core_observed(outlook->core);
	const struct link *own = link_now(outlook, device), *link = NULL;

	while (own && (link = observed_next_link(observed, link)))
		if (link->master == own->index && link->carrier && strcmp(link->name, name) != 0)
			return false;
	return strcmp(controller(outlook, name), device) == 0;
}

bool outlook_same_wire(const struct outlook *before, const struct outlook *after,
		       const char *link_before, const char *link_after)
{
	return strcmp(link_before, link_after) == 0 ||
	       strcmp(controller(after, link_before), link_after) == 0 ||
	       is_only_port(before, link_before, link_after);
}
