#include "sessions.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <string.h>

#include "process_sockets.h"

#define LOOK_FRESH	(100 * USEC_PER_MSEC)
#define CALLER_SOCKETS	256
#define TCP_ESTABLISHED 1 /* include/net/tcp_states.h */

static const uint16_t management_ports[] = {22, 9090};

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

static uint64_t bytes_acknowledged(const struct nlmsghdr *message)
{
	const struct rtattr *attribute = (void *)((uint8_t *)NLMSG_DATA(message) +
						  NLMSG_ALIGN(sizeof(struct inet_diag_msg)));
	int left = (int)NLMSG_PAYLOAD(message, NLMSG_ALIGN(sizeof(struct inet_diag_msg)));
	struct tcp_info info = {0};

	for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left))
		if (attribute->rta_type == INET_DIAG_INFO)
			memcpy(&info, RTA_DATA(attribute),
			       MIN(sizeof(info), (size_t)RTA_PAYLOAD(attribute)));
	return info.tcpi_bytes_acked;
}

static struct session *session_of(struct sessions *sessions, const struct session *session)
{
	for (unsigned i = 0; i < sessions->count; i++)
		if (ip_address_equal(&sessions->list[i].local, &session->local) &&
		    ip_address_equal(&sessions->list[i].remote, &session->remote) &&
		    sessions->list[i].link == session->link)
			return &sessions->list[i];
	return NULL;
}

static void session_join(struct session *all, const struct session *one)
{
	all->acknowledged += one->acknowledged;
	all->most = MAX(all->most, one->most);
	for (unsigned i = 0; i < SESSION_SOCKETS; i++)
		if (!all->sockets[i]) {
			all->sockets[i] = one->sockets[0];
			return;
		}
}

/* Many strangers leave the place of somebody at work to him. */
static struct session *session_of_least(struct sessions *sessions)
{
	struct session *least = &sessions->list[0];

	for (unsigned i = 1; i < sessions->count; i++)
		if (sessions->list[i].most < least->most)
			least = &sessions->list[i];
	return least;
}

static void session_add(struct sessions *sessions, const struct session *session)
{
	struct session *same = session_of(sessions, session), *least;

	if (same)
		return session_join(same, session);
	if (sessions->count < SESSIONS_MAX) {
		sessions->list[sessions->count++] = *session;
		return;
	}
	least = session_of_least(sessions);
	if (least->most < session->most)
		*least = *session;
}

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
		.link = (int)diag->id.idiag_if,
		.port = ntohs(diag->id.idiag_sport),
		.acknowledged = bytes_acknowledged(message),
		.sockets = {diag->idiag_inode},
	};
	session.most = session.acknowledged;
	if (!ip_address_is_loopback(&session.remote))
		session_add(sessions, &session);
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
		.request = {.idiag_family = AF_UNSPEC,
			    .idiag_ext = 1 << (INET_DIAG_INFO - 1),
			    .idiag_states = 1 << TCP_ESTABLISHED},
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

int sessions_refresh(struct sessions *sessions, usec_t fresh)
{
	usec_t now = clock_boottime_usec();
	bool other = stated_refresh(sessions);
	int r;

	if (!other && sessions->read && now - sessions->read < fresh)
		return 0;
	r = sessions_read(sessions);
	sessions->read = r < 0 ? 0 : now;
	return r;
}

bool session_is_at_work(const struct session *session)
{
	return session->most >= SESSION_WORK_BYTES;
}

/* ---- whom to ask ---- */

/* The peers found, those that count most first. */
struct peers {
	const struct core *core;
	struct management_peer *list;
	unsigned count, most;
};

static bool peer_is_before(const struct management_peer *a, const struct management_peer *b)
{
	return a->standing != b->standing ? a->standing > b->standing
					  : a->acknowledged > b->acknowledged;
}

static bool is_same_peer(const struct management_peer *peer, const struct ip_address *address,
			 const char *link)
{
	return ip_address_equal(&peer->address, address) && strcmp(peer->link, link) == 0;
}

static void peer_add(struct peers *peers, const struct management_peer *peer)
{
	unsigned place = 0;

	for (unsigned i = 0; i < peers->count; i++)
		if (is_same_peer(&peers->list[i], &peer->address, peer->link)) {
			peers->list[i].acknowledged += peer->acknowledged;
			peers->list[i].standing = MAX(peers->list[i].standing, peer->standing);
			return;
		}
	while (place < peers->count && !peer_is_before(peer, &peers->list[place]))
		place++;
	if (place >= peers->most)
		return;
	peers->count = MIN(peers->count + 1, peers->most);
	memmove(&peers->list[place + 1], &peers->list[place],
		(peers->count - 1 - place) * sizeof(*peer));
	peers->list[place] = *peer;
}

static void peer_link(const struct core *core, const struct session *session, char ret[IFNAMSIZ])
{
	const struct link *link = observed_link(core_observed(core), session->link);

	ret[0] = '\0';
	if (link && ip_address_is_link_local(&session->remote) &&
	    session->remote.family == AF_INET6)
		text_copy(ret, IFNAMSIZ, link->name);
}

static bool holds_one_of(const struct session *session, const uint32_t *sockets, unsigned count)
{
	for (unsigned i = 0; i < SESSION_SOCKETS && session->sockets[i]; i++)
		for (unsigned j = 0; j < count; j++)
			if (session->sockets[i] == sockets[j])
				return true;
	return false;
}

/* Was anybody stated, and is this one of them? */
static bool is_stated(const struct sessions *sessions, const struct ip_address *address,
		      bool *ret_any)
{
	bool is = false;

	*ret_any = false;
	for (unsigned i = 0; i < sessions->stated_count; i++) {
		const struct ip_prefix *peer = &sessions->stated[i].peer;

		if (!ip_address_is_set(&peer->address))
			continue;
		*ret_any = true;
		is = is || ip_prefix_contains(peer, address);
	}
	return is;
}

static void add_stated(const struct sessions *sessions, struct peers *peers)
{
	for (unsigned i = 0; i < sessions->stated_count; i++) {
		const struct ip_prefix *stated = &sessions->stated[i].peer;
		const struct management_peer peer = {.address = stated->address,
						     .standing = PEER_STATED};

		if (ip_address_is_set(&stated->address) &&
		    stated->length == ip_family_bits(stated->address.family))
			peer_add(peers, &peer);
	}
}

static void add_session(const struct sessions *sessions, const struct session *session,
			bool of_caller, struct peers *peers)
{
	struct management_peer peer = {.address = session->remote,
				       .port = session->port,
				       .acknowledged = session->acknowledged};
	bool any, stated = is_stated(sessions, &session->remote, &any);

	if (of_caller)
		peer.standing = PEER_CALLER;
	else if (stated)
		peer.standing = PEER_STATED;
	else if (any)
		return;
	else
		peer.standing = session_is_at_work(session) ? PEER_AT_WORK : PEER_CONNECTED;
	peer_link(peers->core, session, peer.link);
	peer_add(peers, &peer);
}

unsigned sessions_peers(struct sessions *sessions, const struct core *core, pid_t caller,
			struct management_peer *ret, unsigned most)
{
	struct peers peers = {core, ret, 0, most};
	uint32_t sockets[CALLER_SOCKETS];
	unsigned count = 0;

	if (sessions_refresh(sessions, SESSIONS_FRESH) < 0)
		return 0;
	if (sessions->count)
		count = process_sockets(caller, sockets, CALLER_SOCKETS);
	add_stated(sessions, &peers);
	for (unsigned i = 0; i < sessions->count; i++)
		add_session(sessions, &sessions->list[i],
			    holds_one_of(&sessions->list[i], sockets, count), &peers);
	return peers.count;
}

void sessions_look_at_peers(struct sessions *sessions, struct management_peer *peers,
			    unsigned count)
{
	if (sessions_refresh(sessions, LOOK_FRESH) < 0)
		return;
	for (unsigned i = 0; i < count; i++) {
		uint64_t sum = 0;

		for (unsigned j = 0; j < sessions->count; j++)
			if (ip_address_equal(&sessions->list[j].remote, &peers[i].address))
				sum += sessions->list[j].acknowledged;
		peers[i].acknowledged = sum;
	}
}
