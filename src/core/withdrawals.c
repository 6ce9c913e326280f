/*
 * What a plan would be worth once unconfirmed changes are taken back: nobody may build the way to
 * this host on what goes by itself.
 */
#include <stdlib.h>
#include <string.h>

#include "core-internal.h"

#define WITHDRAWN_MOST 16 /* that are looked at one by one */

struct withdrawals {
	uint64_t numbers[WITHDRAWN_MOST];
	unsigned count;
	struct proposal all;
	struct core *core;
};

static int take_number(json_t *entry, void *userdata)
{
	struct withdrawals *withdrawals = userdata;
	uint64_t number = (uint64_t)json_member_integer(entry, "number", 0);
	struct error ignored;

	if (withdrawals->count < WITHDRAWN_MOST)
		withdrawals->numbers[withdrawals->count] = number;
	withdrawals->count++;
	return undo_propose(withdrawals->core, number, &withdrawals->all, &ignored);
}

static bool is_of_plan(const struct plan *plan, const char *id)
{
	const struct change *change = NULL;
	const struct step *step = NULL;

	while ((change = plan_next_change(plan, change)))
		if (strcmp(change->id, id) == 0)
			return true;
	while ((step = plan_next_step(plan, step)))
		if (strcmp(step->id, id) == 0)
			return true;
	return false;
}

/* What the plan changes in its turn is not taken back then. The specifications are borrowed. */
static int both_of(const struct plan *withdrawal, const struct plan *plan, struct plan *ret)
{
	struct step *steps =
		calloc(withdrawal->steps_count + plan->steps_count + 1, sizeof(*steps));
	size_t count = 0;

	if (!steps)
		return -ENOMEM;
	for (size_t i = 0; i < withdrawal->steps_count; i++)
		if (!is_of_plan(plan, withdrawal->steps[i].id))
			steps[count++] = withdrawal->steps[i];
	if (plan->steps_count)
		memcpy(&steps[count], plan->steps, plan->steps_count * sizeof(*steps));
	*ret = (struct plan){.core = plan->core,
			     .steps = steps,
			     .steps_count = count + plan->steps_count};
	return 0;
}

static int weigh_one(const struct plan *plan, struct proposal *proposal, uint64_t number,
		     plan_weigh_t weigh, void *userdata)
{
	struct plan withdrawal, both;
	struct error ignored;
	int r = plan_build(plan->core, proposal, &withdrawal, &ignored);

	if (r < 0)
		return r;
	r = withdrawal.steps_count ? both_of(&withdrawal, plan, &both) : 0;
	if (r >= 0 && withdrawal.steps_count) {
		r = weigh(&withdrawal, &both, number, userdata);
		free(both.steps);
	}
	plan_clear(&withdrawal);
	return r;
}

static int weigh_number(const struct plan *plan, uint64_t number, plan_weigh_t weigh,
			void *userdata)
{
	_cleanup_proposal_ struct proposal proposal;
	struct error ignored;
	int r;

	proposal_init(&proposal, "tx.undo");
	r = undo_propose(plan->core, number, &proposal, &ignored);
	return r < 0 ? r : weigh_one(plan, &proposal, number, weigh, userdata);
}

int plan_each_withdrawal(const struct plan *plan, plan_weigh_t weigh, void *userdata)
{
	struct withdrawals withdrawals = {.core = plan->core};
	struct error ignored;
	int r;

	proposal_init(&withdrawals.all, "tx.undo");
	r = journal_each_in_state(plan->core->store, "pending", take_number, &withdrawals,
				  &ignored);
	for (unsigned i = 0; r >= 0 && i < MIN(withdrawals.count, (unsigned)WITHDRAWN_MOST); i++)
		r = weigh_number(plan, withdrawals.numbers[i], weigh, userdata);
	if (r >= 0 && withdrawals.count > 1)
		r = weigh_one(plan, &withdrawals.all, 0, weigh, userdata);
	proposal_clear(&withdrawals.all);
	return r;
}
