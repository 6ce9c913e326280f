/* ICMP errors of both families, as a raw socket gives them to a trace. The first byte says which.
 */
#include "online/traceroute_packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct trace_error error;
	volatile uint8_t last;

	if (size == 0)
		return 0;
	if (trace_error_parse(data[0] & 1 ? AF_INET6 : AF_INET, data + 1, size - 1, &error) != 0)
		return 0;
	if (error.payload_size < 8 || error.labels_count > TRACE_LABELS_MAX)
		__builtin_trap();
	last = error.payload[error.payload_size - 1];
	(void)last;
	return 0;
}
