/*
 * A client of the daemon: MCP as JSON-RPC 2.0.
 *
 * Requests are sent in the stateless form of MCP 2026-07-28. A daemon that refuses the first one is
 * asked with the handshake of 2025-11-25, and spoken to in that way from then on.
 */
#pragma once

#include "base/base.h"

struct client;

/* The daemon answered, and the answer is no: the result is then an object of code, message and,
 * where they are known, parameter and hint. */
#define CLIENT_REFUSED 1

/* Connects to the socket at `path`. `timeout` bounds each request, USEC_INFINITY for none. Errors:
 * daemon.unreachable. */
int client_new(struct client **ret, const char *path, usec_t timeout, struct error *error);
void client_free(struct client *client);
DEFINE_CLEANUP(struct client *, client_cleanup, client_free)

/*
 * Sends a request and waits for its answer. Takes `params` (object or NULL). Returns 0 with the
 * result, CLIENT_REFUSED with the daemon's error object, or a negative errno with `error` filled:
 * the connection is of no use then. Notifications that come meanwhile are kept.
 */
int client_request(struct client *client, const char *method, json_t *params, json_t **ret,
		   struct error *error);

/* All tools of the daemon's tables (all pages of tools/list) as an array. */
int client_list_tools(struct client *client, json_t **ret, struct error *error);

/* Calls a tool; takes `arguments`. Returns 0 with the structured content (or the text as a JSON
 * string when there is none), or CLIENT_REFUSED with the error object, also when the tool itself
 * failed. */
int client_call_tool(struct client *client, const char *name, json_t *arguments, json_t **ret,
		     struct error *error);

/* The JSON in the first text of a resource. */
int client_read_resource(struct client *client, const char *uri, json_t **ret, struct error *error);

/* From here on notifications of the resource's changes come. */
int client_subscribe(struct client *client, const char *uri, struct error *error);

/* The next notification: 0 with it; 1 when none came within `timeout`; or a negative errno. */
int client_next_notification(struct client *client, usec_t timeout, json_t **ret,
			     struct error *error);

/* For poll(), beside other descriptors. */
int client_descriptor(const struct client *client);
