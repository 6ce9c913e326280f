/* An IP packet, with and without a checksum yet; and a payload of ours, wrapped and unwrapped. */
#include "dhcp/packet.h"
#include "fuzz.h"

static void parse(const uint8_t *data, size_t size, bool checksum_pending)
{
	struct udp_packet packet;

	if (packet_parse(data, size, checksum_pending, &packet) != 0)
		return;
	FUZZ_CHECK(packet.payload >= data && packet.payload + packet.payload_size <= data + size);
	fuzz_touch(packet.payload, packet.payload_size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t buffer[2048];
	struct udp_packet packet;
	size_t built = packet_build(data, size, buffer, sizeof(buffer));

	parse(data, size, false);
	parse(data, size, true);
	if (!built)
		return 0;
	FUZZ_CHECK(packet_parse(buffer, built, false, &packet) == 0);
	FUZZ_CHECK(packet.payload_size == size && memcmp(packet.payload, data, size) == 0);
	return 0;
}
