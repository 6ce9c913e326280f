/* Text that grows: JSON is written as jansson would write it. */
#include <string.h>

#include "base/base.h"
#include "unit.h"

/* What both say of one value, compact. */
static void assert_as_jansson(const char *source)
{
	_cleanup_json_ json_t *value = json_loads(source, JSON_DECODE_ANY, NULL);
	_cleanup_text_buffer_ struct text_buffer buffer = {0};
	char *expected;

	assert_non_null(value);
	expected = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	assert_non_null(expected);
	text_buffer_json(&buffer, value);
	assert_true(text_buffer_ok(&buffer));
	assert_int_equal(buffer.length, strlen(expected));
	assert_memory_equal(buffer.data, expected, buffer.length);
	free(expected);
}

static void test_values(void **state)
{
	static const char *const sources[] = {
		"null",
		"true",
		"false",
		"0",
		"-1",
		"9223372036854775807",
		"-9223372036854775808",
		"0.5",
		"1e300",
		"-2.0",
		"\"\"",
		"\"plain\"",
		"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f\"",
		"\"\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80\"",
		"{}",
		"[]",
		"[[],{},[1,2],{\"a\":[{\"b\":null}]}]",
		"{\"z\":1,\"a\":{\"\\n\":\"x\"},\"m\":[true,false]}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
		assert_as_jansson(sources[i]);
}

static void test_bytes_of_zero(void **state)
{
	_cleanup_json_ json_t *value = json_stringn("a\0b", 3);
	_cleanup_text_buffer_ struct text_buffer buffer = {0};

	text_buffer_json(&buffer, value);
	assert_int_equal(buffer.length, strlen("\"a\\u0000b\""));
	assert_memory_equal(buffer.data, "\"a\\u0000b\"", buffer.length);
}

static void test_nothing_fails(void **state)
{
	_cleanup_text_buffer_ struct text_buffer buffer = {0};

	text_buffer_json(&buffer, NULL);
	assert_false(text_buffer_ok(&buffer));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_bytes_of_zero),
		cmocka_unit_test(test_nothing_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
