#include "dhcp/message.h"
#include "unit.h"

#define SNAME_AT   44
#define FILE_AT	   108
#define OPTIONS_AT 240

struct built {
	uint8_t bytes[1500];
	struct writer writer;
};

static void begin(struct built *built, uint8_t type)
{
	const struct hardware_address mac = {.length = 6, .bytes = {2, 0, 0x5e, 0, 0, 1}};
	const struct in_addr none = {0};

	memset(built, 0, sizeof(*built));
	built->writer = WRITER(built->bytes, sizeof(built->bytes));
	dhcp_message_begin(&built->writer, 0x11223344, 7, false, none, &mac);
	if (type)
		dhcp_message_put(&built->writer, DHCP_OPTION_TYPE, &type, 1);
}

static int parse(const struct built *built, struct dhcp_message *message)
{
	return dhcp_message_parse(built->bytes, built->writer.offset, message);
}

static void test_header(void **state)
{
	struct dhcp_message message;
	struct built built;

	begin(&built, DHCP_DISCOVER);
	dhcp_message_end(&built.writer);
	assert_int_equal(built.writer.offset, DHCP_PAYLOAD_MIN);
	assert_int_equal(parse(&built, &message), 0);
	assert_int_equal(message.operation, 1);
	assert_int_equal(message.type, DHCP_DISCOVER);
	assert_int_equal(message.transaction, 0x11223344);
	assert_int_equal(message.seconds, 7);
	assert_int_equal(message.flags, 0);
	assert_int_equal(message.hardware.bytes[5], 1);
	assert_int_equal(message.areas_count, 1);
}

static void test_broadcast_flag(void **state)
{
	const struct hardware_address mac = {.length = 6};
	const struct in_addr none = {0};
	struct built built = {0};

	built.writer = WRITER(built.bytes, sizeof(built.bytes));
	dhcp_message_begin(&built.writer, 1, 0, true, none, &mac);
	assert_int_equal(built.bytes[10], 0x80);
	assert_int_equal(built.bytes[11], 0);
}

static void test_what_is_no_message(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} damage[] = {{1, 6}, {2, 5}, {2, 16}, {236, 0}, {239, 0}};
	struct dhcp_message message;
	struct built built;

	for (size_t i = 0; i < ARRAY_SIZE(damage); i++) {
		begin(&built, DHCP_OFFER);
		dhcp_message_end(&built.writer);
		built.bytes[damage[i].at] = damage[i].value;
		assert_int_equal(parse(&built, &message), -EBADMSG);
	}
	begin(&built, 0);
	dhcp_message_end(&built.writer);
	assert_int_equal(parse(&built, &message), -EBADMSG); /* no type */
}

static void test_every_truncation_is_refused_or_whole(void **state)
{
	struct dhcp_message message;
	struct built built;
	uint8_t value[DHCP_OPTION_MAX];

	begin(&built, DHCP_OFFER);
	dhcp_message_put(&built.writer, DHCP_OPTION_DNS, "\1\2\3\4", 4);
	for (size_t size = 0; size < built.writer.offset; size++) {
		int r = dhcp_message_parse(built.bytes, size, &message);

		/* Only between two options a message can end and make sense. */
		assert_int_equal(r, size == OPTIONS_AT + 3 ? 0 : -EBADMSG);
	}
	assert_int_equal(parse(&built, &message), 0); /* without an end option */
	assert_int_equal(dhcp_message_option(&message, DHCP_OPTION_DNS, value), 4);
}

static void test_option_without_its_bytes(void **state)
{
	struct dhcp_message message;
	struct built built;

	begin(&built, DHCP_OFFER);
	writer_u8(&built.writer, DHCP_OPTION_DNS);
	writer_u8(&built.writer, 200);
	writer_fill(&built.writer, 0, 10);
	assert_int_equal(parse(&built, &message), -EBADMSG);
}

static void test_empty_option_and_padding(void **state)
{
	struct dhcp_message message;
	struct built built;
	uint8_t value[DHCP_OPTION_MAX];
	uint32_t number;

	begin(&built, DHCP_OFFER);
	writer_fill(&built.writer, DHCP_OPTION_PAD, 5);
	dhcp_message_put(&built.writer, DHCP_OPTION_RAPID_COMMIT, NULL, 0);
	dhcp_message_put(&built.writer, DHCP_OPTION_LEASE_TIME, NULL, 0);
	dhcp_message_end(&built.writer);
	assert_int_equal(parse(&built, &message), 0);
	assert_int_equal(dhcp_message_option(&message, DHCP_OPTION_RAPID_COMMIT, value), 0);
	assert_int_equal(dhcp_message_option(&message, DHCP_OPTION_DNS, value), -ENOENT);
	assert_int_equal(dhcp_message_u32(&message, DHCP_OPTION_LEASE_TIME, &number), -EBADMSG);
	assert_int_equal(dhcp_message_u32(&message, DHCP_OPTION_T1, &number), -ENOENT);
}

static void test_nothing_after_the_end_counts(void **state)
{
	struct dhcp_message message;
	struct built built;
	uint8_t value[DHCP_OPTION_MAX];

	begin(&built, DHCP_OFFER);
	writer_u8(&built.writer, DHCP_OPTION_END);
	dhcp_message_put(&built.writer, DHCP_OPTION_DNS, "\1\2\3\4", 4);
	assert_int_equal(parse(&built, &message), 0);
	assert_int_equal(dhcp_message_option(&message, DHCP_OPTION_DNS, value), -ENOENT);
}

/* RFC 3396: split when it is written, one piece when it is read. */
static void test_long_option(void **state)
{
	struct dhcp_message message;
	struct built built;
	uint8_t long_value[700], value[DHCP_OPTION_MAX];

	for (size_t i = 0; i < sizeof(long_value); i++)
		long_value[i] = (uint8_t)(i * 7);
	begin(&built, DHCP_ACK);
	dhcp_message_put(&built.writer, DHCP_OPTION_SEARCH, long_value, sizeof(long_value));
	dhcp_message_end(&built.writer);
	assert_int_equal(built.writer.offset, OPTIONS_AT + 3 + 700 + 3 * 2 + 1);
	assert_int_equal(built.bytes[OPTIONS_AT + 4], 255);
	assert_int_equal(parse(&built, &message), 0);
	assert_int_equal(dhcp_message_option(&message, DHCP_OPTION_SEARCH, value), 700);
	assert_memory_equal(value, long_value, sizeof(long_value));
}

/* A message holds no more than 1500 bytes, but a cut-off one must not write over a buffer either.
 */
static void test_option_longer_than_the_buffer(void **state)
{
	static uint8_t bytes[OPTIONS_AT + 3 + 8 * 257];
	const struct hardware_address mac = {.length = 6};
	const struct in_addr none = {0};
	struct writer writer = WRITER(bytes, sizeof(bytes));
	uint8_t value[DHCP_OPTION_MAX], type = DHCP_ACK, piece[255] = {0};
	struct dhcp_message message;

	dhcp_message_begin(&writer, 1, 0, false, none, &mac);
	dhcp_message_put(&writer, DHCP_OPTION_TYPE, &type, 1);
	for (int i = 0; i < 8; i++)
		dhcp_message_put(&writer, DHCP_OPTION_SEARCH, piece, sizeof(piece));
	assert_true(writer_ok(&writer));
	assert_int_equal(dhcp_message_parse(bytes, sizeof(bytes), &message), 0);
	assert_int_equal(dhcp_message_option(&message, DHCP_OPTION_SEARCH, value), -EBADMSG);
}

static void test_of_repeated_numbers_the_first_counts(void **state)
{
	struct dhcp_message message;
	struct built built;
	uint32_t number;

	begin(&built, DHCP_ACK);
	dhcp_message_put(&built.writer, DHCP_OPTION_LEASE_TIME, "\0\0\0\1", 4);
	dhcp_message_put(&built.writer, DHCP_OPTION_LEASE_TIME, "\0\0\0\2", 4);
	dhcp_message_put(&built.writer, DHCP_OPTION_T1, "\0\0\0\1\0", 5);
	dhcp_message_end(&built.writer);
	assert_int_equal(parse(&built, &message), 0);
	assert_int_equal(dhcp_message_u32(&message, DHCP_OPTION_LEASE_TIME, &number), 0);
	assert_int_equal(number, 1);
	assert_int_equal(dhcp_message_u32(&message, DHCP_OPTION_T1, &number), -EBADMSG);
}

/* RFC 2132 section 9.3 and RFC 3396 section 5: options, then file, then sname. */
static void test_overload(void **state)
{
	struct dhcp_message message;
	struct built built;
	uint8_t value[DHCP_OPTION_MAX];

	begin(&built, DHCP_ACK);
	dhcp_message_put(&built.writer, DHCP_OPTION_OVERLOAD, "\3", 1);
	dhcp_message_put(&built.writer, DHCP_OPTION_DOMAIN, "one", 3);
	dhcp_message_end(&built.writer);
	memcpy(built.bytes + FILE_AT, "\x0f\3two\xff", 6);
	memcpy(built.bytes + SNAME_AT, "\x0f\5three\xff", 8);
	assert_int_equal(parse(&built, &message), 0);
	assert_int_equal(message.areas_count, 3);
	assert_int_equal(dhcp_message_option(&message, DHCP_OPTION_DOMAIN, value), 11);
	assert_memory_equal(value, "onetwothree", 11);
}

static void test_overload_of_one_field(void **state)
{
	static const char *const expected[] = {[1] = "onetwo", [2] = "onethree"};
	struct dhcp_message message;
	struct built built;
	uint8_t value[DHCP_OPTION_MAX];

	for (uint8_t overload = 1; overload <= 2; overload++) {
		begin(&built, DHCP_ACK);
		dhcp_message_put(&built.writer, DHCP_OPTION_OVERLOAD, &overload, 1);
		dhcp_message_put(&built.writer, DHCP_OPTION_DOMAIN, "one", 3);
		dhcp_message_end(&built.writer);
		memcpy(built.bytes + FILE_AT, "\x0f\3two\xff", 6);
		memcpy(built.bytes + SNAME_AT, "\x0f\5three\xff", 8);
		assert_int_equal(parse(&built, &message), 0);
		assert_int_equal(dhcp_message_option(&message, DHCP_OPTION_DOMAIN, value),
				 strlen(expected[overload]));
		assert_memory_equal(value, expected[overload], strlen(expected[overload]));
	}
}

static void test_overload_that_is_damaged(void **state)
{
	struct dhcp_message message;
	struct built built;

	begin(&built, DHCP_ACK);
	dhcp_message_put(&built.writer, DHCP_OPTION_OVERLOAD, "\1", 1);
	dhcp_message_end(&built.writer);
	memset(built.bytes + FILE_AT, 0xfe, 128); /* an option of 254 bytes in a field of 128 */
	assert_int_equal(parse(&built, &message), -EBADMSG);
}

/* A boot file name is text, not options, unless the server says so. */
static void test_file_name_is_left_alone(void **state)
{
	struct dhcp_message message;
	struct built built;
	uint8_t value[DHCP_OPTION_MAX];

	begin(&built, DHCP_ACK);
	dhcp_message_end(&built.writer);
	memcpy(built.bytes + FILE_AT, "\x0f\3two\xff", 6);
	assert_int_equal(parse(&built, &message), 0);
	assert_int_equal(dhcp_message_option(&message, DHCP_OPTION_DOMAIN, value), -ENOENT);
}

static void test_writer_that_is_too_small(void **state)
{
	const struct hardware_address mac = {.length = 6};
	const struct in_addr none = {0};
	uint8_t bytes[250];
	struct writer writer = WRITER(bytes, sizeof(bytes));

	dhcp_message_begin(&writer, 1, 0, false, none, &mac);
	assert_true(writer_ok(&writer));
	dhcp_message_end(&writer);
	assert_false(writer_ok(&writer));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_broadcast_flag),
		cmocka_unit_test(test_what_is_no_message),
		cmocka_unit_test(test_every_truncation_is_refused_or_whole),
		cmocka_unit_test(test_option_without_its_bytes),
		cmocka_unit_test(test_empty_option_and_padding),
		cmocka_unit_test(test_nothing_after_the_end_counts),
		cmocka_unit_test(test_long_option),
		cmocka_unit_test(test_option_longer_than_the_buffer),
		cmocka_unit_test(test_of_repeated_numbers_the_first_counts),
		cmocka_unit_test(test_overload),
		cmocka_unit_test(test_overload_of_one_field),
		cmocka_unit_test(test_overload_that_is_damaged),
		cmocka_unit_test(test_file_name_is_left_alone),
		cmocka_unit_test(test_writer_that_is_too_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
