#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <string.h>

#include "netfilter-internal.h"
#include "netlink/attribute.h"

/* One direction of a connection, as the kernel tells it. */
struct tuple {
	struct ip_address source, destination;
	uint8_t protocol;
	uint16_t source_port, destination_port; /* network order */
};

struct telling {
	struct tuple original;
	uint32_t status, id; /* network order */
	uint16_t zone;
};

static const struct attribute address_rows[] = {
	[CTA_IP_V4_SRC] = ATTRIBUTE(IP, struct tuple, source),
	[CTA_IP_V4_DST] = ATTRIBUTE(IP, struct tuple, destination),
	[CTA_IP_V6_SRC] = ATTRIBUTE(IP, struct tuple, source),
	[CTA_IP_V6_DST] = ATTRIBUTE(IP, struct tuple, destination),
};
static const struct attribute_table address_table = ATTRIBUTE_TABLE(address_rows);

static const struct attribute protocol_rows[] = {
	[CTA_PROTO_NUM] = ATTRIBUTE(U8, struct tuple, protocol),
	[CTA_PROTO_SRC_PORT] = ATTRIBUTE(U16, struct tuple, source_port),
	[CTA_PROTO_DST_PORT] = ATTRIBUTE(U16, struct tuple, destination_port),
};
static const struct attribute_table protocol_table = ATTRIBUTE_TABLE(protocol_rows);

/* The original direction stands first in struct telling. */
static const struct attribute tuple_rows[] = {
	[CTA_TUPLE_IP] = ATTRIBUTE_NESTED(&address_table),
	[CTA_TUPLE_PROTO] = ATTRIBUTE_NESTED(&protocol_table),
};
static const struct attribute_table tuple_table = ATTRIBUTE_TABLE(tuple_rows);

static const struct attribute flow_rows[] = {
	[CTA_TUPLE_ORIG] = ATTRIBUTE_NESTED(&tuple_table),
	[CTA_STATUS] = ATTRIBUTE(U32, struct telling, status),
	[CTA_ID] = ATTRIBUTE(U32, struct telling, id),
	[CTA_ZONE] = ATTRIBUTE(U16, struct telling, zone),
};
static const struct attribute_table flow_table = ATTRIBUTE_TABLE(flow_rows);

struct flow_reading {
	int (*receive)(const struct flow *flow, void *userdata);
	void *userdata;
};

static int read_flow(const struct nlmsghdr *message, void *userdata)
{
	struct flow_reading *reading = userdata;
	struct telling telling = {0};
	struct flow flow;
	int r = attribute_read(netfilter_attributes(message), &flow_table, &telling);

	if (r < 0)
		return r;
	flow = (struct flow){
		.source = telling.original.source,
		.destination = telling.original.destination,
		.protocol = telling.original.protocol,
		.source_port = ntohs(telling.original.source_port),
		.destination_port = ntohs(telling.original.destination_port),
		.status = ntohl(telling.status),
		.id = ntohl(telling.id),
		.zone = ntohs(telling.zone),
	};
	/* Of a protocol without ports (or ICMP, known by other attributes) there are none. */
	return ip_address_is_set(&flow.source) ? reading->receive(&flow, reading->userdata) : 0;
}

int netfilter_each_flow(struct netfilter *netfilter,
			int (*receive)(const struct flow *flow, void *userdata), void *userdata)
{
	_Alignas(struct nlmsghdr) char buffer[128];
	struct flow_reading reading = {receive, userdata};
	struct nlmsghdr *message = netfilter_header(buffer, NFNL_SUBSYS_CTNETLINK,
						    IPCTNL_MSG_CT_GET, AF_UNSPEC, NLM_F_DUMP);

	return netlink_query(netfilter_socket(netfilter), message, read_flow, &reading);
}

static void put_address(struct nlmsghdr *message, bool source, const struct ip_address *address)
{
	bool v4 = address->family == AF_INET;

	mnl_attr_put(message,
		     source ? (v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC)
			    : (v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST),
		     ip_family_bytes(address->family), address->bytes);
}

int netfilter_cut_flow(struct netfilter *netfilter, const struct flow *flow)
{
	_Alignas(struct nlmsghdr) char buffer[256];
	struct nlmsghdr *message = netfilter_header(buffer, NFNL_SUBSYS_CTNETLINK,
						    IPCTNL_MSG_CT_DELETE, flow->source.family, 0);
	struct nlattr *tuple = mnl_attr_nest_start(message, CTA_TUPLE_ORIG), *part;
	int r;

	part = mnl_attr_nest_start(message, CTA_TUPLE_IP);
	put_address(message, true, &flow->source);
	put_address(message, false, &flow->destination);
	mnl_attr_nest_end(message, part);
	part = mnl_attr_nest_start(message, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(message, CTA_PROTO_NUM, flow->protocol);
	mnl_attr_put_u16(message, CTA_PROTO_SRC_PORT, htons(flow->source_port));
	mnl_attr_put_u16(message, CTA_PROTO_DST_PORT, htons(flow->destination_port));
	mnl_attr_nest_end(message, part);
	mnl_attr_nest_end(message, tuple);
	/* One that began since with the same ends is another one. */
	mnl_attr_put_u32(message, CTA_ID, htonl(flow->id));
	if (flow->zone)
		mnl_attr_put_u16(message, CTA_ZONE, htons(flow->zone));
	r = netlink_request(netfilter_socket(netfilter), message);
	return r == -ENOENT ? 0 : r;
}
