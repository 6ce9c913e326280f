#include "ping_socket.h"

/* linux/errqueue.h wants struct timespec of the C library to be there first. */
#include <time.h>

#include <linux/errqueue.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <string.h>

union socket_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t socket_address_fill(union socket_address *ret, const struct ip_address *address,
				     uint16_t port, const char *interface)
{
	memset(ret, 0, sizeof(*ret));
	if (address->family == AF_INET) {
		ret->v4.sin_family = AF_INET;
		ret->v4.sin_addr = address->v4;
		ret->v4.sin_port = htons(port);
		return sizeof(ret->v4);
	}
	ret->v6.sin6_family = AF_INET6;
	ret->v6.sin6_addr = address->v6;
	ret->v6.sin6_port = htons(port);
	if (ip_address_is_link_local(address))
		ret->v6.sin6_scope_id = if_nametoindex(interface);
	return sizeof(ret->v6);
}

static struct ip_address socket_address_ip(const struct sockaddr *address)
{
	const union socket_address *all = (const union socket_address *)address;

	if (address->sa_family == AF_INET)
		return ip_address_from_bytes(AF_INET, &all->v4.sin_addr);
	if (address->sa_family == AF_INET6)
		return ip_address_from_bytes(AF_INET6, &all->v6.sin6_addr);
	return (struct ip_address){0};
}

struct socket_option {
	int level, name, value;
};

static int set_options(int fd, const struct socket_option *options, size_t count,
		       struct error *error)
{
	for (size_t i = 0; i < count; i++)
		if (setsockopt(fd, options[i].level, options[i].name, &options[i].value,
			       sizeof(int)) < 0)
			return error_set(error, ERROR_KERNEL_REFUSED, NULL,
					 "the kernel refused a socket option: %s", strerror(errno));
	return 0;
}

static int set_common(int fd, const struct ping_request *request, struct error *error)
{
	bool v4 = request->target.family == AF_INET;
	int level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
	int discover = request->dont_fragment ? IP_PMTUDISC_DO : IP_PMTUDISC_DONT;
	const struct socket_option options[] = {
		{level, v4 ? IP_RECVERR : IPV6_RECVERR, 1},
		{level, v4 ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER, discover},
		{level, v4 ? IP_TTL : IPV6_UNICAST_HOPS, request->ttl},
	};
	int r;

	r = set_options(fd, options, ARRAY_SIZE(options) - (request->ttl ? 0 : 1), error);
	if (r < 0 || !request->interface[0])
		return r;
	if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, request->interface,
		       (socklen_t)strlen(request->interface)) == 0)
		return 0;
	if (errno == ENODEV)
		return error_set(error, ERROR_LINK_UNKNOWN, "interface", "there is no interface %s",
				 request->interface);
	return error_set(error, ERROR_KERNEL_REFUSED, "interface",
			 "cannot bind to the interface %s: %s", request->interface,
			 strerror(errno));
}

static int bind_source(int fd, const struct ping_request *request, struct error *error)
{
	char text[IP_ADDRESS_TEXT_MAX];
	union socket_address address;
	socklen_t length;

	if (!ip_address_is_set(&request->source))
		return 0;
	length = socket_address_fill(&address, &request->source, 0, request->interface);
	if (bind(fd, &address.any, length) == 0)
		return 0;
	return error_set(error, ERROR_ADDRESS_INVALID, "source", "cannot send from %s: %s",
			 ip_address_print(&request->source, text), strerror(errno));
}

/* The errno of connect() for people: they see no difference between its flavours of "no route". */
static int connect_failed(const struct ping_request *request, int errnum, struct error *error)
{
	char text[IP_ADDRESS_TEXT_MAX];

	ip_address_print(&request->target, text);
	if (errnum == ENETUNREACH || errnum == EHOSTUNREACH)
		return error_set(error, ERROR_HOST_UNREACHABLE, "host",
				 "there is no route to %s%s%s", text,
				 request->interface[0] ? " through " : "", request->interface);
	return error_set(error, ERROR_KERNEL_REFUSED, "host", "cannot reach %s: %s", text,
			 strerror(errnum));
}

static int open_socket(const struct ping_request *request, int type, int protocol,
		       struct error *error)
{
	_cleanup_(cleanup_close) int fd = -1;
	int r;

	fd = socket(request->target.family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
	if (fd < 0)
		return error_set(error, ERROR_KERNEL_REFUSED, NULL, "cannot open a socket: %s",
				 strerror(errno));
	r = set_common(fd, request, error);
	if (r < 0)
		return r;
	r = bind_source(fd, request, error);
	if (r < 0)
		return r;
	return TAKE_FD(fd);
}

/* Lets only echo replies in; errors come by the error queue all the same, and with `errors` as
 * packets, too. */
static int set_echo_filter(int fd, int family, bool errors, struct error *error)
{
	const unsigned errors4 =
		1U << ICMP_DEST_UNREACH | 1U << ICMP_TIME_EXCEEDED | 1U << ICMP_PARAMETERPROB;
	struct icmp_filter filter4 = {.data = ~(1U << ICMP_ECHOREPLY | (errors ? errors4 : 0))};
	struct icmp6_filter filter6;
	int r;

	memset(&filter6, 0xff, sizeof(filter6));
	filter6.data[ICMPV6_ECHO_REPLY / 32] &= ~(1U << ICMPV6_ECHO_REPLY % 32);
	/* RFC 4443 2.1: the types below 128 are the errors; those in use are below 32. */
	if (errors)
		filter6.data[0] = 0;
	r = family == AF_INET
		    ? setsockopt(fd, SOL_RAW, ICMP_FILTER, &filter4, sizeof(filter4))
		    : setsockopt(fd, IPPROTO_ICMPV6, ICMPV6_FILTER, &filter6, sizeof(filter6));
	if (r < 0)
		return error_set(error, ERROR_KERNEL_REFUSED, NULL,
				 "cannot set the ICMP filter: %s", strerror(errno));
	return 0;
}

static int open_icmp(const struct ping_request *request, bool errors, struct error *error)
{
	int family = request->target.family;
	const struct socket_option options[] = {
		{SOL_SOCKET, SO_TIMESTAMPNS, 1},
		{IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1},
	};
	_cleanup_(cleanup_close) int fd = -1;
	int r;

	fd = open_socket(request, SOCK_RAW, family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6,
			 error);
	if (fd < 0)
		return fd;
	r = set_options(fd, options, family == AF_INET ? 1 : 2, error);
	if (r == 0)
		r = set_echo_filter(fd, family, errors, error);
	return r < 0 ? r : TAKE_FD(fd);
}

static int set_ip_option(int fd, int family, int name4, int name6, int value)
{
	int r = family == AF_INET ? setsockopt(fd, IPPROTO_IP, name4, &value, sizeof(value))
				  : setsockopt(fd, IPPROTO_IPV6, name6, &value, sizeof(value));

	return r < 0 ? -errno : 0;
}

int ping_socket_open_raw(const struct ping_request *request, struct error *error)
{
	_cleanup_(cleanup_close) int fd = open_icmp(request, true, error);

	if (fd < 0)
		return fd;
	/* Errors come as packets: a queue of them that nobody reads would keep the loop awake. */
	if (set_ip_option(fd, request->target.family, IP_RECVERR, IPV6_RECVERR, 0) < 0)
		return error_set(error, ERROR_KERNEL_REFUSED, NULL,
				 "the kernel refused a socket option");
	return TAKE_FD(fd);
}

int ping_socket_open_echo(const struct ping_request *request, struct error *error)
{
	_cleanup_(cleanup_close) int fd = open_icmp(request, false, error);
	union socket_address address;
	socklen_t length;

	if (fd < 0)
		return fd;
	length = socket_address_fill(&address, &request->target, 0, request->interface);
	if (connect(fd, &address.any, length) < 0)
		return connect_failed(request, errno, error);
	return TAKE_FD(fd);
}

int ping_socket_open_connection(const struct ping_request *request, int *ret_errno,
				struct error *error)
{
	_cleanup_(cleanup_close) int fd = -1;
	union socket_address address;
	socklen_t length;

	fd = open_socket(request, SOCK_STREAM, IPPROTO_TCP, error);
	if (fd < 0)
		return fd;
	length = socket_address_fill(&address, &request->target, request->port, request->interface);
	*ret_errno = 0;
	if (connect(fd, &address.any, length) < 0 && errno != EINPROGRESS)
		*ret_errno = errno;
	if (*ret_errno == ENETUNREACH || *ret_errno == EHOSTUNREACH)
		return connect_failed(request, *ret_errno, error);
	return TAKE_FD(fd);
}

int ping_socket_open_datagram(const struct ping_request *request, int *ret_errno,
			      struct error *error)
{
	_cleanup_(cleanup_close) int fd = -1;
	union socket_address address;
	socklen_t length;

	fd = open_socket(request, SOCK_DGRAM, IPPROTO_UDP, error);
	if (fd < 0)
		return fd;
	length = socket_address_fill(&address, &request->target, request->port, request->interface);
	*ret_errno = connect(fd, &address.any, length) < 0 ? errno : 0;
	return TAKE_FD(fd);
}

ssize_t ping_socket_send(int fd, const struct ping_request *request, const void *bytes, size_t size)
{
	union socket_address address;
	socklen_t length =
		socket_address_fill(&address, &request->target, request->port, request->interface);
	ssize_t n = sendto(fd, bytes, size, MSG_DONTWAIT, &address.any, length);

	return n < 0 ? -errno : n;
}

int ping_socket_set_ttl(int fd, int family, unsigned ttl)
{
	return set_ip_option(fd, family, IP_TTL, IPV6_UNICAST_HOPS, (int)ttl);
}

int ping_socket_probe_mtu(int fd, int family)
{
	return set_ip_option(fd, family, IP_MTU_DISCOVER, IPV6_MTU_DISCOVER, IP_PMTUDISC_PROBE);
}

uint16_t ping_socket_source_port(int fd)
{
	union socket_address address = {0};
	socklen_t length = sizeof(address);

	if (getsockname(fd, &address.any, &length) < 0)
		return 0;
	return ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
}

struct ip_address ping_socket_source(int fd)
{
	union socket_address address = {0};
	socklen_t length = sizeof(address);

	if (getsockname(fd, &address.any, &length) < 0)
		return (struct ip_address){0};
	return socket_address_ip(&address.any);
}

uint32_t ping_socket_mtu(int fd, int family)
{
	int mtu = 0;
	socklen_t length = sizeof(mtu);
	int r = family == AF_INET ? getsockopt(fd, IPPROTO_IP, IP_MTU, &mtu, &length)
				  : getsockopt(fd, IPPROTO_IPV6, IPV6_MTU, &mtu, &length);

	return r < 0 || mtu < 0 ? 0 : (uint32_t)mtu;
}

static void take_error(const struct cmsghdr *header, struct ping_ancillary *ret)
{
	struct {
		struct sock_extended_err error;
		union socket_address offender;
	} data = {0};
	size_t length = header->cmsg_len - CMSG_LEN(0);

	if (length < sizeof(data.error))
		return;
	memcpy(&data, CMSG_DATA(header), MIN(length, sizeof(data)));
	ret->has_error = true;
	ret->errnum = (int)data.error.ee_errno;
	ret->information = data.error.ee_info;
	ret->from_icmp = data.error.ee_origin == SO_EE_ORIGIN_ICMP ||
			 data.error.ee_origin == SO_EE_ORIGIN_ICMP6;
	ret->icmp_type = data.error.ee_type;
	ret->icmp_code = data.error.ee_code;
	if (ret->from_icmp)
		ret->offender = socket_address_ip(&data.offender.any);
}

static void take_ancillary(struct msghdr *message, struct ping_ancillary *ret)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
			struct timespec time;

			memcpy(&time, CMSG_DATA(c), sizeof(time));
			ret->stamp = (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT) {
			int hops;

			memcpy(&hops, CMSG_DATA(c), sizeof(hops));
			ret->ttl = (uint8_t)hops;
		} else if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
			   (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR)) {
			take_error(c, ret);
		}
	}
}

ssize_t ping_socket_receive(int fd, int flags, void *buffer, size_t size,
			    struct ping_ancillary *ret)
{
	union socket_address from = {0};
	_Alignas(struct cmsghdr) char control[512];
	struct iovec part = {buffer, size};
	struct msghdr message = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(fd, &message, flags | MSG_DONTWAIT);

	if (n < 0)
		return -errno;
	memset(ret, 0, sizeof(*ret));
	ret->from = socket_address_ip(&from.any);
	take_ancillary(&message, ret);
	return n;
}
