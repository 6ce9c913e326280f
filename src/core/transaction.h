/*
 * Transactions: the only way in which anything changes.
 *
 * A caller collects what it wants in a proposal: resources to be there, resources to be gone. The
 * transaction computes the new intent, asks each type whether that is possible, checks the guard
 * rails, plans the steps with their inverses, writes them to the journal, applies them, reads the
 * kernel back, and commits; or undoes every step and says why. One runs at a time, to its end.
 *
 * Crash safety: the journal holds the whole plan before the first step. A plan without its commit
 * is undone at the next start, by the inverses of all its steps in reverse order; they are
 * idempotent, so it does not matter how far it got.
 */
#pragma once

#include "guard.h"
#include "resource.h"

struct edit {
	const char *id;		   /* the resource's, or that in `removed` */
	struct resource *resource; /* owned; NULL when the resource is to be gone */
	bool restored; /* keeps its own provenance, parent and expiry instead of the proposal's */
	struct edit *next;
	UT_hash_handle hh;
	char removed[]; /* id of what is to be gone */
};

/* A change that is taken back unless transaction_proved() is called; before that it cannot be
 * confirmed. */
struct proving {
	usec_t within;			/* 0: nothing is to be proved */
	const struct ip_address *peers; /* who will be asked whether they are reached; borrowed */
	unsigned peers_count;
};

struct proposal {
	struct provenance provenance;
	char tool[64]; /* what asked: "net.configure", "dhcp", "boot", "drift" */
	char parent[RESOURCE_KEY_MAX + 16]; /* of all resources that it puts, or "" */
	usec_t expires;			    /* realtime, USEC_INFINITY for never */
	usec_t confirm_within;		    /* rolled back unless confirmed; 0 for not asked */
	struct proving proving;
	uint64_t undoes;	/* transaction that is undone once this is committed; 0 for none */
	bool keeps_numbers;	/* what is restored keeps its transaction's number, too */
	bool replaces_children; /* what else derives from `parent` and is not put is to be gone */
	enum asker asker;	/* guard rails may hold an agent that let an administrator pass */
	bool unguarded;		/* what the network itself gave or took: no guard rail holds that */
	char note[200];		/* for who asked: what is so already, and why, or "" */
	bool durable;		/* the answer waits until a power cut cannot take it back */
	struct edit *edits, **tail;
	struct edit *by_id; /* the first of each id */
};

void proposal_init(struct proposal *proposal, const char *tool);
void proposal_clear(struct proposal *proposal);
#define _cleanup_proposal_ _cleanup_(proposal_clear)

/* Wants the resource of `spec` (copied) to be there, or the resource `id` ("type/key") to be gone.
 * 0 or -ENOMEM. */
int proposal_put(struct proposal *proposal, const struct resource_type *type, const void *spec);
int proposal_remove(struct proposal *proposal, const char *id);
/* The same by the type's name, with the specification as JSON (taken, also on failure): for a room
 * that puts resources of another room's type. Without such a type in this daemon, 0 and nothing. */
int proposal_put_json(struct core *core, struct proposal *proposal, const char *type, json_t *spec,
		      struct error *error);
/* What the proposal says first of the resource `id`, or NULL. */
const struct edit *proposal_edit(const struct proposal *proposal, const char *id);
/* Wants `resource` (taken, also on failure) back as it was, with its own provenance. */
int proposal_restore(struct proposal *proposal, struct resource *resource);

enum transaction_state {
	TRANSACTION_UNCHANGED, /* everything was so already: nothing written, no number */
	TRANSACTION_PLANNED,   /* dry run */
	TRANSACTION_COMMITTED,
	TRANSACTION_PENDING, /* committed, rolled back at its deadline unless confirmed */
	TRANSACTION_ROLLED_BACK,
	TRANSACTION_UNDONE, /* was committed, undone by a later one */
	_TRANSACTION_STATE_MAX
};

const char *transaction_state_text(enum transaction_state state);

#define STEPS_TOLD 200 /* of a change of thousands: the rest says nothing new to who asked */

struct outcome {
	enum transaction_state state;
	uint64_t transaction; /* number in history, 0 for none */
	size_t steps_count;
	json_t *steps; /* array of {action, resource, before, after}, of the first of them; owned */
	json_t *waiting; /* array of {resource, why}: what cannot be yet; owned */
	usec_t deadline; /* realtime, of a pending one */
};

void outcome_clear(struct outcome *outcome);
#define _cleanup_outcome_ _cleanup_(outcome_clear)

/* Runs the proposal, whose resources it takes, also when it fails: it is run once, and has no edit
 * that could be looked for afterwards. `dry_run` stops after planning. 0, or a negative errno with
 * `error` filled and everything as it was before. `ret` may be NULL. */
int transaction_run(struct core *core, struct proposal *proposal, bool dry_run, struct outcome *ret,
		    struct error *error);

/* Who asked for the transaction: the owner of its provenance. */
int transaction_owner(struct core *core, uint64_t number, char ret[PROVENANCE_TEXT_MAX],
		      struct error *error);

/* Refuses what awaits no confirmation: tx.not_pending, tx.unknown. */
int transaction_check_pending(struct core *core, uint64_t number, struct error *error);

/* Makes a pending transaction stay. */
int transaction_confirm(struct core *core, uint64_t number, struct error *error);

/*
 * Ends what `proving` began: the transaction stays, or is pending for `confirm_within` from
 * now on (0: not so), with its deadline in `ret_deadline`; what it undoes is undone. Refused with
 * tx.not_pending where it was taken back meanwhile.
 */
int transaction_proved(struct core *core, uint64_t number, usec_t confirm_within,
		       usec_t *ret_deadline, struct error *error);
bool transaction_is_unproved(const struct core *core, uint64_t number);

/* Undoes a transaction: each resource that it changed becomes what it was before. Refused with
 * tx.not_undoable when a later transaction changed one of them. */
int transaction_undo(struct core *core, uint64_t number, enum asker asker,
		     const struct provenance *provenance, bool dry_run, struct outcome *ret,
		     struct error *error);

/* The same, to be proved, unless nobody has confirmed what is undone: that
 * goes in any case. Only transaction_proved() marks it as undone. */
int transaction_undo_unproved(struct core *core, uint64_t number, enum asker asker,
			      const struct provenance *provenance, const struct proving *proving,
			      bool dry_run, struct outcome *ret, struct error *error);

/* Takes a transaction back as far as nothing later changed the same resources, whatever guard rails
 * say: what was not confirmed, or did not hold. */
int transaction_withdraw(struct core *core, uint64_t number, const char *why, struct error *error);

/* The newest `limit` transactions before number `before` (0: the newest of all), newest first, as a
 * JSON array. With `changes`, each with its resources before and after, the members in which they
 * differ, and, where it could be undone but for that, what later transactions changed of them
 * (`dependants`). */
int transaction_history(struct core *core, uint64_t before, unsigned limit, bool changes,
			json_t **ret, struct error *error);

/*
 * Makes the kernel what intent says, as a transaction of the daemon's own when anything differs.
 * `why` is the reason that history shows. Returns the number of steps, or a negative errno.
 */
int transaction_converge(struct core *core, const char *why, struct error *error);
