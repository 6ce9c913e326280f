/* Frames of any content as observations, and what is inferred from them. */
#include "fuzz.h"
#include "suggest/suggest.h"

#define OBSERVATIONS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct hardware_address mac = {.length = 6, .bytes = {2, 0, 0x5e, 0, 0, 1}};
	struct cursor input = CURSOR(data, size);
	struct observation observations[OBSERVATIONS_MAX];
	struct in_addr probes[INFER_PROBES_MAX];
	struct suggestion suggestion;
	size_t count = 0;

	while (cursor_left(&input) && count < OBSERVATIONS_MAX) {
		struct cursor frame =
			cursor_sub(&input, MIN(cursor_u8(&input), cursor_left(&input)));

		count +=
			observation_parse(frame.data, frame.size, count, &observations[count]) == 0;
	}
	infer_suggestion(observations, count, &mac, &suggestion);
	FUZZ_CHECK(suggestion.best.confidence >= 0 && suggestion.best.confidence <= 1);
	FUZZ_CHECK(suggestion.evidence_count > 0);
	for (size_t i = 0; i < count; i++)
		FUZZ_CHECK(observations[i].sender.s_addr != suggestion.best.address.s_addr ||
			   suggestion.best.address.s_addr == 0 || suggestion.best.confidence == 0 ||
			   hardware_address_equal(&observations[i].mac, &mac));
	FUZZ_CHECK(infer_probes(observations, count, &mac, probes) <= INFER_PROBES_MAX);
	return 0;
}
