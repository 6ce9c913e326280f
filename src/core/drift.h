/*
 * Drift: the kernel is no longer what intent says, because somebody else changed it.
 *
 * A resource that stood and does not stand any more has drifted. What follows is a matter of
 * policy, which the room that holds the guard rails answers: the kernel is made so again (revert,
 * the default), intent follows the kernel (adopt), or it is only told (report). What waited for its
 * link, or vanished with it, has not drifted: it is made so when it can be.
 *
 * Two managers that fight over a resource would do so for ever. After three rounds within a minute
 * the fight is told of (drift.fight) and a truce begins: the resource is left as the other one has
 * it for ten minutes, then one more round is tried. A change of the resource, or the end of the
 * other manager, ends the truce.
 */
#pragma once

#include "resource.h"

enum drift_policy { DRIFT_REVERT, DRIFT_ADOPT, DRIFT_REPORT, _DRIFT_POLICY_MAX };

const char *drift_policy_text(enum drift_policy policy); /* "revert", "adopt", "report" */

/* The policy for a resource, and the name of the guard rail that says so (for ever, or until the
 * next transaction; untouched where none does). */
typedef enum drift_policy (*drift_policy_t)(struct core *core, const struct resource *resource,
					    const char **ret_guard, void *userdata);

/* Without one, all is reverted. */
void core_set_drift_policy(struct core *core, drift_policy_t policy, void *userdata);

/* Who fought may be gone: what rests in a truce is looked at again, soon. */
void core_end_truces(struct core *core, const char *why);
