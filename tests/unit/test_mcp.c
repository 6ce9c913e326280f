#include "base/base.h"
#include "tools/mcp.h"
#include "unit.h"

/* A backend whose one tool echoes, waits, or fails, by its argument. */
struct backend_state {
	struct mcp_call *waiting;
	unsigned cancelled;
};

struct fixture {
	struct backend_state state;
	struct mcp_backend backend;
	struct mcp *mcp;
};

static void finish(struct mcp_call *call, bool failed, const char *structured)
{
	const struct mcp_result result = {
		.failed = failed,
		.summary = "said \"so\"",
		.structured = structured,
		.structured_length = strlen(structured),
	};

	mcp_call_finish(call, &result);
}

static int fake_call(void *userdata, struct mcp_call *call, const char *tool, json_t *arguments,
		     struct error *error)
{
	struct fixture *fixture = userdata;

	if (strcmp(tool, "echo") == 0)
		finish(call, false, "{\"ok\":true}");
	else if (strcmp(tool, "fail") == 0)
		finish(call, true, "{\"error\":{\"code\":\"internal\",\"message\":\"m\"}}");
	else if (strcmp(tool, "wait") == 0)
		fixture->state.waiting = call;
	else
		return error_set(error, ERROR_TOOL_UNKNOWN, "name", "There is no tool");
	return 0;
}

static void fake_cancel(void *userdata, struct mcp_call *call)
{
	struct fixture *fixture = userdata;

	fixture->state.cancelled++;
	fixture->state.waiting = NULL;
}

static int fake_list(void *context, const char *cursor, struct mcp_page *ret)
{
	bool second = cursor && strcmp(cursor, "two") == 0;

	if (cursor && !second)
		return -EINVAL;
	*ret = (struct mcp_page){"[]", 2, second ? NULL : "two"};
	return 0;
}

static int fake_read(void *context, const char *uri, json_t **ret, struct error *error)
{
	if (strcmp(uri, "aiosnet://a") != 0)
		return error_set(error, ERROR_RESOURCE_UNKNOWN, "uri", "no");
	*ret = json_pack("{si}", "a", 1);
	return 0;
}

static const struct mcp_resource resources[] = {
	{"aiosnet://a", "a", "A", "first"},
	{"aiosnet://b", "b", "B", "second"},
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	fixture->backend = (struct mcp_backend){
		.context = fixture,
		.list_tools = fake_list,
		.call = fake_call,
		.cancel = fake_cancel,
		.read_resource = fake_read,
		.resources = resources,
		.resources_count = ARRAY_SIZE(resources),
		.instructions = "look first",
	};
	assert_int_equal(mcp_new(&fixture->mcp, &fixture->backend, fixture), 0);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	mcp_free(fixture->mcp);
	free(fixture);
	return 0;
}

/* What comes out, as an array of the frames. */
static json_t *take_output(struct mcp *mcp)
{
	size_t length, used = 0;
	const char *output = mcp_output(mcp, &length);
	json_t *frames = json_array();

	while (used < length) {
		const char *end = memchr(output + used, '\n', length - used);
		json_t *frame;

		assert_non_null(end);
		frame = json_loadb(output + used, (size_t)(end - output) - used,
				   JSON_REJECT_DUPLICATES, NULL);
		assert_non_null(frame);
		assert_string_equal(json_member_text(frame, "jsonrpc"), "2.0");
		json_array_append_new(frames, frame);
		used = (size_t)(end - output) + 1;
	}
	mcp_output_sent(mcp, length);
	return frames;
}

static void feed(struct fixture *fixture, const char *text)
{
	assert_int_equal(mcp_receive(fixture->mcp, text, strlen(text)), 0);
	for (unsigned i = 0; i < 100 && (i == 0 || mcp_wants_turn(fixture->mcp)); i++)
		mcp_process(fixture->mcp, 8);
}

/* Exactly one frame comes back; the caller frees it. */
static json_t *exchange(struct fixture *fixture, const char *text)
{
	_cleanup_json_ json_t *frames = NULL;

	feed(fixture, text);
	feed(fixture, "\n");
	frames = take_output(fixture->mcp);
	assert_int_equal(json_array_size(frames), 1);
	return json_incref(json_array_get(frames, 0));
}

#define META                                                                                       \
	"\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","                   \
	"\"io.modelcontextprotocol/clientCapabilities\":{},"                                       \
	"\"io.modelcontextprotocol/clientInfo\":{\"name\":\"tester\",\"version\":\"1\"}}"

static void initialize(struct fixture *fixture, const char *version, const char *expected)
{
	char text[256];
	json_t *frame;

	snprintf(text, sizeof(text),
		 "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{"
		 "\"protocolVersion\":\"%s\",\"capabilities\":{},\"clientInfo\":{\"name\":\"t\"}}}",
		 version);
	frame = exchange(fixture, text);
	assert_string_equal(json_member_text(json_object_get(frame, "result"), "protocolVersion"),
			    expected);
	json_decref(frame);
	feed(fixture, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n");
}

static void assert_error(json_t *frame, int code, const char *data_code)
{
	const json_t *error = json_object_get(frame, "error");

	assert_non_null(error);
	assert_int_equal(json_member_integer(error, "code", 0), code);
	if (data_code)
		assert_string_equal(json_member_text(json_object_get(error, "data"), "code"),
				    data_code);
	json_decref(frame);
}

static void test_negotiation(void **state)
{
	initialize(*state, "2025-11-25", "2025-11-25");
	initialize(*state, "2025-06-18", "2025-06-18");
	initialize(*state, "2025-03-26", "2025-03-26");
	initialize(*state, "1999-01-01", "2025-11-25");
	initialize(*state, "2026-07-28", "2025-11-25");
}

static void test_session_is_needed(void **state)
{
	assert_error(exchange(*state, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}"),
		     -32602, "parameter.missing");
	json_decref(exchange(*state, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}"));
	initialize(*state, "2025-11-25", "2025-11-25");
	assert_error(exchange(*state, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"nonsense\"}"),
		     -32601, NULL);
	assert_error(exchange(*state,
			      "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"server/discover\"}"),
		     -32601, NULL);
}

static void test_discover(void **state)
{
	json_t *frame = exchange(*state, "{\"jsonrpc\":\"2.0\",\"id\":\"d\",\"method\":"
					 "\"server/discover\",\"params\":{" META "}}");
	const json_t *result = json_object_get(frame, "result");

	assert_string_equal(json_member_text(frame, "id"), "d");
	assert_string_equal(json_member_text(result, "resultType"), "complete");
	assert_string_equal(
		json_string_value(json_array_get(json_object_get(result, "supportedVersions"), 0)),
		"2026-07-28");
	assert_true(json_is_integer(json_object_get(result, "ttlMs")));
	assert_string_equal(json_member_text(result, "cacheScope"), "public");
	assert_string_equal(json_member_text(result, "instructions"), "look first");
	assert_string_equal(json_member_text(json_object_get(json_object_get(result, "_meta"),
							     "io.modelcontextprotocol/serverInfo"),
					     "name"),
			    "aiosnet");
	assert_string_equal(mcp_client_name(((struct fixture *)*state)->mcp), "tester");
	json_decref(frame);
}

static void test_stateless_envelope(void **state)
{
	json_t *frame = exchange(
		*state,
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{\"_meta\":{"
		"\"io.modelcontextprotocol/protocolVersion\":\"2030-01-01\"}}}");
	const json_t *data = json_object_get(json_object_get(frame, "error"), "data");

	assert_string_equal(json_string_value(
				    json_array_get(json_object_get(data, "supported"), 0)),
			    "2026-07-28");
	assert_string_equal(json_member_text(data, "requested"), "2030-01-01");
	assert_error(frame, -32022, NULL);
	assert_error(exchange(*state, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\","
				      "\"params\":{\"_meta\":{\"io.modelcontextprotocol/"
				      "protocolVersion\":\"2026-07-28\"}}}"),
		     -32602, "parameter.missing");
	/* What the stateless era has no more. */
	assert_error(exchange(*state,
			      "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/subscribe\","
			      "\"params\":{" META "}}"),
		     -32601, NULL);
}

static void test_pages(void **state)
{
	json_t *frame = exchange(*state, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\","
					 "\"params\":{" META "}}");
	const json_t *result = json_object_get(frame, "result");

	assert_string_equal(json_member_text(result, "nextCursor"), "two");
	assert_true(json_is_array(json_object_get(result, "tools")));
	json_decref(frame);
	frame = exchange(*state, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\","
				 "\"params\":{\"cursor\":\"two\"," META "}}");
	assert_null(json_object_get(json_object_get(frame, "result"), "nextCursor"));
	json_decref(frame);
	assert_error(exchange(*state, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\","
				      "\"params\":{\"cursor\":\"x\"," META "}}"),
		     -32602, "parameter.range");
	assert_error(exchange(*state, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\","
				      "\"params\":{\"cursor\":7," META "}}"),
		     -32602, "parameter.range");
}

static const json_t *result_of(const json_t *frame)
{
	const json_t *result = json_object_get(frame, "result");

	assert_non_null(result);
	return result;
}

static void test_calls(void **state)
{
	json_t *frame = exchange(*state, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\","
					 "\"params\":{\"name\":\"echo\"," META "}}");
	const json_t *content = json_object_get(result_of(frame), "content");

	assert_int_equal(json_array_size(content), 1);
	assert_string_equal(json_member_text(json_array_get(content, 0), "text"), "said \"so\"");
	assert_true(json_member_true(json_object_get(result_of(frame), "structuredContent"), "ok"));
	assert_true(json_is_false(json_object_get(result_of(frame), "isError")));
	json_decref(frame);

	frame = exchange(*state, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\","
				 "\"params\":{\"name\":\"fail\"," META "}}");
	assert_true(json_member_true(result_of(frame), "isError"));
	json_decref(frame);

	assert_error(exchange(*state, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\","
				      "\"params\":{\"name\":\"what\"," META "}}"),
		     -32602, "tool.unknown");
	assert_error(exchange(*state, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\","
				      "\"params\":{" META "}}"),
		     -32602, "parameter.missing");

	/* The handshake's clients get the JSON as text too. */
	initialize(*state, "2025-11-25", "2025-11-25");
	frame = exchange(*state, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\","
				 "\"params\":{\"name\":\"echo\"}}");
	content = json_object_get(result_of(frame), "content");
	assert_int_equal(json_array_size(content), 2);
	assert_string_equal(json_member_text(json_array_get(content, 1), "text"), "{\"ok\":true}");
	json_decref(frame);
}

static void test_cancel_and_late_answer(void **state)
{
	struct fixture *fixture = *state;
	json_t *frames;

	initialize(fixture, "2025-11-25", "2025-11-25");
	feed(fixture,
	     "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"tools/call\",\"params\":{\"name\":"
	     "\"wait\",\"_meta\":{\"progressToken\":\"p\"}}}\n");
	assert_non_null(fixture->state.waiting);
	mcp_call_progress(fixture->state.waiting, 1, 3, "one");
	mcp_call_progress(fixture->state.waiting, 1, 3, "not more");
	frames = take_output(fixture->mcp);
	assert_int_equal(json_array_size(frames), 1);
	json_decref(frames);

	/* The same id is not taken twice while the first is under way. */
	assert_error(exchange(fixture, "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"ping\"}"),
		     -32600, "request.malformed");

	feed(fixture, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{"
		      "\"requestId\":5}}\n");
	assert_int_equal(fixture->state.cancelled, 1);
	frames = take_output(fixture->mcp);
	assert_int_equal(json_array_size(frames), 0);
	json_decref(frames);
	assert_true(mcp_is_idle(fixture->mcp));

	feed(fixture,
	     "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"tools/call\",\"params\":{\"name\":"
	     "\"wait\"}}\n");
	finish(fixture->state.waiting, false, "{}");
	frames = take_output(fixture->mcp);
	assert_int_equal(json_array_size(frames), 1);
	json_decref(frames);
}

static void test_subscriptions(void **state)
{
	struct fixture *fixture = *state;
	json_t *frame, *frames;

	initialize(fixture, "2025-11-25", "2025-11-25");
	json_decref(exchange(fixture,
			     "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/subscribe\","
			     "\"params\":{\"uri\":\"aiosnet://b\"}}"));
	assert_error(exchange(fixture, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/"
				       "subscribe\",\"params\":{\"uri\":\"aiosnet://c\"}}"),
		     -32002, NULL);
	frame = exchange(fixture,
			 "{\"jsonrpc\":\"2.0\",\"id\":\"s\",\"method\":\"subscriptions/listen\","
			 "\"params\":{\"notifications\":{\"resourceSubscriptions\":["
			 "\"aiosnet://b\",\"aiosnet://c\"]}," META "}}");
	assert_string_equal(json_member_text(frame, "method"),
			    "notifications/subscriptions/acknowledged");
	json_decref(frame);

	mcp_resource_changed(fixture->mcp, 0);
	mcp_resource_changed(fixture->mcp, 1);
	mcp_resource_changed(fixture->mcp, 1);
	feed(fixture, "");
	frames = take_output(fixture->mcp);
	assert_int_equal(json_array_size(frames), 2);
	frame = json_object_get(json_array_get(frames, 1), "params");
	assert_string_equal(json_member_text(frame, "uri"), "aiosnet://b");
	assert_string_equal(json_member_text(json_object_get(frame, "_meta"),
					     "io.modelcontextprotocol/subscriptionId"),
			    "s");
	json_decref(frames);

	mcp_stop(fixture->mcp);
	frames = take_output(fixture->mcp);
	assert_int_equal(json_array_size(frames), 1);
	assert_string_equal(json_member_text(result_of(json_array_get(frames, 0)), "resultType"),
			    "complete");
	json_decref(frames);
}

static void test_resources(void **state)
{
	json_t *frame =
		exchange(*state, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/read\","
				 "\"params\":{\"uri\":\"aiosnet://a\"," META "}}");
	const json_t *contents = json_object_get(result_of(frame), "contents");

	assert_string_equal(json_member_text(json_array_get(contents, 0), "text"), "{\"a\":1}");
	assert_string_equal(json_member_text(result_of(frame), "cacheScope"), "private");
	json_decref(frame);
	assert_error(exchange(*state, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/read\","
				      "\"params\":{\"uri\":\"aiosnet://x\"," META "}}"),
		     -32602, "resource.unknown");
	frame = exchange(*state, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/list\","
				 "\"params\":{" META "}}");
	assert_int_equal(json_array_size(json_object_get(result_of(frame), "resources")), 2);
	json_decref(frame);
}

static void test_bad_frames(void **state)
{
	static const struct {
		const char *text;
		int code;
	} frames[] = {
		{"{", -32700},
		{"nonsense", -32700},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"p\xff\"}", -32700},
		{"{\"jsonrpc\":\"2.0\",\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}", -32700},
		{"[]", -32600},
		{"7", -32600},
		{"{}", -32600},
		{"{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"ping\"}", -32600},
		{"{\"jsonrpc\":\"2.0\",\"id\":1}", -32600},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":7}", -32600},
		{"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}", -32600},
		{"{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"ping\"}", -32600},
		{"{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"ping\"}", -32600},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":[]}", -32600},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\"}", -32602},
	};

	for (size_t i = 0; i < ARRAY_SIZE(frames); i++)
		assert_error(exchange(*state, frames[i].text), frames[i].code, NULL);
	/* The connection lives on. */
	json_decref(exchange(*state, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}"));
}

static void test_silence(void **state)
{
	static const char *const frames[] = {
		"\n\n  \r\n",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n",
		"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/whatever\"}\n",
		"{\"jsonrpc\":\"2.0\",\"method\":\"tools/call\",\"params\":{\"name\":\"echo\"}}\n",
		"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\"}\n",
	};
	struct fixture *fixture = *state;
	size_t length;

	for (size_t i = 0; i < ARRAY_SIZE(frames); i++)
		feed(fixture, frames[i]);
	(void)mcp_output(fixture->mcp, &length);
	assert_int_equal(length, 0);
	assert_true(mcp_is_idle(fixture->mcp));
}

static void test_pieces_and_pipelines(void **state)
{
	static const char request[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\r\n";
	struct fixture *fixture = *state;
	json_t *frames;

	for (size_t i = 0; i < sizeof(request) - 1; i++) {
		assert_int_equal(mcp_receive(fixture->mcp, request + i, 1), 0);
		mcp_process(fixture->mcp, 8);
	}
	frames = take_output(fixture->mcp);
	assert_int_equal(json_array_size(frames), 1);
	json_decref(frames);

	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(mcp_receive(fixture->mcp, request, sizeof(request) - 1), 0);
	mcp_process(fixture->mcp, 30);
	assert_true(mcp_wants_turn(fixture->mcp));
	while (mcp_wants_turn(fixture->mcp))
		mcp_process(fixture->mcp, 30);
	frames = take_output(fixture->mcp);
	assert_int_equal(json_array_size(frames), 100);
	json_decref(frames);
}

static void test_too_large(void **state)
{
	struct fixture *fixture = *state;
	char piece[65536];
	json_t *frames;

	memset(piece, 'a', sizeof(piece));
	for (unsigned i = 0; i < 1600 && !mcp_is_closing(fixture->mcp); i++) {
		assert_int_equal(mcp_receive(fixture->mcp, piece, sizeof(piece)), 0);
		mcp_process(fixture->mcp, 8);
	}
	assert_true(mcp_is_closing(fixture->mcp));
	frames = take_output(fixture->mcp);
	assert_error(json_incref(json_array_get(frames, 0)), -32600, "request.too_large");
	json_decref(frames);
	/* What comes after is not even kept. */
	assert_int_equal(mcp_receive(fixture->mcp, piece, sizeof(piece)), 0);
	assert_true(mcp_is_idle(fixture->mcp));
}

/* Who does not read is not read from, and gets no notification on top. */
static void test_back_pressure(void **state)
{
	static const char request[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n";
	struct fixture *fixture = *state;
	size_t length;

	for (unsigned i = 0; i < 20000; i++)
		assert_int_equal(mcp_receive(fixture->mcp, request, sizeof(request) - 1), 0);
	for (unsigned i = 0; i < 2000; i++)
		mcp_process(fixture->mcp, 100);
	(void)mcp_output(fixture->mcp, &length);
	assert_true(length > MCP_OUTPUT_HIGH && length < MCP_OUTPUT_HIGH + 4096);
	assert_false(mcp_wants_turn(fixture->mcp));
	mcp_output_sent(fixture->mcp, length);
	assert_true(mcp_wants_turn(fixture->mcp));
}

static void test_batch(void **state)
{
	static const char batch[] = "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"},"
				    "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"}]\n";
	json_t *frames;

	initialize(*state, "2025-03-26", "2025-03-26");
	feed(*state, batch);
	frames = take_output(((struct fixture *)*state)->mcp);
	assert_int_equal(json_array_size(frames), 2);
	json_decref(frames);
}

static void test_free_cancels(void **state)
{
	struct fixture *fixture = *state;

	feed(fixture,
	     "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"tools/call\",\"params\":{\"name\":"
	     "\"wait\"," META "}}\n");
	assert_non_null(fixture->state.waiting);
	mcp_free(fixture->mcp);
	assert_int_equal(fixture->state.cancelled, 1);
	assert_int_equal(mcp_new(&fixture->mcp, &fixture->backend, fixture), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_negotiation),	  TEST(test_session_is_needed),
		TEST(test_discover),	  TEST(test_stateless_envelope),
		TEST(test_pages),	  TEST(test_calls),
		TEST(test_resources),	  TEST(test_cancel_and_late_answer),
		TEST(test_subscriptions), TEST(test_bad_frames),
		TEST(test_silence),	  TEST(test_pieces_and_pipelines),
		TEST(test_too_large),	  TEST(test_back_pressure),
		TEST(test_batch),	  TEST(test_free_cancels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
