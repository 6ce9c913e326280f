#include "arp.h"

#define HARDWARE_ETHERNET 1
#define PROTOCOL_IPV4	  0x0800

void arp_build(const struct arp_packet *packet, uint8_t buffer[ARP_PACKET_SIZE])
{
	struct writer writer = WRITER(buffer, ARP_PACKET_SIZE);

	writer_u16(&writer, HARDWARE_ETHERNET);
	writer_u16(&writer, PROTOCOL_IPV4);
	writer_u8(&writer, 6);
	writer_u8(&writer, 4);
	writer_u16(&writer, packet->operation);
	writer_put(&writer, packet->sender_mac.bytes, 6);
	writer_put(&writer, &packet->sender, 4);
	writer_put(&writer, packet->target_mac.bytes, 6);
	writer_put(&writer, &packet->target, 4);
}

int arp_parse(const void *bytes, size_t size, struct arp_packet *ret)
{
	struct cursor cursor = CURSOR(bytes, size);
	uint16_t hardware = cursor_u16(&cursor), protocol = cursor_u16(&cursor);
	uint8_t hardware_length = cursor_u8(&cursor), protocol_length = cursor_u8(&cursor);

	*ret = (struct arp_packet){.operation = cursor_u16(&cursor),
				   .sender_mac.length = 6,
				   .target_mac.length = 6};
	cursor_copy(&cursor, ret->sender_mac.bytes, 6);
	cursor_copy(&cursor, &ret->sender, 4);
	cursor_copy(&cursor, ret->target_mac.bytes, 6);
	cursor_copy(&cursor, &ret->target, 4);
	if (!cursor_ok(&cursor))
		return -EBADMSG;
	return hardware == HARDWARE_ETHERNET && protocol == PROTOCOL_IPV4 && hardware_length == 6 &&
			       protocol_length == 4
		       ? 0
		       : 1;
}

static const struct sock_filter filter[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), /* hardware and protocol */
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, HARDWARE_ETHERNET << 16 | PROTOCOL_IPV4, 0, 3),
	BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 4), /* their lengths */
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 6 << 8 | 4, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	BPF_STMT(BPF_RET | BPF_K, 0),
};

const struct sock_fprog arp_packet_filter = {.len = ARRAY_SIZE(filter),
					     .filter = (struct sock_filter *)filter};

#define SENDER_OFFSET 14
#define TARGET_OFFSET 24

unsigned short arp_filter_build(struct sock_filter ret[ARP_FILTER_MOST],
				const struct in_addr *addresses, unsigned count)
{
	/* The end is after the last comparison: what is to be passed over by then. */
	const uint8_t left = (uint8_t)count;
	struct sock_filter *at = ret;

	*at++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0);
	*at++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
					     HARDWARE_ETHERNET << 16 | PROTOCOL_IPV4, 0, left + 5);
	*at++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 4);
	*at++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 6 << 8 | 4, 0, left + 3);
	*at++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SENDER_OFFSET);
	/* A probe has no sender yet. */
	*at++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1);
	*at++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, TARGET_OFFSET);
	for (unsigned i = 0; i < count; i++)
		*at++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
						     ntohl(addresses[i].s_addr), left - i, 0);
	*at++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
	*at++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
	return (unsigned short)(at - ret);
}
