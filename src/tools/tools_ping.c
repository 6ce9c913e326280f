/* net.ping: does it answer, how fast, and if not, who says why. */
#include "probe.h"

#include <stdio.h>
#include <string.h>

#define DURATION_MAX	 (120 * USEC_PER_SEC)
#define RESOLVE_TIME_MAX (5 * USEC_PER_SEC)

static const char *const method_values[] = {"icmp", "tcp", NULL};

static const struct field ping_parameters[] = {
	{"host", FIELD_TEXT, .required = true, .least = 1, .most = 253, .help = "Name or address"},
	{"method", FIELD_TEXT, .values = method_values, .fallback = "\"icmp\"",
	 .help = "icmp sends echo requests, tcp opens connections to `port`"},
	{"port", FIELD_INTEGER, .least = 1, .most = 65535, .help = "Of method tcp"},
	{"count", FIELD_INTEGER, .unit = "packets", .least = 1, .most = PING_COUNT_MAX,
	 .fallback = "3", .help = "How many are sent"},
	{"interval", FIELD_INTEGER, .unit = "ms", .least = 10, .most = 60000, .fallback = "200",
	 .help = "From one to the next"},
	{"timeout", FIELD_INTEGER, .unit = "ms", .least = 1, .most = 60000, .fallback = "1000",
	 .help = "How long each is waited for"},
	{"size", FIELD_INTEGER, .unit = "bytes", .least = 0, .most = PING_SIZE_MAX,
	 .fallback = "56", .help = "Data in each echo, without its headers"},
	{"ttl", FIELD_INTEGER, .least = 1, .most = 255, .help = "How many routers it may pass"},
	{"dont_fragment", FIELD_BOOLEAN, .fallback = "false",
	 .help = "Fail where it does not fit the path, and say what fits"},
	{"link", FIELD_LINK, .help = "Leave by this interface only"},
	{"source", FIELD_ADDRESS, .help = "Send from this address of ours"},
	{"family", FIELD_TEXT, .values = family_values, .help = "Which address of a name is taken"},
	FIELD_END,
};

static const struct field probe_members[] = {
	{"number", FIELD_INTEGER, .required = true, .help = "From 1"},
	{"outcome", FIELD_TEXT, .required = true,
	 .help = "answered, refused (it is there, the port is closed), timed_out, unreachable, "
		 "too_large or not_sent"},
	{"latency_ms", FIELD_NUMBER, .unit = "ms", .help = "Until the answer, also an error"},
	{"ttl", FIELD_INTEGER, .help = "Of the answer"},
	{"from", FIELD_ADDRESS, .help = "Who answered"},
	{"icmp_type", FIELD_INTEGER, .help = "Of an error"},
	{"icmp_code", FIELD_INTEGER, .help = "Of an error"},
	{"reason", FIELD_TEXT, .help = "What the error means"},
	{"mtu", FIELD_INTEGER, .unit = "bytes", .help = "What fits, where it was too large"},
	FIELD_END,
};

static const struct field ping_output[] = {
	{"host", FIELD_TEXT, .required = true, .help = "As it was asked for"},
	{"address", FIELD_ADDRESS, .required = true, .help = "That was probed"},
	{"method", FIELD_TEXT, .required = true, .values = method_values, .help = "How"},
	{"port", FIELD_INTEGER, .help = "Of method tcp"},
	{"source", FIELD_ADDRESS, .help = "Our address on this way"},
	{"sent", FIELD_INTEGER, .required = true, .help = "Probes"},
	{"received", FIELD_INTEGER, .required = true, .help = "Answers"},
	{"errors", FIELD_INTEGER, .required = true, .help = "Answers that were errors"},
	{"duplicates", FIELD_INTEGER, .required = true, .help = "Answers that came once more"},
	{"loss_percent", FIELD_NUMBER, .required = true, .unit = "%", .help = "Without answer"},
	{"min_ms", FIELD_NUMBER, .unit = "ms", .help = "Least latency"},
	{"avg_ms", FIELD_NUMBER, .unit = "ms", .help = "Mean latency"},
	{"max_ms", FIELD_NUMBER, .unit = "ms", .help = "Greatest latency"},
	{"stddev_ms", FIELD_NUMBER, .unit = "ms", .help = "Standard deviation"},
	{"jitter_ms", FIELD_NUMBER, .unit = "ms", .help = "Mean difference of neighbours"},
	{"probes", FIELD_OBJECT, .list = true, .required = true, .members = probe_members,
	 .help = "Each of them"},
	FIELD_END,
};

struct ping_call {
	struct tool_call *call;
	struct ping_request request;
	struct ip_address servers[LOOKUP_SERVERS_MAX];
	unsigned servers_count;
	uint16_t types[2]; /* record types to try, in this order; 0 for no more */
	struct lookup *lookup;
	struct ping *ping;
	char host[256];
};

static void ping_call_stop(void *state)
{
	struct ping_call *ping = state;

	if (ping->lookup)
		lookup_cancel(ping->lookup);
	if (ping->ping)
		ping_cancel(ping->ping);
	free(ping);
}

/* Nothing answered: the first outcome tells why. */
static void no_answer(const struct ping_call *ping, const struct ping_result *result,
		      struct error *error)
{
	const struct ping_probe *probe = &result->probes[0];
	char address[IP_ADDRESS_TEXT_MAX], from[IP_ADDRESS_TEXT_MAX];
	const struct ping_request *request = &result->request;

	ip_address_print(&request->target, address);
	switch (probe->outcome) {
	case PING_REFUSED:
		error_set(error, ERROR_CONNECTION_REFUSED, "port",
			  "%s is there, but refuses connections to port %u", address,
			  request->port);
		return;
	case PING_UNREACHABLE:
		if (ip_address_is_set(&probe->from))
			error_set(error, ERROR_HOST_UNREACHABLE, "host",
				  "%s did not answer; %s says: %s (ICMP type %u code %u)", address,
				  ip_address_print(&probe->from, from),
				  ping_icmp_text(request->target.family, probe->icmp_type,
						 probe->icmp_code),
				  probe->icmp_type, probe->icmp_code);
		else
			error_set(error, ERROR_HOST_UNREACHABLE, "host", "%s cannot be reached: %s",
				  address, strerror(probe->errnum));
		return;
	case PING_TOO_LARGE:
		error_set(error, ERROR_PARAMETER_RANGE, "size",
			  "%u bytes of data do not fit the path to %s, whose MTU is %u bytes",
			  request->size, address, probe->mtu);
		return;
	case PING_NOT_SENT:
		error_set(error,
			  probe->errnum == EHOSTUNREACH || probe->errnum == ENETUNREACH
				  ? ERROR_HOST_UNREACHABLE
				  : ERROR_KERNEL_REFUSED,
			  "host", "nothing could be sent to %s: %s", address,
			  strerror(probe->errnum));
		return;
	default:
		error_set(error, ERROR_TIMEOUT, "host", "%s%s%s%s did not answer: %u of %u lost",
			  ping->host, strcmp(ping->host, address) == 0 ? "" : " (",
			  strcmp(ping->host, address) == 0 ? "" : address,
			  strcmp(ping->host, address) == 0 ? "" : ")", result->statistics.sent,
			  result->statistics.sent);
		return;
	}
}

static void on_ping_done(const struct ping_result *result, void *userdata)
{
	struct ping_call *ping = userdata;
	struct error error = {0};
	json_t *json;

	ping->ping = NULL;
	if (result->statistics.answered == 0) {
		no_answer(ping, result, &error);
		tool_call_fail(ping->call, &error);
		return;
	}
	json = ping_result_to_json(result);
	if (!json || json_put(json, "host", json_string(ping->host)) < 0) {
		json_decref(json);
		out_of_memory(&error);
		tool_call_fail(ping->call, &error);
		return;
	}
	tool_call_complete(ping->call, json);
}

static void on_ping_progress(unsigned ended, unsigned count, void *userdata)
{
	struct ping_call *ping = userdata;

	tool_call_progress(ping->call, ended, count, NULL);
}

static int ping_begin(struct ping_call *ping, struct error *error)
{
	int r = ping_start(&ping->ping, tool_call_event(ping->call), &ping->request, on_ping_done,
			   ping, error);

	if (r >= 0)
		ping_set_progress(ping->ping, on_ping_progress);
	return r;
}

static int resolve_next(struct ping_call *ping, struct error *error);

static bool take_address(struct ping_call *ping, const struct dns_message *message)
{
	for (unsigned i = 0; i < message->records_count; i++)
		if (message->records[i].section == DNS_ANSWER &&
		    dns_record_address(message, &message->records[i], &ping->request.target))
			return true;
	return false;
}

static void on_resolved(int r, const struct lookup_result *result, const struct error *lookup_error,
			void *userdata)
{
	struct ping_call *ping = userdata;
	struct error error = *lookup_error;

	ping->lookup = NULL;
	if (r == 0 && take_address(ping, &result->message))
		r = ping_begin(ping, &error);
	else if (r == 0)
		r = resolve_next(ping, &error);
	if (r < 0) {
		probe_rename_parameter(&error, "host");
		tool_call_fail(ping->call, &error);
	}
}

/* Asks for the addresses of the next family. */
static int resolve_next(struct ping_call *ping, struct error *error)
{
	struct lookup_request request = lookup_request_default(ping->host, ping->types[0]);

	if (ping->types[0] == 0)
		return error_set(error, ERROR_NAME_NOT_FOUND, "host", "%s has no address%s",
				 ping->host, argument_family(ping->call) ? " of this family" : "");
	ping->types[0] = ping->types[1];
	ping->types[1] = 0;
	request.timeout = RESOLVE_TIME_MAX;
	request.servers_count = ping->servers_count;
	memcpy(request.servers, ping->servers, sizeof(ping->servers));
	memcpy(request.interface, ping->request.interface, sizeof(request.interface));
	return lookup_start(&ping->lookup, tool_call_event(ping->call), &request, on_resolved, ping,
			    error);
}

static int resolve_begin(struct ping_call *ping, struct error *error)
{
	int family = argument_family(ping->call);
	int count = probe_servers(ping->call, ping->servers, error);

	if (count < 0)
		return count;
	ping->servers_count = (unsigned)count;
	/* A source address decides, too. */
	if (family == AF_UNSPEC)
		family = ping->request.source.family;
	ping->types[0] = family == AF_INET6 ? DNS_TYPE_AAAA : DNS_TYPE_A;
	ping->types[1] = family == AF_UNSPEC ? DNS_TYPE_AAAA : 0;
	return resolve_next(ping, error);
}

static int read_request(struct ping_call *ping, struct error *error)
{
	const json_t *arguments = tool_call_arguments(ping->call);
	bool tcp = strcmp(json_member_text(arguments, "method"), "tcp") == 0;
	struct ping_request *request = &ping->request;

	*request = (struct ping_request){
		.method = tcp ? PING_CONNECT : PING_ECHO,
		.port = (uint16_t)json_member_integer(arguments, "port", 0),
		.source = argument_address(ping->call, "source"),
		.count = (unsigned)json_member_integer(arguments, "count", 3),
		.size = (unsigned)json_member_integer(arguments, "size", 56),
		.interval = probe_milliseconds(ping->call, "interval"),
		.timeout = probe_milliseconds(ping->call, "timeout"),
		.ttl = (uint8_t)json_member_integer(arguments, "ttl", 0),
		.dont_fragment = json_member_true(arguments, "dont_fragment"),
	};
	if (tcp && request->port == 0)
		return error_set(error, ERROR_PARAMETER_MISSING, "port",
				 "method tcp needs a port to connect to");
	if (!tcp && request->port != 0)
		return error_set(error, ERROR_PARAMETER_CONFLICT, "port",
				 "echo requests know no port: use method tcp");
	if (ping_request_duration(request) > DURATION_MAX)
		return error_set(error, ERROR_PARAMETER_RANGE, "count",
				 "count, interval and timeout add up to more than 120 s");
	return probe_link(ping->call, request->interface, error);
}

static int call_ping(struct tool_call *call, json_t **ret, struct error *error)
{
	struct ping_call *ping = calloc(1, sizeof(*ping));
	int r;

	if (!ping)
		return out_of_memory(error);
	ping->call = call;
	(void)text_copy(ping->host, sizeof(ping->host),
			json_member_text(tool_call_arguments(call), "host"));
	r = read_request(ping, error);
	if (r == 0)
		r = ip_address_parse(ping->host, &ping->request.target, "host", NULL) == 0
			    ? ping_begin(ping, error)
			    : resolve_begin(ping, error);
	if (r < 0) {
		ping_call_stop(ping);
		probe_rename_parameter(error, "host");
		return r;
	}
	tool_call_set_state(call, ping, ping_call_stop);
	return TOOL_LATER;
}

static char *summarise_ping(const json_t *result)
{
	char *text;
	int n = asprintf(&text,
			 "%s: %" PRId64 " of %" PRId64 " answered, %.3g ms on average "
			 "(%.3g to %.3g)",
			 json_member_text(result, "address"),
			 json_member_integer(result, "received", 0),
			 json_member_integer(result, "sent", 0),
			 json_number_value(json_object_get(result, "avg_ms")),
			 json_number_value(json_object_get(result, "min_ms")),
			 json_number_value(json_object_get(result, "max_ms")));

	return n < 0 ? NULL : text;
}

static const struct tool tools[] = {
	{
		.name = "net.ping",
		.title = "Ping a host",
		.description =
			"Asks a host whether it is there and how fast it answers, by ICMP or "
			"ICMPv6 "
			"echo or by opening TCP connections. Fails when nothing answered, and says "
			"then who reported what. It does not show the path: give a small ttl to "
			"ask "
			"a router on the way.",
		.parameters = ping_parameters,
		.output = ping_output,
		.hints = HINT_READ_ONLY | HINT_IDEMPOTENT | HINT_OPEN_WORLD,
		.risk = RISK_LOW,
		.role = ROLE_OBSERVER,
		.time_limit = 135000,
		.call = call_ping,
		.summarise = summarise_ping,
	},
};

const struct tool_set ping_tools = {tools, ARRAY_SIZE(tools)};
