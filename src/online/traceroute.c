#include "traceroute.h"

#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "ping_packet.h"
#include "ping_socket.h"
#include "traceroute_run.h"

#define RECEIVE_BURST	  32
#define PLAIN_SIZE	  60 /* bytes of a packet where its size does not matter, over IPv4 */
#define TRANSPORT_HEADER  8  /* bytes of both an echo and UDP */
#define RECEIVE_SIZE	  (64 * 1024)
#define TRACE_PACKETS_MAX (TRACE_HOPS_MAX * TRACE_PROBES_MAX)

struct trace {
	struct trace_run run;
	struct ping_identity identity;
	uint64_t sent[TRACE_PACKETS_MAX]; /* realtime nanoseconds */
	sd_event *event;
	sd_event_source *timer, *source;
	int raw;      /* receives all answers, and sends echoes */
	int datagram; /* knows the way's source and MTU, and sends UDP */
	uint16_t source_port;
	uint8_t *buffer; /* RECEIVE_SIZE */
	trace_done_t done;
	void *userdata;
};

static uint32_t ip_header_size(int family)
{
	return family == AF_INET ? 20 : 40;
}

static const struct trace_request *request_of(const struct trace *trace)
{
	return &trace->run.result.request;
}

usec_t trace_request_duration(const struct trace_request *request)
{
	/* Each limit of the path MTU may have all probes sent again. */
	usec_t rounds = request->path_mtu ? 1 + TRACE_MTU_LIMITS_MAX : 1;

	return rounds * (request->hops * request->probes * TRACE_INTERVAL + request->timeout);
}

void trace_cancel(struct trace *trace)
{
	sd_event_source_disable_unref(trace->timer);
	sd_event_source_disable_unref(trace->source);
	if (trace->raw >= 0)
		close(trace->raw);
	if (trace->datagram >= 0)
		close(trace->datagram);
	sd_event_unref(trace->event);
	free(trace->buffer);
	free(trace);
}

/* Ends the trace, or waits for its next deadline. Nothing of it may be used after this. */
static int trace_continue(struct trace *trace)
{
	int r;

	if (trace_run_finished(&trace->run)) {
		trace_run_summarise(&trace->run);
		trace->done(&trace->run.result, trace->userdata);
		trace_cancel(trace);
		return 0;
	}
	r = sd_event_source_set_time(trace->timer, trace_run_deadline(&trace->run));
	return r < 0 ? r : sd_event_source_set_enabled(trace->timer, SD_EVENT_ONESHOT);
}

/* ---- answers ---- */

static uint64_t realtime_nanoseconds(void)
{
	struct timespec time;

	/* This clock exists everywhere: the call cannot fail. */
	clock_gettime(CLOCK_REALTIME, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* As that of a ping: the kernel's stamp, where the steady clock bears it out. */
static uint64_t measure_latency(const struct trace *trace, unsigned number, uint64_t stamp)
{
	usec_t sent = trace_run_probe(&trace->run, number)->sent;
	usec_t elapsed = usec_sub(clock_boottime_usec(), sent);

	if (stamp > trace->sent[number] && stamp - trace->sent[number] <= (elapsed + 100) * 1000)
		return stamp - trace->sent[number];
	return MAX(elapsed, (usec_t)1) * 1000;
}

/* The number of our probe that an error quotes: 0, or 1 when it is not ours. */
static int quoted_number(const struct trace *trace, const struct trace_error *error,
			 uint16_t *ret_number)
{
	struct cursor cursor = CURSOR(error->payload, error->payload_size);
	uint16_t source, target;

	if (!ip_address_equal(&error->target, &request_of(trace)->target))
		return 1;
	if (request_of(trace)->method == TRACE_ICMP)
		return ping_packet_parse_quoted(&trace->identity, error->payload,
						error->payload_size, ret_number);
	source = cursor_u16(&cursor);
	target = cursor_u16(&cursor);
	if (error->protocol != IPPROTO_UDP || source != trace->source_port || target < TRACE_PORT)
		return 1;
	*ret_number = (uint16_t)(target - TRACE_PORT);
	return 0;
}

static enum trace_outcome judge_error(const struct trace *trace, const struct trace_error *error)
{
	bool v4 = request_of(trace)->target.family == AF_INET;
	uint8_t exceeded = v4 ? ICMP_TIME_EXCEEDED : ICMP6_TIME_EXCEEDED;
	bool no_port =
		v4 ? error->type == ICMP_DEST_UNREACH && error->code == ICMP_PORT_UNREACH
		   : error->type == ICMP6_DST_UNREACH && error->code == ICMP6_DST_UNREACH_NOPORT;
	bool too_large = v4 ? error->type == ICMP_DEST_UNREACH && error->code == ICMP_FRAG_NEEDED
			    : error->type == ICMP6_PACKET_TOO_BIG;

	if (error->type == exceeded)
		return TRACE_PASSED;
	if (too_large)
		return TRACE_TOO_LARGE;
	if (no_port && ip_address_equal(&error->from, &request_of(trace)->target))
		return TRACE_REACHED;
	return TRACE_ERROR;
}

static void take_error(struct trace *trace, struct trace_error *error, uint64_t stamp)
{
	struct trace_probe probe = {
		.outcome = judge_error(trace, error),
		.from = error->from,
		.icmp_type = error->type,
		.icmp_code = error->code,
		.mtu = error->mtu,
		.labels_count = error->labels_count,
	};
	uint16_t number;

	if (quoted_number(trace, error, &number) != 0 || number >= TRACE_PACKETS_MAX ||
	    number >= request_of(trace)->hops * request_of(trace)->probes)
		return;
	memcpy(probe.labels, error->labels, sizeof(probe.labels));
	probe.latency = measure_latency(trace, number, stamp);
	trace_run_outcome(&trace->run, number, &probe);
}

static void take_echo(struct trace *trace, const struct ping_reply *reply,
		      const struct ping_ancillary *ancillary)
{
	struct trace_probe probe = {.outcome = TRACE_REACHED, .from = ancillary->from};

	if (reply->sequence >= request_of(trace)->hops * request_of(trace)->probes)
		return;
	probe.latency = measure_latency(trace, reply->sequence, ancillary->stamp);
	trace_run_outcome(&trace->run, reply->sequence, &probe);
}

static void take_answers(struct trace *trace)
{
	int family = request_of(trace)->target.family;

	for (unsigned i = 0; i < RECEIVE_BURST; i++) {
		struct ping_ancillary ancillary;
		struct trace_error error;
		struct ping_reply reply;
		ssize_t n =
			ping_socket_receive(trace->raw, 0, trace->buffer, RECEIVE_SIZE, &ancillary);

		if (n == -EAGAIN)
			return;
		if (n < 0)
			continue;
		if (request_of(trace)->method == TRACE_ICMP &&
		    ping_packet_parse(&trace->identity, trace->buffer, (size_t)n, &reply) == 0) {
			take_echo(trace, &reply, &ancillary);
		} else if (trace_error_parse(family, trace->buffer, (size_t)n, &error) == 0) {
			error.from = ancillary.from;
			take_error(trace, &error, ancillary.stamp);
		}
	}
}

/* ---- probes ---- */

static ssize_t send_packet(struct trace *trace, unsigned number, uint32_t data)
{
	const struct trace_request *request = request_of(trace);
	struct ping_request way = {.target = request->target};
	int length;

	memcpy(way.interface, request->interface, sizeof(way.interface));
	if (request->method == TRACE_UDP) {
		way.port = (uint16_t)(TRACE_PORT + number);
		memset(trace->buffer, 0, data);
		return ping_socket_send(trace->datagram, &way, trace->buffer, data);
	}
	length = ping_packet_build(&trace->identity, (uint16_t)number, data, trace->buffer,
				   RECEIVE_SIZE);
	return length < 0 ? length
			  : ping_socket_send(trace->raw, &way, trace->buffer, (size_t)length);
}

static void send_probe(struct trace *trace, unsigned number)
{
	int family = request_of(trace)->target.family;
	int fd = request_of(trace)->method == TRACE_UDP ? trace->datagram : trace->raw;
	uint32_t data = trace->run.size - ip_header_size(family) - TRANSPORT_HEADER;
	struct trace_probe failed = {.outcome = TRACE_NOT_SENT};
	ssize_t r = ping_socket_set_ttl(fd, family, trace_run_hop(&trace->run, number) + 1);

	trace->sent[number] = realtime_nanoseconds();
	if (r == 0)
		r = send_packet(trace, number, data);
	/* An error of an earlier packet is told once by the next send; its own comes again. */
	if (r < 0)
		r = send_packet(trace, number, data);
	if (r >= 0)
		return;
	failed.errnum = (int)-r;
	if (r == -EMSGSIZE) {
		failed.outcome = TRACE_TOO_LARGE;
		failed.mtu = ping_socket_mtu(trace->datagram, family);
	}
	trace_run_outcome(&trace->run, number, &failed);
}

static int on_answer(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct trace *trace = userdata;

	take_answers(trace);
	return trace_continue(trace);
}

static int on_timer(sd_event_source *source, uint64_t time, void *userdata)
{
	struct trace *trace = userdata;
	unsigned number;

	/* The loop may be late: what has come by now has come in time. */
	take_answers(trace);
	trace_run_expire(&trace->run, clock_boottime_usec());
	if (trace_run_next(&trace->run, clock_boottime_usec(), &number))
		send_probe(trace, number);
	return trace_continue(trace);
}

/* ---- the start ---- */

static int request_check(const struct trace_request *request, struct error *error)
{
	if (request->hops < 1 || request->hops > TRACE_HOPS_MAX)
		return error_set(error, ERROR_PARAMETER_RANGE, "max_hops",
				 "max_hops is outside of 1 to %u", TRACE_HOPS_MAX);
	if (request->probes < 1 || request->probes > TRACE_PROBES_MAX)
		return error_set(error, ERROR_PARAMETER_RANGE, "probes",
				 "probes is outside of 1 to %u", TRACE_PROBES_MAX);
	if (request->timeout < PING_TIMEOUT_MIN || request->timeout > PING_TIMEOUT_MAX)
		return error_set(error, ERROR_PARAMETER_RANGE, "timeout",
				 "timeout is outside of 1 ms to 60 s");
	if (ip_address_is_set(&request->source) && request->source.family != request->target.family)
		return error_set(error, ERROR_PARAMETER_CONFLICT, "source",
				 "source and target are of different families");
	return 0;
}

/* No way is known as of now: nothing can be sent. */
static int no_route(const struct trace_request *request, int errnum, struct error *error)
{
	char text[IP_ADDRESS_TEXT_MAX];

	return error_set(error, ERROR_HOST_UNREACHABLE, "host", "there is no route to %s%s%s: %s",
			 ip_address_print(&request->target, text),
			 request->interface[0] ? " through " : "", request->interface,
			 strerror(errnum));
}

static int open_sockets(struct trace *trace, const struct trace_request *request,
			struct error *error)
{
	struct ping_request way = ping_request_default(&request->target);
	int family = request->target.family, errnum;

	way.port = TRACE_PORT;
	way.source = request->source;
	memcpy(way.interface, request->interface, sizeof(way.interface));
	trace->datagram = ping_socket_open_datagram(&way, &errnum, error);
	if (trace->datagram < 0)
		return trace->datagram;
	if (errnum)
		return no_route(request, errnum, error);
	trace->raw = ping_socket_open_raw(&way, error);
	if (trace->raw < 0)
		return trace->raw;
	if (!request->path_mtu)
		return 0;
	if (ping_socket_probe_mtu(trace->raw, family) < 0 ||
	    ping_socket_probe_mtu(trace->datagram, family) < 0)
		return error_set(error, ERROR_KERNEL_REFUSED, NULL,
				 "the kernel refused to leave packets whole");
	return 0;
}

static uint32_t first_size(const struct trace *trace, const struct trace_request *request)
{
	uint32_t header = ip_header_size(request->target.family) + TRANSPORT_HEADER;
	uint32_t mtu;

	if (!request->path_mtu)
		return PLAIN_SIZE - 28 + header;
	mtu = ping_socket_mtu(trace->datagram, request->target.family);
	return MIN(MAX(mtu, header + PING_TOKEN_SIZE), (uint32_t)RECEIVE_SIZE - 1);
}

int trace_start(struct trace **ret, sd_event *event, const struct trace_request *request,
		trace_done_t done, void *userdata, struct error *error)
{
	_cleanup_(trace_cleanup) struct trace *trace = NULL;
	int r = request_check(request, error);

	if (r < 0)
		return r;
	trace = calloc(1, sizeof(*trace));
	if (!trace)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "memory is exhausted");
	trace->raw = trace->datagram = -1;
	trace->event = sd_event_ref(event);
	trace->done = done;
	trace->userdata = userdata;
	r = open_sockets(trace, request, error);
	if (r < 0)
		return r;
	trace_run_init(&trace->run, request, first_size(trace, request), clock_boottime_usec());
	trace->run.result.source = ping_socket_source(trace->datagram);
	trace->source_port = ping_socket_source_port(trace->datagram);
	trace->identity.family = request->target.family;
	trace->buffer = malloc(RECEIVE_SIZE);
	if (!trace->buffer ||
	    getrandom(&trace->identity.identifier, sizeof(trace->identity.identifier), 0) < 0 ||
	    getrandom(trace->identity.token, PING_TOKEN_SIZE, 0) < 0 ||
	    sd_event_add_io(event, &trace->source, trace->raw, EPOLLIN, on_answer, trace) < 0 ||
	    sd_event_add_time(event, &trace->timer, CLOCK_BOOTTIME, 0, 1, on_timer, trace) < 0)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "memory is exhausted");
	*ret = TAKE_PTR(trace);
	return 0;
}
