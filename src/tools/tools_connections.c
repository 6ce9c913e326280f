/* net.connections: the sockets of this host, with their owners. */
#include <stdio.h>
#include <string.h>

#include "monitor/monitor.h"
#include "probe.h"

#define QUERY_TIME_MAX (5 * USEC_PER_SEC)

static const char *const protocol_values[] = {"tcp", "udp", NULL};

static const char *const state_values[] = {
	"established", "syn_sent",    "syn_received", "fin_wait_1", "fin_wait_2",
	"time_wait",   "close",	      "close_wait",   "last_ack",   "listening",
	"closing",     "unconnected", NULL,
};

static const struct field connection_parameters[] = {
	{"protocol", FIELD_TEXT, .values = protocol_values, .help = "Only this one"},
	{"state", FIELD_TEXT, .list = true, .values = state_values, .items_most = 16,
	 .help = "Only in one of these; unconnected is UDP's"},
	{"family", FIELD_TEXT, .values = family_values, .help = "Only sockets of this family"},
	{"port", FIELD_INTEGER, .least = 1, .most = 65535, .help = "Only with it on either side"},
	{"address", FIELD_PREFIX, .help = "Only with an address of it on either side"},
	{"pid", FIELD_INTEGER, .least = 1, .most = 4194304, .help = "Only of this process"},
	{"uid", FIELD_INTEGER, .least = 0, .most = 4294967295.0, .help = "Only of this user"},
	{"owners", FIELD_BOOLEAN, .fallback = "false",
	 .help = "Name the processes; costs a look at each descriptor of the host"},
	{"limit", FIELD_INTEGER, .least = 1, .most = CONNECTIONS_MAX, .fallback = "200",
	 .help = "How many are listed at most"},
	FIELD_END,
};

static const struct field connection_members[] = {
	{"protocol", FIELD_TEXT, .required = true, .values = protocol_values, .help = "Which"},
	{"state", FIELD_TEXT, .required = true, .help = "Of TCP; UDP: unconnected, established"},
	{"local_address", FIELD_ADDRESS, .required = true, .help = "Our side"},
	{"local_port", FIELD_INTEGER, .required = true, .help = "Our side"},
	{"remote_address", FIELD_ADDRESS, .help = "Other side; absent where not connected"},
	{"remote_port", FIELD_INTEGER, .help = "Other side"},
	{"receive_queue", FIELD_INTEGER, .required = true, .unit = "bytes",
	 .help = "Not yet read; of a listener the connections not yet accepted"},
	{"send_queue", FIELD_INTEGER, .required = true, .unit = "bytes",
	 .help = "Not yet acknowledged; of a listener how many may wait"},
	{"uid", FIELD_INTEGER, .required = true, .help = "User that owns the socket"},
	{"pid", FIELD_INTEGER, .help = "First process that holds it, with owners"},
	{"process", FIELD_TEXT, .help = "Its name"},
	{"rtt_ms", FIELD_NUMBER, .unit = "ms", .help = "Round trip as TCP smooths it"},
	{"rtt_variation_ms", FIELD_NUMBER, .unit = "ms", .help = "Mean deviation of it"},
	{"retransmits", FIELD_INTEGER, .help = "In a row, now"},
	{"retransmits_total", FIELD_INTEGER, .help = "Since it was opened"},
	{"congestion_window", FIELD_INTEGER, .unit = "segments", .help = "May be under way"},
	{"bytes_acked", FIELD_INTEGER, .unit = "bytes", .help = "That the other side has"},
	{"bytes_received", FIELD_INTEGER, .unit = "bytes", .help = "That we have"},
	FIELD_END,
};

static const struct field connection_output[] = {
	{"connections", FIELD_OBJECT, .list = true, .required = true, .members = connection_members,
	 .help = "By protocol, state and local port"},
	LISTING_TOTAL,
	{"processes_hidden", FIELD_INTEGER, .required = true,
	 .help = "Processes whose sockets the daemon may not see"},
	{"complete", FIELD_BOOLEAN, .required = true,
	 .help = "False where the kernel's table changed while it was read"},
	FIELD_END,
};

struct connections_call {
	struct tool_call *call;
	struct connections_query *query;
};

static void connections_call_stop(void *state)
{
	struct connections_call *connections = state;

	if (connections->query)
		connections_cancel(connections->query);
	free(connections);
}

static json_t *result_json(const struct connections_result *result)
{
	_cleanup_json_ json_t *json = json_object(), *list = json_array();
	int r;

	for (size_t i = 0; i < result->count; i++)
		if (json_array_append_new(list, connection_to_json(&result->connections[i])) < 0)
			return NULL;
	r = json_put(json, "connections", json_incref(list));
	r |= json_put(json, "total", json_integer((json_int_t)result->matched));
	r |= json_put(json, "processes_hidden", json_integer((json_int_t)result->processes_hidden));
	r |= json_put(json, "complete", json_boolean(!result->interrupted));
	return r < 0 ? NULL : TAKE_PTR(json);
}

static void on_connections_done(int r, const struct connections_result *result,
				const struct error *error, void *userdata)
{
	struct connections_call *connections = userdata;
	struct error memory = {0};
	json_t *json;

	connections->query = NULL;
	if (r < 0) {
		tool_call_fail(connections->call, error);
		return;
	}
	json = result_json(result);
	if (json) {
		tool_call_complete(connections->call, json);
		return;
	}
	out_of_memory(&memory);
	tool_call_fail(connections->call, &memory);
}

static struct connection_filter read_filter(const struct tool_call *call)
{
	const json_t *arguments = tool_call_arguments(call), *state;
	const char *protocol = json_member_text(arguments, "protocol");
	struct connection_filter filter = {
		.family = (uint8_t)argument_family(call),
		.port = (uint16_t)json_member_integer(arguments, "port", 0),
		.address = argument_prefix(call, "address"),
		.pid = (uint32_t)json_member_integer(arguments, "pid", 0),
		.has_uid = json_object_get(arguments, "uid") != NULL,
		.uid = (uint32_t)json_member_integer(arguments, "uid", 0),
		.limit = (unsigned)json_member_integer(arguments, "limit", 200),
		.owners = json_member_true(arguments, "owners"),
	};
	size_t i;

	if (protocol)
		filter.protocols =
			1u << (strcmp(protocol, "udp") == 0 ? CONNECTION_UDP : CONNECTION_TCP);
	json_array_foreach(json_object_get(arguments, "state"), i, state) {
		int number = connection_state_parse(json_string_value(state));

		if (number > 0)
			filter.states |= 1u << number;
	}
	return filter;
}

static int call_connections(struct tool_call *call, json_t **ret, struct error *error)
{
	const struct connection_filter filter = read_filter(call);
	struct connections_call *connections = calloc(1, sizeof(*connections));
	int r;

	if (!connections)
		return out_of_memory(error);
	connections->call = call;
	r = connections_start(&connections->query, tool_call_event(call), &filter, QUERY_TIME_MAX,
			      on_connections_done, connections, error);
	if (r < 0) {
		connections_call_stop(connections);
		return r;
	}
	tool_call_set_state(call, connections, connections_call_stop);
	return TOOL_LATER;
}

static char *summarise_connections(const json_t *result)
{
	char *text;
	int n = asprintf(&text, "%zu of %" PRId64 " connections",
			 json_array_size(json_object_get(result, "connections")),
			 json_member_integer(result, "total", 0));

	return n < 0 ? NULL : text;
}

static const struct tool tools[] = {
	{
		.name = "net.connections",
		.title = "List connections",
		.description = "Lists the TCP and UDP sockets of this host with their state, "
			       "queues, round "
			       "trip and owner. It says nothing of what only passes through.",
		.parameters = connection_parameters,
		.output = connection_output,
		.hints = HINT_READ_ONLY | HINT_IDEMPOTENT,
		.risk = RISK_NONE,
		.role = ROLE_OBSERVER,
		.time_limit = 7000,
		.call = call_connections,
		.summarise = summarise_connections,
	},
};

const struct tool_set connection_tools = {tools, ARRAY_SIZE(tools)};
