#include "ping_run.h"

#include <math.h>

void ping_run_init(struct ping_run *run, const struct ping_request *request, usec_t now)
{
	*run = (struct ping_run){.result.request = *request, .next_send = now};
}

bool ping_run_next(struct ping_run *run, usec_t now, unsigned *ret)
{
	struct ping_result *result = &run->result;

	if (run->next_send > now)
		return false;

	*ret = result->probes_count;
	result->probes[result->probes_count++].sent = now;
	run->pending++;
	/* From the time it was due, but never two at once to make up for a late loop. */
	run->next_send = result->probes_count < result->request.count
				 ? MAX(usec_add(run->next_send, result->request.interval), now + 1)
				 : USEC_INFINITY;
	return true;
}

void ping_run_outcome(struct ping_run *run, unsigned number, const struct ping_probe *outcome)
{
	struct ping_probe *probe;
	usec_t sent;

	if (number >= run->result.probes_count)
		return;
	probe = &run->result.probes[number];
	if (probe->outcome != PING_PENDING) {
		if (outcome->outcome == PING_ANSWERED && probe->outcome == PING_ANSWERED)
			run->duplicates++;
		return;
	}

	sent = probe->sent;
	*probe = *outcome;
	probe->sent = sent;
	run->pending--;
	if (probe->outcome == PING_ANSWERED || probe->outcome == PING_REFUSED)
		run->answered = true;
}

void ping_run_expire(struct ping_run *run, usec_t now)
{
	static const struct ping_probe timed_out = {.outcome = PING_TIMED_OUT};

	for (unsigned i = 0; i < run->result.probes_count && run->pending > 0; i++) {
		struct ping_probe *probe = &run->result.probes[i];

		if (probe->outcome == PING_PENDING &&
		    usec_add(probe->sent, run->result.request.timeout) <= now)
			ping_run_outcome(run, i, &timed_out);
	}
}

bool ping_run_finished(const struct ping_run *run)
{
	if (run->result.request.until_answer && run->answered)
		return true;
	return run->pending == 0 && run->next_send == USEC_INFINITY;
}

usec_t ping_run_deadline(const struct ping_run *run)
{
	usec_t deadline = run->next_send;

	if (ping_run_finished(run))
		return 0;
	/* Probes are sent in order and have one timeout: the first that is pending is the next due.
	 */
	for (unsigned i = 0; i < run->result.probes_count && run->pending > 0; i++) {
		const struct ping_probe *probe = &run->result.probes[i];

		if (probe->outcome == PING_PENDING)
			return MIN(deadline, usec_add(probe->sent, run->result.request.timeout));
	}
	return deadline;
}

static double probe_milliseconds(const struct ping_probe *probe)
{
	return (double)probe->latency / 1e6;
}

static void summarise_counts(const struct ping_run *run, struct ping_statistics *statistics)
{
	unsigned counts[_PING_OUTCOME_MAX] = {0};
	unsigned there;

	for (unsigned i = 0; i < run->result.probes_count; i++)
		counts[run->result.probes[i].outcome]++;

	/* What was not waited for, because an answer came, is not counted at all. */
	statistics->sent = run->result.probes_count - counts[PING_PENDING];
	statistics->answered = counts[PING_ANSWERED];
	statistics->errors = counts[PING_REFUSED] + counts[PING_UNREACHABLE] +
			     counts[PING_TOO_LARGE] + counts[PING_NOT_SENT];
	statistics->duplicates = run->duplicates;
	there = counts[PING_ANSWERED] + counts[PING_REFUSED];
	if (statistics->sent)
		statistics->loss = (double)(statistics->sent - there) / statistics->sent;
}

void ping_run_summarise(struct ping_run *run)
{
	struct ping_statistics statistics = {0};
	double mean = 0, squares = 0, jitter = 0, last = 0;
	unsigned n = 0;

	summarise_counts(run, &statistics);
	for (unsigned i = 0; i < run->result.probes_count; i++) {
		const struct ping_probe *probe = &run->result.probes[i];
		double value = probe_milliseconds(probe), delta = value - mean;

		if (probe->outcome != PING_ANSWERED)
			continue;
		/* Welford: numerically sound in one pass. */
		mean += delta / ++n;
		squares += delta * (value - mean);
		if (n > 1)
			jitter += fabs(value - last);
		last = value;
		statistics.minimum = n == 1 ? value : MIN(statistics.minimum, value);
		statistics.maximum = MAX(statistics.maximum, value);
	}
	if (n > 0) {
		statistics.average = mean;
		statistics.deviation = sqrt(squares / n);
	}
	if (n > 1)
		statistics.jitter = jitter / (n - 1);
	run->result.statistics = statistics;
}
