/*
 * Recorded networks without DHCP, as files of tests/data/captures/ (pcap, nanoseconds, least byte
 * first): what a host with the MAC 02:00:00:00:ee:01 heard and asked during net.suggest.
 */
#include "suggest_heard.h"

#include <stdlib.h>

#define FILE_MAX    (64 << 10)
#define FILE_HEADER 24
#define TIMES	    8 /* bytes of a packet's header before its lengths */

struct capture {
	const char *name, *gateway, *prefix;
	bool other_subnets;
};

static const struct capture captures[] = {
	{"one-subnet", "172.20.10.50", "172.20.10.0/24", false},
	{"two-small-subnets", "172.25.30.1", "172.25.30.0/25", true},
	{"three-subnets", "172.27.195.254", "172.27.192.0/22", true},
	{"liar-and-proxy", "10.202.200.1", "10.202.200.0/23", false},
};

static size_t read_file(const char *name, uint8_t *buffer)
{
	char path[1024];
	const char *folder = getenv("CAPTURES");
	FILE *file;
	size_t size;

	assert_non_null(folder);
	snprintf(path, sizeof(path), "%s/%s.pcap", folder, name);
	file = fopen(path, "re");
	assert_non_null(file);
	size = fread(buffer, 1, FILE_MAX, file);
	assert_int_equal(fclose(file), 0);
	assert_in_range(size, FILE_HEADER + 1, FILE_MAX - 1);
	return size;
}

/* The next frame, or one without bytes at the end. */
static struct cursor next_frame(struct cursor *file)
{
	uint8_t length[4];

	cursor_skip(file, TIMES);
	cursor_copy(file, length, sizeof(length));
	cursor_skip(file, sizeof(length));
	return cursor_sub(file, length[0] | (size_t)length[1] << 8);
}

/* What the host itself sent is a question, or nothing. */
static void put_frame(struct record *record, const struct cursor *frame, usec_t now)
{
	struct observation observation;

	if (observation_parse(frame->data, frame->size, now, &observation) != 0)
		return;
	if (hardware_address_equal(&observation.mac, &own)) {
		if (observation.kind != OBSERVATION_ARP_REQUEST)
			return;
		observation = (struct observation){.kind = OBSERVATION_OWN_PROBE,
						   .mac = own,
						   .target = observation.target};
	}
	record_put(record, &observation);
}

static void replay(const struct capture *capture, struct record *record)
{
	static uint8_t bytes[FILE_MAX];
	struct cursor file = CURSOR(bytes, read_file(capture->name, bytes));

	*record = (struct record){.count = 0};
	cursor_skip(&file, FILE_HEADER);
	for (usec_t now = 1; cursor_left(&file); now++) {
		struct cursor frame = next_frame(&file);

		assert_true(cursor_ok(&frame));
		put_frame(record, &frame, now);
	}
}

static void test_captures(void **state)
{
	static struct record record;
	static struct suggestion suggestion;
	struct ip_prefix prefix = {.length = 0};
	char text[IP_PREFIX_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(captures); i++) {
		replay(&captures[i], &record);
		infer_suggestion(record.observations, record.count, &own, &suggestion);
		assert_address(suggestion.best.gateway, captures[i].gateway);
		prefix.address = ip_address_v4(suggestion.best.network.s_addr);
		prefix.length = suggestion.best.prefix;
		assert_string_equal(ip_prefix_print(&prefix, text), captures[i].prefix);
		assert_int_equal(suggestion.alternatives_count > 0, captures[i].other_subnets);
		for (size_t k = 0; k < record.count; k++)
			if (!observation_is_own(&record.observations[k]))
				assert_false(observation_names(&record.observations[k],
							       suggestion.best.address));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_captures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
