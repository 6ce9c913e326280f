/*
 * adopt: takes over a host that somebody else has configured, without a packet lost.
 *
 * Before boot detection configures what nobody has, this room looks at what is there: addresses,
 * routes, rules and resolvers that another manager or a person made, and the DHCP leases of other
 * clients, which it finds in their lease files or tells by the lifetime of an address. It puts them
 * into intent as they are, so that nothing is written to the kernel, and the DHCP client goes on
 * with the lease. Links of a manager that still runs are left alone until it is stopped.
 *
 *     found_lease.h   a lease of another client, and the parsers of their files
 *     managers.h      which other managers run here, and what they manage
 *     running.h       those that run now: found, told of, watched for their end
 *     evidence.h      who configured a link, by what they left in the file system
 *     survey.h        from what is there to a proposal
 *     service.c       when it is done, and for whom
 */
#pragma once

#include "core/core.h"

/* The owner in the provenance of what was adopted begins so: "adopted:networkd". Undoing an
 * adoption leaves such things in the kernel (RESOURCE_ADOPTED_PREFIX, core/resource.h). */

struct adopt_service;

struct adopt_config {
	bool automatic;		 /* adopt at the start, and what a manager leaves when it ends */
	const char *resolv_conf; /* copied */
	/* The links that are left alone may be others now; called from the event loop. */
	void (*changed)(void *userdata);
	void *userdata;
};

/* Opens nothing yet. `core` is borrowed. */
int adopt_service_new(struct adopt_service **ret, struct core *core,
		      const struct adopt_config *config);
void adopt_service_free(struct adopt_service *service);
DEFINE_CLEANUP(struct adopt_service *, adopt_service_cleanup, adopt_service_free)

/* Adopts what is there. Called once after core_start() and before boot detection. What is refused
 * is told of by an event. */
void adopt_service_start(struct adopt_service *service);

/* Is the link to be left alone, since another manager that runs has it, or since its adoption was
 * undone? `userdata` is the service. */
bool adopt_leaves_alone(const struct link *link, void *userdata);

/* Why the link is left as it is: a constant text, or NULL when it is not, or when intent names it.
 */
const char *adopt_left_because(const struct adopt_service *service, const struct link *link);

struct adopt_request {
	const char *const *links; /* NULL: all that are ours to configure */
	size_t links_count;
	bool asked; /* by somebody: not by the daemon itself */
	bool dry_run;
	bool while_running; /* also what a manager that still runs manages */
	struct provenance provenance;
	enum asker asker;
};

/*
 * Adopts now: {state, transaction, managers, taken, changes, left}. 0, or a negative errno with
 * `error`: manager.running, link.unknown, or what the transaction says.
 */
int adopt_run(struct adopt_service *service, const struct adopt_request *request, json_t **ret,
	      struct error *error);

/* What all links have, but for the loopback, as edits of `proposal`, which is initialised, with
 * whose it is in `ret_taken`: [{resource, type, owner, reason}]. Changes nothing. */
int adopt_survey(struct adopt_service *service, struct proposal *proposal, json_t **ret_taken,
		 struct error *error);

/* The managers that were found running: [{name, pid, links, command, note}]; NULL when memory is
 * exhausted. */
json_t *adopt_managers(const struct adopt_service *service);
