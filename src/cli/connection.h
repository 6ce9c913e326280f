/*
 * The daemon's Unix socket as one JSON message a line, in both directions.
 */
#pragma once

#include <sys/un.h>

#include "base/base.h"

struct connection {
	int socket;
	usec_t timeout; /* of a request, for the words of connection_late() */
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	char *buffer;
	size_t used, size;
	size_t searched; /* bytes of the buffer that hold no newline */
};

/* Connects a plain socket to `path`; the descriptor, or daemon.unreachable. */
int connection_open_socket(const char *path, struct error *error);

/* 0, or daemon.unreachable. Also after a failure connection_close() may be called. */
int connection_open(struct connection *connection, const char *path, usec_t timeout,
		    struct error *error);
void connection_close(struct connection *connection);

/* Sends a message before the deadline (boottime). */
int connection_send(struct connection *connection, const json_t *message, usec_t deadline,
		    struct error *error);

/* The next message, owned by the caller: 0, 1 when the deadline (boottime) passed, or a negative
 * errno with `error` filled. */
int connection_receive(struct connection *connection, usec_t deadline, json_t **ret,
		       struct error *error);

/* Fills `error`: the daemon did not answer in time. Returns its negative errno. */
int connection_late(const struct connection *connection, struct error *error);
