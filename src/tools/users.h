/*
 * Who calls, and how much: the calls of a user that are under way, and how many changes an agent
 * has made of late. An agent that has lost its way must not take the network along.
 */
#pragma once

#include <sys/types.h>
#include <uthash.h>

#include "base/base.h"

#define CALLS_PER_UID_MAX 64

/* Changes of one agent: so many at once, and again as time goes by. */
struct change_limit {
	unsigned count;	 /* at least 1 */
	unsigned period; /* seconds, at least 1 */
};

struct user;

struct users {
	struct user *by_uid;
};

void users_clear(struct users *users);

/* A call begins: 0, or tool.busy when too many are under way. */
int users_enter(struct users *users, uid_t uid, struct error *error);
/* A call that users_enter() let in has ended at `now` (boottime). */
void users_leave(struct users *users, uid_t uid, usec_t now);

/* A user of whom a call is under way makes a change at `now` (boottime): 0, or guard.refused with
 * the time from which it is possible. */
int users_take_change(struct users *users, uid_t uid, const struct change_limit *limit, usec_t now,
		      struct error *error);
