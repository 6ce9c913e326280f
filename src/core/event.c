#include "event.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core-internal.h"

void core_publish(struct core *core, const char *kind, json_t *data, const char *format, ...)
{
	struct event_record *event = &core->events[++core->events_last % EVENT_KEPT];
	char message[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);

	json_decref(event->data);
	*event = (struct event_record){
		.sequence = core->events_last,
		.time = clock_realtime_usec(),
		.kind = kind,
		.data = data,
	};
	text_copy(event->message, sizeof(event->message), message);
	log_notice("%s: %s", kind, event->message);

	for (unsigned i = 0; i < core->event_handlers_count; i++)
		core->event_handlers[i].handler(event, core->event_handlers[i].userdata);
}

int core_add_event_handler(struct core *core, event_handler_t handler, void *userdata)
{
	if (core->event_handlers_count == EVENT_HANDLERS_MAX)
		return -ENOMEM;
	core->event_handlers[core->event_handlers_count].handler = handler;
	core->event_handlers[core->event_handlers_count++].userdata = userdata;
	return 0;
}

const struct event_record *core_event_after(const struct core *core, uint64_t sequence)
{
	uint64_t oldest = core->events_last >= EVENT_KEPT ? core->events_last - EVENT_KEPT + 1 : 1;
	uint64_t wanted = MAX(sequence + 1, oldest);

	return wanted <= core->events_last ? &core->events[wanted % EVENT_KEPT] : NULL;
}

json_t *event_to_json(const struct event_record *event)
{
	_cleanup_json_ json_t *json = json_object();
	int r = json_put(json, "sequence", json_integer((json_int_t)event->sequence)) |
		json_put(json, "time", json_realtime(event->time)) |
		json_put(json, "kind", json_string(event->kind)) |
		json_put(json, "message",
			 json_text_from_bytes(event->message, strlen(event->message)));

	if (event->data)
		r |= json_object_set(json, "data", event->data);
	return r < 0 ? NULL : TAKE_PTR(json);
}
