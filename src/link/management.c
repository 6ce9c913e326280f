#include "management.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#include "link.h"
#include "outlook.h"

#define SESSIONS_MAX 256

/* A connection that is younger than this is nobody's work yet: it takes longer to log in. */
#define SESSIONS_FRESH USEC_PER_SEC

static const uint16_t management_ports[] = {22, 9090};

/* A connection from outside to one of the management ports. */
struct session {
	struct ip_address local, remote;
	uint16_t port;
};

struct sessions {
	const struct link_manager_config *config; /* says what was stated */
	struct management_stated stated[MANAGEMENT_STATED_MAX];
	unsigned stated_count;
	struct session list[SESSIONS_MAX];
	unsigned count;
	usec_t read; /* boottime, 0 for never */
};

static bool is_management_port(const struct sessions *sessions, uint16_t port)
{
	for (unsigned i = 0; i < ARRAY_SIZE(management_ports); i++)
		if (management_ports[i] == port)
			return true;
	for (unsigned i = 0; i < sessions->stated_count; i++)
		if (sessions->stated[i].port == port)
			return port;
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
	    !is_management_port(sessions, ntohs(diag->id.idiag_sport)))
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

/* Asks what was stated; true when that is not what it was. */
static bool stated_refresh(struct sessions *sessions)
{
	struct management_stated before[MANAGEMENT_STATED_MAX];
	unsigned count = sessions->stated_count;

	if (!sessions->config->stated)
		return false;
	memcpy(before, sessions->stated, sizeof(before));
	memset(sessions->stated, 0, sizeof(sessions->stated));
	sessions->stated_count =
		sessions->config->stated(sessions->stated, sessions->config->userdata);
	return sessions->stated_count != count ||
	       memcmp(before, sessions->stated, sizeof(before)) != 0;
}

/* Reads who is connected, unless that was done within SESSIONS_FRESH. */
static int sessions_refresh(struct sessions *sessions)
{
	usec_t now = clock_boottime_usec();
	bool other = stated_refresh(sessions);
	int r;

	if (!other && sessions->read && now - sessions->read < SESSIONS_FRESH)
		return 0;
	r = sessions_read(sessions);
	sessions->read = r < 0 ? 0 : now;
	return r;
}

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
	for (unsigned i = 0; i < sessions->stated_count; i++) {
		const struct ip_prefix *peer = &sessions->stated[i].peer;

		if (ip_address_is_set(&peer->address))
			r = stated_check(core, plan, peer, error);
		if (r < 0)
			return r;
	}
	return 0;
}

static unsigned peer_add(struct ip_address *list, unsigned count, unsigned most,
			 const struct ip_address *address)
{
	for (unsigned i = 0; i < count; i++)
		if (ip_address_equal(&list[i], address))
			return count;
	if (count < most)
		list[count++] = *address;
	return count;
}

unsigned sessions_peers(struct sessions *sessions, struct ip_address *ret, unsigned most)
{
	unsigned count = 0;

	if (sessions_refresh(sessions) < 0)
		return 0;
	for (unsigned i = 0; i < sessions->stated_count; i++) {
		const struct ip_prefix *peer = &sessions->stated[i].peer;

		if (ip_address_is_set(&peer->address) &&
		    peer->length == ip_family_bits(peer->address.family))
			count = peer_add(ret, count, most, &peer->address);
	}
	for (unsigned i = 0; i < sessions->count; i++)
		count = peer_add(ret, count, most, &sessions->list[i].remote);
	return count;
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
