/* net.traceroute: the routers on the way to a host, and where the way ends. */
#include <stdio.h>
#include <string.h>

#include "probe_target.h"

static const char *const method_values[] = {"icmp", "udp", NULL};

static const struct field traceroute_parameters[] = {
	{"host", FIELD_TEXT, .required = true, .least = 1, .most = 253, .help = "Name or address"},
	{"method", FIELD_TEXT, .values = method_values, .fallback = "\"icmp\"",
	 .help = "icmp sends echo requests, udp datagrams to ports from 33434 on"},
	{"max_hops", FIELD_INTEGER, .least = 1, .most = TRACE_HOPS_MAX, .fallback = "30",
	 .help = "How many routers are asked at most"},
	{"probes", FIELD_INTEGER, .unit = "packets", .least = 1, .most = TRACE_PROBES_MAX,
	 .fallback = "3", .help = "How many ask each of them"},
	{"timeout", FIELD_INTEGER, .unit = "ms", .least = 1, .most = 5000, .fallback = "1000",
	 .help = "How long each is waited for; all wait side by side"},
	{"path_mtu", FIELD_BOOLEAN, .fallback = "false",
	 .help = "Send packets as large as fits and find out how large that is"},
	{"link", FIELD_LINK, .help = "Leave by this interface only"},
	{"source", FIELD_ADDRESS, .help = "Send from this address of ours"},
	{"family", FIELD_TEXT, .values = family_values, .help = "Which address of a name is taken"},
	FIELD_END,
};

static const struct field mpls_members[] = {
	{"label", FIELD_INTEGER, .required = true, .help = "Label of the path"},
	{"traffic_class", FIELD_INTEGER, .required = true, .help = "Its class"},
	{"ttl", FIELD_INTEGER, .required = true, .help = "Within the path"},
	FIELD_END,
};

static const struct field answer_members[] = {
	{"address", FIELD_ADDRESS, .help = "Who answered; absent where this host itself failed"},
	{"latency_ms", FIELD_NUMBER, .list = true, .required = true, .unit = "ms",
	 .help = "Of each of its answers"},
	{"icmp_type", FIELD_INTEGER, .help = "Where it goes no further"},
	{"icmp_code", FIELD_INTEGER, .help = "Where it goes no further"},
	{"reason", FIELD_TEXT, .help = "What that means"},
	{"mpls", FIELD_OBJECT, .list = true, .members = mpls_members,
	 .help = "Labels that the packet had there"},
	FIELD_END,
};

static const struct field hop_members[] = {
	{"hop", FIELD_INTEGER, .required = true, .help = "From 1, the nearest"},
	{"answers", FIELD_OBJECT, .list = true, .required = true, .members = answer_members,
	 .help = "Who answered: several where packets take several ways"},
	{"silent", FIELD_INTEGER, .required = true, .help = "Probes that nobody answered"},
	FIELD_END,
};

static const struct field loop_members[] = {
	{"from_hop", FIELD_INTEGER, .required = true, .help = "Where a router is met first"},
	{"to_hop", FIELD_INTEGER, .required = true, .help = "Where it is met again"},
	FIELD_END,
};

static const struct field limit_members[] = {
	{"from", FIELD_ADDRESS, .help = "The router in front of it; absent: this host"},
	{"mtu", FIELD_INTEGER, .required = true, .unit = "bytes", .help = "What fits there"},
	FIELD_END,
};

static const struct field traceroute_output[] = {
	{"host", FIELD_TEXT, .required = true, .help = "As it was asked for"},
	{"address", FIELD_ADDRESS, .required = true, .help = "That was traced"},
	{"method", FIELD_TEXT, .required = true, .values = method_values, .help = "How"},
	{"source", FIELD_ADDRESS, .help = "Our address on this way"},
	{"reached", FIELD_BOOLEAN, .required = true, .help = "The target itself answered"},
	{"detail", FIELD_TEXT, .required = true, .help = "How the way ends, in a sentence"},
	{"hops", FIELD_OBJECT, .list = true, .required = true, .members = hop_members,
	 .help = "Up to the last of which anything was heard"},
	{"loop", FIELD_OBJECT, .members = loop_members, .help = "Where packets go in a circle"},
	{"path_mtu", FIELD_INTEGER, .unit = "bytes",
	 .help = "The largest packet that fits, as far as answers came; where it was asked for"},
	{"mtu_limits", FIELD_OBJECT, .list = true, .members = limit_members,
	 .help = "Narrower links on the way"},
	FIELD_END,
};

struct trace_call {
	struct tool_call *call;
	struct probe_target target;
	struct trace_request request;
	struct trace *trace;
};

static void trace_call_stop(void *state)
{
	struct trace_call *trace = state;

	probe_target_stop(&trace->target);
	if (trace->trace)
		trace_cancel(trace->trace);
	free(trace);
}

static void on_traced(const struct trace_result *result, void *userdata)
{
	struct trace_call *trace = userdata;
	json_t *json = trace_result_to_json(result);
	struct error error = {0};

	trace->trace = NULL;
	if (json && json_put(json, "host", json_string(trace->target.host)) == 0) {
		tool_call_complete(trace->call, json);
		return;
	}
	json_decref(json);
	out_of_memory(&error);
	tool_call_fail(trace->call, &error);
}

static int begin(struct trace_call *trace, struct error *error)
{
	trace->request.target = trace->target.addresses[0];
	return trace_start(&trace->trace, tool_call_event(trace->call), &trace->request, on_traced,
			   trace, error);
}

static void on_found(int r, const struct error *target_error, void *userdata)
{
	struct trace_call *trace = userdata;
	struct error error = {0};

	if (r == 0)
		r = begin(trace, &error);
	else
		error = *target_error;
	if (r < 0)
		tool_call_fail(trace->call, &error);
}

static int read_request(struct trace_call *trace, struct error *error)
{
	const json_t *arguments = tool_call_arguments(trace->call);
	bool udp = strcmp(json_member_text(arguments, "method"), "udp") == 0;
	int r;

	trace->request = (struct trace_request){
		.method = udp ? TRACE_UDP : TRACE_ICMP,
		.source = argument_address(trace->call, "source"),
		.hops = (unsigned)json_member_integer(arguments, "max_hops", 30),
		.probes = (unsigned)json_member_integer(arguments, "probes", 3),
		.timeout = probe_milliseconds(trace->call, "timeout"),
		.path_mtu = json_member_true(arguments, "path_mtu"),
	};
	r = probe_link(trace->call, trace->request.interface, error);
	if (r < 0)
		return r;
	trace->target.call = trace->call;
	trace->target.family = argument_family(trace->call) ?: trace->request.source.family;
	memcpy(trace->target.interface, trace->request.interface, IFNAMSIZ);
	(void)text_copy(trace->target.host, sizeof(trace->target.host),
			json_member_text(arguments, "host"));
	return 0;
}

static int call_traceroute(struct tool_call *call, json_t **ret, struct error *error)
{
	struct trace_call *trace = calloc(1, sizeof(*trace));
	int r;

	if (!trace)
		return out_of_memory(error);
	trace->call = call;
	r = read_request(trace, error);
	if (r == 0)
		r = probe_target_start(&trace->target, on_found, trace, error);
	if (r == 1)
		r = begin(trace, error);
	if (r < 0) {
		trace_call_stop(trace);
		return r;
	}
	tool_call_set_state(call, trace, trace_call_stop);
	return TOOL_LATER;
}

static char *summarise_traceroute(const json_t *result)
{
	char *text;
	int n = asprintf(&text, "%s %s: %s", json_member_text(result, "address"),
			 json_member_true(result, "reached") ? "reached" : "not reached",
			 json_member_text(result, "detail"));

	return n < 0 ? NULL : text;
}

static const struct tool tools[] = {
	{
		.name = "net.traceroute",
		.title = "Trace the way to a host",
		.description =
			"Shows the routers on the way to a host, with times, and where the way "
			"ends: at the target, in a circle, at a router that goes no further (and "
			"why), or in silence. All hops are asked side by side. With path_mtu it "
			"also finds the largest packet that fits and the links that limit it.",
		.parameters = traceroute_parameters,
		.output = traceroute_output,
		.hints = HINT_READ_ONLY | HINT_IDEMPOTENT | HINT_OPEN_WORLD,
		.risk = RISK_LOW,
		.role = ROLE_OBSERVER,
		.time_limit = 75000,
		.call = call_traceroute,
		.summarise = summarise_traceroute,
	},
};

const struct tool_set traceroute_tools = {tools, ARRAY_SIZE(tools)};
