/*
 * Ping: does it answer, how fast, and if not, who says why.
 *
 * Echo requests (ICMP, ICMPv6) from a raw socket of its own, or TCP connections. Sending and
 * waiting are events of the loop; nothing blocks. Latency of an echo is from just before the send
 * to the kernel's time stamp of the answer, that of a connection is the kernel's measure of the
 * handshake.
 */
#pragma once

#include <net/if.h>
#include <systemd/sd-event.h>

#include "base/base.h"

#define PING_COUNT_MAX	  100
#define PING_SIZE_MAX	  65507 /* bytes after the echo header */
#define PING_INTERVAL_MIN (10 * USEC_PER_MSEC)
#define PING_INTERVAL_MAX (60 * USEC_PER_SEC)
#define PING_TIMEOUT_MIN  USEC_PER_MSEC
#define PING_TIMEOUT_MAX  (60 * USEC_PER_SEC)

enum ping_method { PING_ECHO, PING_CONNECT };

struct ping_request {
	struct ip_address target;
	enum ping_method method;
	uint16_t port;		  /* of PING_CONNECT, 1..65535 */
	char interface[IFNAMSIZ]; /* leave by this one only, "" for any; needed for fe80::/10 */
	struct ip_address source; /* unset: the kernel chooses */
	unsigned count;		  /* 1..PING_COUNT_MAX */
	unsigned size;		  /* bytes after the echo header, 0..PING_SIZE_MAX */
	usec_t interval;	  /* from one probe to the next */
	usec_t timeout;		  /* of each probe */
	uint8_t ttl;		  /* 0: the host's default */
	bool dont_fragment;	  /* set DF, never fragment here */
	bool until_answer;	  /* the first answer ends it: for "does it answer?" */
};

enum ping_outcome {
	PING_PENDING,
	PING_ANSWERED,
	PING_REFUSED, /* the target answered the connection with a reset: it is there */
	PING_TIMED_OUT,
	PING_UNREACHABLE, /* an ICMP error came; `from`, `icmp_type` and `icmp_code` tell */
	PING_TOO_LARGE,	  /* does not fit the path and may not be fragmented; `mtu` tells */
	PING_NOT_SENT,	  /* the kernel refused to send; `errnum` tells */
	_PING_OUTCOME_MAX
};

struct ping_probe {
	enum ping_outcome outcome;
	uint64_t latency;	/* nanoseconds; of PING_ANSWERED, PING_REFUSED, PING_UNREACHABLE */
	struct ip_address from; /* who answered; unset where nobody did or it is not known */
	uint8_t ttl;		/* of the answer, 0 for not known (connections) */
	uint8_t icmp_type, icmp_code;
	uint32_t mtu; /* bytes, 0 for not told */
	int errnum;   /* positive errno of PING_NOT_SENT and PING_UNREACHABLE */
	usec_t sent;  /* boottime, 0 for not yet */
};

struct ping_statistics {
	unsigned sent, answered, errors, duplicates;
	double loss; /* 0..1 of those sent */
	/* Milliseconds over the answered ones; jitter is the mean difference of neighbours. */
	double minimum, average, maximum, deviation, jitter;
};

struct ping_result {
	struct ping_request request;
	struct ip_address source; /* the address we sent from */
	struct ping_statistics statistics;
	unsigned probes_count; /* those sent, and those that could not be */
	struct ping_probe probes[PING_COUNT_MAX];
};

struct ping;

/* Called once, from the event loop; `result` is borrowed for the call. The ping is freed after it,
 * so its owner forgets the pointer here. */
typedef void (*ping_done_t)(const struct ping_result *result, void *userdata);

/* A request with all defaults: 3 echoes of 56 bytes, one a second, 1 s to answer. */
struct ping_request ping_request_default(const struct ip_address *target);

/*
 * Sends the first probe and returns; `done` is called later, never from within. 0, or a negative
 * errno with `error` filled: parameter.range, parameter.conflict, link.unknown, host.unreachable
 * (no route), kernel.refused (no right to open the socket).
 */
int ping_start(struct ping **ret, sd_event *event, const struct ping_request *request,
	       ping_done_t done, void *userdata, struct error *error);

/* Has `progress` called after each probe that came to an end, but the last, with how many have. */
typedef void (*ping_progress_t)(unsigned ended, unsigned count, void *userdata);
void ping_set_progress(struct ping *ping, ping_progress_t progress);

/* Ends it without calling `done`. */
void ping_cancel(struct ping *ping);
DEFINE_CLEANUP(struct ping *, ping_cleanup, ping_cancel)

/* Longest time from ping_start() to `done`, microseconds. */
usec_t ping_request_duration(const struct ping_request *request);

const char *ping_outcome_text(enum ping_outcome outcome); /* "answered", "timed_out", ... */

/* What an ICMP (or ICMPv6) error means: "host unreachable", "administratively prohibited", ... */
const char *ping_icmp_text(int family, uint8_t type, uint8_t code);

json_t *ping_result_to_json(const struct ping_result *result);
