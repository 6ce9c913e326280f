#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <string.h>

#include "dump.h"
#include "monitor.h"
#include "socket_owner.h"

#define OWNER_BUDGET (2 * USEC_PER_MSEC) /* of one event of the loop */

/* The kernel has one table for each protocol and family. */
static const struct {
	enum connection_protocol protocol;
	uint8_t ip_protocol, family;
} tables[] = {
	{CONNECTION_TCP, IPPROTO_TCP, AF_INET},
	{CONNECTION_TCP, IPPROTO_TCP, AF_INET6},
	{CONNECTION_UDP, IPPROTO_UDP, AF_INET},
	{CONNECTION_UDP, IPPROTO_UDP, AF_INET6},
};

struct connections_query {
	struct connection_filter filter;
	size_t keep; /* at most, of those that match */
	struct connections_result result;
	size_t allocated;
	size_t table; /* the one that is read now */
	struct dump *dump;
	struct socket_owner_search *search;
	sd_event *event;
	sd_event_source *portion; /* of the search */
	sd_event_source *timer;
	connections_done_t done;
	void *userdata;
};

void connections_cancel(struct connections_query *query)
{
	dump_cancel(query->dump);
	if (query->search)
		socket_owner_search_free(query->search);
	sd_event_source_disable_unref(query->portion);
	sd_event_source_disable_unref(query->timer);
	sd_event_unref(query->event);
	free(query->result.connections);
	free(query);
}

static void query_finish(struct connections_query *query, int r, const struct error *error)
{
	query->done(r, &query->result, error, query->userdata);
	connections_cancel(query);
}

static void query_fail(struct connections_query *query, int r)
{
	struct error error = {0};

	if (r == -ENOENT || r == -EOPNOTSUPP || r == -EPROTONOSUPPORT)
		r = error_set(&error, ERROR_KERNEL_UNSUPPORTED, NULL,
			      "the kernel lists no %s sockets (inet_diag is missing)",
			      connection_protocol_text(tables[query->table].protocol));
	else if (r == -ENOMEM)
		r = error_set(&error, ERROR_OUT_OF_MEMORY, NULL, "memory is exhausted");
	else
		r = error_set(&error, ERROR_KERNEL_REFUSED, NULL,
			      "the kernel does not list its sockets: %s", strerror(-r));
	query_finish(query, r, &error);
}

/* ---- the owners ---- */

static int compare_connections(const void *a, const void *b)
{
	const struct connection *first = a, *second = b;

	if (first->protocol != second->protocol)
		return first->protocol < second->protocol ? -1 : 1;
	if (first->state != second->state)
		return first->state < second->state ? -1 : 1;
	if (first->local_port != second->local_port)
		return first->local_port < second->local_port ? -1 : 1;
	return (first->remote_port > second->remote_port) -
	       (first->remote_port < second->remote_port);
}

/* Keeps those of the wanted process, and of them as many as were asked for. */
static void drop_other_processes(struct connections_query *query)
{
	struct connections_result *result = &query->result;
	size_t kept = 0;

	for (size_t i = 0; i < result->count; i++)
		if (result->connections[i].pid == query->filter.pid)
			result->connections[kept++] = result->connections[i];
	result->matched = kept;
	result->count = MIN(kept, (size_t)query->filter.limit);
}

static void query_succeed(struct connections_query *query)
{
	struct connections_result *result = &query->result;
	static const struct error none;

	if (query->search)
		result->processes_hidden = socket_owner_search_hidden(query->search);
	if (result->count > 0)
		qsort(result->connections, result->count, sizeof(result->connections[0]),
		      compare_connections);
	if (query->filter.pid)
		drop_other_processes(query);
	query_finish(query, 0, &none);
}

static int on_portion(sd_event_source *source, void *userdata)
{
	struct connections_query *query = userdata;

	if (socket_owner_search_step(query->search, OWNER_BUDGET) == 0)
		query_succeed(query);
	return 0;
}

static int search_owners(struct connections_query *query)
{
	int r;

	r = socket_owner_search_new(&query->search, query->result.connections, query->result.count,
				    query->filter.pid);
	if (r < 0)
		return r;
	r = sd_event_add_defer(query->event, &query->portion, on_portion, query);
	if (r < 0)
		return r;
	/* Whatever else the loop has to do comes first. */
	r = sd_event_source_set_priority(query->portion, SD_EVENT_PRIORITY_IDLE);
	if (r < 0)
		return r;
	return sd_event_source_set_enabled(query->portion, SD_EVENT_ON);
}

/* ---- the tables ---- */

static int result_keep(struct connections_query *query, const struct connection *connection)
{
	struct connections_result *result = &query->result;

	result->matched++;
	if (result->count >= query->keep)
		return 0;
	if (result->count == query->allocated) {
		size_t allocated = MAX(query->allocated * 2, (size_t)64);
		struct connection *grown =
			reallocarray(result->connections, allocated, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		result->connections = grown;
		query->allocated = allocated;
	}
	result->connections[result->count++] = *connection;
	return 0;
}

static int on_message(const struct nlmsghdr *message, void *userdata)
{
	struct connections_query *query = userdata;
	struct connection connection;

	if (connection_parse(message, tables[query->table].protocol, &connection) < 0)
		return -EBADMSG;
	query->result.seen++;
	if (!connection_matches(&connection, &query->filter))
		return 0;
	return result_keep(query, &connection);
}

static void query_read_next(struct connections_query *query);

static void on_table_done(int r, bool interrupted, void *userdata)
{
	struct connections_query *query = userdata;

	/* It is freed by itself after this. */
	query->dump = NULL;
	query->result.interrupted |= interrupted;
	/* A kernel without IPv6, or without udp_diag, has nothing to list there. */
	if (r < 0 && (query->table == 0 || (r != -ENOENT && r != -EOPNOTSUPP))) {
		query_fail(query, r);
		return;
	}
	query->table++;
	query_read_next(query);
}

static const struct dump_handlers table_handlers = {.message = on_message, .done = on_table_done};

static bool table_is_wanted(const struct connections_query *query, size_t table)
{
	const struct connection_filter *filter = &query->filter;

	return (!filter->protocols || filter->protocols & 1u << tables[table].protocol) &&
	       (!filter->family || filter->family == tables[table].family);
}

static int table_read(struct connections_query *query)
{
	_Alignas(NLMSG_ALIGNTO) uint8_t buffer[128];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct inet_diag_req_v2 *request = mnl_nlmsg_put_extra_header(message, sizeof(*request));

	message->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	request->sdiag_family = tables[query->table].family;
	request->sdiag_protocol = tables[query->table].ip_protocol;
	request->idiag_states = query->filter.states ?: CONNECTION_STATES_ALL;
	if (tables[query->table].protocol == CONNECTION_TCP)
		request->idiag_ext = 1 << (INET_DIAG_INFO - 1);
	return dump_start(&query->dump, query->event, NETLINK_SOCK_DIAG, message, &table_handlers,
			  query);
}

/* Reads the next wanted table; behind the last one come the owners, or the end. */
static void query_read_next(struct connections_query *query)
{
	int r;

	while (query->table < ARRAY_SIZE(tables) && !table_is_wanted(query, query->table))
		query->table++;
	if (query->table < ARRAY_SIZE(tables)) {
		r = table_read(query);
	} else if (query->filter.owners) {
		r = search_owners(query);
	} else {
		query_succeed(query);
		return;
	}
	if (r < 0)
		query_fail(query, r);
}

static int on_timeout(sd_event_source *source, uint64_t time, void *userdata)
{
	struct connections_query *query = userdata;
	struct error error = {0};
	int r = error_set(&error, ERROR_TIMEOUT, NULL,
			  "the kernel's sockets were not all read in time (%zu were)",
			  query->result.seen);

	query_finish(query, r, &error);
	return 0;
}

int connections_start(struct connections_query **ret, sd_event *event,
		      const struct connection_filter *filter, usec_t timeout,
		      connections_done_t done, void *userdata, struct error *error)
{
	_cleanup_(connections_cleanup) struct connections_query *query = NULL;
	int r;

	if (filter->limit == 0 || filter->limit > CONNECTIONS_MAX)
		return error_set(error, ERROR_PARAMETER_RANGE, "limit",
				 "limit is outside of 1 to %d", CONNECTIONS_MAX);
	query = calloc(1, sizeof(*query));
	if (!query)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "memory is exhausted");
	query->event = sd_event_ref(event);
	query->filter = *filter;
	query->filter.owners |= filter->pid != 0;
	query->keep = filter->pid ? CONNECTIONS_MAX : filter->limit;
	query->done = done;
	query->userdata = userdata;
	while (query->table < ARRAY_SIZE(tables) && !table_is_wanted(query, query->table))
		query->table++;
	if (query->table == ARRAY_SIZE(tables))
		return error_set(error, ERROR_PARAMETER_RANGE, "protocol",
				 "there is no such protocol or family");

	/* Precise to a millisecond: 0 would stand for the loop's default of 250 ms. */
	r = sd_event_add_time_relative(event, &query->timer, CLOCK_BOOTTIME, timeout, USEC_PER_MSEC,
				       on_timeout, query);
	if (r >= 0)
		r = table_read(query);
	if (r < 0)
		return error_set(error, ERROR_KERNEL_REFUSED, NULL,
				 "cannot ask the kernel for its sockets: %s", strerror(-r));
	*ret = TAKE_PTR(query);
	return 0;
}
