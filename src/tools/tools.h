/*
 * tools: the face of the daemon.
 *
 * Whoever wants something of it (a person's command line, an agent, a plugin) is a client of one
 * Unix socket that speaks the Model Context Protocol, and everything it can do is a tool described
 * in a table. This room holds the tables, validates what comes in, knows who asks (by the kernel's
 * word, not the caller's) and what his role may do, runs the tools, and writes down each call where
 * it cannot be changed afterwards.
 *
 *     descriptor.h   how a tool is described, and how to write one
 *     fields.h       tables of fields: JSON Schema and validation
 *     mcp.h          the protocol on one connection, a pure object
 *     dispatch.h     from a name and arguments to an answer: roles, limits, audit
 *     server.h       the socket and its connections
 *     audit.h        the record of calls, chained and anchored
 *
 * Roles. The kernel tells the peer's uid when it connects: uid 0 is an administrator, the
 * configured users are agents, all others observe. The socket is open to everybody on the host,
 * because reading the network's state needs no privilege on Linux either.
 */
#pragma once

#include "core/core.h"
#include "descriptor.h"

struct tools_server;

struct tools_server_config {
	const char *socket_path;
	const uid_t *agent_uids; /* besides root */
	size_t agent_uids_count;
	const gid_t *agent_gids; /* whoever has one of these as his primary group */
	size_t agent_gids_count;
	const char *state_directory; /* keeps the audit record; NULL: no record is kept */
};

/*
 * Opens the socket and the audit record; serves on the core's event loop from then on. The services
 * are copied, what they point at is borrowed and outlives the server. Errors: daemon.running when a
 * living daemon holds the socket; audit and socket errors as store.failed. A broken audit record is
 * set aside, said by an event, and a new one begun.
 */
int tools_server_new(struct tools_server **ret, struct core *core,
		     const struct tools_server_config *config, const struct tool_services *services,
		     struct error *error);

/* Ends subscriptions, cancels calls, closes and removes the socket. */
void tools_server_free(struct tools_server *server);
DEFINE_CLEANUP(struct tools_server *, tools_server_cleanup, tools_server_free)
