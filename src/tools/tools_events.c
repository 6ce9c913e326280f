/* events.list: what happened. */
#include <stdio.h>
#include <string.h>

#include "common.h"

static const struct field list_parameters[] = {
	{"after", FIELD_INTEGER, .least = 0, .most = 9007199254740992.0, .fallback = "0",
	 .help = "Only events with a higher sequence number"},
	{"kind", FIELD_TEXT, .least = 1, .most = 64,
	 .help = "Only kinds that begin with this, such as \"link.\""},
	{"limit", FIELD_INTEGER, .least = 1, .most = EVENT_KEPT, .fallback = "100",
	 .help = "How many are listed at most: the oldest ones of those that match"},
	FIELD_END,
};

static const struct field event_members[] = {
	{"sequence", FIELD_INTEGER, .required = true, .help = "From 1, without gaps"},
	{"time", FIELD_TIME, .required = true, .help = "When it happened"},
	{"kind", FIELD_TEXT, .required = true, .help = "What sort, such as link.carrier_lost"},
	{"message", FIELD_TEXT, .required = true, .help = "What happened"},
	{"data", FIELD_OBJECT, .help = "The same for programs"},
	FIELD_END,
};

static const struct field list_output[] = {
	{"events", FIELD_OBJECT, .list = true, .required = true, .members = event_members,
	 .help = "Oldest first"},
	{"last", FIELD_INTEGER, .required = true,
	 .help = "Sequence number to give as after the next time"},
	{"missed", FIELD_INTEGER, .required = true,
	 .help = "How many after the asked one are no longer kept"},
	FIELD_END,
};

json_t *events_json(struct core *core, uint64_t after, size_t limit, const char *kind)
{
	const struct event_record *event = core_event_after(core, after);
	uint64_t missed = event ? event->sequence - after - 1 : 0;
	_cleanup_json_ json_t *events = json_array();

	for (; event && json_array_size(events) < limit;
	     event = core_event_after(core, event->sequence)) {
		after = event->sequence;
		if (kind && strncmp(event->kind, kind, strlen(kind)) != 0)
			continue;
		if (json_array_append_new(events, event_to_json(event)) < 0)
			return NULL;
	}
	return json_pack("{sO sI sI}", "events", events, "last", (json_int_t)after, "missed",
			 (json_int_t)missed);
}

static int call_events(struct tool_call *call, json_t **ret, struct error *error)
{
	const json_t *arguments = tool_call_arguments(call);

	*ret = events_json(tool_call_core(call),
			   (uint64_t)json_member_integer(arguments, "after", 0),
			   (size_t)json_member_integer(arguments, "limit", 100),
			   json_member_text(arguments, "kind"));
	return *ret ? 0 : out_of_memory(error);
}

static char *summarise(const json_t *result)
{
	const json_t *events = json_object_get(result, "events");
	const json_t *last = json_array_get(events, MAX(json_array_size(events), 1u) - 1);
	char *text;
	int n = asprintf(&text, "%zu events%s%s", json_array_size(events),
			 last ? "; the last: " : "", json_member_text(last, "message") ?: "");

	return n < 0 ? NULL : text;
}

static const struct tool tools[] = {
	{
		.name = "events.list",
		.title = "List events",
		.description =
			"Lists what happened on this host's network, oldest first. To follow, "
			"subscribe to the resource aiosnet://events and call this with after.",
		.parameters = list_parameters,
		.output = list_output,
		.hints = HINT_READ_ONLY | HINT_IDEMPOTENT,
		.risk = RISK_NONE,
		.role = ROLE_OBSERVER,
		.time_limit = 1000,
		.call = call_events,
		.summarise = summarise,
	},
};

const struct tool_set event_tools = {tools, ARRAY_SIZE(tools)};
