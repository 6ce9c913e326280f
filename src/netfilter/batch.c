#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "netfilter-internal.h"
#include "netlink/attribute.h"

#define ANSWER_TIMEOUT	 (10 * USEC_PER_SEC)
#define RECEIVE_BUFFER	 (1024 * 1024) /* bytes: errors of some thousand messages */
#define SEND_BUFFER_MOST (1u << 30)

struct netfilter {
	struct netlink_socket *queries;
	struct mnl_socket *mnl;
	size_t send_buffer; /* bytes that the socket takes at once */
};

int netfilter_new(struct netfilter **ret)
{
	_cleanup_(netfilter_cleanup) struct netfilter *netfilter = calloc(1, sizeof(*netfilter));
	static const int options[] = {NETLINK_EXT_ACK, NETLINK_CAP_ACK};
	int one = 1, size = RECEIVE_BUFFER, r;

	if (!netfilter)
		return -ENOMEM;
	r = netlink_socket_new(&netfilter->queries, NETLINK_NETFILTER, ANSWER_TIMEOUT);
	if (r < 0)
		return r;
	netfilter->mnl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!netfilter->mnl || mnl_socket_bind(netfilter->mnl, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (mnl_socket_setsockopt(netfilter->mnl, options[i], &one, sizeof(one)) < 0 &&
		    errno != ENOPROTOOPT)
			return -errno;
	/* Without the right to it, the default has to do. */
	if (setsockopt(mnl_socket_get_fd(netfilter->mnl), SOL_SOCKET, SO_RCVBUFFORCE, &size,
		       sizeof(size)) < 0 &&
	    errno != EPERM)
		return -errno;
	*ret = TAKE_PTR(netfilter);
	return 0;
}

void netfilter_free(struct netfilter *netfilter)
{
	if (netfilter->queries)
		netlink_socket_free(netfilter->queries);
	if (netfilter->mnl)
		mnl_socket_close(netfilter->mnl);
	free(netfilter);
}

struct netlink_socket *netfilter_socket(struct netfilter *netfilter)
{
	return netfilter->queries;
}

struct nlmsghdr *netfilter_header(void *buffer, unsigned subsystem, uint16_t type, uint8_t family,
				  uint16_t flags)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct nfgenmsg *body;

	message->nlmsg_type = (uint16_t)(subsystem << 8 | type);
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	body = mnl_nlmsg_put_extra_header(message, sizeof(*body));
	body->nfgen_family = family;
	body->version = NFNETLINK_V0;
	return message;
}

struct nlmsghdr *netfilter_query_begin(void *buffer, uint16_t type, uint8_t family)
{
	return netfilter_header(buffer, NFNL_SUBSYS_NFTABLES, type, family, NLM_F_DUMP);
}

static int read_generation(const struct nlmsghdr *message, void *userdata)
{
	static const struct attribute rows[] = {
		[NFTA_GEN_ID] = {.type = ATTRIBUTE_U32, .size = sizeof(uint32_t)},
	};
	static const struct attribute_table table = ATTRIBUTE_TABLE(rows);
	struct cursor body = netfilter_attributes(message);
	uint32_t *generation = userdata;
	int r = attribute_read(body, &table, generation);

	*generation = ntohl(*generation);
	return r < 0 ? r : 1;
}

int netfilter_generation(struct netfilter *netfilter, uint32_t *ret)
{
	_Alignas(struct nlmsghdr) char buffer[128];
	struct nlmsghdr *message =
		netfilter_header(buffer, NFNL_SUBSYS_NFTABLES, NFT_MSG_GETGEN, NFPROTO_UNSPEC, 0);

	*ret = 0;
	return netlink_query(netfilter->queries, message, read_generation, ret);
}

/* ---- what goes into a batch ---- */

void netfilter_batch_clear(struct netfilter_batch *batch)
{
	free(batch->bytes);
	*batch = (struct netfilter_batch){0};
}

void *netfilter_batch_room(struct netfilter_batch *batch, size_t size)
{
	uint8_t *bytes;
	size_t room;

	if (!batch->failed && batch->room - batch->size < size) {
		room = MAX(batch->room * 2, batch->size + size);
		bytes = realloc(batch->bytes, room);
		if (bytes) {
			batch->bytes = bytes;
			batch->room = room;
		} else {
			batch->failed = true;
		}
	}
	return batch->failed ? NULL : batch->bytes + batch->size;
}

struct nlmsghdr *netfilter_batch_begin(struct netfilter_batch *batch, uint16_t type, uint8_t family,
				       uint16_t flags)
{
	void *room = netfilter_batch_room(batch, NETFILTER_MESSAGE_MAX);

	return room ? netfilter_header(room, NFNL_SUBSYS_NFTABLES, type, family, flags) : NULL;
}

void netfilter_batch_end(struct netfilter_batch *batch, struct nlmsghdr *message)
{
	/* The batch's own begin has number 0. */
	message->nlmsg_seq = ++batch->count;
	batch->size += NLMSG_ALIGN(message->nlmsg_len);
}

/* ---- sending it ---- */

struct verdict {
	int result;
	bool answered; /* the last message was acknowledged */
	uint32_t last;
	struct netfilter_refusal *refusal;
};

static int words_read(struct cursor payload, void *object)
{
	struct netfilter_refusal *refusal = object;

	snprintf(refusal->words, sizeof(refusal->words), "%.*s", (int)payload.size,
		 (const char *)payload.data);
	return 0;
}

static void take_words(const struct nlmsghdr *message, struct netfilter_refusal *refusal)
{
	static const struct attribute rows[] = {
		[NLMSGERR_ATTR_MSG] = ATTRIBUTE_CALLED(words_read),
	};
	static const struct attribute_table table = ATTRIBUTE_TABLE(rows);
	struct cursor body = CURSOR(message + 1, message->nlmsg_len - sizeof(*message));

	cursor_skip(&body, sizeof(struct nlmsgerr));
	/* Words are for people; what cannot be read of them changes nothing. */
	if (cursor_ok(&body) && message->nlmsg_flags & NLM_F_ACK_TLVS &&
	    message->nlmsg_flags & NLM_F_CAPPED)
		(void)attribute_read(cursor_sub(&body, cursor_left(&body)), &table, refusal);
}

static void take_answer(const struct nlmsghdr *message, struct verdict *verdict)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);

	if (message->nlmsg_type != NLMSG_ERROR || message->nlmsg_len < NLMSG_LENGTH(sizeof(*error)))
		return;
	if (error->error == 0) {
		verdict->answered |= message->nlmsg_seq == verdict->last;
		return;
	}
	verdict->answered = true;
	if (verdict->result < 0)
		return;
	verdict->result = error->error;
	if (!verdict->refusal)
		return;
	verdict->refusal->message = message->nlmsg_seq ? message->nlmsg_seq - 1 : UINT32_MAX;
	take_words(message, verdict->refusal);
}

/* All was queued inside sendmsg(): what is not there does not come. */
static int take_answers(struct netfilter *netfilter, struct verdict *verdict)
{
	_Alignas(struct nlmsghdr) char buffer[16384];

	for (;;) {
		ssize_t length = mnl_socket_recvfrom(netfilter->mnl, buffer, sizeof(buffer));
		const struct nlmsghdr *message = (const struct nlmsghdr *)buffer;
		int left = (int)length;

		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0 && errno == EAGAIN)
			return verdict->answered ? verdict->result : -ENODATA;
		if (length < 0 && errno != ENOBUFS)
			return -errno;
		for (; length > 0 && mnl_nlmsg_ok(message, left);
		     message = mnl_nlmsg_next(message, &left))
			take_answer(message, verdict);
	}
}

static int make_room(struct netfilter *netfilter, size_t size)
{
	int fd = mnl_socket_get_fd(netfilter->mnl);
	int room = (int)MIN(size, SEND_BUFFER_MOST);

	if (size <= netfilter->send_buffer)
		return 0;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) < 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)) < 0)
		return -errno;
	netfilter->send_buffer = size;
	return 0;
}

static struct nlmsghdr *frame(void *buffer, uint16_t type, uint32_t sequence)
{
	struct nlmsghdr *message =
		netfilter_header(buffer, NFNL_SUBSYS_NONE, type, NFPROTO_UNSPEC, 0);
	struct nfgenmsg *body = mnl_nlmsg_get_payload(message);

	message->nlmsg_seq = sequence;
	body->res_id = htons(NFNL_SUBSYS_NFTABLES);
	return message;
}

/* Older kernels acknowledge no end of a batch, so the last message of ours asks for it. */
static void ask_for_answer(const struct netfilter_batch *batch)
{
	uint8_t *at = batch->bytes;

	for (uint32_t i = 1; i < batch->count; i++)
		at += NLMSG_ALIGN(((struct nlmsghdr *)at)->nlmsg_len);
	((struct nlmsghdr *)at)->nlmsg_flags |= NLM_F_ACK;
}

int netfilter_commit(struct netfilter *netfilter, const struct netfilter_batch *batch,
		     uint32_t generation, struct netfilter_refusal *ret)
{
	_Alignas(struct nlmsghdr) char first[64], last[64];
	struct nlmsghdr *begin = frame(first, NFNL_MSG_BATCH_BEGIN, 0);
	struct nlmsghdr *end = frame(last, NFNL_MSG_BATCH_END, batch->count + 1);
	struct verdict verdict = {.last = batch->count, .refusal = ret};
	struct iovec parts[] = {
		{.iov_base = begin, .iov_len = 0},
		{.iov_base = batch->bytes, .iov_len = batch->size},
		{.iov_base = end, .iov_len = end->nlmsg_len},
	};
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct msghdr message = {
		.msg_name = &kernel,
		.msg_namelen = sizeof(kernel),
		.msg_iov = parts,
		.msg_iovlen = ARRAY_SIZE(parts),
	};
	int r;

	if (ret)
		*ret = (struct netfilter_refusal){.message = UINT32_MAX};
	if (batch->failed)
		return -ENOMEM;
	if (batch->count == 0)
		return 0;
	if (generation)
		mnl_attr_put_u32(begin, NFNL_BATCH_GENID, htonl(generation));
	parts[0].iov_len = begin->nlmsg_len;
	ask_for_answer(batch);
	r = make_room(netfilter, batch->size + sizeof(first) + sizeof(last));
	if (r < 0)
		return r;
	if (sendmsg(mnl_socket_get_fd(netfilter->mnl), &message, 0) < 0)
		return -errno;
	r = take_answers(netfilter, &verdict);
	return r == -ERESTART ? -EAGAIN : r;
}
