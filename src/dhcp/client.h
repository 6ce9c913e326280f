/*
 * The DHCPv4 client (RFC 2131 section 4.4), as a pure object: messages and the time go in; messages
 * to send, events and the next deadline come out. It has no sockets and no clock.
 *
 *                 start, no lease                 start, a lease known
 *                       |                                |
 *                       v          NAK, no answer        v
 *      +----------> SELECTING <--------------------- REBOOTING   (asks both ways at once:
 *      |                | offer                        |   |      the first good answer wins)
 *      |                v               ACK            |   | offer
 *      |            REQUESTING -----------+------------+   +------> REQUESTING
 *      |  NAK           |                 |
 *      +----------------+                 v           T1                T2
 *      |                                BOUND ----> RENEWING ----> REBINDING
 *      |                                  ^            | ACK           | ACK
 *      |                                  +------------+---------------+
 *      |  NAK, expiry, conflict                                        |
 *      +-- PAUSED <----------------------------------------------------+
 *
 * The known lease is confirmed (INIT-REBOOT) and a new one is sought (DISCOVER, with rapid commit,
 * RFC 4039) in the same moment, under two transaction numbers. A client that asks only the first
 * way waits for a server that may no longer be there.
 */
#pragma once

#include "lease.h"

#define DHCP_RESEND_FIRST (500 * USEC_PER_MSEC) /* then doubling, each with +-10 % of jitter */
#define DHCP_RESEND_MAX	  (64 * USEC_PER_SEC)
#define DHCP_OTHERS_MAX	  (10 * USEC_PER_SEC)

#define DHCP_CLIENT_ID_MAX 64 /* bytes; RFC 2132 section 9.14 has at least 2 */

struct dhcp_client_config {
	struct hardware_address mac; /* 6 bytes */
	bool plain_mac_id;	     /* client id is type 1 and the MAC, instead of RFC 4361's */
	bool exact_id; /* client id is what follows, as another client used it; none of 0 bytes */
	uint8_t id_length;
	uint8_t id[DHCP_CLIENT_ID_MAX];
	char hostname[64]; /* sent to the server, "" for none */
	bool rapid_commit;
	bool ipv6_only; /* ask for option 108, and obey it */
	uint64_t seed;	/* of transaction numbers and jitter */
};

enum dhcp_client_state {
	DHCP_STOPPED,
	DHCP_SELECTING,
	DHCP_REBOOTING,
	DHCP_REQUESTING,
	DHCP_BOUND,
	DHCP_RENEWING,
	DHCP_REBINDING,
	DHCP_PAUSED, /* after NAK, conflict, or in favour of IPv6 */
	_DHCP_STATE_MAX
};

enum dhcp_event_kind {
	DHCP_EVENT_BOUND,     /* a lease where there was none, or another address */
	DHCP_EVENT_RENEWED,   /* the same address goes on; `changed` when more than the times did */
	DHCP_EVENT_LOST,      /* the lease may no longer be used: `why` */
	DHCP_EVENT_NO_ANSWER, /* nobody has answered `tries` times */
	DHCP_EVENT_REFUSED,   /* a server said no before there was a lease */
	DHCP_EVENT_IPV6_ONLY, /* the network does without IPv4, for `seconds` */
};

enum dhcp_lost_why { DHCP_LOST_EXPIRED, DHCP_LOST_NAK, DHCP_LOST_CONFLICT, DHCP_LOST_STOPPED };

struct dhcp_event {
	enum dhcp_event_kind kind;
	enum dhcp_lost_why why;
	bool changed;
	unsigned tries;
	uint32_t seconds;
};

struct dhcp_packet {
	bool unicast; /* from `source` to `destination`; else from 0.0.0.0 to all */
	struct in_addr source, destination;
	size_t size;
	uint8_t payload[DHCP_PAYLOAD_MAX];
};

struct dhcp_client;

int dhcp_client_new(struct dhcp_client **ret, const struct dhcp_client_config *config);
void dhcp_client_free(struct dhcp_client *client);
DEFINE_CLEANUP(struct dhcp_client *, dhcp_client_cleanup, dhcp_client_free)

/* Begins to seek a lease; `known` (may be NULL) is asked for again. From any state; a lease in use
 * is lost without an event. */
void dhcp_client_start(struct dhcp_client *client, usec_t now, const struct dhcp_lease *known);
/* Goes on with a lease that is in use and has not ended, as if it had just been granted then. */
void dhcp_client_resume(struct dhcp_client *client, usec_t now, const struct dhcp_lease *lease);
/* Stops. With `release` the server is told (RFC 2131 section 4.4.6). */
void dhcp_client_stop(struct dhcp_client *client, usec_t now, bool release);

/* Asks whether the lease still holds on this network, while it stays in use (after the cable was
 * out, RFC 2131 section 3.7). Refused, it is lost and a new one sought; where nobody answers in
 * about 7 s, it stays in use and a new one is sought beside it, which then takes its place. In
 * other states than those with a lease: nothing. */
void dhcp_client_confirm(struct dhcp_client *client, usec_t now);
/* The address is somebody else's: the server is told, and after a pause a new one sought. */
void dhcp_client_decline(struct dhcp_client *client, usec_t now);

/* A payload from UDP port 67. 0; 1 when it is not for this client or came too late; -EBADMSG when
 * it is malformed or makes no sense; -ENOMEM, after which the question is asked again. */
int dhcp_client_receive(struct dhcp_client *client, usec_t now, const void *payload, size_t size);
/* Answers come in on other links, perhaps from the same server, which has many to serve and loses
 * what it cannot hold: a search that would be asked for again before `until` waits until then, but
 * no longer than DHCP_OTHERS_MAX since it was asked for last. */
void dhcp_client_wait_for_others(struct dhcp_client *client, usec_t until);
/* The time has come that dhcp_client_deadline() named; USEC_INFINITY for none. */
void dhcp_client_timeout(struct dhcp_client *client, usec_t now);
usec_t dhcp_client_deadline(const struct dhcp_client *client);

/* To be called until they return false after each of the calls above. */
bool dhcp_client_pop_packet(struct dhcp_client *client, struct dhcp_packet *ret);
bool dhcp_client_pop_event(struct dhcp_client *client, struct dhcp_event *ret);

enum dhcp_client_state dhcp_client_state(const struct dhcp_client *client);
const char *dhcp_client_state_text(enum dhcp_client_state state);
/* The lease in use, or NULL; borrowed until the next call. */
const struct dhcp_lease *dhcp_client_lease(const struct dhcp_client *client);
/* How often it has asked since it last had an answer. */
unsigned dhcp_client_tries(const struct dhcp_client *client);
/* A random number of 32 bits from the client's seed. */
uint32_t dhcp_client_random(struct dhcp_client *client);
