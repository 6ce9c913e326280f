/*
 * The decisions of the verifier: when to probe, what the answers mean, when to look again. Pure:
 * what changed, what the probes found and the time are passed in; what to do comes out as bits, and
 * the next deadline stands in the machine.
 *
 * A verification is an echo and a look-up side by side. Where the echo fails the gateway is asked
 * too, so that the report can say on which side of it the fault is.
 */
#pragma once

#include "base/base.h"

#define VERIFIER_GRACE (5 * USEC_PER_SEC) /* without a route, before "offline" is said */
#define VERIFIER_GAP                                                                               \
	(100 * USEC_PER_MSEC) /* at least, between verifications that changes start                \
			       */
#define VERIFIER_RETRY	   (200 * USEC_PER_MSEC) /* doubled each time it was not online */
#define VERIFIER_RETRY_MAX (30 * USEC_PER_SEC)
#define VERIFIER_PERIOD	   (60 * USEC_PER_SEC) /* while online */

#define VERIFIER_SERVERS_MAX 8

enum online_state { ONLINE_UNKNOWN, ONLINE_NO, ONLINE_PARTIAL, ONLINE_YES, _ONLINE_STATE_MAX };

enum verifier_probe { VERIFIER_PING, VERIFIER_LOOKUP, VERIFIER_GATEWAY, _VERIFIER_PROBE_MAX };

enum verifier_verdict {
	VERDICT_NONE, /* was not asked */
	VERDICT_RUNNING,
	VERDICT_GOOD,
	VERDICT_BAD,
	VERDICT_NO_ROUTE, /* the kernel knows no way there */
};

enum verifier_reason {
	REASON_NONE,
	REASON_NO_ROUTE,
	REASON_GATEWAY_SILENT,
	REASON_BEYOND_GATEWAY, /* the gateway answers, the target does not */
	REASON_TARGET_SILENT,  /* and there is no gateway to ask */
	REASON_ECHO_ONLY_BAD,  /* names resolve, the target does not answer */
	REASON_NO_SERVERS,     /* the target answers, no name server is known */
	REASON_LOOKUP_BAD,     /* the target answers, names do not resolve */
	_REASON_MAX
};

/* What the way out depends on. */
struct verifier_network {
	bool route; /* to the target */
	int link;
	struct ip_address gateway; /* unset for none */
	unsigned servers_count;
	struct ip_address servers[VERIFIER_SERVERS_MAX];
};

/* What to do, in this order. Starting a probe that runs means to start it anew. */
enum verifier_action {
	VERIFIER_CANCEL = 1 << 0, /* shifted by the probe */
	VERIFIER_START = 1 << 3,  /* shifted by the probe */
	VERIFIER_REPORT = 1 << 6, /* the state has changed */
};

struct verifier {
	enum online_state state;
	enum verifier_reason reason;
	struct verifier_network network;
	enum verifier_verdict verdicts[_VERIFIER_PROBE_MAX];
	bool verifying;
	bool again;	   /* something changed that the running verification does not cover */
	usec_t started;	   /* of the last verification, 0 for none yet */
	usec_t deadline;   /* of verifier_elapsed(), USEC_INFINITY for none */
	unsigned attempts; /* in a row that did not end online */
};

void verifier_init(struct verifier *verifier, usec_t now);

/* Each returns the actions; `now` is boottime. */
unsigned verifier_network_seen(struct verifier *verifier, const struct verifier_network *network,
			       usec_t now);
/* A probe has ended with VERDICT_GOOD, _BAD or _NO_ROUTE. */
unsigned verifier_probe_ended(struct verifier *verifier, enum verifier_probe probe,
			      enum verifier_verdict verdict, usec_t now);
unsigned verifier_elapsed(struct verifier *verifier, usec_t now);
