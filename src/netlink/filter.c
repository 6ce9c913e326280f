#include "filter.h"

#include <arpa/inet.h>
#include <linux/neighbour.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define NARROWING_DELAY (20 * USEC_PER_MSEC)

/* rtnetlink.h has names for what it knows of; keepalived configures as an administrator does. */
static const uint8_t kept_protocols[] = {
	RTPROT_UNSPEC, RTPROT_REDIRECT, RTPROT_KERNEL,	   RTPROT_BOOT,	     RTPROT_STATIC,
	RTPROT_RA,     RTPROT_DHCP,	RTPROT_KEEPALIVED, AIOSNET_PROTOCOL,
};

void filter_init(struct filter *filter)
{
	*filter = (struct filter){0};
	for (size_t i = 0; i < sizeof(kept_protocols); i++)
		filter->kept[kept_protocols[i]] = true;
}

bool filter_keeps_route(const struct filter *filter, const struct route *route)
{
	return route->destination.length == 0 || filter->kept[route->protocol];
}

/* ---- neighbours that are followed ---- */

static uint32_t last_word(const struct ip_address *address)
{
	uint32_t word;

	memcpy(&word, address->bytes + ip_family_bytes(address->family) - sizeof(word),
	       sizeof(word));
	return word;
}

void filter_clear(struct filter *filter)
{
	sd_event_source_disable_unref(filter->narrowing);
	free(filter->followed);
	filter->narrowing = NULL;
	filter->followed = NULL;
	filter->followed_count = 0;
}

int filter_follow(struct filter *filter, const struct ip_address *addresses, size_t count)
{
	uint32_t *followed = reallocarray(NULL, MAX(count, 1u), sizeof(*followed));

	if (!followed)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		followed[i] = last_word(&addresses[i]);
	free(filter->followed);
	filter->followed = followed;
	filter->followed_count = count;
	return 0;
}

/* ---- one message ---- */

/* The kernel states the neighbour's address in the first attribute (neigh_fill_info()). */
struct neighbour_message {
	struct nlmsghdr header;
	struct ndmsg body;
	struct nlattr attribute;
	uint32_t address[4];
};

#define NEIGHBOUR_WORD(index)                                                                      \
	(offsetof(struct neighbour_message, address) + (index) * sizeof(uint32_t))

struct route_message {
	struct nlmsghdr header;
	struct rtmsg body;
};

#define JOINS (NLM_F_REPLACE | NLM_F_APPEND)

/* The local table repeats the addresses; clones are the route cache's. */
static bool is_double(const struct rtmsg *body)
{
	return body->rtm_table == RT_TABLE_LOCAL || body->rtm_flags & RTM_F_CLONED;
}

static bool route_passes(const struct filter *filter, const struct nlmsghdr *header)
{
	struct route_message message;

	if (header->nlmsg_len < sizeof(message))
		return false;
	memcpy(&message, header, sizeof(message));
	if (is_double(&message.body))
		return false;
	if (!(header->nlmsg_flags & NLM_F_MULTI) && header->nlmsg_flags & JOINS)
		return true;
	return message.body.rtm_dst_len == 0 || filter->kept[message.body.rtm_protocol];
}

static bool neighbour_passes(const struct filter *filter, const struct nlmsghdr *header)
{
	struct neighbour_message message = {0};
	bool long_address;

	memcpy(&message, header, MIN(header->nlmsg_len, sizeof(message)));
	if (message.body.ndm_family != AF_INET && message.body.ndm_family != AF_INET6)
		return false;
	long_address = message.body.ndm_family == AF_INET6;
	if (header->nlmsg_len < NEIGHBOUR_WORD(long_address ? 4 : 1))
		return false;
	if (filter->followed_count > FILTER_FOLLOWED_MOST)
		return true;
	for (size_t i = 0; i < filter->followed_count; i++)
		if (message.address[long_address ? 3 : 0] == filter->followed[i])
			return true;
	return false;
}

bool filter_passes(const struct filter *filter, const struct nlmsghdr *message)
{
	switch (message->nlmsg_type) {
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return route_passes(filter, message);
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		return neighbour_passes(filter, message);
	default:
		return true;
	}
}

bool filter_leaves_out(const struct filter *filter, const struct nlmsghdr *message)
{
	struct route_message route;

	if (message->nlmsg_type != RTM_NEWROUTE || message->nlmsg_len < sizeof(route))
		return false;
	memcpy(&route, message, sizeof(route));
	return !is_double(&route.body) && route.body.rtm_dst_len > 0 &&
	       !filter->kept[route.body.rtm_protocol];
}

/* ---- the program ---- */

/*
 * The accumulator is loaded in network order, the header's members lie in the host's. A load beyond
 * the end drops the message. The range of a conditional jump is 255 instructions, so each test has
 * its verdict beside it.
 */
#define PASS ((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, UINT32_MAX))
#define DROP ((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0))

struct program {
	struct sock_filter *at;
	unsigned short count;
};

static void put(struct program *program, struct sock_filter instruction)
{
	program->at[program->count++] = instruction;
}

static void load(struct program *program, uint16_t size, size_t offset)
{
	put(program, (struct sock_filter)BPF_STMT(BPF_LD | BPF_ABS | size, (uint32_t)offset));
}

/* `test` is BPF_JEQ or BPF_JSET. */
static void put_verdict(struct program *program, uint16_t test, uint32_t value,
			struct sock_filter verdict)
{
	put(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_K | test, value, 0, 1));
	put(program, verdict);
}

static void put_route(struct program *program, const struct filter *filter)
{
	load(program, BPF_B, offsetof(struct route_message, body.rtm_table));
	put_verdict(program, BPF_JEQ, RT_TABLE_LOCAL, DROP);
	load(program, BPF_W, offsetof(struct route_message, body.rtm_flags));
	put_verdict(program, BPF_JSET, htonl(RTM_F_CLONED), DROP);
	if (!filter->leaves_out) {
		put(program, PASS);
		return;
	}
	load(program, BPF_H, offsetof(struct nlmsghdr, nlmsg_flags));
	put_verdict(program, BPF_JSET, htons(JOINS), PASS);
	load(program, BPF_B, offsetof(struct route_message, body.rtm_dst_len));
	put_verdict(program, BPF_JEQ, 0, PASS);
	load(program, BPF_B, offsetof(struct route_message, body.rtm_protocol));
	for (unsigned protocol = 0; protocol < ARRAY_SIZE(filter->kept); protocol++)
		if (filter->kept[protocol])
			put_verdict(program, BPF_JEQ, protocol, PASS);
	put(program, DROP);
}

static void put_neighbour(struct program *program, const struct filter *filter)
{
	load(program, BPF_B, offsetof(struct neighbour_message, body.ndm_family));
	put(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET, 0, 2));
	load(program, BPF_W, NEIGHBOUR_WORD(0));
	put(program, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 3));
	put(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 1, 0));
	put(program, DROP);
	load(program, BPF_W, NEIGHBOUR_WORD(3));
	if (filter->wide || filter->followed_count > FILTER_FOLLOWED_MOST) {
		put(program, PASS);
		return;
	}
	for (size_t i = 0; i < filter->followed_count; i++)
		put_verdict(program, BPF_JEQ, ntohl(filter->followed[i]), PASS);
	put(program, DROP);
}

unsigned short filter_program(const struct filter *filter, struct sock_filter *ret)
{
	struct program program = {.at = ret};
	unsigned short dispatch, route, neighbour;

	load(&program, BPF_H, offsetof(struct nlmsghdr, nlmsg_flags));
	put_verdict(&program, BPF_JSET, htons(NLM_F_MULTI), PASS);
	load(&program, BPF_H, offsetof(struct nlmsghdr, nlmsg_type));
	dispatch = program.count;
	program.count += 5;
	route = program.count;
	put_route(&program, filter);
	neighbour = program.count;
	put_neighbour(&program, filter);

	for (unsigned short i = 0; i < 4; i++) {
		static const uint16_t types[] = {RTM_NEWROUTE, RTM_DELROUTE, RTM_NEWNEIGH,
						 RTM_DELNEIGH};
		unsigned short target = i < 2 ? route : neighbour;

		ret[dispatch + i] =
			(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(types[i]),
						     (uint8_t)(target - (dispatch + i + 1)), 0);
	}
	ret[dispatch + 4] = PASS;
	return program.count;
}

int filter_attach(const struct filter *filter, int fd)
{
	_cleanup_(cleanup_free) struct sock_filter *instructions =
		calloc(FILTER_PROGRAM_MOST, sizeof(*instructions));
	struct sock_fprog program = {.filter = instructions};

	if (!instructions)
		return -ENOMEM;
	program.len = filter_program(filter, instructions);
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno
											   : 0;
}

static int narrow(struct filter *filter)
{
	filter->wide = false;
	return filter_attach(filter, filter->fd);
}

static int on_narrowing(sd_event_source *source, uint64_t usec, void *userdata)
{
	int r = narrow(userdata);

	if (r < 0)
		log_notice("netlink: neighbours are not filtered: %s", strerror(-r));
	return 0;
}

int filter_attach_soon(struct filter *filter, sd_event *event, int fd)
{
	usec_t when = usec_add(clock_boottime_usec(), NARROWING_DELAY);
	int r = 0;

	filter->fd = fd;
	if (!filter->wide) {
		filter->wide = true;
		r = filter_attach(filter, fd);
	}
	if (r >= 0 && filter->narrowing) {
		r = sd_event_source_set_time(filter->narrowing, when);
		if (r >= 0)
			r = sd_event_source_set_enabled(filter->narrowing, SD_EVENT_ONESHOT);
	} else if (r >= 0) {
		r = sd_event_add_time(event, &filter->narrowing, CLOCK_BOOTTIME, when, 1,
				      on_narrowing, filter);
	}
	return r < 0 ? narrow(filter) : 0;
}
