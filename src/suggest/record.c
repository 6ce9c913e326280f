#include "record.h"

#include <string.h>

#define ORDINARY_MAX (RECORD_MAX - RECORD_RESERVED)

/* Our own questions fit into the reserve with room to spare: one of another kind is always found.
 */
_Static_assert(RECORD_ASKED * 2 <= RECORD_RESERVED, "the reserve is too small");

static bool is_repeat(const struct observation *a, const struct observation *b)
{
	return a->sender.s_addr == b->sender.s_addr && a->target.s_addr == b->target.s_addr &&
	       a->kind == b->kind && a->ttl == b->ttl && a->router == b->router &&
	       a->prefix == b->prefix && a->gateway.s_addr == b->gateway.s_addr &&
	       a->dns.s_addr == b->dns.s_addr && a->server.s_addr == b->server.s_addr &&
	       a->named.s_addr == b->named.s_addr && a->prefix6_length == b->prefix6_length &&
	       memcmp(&a->prefix6, &b->prefix6, sizeof(a->prefix6)) == 0 &&
	       hardware_address_equal(&a->mac, &b->mac);
}

static bool is_asked(const struct record *record, struct in_addr address)
{
	for (unsigned i = 0; i < record->asked_count; i++)
		if (record->asked[i].s_addr == address.s_addr)
			return true;
	return false;
}

static bool names_asked(const struct record *record, const struct observation *observation)
{
	for (unsigned i = 0; i < record->asked_count; i++)
		if (observation_names(observation, record->asked[i]))
			return true;
	return false;
}

static void put_asked(struct record *record, struct in_addr address)
{
	if (!is_asked(record, address) && record->asked_count < RECORD_ASKED)
		record->asked[record->asked_count++] = address;
}

/* The place of the oldest of the reserve that is no question of ours. */
static struct observation *reserved_place(struct record *record)
{
	struct observation *place;

	do {
		place = &record->observations[ORDINARY_MAX + record->replaced];
		record->replaced = (record->replaced + 1) % RECORD_RESERVED;
	} while (observation_is_own(place));
	return place;
}

void record_put(struct record *record, const struct observation *observation)
{
	bool kept = observation_is_own(observation) || names_asked(record, observation);

	for (size_t i = 0; i < record->count; i++) {
		if (!is_repeat(&record->observations[i], observation))
			continue;
		record->observations[i].time = observation->time;
		record->observations[i].times = MAX(record->observations[i].times, 1u) + 1;
		return;
	}
	if (observation_is_own(observation))
		put_asked(record, observation->target);
	if (record->count < (kept ? RECORD_MAX : ORDINARY_MAX))
		record->observations[record->count++] = *observation;
	else if (kept)
		*reserved_place(record) = *observation;
}
