/*
 * Entries of dumps and announcements share one socket, so that they come in one order. One gap is
 * left: the kernel writes a datagram of a dump without the lock that changes are made under, and
 * what changes meanwhile is queued before it. So what was announced since the last datagram of the
 * running dump is remembered, and the next one's word on it is passed on as perhaps outdated.
 */
#include <poll.h>
#include <sys/socket.h>

#include "announced.h"
#include "attribute.h"
#include "filter.h"
#include "netlink.h"
#include "parse.h"
#include "resync.h"

#define BUFFER_SIZE	(32u * 1024) /* the kernel makes no larger datagrams in a dump by itself */
#define BUFFER_SIZE_MAX (1024u * 1024)

#define DISPATCH_TIME (1 * USEC_PER_MSEC) /* that a turn of the loop may take */
#define DRAIN_TIME    (100 * USEC_PER_MSEC)

#define RECEIVE_BUFFER (1024 * 1024)

struct netlink_monitor {
	struct netlink_monitor_handlers handlers;
	void *userdata;

	struct mnl_socket *mnl;
	sd_event *event;
	sd_event_source *readable;
	sd_event_source *timer;
	usec_t armed; /* when the timer fires, USEC_INFINITY while it is off */

	struct filter filter;
	struct resync resync;
	bool busy; /* in a handler */
	uint32_t sequence;
	struct announced announced; /* of the kind being dumped, since its last datagram */

	uint8_t *buffer;
	size_t size;
	struct netlink_monitor_statistics statistics;
};

/* ---- what is left out ---- */

int netlink_monitor_follow_neighbours(struct netlink_monitor *monitor,
				      const struct ip_address *addresses, size_t count)
{
	int r = filter_follow(&monitor->filter, addresses, count);
	int fd = mnl_socket_get_fd(monitor->mnl);

	return r < 0 ? r : filter_attach_soon(&monitor->filter, monitor->event, fd);
}

/* ---- losses ---- */

/* The kinds that the mirror keeps any of. */
static unsigned monitor_kinds(const struct netlink_monitor *monitor)
{
	return monitor->filter.followed_count ? RESYNC_ALL : RESYNC_ALL & ~(1u << OBJECT_NEIGHBOUR);
}

static void monitor_lost(struct netlink_monitor *monitor, unsigned kinds, const char *reason)
{
	kinds &= monitor_kinds(monitor);
	if (resync_lost(&monitor->resync, kinds, clock_boottime_usec()) && monitor->handlers.lost)
		monitor->handlers.lost(reason, monitor->userdata);
}

/* From here on the mirror is not the whole, which whoever relies on it learns by the end of a
 * resynchronisation. Without a filter it is right, only not as cheap. */
static void monitor_leave_out(struct netlink_monitor *monitor)
{
	int r;

	monitor->filter.leaves_out = true;
	r = filter_attach(&monitor->filter, mnl_socket_get_fd(monitor->mnl));
	if (r < 0)
		log_notice("netlink: routes are not filtered: %s", strerror(-r));
	monitor_lost(monitor, 1u << OBJECT_ROUTE, "some routes are left out from here on");
}

void netlink_monitor_leave_out(struct netlink_monitor *monitor, uint8_t protocol)
{
	monitor->filter.kept[protocol] = false;
	monitor_leave_out(monitor);
}

const struct filter *netlink_monitor_filter(const struct netlink_monitor *monitor)
{
	return &monitor->filter;
}

/* ---- dumps ---- */

static int monitor_start_dump(struct netlink_monitor *monitor, enum object_kind kind)
{
	uint8_t buffer[NETLINK_MESSAGE_MAX];
	struct nlmsghdr *message = netlink_build_dump(buffer, kind, 0);
	ssize_t sent;

	message->nlmsg_seq = ++monitor->sequence;
	announced_clear(&monitor->announced);
	resync_started(&monitor->resync, kind, clock_boottime_usec());
	monitor->handlers.dump_begins(kind, monitor->userdata);
	do {
		sent = mnl_socket_sendto(monitor->mnl, message, message->nlmsg_len);
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

static void monitor_end_dump(struct netlink_monitor *monitor)
{
	enum object_kind kind = (enum object_kind)monitor->resync.running;

	if (!resync_is_tainted(&monitor->resync))
		monitor->handlers.dump_ends(kind, monitor->userdata);
	if (!resync_ended(&monitor->resync, clock_boottime_usec()))
		return;
	monitor->statistics.resynchronisations++;
	monitor->handlers.synchronised(monitor->userdata);
}

static void monitor_repeat_dump(struct netlink_monitor *monitor, const char *reason)
{
	monitor_lost(monitor, 1u << monitor->resync.running, reason);
}

/*
 * The kernel answers EOPNOTSUPP where it was built without this kind (rules, IPv6): then there is
 * none. ENOBUFS says that it could not write the first datagram because the socket was full; the
 * dump is under way all the same, and its end comes.
 */
static void monitor_dump_refused(struct netlink_monitor *monitor, int error)
{
	if (error == 0 || error == -ENOBUFS)
		return;
	if (error != -EOPNOTSUPP) {
		monitor->statistics.refused++;
		monitor_repeat_dump(monitor, "a dump was refused");
	}
	monitor_end_dump(monitor);
}

/* ---- messages ---- */

static bool is_removal(uint16_t type)
{
	/* Of each four numbers the first creates and the second deletes (rtnetlink.h). */
	return (type - RTM_BASE) % 4 == 1;
}

static enum netlink_announcement announcement(struct netlink_monitor *monitor,
					      const struct nlmsghdr *message, bool dumped,
					      enum object_kind kind, const union object *object)
{
	bool running = (int)kind == monitor->resync.running;

	if (dumped)
		return running && announced_has(&monitor->announced, object_hash(kind, object))
			       ? NETLINK_OUTDATED
			       : NETLINK_DUMPED;
	if (running)
		announced_add(&monitor->announced, object_hash(kind, object));
	if (is_removal(message->nlmsg_type))
		return NETLINK_GONE;
	return message->nlmsg_flags & NLM_F_REPLACE ? NETLINK_REPLACES : NETLINK_ANNOUNCED;
}

static void monitor_object(struct netlink_monitor *monitor, const struct nlmsghdr *message,
			   bool dumped)
{
	union object object;
	enum object_kind kind;
	int r;

	if (!monitor->filter.leaves_out && filter_leaves_out(&monitor->filter, message))
		monitor_leave_out(monitor);
	if (!filter_passes(&monitor->filter, message))
		return;
	r = netlink_parse(message, &kind, &object);
	if (r < 0)
		monitor->statistics.malformed++;
	if (r != 0)
		return;
	monitor->handlers.object(kind, &object,
				 announcement(monitor, message, dumped, kind, &object),
				 monitor->userdata);
}

static void monitor_dump_message(struct netlink_monitor *monitor, const struct nlmsghdr *message)
{
	int error;

	if (message->nlmsg_flags & NLM_F_DUMP_INTR && !resync_is_tainted(&monitor->resync)) {
		monitor->statistics.interrupted++;
		monitor_repeat_dump(monitor, "a dump was interrupted");
	}
	switch (message->nlmsg_type) {
	case NLMSG_ERROR:
		monitor_dump_refused(monitor, parse_error(message));
		break;
	case NLMSG_DONE:
		error = parse_error(message);
		if (error < 0)
			monitor_dump_refused(monitor, error);
		else
			monitor_end_dump(monitor);
		break;
	default:
		monitor_object(monitor, message, true);
	}
}

/* Announcements carry the port and sequence number of whoever made the change, which may equal ours
 * by chance: only an answer to us is marked as one part of many, or is an error. */
static bool is_answer(const struct netlink_monitor *monitor, const struct nlmsghdr *message)
{
	return message->nlmsg_pid == mnl_socket_get_portid(monitor->mnl) &&
	       (message->nlmsg_flags & NLM_F_MULTI || message->nlmsg_type < NLMSG_MIN_TYPE);
}

/* Returns true for a message of the running dump. */
static bool monitor_message(struct netlink_monitor *monitor, const struct nlmsghdr *message)
{
	monitor->statistics.messages++;
	if (is_answer(monitor, message)) {
		/* Dumps that were given up may still be talking. */
		if (message->nlmsg_seq != monitor->sequence || monitor->resync.running < 0)
			return false;
		monitor_dump_message(monitor, message);
		return true;
	}
	if (message->nlmsg_type == RTM_DELNEXTHOP)
		monitor->handlers.nexthop_gone(monitor->userdata);
	else
		monitor_object(monitor, message, false);
	return false;
}

/* ---- datagrams ---- */

static void monitor_truncated(struct netlink_monitor *monitor, size_t length)
{
	uint8_t *buffer;

	monitor->statistics.truncated++;
	monitor_lost(monitor, RESYNC_ALL, "a datagram was truncated");
	if (length > BUFFER_SIZE_MAX)
		return;
	buffer = realloc(monitor->buffer, length);
	if (!buffer)
		return;
	monitor->buffer = buffer;
	monitor->size = length;
}

static void monitor_receive_failed(struct netlink_monitor *monitor, int error)
{
	if (error == ENOBUFS)
		monitor->statistics.overruns++;
	monitor_lost(monitor, RESYNC_ALL,
		     error == ENOBUFS ? "the receive buffer overran" : strerror(error));
}

static void monitor_datagram(struct netlink_monitor *monitor, size_t length)
{
	bool dumped = false;
	int left = (int)length;

	for (const struct nlmsghdr *message = (const void *)monitor->buffer;
	     mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
		dumped |= monitor_message(monitor, message);
	if (!dumped)
		return;
	announced_clear(&monitor->announced);
	resync_heard(&monitor->resync, clock_boottime_usec());
}

/* Reads one datagram. Returns 1, or 0 when there is none. */
static int monitor_receive(struct netlink_monitor *monitor)
{
	struct sockaddr_nl from = {};
	struct iovec vector = {.iov_base = monitor->buffer, .iov_len = monitor->size};
	struct msghdr header = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &vector,
		.msg_iovlen = 1,
	};
	ssize_t length =
		recvmsg(mnl_socket_get_fd(monitor->mnl), &header, MSG_DONTWAIT | MSG_TRUNC);

	if (length < 0 && errno == EAGAIN) {
		resync_emptied(&monitor->resync);
		return 0;
	}
	resync_read(&monitor->resync);
	if (length < 0 && errno != EINTR)
		monitor_receive_failed(monitor, errno);
	else if (length > 0 && header.msg_flags & MSG_TRUNC)
		monitor_truncated(monitor, (size_t)length);
	else if (length > 0 && from.nl_pid == 0)
		monitor_datagram(monitor, (size_t)length);
	return 1;
}

/* ---- the two in turn ---- */

static void monitor_step(struct netlink_monitor *monitor)
{
	int kind = resync_next(&monitor->resync, clock_boottime_usec());

	/* A request that was not even sent is as good as one that was refused. */
	if (kind >= 0 && monitor_start_dump(monitor, (enum object_kind)kind) < 0)
		monitor_dump_refused(monitor, -EIO);
}

static void monitor_arm(struct netlink_monitor *monitor)
{
	usec_t deadline = resync_deadline(&monitor->resync);

	/* A timer that is early only looks again; one that need not fire is switched off. */
	if (deadline >= monitor->armed && deadline != USEC_INFINITY)
		return;
	if (deadline == monitor->armed)
		return;
	if (sd_event_source_set_time(monitor->timer, deadline) < 0 ||
	    sd_event_source_set_enabled(monitor->timer, deadline == USEC_INFINITY
								? SD_EVENT_OFF
								: SD_EVENT_ONESHOT) < 0)
		log_error("netlink: the resynchronisation timer cannot be set");
	monitor->armed = deadline;
}

void netlink_monitor_doubt(struct netlink_monitor *monitor, enum object_kind kind,
			   const char *reason)
{
	monitor->statistics.doubts++;
	monitor_lost(monitor, 1u << kind, reason);
	if (!monitor->busy)
		monitor_arm(monitor);
}

/* Reads for `budget` at most, and begins the dumps that are due. Returns 1 when there may be more.
 */
static int monitor_advance(struct netlink_monitor *monitor, usec_t budget)
{
	usec_t limit;
	bool more = true;

	if (monitor->busy)
		return -EBUSY;
	monitor->busy = true;
	if (resync_expire(&monitor->resync, clock_boottime_usec()))
		monitor->statistics.stalled++;
	limit = clock_boottime_usec() + budget;
	while (more && clock_boottime_usec() < limit) {
		if (monitor_receive(monitor))
			continue;
		more = resync_next(&monitor->resync, clock_boottime_usec()) >= 0;
		monitor_step(monitor);
	}
	monitor->busy = false;
	monitor_arm(monitor);
	return more;
}

static int on_readable(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	(void)monitor_advance(userdata, DISPATCH_TIME);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct netlink_monitor *monitor = userdata;

	monitor->armed = USEC_INFINITY;
	(void)monitor_advance(monitor, DISPATCH_TIME);
	return 0;
}

int netlink_monitor_drain(struct netlink_monitor *monitor)
{
	int r = monitor_advance(monitor, DRAIN_TIME);

	if (r != 0)
		return r;
	return !resync_is_synchronised(&monitor->resync);
}

bool netlink_monitor_knows(const struct netlink_monitor *monitor, enum object_kind kind)
{
	return resync_knows(&monitor->resync, kind);
}

int netlink_monitor_wait_synchronised(struct netlink_monitor *monitor, usec_t timeout)
{
	usec_t limit = usec_add(clock_boottime_usec(), timeout);

	for (;;) {
		struct pollfd readable = {.fd = mnl_socket_get_fd(monitor->mnl), .events = POLLIN};
		usec_t now, wake;
		int r = netlink_monitor_drain(monitor);

		if (r <= 0)
			return r;
		now = clock_boottime_usec();
		if (now >= limit)
			return -ETIMEDOUT;
		wake = MIN(limit, resync_deadline(&monitor->resync));
		if (poll(&readable, 1,
			 (int)((usec_sub(wake, now) + USEC_PER_MSEC - 1) / USEC_PER_MSEC)) < 0 &&
		    errno != EINTR)
			return -errno;
	}
}

const struct netlink_monitor_statistics *netlink_monitor_statistics(
	const struct netlink_monitor *monitor)
{
	return &monitor->statistics;
}

/* ---- life ---- */

static int monitor_open(struct netlink_monitor *monitor, int receive_buffer)
{
	static const unsigned groups[] = {
		RTNLGRP_LINK,	     RTNLGRP_NEIGH,	 RTNLGRP_IPV4_IFADDR,
		RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,
		RTNLGRP_IPV4_RULE,   RTNLGRP_IPV6_RULE,	 RTNLGRP_NEXTHOP,
	};
	unsigned mask = 0;
	int one = 1, r;

	if (receive_buffer <= 0)
		receive_buffer = RECEIVE_BUFFER;
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		mask |= 1u << (groups[i] - 1);
	monitor->mnl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!monitor->mnl)
		return -errno;
	if (mnl_socket_setsockopt(monitor->mnl, NETLINK_GET_STRICT_CHK, &one, sizeof(one)) < 0 &&
	    errno != ENOPROTOOPT)
		return -errno;
	if (setsockopt(mnl_socket_get_fd(monitor->mnl), SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer,
		       sizeof(receive_buffer)) < 0 &&
	    setsockopt(mnl_socket_get_fd(monitor->mnl), SOL_SOCKET, SO_RCVBUF, &receive_buffer,
		       sizeof(receive_buffer)) < 0)
		return -errno;
	r = filter_attach(&monitor->filter, mnl_socket_get_fd(monitor->mnl));
	if (r < 0)
		return r;
	return mnl_socket_bind(monitor->mnl, mask, MNL_SOCKET_AUTOPID) < 0 ? -errno : 0;
}

static int monitor_attach(struct netlink_monitor *monitor, sd_event *event)
{
	int r;

	monitor->event = sd_event_ref(event);
	r = sd_event_add_io(event, &monitor->readable, mnl_socket_get_fd(monitor->mnl), EPOLLIN,
			    on_readable, monitor);
	if (r < 0)
		return r;
	/* The first dump begins with the loop: the caller is not ready for it yet. */
	return sd_event_add_time(event, &monitor->timer, CLOCK_BOOTTIME, 0, 1, on_timer, monitor);
}

DEFINE_CLEANUP(struct netlink_monitor *, monitor_cleanup, netlink_monitor_free)

int netlink_monitor_new(struct netlink_monitor **ret, sd_event *event, int receive_buffer,
			const struct netlink_monitor_handlers *handlers, void *userdata)
{
	_cleanup_(monitor_cleanup) struct netlink_monitor *monitor = calloc(1, sizeof(*monitor));
	int r;

	if (!monitor)
		return -ENOMEM;
	monitor->handlers = *handlers;
	monitor->userdata = userdata;
	monitor->size = BUFFER_SIZE;
	monitor->buffer = malloc(monitor->size);
	if (!monitor->buffer)
		return -ENOMEM;
	filter_init(&monitor->filter);
	resync_init(&monitor->resync, monitor_kinds(monitor));
	r = monitor_open(monitor, receive_buffer);
	if (r < 0)
		return r;
	r = monitor_attach(monitor, event);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(monitor);
	return 0;
}

void netlink_monitor_free(struct netlink_monitor *monitor)
{
	sd_event_source_disable_unref(monitor->readable);
	sd_event_source_disable_unref(monitor->timer);
	sd_event_unref(monitor->event);
	if (monitor->mnl)
		mnl_socket_close(monitor->mnl);
	filter_clear(&monitor->filter);
	free(monitor->buffer);
	free(monitor);
}
