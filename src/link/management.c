#include "management.h"

#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "link.h"
#include "outlook.h"
#include "sessions.h"

static int refuse(const struct session *session, const char *what, struct error *error)
{
	char text[IP_ADDRESS_TEXT_MAX];
	int r = error_set(error, ERROR_GUARD_REFUSED, NULL,
			  "management.path: %s connected to port %u would lose %s",
			  ip_address_print(&session->remote, text), session->port, what);

	error_hint(error, "put another way to reach this host into the same change, or end the "
			  "session first");
	error_counterexample(error, "management.path", "");
	return r;
}

static int session_check(struct core *core, const struct plan *plan, const struct session *session,
			 struct error *error)
{
	char text[IP_ADDRESS_TEXT_MAX], what[128];
	const struct link *holder = outlook_address_holder(core, plan, &session->local);

	if (!holder) {
		snprintf(what, sizeof(what), "its address here, %s",
			 ip_address_print(&session->local, text));
		return refuse(session, what, error);
	}
	if (!outlook_link_works(core, plan, holder)) {
		snprintf(what, sizeof(what), "the link %s", holder->name);
		return refuse(session, what, error);
	}
	if (!outlook_reaches(core, plan, &session->remote) ||
	    (outlook_path_is_usable(core, NULL, &session->remote) &&
	     !outlook_path_is_usable(core, plan, &session->remote)))
		return refuse(session, "the route back", error);
	if (session->local.family == AF_INET6 && outlook_link_loses_ipv6(plan, holder)) {
		snprintf(what, sizeof(what), "IPv6 on %s, which needs an MTU of %d", holder->name,
			 IPV6_MTU_MIN);
		return refuse(session, what, error);
	}
	return 0;
}

/* A stated peer is on no connection that is known here: the way there is what counts. */
static int stated_check(struct core *core, const struct plan *plan, const struct ip_prefix *peer,
			struct error *error)
{
	char text[IP_PREFIX_TEXT_MAX];
	int r;

	if (!outlook_path_is_usable(core, NULL, &peer->address) ||
	    outlook_path_is_usable(core, plan, &peer->address))
		return 0;
	r = error_set(error, ERROR_GUARD_REFUSED, NULL,
		      "management.path: the stated peer %s would be out of reach",
		      ip_prefix_print(peer, text));
	error_hint(error, "put another route to it into the same change");
	error_counterexample(error, "management.path", "");
	return r;
}

/* What is added may hide what was there. */
static bool step_may_harm(const struct step *step)
{
	const struct link_spec *link = step->after;
	const struct route_spec *route = step->after ?: step->before;

	if (step->type == &device_type)
		return !step->after;
	if (step->type == &port_type)
		return step->after && !step->before;
	if (step->type == &route_type)
		return route->table == RT_TABLE_MAIN;
	if (step->type == &link_type && link)
		return (link->settings.fields & LINK_FIELD_UP && !link->settings.up) ||
		       (link->settings.fields & LINK_FIELD_MTU &&
			link->settings.mtu < IPV6_MTU_MIN);
	return step->type == &address_type;
}

/* Who is connected is asked only where it matters: the kernel walks a table of all connections. */
static bool may_harm(const struct plan *plan)
{
	const struct step *step = NULL;

	while ((step = plan_next_step(plan, step)))
		if (step_may_harm(step))
			return true;
	return false;
}

static int management_check(struct core *core, const struct plan *plan, void *userdata,
			    struct error *error)
{
	struct sessions *sessions = userdata;
	int r;

	if (!may_harm(plan))
		return 0;
	r = sessions_refresh(sessions, SESSIONS_FRESH);
	if (r < 0)
		return error_set(error, ERROR_GUARD_REFUSED, NULL,
				 "management.path: who is connected could not be read: %s",
				 strerror(-r));
	for (unsigned i = 0; i < sessions->count; i++) {
		r = session_check(core, plan, &sessions->list[i], error);
		if (r < 0)
			return r;
	}
	for (unsigned i = 0; i < sessions->stated_count; i++) {
		const struct ip_prefix *peer = &sessions->stated[i].peer;

		if (ip_address_is_set(&peer->address))
			r = stated_check(core, plan, peer, error);
		if (r < 0)
			return r;
	}
	return 0;
}

int management_guard_add(struct core *core, const struct link_manager_config *config,
			 struct sessions **ret)
{
	struct sessions *sessions = calloc(1, sizeof(*sessions));
	const struct guard_rail guard = {
		.name = "management.path",
		.summary =
			"Nobody who is connected to a management port loses the address, link or "
			"route that he is connected by",
		.check = management_check,
		.userdata = sessions,
	};
	int r = sessions ? core_add_guard_rail(core, &guard) : -ENOMEM;

	if (sessions)
		sessions->config = config;
	if (r < 0)
		free(sessions);
	else
		*ret = sessions;
	return r;
}
