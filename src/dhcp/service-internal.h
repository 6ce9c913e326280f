/* What the files of the service share. */
#pragma once

#include "acd.h"
#include "client.h"
#include "dna.h"
#include "link_local.h"
#include "packet.h"
#include "service.h"
#include "transport.h"

/* How long a cable may be out before the lease's address and routes are taken back. */
#define HOLD_TIME (10 * USEC_PER_SEC)

/* So long after an answer on any link more are likely to come. */
#define OTHERS_TIME (250 * USEC_PER_MSEC)

/* One client at work on one link. */
#define WORKER_HEARD 3

struct worker {
	struct dhcp_service *service;
	struct dhcp_spec spec;
	int index;	 /* of the link */
	uint32_t metric; /* of its routes */
	struct hardware_address mac;

	struct dhcp_client *client;
	struct acd acd;
	struct dna dna;
	struct link_local local;
	sd_event_source *timer;
	sd_event_source *derivation; /* deferred: intent does not yet follow the lease */

	bool carrier;
	usec_t carrier_lost;	   /* boottime, 0 for not */
	bool withdrawn;		   /* the hold time is over: the lease is kept, but not used */
	bool derived;		   /* intent holds what follows from a lease */
	bool asked;		   /* `spec` is not followed yet, and somebody asked for it */
	struct dhcp_spec followed; /* settings by which intent follows the lease */
	usec_t derive_again,
		derive_pause; /* boottime of the next attempt, USEC_INFINITY for none */
	char why[96];	      /* the reason that the next derivation gives */
	char trouble[128];    /* for people */
	struct in_addr gateway;
	struct hardware_address gateway_mac; /* as it was last known */
	struct in_addr heard[WORKER_HEARD];  /* addresses whose ARP it takes, 0.0.0.0 for none */
	struct worker *next;
};

struct dhcp_service {
	struct core *core;
	struct transport *transport;
	struct worker *workers;
	usec_t answered_at; /* boottime of the last answer that any client took */
};

/* service.c */
struct worker *service_worker_by_index(struct dhcp_service *service, int index);
/* Is the worker, of which nothing is read, still there? */
bool service_has_worker(const struct dhcp_service *service, const struct worker *worker);
/* The specification of the client that runs on `link`, or NULL. */
const struct dhcp_spec *service_running(struct dhcp_service *service, const char *link);
/* Starts a client, or changes what it is told. */
int service_run_client(struct dhcp_service *service, const struct dhcp_spec *spec,
		       struct error *error);
void service_end_client(struct dhcp_service *service, const struct dhcp_spec *spec);

/* Hears of the addresses that the workers want to hear of now. Returns false while nothing is
 * heard at all. */
bool service_hear(struct dhcp_service *service);

/* dhcp_type.c */
bool dhcp_spec_same_identity(const struct dhcp_spec *a, const struct dhcp_spec *b);

/* worker.c */
int worker_new(struct worker **ret, struct dhcp_service *service, const struct dhcp_spec *spec,
	       const struct link *link);
void worker_free(struct worker *worker);
DEFINE_CLEANUP(struct worker *, worker_cleanup, worker_free)
void worker_link_changed(struct worker *worker, const struct link *link);
/* A neighbour, which may be the worker's gateway. */
void worker_neighbour_seen(struct worker *worker, const struct neighbour *neighbour);
void worker_receive(struct worker *worker, const void *payload, size_t size);
void worker_receive_arp(struct worker *worker, const struct arp_packet *packet);
/* Does after every call into the machines what they ask for: sends, tells, arms the timer. */
void worker_pump(struct worker *worker);

/* worker_local.c: where no server answers */

/* Begins to seek a link-local address, unless that is not wanted or there is a lease. */
void worker_local_begin(struct worker *worker);
/* Goes on with the one in use, if there is one: after a restart, or when the cable is back. */
void worker_local_resume(struct worker *worker, usec_t now);
void worker_local_end(struct worker *worker);
void worker_local_receive(struct worker *worker, usec_t now, const struct arp_packet *packet);
void worker_local_timeout(struct worker *worker, usec_t now);
/* What intent is to have of it, as if a server had granted it; false when none is in use. */
bool worker_local_lease(const struct worker *worker, struct dhcp_lease *ret);

/* worker_lease.c */

/* The lease of this link that the store knows and that has not ended; true when there is one.
 * `ret_in_use`: address and routes of it are in the kernel, unless somebody took them away. */
bool worker_recall_lease(const struct worker *worker, struct dhcp_lease *ret, bool *ret_in_use);
void worker_forget_lease(struct worker *worker);
/* The address that intent derives from this client, or NULL. */
const struct resource *worker_address_in_intent(const struct worker *worker);
/* Ethernet before wireless; of one kind, in the order of their appearance. */
uint32_t worker_free_metric(struct worker *worker, const struct link *link);
/* The same, or what was stated, or what the link had before a restart. */
uint32_t worker_choose_metric(struct worker *worker, const struct link *link);
/* Schedules that intent follows the lease, with this reason; or with the last one again. */
void worker_schedule_derivation(struct worker *worker, const char *why);
void worker_enable_derivation(struct worker *worker);
