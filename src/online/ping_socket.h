/*
 * Sockets of a ping: opened, bound and connected as its request says, and read with all that the
 * kernel tells beside the data.
 */
#pragma once

#include "ping.h"

/* A raw socket for echoes, connected. The descriptor, or a negative errno with `error` filled. */
int ping_socket_open_echo(const struct ping_request *request, struct error *error);

/* A TCP socket that is connecting. `ret_errno` is the positive errno of a connect() that failed at
 * once, else 0. */
int ping_socket_open_connection(const struct ping_request *request, int *ret_errno,
				struct error *error);

/* A UDP socket, connected. As above. */
int ping_socket_open_datagram(const struct ping_request *request, int *ret_errno,
			      struct error *error);

/* A raw ICMP socket that takes echo answers and errors from whoever sends them. The descriptor, or
 * a negative errno with `error` filled. */
int ping_socket_open_raw(const struct ping_request *request, struct error *error);

/* Sends to the request's target and port: bytes, or a negative errno. */
ssize_t ping_socket_send(int fd, const struct ping_request *request, const void *bytes,
			 size_t size);
int ping_socket_set_ttl(int fd, int family, unsigned ttl);
/* Packets are never fragmented, and the path MTU that the kernel remembers does not count. */
int ping_socket_probe_mtu(int fd, int family);

uint16_t ping_socket_source_port(int fd); /* 0 for none */
struct ip_address ping_socket_source(int fd);
uint32_t ping_socket_mtu(int fd, int family); /* of the path, bytes; 0 for not known */

/* What came with a datagram. */
struct ping_ancillary {
	uint64_t stamp; /* realtime nanoseconds, 0 for none */
	uint8_t ttl;	/* of IPv6, 0 for none */
	struct ip_address from;
	/* Of the error queue: */
	bool has_error, from_icmp;
	int errnum;
	uint8_t icmp_type, icmp_code;
	uint32_t information; /* the MTU of "too large" */
	struct ip_address offender;
};

/* recvmsg() with `flags`, and its ancillary data: bytes, or a negative errno. */
ssize_t ping_socket_receive(int fd, int flags, void *buffer, size_t size,
			    struct ping_ancillary *ret);
