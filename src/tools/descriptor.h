/*
 * How a tool is described: one table, from which everything that is told about it follows.
 *
 * The JSON Schemas, the validation with its messages, the command line's options, the
 *documentation, the needed role, the time limit and the audit all read `struct tool`. Nothing about
 *a tool is written twice.
 *
 * How to write a tool
 *
 * A file `tools_SUBJECT.c` holds the parameter tables, the functions and, at its end, one
 * `const struct tool_set SUBJECT_tools`, which table.c names. A table of fields ends with
 *FIELD_END.
 *
 *	static const struct field ping_parameters[] = {
 *		{"host", FIELD_TEXT, .required = true, .most = 253, .help = "Name or address"},
 *		{"count", FIELD_INTEGER, .unit = "packets", .least = 1, .most = 1000,
 *		 .fallback = "4", .help = "How many requests are sent"},
 *		FIELD_END,
 *	};
 *
 * A *reading* tool has `call` (so have tx.confirm and tx.undo, which act on transactions as such).
 *When it runs, the arguments have been validated and the defaults
 * (`fallback`) are filled in, so that json_member_text() and its like on tool_call_arguments() find
 * what the table promises; an argument that is optional and has no default may be absent.
 *
 *   - It finishes at once: sets `*ret` to a new object that matches its output table, returns 0.
 *   - It fails: returns a negative errno with `error` filled (error_set()). The caller gets
 *isError.
 *   - It finishes later: starts its work, gives its state to tool_call_set_state() and returns
 *     TOOL_LATER. When the work is done it calls tool_call_complete() or tool_call_fail(), once;
 *     the state is released (`stop`) inside that call, so return right after it. When the client
 *     goes away, cancels, or the time limit is over, `stop` alone is called: from then on the call
 *     is gone, and neither complete nor fail may be called.
 *
 * A *changing* tool has `propose` instead: a function from arguments to a proposal, and no more. It
 * may read observed state and intent, but changes nothing. Dry run, guard rails, transaction,
 *expiry, confirmation, undo and the answer (TOOL_CHANGE_OUTPUT) are common code; so are the
 *parameters reason, goal, expires_in, confirm_within and dry_run, and `output` stays NULL.
 */
#pragma once

#include <systemd/sd-event.h>

#include "core/core.h"

struct tool_call;

enum field_type {
	FIELD_TEXT,    /* least and most count bytes of UTF-8 */
	FIELD_INTEGER, /* |value| <= 2^53 */
	FIELD_NUMBER,
	FIELD_BOOLEAN,
	FIELD_ADDRESS,		 /* IPv4 or IPv6 address */
	FIELD_INTERFACE_ADDRESS, /* ADDRESS/LENGTH, host bits allowed */
	FIELD_PREFIX,		 /* NETWORK/LENGTH without host bits, or "default" */
	FIELD_LINK,		 /* name of an interface; need not exist */
	FIELD_MAC,
	FIELD_TIME,   /* RFC 3339 in UTC */
	FIELD_OBJECT, /* of `members`; any object where they are NULL */
	_FIELD_TYPE_MAX
};

struct field {
	const char *name;
	enum field_type type;
	bool list;     /* an array of the type */
	bool required; /* input: must be given; output: is always there */
	bool nullable; /* output only: may be null */
	bool secret;   /* never written to the audit record */
	bool or_truth; /* of objects: true or false do, too */
	const char *unit;
	double least, most;	   /* both 0: no limits. Of texts the length; checked per item */
	unsigned items_most;	   /* of a list; 0: 256 for input, no limit for output */
	const char *fallback;	   /* the default, as JSON text: "4", "\"auto\"", "true" */
	const char *const *values; /* the allowed texts, ended by NULL */
	const struct field *members;
	const char *help; /* one sentence without a full stop */
};

#define FIELD_END                                                                                  \
	{                                                                                          \
		.name = NULL                                                                       \
	}

enum tool_role { ROLE_OBSERVER, ROLE_AGENT, ROLE_ADMIN, _TOOL_ROLE_MAX };
enum tool_risk { RISK_NONE, RISK_LOW, RISK_MEDIUM, RISK_HIGH, _TOOL_RISK_MAX };

const char *tool_role_text(enum tool_role role); /* "observer", "agent", "admin" */
const char *tool_risk_text(enum tool_risk risk); /* "none", "low", "medium", "high" */

enum tool_hint {
	HINT_READ_ONLY = 1 << 0,
	HINT_DESTRUCTIVE = 1 << 1, /* may take away what was there */
	HINT_IDEMPOTENT = 1 << 2,  /* the same call again changes nothing more */
	HINT_OPEN_WORLD = 1 << 3,  /* speaks with other hosts */
};

#define TOOL_LATER 1

struct tool {
	const char *name;		 /* "net.ping": [a-z0-9_.] */
	const char *title;		 /* a few words */
	const char *description;	 /* what it does, when to use it, what it does not do */
	const struct field *parameters;	 /* NULL for none */
	const struct field *output;	 /* of reading tools */
	const struct field *more_output; /* goes on where `output` ends; NULL for none */
	unsigned hints;			 /* enum tool_hint */
	enum tool_risk risk;
	enum tool_role role; /* the least role that may call it */
	unsigned time_limit; /* milliseconds, enforced; at least 1 */
	bool undoable;	     /* tx.undo takes it back */

	/* Exactly one of the two, see above. */
	int (*call)(struct tool_call *call, json_t **ret, struct error *error);
	int (*propose)(struct tool_call *call, struct proposal *proposal, struct error *error);

	/* One or two sentences for people of a result; malloc()ed, NULL when memory is exhausted.
	 * Optional: without it the text is the result as JSON. */
	char *(*summarise)(const json_t *result);
};

struct tool_set {
	const struct tool *tools;
	size_t count;
};

/* The rooms that tools read. A member is NULL where the daemon runs without that room: then the
 * tool says less, or fails with kernel.unsupported. All are borrowed. */
struct link_manager;
struct dhcp_service;
struct dns_service;
struct adopt_service;
struct online_service;
struct monitor;

struct tool_services {
	struct link_manager *link_manager;
	struct dhcp_service *dhcp;
	struct dns_service *dns;
	struct adopt_service *adopt;
	struct firewall_service *firewall;
	struct online_service *online;
	struct monitor *monitor;
	usec_t started; /* boottime of the daemon's start; filled in by tools_server_new() if 0 */
};

/* ---- what a tool may ask of its call ---- */

const json_t *tool_call_arguments(const struct tool_call *call); /* an object; borrowed */
struct core *tool_call_core(const struct tool_call *call);
sd_event *tool_call_event(const struct tool_call *call);
const struct tool_services *tool_call_services(const struct tool_call *call);
enum tool_role tool_call_role(const struct tool_call *call);

/* The state of a call that finishes later. `stop` is called exactly once, when the call ends in
 * whatever way: it stops the work and frees the state. */
void tool_call_set_state(struct tool_call *call, void *state, void (*stop)(void *state));

/* Ends a call. `result` is taken; `error` is copied. The call is gone afterwards. */
void tool_call_complete(struct tool_call *call, json_t *result);
void tool_call_fail(struct tool_call *call, const struct error *error);

/* Tells the client how far it is, where the client asked for that; `progress` only grows. `total` 0
 * for unknown; `message` may be NULL. */
void tool_call_progress(struct tool_call *call, double progress, double total, const char *message);
