/*
 * Guard rails: what no change may do, whoever asks.
 *
 * A guard rail is a named question to a plan: it looks at the steps, at intent as it would become
 * and at the mirror, and either lets the plan pass or refuses it with the counterexample.
 */
#pragma once

#include "resource.h"

struct plan;

struct guard_rail {
	const char *name;    /* "management.path" */
	const char *summary; /* one sentence for people */
	/* 0, or a negative errno with `error` filled: guard.refused and the counterexample
	 * (error_counterexample()). */
	int (*check)(struct core *core, const struct plan *plan, void *userdata,
		     struct error *error);
	void *userdata;
};

/* Adds a guard rail; `guard` is copied. */
int core_add_guard_rail(struct core *core, const struct guard_rail *guard);
const struct guard_rail *core_next_guard_rail(const struct core *core,
					      const struct guard_rail *cursor);

/* Who asks for the plan. */
enum asker {
	ASKER_DAEMON, /* boot detection, a lease, convergence */
	ASKER_AGENT,
	ASKER_ADMINISTRATOR,
};

enum asker plan_asker(const struct plan *plan);
/* Is it taken back by itself unless it is confirmed? */
bool plan_awaits_confirmation(const struct plan *plan);

/* Will he be asked whether he is reached, and is all taken back where he is not? */
bool plan_is_proved_by(const struct plan *plan, const struct ip_address *peer);

/* Is it made so again, as intent says already? */
bool plan_restores(const struct plan *plan);

/*
 * What nobody has confirmed goes at its deadline, whatever was built on it. For each unconfirmed
 * transaction, and for all of them together (number 0), passes to `weigh` the plan that takes it
 * back, and the same with the steps of `plan` besides. Ends with what `weigh` returns other than 0,
 * or with a negative errno; else 0.
 */
typedef int (*plan_weigh_t)(const struct plan *withdrawal, const struct plan *both, uint64_t number,
			    void *userdata);
int plan_each_withdrawal(const struct plan *plan, plan_weigh_t weigh, void *userdata);

/* What becomes of one resource of intent. */
struct change {
	const char *id;		       /* of the proposal or of intent, borrowed */
	const struct resource *before; /* of intent, borrowed; NULL: new */
	struct resource *after;	       /* owned until the commit; NULL: to be gone */
	bool waits;		       /* its link is not there */
};

/* Iteration over the changes of intent. */
const struct change *plan_next_change(const struct plan *plan, const struct change *cursor);

/* One step of a plan, as guard rails and listings see it. */
struct step {
	const struct resource_type *type;
	const char *id;	  /* borrowed from the change */
	void *before;	  /* observed specification, NULL for none; owned */
	void *after;	  /* wanted specification, NULL for removal; owned, unless: */
	bool as_intended; /* `after` is the specification that intent will have, borrowed */
	bool revived;	  /* of what waited for a link that the plan makes or sets up */
};

/* Iteration over the steps in the order in which they would be applied. */
const struct step *plan_next_step(const struct plan *plan, const struct step *cursor);
/* The same over what waits for its link, as steps that are not taken now. */
const struct step *plan_next_waiting(const struct plan *plan, const struct step *cursor);
/* Over the steps, and then over what waits. */
const struct step *plan_next_any_step(const struct plan *plan, const struct step *cursor);
