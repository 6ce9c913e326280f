#include "management.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#include "link.h"

#define SESSIONS_MAX 256

/* A connection that is younger than this is nobody's work yet: it takes longer to log in. */
#define SESSIONS_FRESH USEC_PER_SEC

#define IPV6_MTU_MIN   1280 /* RFC 8200 section 5 */
#define LINK_DEPTH_MAX 8    /* devices on devices */

static const uint16_t management_ports[] = {22, 9090};

/* A connection from outside to one of the management ports. */
struct session {
	struct ip_address local, remote;
	uint16_t port;
};

struct sessions {
	struct session list[SESSIONS_MAX];
	unsigned count;
	usec_t read; /* boottime, 0 for never */
};

static bool is_management_port(uint16_t port)
{
	for (unsigned i = 0; i < ARRAY_SIZE(management_ports); i++)
		if (management_ports[i] == port)
			return true;
	return false;
}

/* IPv4 in an IPv6 socket is IPv4. */
static struct ip_address diag_address(int family, const __be32 *words)
{
	struct ip_address address = ip_address_from_bytes(family, words);

	return family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&address.v6) ? ip_address_v4(words[3])
								       : address;
}

static bool session_is_known(const struct sessions *sessions, const struct session *session)
{
	for (unsigned i = 0; i < sessions->count; i++)
		if (ip_address_equal(&sessions->list[i].local, &session->local) &&
		    ip_address_equal(&sessions->list[i].remote, &session->remote))
			return true;
	return false;
}

/* Several connections between the same two addresses are one path: so a stranger who opens many
 * does not push others out. */
static int session_collect(const struct nlmsghdr *message, void *userdata)
{
	const struct inet_diag_msg *diag = NLMSG_DATA(message);
	struct sessions *sessions = userdata;
	struct session session;

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*diag)) ||
	    !is_management_port(ntohs(diag->id.idiag_sport)))
		return 0;
	session = (struct session){
		.local = diag_address(diag->idiag_family, diag->id.idiag_src),
		.remote = diag_address(diag->idiag_family, diag->id.idiag_dst),
		.port = ntohs(diag->id.idiag_sport),
	};
	if (!ip_address_is_loopback(&session.remote) && sessions->count < SESSIONS_MAX &&
	    !session_is_known(sessions, &session))
		sessions->list[sessions->count++] = session;
	return 0;
}

/*
 * Both address families in one walk: the kernel's table of connections has hundreds of thousands of
 * places, and a walk takes about a millisecond (1.3 ms measured) however few are taken. Only the
 * older request says "any family".
 */
static int sessions_read(struct sessions *ret)
{
	_cleanup_(netlink_socket_cleanup) struct netlink_socket *socket = NULL;
	struct {
		struct nlmsghdr header;
		struct inet_diag_req request;
	} query = {
		.header = {.nlmsg_len = sizeof(query),
			   .nlmsg_type = TCPDIAG_GETSOCK,
			   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.request = {.idiag_family = AF_UNSPEC, .idiag_states = 1 << TCP_ESTABLISHED},
	};
	int r = netlink_socket_new(&socket, NETLINK_SOCK_DIAG, USEC_PER_SEC);

	ret->count = 0;
	return r < 0 ? r : netlink_query(socket, &query.header, session_collect, ret);
}

/* Reads who is connected, unless that was done within SESSIONS_FRESH. */
static int sessions_refresh(struct sessions *sessions)
{
	usec_t now = clock_boottime_usec();
	int r;

	if (sessions->read && now - sessions->read < SESSIONS_FRESH)
		return 0;
	r = sessions_read(sessions);
	sessions->read = r < 0 ? 0 : now;
	return r;
}

/* ---- the network as it would be: what is observed, with the steps of the plan on top ---- */

static const struct step *step_for(const struct plan *plan, const struct resource_type *type,
				   const char *id)
{
	const struct step *step = NULL;

	while (plan && (step = plan_next_step(plan, step)))
		if (step->type == type && strcmp(step->id, id) == 0)
			return step;
	return NULL;
}

/* The step of the type whose key is the link's name. */
static const struct step *step_for_link(const struct plan *plan, const struct resource_type *type,
					const struct link *link)
{
	char id[RESOURCE_KEY_MAX + 16];

	snprintf(id, sizeof(id), "%s/%s", type->name, link->name);
	return step_for(plan, type, id);
}

/* Would it be there, and up? */
static bool link_would_stand(const struct plan *plan, const struct link *link)
{
	const struct step *device = step_for_link(plan, &device_type, link);
	const struct step *step = step_for_link(plan, &link_type, link);
	const struct link_spec *after = step ? step->after : NULL;

	if (device && !device->after)
		return false;
	if (after && after->settings.fields & LINK_FIELD_UP)
		return after->settings.up;
	return link->flags & IFF_UP;
}

/* What a port receives is its device's, no longer its own. */
static bool link_would_be_up(const struct plan *plan, const struct link *link)
{
	const struct step *port = step_for_link(plan, &port_type, link);

	return !(port && port->after && !port->before) && link_would_stand(plan, link);
}

/* Those that the link lies on, too. */
static bool link_would_work(struct core *core, const struct plan *plan, const struct link *link)
{
	unsigned depth = 0;

	if (!link_would_be_up(plan, link))
		return false;
	while (link && depth++ < LINK_DEPTH_MAX) {
		if (!link_would_stand(plan, link))
			return false;
		link = link->kind == LINK_VETH || link->lower_namespace >= 0
			       ? NULL
			       : observed_link(core_observed(core), link->lower);
	}
	return true;
}

/* The kernel takes IPv6 and its addresses off a link whose MTU is too small for it. */
static bool link_would_lose_ipv6(const struct plan *plan, const struct link *link)
{
	struct link_spec spec = {0};
	char id[RESOURCE_KEY_MAX + 16];
	const struct step *step;
	const struct link_spec *after;

	memcpy(spec.name, link->name, sizeof(spec.name));
	step = step_for(plan, &link_type, resource_id(&link_type, &spec, id));
	after = step ? step->after : NULL;
	return after && after->settings.fields & LINK_FIELD_MTU &&
	       after->settings.mtu < IPV6_MTU_MIN;
}

/* The link that would hold the address, or NULL. */
static const struct link *address_holder(struct core *core, const struct plan *plan,
					 const struct ip_address *wanted)
{
	const struct observed *observed = core_observed(core);
	const struct address *address = NULL;
	const struct step *step = NULL;

	while ((step = plan_next_step(plan, step))) {
		const struct address_spec *after = step->after;

		if (step->type == &address_type && after &&
		    ip_address_equal(&after->prefix.address, wanted))
			return observed_link_by_name(observed, after->link);
	}
	while ((address = observed_next_address(observed, address))) {
		const struct link *link = observed_link(observed, address->link);
		struct address_spec spec = {.prefix = address->prefix};
		char id[RESOURCE_KEY_MAX + 16];

		if (!link || !ip_address_equal(&address->prefix.address, wanted))
			continue;
		memcpy(spec.link, link->name, sizeof(spec.link));
		step = step_for(plan, &address_type, resource_id(&address_type, &spec, id));
		if (!step || step->after)
			return link;
	}
	return NULL;
}

/* Does the plan remove the route, or put another in its place? */
static bool route_would_go(struct core *core, const struct plan *plan, const struct route *route)
{
	const struct link *link = observed_link(core_observed(core), route->link);
	struct route_spec spec = {.destination = route->destination,
				  .table = route->table,
				  .metric = route->metric};
	char id[RESOURCE_KEY_MAX + 16];

	if (link && route->nexthops <= 1)
		memcpy(spec.link, link->name, sizeof(spec.link));
	if (step_for(plan, &route_type, resource_id(&route_type, &spec, id)))
		return true;
	/* A prefix route goes with the address that brought it. */
	return route->protocol == RTPROT_KERNEL && ip_address_is_set(&route->source) &&
	       !address_holder(core, plan, &route->source);
}

/* Would a route of a link that is up lead to the address? Kernel's prefix routes count through the
 * addresses that bring them. */
static bool would_reach(struct core *core, const struct plan *plan, const struct ip_address *remote)
{
	const struct observed *observed = core_observed(core);
	const struct route *route = NULL;
	const struct step *step = NULL;

	while ((step = plan_next_step(plan, step))) {
		const struct route_spec *route_after = step->after;
		const struct address_spec *address_after = step->after;

		if (step->after && step->type == &route_type && route_after->type == RTN_UNICAST &&
		    ip_prefix_contains(&route_after->destination, remote))
			return true;
		if (step->after && step->type == &address_type &&
		    ip_prefix_contains(&address_after->prefix, remote))
			return true;
	}
	while ((route = observed_next_route(observed, route))) {
		const struct link *link = observed_link(observed, route->link);

		if (route->type == RTN_UNICAST && ip_prefix_contains(&route->destination, remote) &&
		    link && link_would_be_up(plan, link) && !route_would_go(core, plan, route))
			return true;
	}
	return false;
}

/* ---- the way that the main table would choose ---- */

/* The best route so far: the longest prefix wins, then the lowest metric. */
struct path {
	bool found, usable;
	unsigned length;
	uint32_t metric;
};

/* What the kernel makes of metric 0 for IPv6: IP6_RT_PRIO_ADDRCONF, IP6_RT_PRIO_USER. */
static uint32_t metric_in_kernel(const struct ip_address *remote, uint32_t metric, bool prefix)
{
	if (metric || remote->family == AF_INET)
		return metric;
	return prefix ? 256 : 1024;
}

static void path_consider(struct path *path, unsigned length, uint32_t metric, bool usable)
{
	bool equal = path->found && length == path->length && metric == path->metric;

	if (path->found && !equal &&
	    (length < path->length || (length == path->length && metric > path->metric)))
		return;
	*path = (struct path){true, usable || (equal && path->usable), length, metric};
}

/* Does the kernel send by the link? 1; 0 when it would pass over the route; -ENOLINK when it would
 * choose it, and nothing would arrive. */
static int link_would_carry(const struct plan *plan, const struct link *link)
{
	if (!link || !link_would_be_up(plan, link))
		return 0;
	if (!(link->flags & IFF_UP) || link->carrier)
		return 1;
	return link->ignore_dead_routes ? 0 : -ENOLINK;
}

static void consider_step(const struct observed *observed, const struct plan *plan,
			  const struct step *step, const struct ip_address *remote,
			  struct path *path)
{
	const struct route_spec *route = step->after;
	const struct address_spec *address = step->after;
	int carries;

	if (step->after && step->type == &address_type &&
	    ip_prefix_contains(&address->prefix, remote)) {
		carries = link_would_carry(plan, observed_link_by_name(observed, address->link));
		/* His own address on this host: all that is sent to him stays here. */
		if (ip_address_equal(&address->prefix.address, remote))
			path_consider(path, ip_family_bits(remote->family) + 1, 0, false);
		else if (carries)
			path_consider(path, address->prefix.length,
				      metric_in_kernel(remote, address->metric, true), carries > 0);
	}
	if (step->after && step->type == &route_type && route->table == RT_TABLE_MAIN &&
	    ip_prefix_contains(&route->destination, remote)) {
		carries = route->type != RTN_UNICAST ? -ENOLINK
			  : route->nexthops_count
				  ? 1
				  : link_would_carry(plan,
						     observed_link_by_name(observed, route->link));
		if (carries)
			path_consider(path, route->destination.length,
				      metric_in_kernel(remote, route->metric, false), carries > 0);
	}
}

/* With `plan` as it would be, without as it is. */
static struct path path_to(struct core *core, const struct plan *plan,
			   const struct ip_address *remote)
{
	const struct observed *observed = core_observed(core);
	const struct route *route = NULL;
	const struct step *step = NULL;
	struct path path = {0};

	while (plan && (step = plan_next_step(plan, step)))
		consider_step(observed, plan, step, remote, &path);
	while ((route = observed_next_route(observed, route))) {
		int carries;

		if (route->table != RT_TABLE_MAIN ||
		    !ip_prefix_contains(&route->destination, remote) ||
		    (plan && route_would_go(core, plan, route)))
			continue;
		carries = route->type != RTN_UNICAST ? -ENOLINK
			  : route->nexthops > 1
				  ? 1
				  : link_would_carry(plan, observed_link(observed, route->link));
		if (carries)
			path_consider(&path, route->destination.length, route->metric, carries > 0);
	}
	return path;
}

static int refuse(const struct session *session, const char *what, struct error *error)
{
	char text[IP_ADDRESS_TEXT_MAX];
	int r = error_set(error, ERROR_GUARD_REFUSED, NULL,
			  "management.path: %s connected to port %u would lose %s",
			  ip_address_print(&session->remote, text), session->port, what);

	error_hint(error, "put another way to reach this host into the same change, or end the "
			  "session first");
	return r;
}

static int session_check(struct core *core, const struct plan *plan, const struct session *session,
			 struct error *error)
{
	char text[IP_ADDRESS_TEXT_MAX], what[128];
	const struct link *holder = address_holder(core, plan, &session->local);

	if (!holder) {
		snprintf(what, sizeof(what), "its address here, %s",
			 ip_address_print(&session->local, text));
		return refuse(session, what, error);
	}
	if (!link_would_work(core, plan, holder)) {
		snprintf(what, sizeof(what), "the link %s", holder->name);
		return refuse(session, what, error);
	}
	if (!would_reach(core, plan, &session->remote) ||
	    (path_to(core, NULL, &session->remote).usable &&
	     !path_to(core, plan, &session->remote).usable))
		return refuse(session, "the route back", error);
	if (session->local.family == AF_INET6 && link_would_lose_ipv6(plan, holder)) {
		snprintf(what, sizeof(what), "IPv6 on %s, which needs an MTU of %d", holder->name,
			 IPV6_MTU_MIN);
		return refuse(session, what, error);
	}
	return 0;
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
	r = sessions_refresh(sessions);
	if (r < 0)
		return error_set(error, ERROR_GUARD_REFUSED, NULL,
				 "management.path: who is connected could not be read: %s",
				 strerror(-r));
	for (unsigned i = 0; i < sessions->count; i++) {
		r = session_check(core, plan, &sessions->list[i], error);
		if (r < 0)
			return r;
	}
	return 0;
}

int management_guard_add(struct core *core, struct sessions **ret)
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

	if (r < 0)
		free(sessions);
	else
		*ret = sessions;
	return r;
}
