/* What the files of the protocol object share. */
#pragma once

#include "mcp.h"

#define JSONRPC_PARSE_ERROR	 (-32700)
#define JSONRPC_INVALID_REQUEST	 (-32600)
#define JSONRPC_METHOD_NOT_FOUND (-32601)
#define JSONRPC_INVALID_PARAMS	 (-32602)
#define JSONRPC_INTERNAL_ERROR	 (-32603)
#define MCP_RESOURCE_NOT_FOUND	 (-32002) /* up to 2025-11-25; since then invalid params */
#define MCP_UNSUPPORTED_VERSION	 (-32022) /* since 2026-07-28 */

#define META_PROTOCOL_VERSION	 "io.modelcontextprotocol/protocolVersion"
#define META_CLIENT_CAPABILITIES "io.modelcontextprotocol/clientCapabilities"
#define META_CLIENT_INFO	 "io.modelcontextprotocol/clientInfo"
#define META_SERVER_INFO	 "io.modelcontextprotocol/serverInfo"
#define META_SUBSCRIPTION_ID	 "io.modelcontextprotocol/subscriptionId"

/* The eras of the protocol, oldest first; 2026-07-28 is the stateless one. */
enum revision {
	REVISION_NONE,
	REVISION_2025_03_26,
	REVISION_2025_06_18,
	REVISION_2025_11_25,
	REVISION_2026_07_28,
	_REVISION_MAX
};

struct mcp_call {
	struct mcp *mcp;
	json_t *id;
	json_t *progress_token; /* NULL where progress is not asked for */
	double progress;	/* last one told */
	enum revision revision;
	void *work;
	struct mcp_call *next, *previous;
};

/* One subscriptions/listen. */
struct subscription {
	json_t *id;
	uint32_t resources; /* bits by index in the backend's table */
	struct subscription *next;
};

struct mcp {
	const struct mcp_backend *backend;
	void *userdata;

	struct text_buffer input;
	size_t scanned; /* bytes of the input known to hold no newline */
	struct text_buffer output;
	bool closing;

	enum revision session; /* of the handshake, REVISION_NONE before */
	char client[64];

	struct mcp_call *calls;
	size_t calls_count;
	struct subscription *subscriptions;
	size_t subscriptions_count;
	uint32_t subscribed; /* resources/subscribe of the session */
	uint32_t changed;    /* resources whose subscribers are to be told */
};

struct request {
	json_t *id; /* borrowed; NULL for notifications */
	const char *method;
	json_t *params; /* borrowed; NULL for none */
	enum revision revision;
};

const char *revision_text(enum revision revision);
enum revision revision_from_text(const char *text); /* NULL allowed */

/* Frames. A reply is begun, gets members, and is ended; an error is written at once. */
struct reply {
	struct text_buffer *out;
	bool has_members;
};

enum cache_scope { CACHE_NOT, CACHE_PUBLIC, CACHE_PRIVATE };

struct reply reply_begin(struct mcp *mcp, const json_t *id, enum revision revision,
			 enum cache_scope scope, unsigned ttl_milliseconds);
/* `text` is JSON; NULL: the caller appends the value itself. */
void reply_member(struct reply *reply, const char *name, const char *text);
void reply_end(struct reply *reply);

/* `id` NULL: not known. `error` may be NULL; `data` (taken) goes before what `error` gives. */
void mcp_write_error(struct mcp *mcp, const json_t *id, int code, const char *message,
		     const struct error *error, json_t *data);

/* Finds the method and runs it; the request's envelope has been checked. */
void mcp_dispatch(struct mcp *mcp, const struct request *request);

/* Writes the notifications that are due. */
void mcp_write_changes(struct mcp *mcp);

/* Forgets a call that never began. */
void mcp_call_abandon(struct mcp_call *call);

extern const char mcp_server_info[];

void mcp_drop_subscription(struct mcp *mcp, struct subscription *subscription);
