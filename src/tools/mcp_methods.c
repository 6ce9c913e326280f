/* The methods of the protocol, each a row of the table at the end. */
#include <string.h>

#include "mcp-internal.h"

#define LISTS_TTL (5 * 60 * 1000) /* the tables change only with the program */

static void invalid_params(struct mcp *mcp, const struct request *request,
			   const struct error *error)
{
	mcp_write_error(mcp, request->id, JSONRPC_INVALID_PARAMS, error->message, error, NULL);
}

static void missing_param(struct mcp *mcp, const struct request *request, const char *name,
			  const char *type)
{
	struct error error;

	error_set(&error,
		  json_object_get(request->params, name) ? ERROR_PARAMETER_TYPE
							 : ERROR_PARAMETER_MISSING,
		  name, "\"%s\" must be given, as %s", name, type);
	invalid_params(mcp, request, &error);
}

/* ---- handshake and discovery ---- */

static void write_instructions(struct mcp *mcp, struct reply *reply)
{
	const char *text = mcp->backend->instructions;

	if (!text)
		return;
	reply_member(reply, "instructions", NULL);
	text_buffer_quote(reply->out, text, strlen(text));
}

/* A revision that we do not speak is answered with the newest that has a handshake; the client then
 * goes on or goes away. */
static void method_initialize(struct mcp *mcp, const struct request *request)
{
	const char *wanted = json_member_text(request->params, "protocolVersion");
	enum revision revision = revision_from_text(wanted);
	struct reply reply;

	if (!wanted)
		return missing_param(mcp, request, "protocolVersion", "a text such as 2025-11-25");
	if (revision == REVISION_NONE || revision == REVISION_2026_07_28)
		revision = REVISION_2025_11_25;
	mcp->session = revision;
	mcp->subscribed = 0;
	reply = reply_begin(mcp, request->id, revision, CACHE_NOT, 0);
	reply_member(&reply, "protocolVersion", NULL);
	text_buffer_format(reply.out, "\"%s\"", revision_text(revision));
	reply_member(&reply, "capabilities",
		     "{\"tools\":{\"listChanged\":false},"
		     "\"resources\":{\"subscribe\":true,\"listChanged\":false}}");
	reply_member(&reply, "serverInfo", mcp_server_info);
	write_instructions(mcp, &reply);
	reply_end(&reply);
}

static void method_discover(struct mcp *mcp, const struct request *request)
{
	struct reply reply =
		reply_begin(mcp, request->id, request->revision, CACHE_PUBLIC, LISTS_TTL);

	reply_member(&reply, "supportedVersions", NULL);
	for (enum revision r = _REVISION_MAX - 1; r > REVISION_NONE; r--)
		text_buffer_format(reply.out, "%s\"%s\"", r == _REVISION_MAX - 1 ? "[" : ",",
				   revision_text(r));
	text_buffer_put(reply.out, "]");
	reply_member(&reply, "capabilities", "{\"tools\":{},\"resources\":{\"subscribe\":true}}");
	write_instructions(mcp, &reply);
	reply_end(&reply);
}

static void method_ping(struct mcp *mcp, const struct request *request)
{
	struct reply reply = reply_begin(mcp, request->id, request->revision, CACHE_NOT, 0);

	reply_end(&reply);
}

/* ---- tools ---- */

static void refuse_cursor(struct mcp *mcp, const struct request *request)
{
	struct error error;

	error_set(&error, ERROR_PARAMETER_RANGE, "cursor", "There is no such cursor");
	error_hint(&error, "give nextCursor of the page before, or none");
	invalid_params(mcp, request, &error);
}

static void method_tools_list(struct mcp *mcp, const struct request *request)
{
	const json_t *cursor = json_object_get(request->params, "cursor");
	struct mcp_page page;
	struct reply reply;

	if ((cursor && !json_is_string(cursor)) ||
	    mcp->backend->list_tools(mcp->backend->context, json_string_value(cursor), &page) < 0)
		return refuse_cursor(mcp, request);
	reply = reply_begin(mcp, request->id, request->revision, CACHE_PUBLIC, LISTS_TTL);
	reply_member(&reply, "tools", NULL);
	text_buffer_append(reply.out, page.text, page.length);
	if (page.next) {
		reply_member(&reply, "nextCursor", NULL);
		text_buffer_quote(reply.out, page.next, strlen(page.next));
	}
	reply_end(&reply);
}

static struct mcp_call *call_new(struct mcp *mcp, const struct request *request)
{
	const json_t *meta = json_object_get(request->params, "_meta");
	json_t *token = json_object_get(meta, "progressToken");
	struct mcp_call *call = calloc(1, sizeof(*call));

	if (!call)
		return NULL;
	*call = (struct mcp_call){
		.mcp = mcp,
		.id = json_incref(request->id),
		.progress_token =
			json_is_string(token) || json_is_integer(token) ? json_incref(token) : NULL,
		.progress = -1,
		.revision = request->revision,
		.next = mcp->calls,
	};
	if (mcp->calls)
		mcp->calls->previous = call;
	mcp->calls = call;
	mcp->calls_count++;
	return call;
}

static void method_tools_call(struct mcp *mcp, const struct request *request)
{
	const char *name = json_member_text(request->params, "name");
	json_t *arguments = json_object_get(request->params, "arguments");
	struct mcp_call *call;
	struct error error = {0};

	if (!name)
		return missing_param(mcp, request, "name", "the name of a tool");
	if (mcp->calls_count >= MCP_CALLS_MAX) {
		error_set(&error, ERROR_TOOL_BUSY, NULL,
			  "%d calls are under way on this connection", MCP_CALLS_MAX);
		error_hint(&error, "wait for answers, or cancel");
		return mcp_write_error(mcp, request->id, JSONRPC_INTERNAL_ERROR, error.message,
				       &error, NULL);
	}
	call = call_new(mcp, request);
	if (!call)
		return mcp_write_error(mcp, request->id, JSONRPC_INTERNAL_ERROR,
				       "Memory is exhausted", NULL, NULL);
	if (mcp->backend->call(mcp->userdata, call, name, arguments, &error) < 0) {
		invalid_params(mcp, request, &error);
		mcp_call_abandon(call);
	}
}

/* ---- resources ---- */

static void write_resources(struct reply *reply, const struct mcp_resource *resources, size_t count,
			    const char *key)
{
	text_buffer_put(reply->out, "[");
	for (size_t i = 0; i < count; i++) {
		_cleanup_json_ json_t *object =
			json_pack("{ss ss ss ss ss}", key, resources[i].uri, "name",
				  resources[i].name, "title", resources[i].title, "description",
				  resources[i].description, "mimeType", "application/json");

		text_buffer_put(reply->out, i ? "," : "");
		text_buffer_json(reply->out, object);
	}
	text_buffer_put(reply->out, "]");
}

static void list_resources(struct mcp *mcp, const struct request *request, const char *member,
			   const char *key, const struct mcp_resource *resources, size_t count)
{
	struct reply reply;

	if (json_object_get(request->params, "cursor"))
		return refuse_cursor(mcp, request);
	reply = reply_begin(mcp, request->id, request->revision, CACHE_PUBLIC, LISTS_TTL);
	reply_member(&reply, member, NULL);
	write_resources(&reply, resources, count, key);
	reply_end(&reply);
}

static void method_resources_list(struct mcp *mcp, const struct request *request)
{
	list_resources(mcp, request, "resources", "uri", mcp->backend->resources,
		       mcp->backend->resources_count);
}

static void method_templates_list(struct mcp *mcp, const struct request *request)
{
	list_resources(mcp, request, "resourceTemplates", "uriTemplate", mcp->backend->templates,
		       mcp->backend->templates_count);
}

static void resource_not_found(struct mcp *mcp, const struct request *request, const char *uri,
			       const struct error *error)
{
	mcp_write_error(mcp, request->id,
			request->revision < REVISION_2026_07_28 ? MCP_RESOURCE_NOT_FOUND
								: JSONRPC_INVALID_PARAMS,
			"Resource not found", error, json_pack("{ss}", "uri", uri));
}

static void method_resources_read(struct mcp *mcp, const struct request *request)
{
	const char *uri = json_member_text(request->params, "uri");
	_cleanup_json_ json_t *content = NULL;
	_cleanup_text_buffer_ struct text_buffer text = {0};
	struct error error = {0};
	struct reply reply;
	int r;

	if (!uri)
		return missing_param(mcp, request, "uri", "the URI of a resource");
	r = mcp->backend->read_resource(mcp->backend->context, uri, &content, &error);
	if (r == -ENOENT)
		return resource_not_found(mcp, request, uri, &error);
	text_buffer_json(&text, content);
	if (r < 0 || text.failed)
		return mcp_write_error(mcp, request->id, JSONRPC_INTERNAL_ERROR,
				       "The resource cannot be read", &error, NULL);
	reply = reply_begin(mcp, request->id, request->revision, CACHE_PRIVATE, 0);
	reply_member(&reply, "contents", NULL);
	text_buffer_put(reply.out, "[{\"uri\":");
	text_buffer_quote(reply.out, uri, strlen(uri));
	text_buffer_put(reply.out, ",\"mimeType\":\"application/json\",\"text\":");
	text_buffer_quote(reply.out, text.data, text.length);
	text_buffer_put(reply.out, "}]");
	reply_end(&reply);
}

/* The bit of a resource in the backend's table, 0 where there is none. */
static uint32_t resource_bit(const struct mcp *mcp, const char *uri)
{
	for (size_t i = 0; uri && i < mcp->backend->resources_count; i++)
		if (strcmp(mcp->backend->resources[i].uri, uri) == 0)
			return UINT32_C(1) << i;
	return 0;
}

static void change_subscription(struct mcp *mcp, const struct request *request, bool subscribe)
{
	const char *uri = json_member_text(request->params, "uri");
	uint32_t bit = resource_bit(mcp, uri);

	if (!uri)
		return missing_param(mcp, request, "uri", "the URI of a resource");
	if (!bit)
		return resource_not_found(mcp, request, uri, NULL);
	mcp->subscribed = subscribe ? mcp->subscribed | bit : mcp->subscribed & ~bit;
	method_ping(mcp, request);
}

static void method_subscribe(struct mcp *mcp, const struct request *request)
{
	change_subscription(mcp, request, true);
}

static void method_unsubscribe(struct mcp *mcp, const struct request *request)
{
	change_subscription(mcp, request, false);
}

/* What of the filter is honoured: resources that there are. The lists of this server never change,
 * so that asking to be told of it is not acknowledged. */
static void write_acknowledgement(struct mcp *mcp, const struct subscription *subscription)
{
	struct text_buffer *out = &mcp->output;
	bool first = true;

	text_buffer_put(out, "{\"jsonrpc\":\"2.0\",\"method\":"
			     "\"notifications/subscriptions/acknowledged\",\"params\":{\"_meta\":{"
			     "\"" META_SUBSCRIPTION_ID "\":");
	text_buffer_json(out, subscription->id);
	text_buffer_put(out, "},\"notifications\":{\"resourceSubscriptions\":[");
	for (size_t i = 0; i < mcp->backend->resources_count; i++) {
		const char *uri = mcp->backend->resources[i].uri;

		if (!(subscription->resources & UINT32_C(1) << i))
			continue;
		text_buffer_put(out, first ? "" : ",");
		text_buffer_quote(out, uri, strlen(uri));
		first = false;
	}
	text_buffer_put(out, "]}}}\n");
}

static void method_listen(struct mcp *mcp, const struct request *request)
{
	const json_t *filter = json_object_get(request->params, "notifications");
	const json_t *uris = json_object_get(filter, "resourceSubscriptions");
	struct subscription *subscription;
	json_t *uri;
	size_t i;

	if (!json_is_object(filter))
		return missing_param(mcp, request, "notifications", "an object");
	subscription = mcp->subscriptions_count < MCP_SUBSCRIPTIONS_MAX
			       ? calloc(1, sizeof(*subscription))
			       : NULL;
	if (!subscription)
		return mcp_write_error(mcp, request->id, JSONRPC_INTERNAL_ERROR,
				       "Too many subscriptions on this connection", NULL, NULL);
	json_array_foreach(uris, i, uri) {
		subscription->resources |= resource_bit(mcp, json_string_value(uri));
	}
	subscription->id = json_incref(request->id);
	subscription->next = mcp->subscriptions;
	mcp->subscriptions = subscription;
	mcp->subscriptions_count++;
	write_acknowledgement(mcp, subscription);
}

/* ---- the table ---- */

enum { ALWAYS = 1 << 0, SESSION = 1 << 1, STATELESS = 1 << 2 };

static const struct {
	const char *name;
	unsigned when;
	void (*run)(struct mcp *mcp, const struct request *request);
} methods[] = {
	{"initialize", ALWAYS, method_initialize},
	{"ping", ALWAYS, method_ping},
	{"server/discover", STATELESS, method_discover},
	{"tools/list", SESSION | STATELESS, method_tools_list},
	{"tools/call", SESSION | STATELESS, method_tools_call},
	{"resources/list", SESSION | STATELESS, method_resources_list},
	{"resources/templates/list", SESSION | STATELESS, method_templates_list},
	{"resources/read", SESSION | STATELESS, method_resources_read},
	{"resources/subscribe", SESSION, method_subscribe},
	{"resources/unsubscribe", SESSION, method_unsubscribe},
	{"subscriptions/listen", STATELESS, method_listen},
};

static void refuse_without_version(struct mcp *mcp, const struct request *request)
{
	struct error error;

	error_set(&error, ERROR_PARAMETER_MISSING, META_PROTOCOL_VERSION,
		  "The request does not say which protocol it speaks");
	error_hint(&error, "give params._meta[\"" META_PROTOCOL_VERSION
			   "\"], or initialize a session first");
	invalid_params(mcp, request, &error);
}

void mcp_dispatch(struct mcp *mcp, const struct request *request)
{
	unsigned era = request->revision == REVISION_2026_07_28 ? STATELESS
		       : request->revision != REVISION_NONE	? ALWAYS | SESSION
								: ALWAYS;

	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		if (strcmp(methods[i].name, request->method) != 0)
			continue;
		if (methods[i].when & era)
			return methods[i].run(mcp, request);
		if (request->revision == REVISION_NONE)
			return refuse_without_version(mcp, request);
		break;
	}
	mcp_write_error(mcp, request->id, JSONRPC_METHOD_NOT_FOUND, "Method not found", NULL,
			json_pack("{ss}", "method", request->method));
}
