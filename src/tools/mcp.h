/*
 * The Model Context Protocol on one connection: bytes in, frames out.
 *
 * Newline-delimited JSON-RPC 2.0 in both eras at once: the handshake revisions 2025-11-25,
 * 2025-06-18 and 2025-03-26, and the stateless 2026-07-28, which a request chooses by its `_meta`.
 * A pure object: it has no socket and no clock; calls go to a backend and come back by
 * mcp_call_finish().
 *
 * Bounds. A frame is at most MCP_FRAME_MAX bytes: beyond, the peer is told so and mcp_is_closing()
 * becomes true. While more than MCP_OUTPUT_HIGH bytes wait to be sent, no further frame is
 * processed and no notification is made (they say "changed", so that one says as much as many).
 */
#pragma once

#include "base/base.h"

#define MCP_FRAME_MAX	      ((size_t)1024 * 1024)
#define MCP_OUTPUT_HIGH	      ((size_t)256 * 1024)
#define MCP_CALLS_MAX	      64 /* under way on one connection */
#define MCP_SUBSCRIPTIONS_MAX 16 /* subscriptions/listen on one connection */

struct mcp;
struct mcp_call;

struct mcp_resource {
	const char *uri; /* of a template: with {variables} */
	const char *name, *title, *description;
};

/* The text of one page of tools/list, "[...]", and the cursor of the next one or NULL. */
struct mcp_page {
	const char *text;
	size_t length;
	const char *next;
};

/* What a call gave. `structured` is JSON on one line; both are borrowed. */
struct mcp_result {
	bool failed;
	const char *summary;
	const char *structured;
	size_t structured_length;
};

/* `userdata` is the connection's, `context` the backend's own. */
struct mcp_backend {
	void *context;
	/* The page behind `cursor` (NULL: the first); -EINVAL when there is no such cursor. */
	int (*list_tools)(void *context, const char *cursor, struct mcp_page *ret);
	/*
	 * Begins a call; `arguments` (may be NULL or of any type) is borrowed, and may be changed.
	 * Returns 0: the call will end, or has ended, by mcp_call_finish(). Or a negative errno
	 * with `error` filled: it never began.
	 */
	int (*call)(void *userdata, struct mcp_call *call, const char *tool, json_t *arguments,
		    struct error *error);
	/* The client no longer wants the answer; the call is gone afterwards. */
	void (*cancel)(void *userdata, struct mcp_call *call);
	/* The content of a resource, or a negative errno with `error` filled; -ENOENT: unknown. */
	int (*read_resource)(void *context, const char *uri, json_t **ret, struct error *error);

	const struct mcp_resource *resources; /* at most 32; all can be subscribed to */
	size_t resources_count;
	const struct mcp_resource *templates;
	size_t templates_count;
	const char *instructions;
};

int mcp_new(struct mcp **ret, const struct mcp_backend *backend, void *userdata);

/* Cancels what is under way. */
void mcp_free(struct mcp *mcp);
DEFINE_CLEANUP(struct mcp *, mcp_cleanup, mcp_free)

/* Takes bytes from the peer, without looking at them. 0 or -ENOMEM. */
int mcp_receive(struct mcp *mcp, const void *bytes, size_t length);

/* Processes at most `frames` frames of what was received, and writes due notifications. */
void mcp_process(struct mcp *mcp, unsigned frames);

/* Would mcp_process() get on now? */
bool mcp_wants_turn(const struct mcp *mcp);

/* What is to be sent, borrowed until the next call on this object; and that `length` of it was. */
const char *mcp_output(const struct mcp *mcp, size_t *ret_length);
void mcp_output_sent(struct mcp *mcp, size_t length);

/* After what is in mcp_output() the connection is of no more use. */
bool mcp_is_closing(const struct mcp *mcp);

void *mcp_userdata(const struct mcp *mcp);

/* No call under way, no subscription, nothing half received or unsent. */
bool mcp_is_idle(const struct mcp *mcp);
size_t mcp_calls(const struct mcp *mcp);

/* A resource of the backend's table changed; subscribers are told with mcp_process(). */
void mcp_resource_changed(struct mcp *mcp, size_t index);

/* Ends subscriptions in good order: the server stops. */
void mcp_stop(struct mcp *mcp);

/* What the peer calls itself, "NAME VERSION" or "": its own claim, no identity. */
const char *mcp_client_name(const struct mcp *mcp);

/* ---- calls ---- */

struct mcp *mcp_call_connection(const struct mcp_call *call);
void mcp_call_set_work(struct mcp_call *call, void *work);
void *mcp_call_work(const struct mcp_call *call);

/* Answers; the call is gone afterwards. */
void mcp_call_finish(struct mcp_call *call, const struct mcp_result *result);

/* Tells how far it is, where the client asked for that. `total` 0: unknown; `message` may be NULL.
 */
void mcp_call_progress(struct mcp_call *call, double progress, double total, const char *message);
