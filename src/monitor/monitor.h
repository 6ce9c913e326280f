/*
 * monitor: what goes through this host: its connections with their owners, and the bytes of its
 * links.
 *
 * Both are asked from the kernel on sockets of their own, read in portions on the event loop: a
 * host with a hundred thousand connections is listed without making anybody wait.
 *
 *     connections.c   lists connections; connection.c reads and prints one
 *     socket_owner.h  which process holds a socket
 *     bandwidth.c     bytes and packets of links over a window
 *     dump.h          a dump of the kernel, read in portions
 */
#pragma once

#include "core/core.h"

/* ---- connections (sock_diag(7)) ---- */

enum connection_protocol { CONNECTION_TCP, CONNECTION_UDP };

/* The kernel's numbers (TCP_ESTABLISHED ...); UDP uses established and close. */
#define CONNECTION_STATES_ALL 0x1ffe

struct connection {
	enum connection_protocol protocol;
	uint8_t family; /* of the socket: an IPv6 one may carry IPv4 addresses */
	uint8_t state;
	struct ip_address local, remote; /* IPv4 where they are mapped */
	uint16_t local_port, remote_port;
	int link;     /* index it is bound to, 0 for none */
	uint32_t uid; /* owner of the socket */
	uint32_t inode;
	uint32_t receive_queue, send_queue; /* bytes; of a listener: waiting and allowed ones */
	bool has_tcp;			    /* the members below hold */
	uint32_t rtt, rtt_variation;	    /* microseconds, 0 for not measured */
	uint32_t retransmits;		    /* in a row, now */
	uint32_t retransmits_total;
	uint32_t congestion_window; /* segments */
	uint64_t bytes_acked, bytes_received;
	uint32_t pid;  /* first process found that holds it, 0 for not known */
	char comm[17]; /* its name, "" for not known */
};

struct connection_filter {
	unsigned protocols;	  /* bits 1 << CONNECTION_*, 0 for all */
	unsigned states;	  /* bits 1 << TCP_*, 0 for all */
	uint8_t family;		  /* AF_INET, AF_INET6, or 0 for both */
	uint16_t port;		  /* local or remote, 0 for any */
	struct ip_prefix address; /* local or remote within it; unset for any */
	uint32_t pid;		  /* 0 for any; implies `owners` */
	bool has_uid;
	uint32_t uid;
	unsigned limit; /* kept, 1..CONNECTIONS_MAX */
	bool owners;	/* look for the processes */
};

#define CONNECTIONS_MAX 10000

struct connections_result {
	struct connection *connections; /* sorted: protocol, state, local port */
	size_t count;
	size_t matched; /* count and those beyond the limit */
	size_t seen;	/* sockets that the kernel named */
	/* Processes whose sockets we were not allowed to see. */
	size_t processes_hidden;
	bool interrupted; /* the kernel's table changed while it was read: some may be missing */
};

struct connections_query;

/* Called once from the event loop; borrowed for the call; the query is freed after it. `r` is 0 or
 * a negative errno with `error` filled: timeout, kernel.unsupported, kernel.refused. */
typedef void (*connections_done_t)(int r, const struct connections_result *result,
				   const struct error *error, void *userdata);

int connections_start(struct connections_query **ret, sd_event *event,
		      const struct connection_filter *filter, usec_t timeout,
		      connections_done_t done, void *userdata, struct error *error);
void connections_cancel(struct connections_query *query);
DEFINE_CLEANUP(struct connections_query *, connections_cleanup, connections_cancel)

const char *connection_state_text(const struct connection *connection); /* "established", ... */
int connection_state_parse(const char *text);				/* the number, or -EINVAL */
const char *connection_protocol_text(enum connection_protocol protocol);
json_t *connection_to_json(const struct connection *connection);

/* One answer of sock_diag (struct inet_diag_msg and attributes): 0, or -EBADMSG. Pure. */
int connection_parse(const struct nlmsghdr *message, enum connection_protocol protocol,
		     struct connection *ret);
bool connection_matches(const struct connection *connection,
			const struct connection_filter *filter);

/* ---- bandwidth ---- */

#define BANDWIDTH_WINDOW_MIN (10 * USEC_PER_MSEC)
#define BANDWIDTH_WINDOW_MAX (60 * USEC_PER_SEC)

struct bandwidth {
	int link;			   /* index */
	struct link_statistics total;	   /* since the link was made */
	struct link_statistics difference; /* within the window */
	/* Per second over the window. */
	double receive_bits, transmit_bits, receive_packets, transmit_packets;
};

struct bandwidth_result {
	usec_t window;		       /* as it really was */
	const struct bandwidth *links; /* by index; links that were there at both ends */
	size_t count;
};

struct bandwidth_query;

/* As connections_done_t. */
typedef void (*bandwidth_done_t)(int r, const struct bandwidth_result *result,
				 const struct error *error, void *userdata);

/* Reads the counters of all links, or of `link` (index, 0 for all), now and again after `window`.
 */
int bandwidth_start(struct bandwidth_query **ret, sd_event *event, int link, usec_t window,
		    bandwidth_done_t done, void *userdata, struct error *error);
void bandwidth_cancel(struct bandwidth_query *query);
DEFINE_CLEANUP(struct bandwidth_query *, bandwidth_cleanup, bandwidth_cancel)

/* Share 0..1 of `speed` (Mbit/s) that `bits` per second are; -1 where the speed is not known. */
double bandwidth_utilisation(double bits, uint32_t speed);

/* {receive: {bytes, packets, errors, dropped, bits_per_second, ...}, transmit: {...}}, with a
 * utilisation where `speed` is not 0. */
json_t *bandwidth_to_json(const struct bandwidth *bandwidth, uint32_t speed);
