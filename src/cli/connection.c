#include "connection.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define FRAME_MAX ((size_t)256 << 20) /* bytes; a daemon that sends more is out of order */
#define READ_SIZE ((size_t)64 << 10)

static int unreachable(struct error *error, const char *path, int errnum)
{
	int r = error_set(error, ERROR_DAEMON_UNREACHABLE, NULL,
			  "cannot reach the daemon at %s: %s", path, strerror(errnum));

	if (errnum == EACCES || errnum == EPERM)
		error_hint(error, "uid %u may not use this socket; run as root or join its group",
			   (unsigned)getuid());
	else
		error_hint(error, "is aiosnetd running? another socket is chosen with --socket or "
				  "AIOSNET_SOCKET");
	return r;
}

static int gone(const struct connection *connection, struct error *error)
{
	int r = error_set(error, ERROR_DAEMON_UNREACHABLE, NULL,
			  "the daemon at %s closed the connection", connection->path);

	error_hint(error, "it may have been stopped or restarted; its log says why");
	return r;
}

int connection_late(const struct connection *connection, struct error *error)
{
	int r = error_set(error, ERROR_TIMEOUT, NULL, "the daemon at %s did not answer within %g s",
			  connection->path, (double)connection->timeout / USEC_PER_SEC);

	error_hint(error, "a longer limit is given with --timeout SECONDS");
	return r;
}

int connection_open_socket(const char *path, struct error *error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_(cleanup_close) int fd = -1;

	if (strlen(path) >= sizeof(address.sun_path))
		return unreachable(error, path, ENAMETOOLONG);
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return unreachable(error, path, errno);
	return TAKE_FD(fd);
}

int connection_open(struct connection *connection, const char *path, usec_t timeout,
		    struct error *error)
{
	*connection = (struct connection){.timeout = timeout};
	connection->socket = connection_open_socket(path, error);
	if (connection->socket < 0)
		return connection->socket;
	strcpy(connection->path, path);
	return 0;
}

void connection_close(struct connection *connection)
{
	cleanup_close(&connection->socket);
	free(connection->buffer);
}

/* Waits for the socket: 0 ready, 1 deadline passed, or a negative errno. */
static int connection_poll(const struct connection *connection, short events, usec_t deadline)
{
	struct pollfd descriptor = {.fd = connection->socket, .events = events};

	for (;;) {
		usec_t left =
			usec_sub(deadline, deadline == USEC_INFINITY ? 0 : clock_boottime_usec());
		int milliseconds = deadline == USEC_INFINITY ? -1
				   : left > INT32_MAX * USEC_PER_MSEC
					   ? INT32_MAX
					   : (int)((left + USEC_PER_MSEC - 1) / USEC_PER_MSEC);
		int n = poll(&descriptor, 1, milliseconds);

		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (milliseconds >= 0 && clock_boottime_usec() >= deadline)
			return 1;
	}
}

int connection_send(struct connection *connection, const json_t *message, usec_t deadline,
		    struct error *error)
{
	_cleanup_(cleanup_free) char *text = json_dumps(message, JSON_COMPACT);
	size_t length, sent = 0;

	if (!text)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "no memory");
	length = strlen(text);
	text[length++] = '\n'; /* in place of the terminator */
	while (sent < length) {
		ssize_t n = send(connection->socket, text + sent, length - sent,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n >= 0) {
			sent += (size_t)n;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return gone(connection, error);
		if (connection_poll(connection, POLLOUT, deadline) != 0)
			return connection_late(connection, error);
	}
	return 0;
}

static int connection_reserve(struct connection *connection, size_t more)
{
	size_t size = connection->size;
	char *buffer;

	while (size - connection->used < more)
		size = size ? size * 2 : READ_SIZE;
	if (size == connection->size)
		return 0;
	buffer = realloc(connection->buffer, size);
	if (!buffer)
		return -ENOMEM;
	connection->buffer = buffer;
	connection->size = size;
	return 0;
}

/* The next line out of the buffer as JSON: 0, 1 when there is no whole line yet, or -EBADMSG. */
static int connection_take_line(struct connection *connection, json_t **ret)
{
	char *start = connection->buffer, *newline = NULL;
	size_t length;

	if (connection->used > connection->searched)
		newline = memchr(start + connection->searched, '\n',
				 connection->used - connection->searched);
	if (!newline) {
		connection->searched = connection->used;
		return 1;
	}
	length = (size_t)(newline - start);
	*ret = json_loadb(start, length, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	connection->used -= length + 1;
	connection->searched = 0;
	memmove(start, newline + 1, connection->used);
	return json_is_object(*ret) ? 0 : -EBADMSG;
}

int connection_receive(struct connection *connection, usec_t deadline, json_t **ret,
		       struct error *error)
{
	ssize_t n;
	int r;

	for (;;) {
		r = connection_take_line(connection, ret);
		if (r == -EBADMSG) {
			json_decref(TAKE_PTR(*ret));
			return error_set(error, ERROR_REQUEST_MALFORMED, NULL,
					 "the daemon at %s sent what is not JSON-RPC",
					 connection->path);
		}
		if (r <= 0)
			return r;
		if (connection->used > FRAME_MAX)
			return error_set(error, ERROR_REQUEST_TOO_LARGE, NULL,
					 "the daemon's answer is larger than %zu MB",
					 FRAME_MAX >> 20);
		if (connection_reserve(connection, READ_SIZE) < 0)
			return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "no memory");
		r = connection_poll(connection, POLLIN, deadline);
		if (r == 1)
			return 1;
		if (r < 0)
			return gone(connection, error);
		n = recv(connection->socket, connection->buffer + connection->used,
			 connection->size - connection->used, 0);
		if (n == 0 || (n < 0 && errno != EINTR))
			return gone(connection, error);
		if (n > 0)
			connection->used += (size_t)n;
	}
}
