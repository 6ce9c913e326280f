/*
 * core: intent, observed state, and the transactions between them.
 *
 * This room knows what a resource is, but not one kind of resource: links, addresses, leases and
 * rules are types that the rooms above register. It holds the intent (what ought to be, and who
 * said so), the mirror of the kernel (what is), the journal (what was, and what was about to be),
 * the guard rails (what must not be) and the events (what happened).
 *
 *     resource.h     resource types and resources
 *     spec.h         reading the members of a specification from JSON
 *     observed.h     the mirror of the kernel
 *     transaction.h  proposals, plans, commit, rollback, undo, history
 *     event.h        what happened, for all who listen
 *     guard.h        guard rails
 *     drift.h        what follows when somebody else changes what intent holds
 *     store.h        the database under all of it
 */
#pragma once

#include <systemd/sd-event.h>

#include "base/base.h"
#include "drift.h"
#include "event.h"
#include "guard.h"
#include "observed.h"
#include "resource.h"
#include "spec.h"
#include "store.h"
#include "transaction.h"

struct core_config {
	const char *state_directory;
	int receive_buffer; /* bytes of the monitor's socket buffer, 0 for the default */
};

/* Opens the state directory and the netlink sockets. `event` is borrowed and outlives the core. */
int core_new(struct core **ret, sd_event *event, const struct core_config *config,
	     struct error *error);
void core_free(struct core *core);
DEFINE_CLEANUP(struct core *, core_cleanup, core_free)

/* All types are registered before core_start(). The type and `userdata` are borrowed. */
int core_register_type(struct core *core, const struct resource_type *type, void *userdata);
const struct resource_type *core_type(const struct core *core, const char *name);
void *core_type_userdata(const struct core *core, const struct resource_type *type);

/*
 * Synchronises the mirror, undoes what a crash left half done, loads intent and makes the kernel
 * so. Resources that wait or fail are tried again by themselves from here on.
 */
int core_start(struct core *core, struct error *error);

/* True when this is the same boot and the same network namespace as the daemon's last run, so that
 * what it had derived (leases) may still be in the kernel. */
bool core_same_boot(const struct core *core);

sd_event *core_event(const struct core *core);
struct observed *core_observed(const struct core *core);
struct netlink_socket *core_netlink(const struct core *core);
struct store *core_store(const struct core *core);

/* The resource of this id ("type/key") in intent, or NULL; borrowed until the next transaction. */
const struct resource *core_resource(const struct core *core, const char *id);
/* Iteration over intent, in no stated order: start with NULL; NULL at the end. */
const struct resource *core_next_resource(const struct core *core, const struct resource *cursor);
/* The same of one type. */
const struct resource *core_next_of_type(const struct core *core, const struct resource_type *type,
					 const struct resource *cursor);
size_t core_resource_count(const struct core *core);

/* All resources of the type are looked at, once the present event is done: for what is announced by
 * other ways than the mirror. */
void core_look_at_type(struct core *core, const struct resource_type *type, const char *why);

/* All of intent is compared with the mirror, once the present event is done. */
void core_schedule_convergence(struct core *core, const char *why);
/* The same of what makes or needs the link. */
void core_look_at_link(struct core *core, const char *link, const char *why);
