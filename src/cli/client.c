#include "client.h"

#include <stdio.h>
#include <string.h>

#include "connection.h"

#define PROTOCOL_MODERN "2026-07-28"
#define PROTOCOL_LEGACY "2025-11-25"

#define PAGES_MAX 1000

enum era { ERA_UNKNOWN, ERA_MODERN, ERA_LEGACY };

struct client {
	struct connection connection;
	enum era era;
	json_int_t last_id;
	json_int_t subscription; /* id of the request that listens, 0 for none */
	json_t *notifications;
};

int client_new(struct client **ret, const char *path, usec_t timeout, struct error *error)
{
	_cleanup_(client_cleanup) struct client *client = calloc(1, sizeof(*client));
	int r;

	if (!client)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "no memory");
	client->notifications = json_array();
	r = connection_open(&client->connection, path, timeout, error);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(client);
	return 0;
}

void client_free(struct client *client)
{
	connection_close(&client->connection);
	json_decref(client->notifications);
	free(client);
}

int client_descriptor(const struct client *client)
{
	return client->connection.socket;
}

/* The daemon may ask too (ping, in the older era). */
static int client_answer(struct client *client, const json_t *request, usec_t deadline,
			 struct error *error)
{
	json_t *id = json_object_get(request, "id");
	const char *method = json_member_text(request, "method");
	_cleanup_json_ json_t *answer = NULL;

	if (method && strcmp(method, "ping") == 0)
		answer = json_pack("{s:s, s:O, s:{}}", "jsonrpc", "2.0", "id", id, "result");
	else
		answer = json_pack("{s:s, s:O, s:{s:i, s:s}}", "jsonrpc", "2.0", "id", id, "error",
				   "code", -32601, "message", "method not found");
	return connection_send(&client->connection, answer, deadline, error);
}

/* A subscription of the newer era is answered when it ends: too soon, whatever it says. */
static int subscription_ended(const json_t *answer, struct error *error)
{
	const char *why = json_member_text(json_object_get(answer, "error"), "message");

	return error_set(error, ERROR_DAEMON_UNREACHABLE, NULL,
			 "the daemon sends no more events%s%s", why ? ": " : "", why ?: "");
}

/* Files a message that is no answer. Returns 1 when it is an answer. */
static int client_file(struct client *client, json_t *message, usec_t deadline, struct error *error)
{
	const json_t *id = json_object_get(message, "id");

	if (!json_object_get(message, "method")) {
		if (client->subscription && json_integer_value(id) == client->subscription)
			return subscription_ended(message, error);
		return 1;
	}
	if (id)
		return client_answer(client, message, deadline, error);
	if (json_array_append(client->notifications, message) < 0)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "no memory");
	return 0;
}

static int client_wait(struct client *client, json_int_t id, usec_t deadline, json_t **ret,
		       struct error *error)
{
	for (;;) {
		_cleanup_json_ json_t *message = NULL;
		json_t *answered;
		int r = connection_receive(&client->connection, deadline, &message, error);

		if (r == 1)
			return connection_late(&client->connection, error);
		if (r < 0)
			return r;
		r = client_file(client, message, deadline, error);
		if (r < 0)
			return r;
		answered = json_object_get(message, "id");
		/* An error without an id answers what the daemon could not even read. */
		if (r == 1 && (json_integer_value(answered) == id || json_is_null(answered))) {
			*ret = TAKE_PTR(message);
			return 0;
		}
	}
}

static json_t *client_meta(void)
{
	return json_pack("{s:s, s:{}, s:{s:s, s:s}}", "io.modelcontextprotocol/protocolVersion",
			 PROTOCOL_MODERN, "io.modelcontextprotocol/clientCapabilities",
			 "io.modelcontextprotocol/clientInfo", "name", "aiosnet", "version",
			 AIOSNET_VERSION);
}

static int client_send_request(struct client *client, const char *method, json_t *params,
			       usec_t deadline, struct error *error)
{
	_cleanup_json_ json_t *request = NULL;

	if (client->era != ERA_LEGACY) {
		_cleanup_json_ json_t *copy = params ? json_copy(params) : json_object();

		if (json_put(copy, "_meta", client_meta()) < 0)
			return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "no memory");
		request = json_pack("{s:s, s:I, s:s, s:O}", "jsonrpc", "2.0", "id",
				    ++client->last_id, "method", method, "params", copy);
	} else {
		request = json_pack("{s:s, s:I, s:s, s:O*}", "jsonrpc", "2.0", "id",
				    ++client->last_id, "method", method, "params", params);
	}
	return connection_send(&client->connection, request, deadline, error);
}

static int client_exchange(struct client *client, const char *method, json_t *params, json_t **ret,
			   struct error *error)
{
	usec_t deadline = usec_add(clock_boottime_usec(), client->connection.timeout);
	int r = client_send_request(client, method, params, deadline, error);

	return r < 0 ? r : client_wait(client, client->last_id, deadline, ret, error);
}

/* The handshake of the older era: 0, CLIENT_REFUSED, or a negative errno. */
static int client_initialize(struct client *client, struct error *error)
{
	_cleanup_json_ json_t *params = json_pack("{s:s, s:{}, s:{s:s, s:s}}", "protocolVersion",
						  PROTOCOL_LEGACY, "capabilities", "clientInfo",
						  "name", "aiosnet", "version", AIOSNET_VERSION);
	_cleanup_json_ json_t *ready =
		json_pack("{s:s, s:s}", "jsonrpc", "2.0", "method", "notifications/initialized");
	_cleanup_json_ json_t *answer = NULL;
	int r;

	client->era = ERA_LEGACY;
	r = client_exchange(client, "initialize", params, &answer, error);
	if (r < 0)
		return r;
	if (!json_object_get(answer, "result")) {
		client->era = ERA_UNKNOWN;
		return CLIENT_REFUSED;
	}
	return connection_send(&client->connection, ready,
			       usec_add(clock_boottime_usec(), client->connection.timeout), error);
}

/* What a JSON-RPC error says, in the form of a tool's error. */
static json_t *refusal_of_protocol(const json_t *rpc_error)
{
	const json_t *data = json_object_get(rpc_error, "data");
	const char *code = json_member_text(data, "code");
	const char *message = json_member_text(rpc_error, "message");
	char number[32];

	snprintf(number, sizeof(number), "jsonrpc.%lld",
		 (long long)json_member_integer(rpc_error, "code", 0));
	return json_pack("{s:s, s:s*, s:s, s:s*}", "code", code ?: number, "parameter",
			 json_member_text(data, "parameter"), "message",
			 message ?: "the daemon refused the request", "hint",
			 json_member_text(data, "hint"));
}

int client_request(struct client *client, const char *method, json_t *params, json_t **ret,
		   struct error *error)
{
	_cleanup_json_ json_t *owned = params, *answer = NULL;
	json_t *refused;
	int r = client_exchange(client, method, owned, &answer, error);

	if (r < 0)
		return r;
	refused = json_object_get(answer, "error");
	if (refused && client->era == ERA_UNKNOWN && client_initialize(client, error) == 0) {
		json_decref(answer);
		answer = NULL;
		r = client_exchange(client, method, owned, &answer, error);
		if (r < 0)
			return r;
		refused = json_object_get(answer, "error");
	}
	if (refused) {
		*ret = refusal_of_protocol(refused);
		return CLIENT_REFUSED;
	}
	if (client->era == ERA_UNKNOWN)
		client->era = ERA_MODERN;
	*ret = json_incref(json_object_get(answer, "result"));
	if (!json_is_object(*ret))
		return error_set(error, ERROR_REQUEST_MALFORMED, NULL,
				 "the daemon's answer has no result");
	return 0;
}

int client_list_tools(struct client *client, json_t **ret, struct error *error)
{
	_cleanup_json_ json_t *tools = json_array(), *cursor = NULL;

	for (unsigned page = 0; page < PAGES_MAX; page++) {
		_cleanup_json_ json_t *result = NULL;
		json_t *params = cursor ? json_pack("{s:O}", "cursor", cursor) : NULL;
		int r = client_request(client, "tools/list", params, &result, error);

		if (r == CLIENT_REFUSED)
			*ret = TAKE_PTR(result);
		if (r != 0)
			return r;
		if (json_array_extend(tools, json_object_get(result, "tools")) < 0)
			return error_set(error, ERROR_REQUEST_MALFORMED, NULL,
					 "the daemon's list of tools is no list");
		json_decref(cursor);
		cursor = json_incref(json_object_get(result, "nextCursor"));
		if (!json_is_string(cursor))
			break;
	}
	*ret = TAKE_PTR(tools);
	return 0;
}

static const char *first_text(const json_t *contents)
{
	return json_member_text(json_array_get(contents, 0), "text");
}

/* The error object of a tool that failed: in the structured content, or only words. */
static json_t *refusal_of_tool(const json_t *result)
{
	json_t *content = json_object_get(result, "structuredContent");
	json_t *inner = json_object_get(content, "error");

	if (json_is_object(inner))
		content = inner;
	if (json_member_text(content, "message"))
		return json_incref(content);
	return json_pack("{s:s, s:s}", "code", "tool.failed", "message",
			 first_text(json_object_get(result, "content")) ?: "the tool failed");
}

int client_call_tool(struct client *client, const char *name, json_t *arguments, json_t **ret,
		     struct error *error)
{
	_cleanup_json_ json_t *result = NULL;
	json_t *params = json_pack("{s:s, s:o}", "name", name, "arguments", arguments);
	json_t *content;
	const char *text;
	int r = client_request(client, "tools/call", params, &result, error);

	if (r != 0) {
		*ret = TAKE_PTR(result);
		return r;
	}
	if (json_member_true(result, "isError")) {
		*ret = refusal_of_tool(result);
		return CLIENT_REFUSED;
	}
	content = json_object_get(result, "structuredContent");
	text = first_text(json_object_get(result, "content"));
	*ret = content ? json_incref(content) : json_string(text ?: "");
	return 0;
}

int client_read_resource(struct client *client, const char *uri, json_t **ret, struct error *error)
{
	_cleanup_json_ json_t *result = NULL;
	const char *text;
	int r = client_request(client, "resources/read", json_pack("{s:s}", "uri", uri), &result,
			       error);

	if (r != 0) {
		*ret = TAKE_PTR(result);
		return r;
	}
	text = first_text(json_object_get(result, "contents"));
	*ret = text ? json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL) : NULL;
	if (!*ret)
		return error_set(error, ERROR_REQUEST_MALFORMED, NULL,
				 "the resource %s is not JSON", uri);
	return 0;
}

int client_subscribe(struct client *client, const char *uri, struct error *error)
{
	_cleanup_json_ json_t *result = NULL, *params = NULL;
	int r;

	/* Which era it is must be known here: a request of the newer one is not answered until the
	 * subscription ends. */
	if (client->era == ERA_UNKNOWN) {
		_cleanup_json_ json_t *ignored = NULL;

		r = client_request(client, "resources/list", NULL, &ignored, error);
		if (r < 0)
			return r;
	}
	if (client->era == ERA_MODERN) {
		params = json_pack("{s:{s:[s]}}", "notifications", "resourceSubscriptions", uri);
		r = client_send_request(client, "subscriptions/listen", params,
					usec_add(clock_boottime_usec(), client->connection.timeout),
					error);
		client->subscription = client->last_id;
		return r;
	}
	r = client_request(client, "resources/subscribe", json_pack("{s:s}", "uri", uri), &result,
			   error);
	if (r == CLIENT_REFUSED)
		return error_set(error, ERROR_INTERNAL, NULL,
				 "the daemon refuses to send events: %s",
				 json_member_text(result, "message"));
	return r;
}

int client_next_notification(struct client *client, usec_t timeout, json_t **ret,
			     struct error *error)
{
	usec_t deadline = usec_add(clock_boottime_usec(), timeout);

	while (json_array_size(client->notifications) == 0) {
		_cleanup_json_ json_t *message = NULL;
		int r = connection_receive(&client->connection, deadline, &message, error);

		if (r != 0)
			return r;
		r = client_file(client, message, deadline, error);
		if (r < 0)
			return r;
	}
	*ret = json_incref(json_array_get(client->notifications, 0));
	json_array_remove(client->notifications, 0);
	return 0;
}
