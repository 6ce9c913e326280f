/* What comes of a check, and in which words. Pure. */
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <string.h>

#include "check_port.h"

static const char *const state_names[] = {
	[PORT_OPEN] = "open",
	[PORT_REFUSED] = "refused",
	[PORT_FILTERED] = "filtered",
	[PORT_NO_ROUTE] = "no_route",
	[PORT_OPEN_OR_FILTERED] = "open_or_filtered",
};

const char *port_state_text(enum port_state state)
{
	return state_names[state];
}

struct icmp_verdict {
	uint8_t type, code;
	enum port_state state;
};

static const struct icmp_verdict verdicts[] = {
	{ICMP_DEST_UNREACH, ICMP_NET_UNREACH, PORT_NO_ROUTE},
	{ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, PORT_NO_ROUTE},
	{ICMP_DEST_UNREACH, ICMP_NET_UNKNOWN, PORT_NO_ROUTE},
	{ICMP_DEST_UNREACH, ICMP_HOST_UNKNOWN, PORT_NO_ROUTE},
	{ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, PORT_REFUSED},
	{ICMP_TIME_EXCEEDED, ICMP_EXC_TTL, PORT_NO_ROUTE},
};

static const struct icmp_verdict verdicts6[] = {
	{ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_NOROUTE, PORT_NO_ROUTE},
	{ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_BEYONDSCOPE, PORT_NO_ROUTE},
	{ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_ADDR, PORT_NO_ROUTE},
	{ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_NOPORT, PORT_REFUSED},
	{ICMP6_TIME_EXCEEDED, ICMP6_TIME_EXCEED_TRANSIT, PORT_NO_ROUTE},
};

enum port_state check_port_judge(int family, enum port_protocol protocol, uint8_t type,
				 uint8_t code, bool from_target)
{
	const struct icmp_verdict *table = family == AF_INET ? verdicts : verdicts6;
	size_t count = family == AF_INET ? ARRAY_SIZE(verdicts) : ARRAY_SIZE(verdicts6);

	for (size_t i = 0; i < count; i++) {
		if (table[i].type != type || table[i].code != code)
			continue;
		/* A host refuses TCP by a reset, and UDP itself: all else is a filter that poses
		 * as the target. */
		if (table[i].state == PORT_REFUSED && (protocol == PORT_TCP || !from_target))
			return PORT_FILTERED;
		return table[i].state;
	}
	return PORT_FILTERED;
}

/* RFC 1035 4.1: the name servers of the root. RFC 5905 7.3: a client asks for the time. */
static const uint8_t dns_query[] = {0x61, 0x69, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1};
static const uint8_t ntp_query[48] = {0x23};

static const struct {
	uint16_t port;
	const uint8_t *bytes;
	size_t size;
} payloads[] = {
	{53, dns_query, sizeof(dns_query)},
	{123, ntp_query, sizeof(ntp_query)},
};

size_t check_port_payload(uint16_t port, const uint8_t **ret)
{
	static const uint8_t nothing;

	*ret = &nothing;
	for (size_t i = 0; i < ARRAY_SIZE(payloads); i++)
		if (payloads[i].port == port) {
			*ret = payloads[i].bytes;
			return payloads[i].size;
		}
	return 0;
}

/* One sentence that says why. */
static void describe(const struct check_port_result *result, char *buffer, size_t size)
{
	bool tcp = result->request.protocol == PORT_TCP;
	char from[IP_ADDRESS_TEXT_MAX];

	if (result->has_icmp) {
		snprintf(buffer, size, "%s says: %s (ICMP type %u code %u)",
			 ip_address_print(&result->from, from),
			 ping_icmp_text(result->request.target.family, result->icmp_type,
					result->icmp_code),
			 result->icmp_type, result->icmp_code);
		return;
	}
	if (result->state == PORT_NO_ROUTE || result->errnum) {
		snprintf(buffer, size, "this host cannot send there: %s",
			 strerror(result->errnum ?: EHOSTUNREACH));
		return;
	}
	switch (result->state) {
	case PORT_OPEN:
		snprintf(buffer, size, "%s", tcp ? "it accepts connections" : "it sent an answer");
		return;
	case PORT_REFUSED:
		snprintf(buffer, size, "the host answers and nothing listens on the port");
		return;
	case PORT_OPEN_OR_FILTERED:
		snprintf(buffer, size,
			 "no answer to %u datagrams: a service that stays silent, or a filter, or "
			 "no host",
			 result->sent);
		return;
	default:
		snprintf(buffer, size,
			 "no answer within %" PRIu64 " ms: a filter drops it, or there is no host",
			 (uint64_t)(result->request.timeout / USEC_PER_MSEC));
		return;
	}
}

json_t *check_port_result_to_json(const struct check_port_result *result)
{
	const struct check_port_request *request = &result->request;
	_cleanup_json_ json_t *object = json_object();
	char detail[200];
	int r;

	describe(result, detail, sizeof(detail));
	r = json_put_address(object, "address", &request->target);
	r |= json_put(object, "port", json_integer(request->port));
	r |= json_put(object, "protocol",
		      json_string(request->protocol == PORT_TCP ? "tcp" : "udp"));
	r |= json_put(object, "state", json_string(port_state_text(result->state)));
	r |= json_put(object, "detail", json_string(detail));
	r |= json_put_address(object, "source", &result->source);
	if (result->latency)
		r |= json_put(object, "latency_ms", json_real((double)result->latency / 1e6));
	if (result->sent)
		r |= json_put(object, "datagrams", json_integer(result->sent));
	if (result->has_icmp) {
		r |= json_put_address(object, "from", &result->from);
		r |= json_put(object, "icmp_type", json_integer(result->icmp_type));
		r |= json_put(object, "icmp_code", json_integer(result->icmp_code));
	}
	return r < 0 ? NULL : TAKE_PTR(object);
}
