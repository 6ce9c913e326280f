#include "listen.h"

#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <string.h>
#include <sys/socket.h>

#include "netlink/arp.h"
#include "record.h"

#define FRAMES_A_TURN  64 /* then the event loop serves others */
#define FRAME_MAX      1514
#define ETHERTYPE_LLDP 0x88cc
#define ANSWER_TIME    (500 * USEC_PER_MSEC)
#define CLAIM_PROBES   3
#define CLAIM_INTERVAL (250 * USEC_PER_MSEC)
#define CLAIM_ATTEMPTS 8

enum listen_state { ASKING, CLAIMING };

struct question {
	struct in_addr target;
	enum observation_kind kind;
};

struct listen {
	enum listen_state state;
	sd_event_source *source, *timer;
	int fd, interface;
	struct hardware_address mac;
	struct record record;
	struct question questions[INFER_PROBES_MAX]; /* of this round */
	unsigned questions_count, asked;
	unsigned rounds;
	unsigned claim_probes, attempts; /* of the address about to be suggested */
	struct listen_result result;
	listen_done_t done;
	void *userdata;
};

void listen_cancel(struct listen *listen)
{
	sd_event_source_disable_unref(listen->source);
	sd_event_source_disable_unref(listen->timer);
	cleanup_close(&listen->fd);
	free(listen);
}

/* ARP, LLDP, IPv4 to groups, router advertisements, and IEEE 802.3 frames (BPDUs). */
static const struct sock_filter filter[] = {
	BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETHERTYPE_ARP, 8, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETHERTYPE_LLDP, 7, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETHERTYPE_IPV6, 2, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETHERTYPE_IP, 3, 0),
	BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x600, 5, 4),
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 54), /* type of ICMPv6 */
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 134, 2, 3),
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0), /* group bit of the destination */
	BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 1, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	BPF_STMT(BPF_RET | BPF_K, 0),
};

static int open_socket(int interface)
{
	const struct sock_fprog program = {.len = ARRAY_SIZE(filter),
					   .filter = (struct sock_filter *)filter};
	/* LLDP and STP speak to groups that no host joins. */
	const struct packet_mreq groups = {.mr_ifindex = interface, .mr_type = PACKET_MR_ALLMULTI};
	const struct sockaddr_ll address = {.sll_family = AF_PACKET,
					    .sll_protocol = htons(ETH_P_ALL),
					    .sll_ifindex = interface};
	_cleanup_(cleanup_close) int fd =
		socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ||
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &groups, sizeof(groups)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

/* ---- what comes in ---- */

static int on_frame(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct listen *listen = userdata;
	struct observation observation;
	uint8_t frame[FRAME_MAX];

	for (unsigned i = 0; i < FRAMES_A_TURN; i++) {
		struct sockaddr_ll from;
		socklen_t size = sizeof(from);
		ssize_t n = recvfrom(fd, frame, sizeof(frame), MSG_DONTWAIT,
				     (struct sockaddr *)&from, &size);

		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0 && errno != EINTR)
			listen->result.errnum = errno;
		if (n <= 0 || from.sll_pkttype == PACKET_OUTGOING ||
		    observation_parse(frame, (size_t)n, clock_boottime_usec(), &observation) != 0)
			continue;
		listen->result.observations++;
		record_put(&listen->record, &observation);
	}
	return 0;
}

/* ---- what goes out ---- */

static void send_probe(struct listen *listen, struct in_addr target, enum observation_kind kind)
{
	const struct arp_packet packet = {
		.operation = ARP_REQUEST,
		.sender_mac = listen->mac,
		.target = target,
	};
	const struct observation question = {
		.kind = kind,
		.time = clock_boottime_usec(),
		.mac = listen->mac,
		.target = target,
	};
	uint8_t frame[ETH_HLEN + ARP_PACKET_SIZE];
	struct writer writer = WRITER(frame, ETH_HLEN);

	if (listen->result.sent >= LISTEN_PACKETS_MAX)
		return;
	writer_fill(&writer, 0xff, ETH_ALEN);
	writer_put(&writer, listen->mac.bytes, ETH_ALEN);
	writer_u16(&writer, ETHERTYPE_ARP);
	arp_build(&packet, frame + ETH_HLEN);
	listen->result.sent++;
	record_put(&listen->record, &question);
	if (send(listen->fd, frame, sizeof(frame), MSG_DONTWAIT) < 0)
		listen->result.errnum = errno;
}

static void infer(struct listen *listen)
{
	infer_suggestion(listen->record.observations, listen->record.count, &listen->mac,
			 &listen->result.suggestion);
}

/* Has the suggested address spoken, or did another want it, too? */
static bool is_contested(const struct listen *listen)
{
	const struct suggested_subnet *best = &listen->result.suggestion.best;
	const struct record *record = &listen->record;

	for (size_t i = 0; i < record->count; i++) {
		const struct observation *each = &record->observations[i];
		bool wanted = each->kind == OBSERVATION_ARP_REQUEST && each->sender.s_addr == 0 &&
			      each->target.s_addr == best->address.s_addr;

		if (hardware_address_equal(&each->mac, &listen->mac) ||
		    (!wanted && each->sender.s_addr != best->address.s_addr))
			continue;
		if (each->kind != OBSERVATION_ARP_REPLY ||
		    infer_answer_counts(record->observations, record->count, best, &each->mac))
			return true;
	}
	return false;
}

static bool has_answered(const struct listen *listen, struct in_addr address)
{
	for (size_t i = 0; i < listen->record.count; i++)
		if (listen->record.observations[i].kind == OBSERVATION_ARP_REPLY &&
		    listen->record.observations[i].sender.s_addr == address.s_addr)
			return true;
	return false;
}

/* ---- the course of it ---- */

static int finish(struct listen *listen)
{
	struct listen_result *result = &listen->result;

	/* Whose address it is could not be found out: it is nothing to suggest. */
	if (is_contested(listen))
		result->suggestion.best.address.s_addr = 0;
	result->gateway_answered = result->suggestion.best.gateway.s_addr &&
				   has_answered(listen, result->suggestion.best.gateway);
	listen->done(result, listen->userdata);
	listen_cancel(listen);
	return 0;
}

static void put_question(struct listen *listen, struct in_addr target, enum observation_kind kind)
{
	if (listen->questions_count < ARRAY_SIZE(listen->questions))
		listen->questions[listen->questions_count++] = (struct question){target, kind};
}

static void put_mute(struct listen *listen, struct in_addr gateway)
{
	if (gateway.s_addr && !has_answered(listen, gateway))
		put_question(listen, gateway, OBSERVATION_OWN_PROBE);
}

/* Likely gateways. */
static void put_first_round(struct listen *listen)
{
	struct in_addr probes[INFER_PROBES_MAX];
	unsigned count = infer_probes(listen->record.observations, listen->record.count,
				      &listen->mac, probes);

	for (unsigned i = 0; i < count; i++)
		put_question(listen, probes[i], OBSERVATION_OWN_PROBE);
}

/* A question may be lost, and a switch's port may have been mute: the gateways that it depends on
 * are asked once more. And who answers for addresses that nobody has is found out. */
static void put_second_round(struct listen *listen)
{
	const struct suggestion *suggestion = &listen->result.suggestion;
	struct in_addr guesses[INFER_GUESSES_MAX];
	unsigned count = infer_guesses(listen->record.observations, listen->record.count,
				       &listen->mac, guesses);

	infer(listen);
	put_mute(listen, suggestion->best.gateway);
	for (unsigned i = 0; i < suggestion->alternatives_count; i++)
		put_mute(listen, suggestion->alternatives[i].gateway);
	for (unsigned i = 0; i < count; i++)
		put_question(listen, guesses[i], OBSERVATION_OWN_GUESS);
}

static void (*const rounds[])(struct listen *listen) = {put_first_round, put_second_round};

static usec_t ask(struct listen *listen)
{
	const struct question *question;

	while (listen->asked == listen->questions_count && listen->rounds < ARRAY_SIZE(rounds)) {
		listen->questions_count = listen->asked = 0;
		rounds[listen->rounds++](listen);
	}
	if (listen->asked < listen->questions_count) {
		question = &listen->questions[listen->asked++];
		send_probe(listen, question->target, question->kind);
		return listen->asked < listen->questions_count ? LISTEN_PROBE_INTERVAL
							       : ANSWER_TIME;
	}
	infer(listen);
	listen->state = CLAIMING;
	return LISTEN_PROBE_INTERVAL;
}

/* The time until the next step, 0 when all is done. */
static usec_t claim(struct listen *listen)
{
	struct in_addr address = listen->result.suggestion.best.address;

	if (address.s_addr == 0)
		return 0;
	if (is_contested(listen)) {
		if (++listen->attempts >= CLAIM_ATTEMPTS)
			return 0;
		listen->claim_probes = 0;
		infer(listen);
		return LISTEN_PROBE_INTERVAL;
	}
	if (listen->claim_probes < CLAIM_PROBES) {
		send_probe(listen, address, OBSERVATION_OWN_GUESS);
		return ++listen->claim_probes < CLAIM_PROBES ? CLAIM_INTERVAL : ANSWER_TIME;
	}
	listen->result.address_probed = true;
	return 0;
}

static usec_t step(struct listen *listen)
{
	return listen->state == ASKING ? ask(listen) : claim(listen);
}

static int on_time(sd_event_source *source, uint64_t time, void *userdata)
{
	struct listen *listen = userdata;
	usec_t wait;
	int r;

	/* The loop may be late: what has come by now has come in time. */
	(void)on_frame(listen->source, listen->fd, EPOLLIN, listen);
	wait = step(listen);
	if (wait == 0)
		return finish(listen);
	r = sd_event_source_set_time(source, usec_add(clock_boottime_usec(), wait));
	return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int listen_start(struct listen **ret, sd_event *event, int interface,
		 const struct hardware_address *mac, usec_t duration, listen_done_t done,
		 void *userdata, struct error *error)
{
	_cleanup_(listen_cleanup) struct listen *listen = calloc(1, sizeof(*listen));

	if (!listen)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "memory is exhausted");
	listen->fd = -1;
	if (duration == 0 || duration > LISTEN_TIME_MAX)
		return error_set(error, ERROR_PARAMETER_RANGE, "listen_seconds",
				 "listen_seconds is outside of 1 to 120");
	listen->interface = interface;
	listen->mac = *mac;
	listen->done = done;
	listen->userdata = userdata;
	listen->fd = open_socket(interface);
	if (listen->fd < 0)
		return error_set(error, ERROR_KERNEL_REFUSED, "link",
				 "No packet socket can be had: %s", strerror(-listen->fd));
	if (sd_event_add_io(event, &listen->source, listen->fd, EPOLLIN, on_frame, listen) < 0 ||
	    sd_event_add_time(event, &listen->timer, CLOCK_BOOTTIME,
			      usec_add(clock_boottime_usec(), duration), 1, on_time, listen) < 0)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "memory is exhausted");
	*ret = TAKE_PTR(listen);
	return 0;
}
