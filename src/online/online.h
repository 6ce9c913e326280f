/*
 * online: whether packets come back.
 *
 * Probes (echo, TCP connect, name look-up; each with sockets of its own, none blocks) and the
 * verifier that uses them: after the network was configured, and whenever it changed, it asks
 * whether this host reaches the outside, and reports.
 *
 *     online.c    the service: probes when the verifier says so
 *     verifier.h  its decisions, without sockets or clock
 *     ping.h      echo and TCP connect; ping_run.h, ping_packet.h and ping_socket.h are its parts
 *     check_port.h whether something listens behind a port
 *     traceroute.h the routers on the way; traceroute_run.h and traceroute_packet.h are its parts
 *     http_probe.h asks a web server; http_certificate.h and http_library.h are its parts
 *     lookup.h    name look-up; dns_*.h take messages apart
 */
#pragma once

#include "check_port.h"
#include "core/core.h"
#include "http_probe.h"
#include "lookup.h"
#include "ping.h"
#include "traceroute.h"
#include "verifier.h"

struct online_config {
	struct ip_address ping_target; /* 1.1.1.1 */
	char lookup_name[256];	       /* api.anthropic.com */
	usec_t started;		       /* boottime of the daemon's start; 0: now */
};

struct online_report {
	enum online_state state;
	bool ping_ok, lookup_ok;
	usec_t ping_time, lookup_time; /* how long it took */
	usec_t since;		       /* realtime of the last change of state */
	usec_t first_online;	       /* boottime when it was first ONLINE_YES, 0 for not yet */
	char detail[224];	       /* what is wrong, one sentence, or "" */
};

struct online_service;

/* Watches the core's events and state: a new default route or resolver starts a verification at
 * once; while not online it repeats with back-off (0.2 s to 30 s), while online every 60 s. */
int online_service_new(struct online_service **ret, struct core *core,
		       const struct online_config *config,
		       unsigned (*servers)(void *userdata, struct ip_address *ret, unsigned max),
		       void *userdata);
void online_service_free(struct online_service *service);
DEFINE_CLEANUP(struct online_service *, online_service_cleanup, online_service_free)

const struct online_report *online_service_report(const struct online_service *service);
const char *online_state_text(enum online_state state);
