/*
 * `aiosnet mcp`: stdin to the socket, the socket to stdout, byte for byte.
 *
 * Nothing is parsed, so a message may be of any size. Each direction has one buffer; while it is
 * full, its source is not read: the slower side sets the pace. An agent that closes stdin gets what
 * the daemon still answers to; when either output is gone, all is over.
 */
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "cli.h"
#include "connection.h"

#define PUMP_BUFFER ((size_t)64 << 10)
/* After the end of stdin the daemon answers what was asked and closes; a silence of this length
 * says that it does not. */
#define PUMP_LINGER_MSEC 30000

struct pipe {
	int from, to;
	bool ended; /* the source */
	size_t start, end;
	char buffer[PUMP_BUFFER];
};

/* 0, or a negative errno when the source is gone for another reason than its end. */
static int pipe_fill(struct pipe *pipe)
{
	ssize_t n = read(pipe->from, pipe->buffer + pipe->end, PUMP_BUFFER - pipe->end);

	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -errno;
	pipe->ended = n == 0;
	pipe->end += (size_t)n;
	return 0;
}

/* Stdout is not set non-blocking: others may share it. A socket takes the flag with the call; a
 * pipe that poll() calls writable takes PIPE_BUF bytes without blocking. */
static int pipe_drain(struct pipe *pipe)
{
	const char *start = pipe->buffer + pipe->start;
	size_t length = pipe->end - pipe->start;
	ssize_t n = send(pipe->to, start, length, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && errno == ENOTSOCK)
		n = write(pipe->to, start, MIN(length, (size_t)PIPE_BUF));
	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -errno;
	pipe->start += (size_t)n;
	if (pipe->start == pipe->end)
		pipe->start = pipe->end = 0;
	return 0;
}

static bool pipe_is_empty(const struct pipe *pipe)
{
	return pipe->start == pipe->end;
}

/* What is waited for: [0] the source, [1] the sink, which also tells when it is gone. */
static void pipe_watch(const struct pipe *pipe, struct pollfd descriptors[2])
{
	bool room = pipe->end < PUMP_BUFFER && !pipe->ended;

	descriptors[0] = (struct pollfd){.fd = room ? pipe->from : -1, .events = POLLIN};
	descriptors[1] =
		(struct pollfd){.fd = pipe->to, .events = pipe_is_empty(pipe) ? 0 : POLLOUT};
}

static int pipe_move(struct pipe *pipe, const struct pollfd descriptors[2])
{
	int r = descriptors[0].revents ? pipe_fill(pipe) : 0;

	if (r == 0 && (descriptors[1].revents & POLLOUT))
		r = pipe_drain(pipe);
	else if (r == 0 && (descriptors[1].revents & (POLLERR | POLLNVAL)))
		r = -EPIPE;
	return r;
}

/* Until an end: 0, or a negative errno. */
static int pump(struct pipe *up, struct pipe *down)
{
	bool closed = false;

	while (!(down->ended && pipe_is_empty(down))) {
		struct pollfd descriptors[4];
		int n, r;

		pipe_watch(up, descriptors);
		pipe_watch(down, descriptors + 2);
		/* Nothing more will go up: a socket that is both would report its hang-up for ever.
		 */
		if (closed)
			descriptors[1].fd = -1;
		n = poll(descriptors, ARRAY_SIZE(descriptors), closed ? PUMP_LINGER_MSEC : -1);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return 0;
		if (n < 0)
			continue;
		r = pipe_move(up, descriptors);
		if (r == 0)
			r = pipe_move(down, descriptors + 2);
		if (r < 0)
			return r;
		if (up->ended && pipe_is_empty(up) && !closed) {
			closed = true;
			shutdown(up->to, SHUT_WR);
		}
	}
	return 0;
}

int command_mcp(struct cli *cli, int count, char **words)
{
	_cleanup_(cleanup_free) struct pipe *up = calloc(1, sizeof(*up));
	_cleanup_(cleanup_free) struct pipe *down = calloc(1, sizeof(*down));
	_cleanup_(cleanup_close) int socket = -1;
	struct error error;
	int r;

	if (count > 0) {
		error_set(&error, ERROR_PARAMETER_UNKNOWN, NULL, "mcp takes no arguments");
		return cli_fail(cli, &error);
	}
	if (!up || !down) {
		error_set(&error, ERROR_OUT_OF_MEMORY, NULL, "no memory");
		return cli_fail(cli, &error);
	}
	socket = connection_open_socket(cli->socket, &error);
	if (socket < 0)
		return cli_fail(cli, &error);
	up->from = STDIN_FILENO;
	up->to = down->from = socket;
	down->to = STDOUT_FILENO;
	r = pump(up, down);
	if (r < 0 && r != -EPIPE && r != -ECONNRESET) {
		error_set(&error, ERROR_INTERNAL, NULL, "cannot go on: %s", strerror(-r));
		return cli_fail(cli, &error);
	}
	return EXIT_DONE;
}
