#include "users.h"

struct user {
	uid_t uid;
	unsigned calls; /* under way */
	usec_t changes; /* boottime at which all changes are had again; past: they are */
	UT_hash_handle hh;
};

static void forget(struct users *users, struct user *user)
{
	HASH_DEL(users->by_uid, user);
	free(user);
}

void users_clear(struct users *users)
{
	struct user *user, *next;

	HASH_ITER(hh, users->by_uid, user, next)
		forget(users, user);
}

static struct user *find(const struct users *users, uid_t uid)
{
	struct user *user;

	HASH_FIND(hh, users->by_uid, &uid, sizeof(uid), user);
	return user;
}

int users_enter(struct users *users, uid_t uid, struct error *error)
{
	struct user *user = find(users, uid);
	int r;

	if (user && user->calls >= CALLS_PER_UID_MAX) {
		r = error_set(error, ERROR_TOOL_BUSY, NULL, "%u calls of uid %u are under way",
			      user->calls, uid);
		error_hint(error, "wait for answers, or cancel");
		return r;
	}
	if (!user) {
		user = calloc(1, sizeof(*user));
		if (!user)
			return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "Memory is exhausted");
		user->uid = uid;
		HASH_ADD(hh, users->by_uid, uid, sizeof(user->uid), user);
	}
	user->calls++;
	return 0;
}

/* Who waits for nothing is forgotten: only agents, whom the daemon was told of, are kept. */
void users_leave(struct users *users, uid_t uid, usec_t now)
{
	struct user *user = find(users, uid), *next;

	if (user)
		user->calls--;
	HASH_ITER(hh, users->by_uid, user, next)
		if (user->calls == 0 && user->changes <= now)
			forget(users, user);
}

/* The generic cell rate algorithm (ITU-T I.371): each change takes its time from what is to come.
 */
int users_take_change(struct users *users, uid_t uid, const struct change_limit *limit, usec_t now,
		      struct error *error)
{
	struct user *user = find(users, uid);
	usec_t period = limit->period * USEC_PER_SEC, had, wait;
	int r;

	if (!user)
		return 0;
	had = usec_add(MAX(user->changes, now), period / limit->count);
	wait = usec_sub(had, usec_add(now, period));
	if (wait == 0) {
		user->changes = had;
		return 0;
	}
	r = error_set(error, ERROR_GUARD_REFUSED, NULL,
		      "limit.changes: uid %u has made %u changes within %u s", uid, limit->count,
		      limit->period);
	error_hint(error, "the next is possible in %u s; net.apply makes many as one",
		   (unsigned)((wait + USEC_PER_SEC - 1) / USEC_PER_SEC));
	error_counterexample(error, "limit.changes", "");
	return r;
}
