#include "verifier.h"

void verifier_init(struct verifier *verifier, usec_t now)
{
	*verifier = (struct verifier){.deadline = usec_add(now, VERIFIER_GRACE)};
}

static unsigned cancel(struct verifier *verifier, enum verifier_probe probe)
{
	bool running = verifier->verdicts[probe] == VERDICT_RUNNING;

	verifier->verdicts[probe] = VERDICT_NONE;
	return running ? (unsigned)VERIFIER_CANCEL << probe : 0;
}

static unsigned start(struct verifier *verifier, enum verifier_probe probe)
{
	verifier->verdicts[probe] = VERDICT_RUNNING;
	return (unsigned)VERIFIER_START << probe;
}

/* Without servers there is nothing to ask; when they come, verifier_network_seen() asks. */
static unsigned start_lookup(struct verifier *verifier)
{
	if (verifier->network.servers_count > 0)
		return start(verifier, VERIFIER_LOOKUP);
	return cancel(verifier, VERIFIER_LOOKUP);
}

static unsigned begin(struct verifier *verifier, usec_t now)
{
	unsigned actions;

	verifier->verifying = true;
	verifier->again = false;
	verifier->started = now;
	/* The probes have time limits of their own. */
	verifier->deadline = USEC_INFINITY;
	actions = cancel(verifier, VERIFIER_GATEWAY);
	actions |= start(verifier, VERIFIER_PING);
	return actions | start_lookup(verifier);
}

/* At once, unless the last one has only just begun: a route that flaps must not make a flood. */
static unsigned begin_soon(struct verifier *verifier, usec_t now)
{
	usec_t earliest = usec_add(verifier->started, VERIFIER_GAP);

	verifier->attempts = 0;
	if (verifier->started == 0 || now >= earliest)
		return begin(verifier, now);
	verifier->again = true;
	verifier->deadline = earliest;
	return 0;
}

static bool same_route(const struct verifier_network *a, const struct verifier_network *b)
{
	return a->route == b->route && a->link == b->link &&
	       ip_address_equal(&a->gateway, &b->gateway);
}

static bool same_servers(const struct verifier_network *a, const struct verifier_network *b)
{
	if (a->servers_count != b->servers_count)
		return false;
	for (unsigned i = 0; i < a->servers_count; i++)
		if (!ip_address_equal(&a->servers[i], &b->servers[i]))
			return false;
	return true;
}

unsigned verifier_network_seen(struct verifier *verifier, const struct verifier_network *network,
			       usec_t now)
{
	bool route_changed = !same_route(&verifier->network, network);
	bool servers_changed = !same_servers(&verifier->network, network);

	verifier->network = *network;
	/* Before there ever was a route nothing is worth asking until the grace is over. */
	if (verifier->started == 0 && !network->route)
		return 0;
	if (route_changed)
		return begin_soon(verifier, now);
	if (!servers_changed)
		return 0;
	/* The echo has nothing to do with servers: it goes on. */
	if (verifier->verifying && verifier->verdicts[VERIFIER_LOOKUP] != VERDICT_RUNNING)
		return start_lookup(verifier);
	return begin_soon(verifier, now);
}

static enum verifier_reason find_reason(const struct verifier *verifier)
{
	bool lookup_good = verifier->verdicts[VERIFIER_LOOKUP] == VERDICT_GOOD;

	if (verifier->verdicts[VERIFIER_PING] == VERDICT_GOOD) {
		if (lookup_good)
			return REASON_NONE;
		return verifier->verdicts[VERIFIER_LOOKUP] == VERDICT_NONE ? REASON_NO_SERVERS
									   : REASON_LOOKUP_BAD;
	}
	if (verifier->verdicts[VERIFIER_PING] == VERDICT_NO_ROUTE)
		return REASON_NO_ROUTE;
	if (lookup_good)
		return REASON_ECHO_ONLY_BAD;
	if (verifier->verdicts[VERIFIER_GATEWAY] == VERDICT_GOOD)
		return REASON_BEYOND_GATEWAY;
	return verifier->verdicts[VERIFIER_GATEWAY] == VERDICT_NONE ? REASON_TARGET_SILENT
								    : REASON_GATEWAY_SILENT;
}

static const enum online_state state_of_reason[_REASON_MAX] = {
	[REASON_NONE] = ONLINE_YES,	      [REASON_NO_ROUTE] = ONLINE_NO,
	[REASON_GATEWAY_SILENT] = ONLINE_NO,  [REASON_BEYOND_GATEWAY] = ONLINE_NO,
	[REASON_TARGET_SILENT] = ONLINE_NO,   [REASON_ECHO_ONLY_BAD] = ONLINE_PARTIAL,
	[REASON_NO_SERVERS] = ONLINE_PARTIAL, [REASON_LOOKUP_BAD] = ONLINE_PARTIAL,
};

static usec_t retry_delay(unsigned attempts)
{
	/* 0.2 s doubled eight times is beyond the limit already. */
	return MIN(VERIFIER_RETRY << MIN(attempts, 8u), VERIFIER_RETRY_MAX);
}

static unsigned conclude(struct verifier *verifier, usec_t now)
{
	enum verifier_reason reason = find_reason(verifier);
	enum online_state before = verifier->state;
	usec_t next;

	verifier->verifying = false;
	/* Bad news of a network that is no more: the verification that waits for its gap will tell.
	 */
	if (verifier->again && reason != REASON_NONE)
		return 0;
	verifier->reason = reason;
	verifier->state = state_of_reason[reason];
	next = verifier->state == ONLINE_YES ? VERIFIER_PERIOD : retry_delay(verifier->attempts);
	verifier->attempts = verifier->state == ONLINE_YES ? 0 : verifier->attempts + 1;
	/* A change that waits for its gap comes first. */
	if (!verifier->again)
		verifier->deadline = usec_add(now, next);
	return verifier->state != before ? VERIFIER_REPORT : 0;
}

static bool all_ended(const struct verifier *verifier)
{
	for (unsigned i = 0; i < _VERIFIER_PROBE_MAX; i++)
		if (verifier->verdicts[i] == VERDICT_RUNNING)
			return false;
	return true;
}

unsigned verifier_probe_ended(struct verifier *verifier, enum verifier_probe probe,
			      enum verifier_verdict verdict, usec_t now)
{
	unsigned actions = 0;

	verifier->verdicts[probe] = verdict;
	if (probe == VERIFIER_PING && verdict == VERDICT_NO_ROUTE) {
		/* Nothing more can be learnt: an answer from a server nearby would mean nothing. */
		actions |= cancel(verifier, VERIFIER_LOOKUP);
		actions |= cancel(verifier, VERIFIER_GATEWAY);
	}
	if (probe == VERIFIER_PING && verdict == VERDICT_BAD &&
	    ip_address_is_set(&verifier->network.gateway))
		actions |= start(verifier, VERIFIER_GATEWAY);
	if (all_ended(verifier))
		actions |= conclude(verifier, now);
	return actions;
}

unsigned verifier_elapsed(struct verifier *verifier, usec_t now)
{
	return now >= verifier->deadline ? begin(verifier, now) : 0;
}
