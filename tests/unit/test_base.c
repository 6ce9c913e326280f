#include "base/base.h"
#include "unit.h"

static void test_address_parse_and_print(void **state)
{
	static const char *const valid[] = {"192.0.2.1", "0.0.0.0", "2001:db8::1", "::"};
	static const char *const invalid[] = {"",     "192.0.2",    "192.0.2.256", "192.0.2.1/24",
					      "g::1", "192.0.2.1 ", "01.2.3.4x"};
	char buffer[IP_ADDRESS_TEXT_MAX];
	struct ip_address address;
	struct error error;

	for (size_t i = 0; i < ARRAY_SIZE(valid); i++) {
		assert_int_equal(ip_address_parse(valid[i], &address, "address", &error), 0);
		assert_string_equal(ip_address_print(&address, buffer), valid[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(invalid); i++) {
		assert_true(ip_address_parse(invalid[i], &address, "address", &error) < 0);
		assert_string_equal(error_code_text(error.code), "address.invalid");
		assert_string_equal(error.parameter, "address");
		assert_true(error.hint[0] != '\0');
	}
}

static void test_prefix_host_bits(void **state)
{
	struct ip_prefix prefix;
	struct error error;

	assert_int_equal(ip_network_parse("192.0.2.0/24", &prefix, "p", &error), 0);
	assert_int_equal(prefix.length, 24);
	assert_int_equal(ip_network_parse("default", &prefix, "p", &error), 0);
	assert_int_equal(prefix.length, 0);
	assert_true(ip_network_parse("192.0.2.7/24", &prefix, "p", &error) < 0);
	assert_int_equal(error.code, ERROR_PREFIX_HOST_BITS);
	assert_string_equal(error.hint, "the prefix is 192.0.2.0/24");
	assert_true(ip_network_parse("192.0.2.0/33", &prefix, "p", &error) < 0);
	assert_true(ip_network_parse("192.0.2.0/", &prefix, "p", &error) < 0);
	assert_true(ip_network_parse("192.0.2.0/-1", &prefix, "p", &error) < 0);
	assert_int_equal(error.code, ERROR_PREFIX_INVALID);
}

static void test_prefix_contains(void **state)
{
	struct ip_prefix prefix;
	struct ip_address inside, outside;

	assert_int_equal(ip_prefix_parse("10.1.2.3/20", &prefix, NULL, NULL), 0);
	assert_int_equal(ip_address_parse("10.1.15.255", &inside, NULL, NULL), 0);
	assert_int_equal(ip_address_parse("10.1.16.0", &outside, NULL, NULL), 0);
	assert_true(ip_prefix_contains(&prefix, &inside));
	assert_false(ip_prefix_contains(&prefix, &outside));
}

static void test_netmask(void **state)
{
	assert_int_equal(ip_netmask_to_length(htonl(0xffffff00)), 24);
	assert_int_equal(ip_netmask_to_length(0), 0);
	assert_int_equal(ip_netmask_to_length(0xffffffff), 32);
	assert_int_equal(ip_netmask_to_length(htonl(0xff00ff00)), -EINVAL);
}

static void test_hardware_address(void **state)
{
	char buffer[HARDWARE_ADDRESS_TEXT_MAX];
	struct hardware_address address;

	assert_int_equal(hardware_address_parse("02:00:5e:10:00:ff", &address, NULL, NULL), 0);
	assert_string_equal(hardware_address_print(&address, buffer), "02:00:5e:10:00:ff");
	assert_true(hardware_address_parse("02:00:5e:10:00", &address, NULL, NULL) < 0);
	assert_true(hardware_address_parse("02:00:5e:10:00:f", &address, NULL, NULL) < 0);
	assert_true(hardware_address_parse("02:00:5e:10:00:ff:", &address, NULL, NULL) < 0);
}

static void test_cursor_stays_inside(void **state)
{
	static const uint8_t bytes[] = {1, 2, 3};
	struct cursor cursor = CURSOR(bytes, sizeof(bytes));

	assert_int_equal(cursor_u16(&cursor), 0x0102);
	assert_int_equal(cursor_u16(&cursor), 0);
	assert_false(cursor_ok(&cursor));
	assert_int_equal(cursor_u8(&cursor), 0);
	assert_int_equal(cursor_left(&cursor), 0);
}

static void test_writer_stays_inside(void **state)
{
	uint8_t bytes[3];
	struct writer writer = WRITER(bytes, sizeof(bytes));

	writer_u16(&writer, 0x0102);
	assert_true(writer_ok(&writer));
	writer_u16(&writer, 0x0304);
	assert_false(writer_ok(&writer));
	assert_int_equal(writer.offset, 2);
}

static void test_json_text_is_always_utf8(void **state)
{
	_cleanup_json_ json_t *good = json_text_from_bytes("gr\xc3\xbc\xc3\x9f", 6);
	_cleanup_json_ json_t *bad = json_text_from_bytes("a\xff\xc3z\x01", 5);

	assert_string_equal(json_string_value(good), "gr\xc3\xbc\xc3\x9f");
	assert_string_equal(json_string_value(bad), "a\xef\xbf\xbd\xef\xbf\xbdz\xef\xbf\xbd");
}

static void test_error_codes_are_unique(void **state)
{
	for (int i = 0; i < _ERROR_CODE_MAX; i++)
		for (int j = i + 1; j < _ERROR_CODE_MAX; j++)
			assert_string_not_equal(error_code_text(i), error_code_text(j));
}

static void test_kept_texts_are_one(void **state)
{
	char text[] = "said by many";
	const char *first = text_keep(text), *second = text_keep("said by many");

	text[0] = 'S';
	assert_ptr_equal(first, second);
	assert_string_equal(first, "said by many");
	text_let_go(second);
	assert_ptr_equal(text_keep_again(first), first);
	text_let_go(first);
	assert_string_equal(first, "said by many");
	text_let_go(first);
	assert_string_equal(text_keep(NULL), "");
	assert_ptr_equal(text_keep(""), text_keep(NULL));
	text_let_go(text_keep(""));
}

static void test_list_of_texts_stays_inside(void **state)
{
	char list[8] = "";
	unsigned count = 0;

	assert_true(text_list_add(list, sizeof(list), &count, "abc"));
	assert_true(text_list_add(list, sizeof(list), &count, "d"));
	assert_false(text_list_add(list, sizeof(list), &count, "ef"));
	assert_true(text_list_add(list, sizeof(list), &count, "e"));
	assert_false(text_list_add(list, sizeof(list), &count, ""));
	assert_int_equal(count, 3);
	assert_string_equal(text_list_at(list, 0), "abc");
	assert_string_equal(text_list_at(list, 2), "e");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_address_parse_and_print),
		cmocka_unit_test(test_prefix_host_bits),
		cmocka_unit_test(test_prefix_contains),
		cmocka_unit_test(test_netmask),
		cmocka_unit_test(test_hardware_address),
		cmocka_unit_test(test_cursor_stays_inside),
		cmocka_unit_test(test_writer_stays_inside),
		cmocka_unit_test(test_json_text_is_always_utf8),
		cmocka_unit_test(test_error_codes_are_unique),
		cmocka_unit_test(test_kept_texts_are_one),
		cmocka_unit_test(test_list_of_texts_stays_inside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
