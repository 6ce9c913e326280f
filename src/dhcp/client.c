#include "client.h"

#include <string.h>

#define PACKETS_MAX 4
#define EVENTS_MAX  8

#define REQUESTS_MAX	  4 /* unanswered requests before a new DISCOVER */
#define CONFIRMATIONS_MAX 4
#define TRIES_TOLD_FROM	  3 /* "no answer" is told after more tries than this, at each doubling */

#define DECLINE_PAUSE	  (10 * USEC_PER_SEC) /* RFC 2131 section 3.1, step 5 */
#define DECLINE_PAUSE_MAX (300 * USEC_PER_SEC)
#define NAK_PAUSE_MAX	  (60 * USEC_PER_SEC)

/* One question that is repeated until it is answered: an exchange of its own transaction number. */
struct exchange {
	bool active;
	uint32_t transaction;
	usec_t next;  /* when it is asked again */
	usec_t pause; /* before the jitter */
	unsigned tries;
};

struct dhcp_client {
	struct dhcp_client_config config;
	enum dhcp_client_state state;
	uint64_t random;
	usec_t began; /* of the present search, for the secs field */

	struct exchange seek; /* DISCOVER, or REQUEST of an offer */
	struct exchange
		confirm; /* REQUEST of an address known: INIT-REBOOT, or a check while bound */
	struct exchange extend; /* REQUEST while renewing and rebinding */

	struct in_addr known;	/* address that `confirm` asks for */
	struct in_addr offered; /* address and server that `seek` asks for in REQUESTING */
	struct in_addr offered_by;
	struct dhcp_lease *lease; /* in use, or NULL */

	usec_t pause_ends;
	unsigned naks, declines; /* in a row */
	unsigned tries;		 /* without any answer */

	struct dhcp_packet packets[PACKETS_MAX];
	unsigned packets_first, packets_count;
	struct dhcp_event events[EVENTS_MAX];
	unsigned events_first, events_count;
};

const char *dhcp_client_state_text(enum dhcp_client_state state)
{
	static const char *const texts[_DHCP_STATE_MAX] = {
		[DHCP_STOPPED] = "stopped",	[DHCP_SELECTING] = "selecting",
		[DHCP_REBOOTING] = "rebooting", [DHCP_REQUESTING] = "requesting",
		[DHCP_BOUND] = "bound",		[DHCP_RENEWING] = "renewing",
		[DHCP_REBINDING] = "rebinding", [DHCP_PAUSED] = "paused",
	};

	return texts[state];
}

int dhcp_client_new(struct dhcp_client **ret, const struct dhcp_client_config *config)
{
	struct dhcp_client *client;

	if (config->mac.length != 6)
		return -EINVAL;
	client = calloc(1, sizeof(*client));
	if (!client)
		return -ENOMEM;
	client->config = *config;
	client->random = config->seed;
	*ret = client;
	return 0;
}

void dhcp_client_free(struct dhcp_client *client)
{
	free(client->lease);
	free(client);
}

/* SplitMix64: transaction numbers need to differ, not to be secret; who sees one is on the link. */
uint32_t dhcp_client_random(struct dhcp_client *client)
{
	uint64_t z = client->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((z ^ z >> 31) >> 32);
}

/* ---- what comes out ---- */

/* A queue that nobody empties keeps the newest: an older question is asked again anyway. */
static struct dhcp_packet *packet_push(struct dhcp_client *client)
{
	unsigned place = (client->packets_first + client->packets_count) % PACKETS_MAX;

	if (client->packets_count == PACKETS_MAX)
		client->packets_first = (client->packets_first + 1) % PACKETS_MAX;
	else
		client->packets_count++;
	memset(&client->packets[place], 0, sizeof(client->packets[place]));
	return &client->packets[place];
}

static void event_push(struct dhcp_client *client, struct dhcp_event event)
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
	if (client->packets_count == 0)
		return false;
	*ret = client->packets[client->packets_first];
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
static void put_client_id(struct dhcp_client *client, struct writer *message)
{
	const uint8_t *mac = client->config.mac.bytes;
	uint8_t buffer[32];
	struct writer id = WRITER(buffer, sizeof(buffer));

	if (client->config.plain_mac_id) {
		writer_u8(&id, 1);
	} else {
		writer_u8(&id, 255);
		writer_put(&id, mac + 2, 4);
		writer_u16(&id, 3); /* DUID-LL */
		writer_u16(&id, 1); /* Ethernet */
	}
	writer_put(&id, mac, 6);
	dhcp_message_put(message, DHCP_OPTION_CLIENT_ID, buffer, id.offset);
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

static uint16_t seconds_since(const struct dhcp_client *client, usec_t now)
{
	return (uint16_t)MIN(usec_sub(now, client->began) / USEC_PER_SEC, UINT16_MAX);
}

/* RFC 2131 table 5 says which message carries what. A zero address is left out. */
static void send_message(struct dhcp_client *client, usec_t now, uint8_t type, uint32_t transaction,
			 struct in_addr ciaddr, struct in_addr requested, struct in_addr server)
{
	struct dhcp_packet *packet = packet_push(client);
	struct writer message = WRITER(packet->payload, sizeof(packet->payload));
	bool asks = type == DHCP_DISCOVER || type == DHCP_REQUEST;

	dhcp_message_begin(&message, transaction, asks ? seconds_since(client, now) : 0, ciaddr,
			   &client->config.mac);
	dhcp_message_put(&message, DHCP_OPTION_TYPE, &type, 1);
	put_client_id(client, &message);
	if (requested.s_addr)
		dhcp_message_put(&message, DHCP_OPTION_REQUESTED_ADDRESS, &requested, 4);
	if (server.s_addr)
		dhcp_message_put(&message, DHCP_OPTION_SERVER_ID, &server, 4);
	if (type == DHCP_DISCOVER && client->config.rapid_commit)
		dhcp_message_put(&message, DHCP_OPTION_RAPID_COMMIT, NULL, 0);
	if (asks)
		put_wishes(client, &message);
	dhcp_message_end(&message);
	packet->size = message.offset;
	packet->source = ciaddr;
}

static const struct in_addr nobody;

static void send_unicast(struct dhcp_client *client, usec_t now, uint8_t type, uint32_t transaction)
{
	const struct dhcp_lease *lease = client->lease;
	struct in_addr server = type == DHCP_RELEASE ? lease->server : nobody;
	unsigned last;

	send_message(client, now, type, transaction, lease->address, nobody, server);
	last = (client->packets_first + client->packets_count - 1) % PACKETS_MAX;
	client->packets[last].unicast = true;
	client->packets[last].destination = lease->server;
}

/* ---- exchanges ---- */

static void exchange_begin(struct dhcp_client *client, struct exchange *exchange, usec_t now)
{
	*exchange = (struct exchange){
		.active = true,
		.transaction = dhcp_client_random(client),
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
	exchange->next = now + exchange->pause - tenth + jitter;
	exchange->pause = MIN(exchange->pause * 2, DHCP_RESEND_MAX);
}

static void tell_no_answer(struct dhcp_client *client)
{
	unsigned tries = ++client->tries;

	/* The first question is not yet without answer. */
	if (tries > TRIES_TOLD_FROM && ((tries - 1) & (tries - 2)) == 0)
		event_push(client,
			   (struct dhcp_event){.kind = DHCP_EVENT_NO_ANSWER, .tries = tries - 1});
}

static void ask_seek(struct dhcp_client *client, usec_t now)
{
	struct exchange *seek = &client->seek;

	if (client->state == DHCP_REQUESTING && seek->tries >= REQUESTS_MAX) {
		/* The server that offered has gone: whoever answers now is as good. */
		client->state = client->confirm.active ? DHCP_REBOOTING : DHCP_SELECTING;
		exchange_begin(client, seek, now);
	}
	if (client->state == DHCP_REQUESTING) {
		send_message(client, now, DHCP_REQUEST, seek->transaction, nobody, client->offered,
			     client->offered_by);
	} else {
		/* Where an address is known, the server may as well offer that one. */
		send_message(client, now, DHCP_DISCOVER, seek->transaction, nobody, client->known,
			     nobody);
		tell_no_answer(client);
	}
	exchange_asked(client, seek, now);
}

static void ask_confirm(struct dhcp_client *client, usec_t now)
{
	struct exchange *confirm = &client->confirm;

	if (confirm->tries >= CONFIRMATIONS_MAX) {
		/* Nobody answers for the address. While it is in use it stays so until its end (RFC
		 * 2131 section 3.7); else the search goes on alone. */
		confirm->active = false;
		if (client->state == DHCP_REBOOTING)
			client->state = DHCP_SELECTING;
		return;
	}
	send_message(client, now, DHCP_REQUEST, confirm->transaction, nobody, client->known,
		     nobody);
	exchange_asked(client, confirm, now);
}

/* RFC 2131 section 4.4.5: half of what is left, but not more often than once a minute. Leases of
 * minutes would never be asked for twice so: there the least pause is an eighth of the lease. */
static usec_t extension_pause(const struct dhcp_lease *lease, usec_t now, usec_t until)
{
	usec_t least = MIN(60 * USEC_PER_SEC, (lease->expires - lease->obtained) / 8);

	return MAX((until - now) / 2, MAX(least, USEC_PER_SEC));
}

static void ask_extend(struct dhcp_client *client, usec_t now)
{
	const struct dhcp_lease *lease = client->lease;
	struct exchange *extend = &client->extend;

	if (client->state == DHCP_RENEWING) {
		send_unicast(client, now, DHCP_REQUEST, extend->transaction);
		extend->next = now + extension_pause(lease, now, lease->rebind);
	} else {
		send_message(client, now, DHCP_REQUEST, extend->transaction, lease->address, nobody,
			     nobody);
		extend->next = now + extension_pause(lease, now, lease->expires);
	}
	extend->tries++;
	tell_no_answer(client);
}

/* ---- transitions ---- */

static void forget_exchanges(struct dhcp_client *client)
{
	client->seek.active = client->confirm.active = client->extend.active = false;
}

static void seek(struct dhcp_client *client, usec_t now)
{
	client->state = client->confirm.active ? DHCP_REBOOTING : DHCP_SELECTING;
	exchange_begin(client, &client->seek, now);
	ask_seek(client, now);
}

static void lose(struct dhcp_client *client, enum dhcp_lost_why why)
{
	if (!client->lease)
		return;
	free(TAKE_PTR(client->lease));
	event_push(client, (struct dhcp_event){.kind = DHCP_EVENT_LOST, .why = why});
}

static void pause_until(struct dhcp_client *client, usec_t when)
{
	forget_exchanges(client);
	client->state = DHCP_PAUSED;
	client->pause_ends = when;
}

void dhcp_client_start(struct dhcp_client *client, usec_t now, const struct dhcp_lease *known)
{
	forget_exchanges(client);
	free(TAKE_PTR(client->lease));
	client->began = now;
	client->tries = 0;
	client->known = known ? known->address : nobody;
	if (known) {
		exchange_begin(client, &client->confirm, now);
		ask_confirm(client, now);
	}
	seek(client, now);
}

static int bind_lease(struct dhcp_client *client, const struct dhcp_lease *lease)
{
	struct dhcp_lease *kept = malloc(sizeof(*kept));
	struct dhcp_event event = {.kind = DHCP_EVENT_BOUND, .changed = true};

	if (!kept)
		return -ENOMEM;
	*kept = *lease;
	if (client->lease && client->lease->address.s_addr == lease->address.s_addr) {
		event.kind = DHCP_EVENT_RENEWED;
		event.changed = !lease_same(client->lease, lease);
	}
	free(client->lease);
	client->lease = kept;
	client->known = kept->address;
	client->state = DHCP_BOUND;
	client->tries = client->naks = 0;
	forget_exchanges(client);
	event_push(client, event);
	return 0;
}

void dhcp_client_resume(struct dhcp_client *client, usec_t now, const struct dhcp_lease *lease)
{
	struct dhcp_event event;

	client->began = now;
	if (bind_lease(client, lease) < 0)
		dhcp_client_start(client, now, lease);
	else
		(void)dhcp_client_pop_event(client, &event);
}

void dhcp_client_stop(struct dhcp_client *client, usec_t now, bool release)
{
	if (release && client->lease)
		send_unicast(client, now, DHCP_RELEASE, dhcp_client_random(client));
	forget_exchanges(client);
	lose(client, DHCP_LOST_STOPPED);
	client->state = DHCP_STOPPED;
}

void dhcp_client_confirm(struct dhcp_client *client, usec_t now)
{
	if (!client->lease)
		return;
	client->began = now;
	client->known = client->lease->address;
	exchange_begin(client, &client->confirm, now);
	ask_confirm(client, now);
}

void dhcp_client_decline(struct dhcp_client *client, usec_t now)
{
	usec_t pause = MIN(DECLINE_PAUSE << MIN(client->declines, 5u), DECLINE_PAUSE_MAX);

	if (!client->lease)
		return;
	send_message(client, now, DHCP_DECLINE, dhcp_client_random(client), nobody,
		     client->lease->address, client->lease->server);
	client->declines++;
	client->known = nobody;
	lose(client, DHCP_LOST_CONFLICT);
	pause_until(client, now + pause);
}

/* ---- answers ---- */

static int prefer_ipv6(struct dhcp_client *client, usec_t now, const struct dhcp_lease *lease)
{
	lose(client, DHCP_LOST_STOPPED);
	event_push(client,
		   (struct dhcp_event){.kind = DHCP_EVENT_IPV6_ONLY, .seconds = lease->ipv6_only});
	pause_until(client, now + lease->ipv6_only * USEC_PER_SEC);
	return 0;
}

static int on_offer(struct dhcp_client *client, usec_t now, const struct dhcp_lease *lease)
{
	if (client->state != DHCP_SELECTING && client->state != DHCP_REBOOTING)
		return 1;
	client->tries = 0;
	if (lease->ipv6_only && client->config.ipv6_only)
		return prefer_ipv6(client, now, lease);
	client->offered = lease->address;
	client->offered_by = lease->server;
	client->state = DHCP_REQUESTING;
	/* The transaction number goes on (RFC 2131 section 4.4.1), its resends begin anew. */
	client->seek.tries = 0;
	client->seek.pause = DHCP_RESEND_FIRST;
	ask_seek(client, now);
	return 0;
}

static int on_ack(struct dhcp_client *client, usec_t now, const struct dhcp_message *message,
		  const struct dhcp_lease *lease)
{
	bool seeking = client->seek.active && message->transaction == client->seek.transaction;
	uint8_t value[DHCP_OPTION_MAX];

	/* An ACK to a DISCOVER counts only with the rapid commit option (RFC 4039 section 3.1). */
	if (seeking && client->state != DHCP_REQUESTING &&
	    (!client->config.rapid_commit ||
	     dhcp_message_option(message, DHCP_OPTION_RAPID_COMMIT, value) < 0))
		return 1;
	/* Who confirms another address than the one asked for confirms nothing. */
	if (seeking && client->state == DHCP_REQUESTING &&
	    lease->address.s_addr != client->offered.s_addr)
		return -EBADMSG;
	if (!seeking && client->known.s_addr && lease->address.s_addr != client->known.s_addr)
		return -EBADMSG;
	if (lease->ipv6_only && client->config.ipv6_only)
		return prefer_ipv6(client, now, lease);
	return bind_lease(client, lease);
}

static int on_nak(struct dhcp_client *client, usec_t now, const struct dhcp_message *message)
{
	if (client->confirm.active && message->transaction == client->confirm.transaction &&
	    !client->lease) {
		/* The known address is not to be had here. The search is under way already. */
		client->confirm.active = false;
		client->known = nobody;
		if (client->state == DHCP_REBOOTING)
			client->state = DHCP_SELECTING;
		return 0;
	}
	if (client->seek.active && message->transaction == client->seek.transaction &&
	    client->state != DHCP_REQUESTING)
		return 1; /* a DISCOVER cannot be refused */

	client->known = nobody;
	if (client->lease)
		lose(client, DHCP_LOST_NAK);
	else
		event_push(client, (struct dhcp_event){.kind = DHCP_EVENT_REFUSED});
	/* Once is normal (another network); a server that goes on so is asked ever more slowly. */
	forget_exchanges(client);
	client->began = now;
	if (client->naks++ == 0)
		seek(client, now);
	else
		pause_until(client,
			    now + MIN(USEC_PER_SEC << MIN(client->naks - 2, 6u), NAK_PAUSE_MAX));
	return 0;
}

static bool is_ours(const struct dhcp_client *client, const struct dhcp_message *message)
{
	const struct exchange *const exchanges[] = {&client->seek, &client->confirm,
						    &client->extend};

	if (message->operation != 2 ||
	    !hardware_address_equal(&message->hardware, &client->config.mac))
		return false;
	for (unsigned i = 0; i < ARRAY_SIZE(exchanges); i++)
		if (exchanges[i]->active && exchanges[i]->transaction == message->transaction)
			return true;
	return false;
}

int dhcp_client_receive(struct dhcp_client *client, usec_t now, const void *payload, size_t size)
{
	struct dhcp_message message;
	struct dhcp_lease lease;
	int r = dhcp_message_parse(payload, size, &message);

	if (r < 0)
		return r;
	if (!is_ours(client, &message))
		return 1;
	if (message.type == DHCP_NAK)
		return on_nak(client, now, &message);
	if (message.type != DHCP_OFFER && message.type != DHCP_ACK)
		return 1;
	r = lease_from_message(&message, now, &lease);
	if (r < 0)
		return r;
	return message.type == DHCP_OFFER ? on_offer(client, now, &lease)
					  : on_ack(client, now, &message, &lease);
}

/* ---- time ---- */

static usec_t lease_deadline(const struct dhcp_client *client)
{
	switch (client->state) {
	case DHCP_BOUND:
		return client->lease->renew;
	case DHCP_RENEWING:
		return client->lease->rebind;
	case DHCP_REBINDING:
		return client->lease->expires;
	case DHCP_PAUSED:
		return client->pause_ends;
	case DHCP_STOPPED:
	case DHCP_SELECTING:
	case DHCP_REBOOTING:
	case DHCP_REQUESTING:
	case _DHCP_STATE_MAX:
		break;
	}
	return USEC_INFINITY;
}

usec_t dhcp_client_deadline(const struct dhcp_client *client)
{
	usec_t deadline = lease_deadline(client);

	if (client->seek.active)
		deadline = MIN(deadline, client->seek.next);
	if (client->confirm.active)
		deadline = MIN(deadline, client->confirm.next);
	if (client->extend.active)
		deadline = MIN(deadline, client->extend.next);
	return deadline;
}

static void begin_extension(struct dhcp_client *client, usec_t now, enum dhcp_client_state state)
{
	client->state = state;
	client->began = now;
	exchange_begin(client, &client->extend, now);
}

/* The lease moves on with the time, as far as the time has gone: after a suspend that may be more
 * than one state. */
static void lease_timeout(struct dhcp_client *client, usec_t now)
{
	if (client->state == DHCP_PAUSED && now >= client->pause_ends) {
		client->began = now;
		seek(client, now);
	}
	if (!client->lease)
		return;
	if (client->state == DHCP_BOUND && now >= client->lease->renew)
		begin_extension(client, now, DHCP_RENEWING);
	if (client->state == DHCP_RENEWING && now >= client->lease->rebind)
		begin_extension(client, now, DHCP_REBINDING);
	if (now >= client->lease->expires) {
		lose(client, DHCP_LOST_EXPIRED);
		forget_exchanges(client);
		client->began = now;
		seek(client, now);
	}
}

void dhcp_client_timeout(struct dhcp_client *client, usec_t now)
{
	lease_timeout(client, now);
	if (client->confirm.active && now >= client->confirm.next)
		ask_confirm(client, now);
	if (client->seek.active && now >= client->seek.next)
		ask_seek(client, now);
	if (client->extend.active && now >= client->extend.next)
		ask_extend(client, now);
}

enum dhcp_client_state dhcp_client_state(const struct dhcp_client *client)
{
	return client->state;
}

const struct dhcp_lease *dhcp_client_lease(const struct dhcp_client *client)
{
	return client->lease;
}

unsigned dhcp_client_tries(const struct dhcp_client *client)
{
	return client->tries;
}
