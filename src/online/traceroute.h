/*
 * Traceroute: the routers on the way to a target, each with its times, and where the way ends.
 *
 * All hops are asked side by side: the probes leave a few milliseconds apart, and nothing waits for
 * the answer of the one before, so that a long way with silent routers takes about one timeout.
 * What lies behind the target, or behind a router that says it goes no further, is not asked.
 */
#pragma once

#include "ping.h"
#include "traceroute_packet.h"

#define TRACE_HOPS_MAX	     64
#define TRACE_PROBES_MAX     5 /* a hop */
#define TRACE_MTU_LIMITS_MAX 8
#define TRACE_PORT	     33434 /* first port of UDP probes: nothing listens there */
#define TRACE_INTERVAL	     (4 * USEC_PER_MSEC)

enum trace_method { TRACE_ICMP, TRACE_UDP };

struct trace_request {
	struct ip_address target;
	enum trace_method method;
	char interface[IFNAMSIZ]; /* leave by this one only, "" for any */
	struct ip_address source; /* unset: the kernel chooses */
	unsigned hops;		  /* 1..TRACE_HOPS_MAX */
	unsigned probes;	  /* of each hop, 1..TRACE_PROBES_MAX */
	usec_t timeout;		  /* of each probe */
	bool path_mtu; /* send as large as the path takes, and find out how large that is */
};

enum trace_outcome {
	TRACE_UNSENT,
	TRACE_PENDING,
	TRACE_SILENT,
	TRACE_PASSED,	 /* a router on the way answered */
	TRACE_REACHED,	 /* the target answered */
	TRACE_ERROR,	 /* a router goes no further; ICMP type and code tell why */
	TRACE_TOO_LARGE, /* does not fit, and nobody says what would */
	TRACE_NOT_SENT,	 /* the kernel refused; `errnum` tells */
};

struct trace_probe {
	enum trace_outcome outcome;
	usec_t sent;		/* boottime */
	uint32_t size;		/* bytes of the packet, with its IP header */
	uint64_t latency;	/* nanoseconds */
	struct ip_address from; /* unset for silence */
	uint8_t icmp_type, icmp_code;
	uint32_t mtu; /* told with TRACE_TOO_LARGE */
	int errnum;
	struct trace_label labels[TRACE_LABELS_MAX];
	unsigned labels_count;
};

/* A link on the way that is narrower than those before it. */
struct trace_mtu_limit {
	struct ip_address from; /* the router in front of it; unset: this host */
	uint32_t mtu;
};

struct trace_result {
	struct trace_request request;
	struct ip_address source;
	unsigned end; /* hops that were asked: the last one is where the way ended */
	bool reached;
	unsigned loop_from, loop_to; /* hops (from 1) at which one router answered; 0 for no loop */
	uint32_t path_mtu;	     /* where it was asked for: what fits, as far as answers came */
	struct trace_mtu_limit limits[TRACE_MTU_LIMITS_MAX];
	unsigned limits_count;
	struct trace_probe probes[TRACE_HOPS_MAX][TRACE_PROBES_MAX];
};

struct trace;

/* Called once, from the event loop; `result` is borrowed. The trace is freed after it. */
typedef void (*trace_done_t)(const struct trace_result *result, void *userdata);

/* Sends the first probe and returns. 0, or a negative errno with `error` filled as ping_start(). */
int trace_start(struct trace **ret, sd_event *event, const struct trace_request *request,
		trace_done_t done, void *userdata, struct error *error);

/* Ends it without calling `done`. */
void trace_cancel(struct trace *trace);
DEFINE_CLEANUP(struct trace *, trace_cleanup, trace_cancel)

/* Longest time from trace_start() to `done`, microseconds. */
usec_t trace_request_duration(const struct trace_request *request);

/* {address, method, source, reached, detail, hops: [...], loop, path_mtu, mtu_limits}. */
json_t *trace_result_to_json(const struct trace_result *result);
