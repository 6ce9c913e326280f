/*
 * The socket, and the connections on it.
 *
 * Connections share one loop, so each is bounded in all it can take: bytes and frames a turn (then
 * the others come), what waits to be sent (then it is not read from), how long it may refuse to
 * read what waits (then it is closed), and how many there are.
 *
 *  - CONNECTIONS_MAX in all, CONNECTIONS_PER_UID_MAX of one user; root counts only against the
 * first. A new connection beyond takes the place of the one that has been idle the longest: of the
 * same user where his own number is exceeded, else of any user who is not an administrator. Idle is
 *    who has no call under way and no subscription. Where nobody is idle, the newcomer is closed.
 *  - When file descriptors run out, the newcomer is accepted on a spare one and closed at once, so
 *    that the loop does not spin on a connection that cannot be taken.
 */
#pragma once

#include "dispatch.h"

#define CONNECTIONS_MAX		512
#define CONNECTIONS_PER_UID_MAX 128
#define CONNECTION_STALL_MAX	(30 * USEC_PER_SEC) /* unsent bytes without progress */

struct server;

struct server_config {
	const char *socket_path;
	const uid_t *agent_uids;
	size_t agent_uids_count;
	const gid_t *agent_gids;
	size_t agent_gids_count;
};

/* All pointers but those of `config` are borrowed; the lists of `config` are copied. */
int server_new(struct server **ret, sd_event *event, const struct server_config *config,
	       struct dispatcher *dispatcher, const struct mcp_backend *backend,
	       struct error *error);
void server_free(struct server *server);
DEFINE_CLEANUP(struct server *, server_cleanup, server_free)

/* A resource of the backend's table changed. Subscribers are told at once, and then at most every
 * 100 ms. */
void server_resource_changed(struct server *server, size_t index);

size_t server_connections(const struct server *server);

/* The dispatcher's side of the backend: `userdata` is the connection. */
int server_call(void *userdata, struct mcp_call *call, const char *tool, json_t *arguments,
		struct error *error);
void server_cancel(void *userdata, struct mcp_call *call);
