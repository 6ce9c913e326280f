/*
 * A host in a namespace whose links are TUN devices: packets are put onto them and looked for where
 * they come out, each at once, since the kernel works a packet off while it is written.
 *
 * Both families have addresses that end in 0 to 7: 1 and 2 are the host's, 3 and 4 are behind "ab",
 * 5 and 6 behind "b", 0 and 7 behind "a".
 */
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "firewall/packet.h"

#define WIRE_LINKS  3
#define WIRE_USERS  4
#define WIRE_OTHER  253	       /* for experiments (RFC 3692): what comes and what goes through */
#define WIRE_SENT   254	       /* the same: what is sent */
#define WIRE_MARKED 0x80000000 /* packets of the test: what else the host sends is held back */
#define WIRE_TAG    0x70726f76

static const char *const wire_links[WIRE_LINKS] = {"a", "ab", "b"};
static const uint8_t wire_protocols[] = {IPPROTO_ICMP,	 IPPROTO_TCP, IPPROTO_UDP,
					 IPPROTO_ICMPV6, WIRE_OTHER,  WIRE_SENT};

struct wire {
	int links[WIRE_LINKS];
	int heard[2][sizeof(wire_protocols)]; /* what the host was delivered: IPv4, IPv6 */
	int senders[2][WIRE_USERS + 1];	      /* by user; the last one belongs to the first */
	uint32_t number;		      /* of the last packet */
};

static inline bool wire_is_local(unsigned address)
{
	return address == 1 || address == 2;
}

static inline unsigned wire_link_of(unsigned address)
{
	return address == 0 || address == 7 ? 0 : address <= 4 ? 1 : 2;
}

/* ---- the host ---- */

static inline void wire_run(const char *command)
{
	if (system(command) != 0) {
		fprintf(stderr, "%s\n", command);
		abort();
	}
}

static inline int wire_check(int r, const char *what)
{
	if (r < 0) {
		perror(what);
		abort();
	}
	return r;
}

static inline int wire_open_link(const char *name)
{
	int fd = wire_check(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), "tun");
	struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};

	strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
	wire_check(ioctl(fd, TUNSETIFF, &request), "TUNSETIFF");
	return fd;
}

static inline void wire_open_sockets(struct wire *wire)
{
	static const int families[] = {AF_INET, AF_INET6};

	for (unsigned f = 0; f < 2; f++) {
		for (unsigned i = 0; i < sizeof(wire_protocols); i++)
			wire->heard[f][i] =
				wire_check(socket(families[f],
						  SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
						  wire_protocols[i]),
					   "socket");
		for (unsigned user = 0; user < WIRE_USERS; user++) {
			int previous = setfsuid(user);

			wire->senders[f][user] =
				wire_check(socket(families[f], SOCK_RAW | SOCK_CLOEXEC,
						  IPPROTO_RAW),
					   "socket");
			setfsuid((uid_t)previous);
		}
	}
}

static inline void wire_new(struct wire *wire)
{
	*wire = (struct wire){0};
	wire_check(unshare(CLONE_NEWNET), "unshare");
	for (unsigned i = 0; i < WIRE_LINKS; i++)
		wire->links[i] = wire_open_link(wire_links[i]);
	wire_run("for link in a ab b; do ip link set dev $link addrgenmode none up; done; ip link "
		 "set "
		 "lo up;"
		 "for end in 1 2; do ip address add 10.0.0.$end/32 dev lo;"
		 "  ip address add 0a00::$end/128 dev lo nodad; done;"
		 "route() { ip route add 10.0.0.$1/32 dev $2; ip route add 0a00::$1/128 dev $2; };"
		 "route 0 a; route 7 a; route 3 ab; route 4 ab; route 5 b; route 6 b;"
		 "cd /proc/sys/net; echo 1 >ipv4/ip_forward; echo 1 >ipv6/conf/all/forwarding;"
		 "for f in ipv4/conf/*/rp_filter ipv4/conf/*/send_redirects; do echo 0 >$f; done");
	wire_open_sockets(wire);
	/* Connections are tracked from here on, and what the host says itself is not heard of. */
	wire_run("nft 'table inet track { chain c { type filter hook prerouting priority 2000;"
		 " ct state new; }; chain quiet { type filter hook output priority -400;"
		 " oifname { a, ab, b } meta mark & 0x80000000 == 0 drop; }; }';"
		 "echo 3600 >/proc/sys/net/netfilter/nf_conntrack_udp_timeout;"
		 "echo 3600 >/proc/sys/net/netfilter/nf_conntrack_udp_timeout_stream");
}

/* ---- bytes of a packet ---- */

struct wire_bytes {
	uint8_t bytes[128];
	size_t size;
};

static inline uint32_t wire_sum(uint32_t sum, const void *data, size_t size)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < size; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	return sum;
}

static inline uint16_t wire_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static inline void wire_put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static inline void wire_put32(uint8_t *at, uint32_t value)
{
	wire_put16(at, value >> 16);
	wire_put16(at + 2, value);
}

/* The transport header with the number of the packet behind it; returns its size. */
static inline size_t wire_transport(const struct packet *packet, uint32_t number, uint8_t *at)
{
	static const struct {
		uint8_t protocol, size;
	} sizes[] = {
		{IPPROTO_ICMP, 8}, {IPPROTO_ICMPV6, 8}, {IPPROTO_TCP, 20},
		{IPPROTO_UDP, 8},  {WIRE_OTHER, 4},	{WIRE_SENT, 4},
	};
	size_t size = 0;

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		if (sizes[i].protocol == packet->protocol)
			size = sizes[i].size;
	wire_put16(at, packet->source_port);
	if (packet->protocol != IPPROTO_ICMP && packet->protocol != IPPROTO_ICMPV6)
		wire_put16(at + 2, packet->destination_port);
	/* Of ICMP, an identifier that no other has: an answer is then to no question. */
	if (packet->protocol == IPPROTO_ICMP || packet->protocol == IPPROTO_ICMPV6)
		wire_put16(at + 4, number);
	if (packet->protocol == IPPROTO_UDP)
		wire_put16(at + 4, (uint32_t)size + 8);
	if (packet->protocol == IPPROTO_TCP) {
		at[12] = 5 << 4;
		at[13] = packet->state == STATE_INVALID ? 3 : 2; /* SYN and FIN; SYN */
		wire_put16(at + 14, 1000);
	}
	wire_put32(at + size, WIRE_TAG);
	wire_put32(at + size + 4, number);
	return size + 8;
}

/* Where the checksum is in the transport header; 0 for none. */
static inline unsigned wire_checksum_at(const struct packet *packet)
{
	switch (packet->protocol) {
	case IPPROTO_TCP:
		return 16;
	case IPPROTO_UDP:
		return 6;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return 2;
	default:
		return 0;
	}
}

/* Makes the bytes, and notes in the packet what they say where ICMP has no port. */
static inline void wire_make(struct packet *packet, uint32_t number, struct wire_bytes *ret)
{
	bool v6 = packet->family == NFPROTO_IPV6;
	unsigned width = v6 ? 16 : 4, at = wire_checksum_at(packet);
	uint8_t *ip = ret->bytes, *transport = ip + (v6 ? 40 : 20);
	size_t size = 0;
	uint32_t sum = 0;

	memset(ret, 0, sizeof(*ret));
	if (packet->transport)
		size = wire_transport(packet, number, transport);
	if (v6) {
		ip[0] = 0x60;
		wire_put16(ip + 4, (uint32_t)size);
		ip[6] = (uint8_t)packet->protocol;
		ip[7] = packet->hop_limit;
	} else {
		ip[0] = 0x45;
		wire_put16(ip + 2, 20 + (uint32_t)size);
		ip[8] = 64;
		ip[9] = (uint8_t)packet->protocol;
	}
	memcpy(ip + (v6 ? 8 : 12), packet->source, width);
	memcpy(ip + (v6 ? 24 : 16), packet->destination, width);
	if (!v6)
		wire_put16(ip + 10, wire_fold(wire_sum(0, ip, 20)));
	ret->size = (size_t)(transport - ip) + size;
	if (!at || !packet->transport)
		return;
	if (packet->protocol != IPPROTO_ICMP) {
		sum = wire_sum(0, packet->source, width);
		sum = wire_sum(sum, packet->destination, width) + packet->protocol + (uint32_t)size;
	}
	wire_put16(transport + at, wire_fold(wire_sum(sum, transport, size)));
	if (at == 2)
		packet->destination_port = (uint16_t)(transport[2] << 8 | transport[3]);
}

/* ---- sending, and looking where it comes out ---- */

/* Whether something with this number comes out of a link or a socket. Without a number (a packet
 * that has no room for one) anything does. */
static inline bool wire_comes(int fd, uint32_t number)
{
	uint8_t bytes[512], wanted[8];
	bool found = false;
	ssize_t size;

	wire_put32(wanted, WIRE_TAG);
	wire_put32(wanted + 4, number);
	while ((size = read(fd, bytes, sizeof(bytes))) >= 0)
		found |= number == 0 || memmem(bytes, (size_t)size, wanted, sizeof(wanted));
	return found;
}

static inline int wire_heard(const struct wire *wire, const struct packet *packet)
{
	for (unsigned i = 0; i < sizeof(wire_protocols); i++)
		if (wire_protocols[i] == packet->protocol)
			return wire->heard[packet->family == NFPROTO_IPV6][i];
	abort();
}

static inline unsigned wire_end(const struct packet *packet, const uint8_t *address)
{
	return address[packet->family == NFPROTO_IPV6 ? 15 : 3];
}

static inline void wire_send_out(struct wire *wire, const struct packet *packet,
				 const struct wire_bytes *bytes)
{
	bool v6 = packet->family == NFPROTO_IPV6;
	int fd = wire->senders[v6][packet->user];
	struct sockaddr_in to4 = {.sin_family = AF_INET};
	struct sockaddr_in6 to6 = {.sin6_family = AF_INET6};

	memcpy(&to4.sin_addr, packet->destination, 4);
	memcpy(&to6.sin6_addr, packet->destination, 16);
	wire_check(setsockopt(fd, SOL_SOCKET, SO_MARK, &packet->mark, sizeof(packet->mark)),
		   "mark");
	/* Refused is -EPERM. */
	(void)!sendto(fd, bytes->bytes, bytes->size, 0,
		      v6 ? (struct sockaddr *)&to6 : (struct sockaddr *)&to4,
		      v6 ? sizeof(to6) : sizeof(to4));
}

/* Sends the packet on its path to the hook. Returns whether it came through. */
static inline bool wire_passes(struct wire *wire, enum packet_hook hook, struct packet *packet)
{
	unsigned out = wire_link_of(wire_end(packet, packet->destination));
	int from = hook == HOOK_INPUT ? wire_heard(wire, packet) : wire->links[out];
	uint32_t number = packet->transport ? ++wire->number : 0;
	struct wire_bytes bytes;

	if (hook == HOOK_FORWARD)
		packet->hop_limit++; /* the hook sees one less */
	wire_make(packet, number, &bytes);
	if (hook == HOOK_FORWARD)
		packet->hop_limit--;
	(void)wire_comes(from, 0);
	if (hook == HOOK_OUTPUT) {
		wire_send_out(wire, packet, &bytes);
	} else {
		unsigned in = 0;

		while (strcmp(wire_links[in], packet->in_link) != 0)
			in++;
		wire_check((int)write(wire->links[in], bytes.bytes, bytes.size), "write");
	}
	return wire_comes(from, number);
}
