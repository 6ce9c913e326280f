/*
 * guards: the guard rails that an administrator sets.
 *
 * What no change may do is fixed in part (the guard rail management.path of the room `link`) and
 * for the rest a matter of the host, so it is data: resources of the type `guard`, kept,
 * journalled, undone and expired like all of intent, and set by an administrator alone. Their
 * kinds:
 *
 *     protect      what it names no agent changes or removes
 *     confirm      what it names changes only with confirm_within: rolled back unless confirmed
 *     limit        how many changes an agent makes in a time
 *     drift        what follows when somebody else changes what it names: revert, adopt, report
 *     management   a peer that must be reached at all times, or a port whose peers must
 *
 *     guard_type.c   the resource type
 *     match.c        which resources a guard names
 *     rails.c        protect, confirm, and who may set guards: asked of each plan
 */
#pragma once

#include <net/if.h>

#include "core/core.h"

#define GUARD_NAME_MAX 48
#define GUARDS_MOST    64

/* How many changes an agent makes when no guard says: so many at once, and again as time goes by.
 */
#define GUARD_LIMIT_COUNT   30
#define GUARD_LIMIT_SECONDS 60

enum guard_kind {
	GUARD_PROTECT,
	GUARD_CONFIRM,
	GUARD_LIMIT,
	GUARD_DRIFT,
	GUARD_MANAGEMENT,
	_GUARD_KIND_MAX
};

extern const char *const guard_kinds[];	   /* texts of the kinds, NULL at the end */
extern const char *const guard_policies[]; /* of enum drift_policy, NULL at the end */

/* Type "guard": key NAME. Of the members each kind has its own; the others are zero. */
struct guard_spec {
	char name[GUARD_NAME_MAX];
	uint8_t kind;
	bool everyone; /* protect, confirm: holds administrators too */
	/* protect, confirm, drift: of all resources those that fit both */
	char resources[RESOURCE_KEY_MAX + 16]; /* pattern of glob(7) on ids; "": all */
	char link[IFNAMSIZ];		       /* that they belong to; "": any */
	uint32_t count, seconds;	       /* limit */
	uint8_t policy;			       /* drift: enum drift_policy */
	struct ip_prefix peer;		       /* management; unset: none */
	uint16_t port;			       /* management; 0: none */
};

extern const struct resource_type guard_type;

/* Registers the type, the guard rails and the drift policy. 0 or a negative errno. */
int guards_register(struct core *core);

/* Iteration over the guards of a kind in intent: start with NULL; NULL at the end. */
const struct resource *guards_next(const struct core *core, enum guard_kind kind,
				   const struct resource *cursor);
const struct guard_spec *guard_spec_of(const struct resource *resource);

/* Does the guard name the resource? */
bool guard_matches(const struct guard_spec *guard, const struct resource *resource);

/* The strictest limit that is set, or the default: at most `count` changes in `seconds`. */
void guards_limit(const struct core *core, unsigned *ret_count, unsigned *ret_seconds);
