/*
 * The steps of a plan on their way to the kernel: applied (those that are one request each, many at
 * once), read back and compared with what was planned, undone by their inverses.
 */
#include "core-internal.h"

#define READ_BACK_TIME	    (100 * USEC_PER_MSEC)
#define READ_BACK_TIME_STEP (USEC_PER_MSEC / 10)

unsigned steps_undo(struct core *core, const struct step *steps, size_t count)
{
	unsigned failed = 0;

	while (count-- > 0) {
		const struct step *step = &steps[count];
		struct error error;

		if (step->type->apply(core, step->after, step->before, &error) >= 0)
			continue;
		failed++;
		core_publish(core, "tx.rollback_failed", NULL, "cannot undo %s: %s", step->id,
			     error.message);
	}
	return failed;
}

static int step_verify(struct core *core, const struct plan *plan, const struct step *step,
		       struct error *error)
{
	_cleanup_(cleanup_free) void *observed = calloc(1, step->type->spec_size);
	int r;

	if (!observed)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot verify");
	r = step->type->observe(core, step->after ?: step->before, observed);
	/* Its former state came back, and then the link itself went. */
	if (r == -ENODEV && step->after && plan_removes_links_of(plan, step))
		return 0;
	if (step->after ? r > 0 && step->type->satisfied(step->after, observed) : r <= 0)
		return 0;
	return error_set(error, ERROR_TX_VERIFY_FAILED, NULL,
			 "%s did not become as planned although the kernel reported no error",
			 step->id);
}

/* Of very many steps the announcements are more than the socket holds: then all is read anew. */
static int read_back(struct core *core, const struct plan *plan, struct error *error)
{
	usec_t timeout = READ_BACK_TIME + plan->steps_count * READ_BACK_TIME_STEP;

	if (observed_drain(core->observed) == 0 ||
	    observed_wait_synchronised(core->observed, timeout) >= 0)
		return 0;
	return error_set(error, ERROR_TX_VERIFY_FAILED, NULL,
			 "the kernel's state could not be read back in time");
}

/* The kernel may change what one step did when it does a later one: a bridge's MTU with a port's,
 * an address with that whose network it shares. Such a step is done once more. */
static int step_mend(struct core *core, const struct step *step, struct error *error)
{
	_cleanup_(cleanup_free) void *observed = calloc(1, step->type->spec_size);
	int r;

	if (!observed)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot verify");
	r = step->type->observe(core, step->after, observed);
	return step->type->apply(core, r > 0 ? observed : NULL, step->after, error);
}

/* How many were mended, or a negative errno. */
static int steps_mend(struct core *core, const struct plan *plan, struct error *error)
{
	int mended = 0, r;

	for (size_t i = 0; i < plan->steps_count; i++) {
		if (!plan->steps[i].after || step_verify(core, plan, &plan->steps[i], error) >= 0)
			continue;
		r = step_mend(core, &plan->steps[i], error);
		if (r < 0)
			return r;
		mended++;
	}
	return mended;
}

int steps_verify(struct core *core, const struct plan *plan, struct error *error)
{
	int r = read_back(core, plan, error), mended;

	if (r < 0)
		return r;
	mended = steps_mend(core, plan, error);
	r = mended > 0 ? read_back(core, plan, error) : mended;
	/* Where nothing was mended, what was made has been verified. */
	for (size_t i = 0; r >= 0 && i < plan->steps_count; i++)
		if (mended || !plan->steps[i].after)
			r = step_verify(core, plan, &plan->steps[i], error);
	return r;
}

/* Steps whose requests are on their way to the kernel: `first` to the one before `next`. */
struct flight {
	struct netlink_batch batch;
	size_t first, next;
};

static void flight_clear(struct flight *flight)
{
	netlink_batch_clear(&flight->batch);
}

/* Of what was refused, apply() says why; or it does so what is already as it shall be. */
static int steps_apply_again(struct core *core, const struct plan *plan, size_t from, size_t end,
			     struct error *error)
{
	int r = 0;

	for (size_t i = from; r >= 0 && i < end; i++) {
		const struct step *step = &plan->steps[i];

		r = step->type->apply(core, step->before, step->after, error);
	}
	return r;
}

/* Sends what is in flight, and reads what the kernel announces of it before that is too much. */
static int flight_land(struct core *core, const struct plan *plan, struct flight *flight,
		       struct error *error)
{
	unsigned failed;
	int r;

	if (flight->first == flight->next)
		return 0;
	r = netlink_batch_send(core->netlink, &flight->batch, &failed);
	if (r < 0)
		r = steps_apply_again(core, plan, flight->first + failed, flight->next, error);
	flight->first = flight->next;
	(void)observed_drain(core->observed);
	return r;
}

/* 1: it is in flight; 0: it is to be applied by itself. */
static int flight_take(struct core *core, const struct plan *plan, struct flight *flight,
		       struct error *error)
{
	const struct step *step = &plan->steps[flight->next];
	char buffer[NETLINK_MESSAGE_MAX];
	const struct nlmsghdr *message =
		step->type->request ? step->type->request(core, step->before, step->after, buffer)
				    : NULL;
	int r = message ? netlink_batch_add(&flight->batch, message) : -EOPNOTSUPP;

	if (r == -EMSGSIZE) {
		r = flight_land(core, plan, flight, error);
		if (r < 0)
			return r;
		r = netlink_batch_add(&flight->batch, message);
	}
	if (r < 0)
		return 0;
	flight->next++;
	return 1;
}

static int steps_apply_until_failure(struct core *core, const struct plan *plan,
				     struct flight *flight, struct error *error)
{
	int r = 0;

	while (r >= 0 && flight->next < plan->steps_count) {
		r = flight_take(core, plan, flight, error);
		if (r != 0)
			continue;
		r = flight_land(core, plan, flight, error);
		if (r < 0)
			break;
		flight->next++;
		r = steps_apply_again(core, plan, flight->first, flight->next, error);
		flight->first = flight->next;
	}
	return r < 0 ? r : flight_land(core, plan, flight, error);
}

int steps_apply(struct core *core, const struct plan *plan, struct error *error)
{
	_cleanup_(flight_clear) struct flight flight = {0};
	int r = steps_apply_until_failure(core, plan, &flight, error);

	/* The failed step is undone too: it may have been done in part; and all that were sent with
	 * it. */
	if (r < 0)
		steps_undo(core, plan->steps, flight.next);
	return r;
}
