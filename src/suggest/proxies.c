#include "proxies.h"

#define GUESSES_ANSWERED 3

static bool is_guess(const struct observation *observations, size_t count, struct in_addr address)
{
	for (size_t i = 0; i < count; i++)
		if (observations[i].kind == OBSERVATION_OWN_GUESS &&
		    observations[i].target.s_addr == address.s_addr)
			return true;
	return false;
}

/* Is it an answer of that MAC, the first one for its address? */
static bool is_answer_of(const struct observation *observations, size_t i,
			 const struct hardware_address *mac)
{
	if (observations[i].kind != OBSERVATION_ARP_REPLY ||
	    !hardware_address_equal(&observations[i].mac, mac))
		return false;
	for (size_t k = 0; k < i; k++)
		if (observations[k].kind == OBSERVATION_ARP_REPLY &&
		    observations[k].sender.s_addr == observations[i].sender.s_addr &&
		    hardware_address_equal(&observations[k].mac, mac))
			return false;
	return true;
}

static unsigned count_guesses(const struct observation *observations, size_t count,
			      const struct hardware_address *mac)
{
	unsigned answered = 0;

	for (size_t i = 0; i < count; i++)
		answered += is_answer_of(observations, i, mac) &&
			    is_guess(observations, count, observations[i].sender);
	return answered;
}

bool proxies_have(const struct proxies *proxies, const struct hardware_address *mac)
{
	for (unsigned i = 0; i < proxies->count; i++)
		if (hardware_address_equal(&proxies->macs[i], mac))
			return true;
	return false;
}

void proxies_find(const struct observation *observations, size_t count, struct proxies *ret)
{
	ret->count = 0;
	for (size_t i = 0; i < count && ret->count < PROXIES_MAX; i++)
		if (observations[i].kind == OBSERVATION_ARP_REPLY &&
		    is_guess(observations, count, observations[i].sender) &&
		    !proxies_have(ret, &observations[i].mac) &&
		    count_guesses(observations, count, &observations[i].mac) >= GUESSES_ANSWERED)
			ret->macs[ret->count++] = observations[i].mac;
}
