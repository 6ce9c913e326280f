/* The connection: framing, the envelope of each message, and the calls under way. */
#include "mcp-internal.h"

#include <string.h>

#define BATCH_MAX 64

int mcp_new(struct mcp **ret, const struct mcp_backend *backend, void *userdata)
{
	struct mcp *mcp = calloc(1, sizeof(*mcp));

	if (!mcp)
		return -ENOMEM;
	mcp->backend = backend;
	mcp->userdata = userdata;
	*ret = mcp;
	return 0;
}

void mcp_call_abandon(struct mcp_call *call)
{
	struct mcp *mcp = call->mcp;

	if (call->previous)
		call->previous->next = call->next;
	else
		mcp->calls = call->next;
	if (call->next)
		call->next->previous = call->previous;
	mcp->calls_count--;
	json_decref(call->id);
	json_decref(call->progress_token);
	free(call);
}

static void call_cancel(struct mcp_call *call)
{
	call->mcp->backend->cancel(call->mcp->userdata, call);
	mcp_call_abandon(call);
}

void mcp_free(struct mcp *mcp)
{
	while (mcp->calls)
		call_cancel(mcp->calls);
	while (mcp->subscriptions)
		mcp_drop_subscription(mcp, mcp->subscriptions);
	text_buffer_clear(&mcp->input);
	text_buffer_clear(&mcp->output);
	free(mcp);
}

/* ---- calls ---- */

struct mcp *mcp_call_connection(const struct mcp_call *call)
{
	return call->mcp;
}

void mcp_call_set_work(struct mcp_call *call, void *work)
{
	call->work = work;
}

void *mcp_call_work(const struct mcp_call *call)
{
	return call->work;
}

/* Clients before structuredContent, and those that show a model only the content, get the JSON as
 * text too; the stateless era's clients know better. */
static void write_content(struct reply *reply, const struct mcp_call *call,
			  const struct mcp_result *result)
{
	reply_member(reply, "content", NULL);
	text_buffer_put(reply->out, "[{\"type\":\"text\",\"text\":");
	if (result->summary)
		text_buffer_quote(reply->out, result->summary, strlen(result->summary));
	else
		text_buffer_quote(reply->out, result->structured, result->structured_length);
	if (result->summary && !result->failed && call->revision < REVISION_2026_07_28) {
		text_buffer_put(reply->out, "},{\"type\":\"text\",\"text\":");
		text_buffer_quote(reply->out, result->structured, result->structured_length);
	}
	text_buffer_put(reply->out, "}]");
}

void mcp_call_finish(struct mcp_call *call, const struct mcp_result *result)
{
	struct reply reply = reply_begin(call->mcp, call->id, call->revision, CACHE_NOT, 0);

	write_content(&reply, call, result);
	reply_member(&reply, "structuredContent", NULL);
	text_buffer_append(reply.out, result->structured, result->structured_length);
	reply_member(&reply, "isError", result->failed ? "true" : "false");
	reply_end(&reply);
	mcp_call_abandon(call);
}

void mcp_call_progress(struct mcp_call *call, double progress, double total, const char *message)
{
	struct mcp *mcp = call->mcp;
	_cleanup_json_ json_t *params = NULL;

	if (!call->progress_token || progress <= call->progress ||
	    mcp->output.length > MCP_OUTPUT_HIGH)
		return;
	call->progress = progress;
	params = json_pack("{sO sf so* ss*}", "progressToken", call->progress_token, "progress",
			   progress, "total", total > 0 ? json_real(total) : NULL, "message",
			   message);
	text_buffer_put(&mcp->output,
			"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":");
	text_buffer_json(&mcp->output, params);
	text_buffer_put(&mcp->output, "}\n");
}

/* ---- envelope ---- */

static bool id_is_valid(const json_t *id)
{
	return json_is_string(id) || json_is_integer(id);
}

static bool id_is_busy(const struct mcp *mcp, const json_t *id)
{
	for (const struct mcp_call *call = mcp->calls; call; call = call->next)
		if (json_equal(call->id, id))
			return true;
	for (const struct subscription *s = mcp->subscriptions; s; s = s->next)
		if (json_equal(s->id, id))
			return true;
	return false;
}

static void cancel_by_id(struct mcp *mcp, const json_t *id)
{
	for (struct mcp_call *call = mcp->calls; call; call = call->next)
		if (json_equal(call->id, id)) {
			call_cancel(call);
			return;
		}
	for (struct subscription *s = mcp->subscriptions; s; s = s->next)
		if (json_equal(s->id, id)) {
			mcp_drop_subscription(mcp, s);
			return;
		}
}

static void process_notification(struct mcp *mcp, const struct request *request)
{
	if (strcmp(request->method, "notifications/cancelled") == 0)
		cancel_by_id(mcp, json_object_get(request->params, "requestId"));
}

static void remember_client(struct mcp *mcp, const json_t *info)
{
	const char *name = json_member_text(info, "name");

	if (!name)
		return;
	text_copy(mcp->client, sizeof(mcp->client), name);
}

/*
 * Which revision a request speaks: its own `_meta` says so, or else the session does. Returns false
 * when it was answered with an error.
 */
static bool find_revision(struct mcp *mcp, struct request *request)
{
	const json_t *meta = json_object_get(request->params, "_meta");
	const json_t *wanted = json_object_get(meta, META_PROTOCOL_VERSION);
	struct error error = {0};

	if (!wanted || strcmp(request->method, "initialize") == 0) {
		request->revision = mcp->session;
		return true;
	}
	if (revision_from_text(json_string_value(wanted)) != REVISION_2026_07_28) {
		mcp_write_error(mcp, request->id, MCP_UNSUPPORTED_VERSION,
				"Unsupported protocol version", NULL,
				json_pack("{s[s] sO}", "supported",
					  revision_text(REVISION_2026_07_28), "requested",
					  (json_t *)wanted));
		return false;
	}
	if (!json_is_object(json_object_get(meta, META_CLIENT_CAPABILITIES))) {
		error_set(&error, ERROR_PARAMETER_MISSING, META_CLIENT_CAPABILITIES,
			  "_meta lacks the client's capabilities");
		mcp_write_error(mcp, request->id, JSONRPC_INVALID_PARAMS, error.message, &error,
				NULL);
		return false;
	}
	remember_client(mcp, json_object_get(meta, META_CLIENT_INFO));
	request->revision = REVISION_2026_07_28;
	return true;
}

static void refuse_message(struct mcp *mcp, const json_t *id, const char *message)
{
	struct error error;

	error_set(&error, ERROR_REQUEST_MALFORMED, NULL, "%s", message);
	error_hint(&error, "send one JSON-RPC 2.0 object a line");
	mcp_write_error(mcp, id, JSONRPC_INVALID_REQUEST, error.message, &error, NULL);
}

static void process_message(struct mcp *mcp, json_t *message)
{
	const char *version = json_member_text(message, "jsonrpc");
	const json_t *method = json_object_get(message, "method");
	struct request request = {
		.id = json_object_get(message, "id"),
		.method = json_string_value(method),
		.params = json_object_get(message, "params"),
	};
	const json_t *id = id_is_valid(request.id) ? request.id : NULL;

	if (!json_is_object(message) || !version || strcmp(version, "2.0") != 0)
		return refuse_message(mcp, id, "The message is not a JSON-RPC 2.0 object");
	if (!method && (json_object_get(message, "result") || json_object_get(message, "error")))
		return; /* an answer, though we never ask */
	if (!request.method)
		return refuse_message(mcp, id, "\"method\" must be a text");
	if (request.id && !id)
		return refuse_message(mcp, NULL, "\"id\" must be a text or an integer");
	if (request.params && !json_is_object(request.params))
		return refuse_message(mcp, id, "\"params\" must be an object");
	if (!request.id)
		return process_notification(mcp, &request);
	if (id_is_busy(mcp, request.id))
		return refuse_message(mcp, id, "A request with this id is still under way");
	if (find_revision(mcp, &request))
		mcp_dispatch(mcp, &request);
	if (strcmp(request.method, "initialize") == 0)
		remember_client(mcp, json_object_get(request.params, "clientInfo"));
}

/* Only 2025-03-26 has batches. Each of its messages is answered on a line of its own. */
static void process_batch(struct mcp *mcp, json_t *batch)
{
	json_t *message;
	size_t i;

	if (json_array_size(batch) == 0 || json_array_size(batch) > BATCH_MAX)
		return refuse_message(mcp, NULL, "A batch holds 1 to 64 messages");
	json_array_foreach(batch, i, message) {
		process_message(mcp, message);
	}
}

static void process_frame(struct mcp *mcp, const char *line, size_t length)
{
	json_error_t json_error;
	struct error error;
	_cleanup_json_ json_t *message = NULL;

	while (length > 0 && strchr(" \t\r", line[length - 1]))
		length--;
	if (length == 0)
		return;
	message = json_loadb(line, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &json_error);
	if (!message) {
		error_set(&error, ERROR_REQUEST_MALFORMED, NULL, "Not JSON: %s (byte %d)",
			  json_error.text, json_error.position);
		error_hint(&error, "send one JSON-RPC 2.0 object a line, in UTF-8");
		mcp_write_error(mcp, NULL, JSONRPC_PARSE_ERROR, "Parse error", &error, NULL);
	} else if (json_is_array(message) && mcp->session == REVISION_2025_03_26) {
		process_batch(mcp, message);
	} else {
		process_message(mcp, message);
	}
}

/* ---- framing ---- */

int mcp_receive(struct mcp *mcp, const void *bytes, size_t length)
{
	if (mcp->closing)
		return 0;
	text_buffer_append(&mcp->input, bytes, length);
	return text_buffer_ok(&mcp->input) ? 0 : -ENOMEM;
}

static void refuse_size(struct mcp *mcp)
{
	struct error error;

	error_set(&error, ERROR_REQUEST_TOO_LARGE, NULL, "The request exceeds %zu bytes",
		  MCP_FRAME_MAX);
	error_hint(&error, "the connection is closed; connect again and send less");
	mcp_write_error(mcp, NULL, JSONRPC_INVALID_REQUEST, error.message, &error, NULL);
	mcp->closing = true;
	mcp->scanned = 0;
	text_buffer_clear(&mcp->input);
}

bool mcp_wants_turn(const struct mcp *mcp)
{
	return !mcp->closing && mcp->output.length <= MCP_OUTPUT_HIGH &&
	       mcp->scanned < mcp->input.length;
}

void mcp_process(struct mcp *mcp, unsigned frames)
{
	size_t offset = 0;

	mcp_write_changes(mcp);
	while (frames > 0 && mcp_wants_turn(mcp)) {
		const char *from = mcp->input.data + mcp->scanned;
		const char *end = memchr(from, '\n', mcp->input.length - mcp->scanned);
		size_t length = (size_t)((end ?: mcp->input.data + mcp->input.length) -
					 (mcp->input.data + offset));

		if (length > MCP_FRAME_MAX) {
			refuse_size(mcp);
			return;
		}
		mcp->scanned = end ? offset + length + 1 : mcp->input.length;
		if (!end)
			break;
		process_frame(mcp, mcp->input.data + offset, length);
		offset += length + 1;
		frames--;
	}
	if (offset > 0) {
		text_buffer_consume(&mcp->input, offset);
		mcp->scanned -= offset;
	}
	if (mcp->output.failed)
		mcp->closing = true;
}

const char *mcp_output(const struct mcp *mcp, size_t *ret_length)
{
	*ret_length = mcp->output.length;
	return mcp->output.data;
}

void mcp_output_sent(struct mcp *mcp, size_t length)
{
	text_buffer_consume(&mcp->output, length);
}

bool mcp_is_closing(const struct mcp *mcp)
{
	return mcp->closing;
}

size_t mcp_calls(const struct mcp *mcp)
{
	return mcp->calls_count;
}

bool mcp_is_idle(const struct mcp *mcp)
{
	return mcp->calls_count == 0 && mcp->subscriptions_count == 0 && mcp->subscribed == 0 &&
	       mcp->input.length == 0 && mcp->output.length == 0;
}

const char *mcp_client_name(const struct mcp *mcp)
{
	return mcp->client;
}

void *mcp_userdata(const struct mcp *mcp)
{
	return mcp->userdata;
}
