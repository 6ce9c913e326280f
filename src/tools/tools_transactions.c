/* tx.*: plan, confirm, undo, history. */
#include <stdio.h>
#include <string.h>

#include "change.h"
#include "change_proved.h"
#include "common.h"
#include "dispatch.h"

/* ---- tx.plan ---- */

static const struct field plan_parameters[] = {
	{"tool", FIELD_TEXT, .required = true, .least = 1, .most = 128,
	 .help = "Name of a tool that changes something"},
	{"arguments", FIELD_OBJECT, .help = "Its arguments"},
	FIELD_END,
};

static const struct field guard_members[] = {
	{"name", FIELD_TEXT, .required = true, .help = "Name of the guard rail"},
	{"summary", FIELD_TEXT, .required = true, .help = "What it forbids"},
	FIELD_END,
};

static const struct field plan_output[] = {
	{"guard_rails", FIELD_OBJECT, .list = true, .required = true, .members = guard_members,
	 .help = "Those that were asked, and let the plan pass"},
	FIELD_END,
};

static json_t *guard_rails_json(struct core *core)
{
	_cleanup_json_ json_t *guards = json_array();
	const struct guard_rail *guard = NULL;

	while ((guard = core_next_guard_rail(core, guard)))
		if (json_array_append_new(guards, json_pack("{ss ss}", "name", guard->name,
							    "summary", guard->summary)) < 0)
			return NULL;
	return TAKE_PTR(guards);
}

static int find_changing_tool(const struct tool_call *call, const struct tool **ret,
			      struct error *error)
{
	const char *name = json_member_text(tool_call_arguments(call), "tool");
	int r;

	*ret = dispatcher_tool(tool_call_dispatcher(call), name, error);
	if (!*ret)
		return -ENOENT;
	if ((*ret)->propose)
		return 0;
	r = error_set(error, ERROR_PARAMETER_RANGE, "tool",
		      "%s changes no intent: there is no plan to make", name);
	error_hint(error, "call it as it is");
	return r;
}

static int call_plan(struct tool_call *call, json_t **ret, struct error *error)
{
	_cleanup_json_ json_t *arguments = NULL;
	struct ip_address provers[CHANGE_PROVERS_MOST];
	const struct proving proving = {.peers = provers,
					.peers_count = change_provers(call, provers)};
	struct field_tables tables;
	const struct tool *tool;
	const json_t *own;
	int r = find_changing_tool(call, &tool, error);

	if (r < 0)
		return r;
	tables = tool_parameters(tool);
	r = fields_validate(&tables, json_object_get(tool_call_arguments(call), "arguments"),
			    &arguments, error);
	if (r < 0)
		return r;
	own = tool_call_replace_arguments(call, arguments);
	r = change_run(call, tool, true, &proving, ret, error);
	(void)tool_call_replace_arguments(call, own);
	if (r == 0 && json_put(*ret, "guard_rails", guard_rails_json(tool_call_core(call))) < 0)
		return out_of_memory(error);
	return r;
}

/* ---- tx.confirm, tx.undo ---- */

static const struct field confirm_parameters[] = {
	{"transaction", FIELD_INTEGER, .required = true, .least = 1, .most = 9007199254740992.0,
	 .help = "Number of the pending transaction"},
	{"reason", FIELD_TEXT, .most = PROVENANCE_TEXT_MAX - 1,
	 .help = "Why, for the audit record"},
	FIELD_END,
};

static const struct field confirm_output[] = {
	{"state", FIELD_TEXT, .required = true, .help = "committed"},
	{"transaction", FIELD_INTEGER, .required = true, .help = "Its number"},
	FIELD_END,
};

static const struct field undo_parameters[] = {
	{"transaction", FIELD_INTEGER, .required = true, .least = 1, .most = 9007199254740992.0,
	 .help = "Number of the transaction that is taken back"},
	{"reason", FIELD_TEXT, .most = PROVENANCE_TEXT_MAX - 1, .help = "Why"},
	{"goal", FIELD_TEXT, .most = PROVENANCE_TEXT_MAX - 1,
	 .help = "Id of the goal that it serves"},
	{"dry_run", FIELD_BOOLEAN, .fallback = "false", .help = "Plan only; nothing changes"},
	FIELD_END,
};

/* What an administrator decided is his to take back or to let stand. */
static int check_owner(const struct tool_call *call, uint64_t number, struct error *error)
{
	char owner[PROVENANCE_TEXT_MAX];
	int r;

	if (tool_call_role(call) == ROLE_ADMIN)
		return 0;
	r = transaction_owner(tool_call_core(call), number, owner, error);
	if (r < 0 || strcmp(owner, "uid:0") != 0)
		return r;
	r = error_set(error, ERROR_ROLE_INSUFFICIENT, "transaction",
		      "transaction %" PRIu64 " is an administrator's; uid %u is %s", number,
		      tool_call_uid(call), tool_role_text(tool_call_role(call)));
	error_hint(error, "ask the administrator to do it");
	return r;
}

static int call_confirm(struct tool_call *call, json_t **ret, struct error *error)
{
	int64_t number = json_member_integer(tool_call_arguments(call), "transaction", 0);
	int r = check_owner(call, (uint64_t)number, error);

	if (r == 0)
		r = transaction_confirm(tool_call_core(call), (uint64_t)number, error);
	if (r < 0)
		return r;
	tool_call_note_transaction(call, (uint64_t)number);
	*ret = json_pack("{ss sI}", "state", transaction_state_text(TRANSACTION_COMMITTED),
			 "transaction", (json_int_t)number);
	return *ret ? 0 : out_of_memory(error);
}

static int make_undo(struct tool_call *call, const struct proving *proving, json_t **ret,
		     struct error *error)
{
	const json_t *arguments = tool_call_arguments(call);
	_cleanup_outcome_ struct outcome outcome = {0};
	uint64_t number = (uint64_t)json_member_integer(arguments, "transaction", 0);
	struct core *core = tool_call_core(call);
	struct provenance provenance;
	int r;

	change_provenance(call, &provenance);
	r = transaction_undo_unproved(core, number, change_asker(call), &provenance, proving,
				      json_member_true(arguments, "dry_run"), &outcome, error);
	if (r < 0)
		return r;
	tool_call_note_transaction(call, outcome.transaction);
	*ret = change_answer(&outcome);
	return *ret ? 0 : out_of_memory(error);
}

static int call_undo(struct tool_call *call, json_t **ret, struct error *error)
{
	int64_t number = json_member_integer(tool_call_arguments(call), "transaction", 0);
	int r = check_owner(call, (uint64_t)number, error);

	return r < 0 ? r : change_make_proved(call, make_undo, ret, error);
}

static char *summarise_confirm(const json_t *result)
{
	char *text;
	int n = asprintf(&text, "Transaction %" PRId64 " stays.",
			 json_member_integer(result, "transaction", 0));

	return n < 0 ? NULL : text;
}

/* ---- tx.history ---- */

static const struct field history_parameters[] = {
	{"limit", FIELD_INTEGER, .least = 1, .most = 1000, .fallback = "20",
	 .help = "How many are listed at most"},
	{"before", FIELD_INTEGER, .least = 1, .most = 9007199254740992.0,
	 .help = "Only transactions with a lower number"},
	{"changes", FIELD_BOOLEAN, .fallback = "false",
	 .help = "With what each changed, before and after"},
	FIELD_END,
};

static const struct field dependant_members[] = {
	{"resource", FIELD_TEXT, .required = true, .help = "Id of the resource"},
	{"transaction", FIELD_INTEGER, .required = true, .nullable = true,
	 .help = "The last one that changed it, null where it was removed"},
	FIELD_END,
};

static const struct field transaction_members[] = {
	{"number", FIELD_INTEGER, .required = true, .help = "Number, for tx.undo"},
	{"time", FIELD_TIME, .required = true, .help = "When"},
	{"state", FIELD_TEXT, .required = true, .help = "committed, pending, rolled_back, undone"},
	{"tool", FIELD_TEXT, .required = true,
	 .help = "What asked: a tool, or a part of the daemon"},
	{"owner", FIELD_TEXT, .help = "Who asked"},
	{"reason", FIELD_TEXT, .help = "Why"},
	{"goal", FIELD_TEXT, .help = "Goal that it served"},
	{"words", FIELD_TEXT, .help = "Why it was rolled back or undone"},
	{"deadline", FIELD_TIME, .help = "Of a pending one"},
	{"changes", FIELD_OBJECT, .list = true,
	 .help = "Resources before and after, and the members that differ as [before, after]"},
	{"dependants", FIELD_OBJECT, .list = true, .members = dependant_members,
	 .help = "What later transactions changed of it: these go first, before it can be undone"},
	{"steps", FIELD_OBJECT, .list = true, .help = "Steps that were applied"},
	FIELD_END,
};

static const struct field history_output[] = {
	{"transactions", FIELD_OBJECT, .list = true, .required = true,
	 .members = transaction_members, .help = "Newest first"},
	FIELD_END,
};

/* Times as people read them; what is not known is left out. */
static int tidy_transaction(json_t *transaction)
{
	static const char *const times[] = {"time", "deadline"};
	const char *name;
	json_t *value;
	void *next;
	int r = 0;

	json_object_foreach_safe(transaction, next, name, value) {
		if (json_is_null(value) || (json_is_string(value) && !*json_string_value(value)))
			json_object_del(transaction, name);
	}
	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		const json_t *time = json_object_get(transaction, times[i]);

		if (json_is_integer(time))
			r |= json_put(transaction, times[i],
				      json_realtime((usec_t)json_integer_value(time)));
	}
	return r;
}

json_t *history_json(struct core *core, uint64_t before, unsigned limit, bool changes,
		     struct error *error)
{
	_cleanup_json_ json_t *transactions = NULL;
	json_t *transaction;
	size_t i;

	if (transaction_history(core, before, limit, changes, &transactions, error) < 0)
		return NULL;
	json_array_foreach(transactions, i, transaction) {
		if (tidy_transaction(transaction) < 0) {
			out_of_memory(error);
			return NULL;
		}
	}
	return TAKE_PTR(transactions);
}

static int call_history(struct tool_call *call, json_t **ret, struct error *error)
{
	const json_t *arguments = tool_call_arguments(call);
	json_t *transactions = history_json(tool_call_core(call),
					    (uint64_t)json_member_integer(arguments, "before", 0),
					    (unsigned)json_member_integer(arguments, "limit", 20),
					    json_member_true(arguments, "changes"), error);

	if (!transactions)
		return -EIO;
	*ret = json_pack("{so}", "transactions", transactions);
	return *ret ? 0 : out_of_memory(error);
}

static char *summarise_history(const json_t *result)
{
	const json_t *list = json_object_get(result, "transactions");
	const json_t *newest = json_array_get(list, 0);
	char *text;
	int n = asprintf(&text, "%zu transactions%s%s", json_array_size(list),
			 newest ? "; the newest by " : "", json_member_text(newest, "tool") ?: "");

	return n < 0 ? NULL : text;
}

static const struct tool tools[] = {
	{
		.name = "tx.plan",
		.title = "Plan a change",
		.description =
			"Says what a changing tool would do with these arguments, step by step, "
			"and whether the guard rails let it pass. Nothing changes.",
		.parameters = plan_parameters,
		.output = change_output,
		.more_output = plan_output,
		.hints = HINT_READ_ONLY | HINT_IDEMPOTENT,
		.risk = RISK_NONE,
		.role = ROLE_OBSERVER,
		.time_limit = 5000,
		.call = call_plan,
		.summarise = change_summarise,
	},
	{
		.name = "tx.confirm",
		.title = "Confirm a change",
		.description = "Makes a change stay that was made with confirm_within.",
		.parameters = confirm_parameters,
		.output = confirm_output,
		.hints = HINT_IDEMPOTENT,
		.risk = RISK_LOW,
		.role = ROLE_AGENT,
		.time_limit = 5000,
		.call = call_confirm,
		.summarise = summarise_confirm,
	},
	{
		.name = "tx.undo",
		.title = "Undo a change",
		.description =
			"Takes a change back: what it changed becomes what it was before. Refused "
			"(tx.not_undoable) when a later change touched the same.",
		.parameters = undo_parameters,
		.output = change_output,
		.hints = HINT_DESTRUCTIVE,
		.risk = RISK_HIGH,
		.role = ROLE_AGENT,
		.time_limit = 5000,
		.undoable = true,
		.call = call_undo,
		.summarise = change_summarise,
	},
	{
		.name = "tx.history",
		.title = "List changes",
		.description = "Lists the changes that were made, by whom and why, newest first.",
		.parameters = history_parameters,
		.output = history_output,
		.hints = HINT_READ_ONLY | HINT_IDEMPOTENT,
		.risk = RISK_NONE,
		.role = ROLE_OBSERVER,
		.time_limit = 1000,
		.call = call_history,
		.summarise = summarise_history,
	},
};

const struct tool_set transaction_tools = {tools, ARRAY_SIZE(tools)};
