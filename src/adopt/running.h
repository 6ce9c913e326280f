/*
 * The other managers that run here: found among the processes, told of, and watched for their end.
 *
 * The list of processes is read every few seconds while any of them runs, once a minute while none
 * does, and soon after somebody else has given a link an address or taken one of ours: so a manager
 * that is started later is known as soon as it touches anything.
 */
#pragma once

#include "managers.h"

struct running {
	struct core *core; /* borrowed */
	bool automatic;	   /* look by itself, not only when asked */
	/* They may be others now: `ended` when one has come to its end. From the event loop. */
	void (*changed)(bool ended, void *userdata);
	void *userdata;

	struct manager managers[MANAGERS_MAX];
	sd_event_source *ends[MANAGERS_MAX]; /* of the manager with the same index; NULL: unknown */
	size_t count;
	struct manager ended[MANAGERS_MAX]; /* of those that were watched, the last */
	size_t ended_count;
	sd_event_source *again;	   /* the next look */
	sd_event_source *deferred; /* a manager ended */
	usec_t looked;		   /* boottime of the last look at the processes */
	bool soon;		   /* `again` was brought forward */
};

/* Opens nothing but a handler of the mirror, which lives as long as it. 0 or a negative errno. */
int running_init(struct running *running);
void running_clear(struct running *running);

/* Reads the list of processes now, and arms the next look. */
void running_look(struct running *running);
/* Arms the next look without looking now. */
void running_wait(struct running *running);

bool running_manages(const struct running *running, const struct link *link);
