#include "resync.h"

static unsigned bit(int kind)
{
	return 1u << kind;
}

void resync_init(struct resync *resync, unsigned kinds)
{
	*resync = (struct resync){.dirty = kinds, .running = -1};
}

bool resync_is_synchronised(const struct resync *resync)
{
	return !resync->dirty && resync->running < 0;
}

bool resync_knows(const struct resync *resync, enum object_kind kind)
{
	return !(resync->dirty & bit(kind)) && resync->running != (int)kind;
}

/* Nothing has been dumped yet that the new loss could have spoiled. */
static bool resync_is_waiting(const struct resync *resync)
{
	return resync->running < 0 && !resync->began;
}

static usec_t resync_delay(const struct resync *resync)
{
	unsigned doublings = MIN(resync->failures, 20u) - 1;

	return MIN(RESYNC_DELAY_MIN << doublings, RESYNC_DELAY_MAX);
}

static void resync_failed(struct resync *resync, usec_t now)
{
	resync->failures++;
	resync->not_before = usec_add(now, resync_delay(resync));
}

bool resync_lost(struct resync *resync, unsigned kinds, usec_t now)
{
	bool opens = resync_is_synchronised(resync);

	/* A running dump that is already to be repeated cannot fail once more. */
	bool spoils = !opens && !resync_is_waiting(resync) && kinds & ~resync->dirty;

	resync->dirty |= kinds;
	if (opens) {
		resync->not_before = usec_add(resync->ended, resync->ended - resync->began);
		resync->began = 0;
	} else if (spoils) {
		resync_failed(resync, now);
	}
	return opens;
}

void resync_read(struct resync *resync)
{
	resync->empty = false;
}

void resync_emptied(struct resync *resync)
{
	resync->empty = true;
}

int resync_next(const struct resync *resync, usec_t now)
{
	if (resync->running >= 0 || !resync->dirty || !resync->empty || now < resync->not_before)
		return -1;
	return __builtin_ctz(resync->dirty);
}

void resync_started(struct resync *resync, enum object_kind kind, usec_t now)
{
	resync->dirty &= ~bit(kind);
	resync->running = kind;
	resync->heard = now;
	if (!resync->began)
		resync->began = now;
}

void resync_heard(struct resync *resync, usec_t now)
{
	resync->heard = now;
}

bool resync_is_tainted(const struct resync *resync)
{
	return resync->running >= 0 && resync->dirty & bit(resync->running);
}

bool resync_ended(struct resync *resync, usec_t now)
{
	resync->running = -1;
	if (resync->dirty)
		return false;
	resync->failures = 0;
	resync->ended = now;
	return true;
}

bool resync_expire(struct resync *resync, usec_t now)
{
	if (resync->running < 0 || now < usec_add(resync->heard, RESYNC_PATIENCE))
		return false;
	resync->dirty |= bit(resync->running);
	resync->running = -1;
	resync_failed(resync, now);
	return true;
}

usec_t resync_deadline(const struct resync *resync)
{
	if (resync->running >= 0)
		return usec_add(resync->heard, RESYNC_PATIENCE);
	return resync->dirty ? resync->not_before : USEC_INFINITY;
}
