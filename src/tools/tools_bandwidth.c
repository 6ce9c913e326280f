/* net.bandwidth: what goes through the links, measured over a window. */
#include <stdio.h>

#include "monitor/monitor.h"
#include "probe.h"

static const struct field bandwidth_parameters[] = {
	{"link", FIELD_LINK, .help = "Only this interface"},
	{"window", FIELD_INTEGER, .unit = "ms", .least = 10, .most = 60000, .fallback = "1000",
	 .help = "How long is measured"},
	FIELD_END,
};

static const struct field direction_members[] = {
	{"bits_per_second", FIELD_NUMBER, .required = true, .unit = "bit/s", .help = "Rate"},
	{"packets_per_second", FIELD_NUMBER, .required = true, .unit = "packets/s", .help = "Rate"},
	{"utilisation_percent", FIELD_NUMBER, .unit = "%",
	 .help = "Of the link's speed; absent where that is not known"},
	{"bytes", FIELD_INTEGER, .required = true, .unit = "bytes", .help = "Since it was made"},
	{"packets", FIELD_INTEGER, .required = true, .help = "Since it was made"},
	{"errors", FIELD_INTEGER, .required = true, .help = "Since it was made"},
	{"dropped", FIELD_INTEGER, .required = true, .help = "Since it was made"},
	{"bytes_in_window", FIELD_INTEGER, .required = true, .unit = "bytes", .help = "Measured"},
	{"packets_in_window", FIELD_INTEGER, .required = true, .help = "Measured"},
	{"errors_in_window", FIELD_INTEGER, .required = true, .help = "Measured"},
	{"dropped_in_window", FIELD_INTEGER, .required = true, .help = "Measured"},
	FIELD_END,
};

static const struct field link_members[] = {
	{"link", FIELD_LINK, .required = true, .help = LINK_HELP},
	{"speed", FIELD_INTEGER, .unit = "Mbit/s", .help = "Absent where it is not known"},
	{"receive", FIELD_OBJECT, .required = true, .members = direction_members, .help = "In"},
	{"transmit", FIELD_OBJECT, .required = true, .members = direction_members, .help = "Out"},
	FIELD_END,
};

static const struct field bandwidth_output[] = {
	{"window_ms", FIELD_NUMBER, .required = true, .unit = "ms", .help = "As it really was"},
	{"links", FIELD_OBJECT, .list = true, .required = true, .members = link_members,
	 .help = "Those that were there all the time"},
	FIELD_END,
};

struct bandwidth_call {
	struct tool_call *call;
	struct bandwidth_query *query;
};

static void bandwidth_call_stop(void *state)
{
	struct bandwidth_call *bandwidth = state;

	if (bandwidth->query)
		bandwidth_cancel(bandwidth->query);
	free(bandwidth);
}

static json_t *link_json(struct observed *observed, const struct link *link,
			 const struct bandwidth *bandwidth)
{
	struct link_details details = {0};
	json_t *json;
	int r;

	/* A link without details has no speed to compare with. */
	(void)observed_link_details(observed, link, &details);
	json = bandwidth_to_json(bandwidth, details.speed);
	if (!json)
		return NULL;
	r = json_put(json, "link", json_text_from_bytes(link->name, strlen(link->name)));
	if (details.speed)
		r |= json_put(json, "speed", json_integer(details.speed));
	if (r == 0)
		return json;
	json_decref(json);
	return NULL;
}

static json_t *result_json(const struct tool_call *call, const struct bandwidth_result *result)
{
	struct observed *observed = core_observed(tool_call_core(call));
	_cleanup_json_ json_t *json = json_object(), *list = json_array();
	int r;

	for (size_t i = 0; i < result->count; i++) {
		const struct link *link = observed_link(observed, result->links[i].link);

		if (link &&
		    json_array_append_new(list, link_json(observed, link, &result->links[i])) < 0)
			return NULL;
	}
	r = json_put(json, "window_ms", json_real((double)result->window / USEC_PER_MSEC));
	r |= json_put(json, "links", json_incref(list));
	return r < 0 ? NULL : TAKE_PTR(json);
}

static void on_bandwidth_done(int r, const struct bandwidth_result *result,
			      const struct error *error, void *userdata)
{
	struct bandwidth_call *bandwidth = userdata;
	struct error memory = {0};
	json_t *json;

	bandwidth->query = NULL;
	if (r < 0) {
		tool_call_fail(bandwidth->call, error);
		return;
	}
	json = result_json(bandwidth->call, result);
	if (json) {
		tool_call_complete(bandwidth->call, json);
		return;
	}
	out_of_memory(&memory);
	tool_call_fail(bandwidth->call, &memory);
}

static int call_bandwidth(struct tool_call *call, json_t **ret, struct error *error)
{
	const char *name = json_member_text(tool_call_arguments(call), "link");
	const struct link *link = NULL;
	struct bandwidth_call *bandwidth;
	int r = name ? find_link(call, name, &link, error) : 0;

	if (r < 0)
		return r;
	bandwidth = calloc(1, sizeof(*bandwidth));
	if (!bandwidth)
		return out_of_memory(error);
	bandwidth->call = call;
	r = bandwidth_start(&bandwidth->query, tool_call_event(call), link ? link->index : 0,
			    probe_milliseconds(call, "window"), on_bandwidth_done, bandwidth,
			    error);
	if (r < 0) {
		bandwidth_call_stop(bandwidth);
		return r;
	}
	tool_call_set_state(call, bandwidth, bandwidth_call_stop);
	return TOOL_LATER;
}

static char *summarise_bandwidth(const json_t *result)
{
	const json_t *links = json_object_get(result, "links"), *link;
	double in = 0, out = 0;
	char *text;
	size_t i;
	int n;

	json_array_foreach(links, i, link) {
		in += json_number_value(
			json_object_get(json_object_get(link, "receive"), "bits_per_second"));
		out += json_number_value(
			json_object_get(json_object_get(link, "transmit"), "bits_per_second"));
	}
	n = asprintf(&text, "%zu links: %.3g Mbit/s in, %.3g Mbit/s out over %.0f ms",
		     json_array_size(links), in / 1e6, out / 1e6,
		     json_number_value(json_object_get(result, "window_ms")));
	return n < 0 ? NULL : text;
}

static const struct tool tools[] = {
	{
		.name = "net.bandwidth",
		.title = "Measure bandwidth in use",
		.description =
			"Reads the counters of the links twice and says what went through between: "
			"bytes, packets, errors, drops, and the share of the link's speed. It "
			"sends "
			"nothing, so it does not tell how much would fit.",
		.parameters = bandwidth_parameters,
		.output = bandwidth_output,
		.hints = HINT_READ_ONLY | HINT_IDEMPOTENT,
		.risk = RISK_NONE,
		.role = ROLE_OBSERVER,
		.time_limit = 70000,
		.call = call_bandwidth,
		.summarise = summarise_bandwidth,
	},
};

const struct tool_set bandwidth_tools = {tools, ARRAY_SIZE(tools)};
