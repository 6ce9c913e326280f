#include "descriptor.h"

#include "change.h"
#include "dispatch-internal.h"

static const char *const role_texts[_TOOL_ROLE_MAX] = {
	[ROLE_OBSERVER] = "observer",
	[ROLE_AGENT] = "agent",
	[ROLE_ADMIN] = "admin",
};

static const char *const risk_texts[_TOOL_RISK_MAX] = {
	[RISK_NONE] = "none",
	[RISK_LOW] = "low",
	[RISK_MEDIUM] = "medium",
	[RISK_HIGH] = "high",
};

const char *tool_role_text(enum tool_role role)
{
	return role_texts[role];
}

const char *tool_risk_text(enum tool_risk risk)
{
	return risk_texts[risk];
}

struct field_tables tool_parameters(const struct tool *tool)
{
	return (struct field_tables){.own = tool->parameters,
				     .common = tool->propose ? change_parameters : NULL};
}

struct field_tables tool_output(const struct tool *tool)
{
	return (struct field_tables){.own = tool->propose ? change_output : tool->output,
				     .common = tool->more_output};
}

/* ---- what a tool may ask ---- */

const json_t *tool_call_arguments(const struct tool_call *call)
{
	return call->arguments;
}

struct core *tool_call_core(const struct tool_call *call)
{
	return call->dispatcher->core;
}

sd_event *tool_call_event(const struct tool_call *call)
{
	return call->dispatcher->event;
}

const struct tool_services *tool_call_services(const struct tool_call *call)
{
	return &call->dispatcher->services;
}

enum tool_role tool_call_role(const struct tool_call *call)
{
	return call->caller.role;
}

uid_t tool_call_uid(const struct tool_call *call)
{
	return call->caller.uid;
}

const struct tool *tool_call_tool(const struct tool_call *call)
{
	return call->tool;
}

pid_t tool_call_pid(const struct tool_call *call)
{
	return call->caller.pid;
}

struct dispatcher *tool_call_dispatcher(const struct tool_call *call)
{
	return call->dispatcher;
}

struct proof **dispatcher_proofs(struct dispatcher *dispatcher)
{
	return &dispatcher->proofs;
}

void tool_call_note_transaction(struct tool_call *call, uint64_t transaction)
{
	call->transaction = transaction;
}

const json_t *tool_call_replace_arguments(struct tool_call *call, const json_t *arguments)
{
	const json_t *former = call->arguments;

	call->arguments = (json_t *)arguments;
	return former;
}

void tool_call_set_state(struct tool_call *call, void *state, void (*stop)(void *state))
{
	call->state = state;
	call->stop = stop;
}

void tool_call_progress(struct tool_call *call, double progress, double total, const char *message)
{
	if (!call->ended && call->client.progress)
		call->client.progress(call->client.userdata, progress, total, message);
}
