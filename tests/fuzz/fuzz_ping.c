/* What a raw socket gives to a ping: answers and quoted errors of both families. The first byte
 * says which; the identity is one that inputs can match. */
#include "online/ping_packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct ping_identity identities[] = {
		{.family = AF_INET, .identifier = 0x1234, .token = {1, 2, 3, 4, 5, 6, 7, 8}},
		{.family = AF_INET6, .identifier = 0x1234, .token = {1, 2, 3, 4, 5, 6, 7, 8}},
	};
	const struct ping_identity *identity;
	struct ping_reply reply;
	uint16_t sequence;

	if (size == 0)
		return 0;
	identity = &identities[data[0] & 1];
	if (ping_packet_parse(identity, data + 1, size - 1, &reply) == 0 &&
	    reply.size + PING_HEADER_SIZE > size)
		__builtin_trap();
	(void)ping_packet_parse_quoted(identity, data + 1, size - 1, &sequence);
	return 0;
}
