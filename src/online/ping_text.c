#include "ping.h"

#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <string.h>

static const char *const outcome_names[] = {
	[PING_PENDING] = "pending",	    [PING_ANSWERED] = "answered",
	[PING_REFUSED] = "refused",	    [PING_TIMED_OUT] = "timed_out",
	[PING_UNREACHABLE] = "unreachable", [PING_TOO_LARGE] = "too_large",
	[PING_NOT_SENT] = "not_sent",
};

const char *ping_outcome_text(enum ping_outcome outcome)
{
	return outcome_names[outcome];
}

#define ANY_CODE 255

struct icmp_meaning {
	uint8_t type, code;
	const char *text;
};

/* RFC 792, 1812 5.2.7.1 */
static const struct icmp_meaning icmp_meanings[] = {
	{ICMP_DEST_UNREACH, ICMP_NET_UNREACH, "network unreachable"},
	{ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, "host unreachable"},
	{ICMP_DEST_UNREACH, ICMP_PROT_UNREACH, "protocol unreachable"},
	{ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, "port unreachable"},
	{ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, "too large for the path"},
	{ICMP_DEST_UNREACH, ICMP_SR_FAILED, "source route failed"},
	{ICMP_DEST_UNREACH, ICMP_NET_UNKNOWN, "network unknown"},
	{ICMP_DEST_UNREACH, ICMP_HOST_UNKNOWN, "host unknown"},
	{ICMP_DEST_UNREACH, ICMP_NET_ANO, "network administratively prohibited"},
	{ICMP_DEST_UNREACH, ICMP_HOST_ANO, "host administratively prohibited"},
	{ICMP_DEST_UNREACH, ICMP_PKT_FILTERED, "administratively prohibited"},
	{ICMP_DEST_UNREACH, ANY_CODE, "destination unreachable"},
	{ICMP_TIME_EXCEEDED, ICMP_EXC_TTL, "TTL exceeded on the way"},
	{ICMP_TIME_EXCEEDED, ICMP_EXC_FRAGTIME, "fragments did not all arrive"},
	{ICMP_PARAMETERPROB, ANY_CODE, "bad IP header"},
	{ICMP_SOURCE_QUENCH, ANY_CODE, "too fast for a router"},
	{ICMP_REDIRECT, ANY_CODE, "redirect"},
};

/* RFC 4443 3 */
static const struct icmp_meaning icmp6_meanings[] = {
	{ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_NOROUTE, "no route to the destination"},
	{ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_ADMIN, "administratively prohibited"},
	{ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_BEYONDSCOPE, "beyond the scope of the source"},
	{ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_ADDR, "address unreachable"},
	{ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_NOPORT, "port unreachable"},
	{ICMP6_DST_UNREACH, 5, "source address refused by policy"},
	{ICMP6_DST_UNREACH, 6, "route to the destination is rejected"},
	{ICMP6_DST_UNREACH, ANY_CODE, "destination unreachable"},
	{ICMP6_PACKET_TOO_BIG, ANY_CODE, "too large for the path"},
	{ICMP6_TIME_EXCEEDED, ICMP6_TIME_EXCEED_TRANSIT, "hop limit exceeded on the way"},
	{ICMP6_TIME_EXCEEDED, ICMP6_TIME_EXCEED_REASSEMBLY, "fragments did not all arrive"},
	{ICMP6_PARAM_PROB, ANY_CODE, "bad IPv6 header"},
};

const char *ping_icmp_text(int family, uint8_t type, uint8_t code)
{
	const struct icmp_meaning *meanings = family == AF_INET ? icmp_meanings : icmp6_meanings;
	size_t count = family == AF_INET ? ARRAY_SIZE(icmp_meanings) : ARRAY_SIZE(icmp6_meanings);

	for (size_t i = 0; i < count; i++)
		if (meanings[i].type == type &&
		    (meanings[i].code == code || meanings[i].code == ANY_CODE))
			return meanings[i].text;
	return "ICMP error";
}

/* Milliseconds with the nanoseconds that the measure has. */
static json_t *json_latency(uint64_t nanoseconds)
{
	return json_real((double)nanoseconds / 1e6);
}

static int put_error(json_t *object, const struct ping_probe *probe, int family)
{
	int r = 0;

	if (probe->outcome == PING_UNREACHABLE && ip_address_is_set(&probe->from)) {
		r |= json_put(object, "icmp_type", json_integer(probe->icmp_type));
		r |= json_put(object, "icmp_code", json_integer(probe->icmp_code));
		r |= json_put(object, "reason",
			      json_string(
				      ping_icmp_text(family, probe->icmp_type, probe->icmp_code)));
	} else if (probe->errnum) {
		r |= json_put(object, "reason", json_string(strerror(probe->errnum)));
	}
	if (probe->mtu)
		r |= json_put(object, "mtu", json_integer(probe->mtu));
	return r;
}

static json_t *probe_to_json(const struct ping_probe *probe, unsigned number, int family)
{
	_cleanup_json_ json_t *object = json_object();
	int r;

	r = json_put(object, "number", json_integer(number + 1));
	r |= json_put(object, "outcome", json_string(ping_outcome_text(probe->outcome)));
	if (probe->latency)
		r |= json_put(object, "latency_ms", json_latency(probe->latency));
	if (probe->ttl)
		r |= json_put(object, "ttl", json_integer(probe->ttl));
	r |= json_put_address(object, "from", &probe->from);
	r |= put_error(object, probe, family);
	return r < 0 ? NULL : TAKE_PTR(object);
}

static json_t *probes_to_json(const struct ping_result *result)
{
	_cleanup_json_ json_t *array = json_array();

	for (unsigned i = 0; i < result->probes_count; i++) {
		const struct ping_probe *probe = &result->probes[i];

		if (probe->outcome == PING_PENDING)
			continue;
		if (json_array_append_new(array, probe_to_json(probe, i,
							       result->request.target.family)) < 0)
			return NULL;
	}
	return TAKE_PTR(array);
}

static int put_latencies(json_t *object, const struct ping_statistics *statistics)
{
	int r;

	if (statistics->answered == 0)
		return 0;
	r = json_put(object, "min_ms", json_real(statistics->minimum));
	r |= json_put(object, "avg_ms", json_real(statistics->average));
	r |= json_put(object, "max_ms", json_real(statistics->maximum));
	r |= json_put(object, "stddev_ms", json_real(statistics->deviation));
	r |= json_put(object, "jitter_ms", json_real(statistics->jitter));
	return r;
}

json_t *ping_result_to_json(const struct ping_result *result)
{
	const struct ping_statistics *statistics = &result->statistics;
	_cleanup_json_ json_t *object = json_object();
	bool connect = result->request.method == PING_CONNECT;
	int r;

	r = json_put_address(object, "address", &result->request.target);
	r |= json_put(object, "method", json_string(connect ? "tcp" : "icmp"));
	if (connect)
		r |= json_put(object, "port", json_integer(result->request.port));
	r |= json_put_address(object, "source", &result->source);
	r |= json_put(object, "sent", json_integer(statistics->sent));
	r |= json_put(object, "received", json_integer(statistics->answered));
	r |= json_put(object, "errors", json_integer(statistics->errors));
	r |= json_put(object, "duplicates", json_integer(statistics->duplicates));
	r |= json_put(object, "loss_percent", json_real(statistics->loss * 100));
	r |= put_latencies(object, statistics);
	r |= json_put(object, "probes", probes_to_json(result));
	return r < 0 ? NULL : TAKE_PTR(object);
}
