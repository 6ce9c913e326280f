#include <string.h>

#include "client-internal.h"

#define REQUESTS_MAX	  4 /* unanswered requests before a new DISCOVER */
#define CONFIRMATIONS_MAX 4
#define SEARCHES_MAX	  4 /* unanswered DISCOVERs while a lease is in use */
#define TRIES_TOLD_FROM	  3 /* "no answer" is told after more tries than this, at each doubling */
#define BROADCAST_FROM	  3 /* unanswered tries before answers by broadcast are asked for */

/* SplitMix64: transaction numbers need to differ, not to be secret; who sees one is on the link. */
uint32_t dhcp_client_random(struct dhcp_client *client)
{
	uint64_t z = client->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((z ^ z >> 31) >> 32);
}

/* ---- what comes out ---- */

/* A queue that nobody empties keeps the newest: an older question is asked again anyway, and so is
 * one for which there was no memory (NULL). Most of the time nothing waits, so it has no room of
 * its own: it would be the largest part of a client. */
static struct dhcp_packet *packet_push(struct dhcp_client *client)
{
	struct dhcp_packet *packet = calloc(1, sizeof(*packet));
	unsigned place = (client->packets_first + client->packets_count) % PACKETS_MAX;

	if (!packet)
		return NULL;
	if (client->packets_count == PACKETS_MAX)
		client->packets_first = (client->packets_first + 1) % PACKETS_MAX;
	else
		client->packets_count++;
	free(client->packets[place]);
	client->packets[place] = packet;
	return packet;
}

void client_push_event(struct dhcp_client *client, struct dhcp_event event)
{
	unsigned place = (client->events_first + client->events_count) % EVENTS_MAX;

	if (client->events_count == EVENTS_MAX)
		client->events_first = (client->events_first + 1) % EVENTS_MAX;
	else
		client->events_count++;
	client->events[place] = event;
}

bool dhcp_client_pop_packet(struct dhcp_client *client, struct dhcp_packet *ret)
{
	struct dhcp_packet **first = &client->packets[client->packets_first];

	if (client->packets_count == 0)
		return false;
	*ret = **first;
	free(*first);
	*first = NULL;
	client->packets_first = (client->packets_first + 1) % PACKETS_MAX;
	client->packets_count--;
	return true;
}

bool dhcp_client_pop_event(struct dhcp_client *client, struct dhcp_event *ret)
{
	if (client->events_count == 0)
		return false;
	*ret = client->events[client->events_first];
	client->events_first = (client->events_first + 1) % EVENTS_MAX;
	client->events_count--;
	return true;
}

/* ---- messages ---- */

/*
 * RFC 4361 section 6.1: type 255, the IAID, the DUID. Both are made of this interface's MAC: a DUID
 * of the machine's identity would be the same on all clones of a virtual machine, and the server
 * would give them one address.
 */
size_t client_id(const struct dhcp_client *client, uint8_t buffer[CLIENT_ID_MAX])
{
	const uint8_t *mac = client->config.mac.bytes;
	struct writer id = WRITER(buffer, CLIENT_ID_MAX);

	if (client->config.exact_id) {
		writer_put(&id, client->config.id, client->config.id_length);
		return id.offset;
	}
	if (client->config.plain_mac_id) {
		writer_u8(&id, 1);
	} else {
		writer_u8(&id, 255);
		writer_put(&id, mac + 2, 4);
		writer_u16(&id, 3); /* DUID-LL */
		writer_u16(&id, 1); /* Ethernet */
	}
	writer_put(&id, mac, 6);
	return id.offset;
}

/* What all questions have in common. */
static void put_wishes(struct dhcp_client *client, struct writer *message)
{
	static const uint8_t maximum_size[2] = {1500 >> 8, 1500 & 0xff};
	uint8_t parameters[32];
	size_t count = lease_parameters(client->config.ipv6_only, parameters, sizeof(parameters));
	size_t name = strlen(client->config.hostname);

	dhcp_message_put(message, DHCP_OPTION_PARAMETERS, parameters, count);
	dhcp_message_put(message, DHCP_OPTION_MAXIMUM_SIZE, maximum_size, sizeof(maximum_size));
	dhcp_message_put(message, DHCP_OPTION_VENDOR_CLASS, "aiosnet", 7);
	if (name)
		dhcp_message_put(message, DHCP_OPTION_HOSTNAME, client->config.hostname, name);
}

/* RFC 2131 table 5 says which message carries what. */
struct dhcp_packet *client_send(struct dhcp_client *client, const struct say *say)
{
	struct dhcp_packet *packet = packet_push(client);
	bool asks = say->type == DHCP_DISCOVER || say->type == DHCP_REQUEST;
	uint8_t id[CLIENT_ID_MAX];
	size_t id_length = client_id(client, id);
	struct writer message;

	if (!packet)
		return NULL;
	message = WRITER(packet->payload, sizeof(packet->payload));
	dhcp_message_begin(&message, say->transaction, say->seconds,
			   asks && !say->ciaddr.s_addr && client->wants_broadcast, say->ciaddr,
			   &client->config.mac);
	dhcp_message_put(&message, DHCP_OPTION_TYPE, &say->type, 1);
	if (id_length)
		dhcp_message_put(&message, DHCP_OPTION_CLIENT_ID, id, id_length);
	if (say->requested.s_addr)
		dhcp_message_put(&message, DHCP_OPTION_REQUESTED_ADDRESS, &say->requested, 4);
	if (say->server.s_addr)
		dhcp_message_put(&message, DHCP_OPTION_SERVER_ID, &say->server, 4);
	if (say->type == DHCP_DISCOVER && client->config.rapid_commit)
		dhcp_message_put(&message, DHCP_OPTION_RAPID_COMMIT, NULL, 0);
	if (asks)
		put_wishes(client, &message);
	dhcp_message_end(&message);
	packet->size = message.offset;
	packet->source = say->ciaddr;
	return packet;
}

void client_send_unicast(struct dhcp_client *client, const struct say *say)
{
	struct dhcp_packet *packet = client_send(client, say);

	if (!packet)
		return;
	packet->unicast = true;
	packet->destination = client->lease->server;
}

static uint16_t seconds_since(const struct dhcp_client *client, usec_t now)
{
	return (uint16_t)MIN(usec_sub(now, client->began) / USEC_PER_SEC, UINT16_MAX);
}

/* ---- exchanges ---- */

void exchange_begin(struct dhcp_client *client, struct exchange *exchange, usec_t now)
{
	*exchange = (struct exchange){
		.active = true,
		.transaction = dhcp_client_random(client),
		.asked = now,
		.next = now,
		.pause = DHCP_RESEND_FIRST,
	};
}

/* Counts one question asked, and sets when it is asked again: doubling, with 10 % of jitter. */
static void exchange_asked(struct dhcp_client *client, struct exchange *exchange, usec_t now)
{
	usec_t tenth = exchange->pause / 10;
	usec_t jitter = dhcp_client_random(client) % (2 * tenth + 1);

	exchange->tries++;
	exchange->asked = now;
	exchange->next = now + exchange->pause - tenth + jitter;
	exchange->pause = MIN(exchange->pause * 2, DHCP_RESEND_MAX);
}

static void tell_no_answer(struct dhcp_client *client)
{
	unsigned tries = ++client->tries;

	/* The first question is not yet without answer. */
	if (tries > TRIES_TOLD_FROM && ((tries - 1) & (tries - 2)) == 0)
		client_push_event(client, (struct dhcp_event){.kind = DHCP_EVENT_NO_ANSWER,
							      .tries = tries - 1});
}

bool client_is_requesting(const struct dhcp_client *client)
{
	return client->offered.s_addr != 0;
}

static void seek_begin(struct dhcp_client *client, usec_t now)
{
	static const struct in_addr nobody;

	client->offered = client->offered_by = nobody;
	exchange_begin(client, &client->seek, now);
	if (!client->lease)
		client->state = client->confirm.active ? DHCP_REBOOTING : DHCP_SELECTING;
}

static void discover(struct dhcp_client *client, usec_t now)
{
	struct exchange *seek = &client->seek;

	/* A server can send to an address that nobody has yet; some bridges and relays cannot. */
	client->wants_broadcast |= seek->tries >= BROADCAST_FROM;
	seek->seconds = seconds_since(client, now);
	/* Where an address is known, the server may as well offer that one. */
	client_send(client, &(struct say){.type = DHCP_DISCOVER,
					  .transaction = seek->transaction,
					  .seconds = seek->seconds,
					  .requested = client->known});
	tell_no_answer(client);
}

void client_ask_seek(struct dhcp_client *client, usec_t now)
{
	struct exchange *seek = &client->seek;

	/* The server that offered has gone: whoever answers now is as good. */
	if (client_is_requesting(client) && seek->tries >= REQUESTS_MAX)
		seek_begin(client, now);
	/* Nobody is there at all. The lease in use stays so, until its end. */
	if (client->lease && !client_is_requesting(client) && seek->tries >= SEARCHES_MAX) {
		seek->active = false;
		return;
	}
	/* With the transaction and the seconds of the DISCOVER (RFC 2131 section 4.4.1). */
	if (client_is_requesting(client))
		client_send(client, &(struct say){.type = DHCP_REQUEST,
						  .transaction = seek->transaction,
						  .seconds = seek->seconds,
						  .requested = client->offered,
						  .server = client->offered_by});
	else
		discover(client, now);
	exchange_asked(client, seek, now);
}

void client_seek(struct dhcp_client *client, usec_t now)
{
	seek_begin(client, now);
	client_ask_seek(client, now);
}

void client_ask_confirm(struct dhcp_client *client, usec_t now)
{
	struct exchange *confirm = &client->confirm;

	if (confirm->tries < CONFIRMATIONS_MAX) {
		client_send(client, &(struct say){.type = DHCP_REQUEST,
						  .transaction = confirm->transaction,
						  .seconds = seconds_since(client, now),
						  .requested = client->known});
		exchange_asked(client, confirm, now);
		return;
	}
	/*
	 * Nobody answers for the address. While it is in use it stays so (RFC 2131 section 3.2),
	 * but this may be another network, whose server is silent about what it does not know (RFC
	 * 2131 section 4.3.2): it is asked for a lease of its own.
	 */
	confirm->active = false;
	if (client->lease)
		client_seek(client, now);
	else if (client->state == DHCP_REBOOTING)
		client->state = DHCP_SELECTING;
}

/* RFC 2131 section 4.4.5: half of what is left, but not more often than once a minute. Leases of
 * minutes would never be asked for twice so: there the least pause is an eighth of the lease. */
static usec_t extension_pause(const struct dhcp_lease *lease, usec_t now, usec_t until)
{
	usec_t least = MIN(60 * USEC_PER_SEC, (lease->expires - lease->obtained) / 8);

	return MAX((until - now) / 2, MAX(least, USEC_PER_SEC));
}

void client_ask_extend(struct dhcp_client *client, usec_t now)
{
	const struct dhcp_lease *lease = client->lease;
	struct exchange *extend = &client->extend;
	const struct say say = {.type = DHCP_REQUEST,
				.transaction = extend->transaction,
				.seconds = seconds_since(client, now),
				.ciaddr = lease->address};

	if (client->state == DHCP_RENEWING) {
		client_send_unicast(client, &say);
		extend->next = now + extension_pause(lease, now, lease->rebind);
	} else {
		client_send(client, &say);
		extend->next = now + extension_pause(lease, now, lease->expires);
	}
	extend->asked = now;
	extend->tries++;
	tell_no_answer(client);
}
