#include "change.h"

#include <stdio.h>
#include <string.h>

#include "dispatch.h"

#define SECONDS_MOST 31536000.0 /* a year */

const struct field change_parameters[] = {
	{"reason", FIELD_TEXT, .most = PROVENANCE_TEXT_MAX - 1,
	 .help = "Why; kept with everything that the change makes, and shown by net.explain"},
	{"goal", FIELD_TEXT, .most = PROVENANCE_TEXT_MAX - 1,
	 .help = "Id of the goal that the change serves"},
	{"expires_in", FIELD_INTEGER, .unit = "s", .least = 1, .most = SECONDS_MOST,
	 .help = "What the change makes is taken away again after this time"},
	{"confirm_within", FIELD_INTEGER, .unit = "s", .least = 1, .most = 3600,
	 .help = "Rolled back after this time unless tx.confirm was called"},
	{"dry_run", FIELD_BOOLEAN, .fallback = "false",
	 .help = "Check and plan only; nothing changes"},
	FIELD_END,
};

static const char *const states[] = {"unchanged",   "planned", "committed", "pending",
				     "rolled_back", "undone",  NULL};

const struct field change_step_members[] = {
	{"action", FIELD_TEXT, .required = true, .help = "create, update or remove"},
	{"type", FIELD_TEXT, .required = true, .help = "Type of the resource"},
	{"resource", FIELD_TEXT, .required = true, .help = "Id of the resource"},
	{"before", FIELD_OBJECT, .nullable = true, .help = "As it was, null for not there"},
	{"after", FIELD_OBJECT, .nullable = true, .help = "As it becomes, null for gone"},
	FIELD_END,
};

static const struct field waiting_members[] = {
	{"resource", FIELD_TEXT, .required = true, .help = "Id of the resource"},
	{"why", FIELD_TEXT, .required = true, .help = "What hinders it"},
	FIELD_END,
};

const struct field change_output[] = {
	{"state", FIELD_TEXT, .required = true, .values = states,
	 .help = "unchanged: everything was so already; pending: rolled back at its deadline "
		 "unless confirmed"},
	{"transaction", FIELD_INTEGER, .nullable = true,
	 .help = "Number in history, for tx.confirm and tx.undo; null where nothing was changed"},
	{"steps", FIELD_OBJECT, .list = true, .required = true, .members = change_step_members,
	 .help = "What was or would be done, in this order"},
	{"steps_count", FIELD_INTEGER, .required = true, .least = 0,
	 .help = "How many steps there are; of more than 200 the first 200 are listed"},
	{"waiting", FIELD_OBJECT, .list = true, .members = waiting_members,
	 .help = "What is wanted but cannot be yet; done as soon as it can"},
	{"deadline", FIELD_TIME, .help = "Of a pending change"},
	{"note", FIELD_TEXT, .help = "What else is to be known of it"},
	FIELD_END,
};

json_t *change_answer(const struct outcome *outcome)
{
	_cleanup_json_ json_t *answer =
		json_pack("{ss so so sI}", "state", transaction_state_text(outcome->state),
			  "transaction",
			  outcome->transaction ? json_integer((json_int_t)outcome->transaction)
					       : json_null(),
			  "steps", outcome->steps ? json_incref(outcome->steps) : json_array(),
			  "steps_count", (json_int_t)outcome->steps_count);

	if (!answer)
		return NULL;
	if (outcome->waiting && json_array_size(outcome->waiting) > 0 &&
	    json_put(answer, "waiting", json_incref(outcome->waiting)) < 0)
		return NULL;
	if (outcome->state == TRANSACTION_PENDING &&
	    json_put(answer, "deadline", json_realtime(outcome->deadline)) < 0)
		return NULL;
	return TAKE_PTR(answer);
}

char *change_summarise(const json_t *result)
{
	const char *state = json_member_text(result, "state");
	size_t steps = (size_t)json_member_integer(result, "steps_count", 0);
	size_t waiting = json_array_size(json_object_get(result, "waiting"));
	int64_t number = json_member_integer(result, "transaction", 0);
	char *text, transaction[48] = "", waits[48] = "";

	if (number)
		snprintf(transaction, sizeof(transaction), ", transaction %" PRId64, number);
	if (waiting)
		snprintf(waits, sizeof(waits), ", %zu waiting", waiting);
	if (strcmp(state, "unchanged") == 0 && json_member_text(result, "note"))
		return strdup(json_member_text(result, "note"));
	if (strcmp(state, "unchanged") == 0)
		return strdup(waiting ? "Nothing to do now; what is wanted waits."
				      : "Nothing to do: everything is so already.");
	if (asprintf(&text, "%s: %zu step%s%s%s.%s%s", state, steps, steps == 1 ? "" : "s",
		     transaction, waits,
		     json_member_text(result, "deadline") ? " Rolled back unless confirmed by "
							  : "",
		     json_member_text(result, "deadline") ?: "") < 0)
		return NULL;
	return text;
}

void change_provenance(const struct tool_call *call, struct provenance *ret)
{
	const json_t *arguments = tool_call_arguments(call);

	*ret = (struct provenance){0};
	snprintf(ret->owner, sizeof(ret->owner), "uid:%u", tool_call_uid(call));
	text_copy(ret->reason, sizeof(ret->reason),
		  json_member_text(arguments, "reason") ?: json_member_text(arguments, "comment"));
	text_copy(ret->goal, sizeof(ret->goal), json_member_text(arguments, "goal"));
}

enum asker change_asker(const struct tool_call *call)
{
	return tool_call_role(call) == ROLE_ADMIN ? ASKER_ADMINISTRATOR : ASKER_AGENT;
}

int change_run(struct tool_call *call, const struct tool *tool, bool dry_run,
	       const struct proving *proving, json_t **ret, struct error *error)
{
	const json_t *arguments = tool_call_arguments(call);
	int64_t expires_in = json_member_integer(arguments, "expires_in", 0);
	int64_t confirm_within = json_member_integer(arguments, "confirm_within", 0);
	_cleanup_proposal_ struct proposal proposal;
	_cleanup_outcome_ struct outcome outcome = {0};
	int r;

	proposal_init(&proposal, tool->name);
	change_provenance(call, &proposal.provenance);
	proposal.asker = change_asker(call);
	proposal.durable = true;
	proposal.confirm_within = (usec_t)confirm_within * USEC_PER_SEC;
	proposal.proving = *proving;
	if (expires_in > 0)
		proposal.expires = clock_realtime_usec() + (usec_t)expires_in * USEC_PER_SEC;
	r = tool->propose(call, &proposal, error);
	if (r < 0)
		return r;
	dry_run = dry_run || json_member_true(arguments, "dry_run");
	r = transaction_run(tool_call_core(call), &proposal, dry_run, &outcome, error);
	if (r < 0)
		return r;
	tool_call_note_transaction(call, outcome.transaction);
	*ret = change_answer(&outcome);
	if (*ret && proposal.note[0] && json_put(*ret, "note", json_string(proposal.note)) < 0)
		json_decref(TAKE_PTR(*ret));
	return *ret ? 0 : error_set(error, ERROR_OUT_OF_MEMORY, NULL, "Memory is exhausted");
}
