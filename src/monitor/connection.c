#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/tcp.h>
#include <string.h>

#include "monitor.h"

/* include/net/tcp_states.h of the kernel; 12 is the half-open one of a listener. */
static const char *const state_names[] = {
	[1] = "established", [2] = "syn_sent",	 [3] = "syn_received", [4] = "fin_wait_1",
	[5] = "fin_wait_2",  [6] = "time_wait",	 [7] = "close",	       [8] = "close_wait",
	[9] = "last_ack",    [10] = "listening", [11] = "closing",     [12] = "syn_received",
};

#define STATE_CLOSE	7
#define STATE_LISTENING 10

static const char *const protocol_names[] = {
	[CONNECTION_TCP] = "tcp",
	[CONNECTION_UDP] = "udp",
};

const char *connection_protocol_text(enum connection_protocol protocol)
{
	return protocol_names[protocol];
}

const char *connection_state_text(const struct connection *connection)
{
	if (connection->protocol == CONNECTION_UDP && connection->state == STATE_CLOSE)
		return "unconnected";
	if (connection->state == 0 || connection->state >= ARRAY_SIZE(state_names))
		return "unknown";
	return state_names[connection->state];
}

int connection_state_parse(const char *text)
{
	if (strcmp(text, "unconnected") == 0)
		return STATE_CLOSE;
	for (int i = 1; i < (int)ARRAY_SIZE(state_names); i++)
		if (strcmp(state_names[i], text) == 0)
			return i;
	return -EINVAL;
}

/* An IPv6 socket that carries IPv4 shows it as ::ffff:a.b.c.d (RFC 4291 2.5.5.2). */
static struct ip_address address_of(int family, const void *bytes)
{
	struct ip_address address = ip_address_from_bytes(family, bytes);

	if (family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&address.v6))
		return ip_address_from_bytes(AF_INET, address.bytes + 12);
	return address;
}

/* Older kernels tell less of it: the rest is 0. */
static void take_tcp(const struct nlattr *attribute, struct connection *connection)
{
	struct tcp_info information = {0};

	memcpy(&information, mnl_attr_get_payload(attribute),
	       MIN((size_t)mnl_attr_get_payload_len(attribute), sizeof(information)));
	connection->has_tcp = true;
	connection->rtt = information.tcpi_rtt;
	connection->rtt_variation = information.tcpi_rttvar;
	connection->retransmits = information.tcpi_retransmits;
	connection->retransmits_total = information.tcpi_total_retrans;
	connection->congestion_window = information.tcpi_snd_cwnd;
	connection->bytes_acked = information.tcpi_bytes_acked;
	connection->bytes_received = information.tcpi_bytes_received;
}

int connection_parse(const struct nlmsghdr *message, enum connection_protocol protocol,
		     struct connection *ret)
{
	const struct nlattr *attribute;
	struct inet_diag_msg diag;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(diag))
		return -EBADMSG;
	memcpy(&diag, mnl_nlmsg_get_payload(message), sizeof(diag));
	if (ip_family_bytes(diag.idiag_family) == 0)
		return -EBADMSG;

	*ret = (struct connection){
		.protocol = protocol,
		.family = diag.idiag_family,
		.state = diag.idiag_state,
		.local = address_of(diag.idiag_family, diag.id.idiag_src),
		.remote = address_of(diag.idiag_family, diag.id.idiag_dst),
		.local_port = ntohs(diag.id.idiag_sport),
		.remote_port = ntohs(diag.id.idiag_dport),
		.link = (int)diag.id.idiag_if,
		.uid = diag.idiag_uid,
		.inode = diag.idiag_inode,
		.receive_queue = diag.idiag_rqueue,
		.send_queue = diag.idiag_wqueue,
	};
	mnl_attr_for_each(attribute, message,
			  sizeof(diag)) if (mnl_attr_get_type(attribute) == INET_DIAG_INFO &&
					    protocol == CONNECTION_TCP &&
					    ret->state != STATE_LISTENING) take_tcp(attribute, ret);
	return 0;
}

bool connection_matches(const struct connection *connection, const struct connection_filter *filter)
{
	const struct ip_prefix *prefix = &filter->address;

	if (filter->protocols && !(filter->protocols & 1u << connection->protocol))
		return false;
	if (filter->states && !(filter->states & 1u << connection->state))
		return false;
	if (filter->family && filter->family != connection->family)
		return false;
	if (filter->port && filter->port != connection->local_port &&
	    filter->port != connection->remote_port)
		return false;
	if (filter->has_uid && filter->uid != connection->uid)
		return false;
	if (ip_address_is_set(&prefix->address) &&
	    !ip_prefix_contains(prefix, &connection->local) &&
	    !ip_prefix_contains(prefix, &connection->remote))
		return false;
	return true;
}

static int put_end(json_t *object, const char *address_key, const char *port_key,
		   const struct ip_address *address, uint16_t port)
{
	return json_put(object, address_key, json_address(address)) |
	       json_put(object, port_key, json_integer(port));
}

static int put_tcp(json_t *object, const struct connection *connection)
{
	int r = 0;

	if (connection->rtt) {
		r |= json_put(object, "rtt_ms", json_real(connection->rtt / 1000.0));
		r |= json_put(object, "rtt_variation_ms",
			      json_real(connection->rtt_variation / 1000.0));
	}
	r |= json_put(object, "retransmits", json_integer(connection->retransmits));
	r |= json_put(object, "retransmits_total", json_integer(connection->retransmits_total));
	r |= json_put(object, "congestion_window", json_integer(connection->congestion_window));
	r |= json_put(object, "bytes_acked", json_integer((json_int_t)connection->bytes_acked));
	r |= json_put(object, "bytes_received",
		      json_integer((json_int_t)connection->bytes_received));
	return r;
}

json_t *connection_to_json(const struct connection *connection)
{
	_cleanup_json_ json_t *object = json_object();
	int r;

	r = json_put(object, "protocol",
		     json_string(connection_protocol_text(connection->protocol)));
	r |= json_put(object, "state", json_string(connection_state_text(connection)));
	r |= put_end(object, "local_address", "local_port", &connection->local,
		     connection->local_port);
	/* A socket that is not connected has no other side. */
	if (connection->remote_port)
		r |= put_end(object, "remote_address", "remote_port", &connection->remote,
			     connection->remote_port);
	r |= json_put(object, "receive_queue", json_integer(connection->receive_queue));
	r |= json_put(object, "send_queue", json_integer(connection->send_queue));
	r |= json_put(object, "uid", json_integer(connection->uid));
	if (connection->pid) {
		r |= json_put(object, "pid", json_integer(connection->pid));
		r |= json_put(object, "process",
			      json_text_from_bytes(connection->comm, strlen(connection->comm)));
	}
	if (connection->has_tcp)
		r |= put_tcp(object, connection);
	return r < 0 ? NULL : TAKE_PTR(object);
}
