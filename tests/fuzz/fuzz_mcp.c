/*
 * Bytes of a client, through the protocol, the validation of every tool's table, and the redaction.
 * What comes out must be whole frames of JSON-RPC, and the same however the bytes were cut.
 */
#include "fuzz.h"
#include "tools/catalog.h"
#include "tools/fields.h"
#include "tools/record.h"

struct backend {
	struct dispatcher *dispatcher;
	struct mcp_call *waiting[8];
	unsigned calls;
};

static int fuzz_call(void *userdata, struct mcp_call *call, const char *name, json_t *arguments,
		     struct error *error)
{
	struct backend *backend = userdata;
	const struct tool *tool = dispatcher_tool(backend->dispatcher, name, error);
	struct mcp_result result = {.structured = "{}", .structured_length = 2};
	struct field_tables tables;
	json_t *validated = NULL;

	if (!tool)
		return -ENOENT;
	tables = tool_parameters(tool);
	if (arguments) {
		_cleanup_text_buffer_ struct text_buffer text = {0};

		record_redact(backend->dispatcher, tool, arguments, &text);
	}
	result.failed = fields_validate(&tables, arguments, &validated, error) < 0;
	result.summary = result.failed ? error->message : NULL;
	json_decref(validated);
	/* Some calls stay under way, until they are cancelled or the connection ends. */
	if (++backend->calls % 3 == 0) {
		for (unsigned i = 0; i < ARRAY_SIZE(backend->waiting); i++)
			if (!backend->waiting[i]) {
				backend->waiting[i] = call;
				mcp_call_progress(call, 1, 2, name);
				return 0;
			}
	}
	mcp_call_finish(call, &result);
	return 0;
}

static void fuzz_cancel(void *userdata, struct mcp_call *call)
{
	struct backend *backend = userdata;

	for (unsigned i = 0; i < ARRAY_SIZE(backend->waiting); i++)
		if (backend->waiting[i] == call)
			backend->waiting[i] = NULL;
}

static int fuzz_list(void *context, const char *cursor, struct mcp_page *ret)
{
	*ret = (struct mcp_page){"[]", 2, "next"};
	return cursor && strcmp(cursor, "next") != 0 ? -EINVAL : 0;
}

static int fuzz_read(void *context, const char *uri, json_t **ret, struct error *error)
{
	if (strlen(uri) > 12)
		return error_set(error, ERROR_RESOURCE_UNKNOWN, "uri", "no %s", uri);
	*ret = json_pack("{ss}", "uri", uri);
	return 0;
}

static const struct mcp_resource resources[] = {
	{"aiosnet://a", "a", "A", "a"},
	{"aiosnet://b", "b", "B", "b"},
};

static const struct mcp_backend template = {
	.list_tools = fuzz_list,
	.call = fuzz_call,
	.cancel = fuzz_cancel,
	.read_resource = fuzz_read,
	.resources = resources,
	.resources_count = ARRAY_SIZE(resources),
};

static void check_output(const char *output, size_t length)
{
	size_t used = 0;

	while (used < length) {
		const char *end = memchr(output + used, '\n', length - used);
		json_t *frame = end ? json_loadb(output + used, (size_t)(end - output) - used,
						 JSON_REJECT_DUPLICATES, NULL)
				    : NULL;

		if (!json_member_text(frame, "jsonrpc"))
			abort();
		json_decref(frame);
		used = (size_t)(end - output) + 1;
	}
}

/* All that comes out when the bytes arrive in pieces of `piece`. */
static size_t run(struct dispatcher *dispatcher, const uint8_t *data, size_t size, size_t piece,
		  char **ret)
{
	struct backend backend = {.dispatcher = dispatcher};
	struct mcp *mcp;
	const char *output;
	size_t length;

	if (mcp_new(&mcp, &template, &backend) < 0)
		abort();
	for (size_t i = 0; i < size; i += piece) {
		if (mcp_receive(mcp, data + i, MIN(piece, size - i)) < 0)
			abort();
		do
			mcp_process(mcp, 4);
		while (mcp_wants_turn(mcp));
	}
	mcp_resource_changed(mcp, 0);
	mcp_process(mcp, 1);
	mcp_stop(mcp);
	output = mcp_output(mcp, &length);
	check_output(output, length);
	*ret = length ? memcpy(malloc(length), output, length) : NULL;
	mcp_free(mcp);
	for (unsigned i = 0; i < ARRAY_SIZE(backend.waiting); i++)
		if (backend.waiting[i])
			abort();
	return length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct dispatcher *dispatcher;
	const struct tool_services services = {0};
	char *whole, *pieces;
	sd_event *event;
	size_t length;

	if (!dispatcher &&
	    (sd_event_new(&event) < 0 ||
	     dispatcher_new(&dispatcher, NULL, event, all_tools, &services, NULL) < 0))
		abort();
	length = run(dispatcher, data, size, size ?: 1, &whole);
	if (length != run(dispatcher, data, size, 7, &pieces) ||
	    (length && memcmp(whole, pieces, length) != 0))
		abort();
	free(whole);
	free(pieces);
	return 0;
}
