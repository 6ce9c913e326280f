/* Frames of any content as observations, and what is inferred from them. */
#include "fuzz.h"
#include "suggest/suggest.h"

#define OBSERVATIONS_MAX 64

static const struct hardware_address own = {.length = 6, .bytes = {2, 0, 0x5e, 0, 0, 1}};

/* A frame behind its length, or the target of a question of ours. Is it an observation? */
static bool read_observation(struct cursor *input, usec_t now, struct observation *ret)
{
	uint8_t what = cursor_u8(input);
	struct cursor frame;
	size_t size;

	if (what == 1 || what == 2) {
		*ret = (struct observation){
			.kind = what == 1 ? OBSERVATION_OWN_PROBE : OBSERVATION_OWN_GUESS,
			.mac = own,
		};
		cursor_copy(input, &ret->target, sizeof(ret->target));
		return cursor_ok(input);
	}
	size = cursor_u16(input);
	frame = cursor_sub(input, MIN(size, cursor_left(input)));
	return observation_parse(frame.data, frame.size, now, ret) == 0;
}

static void check_free(const struct record *record, const struct suggestion *suggestion)
{
	if (suggestion->best.address.s_addr == 0 || suggestion->best.confidence == 0)
		return;
	for (size_t i = 0; i < record->count; i++)
		FUZZ_CHECK(hardware_address_equal(&record->observations[i].mac, &own) ||
			   !observation_names(&record->observations[i], suggestion->best.address));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor input = CURSOR(data, size);
	struct record record = {.count = 0};
	struct observation observation;
	struct in_addr probes[INFER_PROBES_MAX], guesses[INFER_GUESSES_MAX];
	struct suggestion suggestion;

	for (usec_t now = 0; cursor_left(&input) && now < OBSERVATIONS_MAX; now++)
		if (read_observation(&input, now, &observation))
			record_put(&record, &observation);
	infer_suggestion(record.observations, record.count, &own, &suggestion);
	FUZZ_CHECK(suggestion.best.confidence >= 0 &&
		   suggestion.best.confidence <= SUGGESTION_CONFIDENCE_MAX);
	FUZZ_CHECK(suggestion.evidence_count > 0);
	check_free(&record, &suggestion);
	FUZZ_CHECK(infer_probes(record.observations, record.count, &own, probes) <=
		   INFER_PROBES_MAX);
	FUZZ_CHECK(infer_guesses(record.observations, record.count, &own, guesses) <=
		   INFER_GUESSES_MAX);
	return 0;
}
