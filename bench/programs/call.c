/*
 * What one tool call costs over a connection that is kept.
 *
 *     call SOCKET COUNT TOOL ARGUMENTS [ARGUMENTS]
 *
 * Calls a tool of the daemon at SOCKET COUNT times, with both ARGUMENTS (JSON) in turn when there
 * are two, and as often a bare process that answers a line with a line over such a socket: the
 * floor. The two take turns, so that noise hits both. The first calls warm up and do not count.
 *
 * Prints {"call": series, "echo": series} in microseconds, from write() until the whole line is
 * read.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common.h"

#define WARM_UP	  20
#define FRAME_MAX ((size_t)1024 * 1024)

static const char initialize[] =
	"{\"jsonrpc\": \"2.0\", \"id\": 0, \"method\": \"initialize\", \"params\": "
	"{\"protocolVersion\": \"2025-11-25\", \"capabilities\": {}, \"clientInfo\": "
	"{\"name\": \"bench\", \"version\": \"1\"}}}\n";
static const char initialized[] =
	"{\"jsonrpc\": \"2.0\", \"method\": \"notifications/initialized\"}\n";

static char frame[FRAME_MAX];

static void send_all(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);

		if (sent < 0)
			fail("send");
		bytes += sent;
		length -= (size_t)sent;
	}
}

/* Reads one line into `frame`; returns its length with the line feed, 0 at the end. */
static size_t receive_line(int fd)
{
	size_t length = 0;

	while (length < sizeof(frame) - 1) {
		ssize_t received = recv(fd, frame + length, sizeof(frame) - 1 - length, 0);

		if (received < 0)
			fail("receive");
		if (received == 0)
			return 0;
		length += (size_t)received;
		if (frame[length - 1] == '\n')
			break;
	}
	frame[length] = '\0';
	return length;
}

static double exchange(int fd, const char *request, size_t length)
{
	double start = now_ms();

	send_all(fd, request, length);
	if (receive_line(fd) == 0) {
		fputs("call: the other side closed the connection\n", stderr);
		exit(EXIT_FAILURE);
	}
	return now_ms() - start;
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		fail(path);
	}
	strcpy(address.sun_path, path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail(path);
	exchange(fd, initialize, sizeof(initialize) - 1);
	send_all(fd, initialized, sizeof(initialized) - 1);
	return fd;
}

/* A process that answers each line with one of `size` bytes. */
static int start_echo(size_t size)
{
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		fail("socketpair");
	pid = fork();
	if (pid < 0)
		fail("fork");
	if (pid == 0) {
		char *answer = malloc(size);

		if (!answer)
			fail("malloc");
		memset(answer, ' ', size);
		answer[size - 1] = '\n';
		close(ends[0]);
		while (receive_line(ends[1]) > 0)
			send_all(ends[1], answer, size);
		_exit(EXIT_SUCCESS);
	}
	close(ends[1]);
	return ends[0];
}

/* A call that fails is measured fast: it must not count. */
static void check_answer(void)
{
	if (strstr(frame, "\"isError\":false") || strstr(frame, "\"isError\": false") ||
	    (strstr(frame, "\"result\"") && !strstr(frame, "\"isError\"")))
		return;
	fprintf(stderr, "call: the tool failed: %s", frame);
	exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
	size_t count = argc > 2 ? strtoul(argv[2], NULL, 10) : 0, done = 0;
	double *call, *echo;
	int daemon, bare = -1;

	if (argc < 5 || argc > 6 || count == 0) {
		fputs("usage: call SOCKET COUNT TOOL ARGUMENTS [ARGUMENTS]\n", stderr);
		return 2;
	}
	call = calloc(count, sizeof(*call));
	echo = calloc(count, sizeof(*echo));
	if (!call || !echo)
		fail("calloc");
	daemon = connect_to(argv[1]);
	for (size_t i = 0; done < count; i++) {
		const char *arguments = argc == 6 && i % 2 ? argv[5] : argv[4];
		char *request;
		int length = asprintf(&request,
				      "{\"jsonrpc\": \"2.0\", \"id\": %zu, \"method\": "
				      "\"tools/call\", \"params\": {\"name\": \"%s\", "
				      "\"arguments\": %s}}\n",
				      i + 1, argv[3], arguments);

		if (length < 0)
			fail("asprintf");
		call[done] = exchange(daemon, request, (size_t)length);
		check_answer();
		if (bare < 0)
			bare = start_echo(strlen(frame));
		echo[done] = exchange(bare, request, (size_t)length);
		free(request);
		done += i >= WARM_UP;
	}
	printf("{\"call\": ");
	series_print(call, count, 1e3);
	printf(", \"echo\": ");
	series_print(echo, count, 1e3);
	puts("}");
	free(call);
	free(echo);
	return 0;
}
