#include "check_port.h"

#include <string.h>

#include "ping_socket.h"

struct check_port {
	struct check_port_result result;
	sd_event *event;
	sd_event_source *timer, *source;
	struct ping *ping; /* TCP */
	int fd;		   /* UDP, -1 for none */
	usec_t started, deadline;
	bool decided;
	check_port_done_t done;
	void *userdata;
};

void check_port_cancel(struct check_port *check)
{
	if (check->ping)
		ping_cancel(check->ping);
	sd_event_source_disable_unref(check->timer);
	sd_event_source_disable_unref(check->source);
	if (check->fd >= 0)
		close(check->fd);
	sd_event_unref(check->event);
	free(check);
}

static int finish(struct check_port *check)
{
	check->done(&check->result, check->userdata);
	check_port_cancel(check);
	return 0;
}

static void take_icmp(struct check_port *check, const struct ip_address *from, uint8_t type,
		      uint8_t code)
{
	struct check_port_result *result = &check->result;

	result->has_icmp = true;
	result->from = *from;
	result->icmp_type = type;
	result->icmp_code = code;
	result->state =
		check_port_judge(result->request.target.family, result->request.protocol, type,
				 code, ip_address_equal(from, &result->request.target));
}

static bool is_no_route(int errnum)
{
	return errnum == ENETUNREACH || errnum == EHOSTUNREACH || errnum == ENETDOWN;
}

/* ---- TCP ---- */

static void on_connected(const struct ping_result *ping, void *userdata)
{
	struct check_port *check = userdata;
	const struct ping_probe *probe = &ping->probes[0];

	check->ping = NULL;
	check->result.source = ping->source;
	check->result.latency = probe->latency;
	switch (probe->outcome) {
	case PING_ANSWERED:
		check->result.state = PORT_OPEN;
		break;
	case PING_REFUSED:
		check->result.state = PORT_REFUSED;
		break;
	case PING_UNREACHABLE:
	case PING_NOT_SENT:
		if (ip_address_is_set(&probe->from)) {
			take_icmp(check, &probe->from, probe->icmp_type, probe->icmp_code);
			break;
		}
		check->result.errnum = probe->errnum;
		check->result.state = is_no_route(probe->errnum) ? PORT_NO_ROUTE : PORT_FILTERED;
		break;
	default:
		check->result.state = PORT_FILTERED;
		break;
	}
	(void)finish(check);
}

static int start_connection(struct check_port *check, struct error *error)
{
	const struct check_port_request *request = &check->result.request;
	struct ping_request ping = ping_request_default(&request->target);

	ping.method = PING_CONNECT;
	ping.port = request->port;
	ping.source = request->source;
	ping.count = 1;
	ping.timeout = request->timeout;
	memcpy(ping.interface, request->interface, sizeof(ping.interface));
	return ping_start(&check->ping, check->event, &ping, on_connected, check, error);
}

/* ---- UDP ---- */

static void decide(struct check_port *check, enum port_state state)
{
	check->decided = true;
	check->result.state = state;
	check->result.latency =
		MAX(usec_sub(clock_boottime_usec(), check->started), (usec_t)1) * 1000;
}

/* An error in the queue: of ICMP, or of this host's own neighbour resolution. */
static void take_error(struct check_port *check)
{
	struct ping_ancillary ancillary;
	uint8_t quoted[64];

	while (!check->decided && ping_socket_receive(check->fd, MSG_ERRQUEUE, quoted,
						      sizeof(quoted), &ancillary) >= 0) {
		if (!ancillary.has_error)
			continue;
		decide(check, is_no_route(ancillary.errnum) ? PORT_NO_ROUTE : PORT_FILTERED);
		if (ancillary.from_icmp)
			take_icmp(check, &ancillary.offender, ancillary.icmp_type,
				  ancillary.icmp_code);
		else
			check->result.errnum = ancillary.errnum;
	}
}

static void take_answer(struct check_port *check)
{
	struct ping_ancillary ancillary;
	uint8_t bytes[2048];
	ssize_t n = ping_socket_receive(check->fd, 0, bytes, sizeof(bytes), &ancillary);

	if (n < 0 || check->decided)
		return;
	decide(check, PORT_OPEN);
	check->result.answer = (uint32_t)n;
}

static void send_datagram(struct check_port *check)
{
	const uint8_t *bytes;
	size_t size = check_port_payload(check->result.request.port, &bytes);

	check->result.sent++;
	if (send(check->fd, bytes, size, MSG_DONTWAIT) >= 0)
		return;
	/* An earlier datagram's error is reported here as well, and tells more from the queue. */
	check->result.errnum = errno;
	take_error(check);
	if (check->decided)
		return;
	if (is_no_route(check->result.errnum))
		decide(check, PORT_NO_ROUTE);
	else if (check->result.errnum == EPERM || check->result.errnum == EACCES)
		decide(check, PORT_FILTERED);
	else
		check->result.errnum = 0;
}

static int on_datagram(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct check_port *check = userdata;

	if (events & EPOLLIN)
		take_answer(check);
	if (events & EPOLLERR)
		take_error(check);
	return check->decided ? finish(check) : 0;
}

static usec_t next_time(const struct check_port *check)
{
	const struct check_port_result *result = &check->result;

	if (check->decided)
		return 0;
	if (result->sent >= CHECK_PORT_SENDS_MAX)
		return check->deadline;
	return usec_add(check->started,
			result->sent * (result->request.timeout / CHECK_PORT_SENDS_MAX));
}

static int on_timer(sd_event_source *source, uint64_t time, void *userdata)
{
	struct check_port *check = userdata;
	int r;

	/* The loop may be late: what has come by now has come in time. */
	take_answer(check);
	take_error(check);
	if (!check->decided && check->result.sent >= CHECK_PORT_SENDS_MAX) {
		check->result.state = PORT_OPEN_OR_FILTERED;
		return finish(check);
	}
	if (!check->decided)
		send_datagram(check);
	if (check->decided)
		return finish(check);
	r = sd_event_source_set_time(source, next_time(check));
	return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int start_datagrams(struct check_port *check, struct error *error)
{
	const struct check_port_request *request = &check->result.request;
	struct ping_request ping = ping_request_default(&request->target);
	int errnum;

	ping.port = request->port;
	ping.source = request->source;
	memcpy(ping.interface, request->interface, sizeof(ping.interface));
	check->fd = ping_socket_open_datagram(&ping, &errnum, error);
	if (check->fd < 0)
		return check->fd;
	check->result.source = ping_socket_source(check->fd);
	if (errnum == 0) {
		send_datagram(check);
	} else {
		check->result.errnum = errnum;
		decide(check, is_no_route(errnum) ? PORT_NO_ROUTE : PORT_FILTERED);
	}
	if (sd_event_add_io(check->event, &check->source, check->fd, EPOLLIN, on_datagram, check) <
		    0 ||
	    sd_event_add_time(check->event, &check->timer, CLOCK_BOOTTIME, next_time(check), 1,
			      on_timer, check) < 0)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "memory is exhausted");
	return 0;
}

/* ---- both ---- */

static int on_no_route(sd_event_source *source, uint64_t time, void *userdata)
{
	return finish(userdata);
}

/* The kernel knows no way: a result, told from the loop as every other. */
static int start_no_route(struct check_port *check, struct error *error)
{
	check->result.state = PORT_NO_ROUTE;
	check->result.errnum = EHOSTUNREACH;
	if (sd_event_add_time(check->event, &check->timer, CLOCK_BOOTTIME, 0, 1, on_no_route,
			      check) < 0)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "memory is exhausted");
	return 0;
}

static int request_check(const struct check_port_request *request, struct error *error)
{
	if (request->port == 0)
		return error_set(error, ERROR_PARAMETER_RANGE, "port",
				 "port is outside of 1 to 65535");
	if (request->timeout < PING_TIMEOUT_MIN || request->timeout > CHECK_PORT_TIMEOUT_MAX)
		return error_set(error, ERROR_PARAMETER_RANGE, "timeout",
				 "timeout is outside of 1 ms to 30 s");
	if (ip_address_is_set(&request->source) && request->source.family != request->target.family)
		return error_set(error, ERROR_PARAMETER_CONFLICT, "source",
				 "source and target are of different families");
	return 0;
}

int check_port_start(struct check_port **ret, sd_event *event,
		     const struct check_port_request *request, check_port_done_t done,
		     void *userdata, struct error *error)
{
	_cleanup_(check_port_cleanup) struct check_port *check = NULL;
	int r = request_check(request, error);

	if (r < 0)
		return r;
	check = calloc(1, sizeof(*check));
	if (!check)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "memory is exhausted");
	check->fd = -1;
	check->event = sd_event_ref(event);
	check->result.request = *request;
	check->started = clock_boottime_usec();
	check->deadline = usec_add(check->started, request->timeout);
	check->done = done;
	check->userdata = userdata;
	r = request->protocol == PORT_TCP ? start_connection(check, error)
					  : start_datagrams(check, error);
	if (r == -EHOSTUNREACH)
		r = start_no_route(check, error);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(check);
	return 0;
}
