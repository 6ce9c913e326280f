/*
 * Listens on a link, asks politely, and suggests.
 *
 * Sends at most LISTEN_PACKETS_MAX frames, all of them ARP probes (RFC 5227 2.1.1: from 0.0.0.0, so
 * that no cache learns anything), LISTEN_PROBE_INTERVAL apart: a few likely gateways, then the
 * address that is about to be suggested, until nobody answers for it.
 */
#pragma once

#include <systemd/sd-event.h>

#include "infer.h"

#define LISTEN_PACKETS_MAX    64
#define LISTEN_PROBE_INTERVAL (50 * USEC_PER_MSEC)
#define LISTEN_TIME_MAX	      (120 * USEC_PER_SEC)

struct listen_result {
	struct suggestion suggestion;
	size_t observations; /* heard in all */
	unsigned sent;	     /* frames */
	bool address_probed; /* the address was probed, and nobody answered */
	bool gateway_answered;
	int errnum; /* the last positive errno of its socket, 0 for none: the rest is not to be
		       relied on */
};

struct listen;

/* Called once, from the event loop; `result` is borrowed. The listener is freed after it. */
typedef void (*listen_done_t)(const struct listen_result *result, void *userdata);

/* `mac` is the link's own (6 bytes). 0, or a negative errno with `error` filled (parameter.range,
 * kernel.refused, out of memory). `done` is called later, never from within. */
int listen_start(struct listen **ret, sd_event *event, int interface,
		 const struct hardware_address *mac, usec_t duration, listen_done_t done,
		 void *userdata, struct error *error);

/* Ends it without calling `done`. */
void listen_cancel(struct listen *listen);
DEFINE_CLEANUP(struct listen *, listen_cleanup, listen_cancel)
