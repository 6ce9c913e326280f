#include "transport.h"

#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/socket.h>

#include "netlink/arp.h"
#include "packet.h"

#define PORT_SERVER    67
#define PORT_CLIENT    68
#define PACKETS_A_TURN 32   /* then the event loop serves others */
#define RECEIVE_MAX    2048 /* no DHCP message of a link of ours is larger */

struct transport {
	sd_event *event;
	struct transport_handlers handlers;
	void *userdata;
	int packet_fd, udp_fd, arp_fd;
	sd_event_source *packet_source, *udp_source, *arp_source;
	bool hears_all; /* ARP of all addresses */
};

int transport_new(struct transport **ret, sd_event *event,
		  const struct transport_handlers *handlers, void *userdata)
{
	struct transport *transport = calloc(1, sizeof(*transport));

	if (!transport)
		return -ENOMEM;
	*transport = (struct transport){
		.event = sd_event_ref(event),
		.handlers = *handlers,
		.userdata = userdata,
		.packet_fd = -1,
		.udp_fd = -1,
		.arp_fd = -1,
	};
	*ret = transport;
	return 0;
}

void transport_free(struct transport *transport)
{
	sd_event_source_disable_unref(transport->packet_source);
	sd_event_source_disable_unref(transport->udp_source);
	sd_event_source_disable_unref(transport->arp_source);
	cleanup_close(&transport->packet_fd);
	cleanup_close(&transport->udp_fd);
	cleanup_close(&transport->arp_fd);
	sd_event_unref(transport->event);
	free(transport);
}

/* Is the checksum of a received packet one that its sender has left to hardware that this packet
 * never met (virtio, veth)? Then there is nothing to check yet. */
static bool checksum_is_pending(struct msghdr *message)
{
	for (struct cmsghdr *control = CMSG_FIRSTHDR(message); control;
	     control = CMSG_NXTHDR(message, control)) {
		struct tpacket_auxdata auxiliary;

		if (control->cmsg_level != SOL_PACKET || control->cmsg_type != PACKET_AUXDATA)
			continue;
		memcpy(&auxiliary, CMSG_DATA(control), sizeof(auxiliary));
		return auxiliary.tp_status & (TP_STATUS_CSUMNOTREADY | TP_STATUS_CSUM_VALID);
	}
	return false;
}

/* Receives one datagram: its size, or -EAGAIN when there is none, or another negative errno. */
static ssize_t receive(int fd, void *buffer, size_t size, struct sockaddr_storage *from,
		       void *control, size_t *control_size)
{
	struct iovec vector = {.iov_base = buffer, .iov_len = size};
	struct msghdr message = {
		.msg_name = from,
		.msg_namelen = sizeof(*from),
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = *control_size,
	};
	ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT);

	*control_size = message.msg_controllen;
	return n < 0 ? -errno : n;
}

static bool is_passing(ssize_t error)
{
	return error == -EINTR || error == -ENETDOWN || error == -ENOBUFS;
}

static int on_packet(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct transport *transport = userdata;
	uint8_t buffer[RECEIVE_MAX];

	for (unsigned i = 0; i < PACKETS_A_TURN; i++) {
		char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
		size_t control_size = sizeof(control);
		struct sockaddr_storage from = {0};
		const struct sockaddr_ll *link = (const void *)&from;
		ssize_t n = receive(fd, buffer, sizeof(buffer), &from, control, &control_size);
		struct msghdr message = {.msg_control = control, .msg_controllen = control_size};
		struct udp_packet packet;

		if (n == -EAGAIN)
			return 0;
		if (n < 0) {
			if (!is_passing(n))
				log_warning("DHCP packet socket: %s", strerror((int)-n));
			continue;
		}
		if (packet_parse(buffer, (size_t)n, checksum_is_pending(&message), &packet) != 0 ||
		    packet.destination_port != PORT_CLIENT)
			continue;
		transport->handlers.dhcp(link->sll_ifindex, packet.payload, packet.payload_size,
					 &packet.source, transport->userdata);
	}
	return 0;
}

static int on_udp(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct transport *transport = userdata;
	uint8_t buffer[RECEIVE_MAX];

	for (unsigned i = 0; i < PACKETS_A_TURN; i++) {
		char control[CMSG_SPACE(sizeof(struct in_pktinfo))];
		size_t control_size = sizeof(control);
		struct sockaddr_storage from = {0};
		ssize_t n = receive(fd, buffer, sizeof(buffer), &from, control, &control_size);
		struct msghdr message = {.msg_control = control, .msg_controllen = control_size};
		struct cmsghdr *header = CMSG_FIRSTHDR(&message);
		struct in_pktinfo info;
		struct ip_address source_address;

		if (n == -EAGAIN)
			return 0;
		if (n < 0 || !header || header->cmsg_type != IP_PKTINFO)
			continue;
		memcpy(&info, CMSG_DATA(header), sizeof(info));
		source_address = ip_address_v4(((struct sockaddr_in *)&from)->sin_addr.s_addr);
		transport->handlers.dhcp(info.ipi_ifindex, buffer, (size_t)n, &source_address,
					 transport->userdata);
	}
	return 0;
}

static int on_arp(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct transport *transport = userdata;
	uint8_t buffer[128];

	for (unsigned i = 0; i < PACKETS_A_TURN; i++) {
		struct sockaddr_storage from = {0};
		size_t no_control = 0;
		ssize_t n = receive(fd, buffer, sizeof(buffer), &from, NULL, &no_control);

		if (n == -EAGAIN)
			return 0;
		if (n > 0)
			transport->handlers.arp(((struct sockaddr_ll *)&from)->sll_ifindex, buffer,
						(size_t)n, transport->userdata);
	}
	return 0;
}

/*
 * A packet socket made with protocol 0 hears nothing until it is bound: so the filter is in place
 * before the first packet. (Made with a protocol it would also cost a grace period at once.)
 */
static int packet_socket(const struct sock_fprog *filter, uint16_t protocol, bool auxiliary)
{
	_cleanup_(cleanup_close) int fd =
		socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(protocol)};
	int yes = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, filter, sizeof(*filter)) < 0 ||
	    (auxiliary && setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &yes, sizeof(yes)) < 0) ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static int udp_socket(void)
{
	_cleanup_(cleanup_close) int fd =
		socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT_CLIENT)};
	int yes = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
	    setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &yes, sizeof(yes)) < 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int transport_open_dhcp(struct transport *transport)
{
	int r = 0;

	if (transport->packet_fd < 0) {
		r = packet_socket(&dhcp_packet_filter, ETH_P_IP, true);
		if (r < 0)
			return r;
		transport->packet_fd = r;
		r = sd_event_add_io(transport->event, &transport->packet_source, r, EPOLLIN,
				    on_packet, transport);
	}
	if (r >= 0 && transport->udp_fd < 0) {
		r = udp_socket();
		if (r < 0)
			return r;
		transport->udp_fd = r;
		r = sd_event_add_io(transport->event, &transport->udp_source, r, EPOLLIN, on_udp,
				    transport);
	}
	return r < 0 ? r : 0;
}

int transport_open_arp(struct transport *transport)
{
	int r;

	if (transport->arp_fd >= 0)
		return 0;
	r = packet_socket(&arp_packet_filter, ETH_P_ARP, false);
	if (r < 0)
		return r;
	transport->arp_fd = r;
	transport->hears_all = true;
	r = sd_event_add_io(transport->event, &transport->arp_source, r, EPOLLIN, on_arp,
			    transport);
	return r < 0 ? r : 0;
}

bool transport_hear_arp(struct transport *transport, const struct in_addr *addresses,
			unsigned count)
{
	struct sock_filter instructions[ARP_FILTER_MOST];
	struct sock_fprog filter = arp_packet_filter;
	bool all = count > ARP_HEARD_MOST;

	if (transport->arp_fd < 0)
		return false;
	if (all && transport->hears_all)
		return true;
	if (!all) {
		filter.filter = instructions;
		filter.len = arp_filter_build(instructions, addresses, count);
	}
	/* Too much is heard rather than too little. */
	if (setsockopt(transport->arp_fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) <
	    0) {
		log_warning("ARP is not filtered: %s", strerror(errno));
		(void)setsockopt(transport->arp_fd, SOL_SOCKET, SO_DETACH_FILTER, NULL, 0);
	}
	transport->hears_all = all;
	return true;
}

static int send_on_link(int fd, int index, uint16_t protocol,
			const struct hardware_address *destination, const void *packet, size_t size)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(protocol),
		.sll_ifindex = index,
		.sll_halen = ETH_ALEN,
		.sll_addr = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	};

	if (destination && destination->length <= sizeof(address.sll_addr)) {
		address.sll_halen = destination->length;
		memcpy(address.sll_addr, destination->bytes, destination->length);
	}
	return sendto(fd, packet, size, MSG_DONTWAIT, (struct sockaddr *)&address,
		      sizeof(address)) < 0
		       ? -errno
		       : 0;
}

int transport_send_packet(struct transport *transport, int index, const void *packet, size_t size)
{
	return send_on_link(transport->packet_fd, index, ETH_P_IP, NULL, packet, size);
}

int transport_send_arp(struct transport *transport, int index,
		       const struct hardware_address *destination, const void *packet, size_t size)
{
	return send_on_link(transport->arp_fd, index, ETH_P_ARP, destination, packet, size);
}

int transport_send_unicast(struct transport *transport, int index, struct in_addr source,
			   struct in_addr server, const void *payload, size_t size)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons(PORT_SERVER),
				      .sin_addr = server};
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(struct in_pktinfo))];
	} control = {.header = {.cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo)),
				.cmsg_level = IPPROTO_IP,
				.cmsg_type = IP_PKTINFO}};
	struct in_pktinfo info = {.ipi_ifindex = index, .ipi_spec_dst = source};
	struct iovec vector = {.iov_base = (void *)payload, .iov_len = size};
	struct msghdr message = {
		.msg_name = &address,
		.msg_namelen = sizeof(address),
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	memcpy(CMSG_DATA(&control.header), &info, sizeof(info));
	return sendmsg(transport->udp_fd, &message, MSG_DONTWAIT) < 0 ? -errno : 0;
}
