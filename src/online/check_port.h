/*
 * Check port: whether something listens behind a port, and if nothing is to be seen of it, who or
 * what stands in the way.
 *
 * TCP opens a connection and closes it at once. UDP has no handshake: a datagram is sent (a real
 * question where the port is one whose protocol has a harmless one), and repeated; an answer means
 * open, an ICMP error tells who refused, and silence proves nothing.
 */
#pragma once

#include "ping.h"

#define CHECK_PORT_TIMEOUT_MAX (30 * USEC_PER_SEC)
#define CHECK_PORT_SENDS_MAX   3 /* datagrams: each may be lost */

enum port_protocol { PORT_TCP, PORT_UDP };

struct check_port_request {
	struct ip_address target;
	uint16_t port; /* 1..65535 */
	enum port_protocol protocol;
	char interface[IFNAMSIZ]; /* leave by this one only, "" for any */
	struct ip_address source; /* unset: the kernel chooses */
	usec_t timeout;
};

enum port_state {
	PORT_OPEN,
	PORT_REFUSED,	       /* the target itself says that nothing listens */
	PORT_FILTERED,	       /* something on the way forbids it, or swallows it */
	PORT_NO_ROUTE,	       /* a router, or this host, knows no way to the target */
	PORT_OPEN_OR_FILTERED, /* UDP without an answer */
	_PORT_STATE_MAX
};

struct check_port_result {
	struct check_port_request request;
	struct ip_address source; /* the address we sent from */
	enum port_state state;
	uint64_t latency;	/* nanoseconds until what decided it; 0 for silence */
	struct ip_address from; /* who sent the ICMP error; unset for none */
	bool has_icmp;
	uint8_t icmp_type, icmp_code;
	int errnum;	 /* positive errno of the kernel, 0 for none */
	unsigned sent;	 /* datagrams; 0 for TCP */
	uint32_t answer; /* bytes of the datagram that came back */
};

struct check_port;

/* Called once, from the event loop; `result` is borrowed. The check is freed after it. */
typedef void (*check_port_done_t)(const struct check_port_result *result, void *userdata);

/* 0, or a negative errno with `error` filled as ping_start() does, but for host.unreachable: no
 * route is a result. `done` is called later, never from within. */
int check_port_start(struct check_port **ret, sd_event *event,
		     const struct check_port_request *request, check_port_done_t done,
		     void *userdata, struct error *error);

/* Ends it without calling `done`. */
void check_port_cancel(struct check_port *check);
DEFINE_CLEANUP(struct check_port *, check_port_cleanup, check_port_cancel)

/* What an ICMP error says of the port; `from_target`: the target sent it. Pure. RFC 792, RFC 1122
 * 3.2.2.1, RFC 1812 5.2.7.1, RFC 4443 3.1 */
enum port_state check_port_judge(int family, enum port_protocol protocol, uint8_t type,
				 uint8_t code, bool from_target);

/* The datagram for a port: bytes, none for a port whose protocol is not known here. */
size_t check_port_payload(uint16_t port, const uint8_t **ret);

const char *port_state_text(enum port_state state); /* "open", "refused", ... */

/* {address, port, protocol, state, detail, source, latency_ms, from, icmp_type, icmp_code}. */
json_t *check_port_result_to_json(const struct check_port_result *result);
