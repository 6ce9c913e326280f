/*
 * When to dump what: the deciding half of the monitor, without sockets or a clock of its own.
 *
 * A kind of object is *dirty* while the mirror of it is not known to be true: at the start, and
 * after something was lost. Dirty kinds are dumped one after the other, in the order of the enum
 * (links first, since all others refer to them). A loss during a dump taints it: the kind stays
 * dirty and is dumped again.
 *
 * Losses coalesce, since a dump that has not begun yet covers all that was lost before it. They are
 * also paced: a resynchronisation that succeeds is followed by a pause as long as it took itself,
 * so that a flood of losses never costs more than half of the time; one that fails is repeated
 * after 1, 2, 4 ... ms, 1 s at most, for ever.
 *
 * A dump may begin only when the socket was read empty: after an overrun the kernel goes on
 * dropping, without a word, until then (net/netlink/af_netlink.c, NETLINK_S_CONGESTED).
 */
#pragma once

#include "types.h"

#define RESYNC_ALL	 ((1u << _OBJECT_KIND_MAX) - 1)
#define RESYNC_DELAY_MIN (1 * USEC_PER_MSEC)
#define RESYNC_DELAY_MAX (1 * USEC_PER_SEC)
#define RESYNC_PATIENCE	 (1 * USEC_PER_SEC) /* with a dump that says nothing */

struct resync {
	unsigned dirty;	     /* bit n: kind n is not known to be true */
	int running;	     /* the kind whose dump is being read, or -1 */
	bool empty;	     /* the socket was read empty */
	unsigned failures;   /* losses since the last synchronisation began, the first apart */
	usec_t not_before;   /* the pause ends */
	usec_t heard;	     /* the last word of the running dump */
	usec_t began, ended; /* the last synchronisation; `began` is 0 before its first dump */
};

/* The kinds of the bits `kinds` are dirty. */
void resync_init(struct resync *resync, unsigned kinds);

/* Kinds of the bits `kinds` lost something. Returns true when that opens a new resynchronisation,
 * false when it belongs to the one that is under way. */
bool resync_lost(struct resync *resync, unsigned kinds, usec_t now);

/* A datagram was read; the socket was read empty. */
void resync_read(struct resync *resync);
void resync_emptied(struct resync *resync);

/* The kind to dump now, or -1. */
int resync_next(const struct resync *resync, usec_t now);
void resync_started(struct resync *resync, enum object_kind kind, usec_t now);

/* The running dump said something; ended. resync_ended() returns true when with it everything is
 * synchronised; resync_is_tainted() says before whether the dump counts. */
void resync_heard(struct resync *resync, usec_t now);
bool resync_is_tainted(const struct resync *resync);
bool resync_ended(struct resync *resync, usec_t now);

/* Gives up a dump that said nothing for RESYNC_PATIENCE. Returns true if there was one. */
bool resync_expire(struct resync *resync, usec_t now);

bool resync_is_synchronised(const struct resync *resync);
/* The same of one kind. */
bool resync_knows(const struct resync *resync, enum object_kind kind);

/* When resync_next() or resync_expire() has something to do if nothing is read before. */
usec_t resync_deadline(const struct resync *resync);
