/* An ACK, made option by option, and read as a lease. */
#pragma once

#include "dhcp.h"
#include "dhcp/lease.h"

#define NOW (1000 * SECOND)

/* An ACK of 192.0.2.50/24 for an hour by 192.0.2.1, with the options that a test puts into it. */
struct ack {
	uint8_t bytes[1500];
	struct writer writer;
};

static inline void put_address(struct ack *ack, uint8_t option, const char *text)
{
	struct in_addr address = ip(text);

	dhcp_message_put(&ack->writer, option, &address, 4);
}

static inline void put_u32(struct ack *ack, uint8_t option, uint32_t value)
{
	uint32_t network = htonl(value);

	dhcp_message_put(&ack->writer, option, &network, 4);
}

static inline void bare(struct ack *ack, const char *yours)
{
	const struct hardware_address mac = {.length = 6, .bytes = {2, 0, 0x5e, 0, 0, 1}};
	const struct in_addr none = {0};
	struct in_addr address = ip(yours);
	uint8_t type = DHCP_ACK;

	memset(ack, 0, sizeof(*ack));
	ack->writer = WRITER(ack->bytes, sizeof(ack->bytes));
	dhcp_message_begin(&ack->writer, 1, 0, false, none, &mac);
	ack->bytes[0] = 2;
	memcpy(ack->bytes + 16, &address, 4);
	dhcp_message_put(&ack->writer, DHCP_OPTION_TYPE, &type, 1);
}

static inline void begin(struct ack *ack)
{
	bare(ack, "192.0.2.50");
	put_address(ack, DHCP_OPTION_SERVER_ID, "192.0.2.1");
	put_address(ack, DHCP_OPTION_SUBNET_MASK, "255.255.255.0");
	put_u32(ack, DHCP_OPTION_LEASE_TIME, 3600);
}

static inline int read_lease(struct ack *ack, struct dhcp_lease *lease)
{
	struct dhcp_message message;

	dhcp_message_end(&ack->writer);
	assert_true(writer_ok(&ack->writer));
	assert_int_equal(dhcp_message_parse(ack->bytes, ack->writer.offset, &message), 0);
	return lease_from_message(&message, NOW, lease);
}
