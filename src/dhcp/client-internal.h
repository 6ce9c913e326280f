/* What the two files of the client share: client.c decides, client_ask.c asks. */
#pragma once

#include "client.h"

#define PACKETS_MAX   4
#define EVENTS_MAX    8
#define CLIENT_ID_MAX DHCP_CLIENT_ID_MAX

/* One question that is repeated until it is answered: an exchange of its own transaction number. */
struct exchange {
	bool active;
	uint32_t transaction;
	uint16_t seconds; /* since the search began, as the last DISCOVER said */
	usec_t asked;	  /* last */
	usec_t next;	  /* when it is asked again */
	usec_t pause;	  /* before the jitter */
	unsigned tries;
};

struct dhcp_client {
	struct dhcp_client_config config;
	enum dhcp_client_state state;
	uint64_t random;
	usec_t began; /* of the present search, for the secs field */

	/* Any of these may go on at once. `state` tells of the lease while there is one, and of the
	 * search while there is none. */
	struct exchange seek;	 /* DISCOVER, or REQUEST of an offer */
	struct exchange confirm; /* REQUEST of a known address: INIT-REBOOT, or a check of it */
	struct exchange extend;	 /* REQUEST while renewing and rebinding */

	struct in_addr known;	/* address that `confirm` asks for */
	struct in_addr offered; /* that `seek` requests; 0.0.0.0 while it discovers */
	struct in_addr offered_by;
	bool wants_broadcast;
	struct dhcp_lease *lease; /* in use, or NULL */

	usec_t pause_ends;
	unsigned naks, declines; /* in a row */
	unsigned tries;		 /* without any answer */

	struct dhcp_packet *packets[PACKETS_MAX];
	unsigned packets_first, packets_count;
	struct dhcp_event events[EVENTS_MAX];
	unsigned events_first, events_count;
};

/* What one message says. An address that is 0.0.0.0 is left out. */
struct say {
	uint8_t type;
	uint32_t transaction;
	uint16_t seconds;
	struct in_addr ciaddr, requested, server;
};

/* Queues a message for all on the link; the packet may still be changed. NULL when out of memory.
 */
struct dhcp_packet *client_send(struct dhcp_client *client, const struct say *say);
/* Queues a message for the server of the lease in use. */
void client_send_unicast(struct dhcp_client *client, const struct say *say);
void client_push_event(struct dhcp_client *client, struct dhcp_event event);
/* Writes the client id; returns its length. */
size_t client_id(const struct dhcp_client *client, uint8_t buffer[CLIENT_ID_MAX]);

/* Begins an exchange under a new transaction number; nothing is asked yet. */
void exchange_begin(struct dhcp_client *client, struct exchange *exchange, usec_t now);
/* Seeks a lease from the beginning: DISCOVER. */
void client_seek(struct dhcp_client *client, usec_t now);
/* Has the search got an offer, which it requests now? */
bool client_is_requesting(const struct dhcp_client *client);
/* Ask once (more), or give up. */
void client_ask_seek(struct dhcp_client *client, usec_t now);
void client_ask_confirm(struct dhcp_client *client, usec_t now);
void client_ask_extend(struct dhcp_client *client, usec_t now);
