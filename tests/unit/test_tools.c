/*
 * The server, the dispatcher and the record together, with tools of the test's own: over a real
 * socket, with the event loop turned by hand.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/base.h"
#include "tools/catalog.h"
#include "tools/record.h"
#include "tools/server.h"
#include "tools/users.h"
#include "unit.h"

struct fixture {
	char directory[64], socket[96];
	sd_event *event;
	struct audit *audit;
	struct dispatcher *dispatcher;
	struct mcp_backend backend;
	struct server *server;
};

/* ---- tools ---- */

static unsigned stopped;
static struct tool_call *later;

static void stop(void *state)
{
	stopped++;
	later = NULL;
}

static int call_echo(struct tool_call *call, json_t **ret, struct error *error)
{
	*ret = json_pack("{so*}", "text",
			 json_incref(json_object_get(tool_call_arguments(call), "text")));
	return 0;
}

static int call_wrong(struct tool_call *call, json_t **ret, struct error *error)
{
	*ret = json_pack("{si}", "nonsense", 1);
	return 0;
}

static int call_fail(struct tool_call *call, json_t **ret, struct error *error)
{
	return error_set(error, ERROR_TIMEOUT, NULL, "No answer came");
}

static int call_later(struct tool_call *call, json_t **ret, struct error *error)
{
	later = call;
	tool_call_set_state(call, NULL, stop);
	return TOOL_LATER;
}

static int call_at_once(struct tool_call *call, json_t **ret, struct error *error)
{
	tool_call_set_state(call, NULL, stop);
	tool_call_complete(call, json_pack("{ss}", "text", "done"));
	return TOOL_LATER;
}

static const struct field parameters[] = {
	{"text", FIELD_TEXT, .most = 900000, .help = "Text"},
	{"hidden", FIELD_TEXT, .secret = true, .help = "A secret"},
	{"carried", FIELD_OBJECT, .help = "Anything"},
	FIELD_END,
};
static const struct field output[] = {{"text", FIELD_TEXT, .help = "Text"}, FIELD_END};

#define TOOL(n, c, r, h, t)                                                                        \
	{                                                                                          \
		.name = n, .title = n, .description = n, .parameters = parameters,                 \
		.output = output, .hints = h, .role = r, .time_limit = t, .call = c                \
	}

static const struct tool tools[] = {
	TOOL("test.echo", call_echo, ROLE_OBSERVER, HINT_READ_ONLY, 1000),
	TOOL("test.wrong", call_wrong, ROLE_OBSERVER, HINT_READ_ONLY, 1000),
	TOOL("test.fail", call_fail, ROLE_OBSERVER, HINT_READ_ONLY, 1000),
	TOOL("test.later", call_later, ROLE_OBSERVER, HINT_READ_ONLY, 50),
	TOOL("test.at_once", call_at_once, ROLE_OBSERVER, HINT_READ_ONLY, 50),
	TOOL("test.change", call_echo, ROLE_AGENT, 0, 1000),
};
static const struct tool_set set = {tools, ARRAY_SIZE(tools)};
static const struct tool_set *const sets[] = {&set, NULL};

static int list_tools(void *context, const char *cursor, struct mcp_page *ret)
{
	*ret = (struct mcp_page){"[]", 2, NULL};
	return 0;
}

static int read_resource(void *context, const char *uri, json_t **ret, struct error *error)
{
	return error_set(error, ERROR_RESOURCE_UNKNOWN, "uri", "none");
}

static const struct mcp_resource resources[] = {{"aiosnet://a", "a", "A", "one"}};

/* ---- the fixture ---- */

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const struct tool_services services = {0};
	struct audit_config audit = {.directory = f->directory};
	struct server_config config = {.socket_path = f->socket};
	enum audit_opened how;
	struct error error;
	char note[256];

	strcpy(f->directory, "/tmp/aiosnet-tools-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	assert_int_equal(chmod(f->directory, 0755), 0);
	snprintf(f->socket, sizeof(f->socket), "%s/net.sock", f->directory);
	assert_int_equal(sd_event_new(&f->event), 0);
	assert_int_equal(audit_open(&f->audit, &audit, &how, note, &error), 0);
	assert_int_equal(dispatcher_new(&f->dispatcher, NULL, f->event, sets, &services, f->audit),
			 0);
	f->backend = (struct mcp_backend){.list_tools = list_tools,
					  .call = server_call,
					  .cancel = server_cancel,
					  .read_resource = read_resource,
					  .resources = resources,
					  .resources_count = 1};
	assert_int_equal(server_new(&f->server, f->event, &config, f->dispatcher, &f->backend,
				    &error),
			 0);
	stopped = 0;
	later = NULL;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	struct audit_report report;
	struct error error;
	char command[128];

	if (f->server)
		server_free(f->server);
	dispatcher_free(f->dispatcher);
	audit_close(f->audit);
	assert_int_equal(audit_verify(f->directory, &report, &error), 0);
	sd_event_unref(f->event);
	snprintf(command, sizeof(command), "rm -r %s", f->directory);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

static void turn(struct fixture *f, unsigned milliseconds)
{
	usec_t end = clock_boottime_usec() + milliseconds * USEC_PER_MSEC;

	do {
		assert_true(sd_event_run(f->event, 1000) >= 0);
	} while (clock_boottime_usec() < end);
}

static int connect_client(struct fixture *f)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	text_copy(address.sun_path, sizeof(address.sun_path), f->socket);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	turn(f, 2);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static char *call_frame(char buffer[512], int id, const char *tool, const char *arguments)
{
	snprintf(buffer, 512,
		 "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"tools/"
		 "call\",\"params\":{\"name\":\"%s\","
		 "\"arguments\":%s,\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":"
		 "\"2026-07-28\",\"io.modelcontextprotocol/clientCapabilities\":{},"
		 "\"io.modelcontextprotocol/clientInfo\":{\"name\":\"unit\"}}}}\n",
		 id, tool, arguments);
	return buffer;
}

/* The next frame, or NULL when the connection ended or nothing comes. */
static json_t *hear(struct fixture *f, int fd)
{
	char bytes[65536];
	size_t used = 0;

	for (unsigned i = 0; i < 500; i++) {
		ssize_t n = recv(fd, bytes + used, 1, 0);

		if (n == 0)
			return NULL;
		if (n < 0) {
			turn(f, 1);
			continue;
		}
		used += (size_t)n;
		i = 0;
		if (bytes[used - 1] == '\n')
			return json_loadb(bytes, used, 0, NULL);
	}
	return NULL;
}

static json_t *ask(struct fixture *f, int fd, const char *tool, const char *arguments)
{
	char buffer[512];

	say(fd, call_frame(buffer, 1, tool, arguments));
	return hear(f, fd);
}

/* Consumes the frame. */
static void assert_tool_error(json_t *frame, const char *code)
{
	const json_t *result = json_object_get(frame, "result");

	assert_true(json_member_true(result, "isError"));
	assert_string_equal(json_member_text(json_object_get(json_object_get(result,
									     "structuredContent"),
							     "error"),
					     "code"),
			    code);
	json_decref(frame);
}

static void assert_text(json_t *frame, const char *text)
{
	const json_t *result = json_object_get(frame, "result");

	assert_true(json_is_false(json_object_get(result, "isError")));
	assert_string_equal(json_member_text(json_object_get(result, "structuredContent"), "text"),
			    text);
	json_decref(frame);
}

static char *record_text(struct fixture *f)
{
	char path[128];
	FILE *file;
	char *text = calloc(1, 1 << 20);

	snprintf(path, sizeof(path), "%s/audit/00000001.jsonl", f->directory);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
	fclose(file);
	return text;
}

/* ---- tests ---- */

static void test_calls(void **state)
{
	struct fixture *f = *state;
	int fd = connect_client(f);

	assert_text(ask(f, fd, "test.echo", "{\"text\":\"hello\"}"), "hello");
	assert_tool_error(ask(f, fd, "test.fail", "{}"), "timeout");
	assert_tool_error(ask(f, fd, "test.wrong", "{}"), "internal");
	assert_tool_error(ask(f, fd, "test.echo", "{\"txet\":1}"), "parameter.unknown");
	assert_tool_error(ask(f, fd, "test.echo", "[]"), "parameter.type");
	assert_text(ask(f, fd, "test.at_once", "{}"), "done");
	assert_int_equal(stopped, 1);
	close(fd);
}

static void test_time_limit_and_cancel(void **state)
{
	struct fixture *f = *state;
	int fd = connect_client(f);
	char buffer[512];

	assert_tool_error(ask(f, fd, "test.later", "{}"), "tool.timeout");
	assert_int_equal(stopped, 1);

	say(fd, call_frame(buffer, 7, "test.later", "{}"));
	turn(f, 5);
	assert_non_null(later);
	tool_call_complete(later, json_pack("{ss}", "text", "late"));
	assert_text(hear(f, fd), "late");
	assert_int_equal(stopped, 2);

	say(fd, call_frame(buffer, 8, "test.later", "{}"));
	turn(f, 5);
	say(fd, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{"
		"\"requestId\":8}}\n");
	turn(f, 5);
	assert_int_equal(stopped, 3);

	/* Who goes away has his work stopped at once. */
	say(fd, call_frame(buffer, 9, "test.later", "{}"));
	turn(f, 5);
	close(fd);
	turn(f, 5);
	assert_int_equal(stopped, 4);
	assert_int_equal(server_connections(f->server), 0);
}

/* Who only stops sending still gets his answers. */
static void test_half_closed(void **state)
{
	struct fixture *f = *state;
	int fd = connect_client(f);
	char buffer[512];

	say(fd, call_frame(buffer, 1, "test.echo", "{\"text\":\"a\"}"));
	say(fd, call_frame(buffer, 2, "test.later", "{}"));
	shutdown(fd, SHUT_WR);
	assert_text(hear(f, fd), "a");
	assert_tool_error(hear(f, fd), "tool.timeout");
	assert_null(hear(f, fd));
	assert_int_equal(server_connections(f->server), 0);
	close(fd);
}

struct kept {
	bool failed;
	char *structured;
};

static void keep(void *userdata, const struct mcp_result *result)
{
	struct kept *kept = userdata;

	kept->failed = result->failed;
	free(kept->structured);
	kept->structured = strndup(result->structured, result->structured_length);
}

static void test_roles(void **state)
{
	struct fixture *f = *state;
	struct kept kept = {0};
	struct dispatch_client client = {.finish = keep, .userdata = &kept, .name = "t"};
	struct caller caller = {.uid = 1234, .role = ROLE_OBSERVER};
	struct tool_call *call;
	struct error error;

	assert_int_equal(dispatcher_call(f->dispatcher, &caller, &client, "test.change", NULL,
					 &call, &error),
			 0);
	assert_true(kept.failed && strstr(kept.structured, "role.insufficient"));
	caller.role = ROLE_AGENT;
	assert_int_equal(dispatcher_call(f->dispatcher, &caller, &client, "test.change", NULL,
					 &call, &error),
			 0);
	assert_false(kept.failed);
	assert_int_equal(dispatcher_call(f->dispatcher, &caller, &client, "test.ehco", NULL, &call,
					 &error),
			 -ENOENT);
	assert_string_equal(error.hint, "did you mean \"test.echo\"?");
	free(kept.structured);
}

static void test_calls_per_user(void **state)
{
	struct fixture *f = *state;
	struct kept kept = {0};
	struct dispatch_client client = {.finish = keep, .userdata = &kept, .name = "t"};
	struct caller caller = {.uid = 1234}, other = {.uid = 1235};
	struct tool_call *calls[CALLS_PER_UID_MAX], *call;
	struct error error;

	for (unsigned i = 0; i < CALLS_PER_UID_MAX; i++)
		assert_int_equal(dispatcher_call(f->dispatcher, &caller, &client, "test.later",
						 NULL, &calls[i], &error),
				 0);
	assert_int_equal(dispatcher_call(f->dispatcher, &caller, &client, "test.echo", NULL, &call,
					 &error),
			 0);
	assert_true(kept.failed && strstr(kept.structured, "tool.busy"));
	assert_int_equal(dispatcher_call(f->dispatcher, &other, &client, "test.echo", NULL, &call,
					 &error),
			 0);
	assert_false(kept.failed);
	for (unsigned i = 0; i < CALLS_PER_UID_MAX; i++)
		dispatcher_cancel(calls[i]);
	assert_int_equal(dispatcher_call(f->dispatcher, &caller, &client, "test.echo", NULL, &call,
					 &error),
			 0);
	assert_false(kept.failed);
	free(kept.structured);
}

static void test_record(void **state)
{
	struct fixture *f = *state;
	int fd = connect_client(f);
	char *text, uid[32];

	json_decref(ask(f, fd, "test.echo",
			"{\"text\":\"seen\",\"hidden\":\"s3cret-a\",\"carried\":{\"wifi\":[{"
			"\"Pre_Shared_KEY\":\"s3cret-b\",\"name\":\"home\"}],\"api_token\":{\"x\":"
			"\"s3cret-c\"}}}"));
	json_decref(ask(f, fd, "test.echo", "{\"password\":\"s3cret-d\"}"));
	json_decref(ask(f, fd, "test.echo", "{\"hidden\":[\"s3cret-e\"]}"));
	json_decref(ask(f, fd, "test.change", "{\"text\":\"changed\"}"));
	text = record_text(f);
	assert_null(strstr(text, "s3cret"));
	assert_non_null(strstr(text, "\"text\":\"seen\""));
	assert_non_null(strstr(text, "\"name\":\"home\""));
	assert_non_null(strstr(text, "\"client\":\"unit\""));
	assert_non_null(strstr(text, "parameter.unknown"));
	assert_non_null(strstr(text, "\"kind\":\"begin\""));
	snprintf(uid, sizeof(uid), "\"uid\":%u", getuid());
	assert_non_null(strstr(text, uid));
	free(text);
	close(fd);
}

static void test_bad_input_leaves_others_alone(void **state)
{
	static const char *const lines[] = {"\n",
					    "{\n",
					    "[]\n",
					    "\xff\xfe\n",
					    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\"}\n",
					    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/"
					    "call\",\"params\":{\"name\":{}}}\n"};
	struct fixture *f = *state;
	int good = connect_client(f), bad;

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		bad = connect_client(f);
		say(bad, lines[i]);
		turn(f, 2);
		assert_text(ask(f, good, "test.echo", "{\"text\":\"on\"}"), "on");
		close(bad);
	}
	turn(f, 2);
	assert_int_equal(server_connections(f->server), 1);
	close(good);
}

/* 100 MB in one frame: told so and closed, and memory stays what it was. */
static void test_huge_frame(void **state)
{
	struct fixture *f = *state;
	int fd = connect_client(f), good = connect_client(f);
	struct rusage before, after;
	char piece[65536];
	json_t *frame;

	memset(piece, '[', sizeof(piece));
	getrusage(RUSAGE_SELF, &before);
	for (size_t sent = 0; sent < 100u << 20;) {
		ssize_t n = send(fd, piece, sizeof(piece), MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			break;
		sent += n > 0 ? (size_t)n : 0;
		turn(f, 0);
	}
	frame = hear(f, fd);
	assert_non_null(frame);
	assert_string_equal(
		json_member_text(json_object_get(json_object_get(frame, "error"), "data"), "code"),
		"request.too_large");
	json_decref(frame);
	assert_null(hear(f, fd));
	getrusage(RUSAGE_SELF, &after);
	assert_true(after.ru_maxrss - before.ru_maxrss < 16 * 1024);
	assert_text(ask(f, good, "test.echo", "{\"text\":\"on\"}"), "on");
	close(fd);
	close(good);
}

/* Who does not read what he asked for stops being heard; others are. */
static void test_slow_reader(void **state)
{
	struct fixture *f = *state;
	int slow = connect_client(f), good = connect_client(f);
	size_t accepted = 0;
	char buffer[512];

	for (unsigned i = 0; i < 200000; i++) {
		call_frame(buffer, 1, "test.echo", "{\"text\":\"0123456789\"}");
		if (send(slow, buffer, strlen(buffer), MSG_NOSIGNAL) != (ssize_t)strlen(buffer))
			break;
		accepted++;
		turn(f, 0);
	}
	assert_true(accepted < 20000);
	assert_text(ask(f, good, "test.echo", "{\"text\":\"on\"}"), "on");
	close(slow);
	close(good);
	turn(f, 5);
	assert_int_equal(server_connections(f->server), 0);
}

static void test_many_connections(void **state)
{
	struct fixture *f = *state;
	int first = connect_client(f), fds[700];
	struct rlimit limit = {2048, 4096};

	(void)setrlimit(RLIMIT_NOFILE, &limit);
	for (unsigned i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = connect_client(f);
	assert_int_equal(server_connections(f->server), CONNECTIONS_MAX);
	/* The oldest idle one had to go; the newest is served. */
	assert_null(hear(f, first));
	assert_text(ask(f, fds[ARRAY_SIZE(fds) - 1], "test.echo", "{\"text\":\"on\"}"), "on");
	for (unsigned i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
	for (unsigned i = 0; i < 2000 && server_connections(f->server) > 0; i++)
		turn(f, 1);
	assert_int_equal(server_connections(f->server), 0);
	close(first);
}

static void test_no_descriptors(void **state)
{
	struct fixture *f = *state;
	int good = connect_client(f), fds[2048], refused;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	unsigned count = 0;

	refused = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	while (count < ARRAY_SIZE(fds) && (fds[count] = open("/dev/null", O_RDONLY)) >= 0)
		count++;
	if (count == ARRAY_SIZE(fds))
		skip();
	text_copy(address.sun_path, sizeof(address.sun_path), f->socket);
	assert_int_equal(connect(refused, (struct sockaddr *)&address, sizeof(address)), 0);
	turn(f, 5);
	assert_null(hear(f, refused));
	assert_text(ask(f, good, "test.echo", "{\"text\":\"on\"}"), "on");
	while (count > 0)
		close(fds[--count]);
	close(refused);
	close(good);
	good = connect_client(f);
	assert_text(ask(f, good, "test.echo", "{\"text\":\"on\"}"), "on");
	close(good);
}

static void test_socket_file(void **state)
{
	struct fixture *f = *state;
	struct server_config config = {.socket_path = f->socket};
	struct server *second = NULL;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat status;
	struct error error;
	int fd;

	assert_int_equal(stat(f->socket, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0666);
	assert_true(server_new(&second, f->event, &config, f->dispatcher, &f->backend, &error) < 0);
	assert_int_equal(error.code, ERROR_DAEMON_RUNNING);
	assert_int_equal(stat(f->socket, &status), 0);

	/* A dead daemon's is replaced; a file that is no socket is not. */
	server_free(f->server);
	f->server = NULL;
	assert_true(stat(f->socket, &status) < 0);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	text_copy(address.sun_path, sizeof(address.sun_path), f->socket);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	assert_int_equal(server_new(&f->server, f->event, &config, f->dispatcher, &f->backend,
				    &error),
			 0);
	server_free(f->server);
	f->server = NULL;
	close(open(f->socket, O_CREAT | O_WRONLY, 0600));
	assert_true(server_new(&f->server, f->event, &config, f->dispatcher, &f->backend, &error) <
		    0);
	f->server = NULL;
}

static void test_changes_are_told(void **state)
{
	struct fixture *f = *state;
	int fd = connect_client(f);
	json_t *frame;
	unsigned told = 0;

	say(fd,
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{"
	    "\"protocolVersion\":\"2025-11-25\"}}\n"
	    "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"resources/subscribe\",\"params\":{\"uri\":"
	    "\"aiosnet://a\"}}\n");
	json_decref(hear(f, fd));
	json_decref(hear(f, fd));
	/* A storm of changes is a few notifications. */
	for (unsigned i = 0; i < 10000; i++)
		server_resource_changed(f->server, 0);
	turn(f, 5);
	for (unsigned i = 0; i < 10000; i++)
		server_resource_changed(f->server, 0);
	turn(f, 150);
	while ((frame = hear(f, fd))) {
		json_decref(frame);
		told++;
	}
	assert_int_equal(told, 2);
	close(fd);
}

/* Every tool's table is complete and its schema can be made. */
static void test_catalog(void **state)
{
	for (size_t s = 0; all_tools[s]; s++)
		for (size_t i = 0; i < all_tools[s]->count; i++) {
			const struct tool *tool = &all_tools[s]->tools[i];
			json_t *json = catalog_describe(tool);

			assert_non_null(json);
			assert_non_null(tool->title);
			assert_non_null(tool->description);
			assert_true(!tool->call != !tool->propose);
			assert_true(tool->time_limit > 0);
			assert_true(tool->propose ? !tool->output : !!tool->output);
			assert_true(!(tool->hints & HINT_READ_ONLY) ||
				    !(tool->hints & HINT_DESTRUCTIVE));
			assert_true(tool->role > ROLE_OBSERVER || tool->hints & HINT_READ_ONLY);
			json_decref(json);
		}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_calls),
		TEST(test_time_limit_and_cancel),
		TEST(test_half_closed),
		TEST(test_roles),
		TEST(test_calls_per_user),
		TEST(test_record),
		TEST(test_bad_input_leaves_others_alone),
		TEST(test_huge_frame),
		TEST(test_slow_reader),
		TEST(test_many_connections),
		TEST(test_no_descriptors),
		TEST(test_socket_file),
		TEST(test_changes_are_told),
		cmocka_unit_test(test_catalog),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
