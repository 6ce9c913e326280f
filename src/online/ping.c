#include "ping.h"

#include <linux/tcp.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <sys/random.h>
#include <time.h>

#include "ping_packet.h"
#include "ping_run.h"
#include "ping_socket.h"

/* Datagrams taken in one go, so that a flood of foreign answers cannot hold the loop. */
#define RECEIVE_BURST 32

struct attempt {
	int fd;
	sd_event_source *source;
	struct ping *ping;
};

struct ping {
	struct ping_run run;
	struct ping_identity identity;
	uint64_t sent[PING_COUNT_MAX]; /* realtime nanoseconds */
	sd_event *event;
	sd_event_source *timer;
	sd_event_source *source;  /* of the echo socket */
	int fd;			  /* the echo socket, -1 for connections */
	struct attempt *attempts; /* one a probe, for connections */
	uint8_t *buffer;
	size_t buffer_size;
	ping_done_t done;
	ping_progress_t progress; /* may be NULL */
	unsigned progress_told;
	void *userdata;
};

struct ping_request ping_request_default(const struct ip_address *target)
{
	return (struct ping_request){
		.target = *target,
		.count = 3,
		.size = 56,
		.interval = USEC_PER_SEC,
		.timeout = USEC_PER_SEC,
	};
}

usec_t ping_request_duration(const struct ping_request *request)
{
	return (request->count - 1) * request->interval + request->timeout;
}

static int check_range(const char *parameter, uint64_t value, uint64_t least, uint64_t most,
		       struct error *error)
{
	if (value >= least && value <= most)
		return 0;
	return error_set(error, ERROR_PARAMETER_RANGE, parameter,
			 "%s is outside of %" PRIu64 " to %" PRIu64, parameter, least, most);
}

static int request_check(const struct ping_request *request, struct error *error)
{
	const struct {
		const char *parameter;
		uint64_t value, least, most;
	} ranges[] = {
		{"count", request->count, 1, PING_COUNT_MAX},
		{"size", request->size, 0, PING_SIZE_MAX},
		{"interval", request->interval, PING_INTERVAL_MIN, PING_INTERVAL_MAX},
		{"timeout", request->timeout, PING_TIMEOUT_MIN, PING_TIMEOUT_MAX},
		{"port", request->port, request->method == PING_CONNECT, UINT16_MAX},
	};

	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		int r = check_range(ranges[i].parameter, ranges[i].value, ranges[i].least,
				    ranges[i].most, error);
		if (r < 0)
			return r;
	}
	if (ip_family_bytes(request->target.family) == 0)
		return error_set(error, ERROR_ADDRESS_INVALID, "host", "the target is no address");
	if (ip_address_is_set(&request->source) && request->source.family != request->target.family)
		return error_set(error, ERROR_PARAMETER_CONFLICT, "source",
				 "source and target are of different families");
	if (request->target.family == AF_INET6 && ip_address_is_link_local(&request->target) &&
	    !request->interface[0])
		return error_set(error, ERROR_PARAMETER_MISSING, "interface",
				 "a link-local address needs an interface");
	return 0;
}

static uint64_t clock_nanoseconds(clockid_t id)
{
	struct timespec time;

	/* Both clocks that are asked for exist everywhere: the call cannot fail. */
	clock_gettime(id, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/*
 * From the send to the kernel's stamp. Both are realtime, which may be set in between: a stamp that
 * the steady clock does not bear out gives way to the steady clock.
 */
static uint64_t measure_latency(const struct ping *ping, unsigned number, uint64_t stamp)
{
	usec_t elapsed = usec_sub(clock_boottime_usec(), ping->run.result.probes[number].sent);

	if (stamp > ping->sent[number] && stamp - ping->sent[number] <= (elapsed + 100) * 1000)
		return stamp - ping->sent[number];
	return MAX(elapsed, (usec_t)1) * 1000;
}

/* ---- the end ---- */

static void attempt_close(struct attempt *attempt)
{
	attempt->source = sd_event_source_disable_unref(attempt->source);
	if (attempt->fd >= 0)
		close(attempt->fd);
	attempt->fd = -1;
}

void ping_cancel(struct ping *ping)
{
	sd_event_source_disable_unref(ping->timer);
	sd_event_source_disable_unref(ping->source);
	if (ping->fd >= 0)
		close(ping->fd);
	if (ping->attempts)
		for (unsigned i = 0; i < ping->run.result.request.count; i++)
			attempt_close(&ping->attempts[i]);
	sd_event_unref(ping->event);
	free(ping->attempts);
	free(ping->buffer);
	free(ping);
}

static void ping_finish(struct ping *ping)
{
	ping_run_summarise(&ping->run);
	ping->done(&ping->run.result, ping->userdata);
	ping_cancel(ping);
}

void ping_set_progress(struct ping *ping, ping_progress_t progress)
{
	ping->progress = progress;
}

static void tell_progress(struct ping *ping)
{
	const struct ping_result *result = &ping->run.result;
	unsigned ended = 0;

	for (unsigned i = 0; i < result->probes_count; i++)
		ended += result->probes[i].outcome != PING_PENDING;
	if (!ping->progress || ended == ping->progress_told)
		return;
	ping->progress_told = ended;
	ping->progress(ended, result->request.count, ping->userdata);
}

/* Ends the ping, or waits for its next deadline. Nothing of it may be used after this. */
static int ping_continue(struct ping *ping)
{
	int r;

	if (ping_run_finished(&ping->run)) {
		ping_finish(ping);
		return 0;
	}
	tell_progress(ping);
	r = sd_event_source_set_time(ping->timer, ping_run_deadline(&ping->run));
	if (r >= 0)
		r = sd_event_source_set_enabled(ping->timer, SD_EVENT_ONESHOT);
	return r;
}

/* ---- echo ---- */

static struct ping_probe probe_of_error(const struct ping_ancillary *ancillary, int family)
{
	struct ping_probe probe = {
		.outcome = PING_UNREACHABLE,
		.from = ancillary->offender,
		.errnum = ancillary->errnum,
		.icmp_type = ancillary->icmp_type,
		.icmp_code = ancillary->icmp_code,
	};
	bool too_large = family == AF_INET ? ancillary->icmp_type == ICMP_DEST_UNREACH &&
						     ancillary->icmp_code == ICMP_FRAG_NEEDED
					   : ancillary->icmp_type == ICMP6_PACKET_TOO_BIG;

	if (ancillary->from_icmp && too_large) {
		probe.outcome = PING_TOO_LARGE;
		probe.mtu = ancillary->information;
	}
	return probe;
}

static void echo_take_errors(struct ping *ping)
{
	for (unsigned i = 0; i < RECEIVE_BURST; i++) {
		struct ping_ancillary ancillary;
		struct ping_probe probe;
		uint16_t sequence;
		ssize_t n = ping_socket_receive(ping->fd, MSG_ERRQUEUE, ping->buffer,
						ping->buffer_size, &ancillary);

		if (n < 0)
			return;
		if (!ancillary.has_error || !ancillary.from_icmp ||
		    ping_packet_parse_quoted(&ping->identity, ping->buffer, (size_t)n, &sequence) ||
		    sequence >= ping->run.result.probes_count)
			continue;
		probe = probe_of_error(&ancillary, ping->identity.family);
		probe.latency = measure_latency(ping, sequence, ancillary.stamp);
		ping_run_outcome(&ping->run, sequence, &probe);
	}
}

static void echo_take_answers(struct ping *ping)
{
	for (unsigned i = 0; i < RECEIVE_BURST; i++) {
		struct ping_ancillary ancillary;
		struct ping_reply reply;
		struct ping_probe probe;
		ssize_t n = ping_socket_receive(ping->fd, 0, ping->buffer, ping->buffer_size,
						&ancillary);

		/* Errors of the network are told by the error queue: only the end of data is of
		 * interest here. */
		if (n < 0 && n != -EAGAIN)
			continue;
		if (n < 0)
			return;
		if (ping_packet_parse(&ping->identity, ping->buffer, (size_t)n, &reply) ||
		    reply.sequence >= ping->run.result.probes_count)
			continue;
		probe = (struct ping_probe){
			.outcome = PING_ANSWERED,
			.latency = measure_latency(ping, reply.sequence, ancillary.stamp),
			.from = ancillary.from,
			.ttl = ancillary.ttl ?: reply.ttl,
		};
		ping_run_outcome(&ping->run, reply.sequence, &probe);
	}
}

static void echo_send(struct ping *ping, unsigned number)
{
	const struct ping_request *request = &ping->run.result.request;
	struct ping_probe failed = {.outcome = PING_NOT_SENT};
	int length, error;

	/* What an earlier probe met must not be taken for a failure of this send. */
	echo_take_errors(ping);
	length = ping_packet_build(&ping->identity, (uint16_t)number, request->size, ping->buffer,
				   ping->buffer_size);
	ping->sent[number] = clock_nanoseconds(CLOCK_REALTIME);
	if (length >= 0 && send(ping->fd, ping->buffer, (size_t)length, MSG_DONTWAIT) >= 0)
		return;
	error = length < 0 ? -length : errno;

	failed.errnum = error;
	if (error == EMSGSIZE) {
		failed.outcome = PING_TOO_LARGE;
		failed.mtu = ping_socket_mtu(ping->fd, ping->identity.family);
	}
	ping_run_outcome(&ping->run, number, &failed);
}

static int on_echo(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct ping *ping = userdata;

	echo_take_answers(ping);
	if (events & EPOLLERR)
		echo_take_errors(ping);
	return ping_continue(ping);
}

static int echo_open(struct ping *ping, struct error *error)
{
	const struct ping_request *request = &ping->run.result.request;

	ping->fd = ping_socket_open_echo(request, error);
	if (ping->fd < 0)
		return ping->fd;
	ping->run.result.source = ping_socket_source(ping->fd);
	ping->identity.family = request->target.family;
	/* An answer as long as the request, its IP header, and room to see that one is longer. */
	ping->buffer_size = PING_HEADER_SIZE + request->size + 60 + 64;
	ping->buffer = malloc(ping->buffer_size);
	if (!ping->buffer ||
	    getrandom(&ping->identity.identifier, sizeof(ping->identity.identifier), 0) < 0 ||
	    getrandom(ping->identity.token, PING_TOKEN_SIZE, 0) < 0 ||
	    sd_event_add_io(ping->event, &ping->source, ping->fd, EPOLLIN, on_echo, ping) < 0)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "memory is exhausted");
	return 0;
}

/* ---- connections ---- */

/* The kernel's own measure of the handshake, where no segment of it was repeated. */
static uint64_t connection_latency(const struct ping *ping, unsigned number, int fd)
{
	struct tcp_info information = {0};
	socklen_t length = sizeof(information);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &information, &length) == 0 &&
	    information.tcpi_total_retrans == 0 && information.tcpi_rtt > 0)
		return (uint64_t)information.tcpi_rtt * 1000;
	return measure_latency(ping, number, 0);
}

static struct ping_probe connection_probe(const struct ping *ping, int fd, int errnum)
{
	int family = ping->run.result.request.target.family;
	struct ping_ancillary ancillary;
	struct ping_probe probe;
	char byte;

	if (errnum == 0 || errnum == ECONNREFUSED)
		probe = (struct ping_probe){
			.outcome = errnum ? PING_REFUSED : PING_ANSWERED,
			.from = ping->run.result.request.target,
		};
	else
		probe = (struct ping_probe){
			.outcome = errnum == ETIMEDOUT ? PING_TIMED_OUT : PING_UNREACHABLE,
			.errnum = errnum,
		};
	/* A port that is refused by a reset leaves nothing in the error queue; one that ICMP says
	 * is unreachable does, and so does each other error that came from outside. */
	if (errnum && ping_socket_receive(fd, MSG_ERRQUEUE, &byte, 1, &ancillary) >= 0 &&
	    ancillary.has_error && ancillary.from_icmp)
		probe = probe_of_error(&ancillary, family);
	return probe;
}

static void connection_done(struct ping *ping, unsigned number, int errnum)
{
	struct attempt *attempt = &ping->attempts[number];
	struct ping_probe probe = connection_probe(ping, attempt->fd, errnum);

	if (probe.outcome != PING_TIMED_OUT)
		probe.latency = errnum ? measure_latency(ping, number, 0)
				       : connection_latency(ping, number, attempt->fd);
	attempt_close(attempt);
	ping_run_outcome(&ping->run, number, &probe);
}

static int on_connection(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct attempt *attempt = userdata;
	struct ping *ping = attempt->ping;
	int errnum = 0;
	socklen_t length = sizeof(errnum);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &errnum, &length) < 0)
		errnum = errno;
	/* Newer kernels go on trying after "host unreachable" (RFC 1122 4.2.3.9), with no error of
	 * the socket but one in its queue. */
	if (errnum == 0 && !(events & EPOLLOUT))
		errnum = EHOSTUNREACH;
	connection_done(ping, (unsigned)(attempt - ping->attempts), errnum);
	return ping_continue(ping);
}

static int connection_start(struct ping *ping, unsigned number, struct error *error)
{
	struct attempt *attempt = &ping->attempts[number];
	struct ping_probe failed = {.outcome = PING_NOT_SENT};
	int errnum, r;

	attempt->fd = ping_socket_open_connection(&ping->run.result.request, &errnum, error);
	if (attempt->fd < 0) {
		failed.errnum = -attempt->fd;
		ping_run_outcome(&ping->run, number, &failed);
		return -failed.errnum;
	}
	ping->run.result.source = ping_socket_source(attempt->fd);
	if (errnum) {
		connection_done(ping, number, errnum);
		return 0;
	}
	r = sd_event_add_io(ping->event, &attempt->source, attempt->fd, EPOLLOUT, on_connection,
			    attempt);
	if (r < 0)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "memory is exhausted");
	return 0;
}

static int connections_prepare(struct ping *ping, struct error *error)
{
	unsigned count = ping->run.result.request.count;

	ping->attempts = calloc(count, sizeof(*ping->attempts));
	if (!ping->attempts)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "memory is exhausted");
	for (unsigned i = 0; i < count; i++)
		ping->attempts[i] = (struct attempt){.fd = -1, .ping = ping};
	return 0;
}

/* Connections whose time is over. */
static void connections_expire(struct ping *ping)
{
	for (unsigned i = 0; i < ping->run.result.probes_count; i++)
		if (ping->run.result.probes[i].outcome != PING_PENDING)
			attempt_close(&ping->attempts[i]);
}

/* ---- both ---- */

static int ping_send_due(struct ping *ping, struct error *error)
{
	unsigned number;

	if (!ping_run_next(&ping->run, clock_boottime_usec(), &number))
		return 0;
	if (ping->attempts)
		return connection_start(ping, number, error);
	echo_send(ping, number);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t time, void *userdata)
{
	struct ping *ping = userdata;

	/* The loop may be late: what has come by now has come in time. */
	if (!ping->attempts) {
		echo_take_answers(ping);
		echo_take_errors(ping);
	}
	ping_run_expire(&ping->run, clock_boottime_usec());
	if (ping->attempts)
		connections_expire(ping);
	/* A later probe that cannot be sent has that as its outcome. */
	if (!ping_run_finished(&ping->run))
		(void)ping_send_due(ping, NULL);
	return ping_continue(ping);
}

int ping_start(struct ping **ret, sd_event *event, const struct ping_request *request,
	       ping_done_t done, void *userdata, struct error *error)
{
	_cleanup_(ping_cleanup) struct ping *ping = NULL;
	int r;

	r = request_check(request, error);
	if (r < 0)
		return r;
	ping = calloc(1, sizeof(*ping));
	if (!ping)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "memory is exhausted");
	ping->fd = -1;
	ping->event = sd_event_ref(event);
	ping->done = done;
	ping->userdata = userdata;
	ping_run_init(&ping->run, request, clock_boottime_usec());

	r = request->method == PING_CONNECT ? connections_prepare(ping, error)
					    : echo_open(ping, error);
	if (r < 0)
		return r;
	r = ping_send_due(ping, error);
	if (r < 0)
		return r;
	/* Precise to a microsecond: 0 would stand for the loop's default of 250 ms. */
	if (sd_event_add_time(event, &ping->timer, CLOCK_BOOTTIME, ping_run_deadline(&ping->run), 1,
			      on_timer, ping) < 0)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "memory is exhausted");
	*ret = TAKE_PTR(ping);
	return 0;
}
