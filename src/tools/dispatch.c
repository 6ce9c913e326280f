#include "dispatch-internal.h"

#include <stdio.h>
#include <string.h>

#include "change.h"
#include "change_proved.h"
#include "guards/guards.h"
#include "record.h"

/* The line of a change goes to the disk once its answer is on the way. */
static int on_flush(sd_event_source *source, void *userdata)
{
	struct dispatcher *dispatcher = userdata;

	(void)audit_sync(dispatcher->audit);
	return 0;
}

static int dispatcher_watch(struct dispatcher *dispatcher)
{
	int r = sd_event_add_defer(dispatcher->event, &dispatcher->flush, on_flush, dispatcher);

	if (r >= 0)
		r = sd_event_source_set_priority(dispatcher->flush, SD_EVENT_PRIORITY_IDLE);
	return r < 0 ? r : sd_event_source_set_enabled(dispatcher->flush, SD_EVENT_OFF);
}

int dispatcher_new(struct dispatcher **ret, struct core *core, sd_event *event,
		   const struct tool_set *const *sets, const struct tool_services *services,
		   struct audit *audit)
{
	_cleanup_(dispatcher_cleanup) struct dispatcher *dispatcher =
		calloc(1, sizeof(*dispatcher));
	int r;

	if (!dispatcher)
		return -ENOMEM;
	dispatcher->core = core;
	dispatcher->event = event;
	dispatcher->sets = sets;
	dispatcher->services = *services;
	dispatcher->audit = audit;
	r = dispatcher_watch(dispatcher);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(dispatcher);
	return 0;
}

void dispatcher_free(struct dispatcher *dispatcher)
{
	users_clear(&dispatcher->users);
	sd_event_source_disable_unref(dispatcher->flush);
	free(dispatcher);
}

/* ---- the tables ---- */

const struct tool *dispatcher_tool_at(const struct dispatcher *dispatcher, size_t index)
{
	for (size_t i = 0; dispatcher->sets[i]; i++) {
		if (index < dispatcher->sets[i]->count)
			return &dispatcher->sets[i]->tools[index];
		index -= dispatcher->sets[i]->count;
	}
	return NULL;
}

static const char *tool_name_at(const void *dispatcher, size_t index)
{
	const struct tool *tool = dispatcher_tool_at(dispatcher, index);

	return tool ? tool->name : NULL;
}

const struct tool *dispatcher_tool(const struct dispatcher *dispatcher, const char *name,
				   struct error *error)
{
	const struct tool *tool;
	const char *meant;

	for (size_t i = 0; (tool = dispatcher_tool_at(dispatcher, i)); i++)
		if (strcmp(tool->name, name) == 0)
			return tool;
	error_set(error, ERROR_TOOL_UNKNOWN, "name", "There is no tool \"%.64s\"", name);
	meant = nearest_name(name, tool_name_at, dispatcher);
	if (meant)
		error_hint(error, "did you mean \"%s\"?", meant);
	else
		error_hint(error, "tools/list names them all");
	return NULL;
}

/* ---- the life of a call ---- */

static bool is_change(const struct tool *tool)
{
	return !(tool->hints & HINT_READ_ONLY);
}

static void call_free(struct tool_call *call)
{
	if (call->stop)
		call->stop(call->state);
	sd_event_source_disable_unref(call->timer);
	if (call->counted)
		users_leave(&call->dispatcher->users, call->caller.uid, clock_boottime_usec());
	json_decref(call->given);
	text_buffer_clear(&call->input);
	json_decref(call->arguments);
	free(call);
}

static void call_record(const struct tool_call *call, const char *kind, const char *result,
			const struct mcp_result *answer, struct error *error)
{
	const struct audit_record record = {
		.kind = kind,
		.call = call->number,
		.uid = call->caller.uid,
		.gid = call->caller.gid,
		.pid = call->caller.pid,
		.role = tool_role_text(call->caller.role),
		.client = call->client_name,
		.tool = call->tool->name,
		.input = call->input.data,
		.input_length = call->input.length,
		.output = answer ? answer->structured : NULL,
		.output_length = answer ? answer->structured_length : 0,
		.result = result,
		.reason = json_member_text(call->arguments ?: call->given, "reason"),
		.duration = usec_sub(clock_boottime_usec(), call->started),
		.transaction = call->transaction,
	};

	if (!call->dispatcher->audit)
		return;
	if (!text_buffer_ok(&call->input))
		error_set(error, ERROR_OUT_OF_MEMORY, NULL, "Memory is exhausted");
	else
		(void)audit_append(call->dispatcher->audit, &record, error);
}

/* Reads go on when they cannot be recorded; that is said once, until it works again. */
static void call_record_end(const struct tool_call *call, const char *result,
			    const struct mcp_result *answer)
{
	struct dispatcher *dispatcher = call->dispatcher;
	struct error error = {0};

	call_record(call, "call", result, answer, &error);
	if (error.code != ERROR_NONE && !dispatcher->record_failed)
		core_publish(dispatcher->core, "audit.failed", NULL,
			     "Calls are not recorded: %s; changes are refused", error.message);
	dispatcher->record_failed = error.code != ERROR_NONE;
	if (dispatcher->audit && is_change(call->tool) &&
	    sd_event_source_set_enabled(dispatcher->flush, SD_EVENT_ONESHOT) < 0)
		(void)audit_sync(dispatcher->audit);
}

/* Answers, records, and frees the call (or leaves that to who runs it). */
static void call_answer(struct tool_call *call, bool failed, const char *result,
			const char *summary, const struct text_buffer *structured)
{
	const struct mcp_result answer = {
		.failed = failed,
		.summary = summary,
		.structured = structured->data,
		.structured_length = structured->length,
	};

	call_record_end(call, result, &answer);
	call->ended = true;
	call->client.finish(call->client.userdata, &answer);
	if (!call->running)
		call_free(call);
}

static void answer_error(struct tool_call *call, const char *result, const struct error *error)
{
	_cleanup_text_buffer_ struct text_buffer structured = {0};
	char summary[sizeof(error->message) + sizeof(error->hint) + 64];
	const char *code = error_code_text(error->code), *name, *text;

	text_buffer_format(&structured, "{\"error\":{\"code\":\"%s\",\"message\":", code);
	text_buffer_quote(&structured, error->message, strlen(error->message));
	for (unsigned i = 0; (text = error_member(error, i, &name)); i++) {
		if (!text[0])
			continue;
		text_buffer_format(&structured, ",\"%s\":", name);
		text_buffer_quote(&structured, text, strlen(text));
	}
	text_buffer_put(&structured, "}}");
	snprintf(summary, sizeof(summary), "%s: %s%s%s%s", code, error->message,
		 error->hint[0] ? " (" : "", error->hint, error->hint[0] ? ")" : "");
	call_answer(call, true, result, summary, &structured);
}

void tool_call_fail(struct tool_call *call, const struct error *error)
{
	struct error internal;

	if (error->code == ERROR_NONE) {
		error_set(&internal, ERROR_INTERNAL, NULL, "%s failed without a reason",
			  call->tool->name);
		error = &internal;
	}
	answer_error(call, "error", error);
}

void tool_call_complete(struct tool_call *call, json_t *result)
{
	const struct field_tables tables = tool_output(call->tool);
	_cleanup_json_ json_t *owned = result;
	_cleanup_(cleanup_free) char *summary = NULL;
	_cleanup_text_buffer_ struct text_buffer structured = {0};
	struct error error, internal;

	if (!result) {
		error_set(&error, ERROR_OUT_OF_MEMORY, NULL, "Memory is exhausted");
		return tool_call_fail(call, &error);
	}
	if (fields_check_output(&tables, result, &error) < 0) {
		error_set(&internal, ERROR_INTERNAL, error.parameter,
			  "The result of %s is not what its table says: %s", call->tool->name,
			  error.message);
		log_error("%s", internal.message);
		return tool_call_fail(call, &internal);
	}
	text_buffer_json(&structured, result);
	if (call->tool->propose)
		summary = change_summarise(result);
	else if (call->tool->summarise)
		summary = call->tool->summarise(result);
	if (!text_buffer_ok(&structured)) {
		error_set(&error, ERROR_OUT_OF_MEMORY, NULL, "Memory is exhausted");
		return tool_call_fail(call, &error);
	}
	call_answer(call, false, "ok", summary, &structured);
}

void dispatcher_cancel(struct tool_call *call)
{
	call_record_end(call, "cancelled", NULL);
	call_free(call);
}

static int on_time_limit(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct tool_call *call = userdata;
	struct error error;

	error_set(&error, ERROR_TOOL_TIMEOUT, NULL, "%s did not finish within %u ms",
		  call->tool->name, call->tool->time_limit);
	answer_error(call, "timeout", &error);
	return 0;
}

static int call_start_timer(struct tool_call *call, struct error *error)
{
	int r = sd_event_add_time_relative(call->dispatcher->event, &call->timer, CLOCK_BOOTTIME,
					   call->tool->time_limit * USEC_PER_MSEC, USEC_PER_MSEC,
					   on_time_limit, call);

	return r < 0 ? error_set(error, ERROR_INTERNAL, NULL, "No timer: %s", strerror(-r)) : 0;
}

/* A change is recorded before it is made, and not made when it cannot be. */
static int call_begin(struct tool_call *call, struct error *error)
{
	struct audit *audit = call->dispatcher->audit;
	struct error failed = {0};
	int r;

	if (!is_change(call->tool) || !audit)
		return 0;
	r = audit_reserve(audit, error);
	if (r < 0)
		return r;
	call_record(call, "begin", NULL, NULL, &failed);
	if (failed.code == ERROR_NONE)
		return 0;
	if (error)
		*error = failed;
	return error_code_errno(failed.code);
}

/* How much an agent changes. What is only planned, and confirming, which changes nothing, is free.
 */
static int call_check_amount(const struct tool_call *call, struct error *error)
{
	struct change_limit limit;

	if (call->caller.role != ROLE_AGENT || !call->tool->undoable ||
	    json_member_true(call->arguments, "dry_run"))
		return 0;
	guards_limit(tool_call_core(call), &limit.count, &limit.period);
	return users_take_change(&call->dispatcher->users, call->caller.uid, &limit, call->started,
				 error);
}

static int call_check_role(const struct tool_call *call, struct error *error)
{
	int r;

	if (call->caller.role >= call->tool->role)
		return 0;
	r = error_set(error, ERROR_ROLE_INSUFFICIENT, NULL, "%s needs the role %s; uid %u is %s",
		      call->tool->name, tool_role_text(call->tool->role), call->caller.uid,
		      tool_role_text(call->caller.role));
	error_hint(error, "run it as root, or name the user as an agent when the daemon starts");
	return r;
}

/* 0 answered later or already, or the reason why not. */
static int call_run(struct tool_call *call, struct error *error)
{
	const struct field_tables tables = tool_parameters(call->tool);
	_cleanup_json_ json_t *result = NULL;
	int r = call_check_role(call, error);

	if (r == 0)
		r = fields_validate(&tables, call->given, &call->arguments, error);
	if (r == 0)
		r = call_check_amount(call, error);
	if (r == 0)
		r = call_begin(call, error);
	if (r < 0)
		return r;
	r = call->tool->propose ? change_run_proved(call, &result, error)
				: call->tool->call(call, &result, error);
	if (call->ended || r < 0)
		return r;
	if (r == TOOL_LATER)
		return call_start_timer(call, error);
	tool_call_complete(call, TAKE_PTR(result));
	return 0;
}

int dispatcher_call(struct dispatcher *dispatcher, const struct caller *caller,
		    const struct dispatch_client *client, const char *name, json_t *arguments,
		    struct tool_call **ret, struct error *error)
{
	const struct tool *tool = dispatcher_tool(dispatcher, name, error);
	struct error failed = {0};
	struct tool_call *call;
	int r;

	*ret = NULL;
	if (!tool)
		return -ENOENT;
	call = calloc(1, sizeof(*call));
	if (!call)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "Memory is exhausted");
	*call = (struct tool_call){
		.dispatcher = dispatcher,
		.tool = tool,
		.caller = *caller,
		.client = *client,
		.number = ++dispatcher->calls,
		.started = clock_boottime_usec(),
		.given = json_incref(arguments),
		.running = true,
	};
	text_copy(call->client_name, sizeof(call->client_name), client->name);
	if (dispatcher->audit && arguments)
		record_redact(dispatcher, tool, arguments, &call->input);
	r = users_enter(&dispatcher->users, caller->uid, &failed);
	call->counted = r == 0;
	if (r == 0)
		r = call_run(call, &failed);
	if (r < 0 && !call->ended)
		tool_call_fail(call, &failed);
	call->running = false;
	if (call->ended)
		call_free(call);
	else
		*ret = call;
	return 0;
}
