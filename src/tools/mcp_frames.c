/* Frames that go out: replies, errors, notifications. */
#include <string.h>

#include "mcp-internal.h"

#define SERVER_INFO                                                                                \
	"{\"name\":\"aiosnet\",\"title\":\"aiosnet network stack\",\"version\":\"" AIOSNET_VERSION \
	"\"}"

const char mcp_server_info[] = SERVER_INFO;

static const char *const revision_texts[_REVISION_MAX] = {
	[REVISION_NONE] = "",
	[REVISION_2025_03_26] = "2025-03-26",
	[REVISION_2025_06_18] = "2025-06-18",
	[REVISION_2025_11_25] = "2025-11-25",
	[REVISION_2026_07_28] = "2026-07-28",
};

const char *revision_text(enum revision revision)
{
	return revision_texts[revision];
}

enum revision revision_from_text(const char *text)
{
	for (enum revision r = REVISION_NONE + 1; text && r < _REVISION_MAX; r++)
		if (strcmp(revision_texts[r], text) == 0)
			return r;
	return REVISION_NONE;
}

struct reply reply_begin(struct mcp *mcp, const json_t *id, enum revision revision,
			 enum cache_scope scope, unsigned ttl_milliseconds)
{
	struct reply reply = {.out = &mcp->output};

	text_buffer_put(reply.out, "{\"jsonrpc\":\"2.0\",\"id\":");
	text_buffer_json(reply.out, id);
	text_buffer_put(reply.out, ",\"result\":{");
	if (revision < REVISION_2026_07_28)
		return reply;
	reply_member(&reply, "resultType", "\"complete\"");
	reply_member(&reply, "_meta", "{\"" META_SERVER_INFO "\":" SERVER_INFO "}");
	if (scope != CACHE_NOT) {
		reply_member(&reply, "cacheScope",
			     scope == CACHE_PUBLIC ? "\"public\"" : "\"private\"");
		reply_member(&reply, "ttlMs", NULL);
		text_buffer_format(reply.out, "%u", ttl_milliseconds);
	}
	return reply;
}

void reply_member(struct reply *reply, const char *name, const char *text)
{
	text_buffer_put(reply->out, reply->has_members ? ",\"" : "\"");
	text_buffer_put(reply->out, name);
	text_buffer_put(reply->out, "\":");
	if (text)
		text_buffer_put(reply->out, text);
	reply->has_members = true;
}

void reply_end(struct reply *reply)
{
	text_buffer_put(reply->out, "}}\n");
}

void mcp_write_error(struct mcp *mcp, const json_t *id, int code, const char *message,
		     const struct error *error, json_t *data)
{
	_cleanup_json_ json_t *object = data ?: json_object();
	struct text_buffer *out = &mcp->output;
	const char *name, *text;
	int r = 0;

	if (error) {
		r |= json_put(object, "code", json_string(error_code_text(error->code)));
		r |= json_put(object, "message", json_string(error->message));
		for (unsigned i = 0; (text = error_member(error, i, &name)); i++)
			if (text[0])
				r |= json_put(object, name, json_string(text));
	}
	text_buffer_put(out, "{\"jsonrpc\":\"2.0\",\"id\":");
	if (id)
		text_buffer_json(out, id);
	else
		text_buffer_put(out, "null");
	text_buffer_format(out, ",\"error\":{\"code\":%d,\"message\":", code);
	text_buffer_quote(out, message, strlen(message));
	if (r == 0 && json_object_size(object) > 0) {
		text_buffer_put(out, ",\"data\":");
		text_buffer_json(out, object);
	}
	text_buffer_put(out, "}}\n");
}

/* ---- notifications of changed resources ---- */

void mcp_resource_changed(struct mcp *mcp, size_t index)
{
	mcp->changed |= UINT32_C(1) << index;
}

static void write_updated(struct mcp *mcp, const char *uri, const json_t *subscription)
{
	struct text_buffer *out = &mcp->output;

	text_buffer_put(out, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/resources/updated\","
			     "\"params\":{\"uri\":");
	text_buffer_quote(out, uri, strlen(uri));
	if (subscription) {
		text_buffer_put(out, ",\"_meta\":{\"" META_SUBSCRIPTION_ID "\":");
		text_buffer_json(out, subscription);
		text_buffer_put(out, "}");
	}
	text_buffer_put(out, "}}\n");
}

void mcp_write_changes(struct mcp *mcp)
{
	for (size_t i = 0; mcp->changed && i < mcp->backend->resources_count; i++) {
		uint32_t bit = UINT32_C(1) << i;
		const char *uri = mcp->backend->resources[i].uri;

		if (mcp->output.length > MCP_OUTPUT_HIGH)
			return;
		if (!(mcp->changed & bit))
			continue;
		mcp->changed &= ~bit;
		if (mcp->subscribed & bit)
			write_updated(mcp, uri, NULL);
		for (struct subscription *s = mcp->subscriptions; s; s = s->next)
			if (s->resources & bit)
				write_updated(mcp, uri, s->id);
	}
}

void mcp_drop_subscription(struct mcp *mcp, struct subscription *subscription)
{
	struct subscription **at = &mcp->subscriptions;

	while (*at != subscription)
		at = &(*at)->next;
	*at = subscription->next;
	mcp->subscriptions_count--;
	json_decref(subscription->id);
	free(subscription);
}

void mcp_stop(struct mcp *mcp)
{
	while (mcp->subscriptions) {
		struct subscription *s = mcp->subscriptions;
		struct text_buffer *out = &mcp->output;

		text_buffer_put(out, "{\"jsonrpc\":\"2.0\",\"id\":");
		text_buffer_json(out, s->id);
		text_buffer_put(out, ",\"result\":{\"resultType\":\"complete\",\"_meta\":{"
				     "\"" META_SUBSCRIPTION_ID "\":");
		text_buffer_json(out, s->id);
		text_buffer_put(out, "}}}\n");
		mcp_drop_subscription(mcp, s);
	}
	mcp->closing = true;
}
