#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <string.h>

#include "dump.h"
#include "monitor.h"

#define SAMPLE_TIME_MAX (5 * USEC_PER_SEC) /* of the kernel, to tell all counters */

struct sample {
	struct bandwidth *links; /* by index; only `link` and `total` are used */
	size_t count, allocated;
	usec_t time; /* boottime */
};

struct bandwidth_query {
	int link;
	usec_t window;
	struct sample first, second;
	struct sample *reading;
	struct dump *dump;
	sd_event *event;
	sd_event_source *timer; /* the second sample is due */
	sd_event_source *timeout;
	bandwidth_done_t done;
	void *userdata;
};

void bandwidth_cancel(struct bandwidth_query *query)
{
	dump_cancel(query->dump);
	sd_event_source_disable_unref(query->timer);
	sd_event_source_disable_unref(query->timeout);
	sd_event_unref(query->event);
	free(query->first.links);
	free(query->second.links);
	free(query);
}

static void query_fail(struct bandwidth_query *query, enum error_code code, const char *what)
{
	static const struct bandwidth_result none;
	struct error error = {0};
	int r = error_set(&error, code, NULL, "the counters of the links: %s", what);

	query->done(r, &none, &error, query->userdata);
	bandwidth_cancel(query);
}

/* ---- what follows from two samples ---- */

#define COUNTERS(X)                                                                                \
	X(receive_bytes)                                                                           \
	X(transmit_bytes)                                                                          \
	X(receive_packets)                                                                         \
	X(transmit_packets)                                                                        \
	X(receive_errors)                                                                          \
	X(transmit_errors)                                                                         \
	X(receive_dropped)                                                                         \
	X(transmit_dropped)

/* A counter that went back was reset by its driver: it says nothing about this window. */
static uint64_t counted(uint64_t before, uint64_t after)
{
	return after > before ? after - before : 0;
}

static void bandwidth_compute(struct bandwidth *link, const struct link_statistics *before,
			      usec_t window)
{
	double seconds = (double)MAX(window, (usec_t)1) / USEC_PER_SEC;

#define X(counter) link->difference.counter = counted(before->counter, link->total.counter);
	COUNTERS(X)
#undef X
	link->receive_bits = (double)link->difference.receive_bytes * 8 / seconds;
	link->transmit_bits = (double)link->difference.transmit_bytes * 8 / seconds;
	link->receive_packets = (double)link->difference.receive_packets / seconds;
	link->transmit_packets = (double)link->difference.transmit_packets / seconds;
}

static int compare_links(const void *a, const void *b)
{
	const struct bandwidth *first = a, *second = b;

	return (first->link > second->link) - (first->link < second->link);
}

static void query_succeed(struct bandwidth_query *query)
{
	struct sample *first = &query->first, *second = &query->second;
	struct bandwidth_result result = {.window = second->time - first->time};
	static const struct error none;
	size_t kept = 0;

	for (size_t i = 0; i < second->count; i++) {
		struct bandwidth link = second->links[i];
		const struct bandwidth *before =
			bsearch(&link, first->links, first->count, sizeof(link), compare_links);

		/* One that appeared within the window has no rate yet. */
		if (!before)
			continue;
		bandwidth_compute(&link, &before->total, result.window);
		second->links[kept++] = link;
	}
	result.links = second->links;
	result.count = kept;
	query->done(0, &result, &none, query->userdata);
	bandwidth_cancel(query);
}

/* ---- samples ---- */

static void take_statistics(const struct rtnl_link_stats64 *from, struct link_statistics *ret)
{
	*ret = (struct link_statistics){
		.receive_bytes = from->rx_bytes,
		.transmit_bytes = from->tx_bytes,
		.receive_packets = from->rx_packets,
		.transmit_packets = from->tx_packets,
		.receive_errors = from->rx_errors,
		.transmit_errors = from->tx_errors,
		.receive_dropped = from->rx_dropped,
		.transmit_dropped = from->tx_dropped,
	};
}

/* 0; 1 when it has no counters; -EBADMSG. */
static int parse_statistics(const struct nlmsghdr *message, struct bandwidth *ret)
{
	const struct nlattr *attribute;
	struct if_stats_msg header;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(header))
		return -EBADMSG;
	memcpy(&header, mnl_nlmsg_get_payload(message), sizeof(header));
	*ret = (struct bandwidth){.link = (int)header.ifindex};
	mnl_attr_for_each(attribute, message, sizeof(header))
	{
		struct rtnl_link_stats64 statistics = {0};

		if (mnl_attr_get_type(attribute) != IFLA_STATS_LINK_64)
			continue;
		memcpy(&statistics, mnl_attr_get_payload(attribute),
		       MIN((size_t)mnl_attr_get_payload_len(attribute), sizeof(statistics)));
		take_statistics(&statistics, &ret->total);
		return 0;
	}
	return 1;
}

static int on_message(const struct nlmsghdr *message, void *userdata)
{
	struct bandwidth_query *query = userdata;
	struct sample *sample = query->reading;
	struct bandwidth link;
	int r = parse_statistics(message, &link);

	if (r < 0)
		return r;
	if (r > 0 || (query->link && query->link != link.link))
		return 0;
	if (sample->count == sample->allocated) {
		size_t allocated = MAX(sample->allocated * 2, (size_t)16);
		struct bandwidth *grown = reallocarray(sample->links, allocated, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		sample->links = grown;
		sample->allocated = allocated;
	}
	sample->links[sample->count++] = link;
	return 0;
}

static void on_sample_done(int r, bool interrupted, void *userdata)
{
	struct bandwidth_query *query = userdata;
	struct sample *sample = query->reading;

	/* It is freed by itself after this. A link that came or went under the dump is missed here
	 * as one that came or went within the window. */
	query->dump = NULL;
	if (r < 0) {
		query_fail(query, r == -ENOMEM ? ERROR_OUT_OF_MEMORY : ERROR_KERNEL_REFUSED,
			   strerror(-r));
		return;
	}
	if (sample->count > 0)
		qsort(sample->links, sample->count, sizeof(sample->links[0]), compare_links);
	if (sample == &query->second) {
		query_succeed(query);
		return;
	}
	r = sd_event_source_set_time(query->timer, usec_add(sample->time, query->window));
	if (r >= 0)
		r = sd_event_source_set_enabled(query->timer, SD_EVENT_ONESHOT);
	if (r < 0)
		query_fail(query, ERROR_INTERNAL, strerror(-r));
}

static const struct dump_handlers sample_handlers = {.message = on_message, .done = on_sample_done};

static int sample_read(struct bandwidth_query *query, struct sample *sample)
{
	_Alignas(NLMSG_ALIGNTO) uint8_t buffer[64];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct if_stats_msg *request = mnl_nlmsg_put_extra_header(message, sizeof(*request));

	message->nlmsg_type = RTM_GETSTATS;
	request->filter_mask = IFLA_STATS_FILTER_BIT(IFLA_STATS_LINK_64);
	query->reading = sample;
	sample->time = clock_boottime_usec();
	return dump_start(&query->dump, query->event, NETLINK_ROUTE, message, &sample_handlers,
			  query);
}

static int on_second(sd_event_source *source, uint64_t time, void *userdata)
{
	struct bandwidth_query *query = userdata;
	int r = sample_read(query, &query->second);

	if (r < 0)
		query_fail(query, ERROR_KERNEL_REFUSED, strerror(-r));
	return 0;
}

static int on_timeout(sd_event_source *source, uint64_t time, void *userdata)
{
	query_fail(userdata, ERROR_TIMEOUT, "the kernel did not tell them in time");
	return 0;
}

int bandwidth_start(struct bandwidth_query **ret, sd_event *event, int link, usec_t window,
		    bandwidth_done_t done, void *userdata, struct error *error)
{
	_cleanup_(bandwidth_cleanup) struct bandwidth_query *query = NULL;
	int r;

	if (window < BANDWIDTH_WINDOW_MIN || window > BANDWIDTH_WINDOW_MAX)
		return error_set(error, ERROR_PARAMETER_RANGE, "window",
				 "the window is outside of 10 ms to 60 s");
	query = calloc(1, sizeof(*query));
	if (!query)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "memory is exhausted");
	query->event = sd_event_ref(event);
	query->link = link;
	query->window = window;
	query->done = done;
	query->userdata = userdata;

	r = sd_event_add_time(event, &query->timer, CLOCK_BOOTTIME, USEC_INFINITY, 1, on_second,
			      query);
	if (r >= 0)
		r = sd_event_add_time_relative(event, &query->timeout, CLOCK_BOOTTIME,
					       window + SAMPLE_TIME_MAX, USEC_PER_MSEC, on_timeout,
					       query);
	if (r >= 0)
		r = sample_read(query, &query->first);
	if (r < 0)
		return error_set(error, ERROR_KERNEL_REFUSED, NULL,
				 "cannot read the counters of the links: %s", strerror(-r));
	*ret = TAKE_PTR(query);
	return 0;
}

/* ---- for people ---- */

double bandwidth_utilisation(double bits, uint32_t speed)
{
	return speed ? bits / ((double)speed * 1e6) : -1;
}

struct direction {
	const char *key;
	double bits, packets;
	uint64_t total_bytes, total_packets, total_errors, total_dropped;
	uint64_t bytes, packets_counted, errors, dropped;
};

static json_t *direction_to_json(const struct direction *d, uint32_t speed)
{
	const struct {
		const char *key;
		uint64_t value;
	} counters[] = {
		{"bytes", d->total_bytes},	 {"packets", d->total_packets},
		{"errors", d->total_errors},	 {"dropped", d->total_dropped},
		{"bytes_in_window", d->bytes},	 {"packets_in_window", d->packets_counted},
		{"errors_in_window", d->errors}, {"dropped_in_window", d->dropped},
	};
	_cleanup_json_ json_t *object = json_object();
	int r;

	r = json_put(object, "bits_per_second", json_real(d->bits));
	r |= json_put(object, "packets_per_second", json_real(d->packets));
	if (speed)
		r |= json_put(object, "utilisation_percent",
			      json_real(bandwidth_utilisation(d->bits, speed) * 100));
	for (size_t i = 0; i < ARRAY_SIZE(counters); i++)
		r |= json_put(object, counters[i].key, json_integer((json_int_t)counters[i].value));
	return r < 0 ? NULL : TAKE_PTR(object);
}

json_t *bandwidth_to_json(const struct bandwidth *bandwidth, uint32_t speed)
{
#define X(way)                                                                                     \
	{                                                                                          \
		.key = #way, .bits = bandwidth->way##_bits, .packets = bandwidth->way##_packets,   \
		.total_bytes = bandwidth->total.way##_bytes,                                       \
		.total_packets = bandwidth->total.way##_packets,                                   \
		.total_errors = bandwidth->total.way##_errors,                                     \
		.total_dropped = bandwidth->total.way##_dropped,                                   \
		.bytes = bandwidth->difference.way##_bytes,                                        \
		.packets_counted = bandwidth->difference.way##_packets,                            \
		.errors = bandwidth->difference.way##_errors,                                      \
		.dropped = bandwidth->difference.way##_dropped,                                    \
	}
	const struct direction directions[] = {X(receive), X(transmit)};
#undef X
	_cleanup_json_ json_t *object = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(directions); i++)
		if (json_put(object, directions[i].key, direction_to_json(&directions[i], speed)) <
		    0)
			return NULL;
	return TAKE_PTR(object);
}
