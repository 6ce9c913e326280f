/*
 * DHCPv4 messages (RFC 2131 section 2): the fixed header, and options by their number.
 *
 * A parsed message borrows the bytes that it was parsed from. Options are found when they are asked
 * for: those that a server split (RFC 3396) or put into the file and sname fields (RFC 2132 section
 * 9.3) come out in one piece.
 */
#pragma once

#include "base/base.h"

#define DHCP_PORT_SERVER 67
#define DHCP_PORT_CLIENT 68

/* Smallest payload that every relay and server takes (RFC 1542 section 2.1), and the largest that
 * we send. */
#define DHCP_PAYLOAD_MIN 300
#define DHCP_PAYLOAD_MAX 576

/* Longest value that one option can have over all of its pieces: no message of ours is larger. */
#define DHCP_OPTION_MAX 1500

enum dhcp_message_type {
	DHCP_DISCOVER = 1,
	DHCP_OFFER,
	DHCP_REQUEST,
	DHCP_DECLINE,
	DHCP_ACK,
	DHCP_NAK,
	DHCP_RELEASE,
};

enum dhcp_option {
	DHCP_OPTION_PAD = 0,
	DHCP_OPTION_SUBNET_MASK = 1,
	DHCP_OPTION_ROUTER = 3,
	DHCP_OPTION_DNS = 6,
	DHCP_OPTION_HOSTNAME = 12,
	DHCP_OPTION_DOMAIN = 15,
	DHCP_OPTION_MTU = 26,
	DHCP_OPTION_BROADCAST = 28,
	DHCP_OPTION_NTP = 42,
	DHCP_OPTION_REQUESTED_ADDRESS = 50,
	DHCP_OPTION_LEASE_TIME = 51,
	DHCP_OPTION_OVERLOAD = 52,
	DHCP_OPTION_TYPE = 53,
	DHCP_OPTION_SERVER_ID = 54,
	DHCP_OPTION_PARAMETERS = 55,
	DHCP_OPTION_MESSAGE = 56,
	DHCP_OPTION_MAXIMUM_SIZE = 57,
	DHCP_OPTION_T1 = 58,
	DHCP_OPTION_T2 = 59,
	DHCP_OPTION_VENDOR_CLASS = 60,
	DHCP_OPTION_CLIENT_ID = 61,
	DHCP_OPTION_RAPID_COMMIT = 80,
	DHCP_OPTION_IPV6_ONLY = 108,
	DHCP_OPTION_CAPTIVE_PORTAL = 114,
	DHCP_OPTION_SEARCH = 119,
	DHCP_OPTION_CLASSLESS_ROUTES = 121,
	DHCP_OPTION_CLASSLESS_ROUTES_MICROSOFT = 249,
	DHCP_OPTION_END = 255,
};

struct dhcp_message {
	uint8_t operation; /* 1 request, 2 reply */
	uint8_t type;	   /* enum dhcp_message_type */
	uint32_t transaction;
	uint16_t seconds, flags;
	struct in_addr client, yours, next_server, relay; /* ciaddr, yiaddr, siaddr, giaddr */
	struct hardware_address hardware;		  /* chaddr; 6 bytes of Ethernet */
	struct cursor areas[3]; /* options, then file and sname where they hold options */
	unsigned areas_count;
};

/* Parses a BOOTP payload. 0; -EBADMSG when it is none or contradicts itself. */
int dhcp_message_parse(const void *payload, size_t size, struct dhcp_message *ret);

/* Gathers all pieces of an option into `buffer` (DHCP_OPTION_MAX bytes). Its length, or -ENOENT. */
int dhcp_message_option(const struct dhcp_message *message, uint8_t option, uint8_t *buffer);

/* The same for options of one address, or one number of 32 bits; -EBADMSG for other lengths. Of
 * several that a server has sent the first counts. */
int dhcp_message_address(const struct dhcp_message *message, uint8_t option, struct in_addr *ret);
int dhcp_message_u32(const struct dhcp_message *message, uint8_t option, uint32_t *ret);

/* Begins a request in `writer`: the header up to the magic cookie. `broadcast` asks for answers by
 * broadcast. */
void dhcp_message_begin(struct writer *writer, uint32_t transaction, uint16_t seconds,
			bool broadcast, struct in_addr client,
			const struct hardware_address *hardware);
/* Appends an option; a value of more than 255 bytes is split (RFC 3396). */
void dhcp_message_put(struct writer *writer, uint8_t option, const void *value, size_t length);
/* Ends the options and pads the payload to DHCP_PAYLOAD_MIN. */
void dhcp_message_end(struct writer *writer);
