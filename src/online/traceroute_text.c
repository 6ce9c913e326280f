/* A trace as JSON. Pure. */
#include <stdio.h>
#include <string.h>

#include "traceroute.h"

static json_t *labels_json(const struct trace_probe *probe)
{
	_cleanup_json_ json_t *labels = json_array();

	for (unsigned i = 0; i < probe->labels_count; i++) {
		const struct trace_label *label = &probe->labels[i];

		if (json_array_append_new(labels,
					  json_pack("{si si si}", "label", (int)label->label,
						    "traffic_class", (int)label->traffic_class,
						    "ttl", (int)label->ttl)) < 0)
			return NULL;
	}
	return TAKE_PTR(labels);
}

/* What an answer other than "TTL exceeded" says. */
static int put_reason(json_t *object, const struct trace_probe *probe, int family)
{
	int r;

	if (probe->outcome == TRACE_NOT_SENT)
		return json_put(object, "reason", json_string(strerror(probe->errnum)));
	if (probe->outcome != TRACE_ERROR && probe->outcome != TRACE_TOO_LARGE)
		return 0;
	r = json_put(object, "icmp_type", json_integer(probe->icmp_type));
	r |= json_put(object, "icmp_code", json_integer(probe->icmp_code));
	r |= json_put(object, "reason",
		      json_string(ping_icmp_text(family, probe->icmp_type, probe->icmp_code)));
	return r;
}

static bool is_answer(const struct trace_probe *probe)
{
	return probe->outcome >= TRACE_PASSED;
}

/* The times of all answers of a hop that came from `first`'s sender, and what else it said. */
static json_t *answer_json(const struct trace_result *result, unsigned hop, unsigned first)
{
	const struct trace_probe *probes = result->probes[hop];
	_cleanup_json_ json_t *object = json_object();
	json_t *times = json_array();
	int r = 0;

	for (unsigned i = first; i < result->request.probes; i++)
		if (is_answer(&probes[i]) && probes[i].latency &&
		    ip_address_equal(&probes[i].from, &probes[first].from))
			r |= json_array_append_new(times,
						   json_real((double)probes[i].latency / 1e6));
	r |= json_put(object, "latency_ms", times);
	r |= json_put_address(object, "address", &probes[first].from);
	r |= put_reason(object, &probes[first], result->request.target.family);
	if (probes[first].labels_count)
		r |= json_put(object, "mpls", labels_json(&probes[first]));
	return r < 0 ? NULL : TAKE_PTR(object);
}

/* Has an earlier probe of the hop been answered by the same? */
static bool is_repeated(const struct trace_probe *probes, unsigned index)
{
	for (unsigned i = 0; i < index; i++)
		if (is_answer(&probes[i]) && ip_address_equal(&probes[i].from, &probes[index].from))
			return true;
	return false;
}

static json_t *hop_json(const struct trace_result *result, unsigned hop)
{
	const struct trace_probe *probes = result->probes[hop];
	_cleanup_json_ json_t *object = json_object();
	_cleanup_json_ json_t *answers = json_array();
	unsigned lost = 0;
	int r = 0;

	for (unsigned i = 0; i < result->request.probes; i++) {
		if (!is_answer(&probes[i]))
			lost += probes[i].outcome == TRACE_SILENT;
		else if (!is_repeated(probes, i))
			r |= json_array_append_new(answers, answer_json(result, hop, i));
	}
	r |= json_put(object, "hop", json_integer(hop + 1));
	r |= json_put(object, "answers", TAKE_PTR(answers));
	r |= json_put(object, "silent", json_integer(lost));
	return r < 0 ? NULL : TAKE_PTR(object);
}

/* Hops up to the last one of which anything was heard. */
static unsigned hops_heard(const struct trace_result *result)
{
	for (unsigned hop = result->end; hop > 0; hop--)
		for (unsigned i = 0; i < result->request.probes; i++)
			if (is_answer(&result->probes[hop - 1][i]))
				return hop;
	return 0;
}

static json_t *hops_json(const struct trace_result *result)
{
	_cleanup_json_ json_t *hops = json_array();

	for (unsigned hop = 0; hop < hops_heard(result); hop++)
		if (json_array_append_new(hops, hop_json(result, hop)) < 0)
			return NULL;
	return TAKE_PTR(hops);
}

static const struct trace_probe *last_word(const struct trace_result *result)
{
	const struct trace_probe *probes = result->probes[result->end - 1];

	for (unsigned i = 0; i < result->request.probes; i++)
		if (is_answer(&probes[i]) && probes[i].outcome != TRACE_PASSED)
			return &probes[i];
	return NULL;
}

/* One sentence: how the way ends. */
static void describe(const struct trace_result *result, char *buffer, size_t size)
{
	const struct trace_probe *word = last_word(result);
	unsigned heard = hops_heard(result);
	char from[IP_ADDRESS_TEXT_MAX];

	if (result->reached)
		snprintf(buffer, size, "the target is hop %u", result->end);
	else if (result->loop_from)
		snprintf(buffer, size, "packets go in a circle between hops %u and %u",
			 result->loop_from, result->loop_to);
	else if (word && ip_address_is_set(&word->from))
		snprintf(buffer, size, "hop %u, %s, goes no further: %s", result->end,
			 ip_address_print(&word->from, from),
			 ping_icmp_text(result->request.target.family, word->icmp_type,
					word->icmp_code));
	else if (word)
		snprintf(buffer, size, "this host cannot send: %s",
			 strerror(word->errnum ?: EMSGSIZE));
	else if (heard == 0)
		snprintf(buffer, size, "nobody answers, not even the first router");
	else
		snprintf(buffer, size, "nobody answers behind hop %u", heard);
}

static json_t *limits_json(const struct trace_result *result)
{
	_cleanup_json_ json_t *limits = json_array();

	for (unsigned i = 0; i < result->limits_count; i++) {
		json_t *limit = json_object();

		if (json_put(limit, "mtu", json_integer(result->limits[i].mtu)) < 0 ||
		    json_put_address(limit, "from", &result->limits[i].from) < 0) {
			json_decref(limit);
			return NULL;
		}
		if (json_array_append_new(limits, limit) < 0)
			return NULL;
	}
	return TAKE_PTR(limits);
}

json_t *trace_result_to_json(const struct trace_result *result)
{
	bool udp = result->request.method == TRACE_UDP;
	_cleanup_json_ json_t *object = json_object();
	char detail[200];
	int r;

	describe(result, detail, sizeof(detail));
	r = json_put_address(object, "address", &result->request.target);
	r |= json_put(object, "method", json_string(udp ? "udp" : "icmp"));
	r |= json_put_address(object, "source", &result->source);
	r |= json_put(object, "reached", json_boolean(result->reached));
	r |= json_put(object, "detail", json_string(detail));
	r |= json_put(object, "hops", hops_json(result));
	if (result->loop_from)
		r |= json_put(object, "loop",
			      json_pack("{si si}", "from_hop", (int)result->loop_from, "to_hop",
					(int)result->loop_to));
	if (result->path_mtu) {
		r |= json_put(object, "path_mtu", json_integer(result->path_mtu));
		r |= json_put(object, "mtu_limits", limits_json(result));
	}
	return r < 0 ? NULL : TAKE_PTR(object);
}
