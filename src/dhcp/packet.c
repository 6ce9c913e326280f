#include "packet.h"

#include "message.h"

#define IP_VERSION_AND_LENGTH 0x45
#define TIME_TO_LIVE	      64
#define IP_PROTOCOL_UDP	      17
#define IP_FRAGMENT_MASK      0x3fff /* more fragments, or an offset */

/* The ones' complement sum of RFC 1071, continued from `sum`. */
static uint32_t checksum_add(uint32_t sum, const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i + 1 < size; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	if (size % 2)
		sum += (uint32_t)bytes[size - 1] << 8;
	return sum;
}

static uint16_t checksum_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* Over the pseudo header (RFC 768) and the datagram as it stands. */
static uint16_t udp_checksum(const uint8_t *addresses, const uint8_t *datagram, size_t size)
{
	uint32_t sum = checksum_add(IP_PROTOCOL_UDP + (uint32_t)size, addresses, 8);

	return checksum_fold(checksum_add(sum, datagram, size));
}

size_t packet_build_between(struct in_addr source, struct in_addr destination, const void *payload,
			    size_t size, uint8_t *buffer, size_t buffer_size)
{
	uint8_t addresses[8];
	struct writer writer = WRITER(buffer, buffer_size);
	uint16_t checksum;

	memcpy(addresses, &source, 4);
	memcpy(addresses + 4, &destination, 4);
	writer_u8(&writer, IP_VERSION_AND_LENGTH);
	writer_u8(&writer, 0);
	writer_u16(&writer, (uint16_t)(PACKET_HEADERS + size));
	writer_u32(&writer, 0);
	writer_u8(&writer, TIME_TO_LIVE);
	writer_u8(&writer, IP_PROTOCOL_UDP);
	writer_u16(&writer, 0);
	writer_put(&writer, addresses, sizeof(addresses));
	writer_u16(&writer, DHCP_PORT_CLIENT);
	writer_u16(&writer, DHCP_PORT_SERVER);
	writer_u16(&writer, (uint16_t)(8 + size));
	writer_u16(&writer, 0);
	writer_put(&writer, payload, size);
	if (!writer_ok(&writer))
		return 0;

	checksum = checksum_fold(checksum_add(0, buffer, 20));
	buffer[10] = (uint8_t)(checksum >> 8);
	buffer[11] = (uint8_t)checksum;
	/* A checksum of zero would mean that there is none (RFC 768). */
	checksum = udp_checksum(addresses, buffer + 20, 8 + size) ?: 0xffff;
	buffer[26] = (uint8_t)(checksum >> 8);
	buffer[27] = (uint8_t)checksum;
	return writer.offset;
}

size_t packet_build(const void *payload, size_t size, uint8_t *buffer, size_t buffer_size)
{
	const struct in_addr nobody = {INADDR_ANY}, all = {INADDR_BROADCAST};

	return packet_build_between(nobody, all, payload, size, buffer, buffer_size);
}

static int udp_parse(struct cursor datagram, const uint8_t *addresses, bool checksum_pending,
		     struct udp_packet *ret)
{
	const uint8_t *bytes = datagram.data;
	uint16_t length, checksum;

	ret->source_port = cursor_u16(&datagram);
	ret->destination_port = cursor_u16(&datagram);
	length = cursor_u16(&datagram);
	checksum = cursor_u16(&datagram);
	if (!cursor_ok(&datagram) || length < 8 || length > datagram.size)
		return -EBADMSG;
	if (checksum && !checksum_pending && udp_checksum(addresses, bytes, length) != 0)
		return -EBADMSG;
	ret->payload_size = length - 8u;
	ret->payload = cursor_bytes(&datagram, ret->payload_size);
	return 0;
}

int packet_parse(const void *bytes, size_t size, bool checksum_pending, struct udp_packet *ret)
{
	struct cursor cursor = CURSOR(bytes, size);
	uint8_t version = cursor_u8(&cursor), protocol;
	size_t header = (version & 15u) * 4u;
	uint16_t total, fragment;
	const uint8_t *addresses;

	cursor_skip(&cursor, 1);
	total = cursor_u16(&cursor);
	cursor_skip(&cursor, 2);
	fragment = cursor_u16(&cursor);
	cursor_skip(&cursor, 1);
	protocol = cursor_u8(&cursor);
	cursor_skip(&cursor, 2);
	addresses = cursor_bytes(&cursor, 8);
	if (!addresses || version >> 4 != 4 || header < 20 || total < header || total > size ||
	    checksum_fold(checksum_add(0, bytes, header)) != 0)
		return -EBADMSG;
	if (protocol != IP_PROTOCOL_UDP || fragment & IP_FRAGMENT_MASK)
		return 1;
	ret->source = ip_address_from_bytes(AF_INET, addresses);
	ret->destination = ip_address_from_bytes(AF_INET, addresses + 4);
	return udp_parse(CURSOR((const uint8_t *)bytes + header, total - header), addresses,
			 checksum_pending, ret);
}

static const struct sock_filter filter[] = {
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9), /* protocol */
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IP_PROTOCOL_UDP, 0, 6),
	BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 6), /* flags and fragment offset */
	BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, IP_FRAGMENT_MASK, 4, 0),
	BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0), /* length of the IP header */
	BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2),	/* destination port */
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, DHCP_PORT_CLIENT, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	BPF_STMT(BPF_RET | BPF_K, 0),
};

const struct sock_fprog dhcp_packet_filter = {.len = ARRAY_SIZE(filter),
					      .filter = (struct sock_filter *)filter};
