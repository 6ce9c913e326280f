#include "lookup.h"

#include <ares.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

/*
 * One c-ares channel a server: c-ares does not say which of several servers answered, and it asks
 * the next one only after a timeout of whole seconds.
 */

#define EDNS_SIZE    1232 /* bytes: what passes every path unfragmented (DNS flag day 2020) */
#define FIRST_RESEND 500  /* milliseconds; c-ares doubles it each time */
#define TRIES	     4
#define SOCKETS_MAX  4 /* of one server: UDP and TCP, and the one that replaces either */

struct question_socket {
	int fd; /* c-ares's own, -1 for a free place */
	sd_event_source *source;
	bool tcp;
};

/* What is asked of one server. */
struct question {
	struct lookup *lookup;
	struct ip_address server;
	ares_channel channel; /* NULL before it is asked */
	bool over;
	usec_t asked; /* boottime */
	struct question_socket sockets[SOCKETS_MAX];
};

struct lookup {
	struct lookup_request request;
	struct lookup_result result;
	uint8_t query[DNS_QUERY_MAX];
	int query_size;
	usec_t started, deadline, next_server; /* boottime */
	struct question questions[LOOKUP_SERVERS_MAX];
	unsigned asked;
	bool settled;
	int r;
	struct error error; /* of the last server that failed */
	uint8_t *answer;    /* what result.message borrows */
	sd_event *event;
	sd_event_source *timer;
	lookup_done_t done;
	void *userdata;
};

struct lookup_request lookup_request_default(const char *name, uint16_t type)
{
	struct lookup_request request = {
		.type = type,
		.port = 53,
		.timeout = 5 * USEC_PER_SEC,
		.recursion = true,
	};

	/* An empty name is none, and lookup_start() says so. */
	if (!text_copy(request.name, sizeof(request.name), name))
		request.name[0] = '\0';
	return request;
}

static int request_check(const struct lookup_request *request, struct error *error)
{
	if (request->servers_count == 0)
		return error_set(error, ERROR_PARAMETER_MISSING, "server",
				 "there is no name server to ask");
	if (request->servers_count > LOOKUP_SERVERS_MAX)
		return error_set(error, ERROR_PARAMETER_RANGE, "server",
				 "more than %d name servers", LOOKUP_SERVERS_MAX);
	if (request->timeout < LOOKUP_TIMEOUT_MIN || request->timeout > LOOKUP_TIMEOUT_MAX)
		return error_set(error, ERROR_PARAMETER_RANGE, "timeout",
				 "the timeout is outside of 10 ms to 60 s");
	if (request->port == 0 || request->type == 0)
		return error_set(error, ERROR_PARAMETER_RANGE, request->port ? "type" : "port",
				 "0 is not possible here");
	return 0;
}

/* ---- the end ---- */

static void question_close(struct question *question)
{
	if (question->channel)
		ares_destroy(question->channel);
	question->channel = NULL;
}

void lookup_cancel(struct lookup *lookup)
{
	lookup->settled = true;
	for (unsigned i = 0; i < lookup->asked; i++)
		question_close(&lookup->questions[i]);
	sd_event_source_disable_unref(lookup->timer);
	sd_event_unref(lookup->event);
	free(lookup->answer);
	free(lookup);
}

static void lookup_finish(struct lookup *lookup)
{
	/* c-ares ends open questions with a callback: it must find nothing left to settle. */
	lookup->settled = true;
	lookup->result.duration = clock_boottime_usec() - lookup->started;
	lookup->done(lookup->r, &lookup->result, &lookup->error, lookup->userdata);
	lookup_cancel(lookup);
}

/* ---- what comes back ---- */

static int failed(struct lookup *lookup, enum error_code code, const struct ip_address *server,
		  const char *what)
{
	char text[IP_ADDRESS_TEXT_MAX];

	lookup->r = error_set(&lookup->error, code, "name", "%s: the name server %s %s",
			      lookup->request.name, ip_address_print(server, text), what);
	return lookup->r;
}

static bool rcode_is_final(uint16_t rcode)
{
	return rcode == DNS_NOERROR || rcode == DNS_NXDOMAIN;
}

static bool question_is_tcp(const struct question *question)
{
	for (unsigned i = 0; i < SOCKETS_MAX; i++)
		if (question->sockets[i].fd >= 0 && question->sockets[i].tcp)
			return true;
	return false;
}

/* Takes an answer into the result. One that another server has given before is replaced: it was
 * none to end with. */
static int take_message(struct question *question, const uint8_t *bytes, size_t size)
{
	struct lookup *lookup = question->lookup;
	uint8_t *copy = malloc(size);

	if (!copy)
		return error_set(&lookup->error, ERROR_OUT_OF_MEMORY, NULL, "memory is exhausted");
	memcpy(copy, bytes, size);
	if (dns_message_parse(copy, size, &lookup->result.message) < 0) {
		free(copy);
		/* The parser has written over what an earlier server said. */
		lookup->result.answered = false;
		return failed(lookup, ERROR_DNS_FAILED, &question->server,
			      "sent a malformed answer");
	}
	free(lookup->answer);
	lookup->answer = copy;
	lookup->result.answered = true;
	lookup->result.server = question->server;
	lookup->result.latency = clock_boottime_usec() - question->asked;
	lookup->result.tcp = question_is_tcp(question);
	return 0;
}

static void question_answered(struct question *question, const uint8_t *bytes, size_t size)
{
	struct lookup *lookup = question->lookup;
	char what[64];
	uint16_t rcode;

	if (take_message(question, bytes, size) < 0)
		return;
	rcode = lookup->result.message.rcode;
	if (rcode == DNS_NOERROR) {
		lookup->r = 0;
		lookup->error = (struct error){0};
	} else if (rcode == DNS_NXDOMAIN) {
		failed(lookup, ERROR_NAME_NOT_FOUND, &question->server,
		       "says that there is no such name");
	} else {
		snprintf(what, sizeof(what), "answers %s (%u)", dns_rcode_text(rcode), rcode);
		failed(lookup, ERROR_DNS_FAILED, &question->server, what);
	}
	lookup->settled = rcode_is_final(rcode);
}

static const struct {
	int status;
	enum error_code code;
	const char *what;
} failures[] = {
	{ARES_ETIMEOUT, ERROR_TIMEOUT, "does not answer"},
	{ARES_ECONNREFUSED, ERROR_DNS_FAILED, "cannot be reached, or nothing listens there"},
	{ARES_EBADRESP, ERROR_DNS_FAILED, "sent a malformed answer"},
};

static void question_failed(struct question *question, int status)
{
	for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
		if (failures[i].status == status) {
			failed(question->lookup, failures[i].code, &question->server,
			       failures[i].what);
			return;
		}
	}
	failed(question->lookup, ERROR_DNS_FAILED, &question->server, ares_strerror(status));
}

static void on_answer(void *userdata, int status, int timeouts, unsigned char *bytes, int size)
{
	struct question *question = userdata;
	struct lookup *lookup = question->lookup;

	question->over = true;
	if (lookup->settled || status == ARES_EDESTRUCTION)
		return;
	if (status == ARES_SUCCESS && bytes && size > 0)
		question_answered(question, bytes, (size_t)size);
	else
		question_failed(question, status);
	/* The next one need not wait. */
	lookup->next_server = 0;
}

/* ---- asking ---- */

static void lookup_continue(struct lookup *lookup);

static int on_socket(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct question *question = userdata;

	ares_process_fd(question->channel,
			events & (EPOLLIN | EPOLLERR | EPOLLHUP) ? fd : ARES_SOCKET_BAD,
			events & EPOLLOUT ? fd : ARES_SOCKET_BAD);
	lookup_continue(question->lookup);
	return 0;
}

static struct question_socket *question_socket(struct question *question, int fd)
{
	for (unsigned i = 0; i < SOCKETS_MAX; i++)
		if (question->sockets[i].fd == fd)
			return &question->sockets[i];
	return NULL;
}

static bool socket_is_tcp(int fd)
{
	int type = 0;
	socklen_t length = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_STREAM;
}

/* c-ares says what it wants to know of which socket; neither means that it closes it. */
static void on_socket_state(void *userdata, ares_socket_t fd, int readable, int writable)
{
	struct question *question = userdata;
	struct question_socket *found = question_socket(question, fd);
	uint32_t events = (readable ? EPOLLIN : 0) | (writable ? EPOLLOUT : 0);

	if (events == 0) {
		if (found) {
			found->source = sd_event_source_disable_unref(found->source);
			found->fd = -1;
		}
		return;
	}
	if (found) {
		/* Fails only for a source that is not ours. */
		(void)sd_event_source_set_io_events(found->source, events);
		return;
	}
	found = question_socket(question, -1);
	/* A socket that is not watched ends with the timeout. */
	if (!found || sd_event_add_io(question->lookup->event, &found->source, fd, events,
				      on_socket, question) < 0)
		return;
	found->fd = fd;
	found->tcp = socket_is_tcp(fd);
}

static int question_open(struct question *question)
{
	const struct lookup_request *request = &question->lookup->request;
	struct ares_options options = {
		.flags = ARES_FLAG_NOCHECKRESP | ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES |
			 ARES_FLAG_EDNS | ARES_FLAG_STAYOPEN | (request->tcp ? ARES_FLAG_USEVC : 0),
		.timeout = FIRST_RESEND,
		.tries = TRIES,
		.ednspsz = EDNS_SIZE,
		.lookups = (char[]){"b"},
		.resolvconf_path = (char[]){"/dev/null"},
		.sock_state_cb = on_socket_state,
		.sock_state_cb_data = question,
	};
	struct ares_addr_port_node node = {
		.family = question->server.family,
		.udp_port = request->port,
		.tcp_port = request->port,
	};
	int status;

	status = ares_init_options(&question->channel, &options,
				   ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
					   ARES_OPT_EDNSPSZ | ARES_OPT_LOOKUPS |
					   ARES_OPT_RESOLVCONF | ARES_OPT_SOCK_STATE_CB);
	if (status != ARES_SUCCESS) {
		question->channel = NULL;
		return status;
	}
	memcpy(&node.addr, question->server.bytes, ip_family_bytes(question->server.family));
	if (request->interface[0])
		ares_set_local_dev(question->channel, request->interface);
	return ares_set_servers_ports(question->channel, &node);
}

static void lookup_ask(struct lookup *lookup)
{
	struct question *question = &lookup->questions[lookup->asked];
	usec_t now = clock_boottime_usec();
	int status;

	question->lookup = lookup;
	question->server = lookup->request.servers[lookup->asked++];
	for (unsigned i = 0; i < SOCKETS_MAX; i++)
		question->sockets[i].fd = -1;
	question->asked = now;
	lookup->next_server = now + LOOKUP_HEDGE;
	lookup->result.servers_asked = lookup->asked;

	status = question_open(question);
	if (status != ARES_SUCCESS) {
		on_answer(question, status, 0, NULL, 0);
		return;
	}
	/* May call on_answer() before it returns. */
	ares_send(question->channel, lookup->query, lookup->query_size, on_answer, question);
}

static bool lookup_all_over(const struct lookup *lookup)
{
	for (unsigned i = 0; i < lookup->asked; i++)
		if (!lookup->questions[i].over)
			return false;
	return lookup->asked == lookup->request.servers_count;
}

/* The boottime at which c-ares or we have something to do. */
static usec_t lookup_deadline(const struct lookup *lookup, usec_t now)
{
	usec_t deadline = lookup->deadline;

	if (lookup->settled || lookup_all_over(lookup))
		return 0;
	if (lookup->asked < lookup->request.servers_count)
		deadline = MIN(deadline, lookup->next_server);
	for (unsigned i = 0; i < lookup->asked; i++) {
		const struct question *question = &lookup->questions[i];
		struct timeval tv;

		if (!question->over && question->channel &&
		    ares_timeout(question->channel, NULL, &tv))
			deadline = MIN(deadline, now + (usec_t)tv.tv_sec * USEC_PER_SEC +
							 (usec_t)tv.tv_usec + 1);
	}
	return deadline;
}

/* Sets the clock for what comes next. The end itself is always told by the timer: so nothing is
 * freed beneath c-ares, and `done` is never called from lookup_start(). */
static int lookup_schedule(struct lookup *lookup)
{
	int r = sd_event_source_set_time(lookup->timer,
					 lookup_deadline(lookup, clock_boottime_usec()));

	return r < 0 ? r : sd_event_source_set_enabled(lookup->timer, SD_EVENT_ONESHOT);
}

static void lookup_continue(struct lookup *lookup)
{
	if (lookup_schedule(lookup) < 0)
		log_error("look-up of %s: the event loop refuses a timer", lookup->request.name);
}

static void lookup_time_out(struct lookup *lookup)
{
	char text[IP_ADDRESS_TEXT_MAX];

	/* What a server did say says more than that others were silent. */
	if (lookup->error.code != ERROR_NONE)
		return;
	lookup->r = error_set(&lookup->error, ERROR_TIMEOUT, "name",
			      "%s: no answer from %s%s within %" PRIu64 " ms", lookup->request.name,
			      ip_address_print(&lookup->questions[0].server, text),
			      lookup->asked > 1 ? " and others" : "",
			      lookup->request.timeout / USEC_PER_MSEC);
}

static int on_timer(sd_event_source *source, uint64_t time, void *userdata)
{
	struct lookup *lookup = userdata;
	usec_t now = clock_boottime_usec();

	for (unsigned i = 0; i < lookup->asked && !lookup->settled; i++)
		if (!lookup->questions[i].over)
			ares_process_fd(lookup->questions[i].channel, ARES_SOCKET_BAD,
					ARES_SOCKET_BAD);
	if (!lookup->settled && now < lookup->deadline && now >= lookup->next_server &&
	    lookup->asked < lookup->request.servers_count)
		lookup_ask(lookup);

	if (!lookup->settled && !lookup_all_over(lookup) && now >= lookup->deadline)
		lookup_time_out(lookup);
	else if (!lookup->settled && !lookup_all_over(lookup)) {
		lookup_continue(lookup);
		return 0;
	}
	lookup_finish(lookup);
	return 0;
}

/* An address is looked up by its reverse name. */
static const char *query_name(const struct lookup_request *request, char *buffer)
{
	struct ip_address address;

	if (request->type == DNS_TYPE_PTR &&
	    ip_address_parse(request->name, &address, NULL, NULL) == 0)
		return dns_reverse_name(&address, buffer);
	return request->name;
}

static int build_query(struct lookup *lookup, struct error *error)
{
	char reverse[DNS_NAME_TEXT_MAX];
	struct dns_query query = {
		.name = query_name(&lookup->request, reverse),
		.type = lookup->request.type,
		.recursion = lookup->request.recursion,
		.checking_disabled = lookup->request.checking_disabled,
		.dnssec = lookup->request.dnssec,
		.edns_size = EDNS_SIZE,
	};

	if (getrandom(&query.id, sizeof(query.id), 0) < 0)
		return error_set(error, ERROR_INTERNAL, NULL, "no random numbers: %s",
				 strerror(errno));
	lookup->query_size = dns_query_build(&query, lookup->query);
	if (lookup->query_size >= 0)
		return 0;
	error_set(error, ERROR_NAME_INVALID, "name", "\"%s\" is not a domain name",
		  lookup->request.name);
	error_hint(error, "labels of 1 to 63 bytes with dots between them, 253 bytes at most");
	return -EINVAL;
}

int lookup_start(struct lookup **ret, sd_event *event, const struct lookup_request *request,
		 lookup_done_t done, void *userdata, struct error *error)
{
	_cleanup_(lookup_cleanup) struct lookup *lookup = NULL;
	int r;

	r = request_check(request, error);
	if (r < 0)
		return r;
	lookup = calloc(1, sizeof(*lookup));
	if (!lookup)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "memory is exhausted");
	lookup->event = sd_event_ref(event);
	lookup->request = *request;
	lookup->result.request = &lookup->request;
	lookup->done = done;
	lookup->userdata = userdata;
	r = build_query(lookup, error);
	if (r < 0)
		return r;

	lookup->started = clock_boottime_usec();
	lookup->deadline = usec_add(lookup->started, request->timeout);
	lookup_ask(lookup);
	if (sd_event_add_time(event, &lookup->timer, CLOCK_BOOTTIME,
			      lookup_deadline(lookup, lookup->started), 1, on_timer, lookup) < 0)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "memory is exhausted");
	*ret = TAKE_PTR(lookup);
	return 0;
}
