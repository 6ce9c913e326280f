#include <sys/socket.h>
#include <sys/time.h>

#include "attribute.h"
#include "netlink.h"
#include "parse.h"

#define BUFFER_SIZE	(32u * 1024) /* the largest datagram that a dump makes by itself */
#define BUFFER_SIZE_MAX (1024u * 1024)

struct netlink_socket {
	struct mnl_socket *mnl;
	uint32_t sequence;
	size_t size;
	uint8_t *buffer;
	char words[160];
};

static int enable(struct mnl_socket *mnl, int option)
{
	int one = 1;

	/* Each is younger than the protocol; an older kernel only says less. */
	if (mnl_socket_setsockopt(mnl, option, &one, sizeof(one)) < 0 && errno != ENOPROTOOPT)
		return -errno;
	return 0;
}

int netlink_socket_new(struct netlink_socket **ret, int protocol, usec_t timeout)
{
	static const int options[] = {NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK};
	_cleanup_(netlink_socket_cleanup) struct netlink_socket *socket =
		calloc(1, sizeof(*socket));
	struct timeval limit = {
		.tv_sec = timeout / USEC_PER_SEC,
		.tv_usec = timeout % USEC_PER_SEC,
	};
	int r;

	if (!socket)
		return -ENOMEM;
	socket->size = BUFFER_SIZE;
	socket->buffer = malloc(socket->size);
	if (!socket->buffer)
		return -ENOMEM;
	socket->mnl = mnl_socket_open2(protocol, SOCK_CLOEXEC);
	if (!socket->mnl)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		r = enable(socket->mnl, options[i]);
		if (r < 0)
			return r;
	}
	if (setsockopt(mnl_socket_get_fd(socket->mnl), SOL_SOCKET, SO_RCVTIMEO, &limit,
		       sizeof(limit)) < 0 ||
	    mnl_socket_bind(socket->mnl, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	*ret = TAKE_PTR(socket);
	return 0;
}

void netlink_socket_free(struct netlink_socket *socket)
{
	if (socket->mnl)
		mnl_socket_close(socket->mnl);
	free(socket->buffer);
	free(socket);
}

const char *netlink_socket_words(const struct netlink_socket *socket)
{
	return socket->words;
}

/* ---- the answer ---- */

struct answer {
	uint32_t first;	 /* sequence number of the first request; the socket's own is the last */
	unsigned failed; /* index of the first request that was refused with `result` */
	netlink_receive_t receive;
	void *userdata;
	int received;	  /* what `receive` returned */
	bool interrupted; /* what was received is not one state of the kernel */
	bool finished;
	int result; /* of the kernel */
};

static int read_words(struct cursor payload, void *object)
{
	struct netlink_socket *socket = object;

	snprintf(socket->words, sizeof(socket->words), "%.*s", (int)payload.size,
		 (const char *)payload.data);
	return 0;
}

static const struct attribute acknowledgement_rows[] = {
	[NLMSGERR_ATTR_MSG] = ATTRIBUTE_CALLED(read_words),
};
static const struct attribute_table acknowledgement_table = ATTRIBUTE_TABLE(acknowledgement_rows);

static int answer_acknowledged(struct netlink_socket *socket, const struct nlmsghdr *message)
{
	struct cursor body = CURSOR(message + 1, message->nlmsg_len - sizeof(*message));
	struct nlmsgerr error;

	cursor_copy(&body, &error, sizeof(error));
	if (!cursor_ok(&body))
		return -EBADMSG;
	/* Unless capped, the request's own payload stands between. */
	if (!(message->nlmsg_flags & NLM_F_CAPPED))
		cursor_skip(&body,
			    MIN(cursor_left(&body), error.msg.nlmsg_len - sizeof(error.msg)));
	if (message->nlmsg_flags & NLM_F_ACK_TLVS)
		(void)attribute_read(cursor_sub(&body, cursor_left(&body)), &acknowledgement_table,
				     socket);
	return error.error;
}

static void answer_message(struct netlink_socket *socket, const struct nlmsghdr *message,
			   struct answer *answer)
{
	uint32_t index = message->nlmsg_seq - answer->first;

	if (index > socket->sequence - answer->first)
		return;
	if (message->nlmsg_flags & NLM_F_DUMP_INTR)
		answer->interrupted = true;
	if (message->nlmsg_type == NLMSG_ERROR) {
		if (!answer->result) {
			answer->result = answer_acknowledged(socket, message);
			answer->failed = index;
		}
		answer->finished = message->nlmsg_seq == socket->sequence;
	} else if (message->nlmsg_type == NLMSG_DONE) {
		answer->result = parse_error(message);
		answer->finished = true;
	} else if (message->nlmsg_type >= NLMSG_MIN_TYPE && answer->receive && !answer->received) {
		answer->received = answer->receive(message, answer->userdata);
	}
}

/* What was cut off is lost: the caller has to ask again, and then it fits. */
static int answer_truncated(struct netlink_socket *socket, size_t length, struct answer *answer)
{
	uint8_t *buffer;

	if (length > BUFFER_SIZE_MAX)
		return -EMSGSIZE;
	buffer = realloc(socket->buffer, length);
	if (!buffer)
		return -ENOMEM;
	socket->buffer = buffer;
	socket->size = length;
	answer->interrupted = true;
	return 0;
}

static int answer_datagram(struct netlink_socket *socket, struct answer *answer)
{
	struct sockaddr_nl from = {};
	struct iovec vector = {.iov_base = socket->buffer, .iov_len = socket->size};
	struct msghdr header = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &vector,
		.msg_iovlen = 1,
	};
	ssize_t length;
	int left;

	do {
		length = recvmsg(mnl_socket_get_fd(socket->mnl), &header, MSG_TRUNC);
	} while (length < 0 && errno == EINTR);
	if (length < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	if (from.nl_pid != 0)
		return 0;
	if (header.msg_flags & MSG_TRUNC)
		return answer_truncated(socket, (size_t)length, answer);

	left = (int)length;
	for (const struct nlmsghdr *message = (const void *)socket->buffer;
	     mnl_nlmsg_ok(message, left) && !answer->finished;
	     message = mnl_nlmsg_next(message, &left))
		answer_message(socket, message, answer);
	return 0;
}

int netlink_query(struct netlink_socket *socket, struct nlmsghdr *message,
		  netlink_receive_t receive, void *userdata)
{
	struct answer answer = {.receive = receive, .userdata = userdata};
	bool dump = (message->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
	int r = 0;

	/* A dump is ended by NLMSG_DONE; SOCK_DIAG would acknowledge it before. */
	message->nlmsg_flags |= NLM_F_REQUEST | (dump ? 0 : NLM_F_ACK);
	message->nlmsg_seq = answer.first = ++socket->sequence;
	socket->words[0] = '\0';
	if (mnl_socket_sendto(socket->mnl, message, message->nlmsg_len) < 0)
		return -errno;
	while (!answer.finished && r == 0)
		r = answer_datagram(socket, &answer);
	if (r < 0)
		return r;
	if (answer.result < 0)
		return answer.result;
	if (answer.received)
		return answer.received;
	return answer.interrupted ? -EAGAIN : 0;
}

int netlink_request(struct netlink_socket *socket, struct nlmsghdr *message)
{
	return netlink_query(socket, message, NULL, NULL);
}

/* ---- many at once ---- */

int netlink_batch_add(struct netlink_batch *batch, const struct nlmsghdr *message)
{
	size_t room = NLMSG_ALIGN(message->nlmsg_len);

	if (!batch->messages) {
		batch->messages = malloc(BUFFER_SIZE);
		if (!batch->messages)
			return -ENOMEM;
	}
	if (batch->count == NETLINK_BATCH_MOST || room > BUFFER_SIZE - batch->length)
		return -EMSGSIZE;
	memset(batch->messages + batch->length, 0, room);
	memcpy(batch->messages + batch->length, message, message->nlmsg_len);
	batch->length += room;
	batch->count++;
	return 0;
}

void netlink_batch_clear(struct netlink_batch *batch)
{
	free(batch->messages);
	*batch = (struct netlink_batch){0};
}

/* Numbers the messages. What fails is answered in any case, so the last alone asks for it. */
static void batch_number(struct netlink_socket *socket, struct netlink_batch *batch)
{
	struct nlmsghdr *message = NULL;

	for (size_t at = 0; at < batch->length; at += NLMSG_ALIGN(message->nlmsg_len)) {
		message = (void *)(batch->messages + at);
		message->nlmsg_flags |= NLM_F_REQUEST;
		message->nlmsg_flags &= (uint16_t)~NLM_F_ACK;
		message->nlmsg_seq = ++socket->sequence;
	}
	message->nlmsg_flags |= NLM_F_ACK;
}

int netlink_batch_send(struct netlink_socket *socket, struct netlink_batch *batch,
		       unsigned *ret_failed)
{
	struct answer answer = {.first = socket->sequence + 1};
	int r = 0;

	*ret_failed = 0;
	if (!batch->count)
		return 0;
	batch_number(socket, batch);
	socket->words[0] = '\0';
	if (mnl_socket_sendto(socket->mnl, batch->messages, batch->length) < 0)
		r = -errno;
	batch->length = 0;
	batch->count = 0;
	while (!answer.finished && r == 0)
		r = answer_datagram(socket, &answer);
	if (r == 0) {
		r = answer.result;
		*ret_failed = answer.failed;
	}
	return r;
}
