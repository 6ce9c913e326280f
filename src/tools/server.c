#include "server.h"

#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "listener.h"

#define READ_SIZE	 65536
#define FRAMES_PER_TURN	 32
#define ACCEPTS_PER_TURN 16
#define CHANGES_INTERVAL (100 * USEC_PER_MSEC)

struct connection {
	struct server *server;
	int fd;
	struct mcp *mcp;
	struct caller caller;
	sd_event_source *io;
	sd_event_source *again; /* more frames of what was received wait for their turn */
	sd_event_source *stall; /* bytes wait to be sent */
	usec_t active;		/* boottime of the last byte */
	bool spoke;		/* there was one */
	bool input_ended;
	bool in_turn; /* its handler runs: answers are sent at the end of it */
	struct connection *next, *previous;
};

struct server {
	sd_event *event;
	struct dispatcher *dispatcher;
	const struct mcp_backend *backend;
	char *socket_path;
	uid_t *agent_uids;
	size_t agent_uids_count;
	gid_t *agent_gids;
	size_t agent_gids_count;
	int fd, spare_fd;
	sd_event_source *io;
	sd_event_source *changes_timer;
	uint32_t changed;
	struct connection *connections; /* the newest first */
	size_t connections_count;
};

/* ---- connections ---- */

static void connection_free(struct connection *connection)
{
	struct server *server = connection->server;

	if (connection->previous)
		connection->previous->next = connection->next;
	else
		server->connections = connection->next;
	if (connection->next)
		connection->next->previous = connection->previous;
	server->connections_count--;

	if (connection->mcp)
		mcp_free(connection->mcp);
	sd_event_source_disable_unref(connection->io);
	sd_event_source_disable_unref(connection->again);
	sd_event_source_disable_unref(connection->stall);
	close(connection->fd);
	free(connection);
}

static int on_stall(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct connection *connection = userdata;

	log_info("tools: a client of uid %u does not read; closed", connection->caller.uid);
	connection_free(connection);
	return 0;
}

/* Sends what it can. 1 when some waits, 0 when all is sent, or a negative errno. */
static int connection_send(struct connection *connection)
{
	size_t length;
	const char *output = mcp_output(connection->mcp, &length);
	bool progress = false;

	while (length > 0) {
		ssize_t n = send(connection->fd, output, length, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			return -errno;
		progress = true;
		mcp_output_sent(connection->mcp, (size_t)n);
		output = mcp_output(connection->mcp, &length);
	}
	if (length == 0)
		return sd_event_source_set_enabled(connection->stall, SD_EVENT_OFF);
	if (progress || sd_event_source_get_enabled(connection->stall, NULL) == 0) {
		int r = sd_event_source_set_time_relative(connection->stall, CONNECTION_STALL_MAX);

		if (r < 0)
			return r;
	}
	return sd_event_source_set_enabled(connection->stall, SD_EVENT_ONESHOT) < 0 ? -EIO : 1;
}

/* Processes frames and sends answers; says to the loop what it waits for now. Returns 0, or a
 * negative errno when the connection is to be closed. */
static int connection_turn(struct connection *connection)
{
	struct mcp *mcp = connection->mcp;
	bool more, listens;
	size_t length;
	int waiting, r;

	connection->in_turn = true;
	mcp_process(mcp, FRAMES_PER_TURN);
	connection->in_turn = false;
	waiting = connection_send(connection);
	if (waiting < 0)
		return waiting;
	more = mcp_wants_turn(mcp);
	if (!waiting &&
	    (mcp_is_closing(mcp) || (connection->input_ended && !more && mcp_calls(mcp) == 0)))
		return -EPIPE;
	r = sd_event_source_set_enabled(connection->again, more ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
	if (r < 0)
		return r;
	(void)mcp_output(mcp, &length);
	listens = !connection->input_ended && !more && length <= MCP_OUTPUT_HIGH &&
		  !mcp_is_closing(mcp);
	return sd_event_source_set_io_events(connection->io,
					     (waiting ? EPOLLOUT : 0) | (listens ? EPOLLIN : 0));
}

static void connection_continue(struct connection *connection)
{
	if (connection_turn(connection) < 0)
		connection_free(connection);
}

/* 0, or a negative errno when the connection is of no more use. */
static int connection_read(struct connection *connection)
{
	char bytes[READ_SIZE];
	ssize_t n = recv(connection->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0) {
		connection->input_ended = true;
		return 0;
	}
	connection->active = clock_boottime_usec();
	connection->spoke = true;
	return mcp_receive(connection->mcp, bytes, (size_t)n);
}

static int on_connection(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct connection *connection = userdata;

	/* Both directions are gone: nobody is there to read an answer. */
	if (events & (EPOLLHUP | EPOLLERR)) {
		connection_free(connection);
		return 0;
	}
	if (events & EPOLLIN && connection_read(connection) < 0) {
		connection_free(connection);
		return 0;
	}
	connection_continue(connection);
	return 0;
}

static int on_again(sd_event_source *source, void *userdata)
{
	connection_continue(userdata);
	return 0;
}

/* ---- the backend's calls ---- */

static void on_finished(void *userdata, const struct mcp_result *result)
{
	struct mcp_call *call = userdata;
	struct mcp *mcp = mcp_call_connection(call);
	struct connection *connection = mcp_userdata(mcp);

	mcp_call_finish(call, result);
	/* Later answers are sent from a turn of their own, since this may be called from anywhere.
	 */
	if (!connection->in_turn &&
	    sd_event_source_set_enabled(connection->again, SD_EVENT_ONESHOT) < 0)
		log_error("tools: an answer cannot be scheduled");
}

static void on_progress(void *userdata, double progress, double total, const char *message)
{
	struct mcp_call *call = userdata;
	struct connection *connection = mcp_userdata(mcp_call_connection(call));

	mcp_call_progress(call, progress, total, message);
	if (!connection->in_turn &&
	    sd_event_source_set_enabled(connection->again, SD_EVENT_ONESHOT) < 0)
		log_error("tools: progress cannot be scheduled");
}

int server_call(void *userdata, struct mcp_call *call, const char *tool, json_t *arguments,
		struct error *error)
{
	struct connection *connection = userdata;
	const struct dispatch_client client = {
		.finish = on_finished,
		.progress = on_progress,
		.userdata = call,
		.name = mcp_client_name(connection->mcp),
	};
	struct tool_call *work;
	int r = dispatcher_call(connection->server->dispatcher, &connection->caller, &client, tool,
				arguments, &work, error);

	if (r == 0 && work)
		mcp_call_set_work(call, work);
	return r;
}

void server_cancel(void *userdata, struct mcp_call *call)
{
	dispatcher_cancel(mcp_call_work(call));
}

/* ---- accepting ---- */

static bool is_listed(const unsigned *list, size_t count, unsigned id)
{
	for (size_t i = 0; i < count; i++)
		if (list[i] == id)
			return true;
	return false;
}

static int find_caller(const struct server *server, int fd, struct caller *ret)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
		return -errno;
	*ret = (struct caller){.uid = peer.uid, .gid = peer.gid, .pid = peer.pid};
	if (peer.uid == 0)
		ret->role = ROLE_ADMIN;
	else if (is_listed(server->agent_uids, server->agent_uids_count, peer.uid) ||
		 is_listed(server->agent_gids, server->agent_gids_count, peer.gid))
		ret->role = ROLE_AGENT;
	else
		ret->role = ROLE_OBSERVER;
	return 0;
}

static bool may_be_evicted(const struct connection *connection, const struct caller *newcomer,
			   bool own)
{
	if (!mcp_is_idle(connection->mcp))
		return false;
	return own ? connection->caller.uid == newcomer->uid
		   : connection->caller.role != ROLE_ADMIN || newcomer->role == ROLE_ADMIN;
}

/* Who never said anything is given up before who did. */
static bool is_idler(const struct connection *a, const struct connection *b)
{
	return a->spoke != b->spoke ? !a->spoke : a->active <= b->active;
}

/* 0 when there is room for one more connection of this caller, made or found. */
static int make_room(struct server *server, const struct caller *newcomer)
{
	struct connection *idlest = NULL;
	size_t own_count = 0;
	bool own;

	for (struct connection *c = server->connections; c; c = c->next)
		own_count += c->caller.uid == newcomer->uid;
	own = newcomer->role != ROLE_ADMIN && own_count >= CONNECTIONS_PER_UID_MAX;
	if (!own && server->connections_count < CONNECTIONS_MAX)
		return 0;
	for (struct connection *c = server->connections; c; c = c->next)
		if (may_be_evicted(c, newcomer, own) && (!idlest || is_idler(c, idlest)))
			idlest = c;
	if (!idlest)
		return -EBUSY;
	connection_free(idlest);
	return 0;
}

static int connection_watch(struct connection *connection)
{
	sd_event *event = connection->server->event;
	int r = sd_event_add_io(event, &connection->io, connection->fd, EPOLLIN, on_connection,
				connection);

	if (r >= 0)
		r = sd_event_add_defer(event, &connection->again, on_again, connection);
	if (r >= 0)
		r = sd_event_source_set_enabled(connection->again, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_add_time_relative(event, &connection->stall, CLOCK_MONOTONIC,
					       CONNECTION_STALL_MAX, USEC_PER_SEC, on_stall,
					       connection);
	if (r >= 0)
		r = sd_event_source_set_enabled(connection->stall, SD_EVENT_OFF);
	return r;
}

/* Takes `fd`, also on failure. */
static int connection_new(struct server *server, int fd)
{
	struct connection *connection;
	struct caller caller;
	int r = find_caller(server, fd, &caller);

	if (r == 0)
		r = make_room(server, &caller);
	connection = r == 0 ? calloc(1, sizeof(*connection)) : NULL;
	if (!connection) {
		close(fd);
		return r ?: -ENOMEM;
	}
	*connection = (struct connection){
		.server = server,
		.fd = fd,
		.caller = caller,
		.active = clock_boottime_usec(),
		.next = server->connections,
	};
	if (server->connections)
		server->connections->previous = connection;
	server->connections = connection;
	server->connections_count++;

	r = mcp_new(&connection->mcp, server->backend, connection);
	if (r >= 0)
		r = connection_watch(connection);
	if (r < 0)
		connection_free(connection);
	return r;
}

/* No descriptor is left: gives up the spare one to take the newcomer off the queue. */
static void refuse_newcomer(struct server *server)
{
	log_warning("tools: no file descriptor is left; a client was refused");
	if (server->spare_fd >= 0)
		close(server->spare_fd);
	server->spare_fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC);
	if (server->spare_fd >= 0)
		close(server->spare_fd);
	server->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static int on_accept(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct server *server = userdata;

	for (unsigned i = 0; i < ACCEPTS_PER_TURN; i++) {
		int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		int r;

		if (peer < 0 && (errno == EMFILE || errno == ENFILE))
			refuse_newcomer(server);
		if (peer < 0)
			return 0;
		r = connection_new(server, peer);
		if (r < 0)
			log_info("tools: a client was refused: %s", strerror(-r));
	}
	return 0;
}

/* ---- changed resources ---- */

static void tell_changes(struct server *server)
{
	for (struct connection *c = server->connections; c; c = c->next) {
		for (uint32_t bits = server->changed; bits; bits &= bits - 1)
			mcp_resource_changed(c->mcp, (size_t)__builtin_ctz(bits));
		if (sd_event_source_set_enabled(c->again, SD_EVENT_ONESHOT) < 0)
			log_error("tools: a notification cannot be scheduled");
	}
	server->changed = 0;
}

static int on_changes(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct server *server = userdata;

	if (!server->changed)
		return 0;
	tell_changes(server);
	if (sd_event_source_set_time_relative(source, CHANGES_INTERVAL) < 0)
		return 0;
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

void server_resource_changed(struct server *server, size_t index)
{
	int enabled = sd_event_source_get_enabled(server->changes_timer, NULL);

	server->changed |= UINT32_C(1) << index;
	if (enabled != 0)
		return;
	/* The first one is told at once; the timer's next firing tells what came meanwhile. */
	if (sd_event_source_set_time_relative(server->changes_timer, 0) < 0 ||
	    sd_event_source_set_enabled(server->changes_timer, SD_EVENT_ONESHOT) < 0)
		log_error("tools: changes cannot be scheduled");
}

/* ---- the server ---- */

static int copy_list(unsigned **ret, const unsigned *list, size_t count)
{
	*ret = calloc(MAX(count, (size_t)1), sizeof(*list));
	if (!*ret)
		return -ENOMEM;
	if (count > 0)
		memcpy(*ret, list, count * sizeof(*list));
	return 0;
}

static int server_configure(struct server *server, const struct server_config *config)
{
	server->agent_uids_count = config->agent_uids_count;
	server->agent_gids_count = config->agent_gids_count;
	server->socket_path = strdup(config->socket_path);
	if (!server->socket_path ||
	    copy_list(&server->agent_uids, config->agent_uids, config->agent_uids_count) < 0 ||
	    copy_list(&server->agent_gids, config->agent_gids, config->agent_gids_count) < 0)
		return -ENOMEM;
	return 0;
}

static int server_watch(struct server *server)
{
	int r = sd_event_add_io(server->event, &server->io, server->fd, EPOLLIN, on_accept, server);

	if (r >= 0)
		r = sd_event_add_time_relative(server->event, &server->changes_timer,
					       CLOCK_MONOTONIC, 0, USEC_PER_MSEC, on_changes,
					       server);
	if (r >= 0)
		r = sd_event_source_set_enabled(server->changes_timer, SD_EVENT_OFF);
	return r;
}

int server_new(struct server **ret, sd_event *event, const struct server_config *config,
	       struct dispatcher *dispatcher, const struct mcp_backend *backend,
	       struct error *error)
{
	_cleanup_(server_cleanup) struct server *server = calloc(1, sizeof(*server));
	int r;

	if (!server)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "Memory is exhausted");
	server->event = sd_event_ref(event);
	server->dispatcher = dispatcher;
	server->backend = backend;
	server->fd = -1;
	server->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	r = server_configure(server, config);
	if (r < 0)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "Memory is exhausted");
	server->fd = listener_open(config->socket_path, error);
	if (server->fd < 0)
		return server->fd;
	r = server_watch(server);
	if (r < 0)
		return error_set(error, ERROR_INTERNAL, NULL, "Cannot watch the socket: %s",
				 strerror(-r));
	*ret = TAKE_PTR(server);
	return 0;
}

void server_free(struct server *server)
{
	while (server->connections) {
		mcp_stop(server->connections->mcp);
		(void)connection_send(server->connections);
		connection_free(server->connections);
	}
	sd_event_source_disable_unref(server->io);
	sd_event_source_disable_unref(server->changes_timer);
	if (server->fd >= 0) {
		unlink(server->socket_path);
		close(server->fd);
	}
	if (server->spare_fd >= 0)
		close(server->spare_fd);
	sd_event_unref(server->event);
	free(server->socket_path);
	free(server->agent_uids);
	free(server->agent_gids);
	free(server);
}

size_t server_connections(const struct server *server)
{
	return server->connections_count;
}
