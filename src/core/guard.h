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
	bool administrator_may_pass;
	/* 0, or a negative errno with `error` filled: guard.refused and the counterexample. */
	int (*check)(struct core *core, const struct plan *plan, void *userdata,
		     struct error *error);
	void *userdata;
};

/* Adds a guard rail; `guard` is copied. */
int core_add_guard_rail(struct core *core, const struct guard_rail *guard);
const struct guard_rail *core_next_guard_rail(const struct core *core,
					      const struct guard_rail *cursor);

/* One step of a plan, as guard rails and listings see it. */
struct step {
	const struct resource_type *type;
	char id[RESOURCE_KEY_MAX + 16];
	void *before; /* observed specification, NULL for none */
	void *after;  /* wanted specification, NULL for removal */
};

/* Iteration over the steps in the order in which they would be applied. */
const struct step *plan_next_step(const struct plan *plan, const struct step *cursor);
