#include "drift.h"

#include <stdio.h>

#include "core-internal.h"

#define FIGHT_ROUNDS 3
#define FIGHT_WINDOW (60 * USEC_PER_SEC)
#define FIGHT_TRUCE  (600 * USEC_PER_SEC)
/* What breaks so soon after a change of our own may be its side effect: nobody fights. */
#define OWN_EFFECTS (50 * USEC_PER_MSEC)

const char *drift_policy_text(enum drift_policy policy)
{
	static const char *const texts[_DRIFT_POLICY_MAX] = {
		[DRIFT_REVERT] = "revert",
		[DRIFT_ADOPT] = "adopt",
		[DRIFT_REPORT] = "report",
	};

	return texts[policy];
}

void core_set_drift_policy(struct core *core, drift_policy_t policy, void *userdata)
{
	core->drift_policy = policy;
	core->drift_userdata = userdata;
}

enum drift_policy drift_policy_of(struct core *core, const struct resource *resource,
				  const char **ret_guard)
{
	*ret_guard = "drift.policy";
	return core->drift_policy && !resource->type->internal
		       ? core->drift_policy(core, resource, ret_guard, core->drift_userdata)
		       : DRIFT_REVERT;
}

void drift_report(struct core *core, struct resource *resource, const char *guard)
{
	char trouble[RESOURCE_TROUBLE_MAX];

	snprintf(trouble, sizeof(trouble), "was changed by somebody else; %s says to report it",
		 guard);
	if (strcmp(resource->trouble, trouble) == 0)
		return;
	resource_set_trouble(resource, trouble);
	core_publish(core, "drift.reported",
		     json_pack("{s:s,s:s}", "resource", resource->id, "guard", guard), "%s %s",
		     resource->id, trouble);
}

static void begin_truce(struct core *core, struct resource *resource, usec_t now)
{
	char trouble[RESOURCE_TROUBLE_MAX];

	resource->truce_until = usec_add(now, FIGHT_TRUCE);
	snprintf(trouble, sizeof(trouble),
		 "somebody else keeps changing it: left alone after %u rounds",
		 resource->fight_rounds);
	resource_set_trouble(resource, trouble);
	core_publish(
		core, "drift.fight",
		json_pack("{s:s,s:i}", "resource", resource->id, "rounds",
			  (int)resource->fight_rounds),
		"%s: %s; stop who does it, or give it up; tried again in %u min, or when it is "
		"put anew",
		resource->id, resource->trouble, (unsigned)(FIGHT_TRUCE / USEC_PER_SEC / 60));
}

bool drift_rests(struct core *core, struct resource *resource, usec_t now)
{
	if (resource->truce_until > now)
		return true;
	if (now < usec_add(core->changed_at, OWN_EFFECTS))
		return false;
	if (resource->truce_until) {
		/* The truce has passed: one round, and if that fails the next truce. */
		resource->truce_until = 0;
		resource->fight_rounds = FIGHT_ROUNDS - 1;
		resource->fight_began = now;
	} else if (now > usec_add(resource->fight_began, FIGHT_WINDOW)) {
		resource->fight_rounds = 0;
		resource->fight_began = now;
	}
	if (resource->fight_rounds == FIGHT_ROUNDS) {
		begin_truce(core, resource, now);
		return true;
	}
	resource->fight_rounds++;
	return false;
}

int drift_adopt(struct core *core, struct proposal *proposal, const struct resource *resource,
		const void *observed, const char *guard)
{
	struct resource *followed;

	if (!proposal->edits)
		snprintf(proposal->provenance.reason, sizeof(proposal->provenance.reason),
			 "somebody else changed it; %s says that intent follows", guard);
	if (!observed)
		return proposal_remove(proposal, resource->id);
	followed = resource_copy(resource);
	if (!followed)
		return -ENOMEM;
	memcpy(followed->spec, observed, resource->type->spec_size);
	return proposal_restore(proposal, followed);
}

/* Intent follows what is there already: the kernel is not touched, and no guard rail is asked. */
void drift_follow(struct core *core, struct proposal *proposal)
{
	_cleanup_outcome_ struct outcome outcome = {0};
	struct error error;

	if (!proposal->edits)
		return;
	proposal->unguarded = true;
	text_copy(proposal->provenance.owner, sizeof(proposal->provenance.owner), "drift");
	if (transaction_run(core, proposal, false, &outcome, &error) < 0)
		core_publish(core, "drift.failed", NULL, "intent could not follow: %s",
			     error.message);
	else
		core_publish(core, "drift.adopted",
			     json_pack("{s:I}", "transaction", (json_int_t)outcome.transaction),
			     "%s", proposal->provenance.reason);
}

void core_end_truces(struct core *core, const char *why)
{
	bool any = false;

	for (struct resource *resource = core->intent; resource; resource = resource->hh.next) {
		any = any || resource->truce_until;
		resource->truce_until = 0;
		resource->fight_rounds = 0;
	}
	if (any)
		core_schedule_convergence(core, why);
}
