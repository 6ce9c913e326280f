/* What the files of this room share, and no other room sees. */
#pragma once

#include "core.h"
#include "journal.h"

#define TYPES_MAX	   32
#define GUARDS_MAX	   16
#define EVENT_HANDLERS_MAX 16
#define RESOURCES_MAX	   20000
#define UNCONFIRMED_KNOWN  64
#define HISTORY_KEPT	   10000 /* transactions */
#define HISTORY_PRUNED	   256	 /* after so many more */

/* A pending transaction that this run knows. */
struct unconfirmed {
	uint64_t number;
	usec_t until; /* boottime */
};

struct core {
	sd_event *event;
	struct observed *observed;
	struct netlink_socket *netlink;
	struct store *store;

	struct {
		const struct resource_type *type;
		void *userdata;
		struct resource *first; /* of intent */
	} types[TYPES_MAX];
	unsigned types_count;

	struct guard_rail guards[GUARDS_MAX];
	unsigned guards_count;

	struct resource *intent; /* by id */

	struct link_entry *link_entries; /* by name: dependents.c */
	bool dependents_incomplete;	 /* memory was short: each look is at all of intent */
	struct resource *attended;	 /* those that are due, or tried again at their time */
	bool all_due;

	struct event_record events[EVENT_KEPT]; /* sequence n stands at n % EVENT_KEPT */
	uint64_t events_last;
	struct {
		event_handler_t handler;
		void *userdata;
	} event_handlers[EVENT_HANDLERS_MAX];
	unsigned event_handlers_count;

	bool started;
	bool same_boot;
	bool in_transaction; /* no other may begin */

	bool store_behind; /* the database refused something that was done all the same */

	drift_policy_t drift_policy; /* NULL: all is reverted */
	void *drift_userdata;
	usec_t changed_at; /* boottime of our last change to the kernel by a transaction */

	sd_event_source *convergence; /* deferred look at what waits, fails or drifted */
	char convergence_why[96];
	sd_event_source *deadlines;			   /* next expiry or unconfirmed change */
	struct unconfirmed unconfirmed[UNCONFIRMED_KNOWN]; /* n stands at n % UNCONFIRMED_KNOWN */
	usec_t deadlines_pause;	  /* boottime before which what was due and failed is not tried */
	char expiry_trouble[160]; /* why something could not expire */
};

struct plan {
	struct core *core;
	enum asker asker;
	bool awaits_confirmation;
	struct proving proving;
	bool undoes; /* an earlier transaction: what that one adopted is left in the kernel */
	struct change *changes;
	size_t changes_count;
	struct step *steps; /* in the order of application */
	size_t steps_count;
	size_t puts_count;  /* the first of them are of what is put and not put last */
	struct step *later; /* of what waits */
	size_t later_count;
	bool restores;	 /* see plan_restores() */
	json_t *waiting; /* array of {resource, why} */
};

/* changes.c: room for one more behind the `count` members of an array that only this function made
 * larger. The array, moved perhaps, or NULL without memory: then it is as it was. */
void *room_for_one(void *array, size_t count, size_t size);
/* Fills the changes of a plan that has none yet. */
int changes_collect(struct plan *plan, struct proposal *proposal, struct error *error);
/* Do both specifications say the same? */
bool spec_equal(const struct resource_type *type, const void *a, const void *b);

/* plan.c */
int plan_build(struct core *core, struct proposal *proposal, struct plan *ret, struct error *error);
/* plan_revived.c. What waits for a link that the plan makes or sets up is among its steps then: 0
 * or a negative errno. */
int plan_revive(struct plan *plan);
/* Takes those steps out again; false where there are none. */
bool plan_forget_revived(struct plan *plan);
/* The kernel has what they are of. */
void plan_note_revived(const struct plan *plan);
void plan_clear(struct plan *plan);
/* The first `most` of its steps. */
json_t *plan_steps_to_json(const struct plan *plan, size_t most);
/* All steps, and all changes, as JSON arrays: written one by one, since trees of ten thousand take
 * tens of megabytes. */
void plan_print_steps(const struct plan *plan, struct text_buffer *text);
void plan_print_changes(const struct plan *plan, struct text_buffer *text);
/* The steps that plan_print_steps() wrote, read back; their ids are those of `array`. steps_free()
 * frees them. */
int steps_from_json(struct core *core, const json_t *array, struct step **ret, size_t *ret_count,
		    struct error *error);
void steps_free(struct step *steps, size_t count);

/* steps.c */
/* All, or none: what was done is undone. */
int steps_apply(struct core *core, const struct plan *plan, struct error *error);
/* Reads the kernel back, and compares; what later steps changed by their side effects is mended. */
int steps_verify(struct core *core, const struct plan *plan, struct error *error);
/* Undoes steps[0..count) in reverse order, by their inverses. Returns how many of them failed. */
unsigned steps_undo(struct core *core, const struct step *steps, size_t count);

/* plan_waits.c, of a plan whose changes are sorted. */
/* What is to be comes before what is to go: make before break (0, 1). What takes away from under
 * all else comes after both (2). */
int change_phase(const struct change *change);
/* What it waits for, or NULL. `observed` is what its type said of it. */
const char *plan_waits_for(const struct plan *plan, const struct resource *resource, int observed);
/* Will a link that it needs be gone? */
bool plan_takes_links_of(const struct plan *plan, const struct resource *resource);
/* Does a step of the plan remove a link that the step's `after` needs? */
bool plan_removes_links_of(const struct plan *plan, const struct step *step);

/* undo.c: adds to the proposal what takes the transaction back, but for what a later one changed.
 */
int undo_propose(struct core *core, uint64_t number, struct proposal *proposal,
		 struct error *error);

/* guard.c */
int guard_check(struct core *core, const struct plan *plan, struct error *error);

/* converge.c */
/* One resource is looked at, once the present event is done. */
void look_at_soon(struct core *core, struct resource *resource, const char *why);
int convergence_watch(struct core *core);
/* The kernel has it. */
void resource_is_well(struct resource *resource);

/* dependents.c */
void dependents_add(struct core *core, struct resource *resource);
void dependents_remove(struct core *core, struct resource *resource);
/* Calls `each` for the resources of intent that make or need the link. */
void dependents_each(struct core *core, const char *link,
		     void (*each)(struct core *core, struct resource *resource));
/* The resource of intent that has the link set down, or NULL. */
const struct resource *intent_holds_down(const struct core *core, const char *link);

/* attention.c */
/* The resource is to be looked at; a look is scheduled by who says so. */
void attention_due(struct core *core, struct resource *resource);
/* It was looked at: it stays only if it is tried again at some time. */
void attention_settle(struct core *core, struct resource *resource);
void attention_end(struct core *core, struct resource *resource);
/* Is its turn now? */
bool attention_is_due(const struct resource *resource, usec_t now);
/* When the next of them is tried again (boottime), USEC_INFINITY for never. */
usec_t attention_next_retry(const struct core *core);
/* Those whose turn it is, sorted as they are made, as a new array that the caller frees; NULL
 * without memory. */
struct resource **attention_collect(const struct core *core, usec_t now, size_t *ret_count);

/* core.c: intent holds the resource (taken) or no more; it is not freed. */
void intent_add(struct core *core, struct resource *resource);
void intent_remove(struct core *core, struct resource *resource);

/* Iteration over the resources of intent that make links: start with NULL; NULL at the end. */
const struct resource *intent_next_maker(const struct core *core, const struct resource *cursor);

/* drift.c */
enum drift_policy drift_policy_of(struct core *core, const struct resource *resource,
				  const char **ret_guard);
/* Tells once that the resource is not as intent says. */
void drift_report(struct core *core, struct resource *resource, const char *guard);
/* Is it left alone, since too many rounds were fought? Otherwise one more is counted. */
bool drift_rests(struct core *core, struct resource *resource, usec_t now);
/* Adds to the proposal what makes intent follow; `observed` is NULL where nothing is left. */
int drift_adopt(struct core *core, struct proposal *proposal, const struct resource *resource,
		const void *observed, const char *guard);
/* Runs what drift_adopt() collected, if anything. */
void drift_follow(struct core *core, struct proposal *proposal);

/* deadlines.c */
int deadlines_arm(struct core *core);
/* The deadline of a pending transaction is another one now. */
void deadlines_forget(struct core *core, uint64_t number);
/* Takes back and expires what is overdue now, and arms the timer for the rest. */
int deadlines_meet(struct core *core);

/* store_behind.c: what the daemon itself has to do (follow a lease, take back what was not
 * confirmed) is done also where the database refuses, since a full disk must not cost the network.
 */
/* Says once that `what` is not kept, and remembers that the database is behind. */
void store_fall_behind(struct core *core, const char *what, const struct error *error);
/* Makes the database what intent is, if it is behind: 0, or its negative errno. */
int store_catch_up(struct core *core, struct error *error);

/* side_effects.c: what a rollback has to restore beside its steps. */
struct link_mtu;
struct first_address;
struct side_effects {
	struct link_mtu *links; /* owned */
	size_t count;
	struct first_address *firsts; /* owned */
	size_t firsts_count;
};
/* 0 or -ENOMEM. */
int side_effects_remember(const struct core *core, const struct plan *plan,
			  struct side_effects *ret);
void side_effects_clear(struct side_effects *effects);
/* The mirror is true when it is called. What cannot be restored is told by an event. */
void side_effects_undo(struct core *core, const struct side_effects *effects);
/* Keeps what a change caused, until it is confirmed or taken back; within the SQLite transaction
 * that ends the entry. */
int side_effects_store(struct core *core, const struct side_effects *effects, uint64_t number,
		       struct error *error);
int side_effects_forget(struct core *core, uint64_t number, struct error *error);
/* The same as side_effects_undo() of what was kept, if anything was. */
void side_effects_take_back(struct core *core, uint64_t number);

/* recovery.c */
int recovery_run(struct core *core, struct error *error);

/* unproved.c: within the SQLite transaction that ends the entry. */
int unproved_note(struct core *core, uint64_t number, uint64_t undoes, struct error *error);
int unproved_forget(struct core *core, uint64_t number, struct error *error);

/* undo_before.c: what the resource of a change of the entry `number` is to be again: JSON's null
 * for not there, NULL without memory. `known` is an object that keeps what was read, and what is
 * returned. */
const json_t *undo_before(struct core *core, const json_t *change, uint64_t number, json_t *known);

/* undo.c */
void undone_publish(struct core *core, uint64_t number, const char *why);

/* transaction.c */
/* Puts the resources of a committed plan into intent, and takes those that are gone out of it. */
void intent_adopt(struct core *core, struct plan *plan);
