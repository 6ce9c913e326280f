#include "dump.h"

#include <libmnl/libmnl.h>
#include <sys/socket.h>

#define BUFFER_SIZE (64u * 1024) /* the kernel never makes a larger datagram of a dump */
#define SEQUENCE    1

struct dump {
	int fd;
	sd_event_source *source;
	bool interrupted;
	const struct dump_handlers *handlers;
	void *userdata;
	_Alignas(NLMSG_ALIGNTO) uint8_t buffer[BUFFER_SIZE];
};

void dump_cancel(struct dump *dump)
{
	if (!dump)
		return;
	sd_event_source_disable_unref(dump->source);
	if (dump->fd >= 0)
		close(dump->fd);
	free(dump);
}

static void dump_finish(struct dump *dump, int r)
{
	dump->handlers->done(r, dump->interrupted, dump->userdata);
	dump_cancel(dump);
}

/* What NLMSG_DONE and NLMSG_ERROR carry: 0 or a negative errno first. */
static int dump_status(const struct nlmsghdr *message)
{
	int status = 0;

	if (mnl_nlmsg_get_payload_len(message) >= sizeof(status))
		memcpy(&status, mnl_nlmsg_get_payload(message), sizeof(status));
	return MIN(status, 0);
}

/* 0 to go on, 1 at the end, or a negative errno. */
static int dump_take(struct dump *dump, const struct nlmsghdr *message)
{
	int r;

	if (message->nlmsg_seq != SEQUENCE)
		return 0;
	if (message->nlmsg_flags & NLM_F_DUMP_INTR)
		dump->interrupted = true;
	if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR) {
		r = dump_status(message);
		return r < 0 ? r : 1;
	}
	if (message->nlmsg_type < NLMSG_MIN_TYPE)
		return 0;
	return dump->handlers->message(message, dump->userdata);
}

static int on_readable(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct dump *dump = userdata;
	struct sockaddr_nl from = {0};
	socklen_t length = sizeof(from);
	const struct nlmsghdr *message = (const struct nlmsghdr *)dump->buffer;
	ssize_t n = recvfrom(fd, dump->buffer, sizeof(dump->buffer), MSG_DONTWAIT | MSG_TRUNC,
			     (struct sockaddr *)&from, &length);
	int left, r = 0;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < 0 || (size_t)n > sizeof(dump->buffer)) {
		dump_finish(dump, n < 0 ? -errno : -EMSGSIZE);
		return 0;
	}
	/* Any process may write to a netlink socket: only the kernel is heard. */
	if (from.nl_pid != 0)
		return 0;

	for (left = (int)n; r == 0 && mnl_nlmsg_ok(message, left);
	     message = mnl_nlmsg_next(message, &left))
		r = dump_take(dump, message);
	if (r != 0)
		dump_finish(dump, MIN(r, 0));
	return 0;
}

int dump_start(struct dump **ret, sd_event *event, int protocol, struct nlmsghdr *request,
	       const struct dump_handlers *handlers, void *userdata)
{
	_cleanup_(dump_cleanup) struct dump *dump = malloc(sizeof(*dump));
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	int r;

	if (!dump)
		return -ENOMEM;
	/* All but the buffer, which need not be touched before it is used. */
	memset(dump, 0, offsetof(struct dump, buffer));
	dump->handlers = handlers;
	dump->userdata = userdata;
	dump->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	if (dump->fd < 0)
		return -errno;
	request->nlmsg_flags |= NLM_F_REQUEST | NLM_F_DUMP;
	request->nlmsg_seq = SEQUENCE;
	if (sendto(dump->fd, request, request->nlmsg_len, 0, (struct sockaddr *)&kernel,
		   sizeof(kernel)) < 0)
		return -errno;
	r = sd_event_add_io(event, &dump->source, dump->fd, EPOLLIN, on_readable, dump);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(dump);
	return 0;
}
