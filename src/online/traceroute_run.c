#include "traceroute_run.h"

/* RFC 791: what every network takes. */
#define MTU_LEAST 68

void trace_run_init(struct trace_run *run, const struct trace_request *request, uint32_t size,
		    usec_t now)
{
	*run = (struct trace_run){
		.result.request = *request,
		.result.end = request->hops,
		.next_send = now,
		.size = size,
	};
}

static struct trace_probe *probe_at(struct trace_run *run, unsigned number)
{
	unsigned hops = run->result.request.hops;

	return &run->result.probes[number % hops][number / hops];
}

unsigned trace_run_hop(const struct trace_run *run, unsigned number)
{
	return number % run->result.request.hops;
}

const struct trace_probe *trace_run_probe(const struct trace_run *run, unsigned number)
{
	return probe_at((struct trace_run *)run, number);
}

static unsigned probes_count(const struct trace_run *run)
{
	return run->result.request.hops * run->result.request.probes;
}

/* The next probe to send: one of each hop, from the nearest on, and so on. -1 for none. */
static int next_unsent(const struct trace_run *run)
{
	for (unsigned i = 0; i < probes_count(run); i++)
		if (trace_run_hop(run, i) < run->result.end &&
		    trace_run_probe(run, i)->outcome == TRACE_UNSENT)
			return (int)i;
	return -1;
}

bool trace_run_next(struct trace_run *run, usec_t now, unsigned *ret)
{
	int number = next_unsent(run);
	struct trace_probe *probe;

	if (number < 0 || now < run->next_send)
		return false;
	probe = probe_at(run, (unsigned)number);
	probe->outcome = TRACE_PENDING;
	probe->sent = now;
	probe->size = run->size;
	run->next_send = usec_add(now, TRACE_INTERVAL);
	*ret = (unsigned)number;
	return true;
}

static void note_limit(struct trace_result *result, const struct ip_address *from, uint32_t mtu)
{
	if (result->limits_count < TRACE_MTU_LIMITS_MAX)
		result->limits[result->limits_count++] = (struct trace_mtu_limit){*from, mtu};
}

/* A smaller packet is sent in its place; true where that is possible. */
static bool send_smaller(struct trace_run *run, struct trace_probe *probe,
			 const struct trace_probe *outcome)
{
	if (outcome->mtu < MTU_LEAST || outcome->mtu >= probe->size)
		return false;
	if (outcome->mtu < run->size) {
		run->size = outcome->mtu;
		note_limit(&run->result, &outcome->from, outcome->mtu);
	}
	*probe = (struct trace_probe){.outcome = TRACE_UNSENT};
	return true;
}

void trace_run_outcome(struct trace_run *run, unsigned number, const struct trace_probe *outcome)
{
	struct trace_probe *probe;
	uint32_t size;
	usec_t sent;

	if (number >= probes_count(run))
		return;
	probe = probe_at(run, number);
	if (probe->outcome != TRACE_PENDING)
		return;
	if (outcome->outcome == TRACE_TOO_LARGE && send_smaller(run, probe, outcome))
		return;
	sent = probe->sent;
	size = probe->size;
	*probe = *outcome;
	probe->sent = sent;
	probe->size = size;
	if (probe->outcome == TRACE_PASSED || probe->outcome == TRACE_SILENT)
		return;
	run->result.end = MIN(run->result.end, trace_run_hop(run, number) + 1);
}

void trace_run_expire(struct trace_run *run, usec_t now)
{
	static const struct trace_probe silent = {.outcome = TRACE_SILENT};

	for (unsigned i = 0; i < probes_count(run); i++) {
		const struct trace_probe *probe = probe_at(run, i);

		if (probe->outcome == TRACE_PENDING &&
		    usec_add(probe->sent, run->result.request.timeout) <= now)
			trace_run_outcome(run, i, &silent);
	}
}

/* The time at which the first of the pending probes is given up. */
static usec_t first_expiry(const struct trace_run *run)
{
	usec_t first = USEC_INFINITY;

	for (unsigned i = 0; i < probes_count(run); i++) {
		const struct trace_probe *probe = trace_run_probe(run, i);

		if (probe->outcome == TRACE_PENDING && trace_run_hop(run, i) < run->result.end)
			first = MIN(first, usec_add(probe->sent, run->result.request.timeout));
	}
	return first;
}

bool trace_run_finished(const struct trace_run *run)
{
	return next_unsent(run) < 0 && first_expiry(run) == USEC_INFINITY;
}

usec_t trace_run_deadline(const struct trace_run *run)
{
	if (trace_run_finished(run))
		return 0;
	return next_unsent(run) < 0 ? first_expiry(run) : MIN(run->next_send, first_expiry(run));
}

/* The first router that answered for a hop; NULL for none. */
static const struct trace_probe *hop_answer(const struct trace_result *result, unsigned hop)
{
	for (unsigned i = 0; i < result->request.probes; i++)
		if (result->probes[hop][i].outcome == TRACE_PASSED)
			return &result->probes[hop][i];
	return NULL;
}

/* A router that is met again two hops later or more. The next hop alone may well be the same one:
 * some pass on what they should have thrown away. */
static void find_loop(struct trace_result *result)
{
	for (unsigned i = 0; i < result->end; i++)
		for (unsigned j = i + 2; j < result->end; j++) {
			const struct trace_probe *a = hop_answer(result, i);
			const struct trace_probe *b = hop_answer(result, j);

			if (!a || !b || !ip_address_equal(&a->from, &b->from))
				continue;
			result->loop_from = i + 1;
			result->loop_to = j + 1;
			return;
		}
}

void trace_run_summarise(struct trace_run *run)
{
	struct trace_result *result = &run->result;

	for (unsigned i = 0; i < result->request.probes; i++)
		if (result->probes[result->end - 1][i].outcome == TRACE_REACHED)
			result->reached = true;
	if (result->request.path_mtu)
		result->path_mtu = run->size;
	find_loop(result);
}
