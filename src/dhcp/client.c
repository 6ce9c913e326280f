#include "client.h"

#include <string.h>

#include "client-internal.h"

static const struct in_addr nobody;

#define DECLINE_PAUSE	  (10 * USEC_PER_SEC) /* RFC 2131 section 3.1, step 5 */
#define DECLINE_PAUSE_MAX (300 * USEC_PER_SEC)
#define NAK_PAUSE_MAX	  (60 * USEC_PER_SEC)

/* MIN_V6ONLY_WAIT of RFC 8925 section 3.4, in seconds. The RFC has no largest wait; one of 136
 * years, from a server that lies, would be the end of IPv4 on this network. */
#define IPV6_ONLY_MIN 300u
#define IPV6_ONLY_MAX 86400u

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
	for (unsigned i = 0; i < PACKETS_MAX; i++)
		free(client->packets[i]);
	free(client->lease);
	free(client);
}

/* ---- transitions ---- */

static void forget_exchanges(struct dhcp_client *client)
{
	client->seek.active = client->confirm.active = client->extend.active = false;
}

static void lose(struct dhcp_client *client, enum dhcp_lost_why why)
{
	if (!client->lease)
		return;
	free(TAKE_PTR(client->lease));
	client_push_event(client, (struct dhcp_event){.kind = DHCP_EVENT_LOST, .why = why});
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
	client->tries = client->naks = client->declines = 0;
	client->wants_broadcast = false;
	client->known = known ? known->address : nobody;
	if (known) {
		exchange_begin(client, &client->confirm, now);
		client_ask_confirm(client, now);
	}
	client_seek(client, now);
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
		client->declines = 0;
	}
	free(client->lease);
	client->lease = kept;
	client->known = kept->address;
	client->state = DHCP_BOUND;
	client->tries = client->naks = 0;
	forget_exchanges(client);
	client_push_event(client, event);
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
		client_send_unicast(client, &(struct say){.type = DHCP_RELEASE,
							  .transaction = dhcp_client_random(client),
							  .ciaddr = client->lease->address,
							  .server = client->lease->server});
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
	client->seek.active = false;
	exchange_begin(client, &client->confirm, now);
	client_ask_confirm(client, now);
}

void dhcp_client_decline(struct dhcp_client *client, usec_t now)
{
	usec_t pause = MIN(DECLINE_PAUSE << MIN(client->declines, 5u), DECLINE_PAUSE_MAX);

	if (!client->lease)
		return;
	client_send(client, &(struct say){.type = DHCP_DECLINE,
					  .transaction = dhcp_client_random(client),
					  .requested = client->lease->address,
					  .server = client->lease->server});
	client->declines++;
	client->known = nobody;
	lose(client, DHCP_LOST_CONFLICT);
	pause_until(client, now + pause);
}

/* ---- answers ---- */

/*
 * The seconds to do without IPv4 that a server asks for, or 0 (RFC 8925 section 3.2). Such an offer
 * need not hold an address.
 */
static uint32_t ipv6_only_wait(const struct dhcp_client *client, const struct dhcp_message *message)
{
	uint32_t seconds;

	if (!client->config.ipv6_only ||
	    dhcp_message_u32(message, DHCP_OPTION_IPV6_ONLY, &seconds) < 0)
		return 0;
	return MIN(MAX(seconds, IPV6_ONLY_MIN), IPV6_ONLY_MAX);
}

static int prefer_ipv6(struct dhcp_client *client, usec_t now, uint32_t seconds)
{
	client_push_event(client,
			  (struct dhcp_event){.kind = DHCP_EVENT_IPV6_ONLY, .seconds = seconds});
	pause_until(client, now + seconds * USEC_PER_SEC);
	return 0;
}

static int on_offer(struct dhcp_client *client, usec_t now, const struct dhcp_message *message,
		    const struct exchange *exchange)
{
	uint32_t wait = ipv6_only_wait(client, message);
	struct dhcp_lease lease;
	int r;

	if (exchange != &client->seek || client_is_requesting(client))
		return 1;
	if (wait && !client->lease)
		return prefer_ipv6(client, now, wait);
	r = lease_from_message(message, now, &lease);
	if (r < 0)
		return r;
	client->tries = 0;
	client->offered = lease.address;
	client->offered_by = lease.server;
	if (!client->lease)
		client->state = DHCP_REQUESTING;
	/* The transaction number goes on (RFC 2131 section 4.4.1), its resends begin anew. */
	client->seek.tries = 0;
	client->seek.pause = DHCP_RESEND_FIRST;
	client_ask_seek(client, now);
	return 0;
}

/* Is the ACK one to our question? An ACK to a DISCOVER counts only with the rapid commit option
 * (RFC 4039 section 3.1), and who grants another address than the one asked for grants nothing. */
static int check_ack(const struct dhcp_client *client, const struct dhcp_message *message,
		     const struct exchange *exchange, const struct dhcp_lease *lease)
{
	uint8_t value[DHCP_OPTION_MAX];
	struct in_addr asked = exchange == &client->seek ? client->offered : client->known;

	if (exchange == &client->seek && !client_is_requesting(client))
		return client->config.rapid_commit &&
				       dhcp_message_option(message, DHCP_OPTION_RAPID_COMMIT,
							   value) >= 0
			       ? 0
			       : 1;
	return lease->address.s_addr == asked.s_addr ? 0 : -EBADMSG;
}

static int on_ack(struct dhcp_client *client, usec_t now, const struct dhcp_message *message,
		  const struct exchange *exchange)
{
	uint32_t wait = ipv6_only_wait(client, message);
	struct dhcp_lease lease;
	int r;

	/* The lease counts from when it was asked for, not from when the answer came (RFC 2131
	 * section 4.4.1): the server's clock began no earlier than that. */
	r = lease_from_message(message, exchange->asked, &lease);
	if (r < 0)
		return r;
	r = check_ack(client, message, exchange, &lease);
	if (r != 0)
		return r;
	if (lease.expires <= now)
		return 1;
	/* "If the client is in any other state, it SHOULD continue to use the assigned address"
	 * (RFC 8925 section 3.2): any other than INIT-REBOOT, and than what needs no ACK. */
	if (wait && !client->lease && client->state != DHCP_REQUESTING)
		return prefer_ipv6(client, now, wait);
	return bind_lease(client, &lease);
}

/* A server has no such address for us. The search for another is under way where there is no lease
 * yet; it begins where there was one. */
static int on_nak_of_known(struct dhcp_client *client, usec_t now)
{
	client->confirm.active = false;
	client->known = nobody;
	if (client->state == DHCP_REBOOTING)
		client->state = DHCP_SELECTING;
	if (!client->lease)
		return 0;
	lose(client, DHCP_LOST_NAK);
	forget_exchanges(client);
	client->began = now;
	client_seek(client, now);
	return 0;
}

/* An offer was withdrawn. Once is bad luck; a server that goes on so is asked ever more slowly. */
static int on_nak_of_offer(struct dhcp_client *client, usec_t now)
{
	client_push_event(client, (struct dhcp_event){.kind = DHCP_EVENT_REFUSED});
	if (client->lease) {
		client->seek.active = false;
		return 0;
	}
	client->known = nobody;
	forget_exchanges(client);
	client->began = now;
	if (client->naks++ == 0)
		client_seek(client, now);
	else
		pause_until(client,
			    now + MIN(USEC_PER_SEC << MIN(client->naks - 2, 6u), NAK_PAUSE_MAX));
	return 0;
}

static int on_nak(struct dhcp_client *client, usec_t now, const struct dhcp_message *message,
		  const struct exchange *exchange)
{
	struct in_addr server;

	if (dhcp_message_address(message, DHCP_OPTION_SERVER_ID, &server) < 0)
		return -EBADMSG;
	if (exchange != &client->seek)
		return on_nak_of_known(client, now);
	/* A DISCOVER cannot be refused, nor what was asked of another server. */
	if (!client_is_requesting(client) || server.s_addr != client->offered_by.s_addr)
		return 1;
	return on_nak_of_offer(client, now);
}

/* The question that a message answers, or NULL when it is none of ours. */
static const struct exchange *exchange_of(const struct dhcp_client *client,
					  const struct dhcp_message *message)
{
	const struct exchange *const exchanges[] = {&client->seek, &client->confirm,
						    &client->extend};
	uint8_t value[DHCP_OPTION_MAX], id[CLIENT_ID_MAX];
	int length = dhcp_message_option(message, DHCP_OPTION_CLIENT_ID, value);

	if (message->operation != 2 ||
	    !hardware_address_equal(&message->hardware, &client->config.mac))
		return NULL;
	/* A client id that comes back must be ours (RFC 6842 section 3). */
	if (length >= 0 &&
	    ((size_t)length != client_id(client, id) || memcmp(value, id, (size_t)length) != 0))
		return NULL;
	for (unsigned i = 0; i < ARRAY_SIZE(exchanges); i++)
		if (exchanges[i]->active && exchanges[i]->transaction == message->transaction)
			return exchanges[i];
	return NULL;
}

int dhcp_client_receive(struct dhcp_client *client, usec_t now, const void *payload, size_t size)
{
	const struct exchange *exchange;
	struct dhcp_message message;
	int r = dhcp_message_parse(payload, size, &message);

	if (r < 0)
		return r;
	exchange = exchange_of(client, &message);
	if (!exchange)
		return 1;
	switch (message.type) {
	case DHCP_OFFER:
		return on_offer(client, now, &message, exchange);
	case DHCP_ACK:
		return on_ack(client, now, &message, exchange);
	case DHCP_NAK:
		return on_nak(client, now, &message, exchange);
	default:
		return 1;
	}
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
		client_seek(client, now);
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
		client_seek(client, now);
	}
}

void dhcp_client_wait_for_others(struct dhcp_client *client, usec_t until)
{
	struct exchange *seek = &client->seek;

	if (seek->active && seek->tries && !client->lease)
		seek->next = MAX(seek->next, MIN(until, usec_add(seek->asked, DHCP_OTHERS_MAX)));
}

void dhcp_client_timeout(struct dhcp_client *client, usec_t now)
{
	lease_timeout(client, now);
	if (client->confirm.active && now >= client->confirm.next)
		client_ask_confirm(client, now);
	if (client->seek.active && now >= client->seek.next)
		client_ask_seek(client, now);
	if (client->extend.active && now >= client->extend.next)
		client_ask_extend(client, now);
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
