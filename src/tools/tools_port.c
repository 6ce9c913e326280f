/* net.check_port: whether something listens behind a port, and if not, what is in the way. */
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#include "monitor/monitor.h"
#include "probe_target.h"

#define LISTENERS_MAX	    16
#define LISTENERS_TIME_MAX  (2 * USEC_PER_SEC)
#define UDP_UNCONNECTED	    (1U << TCP_CLOSE)
#define DATAGRAM_SOCKET_ANY (UDP_UNCONNECTED | 1U << TCP_ESTABLISHED)

static const char *const protocol_values[] = {"tcp", "udp", NULL};
static const char *const state_values[] = {"open",     "refused",	   "filtered",
					   "no_route", "open_or_filtered", NULL};

static const struct field port_parameters[] = {
	{"host", FIELD_TEXT, .required = true, .least = 1, .most = 253, .help = "Name or address"},
	{"port", FIELD_INTEGER, .required = true, .least = 1, .most = 65535,
	 .help = "Number of the port"},
	{"protocol", FIELD_TEXT, .values = protocol_values, .fallback = "\"tcp\"",
	 .help = "tcp opens a connection and closes it, udp sends up to three datagrams"},
	{"timeout", FIELD_INTEGER, .unit = "ms", .least = 1, .most = 30000, .fallback = "2000",
	 .help = "How long an answer is waited for"},
	{"link", FIELD_LINK, .help = "Leave by this interface only"},
	{"source", FIELD_ADDRESS, .help = "Send from this address of ours"},
	{"family", FIELD_TEXT, .values = family_values, .help = "Which address of a name is taken"},
	FIELD_END,
};

static const struct field listener_members[] = {
	{"address", FIELD_TEXT, .required = true, .help = "That it is bound to"},
	{"uid", FIELD_INTEGER, .required = true, .help = "Owner of the socket"},
	{"pid", FIELD_INTEGER, .help = "A process that holds it"},
	{"process", FIELD_TEXT, .help = "Name of the process"},
	FIELD_END,
};

static const struct field port_output[] = {
	{"host", FIELD_TEXT, .required = true, .help = "As it was asked for"},
	{"address", FIELD_ADDRESS, .required = true, .help = "That was probed"},
	{"port", FIELD_INTEGER, .required = true, .help = "That was probed"},
	{"protocol", FIELD_TEXT, .required = true, .values = protocol_values, .help = "How"},
	{"state", FIELD_TEXT, .required = true, .values = state_values,
	 .help = "open; refused: the host is there and nothing listens; filtered: something on the "
		 "way forbids or swallows it; no_route: nobody knows the way or the host is gone; "
		 "open_or_filtered: UDP without an answer, which proves nothing"},
	{"detail", FIELD_TEXT, .required = true, .help = "What was seen, in a sentence"},
	{"source", FIELD_ADDRESS, .help = "Our address on this way"},
	{"latency_ms", FIELD_NUMBER, .unit = "ms", .help = "Until what decided it"},
	{"datagrams", FIELD_INTEGER, .help = "Sent, of udp"},
	{"from", FIELD_ADDRESS, .help = "Who sent the ICMP error"},
	{"icmp_type", FIELD_INTEGER, .help = "Of the error"},
	{"icmp_code", FIELD_INTEGER, .help = "Of the error"},
	{"local", FIELD_BOOLEAN, .required = true, .help = "The address is one of this host"},
	{"listeners", FIELD_OBJECT, .list = true, .members = listener_members,
	 .help = "Sockets of this host that take what comes for the port, where it is local"},
	FIELD_END,
};

struct port_call {
	struct tool_call *call;
	struct probe_target target;
	struct check_port_request request;
	struct check_port *check;
	struct connections_query *query;
	json_t *result; /* while the listeners are asked for */
};

static void port_call_stop(void *state)
{
	struct port_call *port = state;

	probe_target_stop(&port->target);
	if (port->check)
		check_port_cancel(port->check);
	if (port->query)
		connections_cancel(port->query);
	json_decref(port->result);
	free(port);
}

static void complete(struct port_call *port)
{
	struct error error = {0};

	if (port->result) {
		tool_call_complete(port->call, TAKE_PTR(port->result));
		return;
	}
	out_of_memory(&error);
	tool_call_fail(port->call, &error);
}

static bool address_is_ours(const struct tool_call *call, const struct ip_address *address)
{
	const struct observed *observed = core_observed(tool_call_core(call));
	const struct address *each = NULL;

	if (ip_address_is_loopback(address))
		return true;
	while ((each = observed_next_address(observed, each)))
		if (ip_address_equal(&each->prefix.address, address))
			return true;
	return false;
}

/* A wildcard of IPv6 takes IPv4 as well, unless it was told not to. */
static bool takes_address(const struct connection *connection, const struct ip_address *address)
{
	if (ip_address_is_unspecified(&connection->local))
		return connection->family == AF_INET6 || address->family == AF_INET;
	return ip_address_equal(&connection->local, address);
}

static json_t *listener_json(const struct connection *connection)
{
	_cleanup_json_ json_t *object = json_object();
	int r = json_put(object, "address", json_address(&connection->local)) |
		json_put(object, "uid", json_integer(connection->uid));

	if (connection->pid)
		r |= json_put(object, "pid", json_integer(connection->pid));
	r |= put_text_member(object, "process", connection->comm);
	return r < 0 ? NULL : TAKE_PTR(object);
}

static void on_listeners(int r, const struct connections_result *result, const struct error *error,
			 void *userdata)
{
	struct port_call *port = userdata;
	_cleanup_json_ json_t *listeners = json_array();

	port->query = NULL;
	/* What the probe found stands also where the kernel tells nothing of its sockets. */
	for (size_t i = 0; r == 0 && i < result->count; i++) {
		const struct connection *connection = &result->connections[i];

		if (connection->local_port == port->request.port &&
		    takes_address(connection, &port->request.target) &&
		    json_array_append_new(listeners, listener_json(connection)) < 0)
			r = -ENOMEM;
	}
	if (r == 0 && json_put(port->result, "listeners", TAKE_PTR(listeners)) < 0) {
		json_decref(port->result);
		port->result = NULL;
	}
	complete(port);
}

static int find_listeners(struct port_call *port)
{
	bool tcp = port->request.protocol == PORT_TCP;
	const struct connection_filter filter = {
		.protocols = 1U << (tcp ? CONNECTION_TCP : CONNECTION_UDP),
		.states = tcp ? 1U << TCP_LISTEN : DATAGRAM_SOCKET_ANY,
		.port = port->request.port,
		.limit = LISTENERS_MAX,
		.owners = true,
	};

	return connections_start(&port->query, tool_call_event(port->call), &filter,
				 LISTENERS_TIME_MAX, on_listeners, port, NULL);
}

static void on_checked(const struct check_port_result *result, void *userdata)
{
	struct port_call *port = userdata;
	bool local = address_is_ours(port->call, &result->request.target);

	port->check = NULL;
	port->result = check_port_result_to_json(result);
	if (port->result && (json_put(port->result, "host", json_string(port->target.host)) < 0 ||
			     json_put(port->result, "local", json_boolean(local)) < 0)) {
		json_decref(port->result);
		port->result = NULL;
	}
	if (port->result && local && find_listeners(port) == 0)
		return;
	complete(port);
}

static int begin(struct port_call *port, struct error *error)
{
	port->request.target = port->target.addresses[0];
	return check_port_start(&port->check, tool_call_event(port->call), &port->request,
				on_checked, port, error);
}

static void on_found(int r, const struct error *target_error, void *userdata)
{
	struct port_call *port = userdata;
	struct error error = {0};

	if (r == 0)
		r = begin(port, &error);
	else
		error = *target_error;
	if (r < 0)
		tool_call_fail(port->call, &error);
}

static int read_request(struct port_call *port, struct error *error)
{
	const json_t *arguments = tool_call_arguments(port->call);
	bool udp = strcmp(json_member_text(arguments, "protocol"), "udp") == 0;
	int r;

	port->request = (struct check_port_request){
		.port = (uint16_t)json_member_integer(arguments, "port", 0),
		.protocol = udp ? PORT_UDP : PORT_TCP,
		.source = argument_address(port->call, "source"),
		.timeout = probe_milliseconds(port->call, "timeout"),
	};
	r = probe_link(port->call, port->request.interface, error);
	if (r < 0)
		return r;
	port->target.call = port->call;
	port->target.family = argument_family(port->call) ?: port->request.source.family;
	memcpy(port->target.interface, port->request.interface, IFNAMSIZ);
	(void)text_copy(port->target.host, sizeof(port->target.host),
			json_member_text(arguments, "host"));
	return 0;
}

static int call_check_port(struct tool_call *call, json_t **ret, struct error *error)
{
	struct port_call *port = calloc(1, sizeof(*port));
	int r;

	if (!port)
		return out_of_memory(error);
	port->call = call;
	r = read_request(port, error);
	if (r == 0)
		r = probe_target_start(&port->target, on_found, port, error);
	if (r == 1)
		r = begin(port, error);
	if (r < 0) {
		port_call_stop(port);
		return r;
	}
	tool_call_set_state(call, port, port_call_stop);
	return TOOL_LATER;
}

static char *summarise_check_port(const json_t *result)
{
	char *text;
	int n = asprintf(&text, "%s port %" PRId64 "/%s: %s (%s)",
			 json_member_text(result, "address"),
			 json_member_integer(result, "port", 0),
			 json_member_text(result, "protocol"), json_member_text(result, "state"),
			 json_member_text(result, "detail"));

	return n < 0 ? NULL : text;
}

static const struct tool tools[] = {
	{
		.name = "net.check_port",
		.title = "Check a port",
		.description =
			"Tells whether a port of a host can be reached: open, refused, filtered "
			"(and by which ICMP error of whom) or without a route. UDP without an "
			"answer proves nothing, and is called so. Where the host is this one, it "
			"lists what listens there. One port a call: it is no scanner.",
		.parameters = port_parameters,
		.output = port_output,
		.hints = HINT_READ_ONLY | HINT_IDEMPOTENT | HINT_OPEN_WORLD,
		.risk = RISK_LOW,
		.role = ROLE_OBSERVER,
		.time_limit = 45000,
		.call = call_check_port,
		.summarise = summarise_check_port,
	},
};

const struct tool_set port_tools = {tools, ARRAY_SIZE(tools)};
