/*
 * Look-up: asks name servers for the records of a name, and says who answered, how fast and how.
 *
 * The servers are asked in their order: the next one when the one before fails, or did not answer
 * within LOOKUP_HEDGE; the first usable answer wins. A truncated answer is asked for again over
 * TCP. c-ares carries the datagrams; its sockets are on our event loop. No search domains, no hosts
 * file.
 */
#pragma once

#include <net/if.h>
#include <systemd/sd-event.h>

#include "base/base.h"
#include "dns_message.h"

#define LOOKUP_SERVERS_MAX 8
#define LOOKUP_HEDGE	   (400 * USEC_PER_MSEC)
#define LOOKUP_TIMEOUT_MIN (10 * USEC_PER_MSEC)
#define LOOKUP_TIMEOUT_MAX (60 * USEC_PER_SEC)

struct lookup_request {
	char name[256]; /* presentation form; with DNS_TYPE_PTR an address is turned into its name
			 */
	uint16_t type;	/* enum dns_type or any number */
	struct ip_address servers[LOOKUP_SERVERS_MAX];
	unsigned servers_count;	  /* at least 1 */
	uint16_t port;		  /* 53 */
	char interface[IFNAMSIZ]; /* leave by this one only, "" for any */
	usec_t timeout;		  /* for all of it */
	bool recursion;		  /* RD, true by default */
	bool dnssec;		  /* ask for signatures */
	bool checking_disabled;
	bool tcp; /* from the start */
};

struct lookup_result {
	const struct lookup_request *request; /* borrowed */
	bool answered;			      /* message, server and latency hold */
	struct dns_message message;
	struct ip_address server; /* the one that answered */
	usec_t latency;		  /* from asking that server to its answer */
	usec_t duration;	  /* from the start to the end */
	bool tcp;		  /* the answer came over TCP */
	unsigned servers_asked;
};

struct lookup;

/*
 * Called once, from the event loop; all is borrowed for the call, and the look-up is freed after
 * it. `r` is 0, or a negative errno with `error` filled: name.not_found (NXDOMAIN), dns.failed
 * (SERVFAIL, REFUSED, malformed, unreachable server), timeout. `result` is there in each case. An
 * answer without records of the type asked is no error.
 */
typedef void (*lookup_done_t)(int r, const struct lookup_result *result, const struct error *error,
			      void *userdata);

/* A request for `name` and `type` with all defaults and no servers yet. A name that does not fit is
 * left out, and lookup_start() refuses the empty one. */
struct lookup_request lookup_request_default(const char *name, uint16_t type);

/* Sends the first query and returns; `done` is called later, never from within. 0, or a negative
 * errno with `error` filled: name.invalid, parameter.range, parameter.missing (no servers). */
int lookup_start(struct lookup **ret, sd_event *event, const struct lookup_request *request,
		 lookup_done_t done, void *userdata, struct error *error);

/* Ends it without calling `done`. */
void lookup_cancel(struct lookup *lookup);
DEFINE_CLEANUP(struct lookup *, lookup_cleanup, lookup_cancel)

/* {name, type, rcode, flags, server, latency_ms, transport, answers, authority, additional}. */
json_t *lookup_result_to_json(const struct lookup_result *result);
