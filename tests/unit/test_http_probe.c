#include <string.h>

#include "online/http_probe.h"
#include "unit.h"

static void check_header(const char *line, const char *name, const char *value)
{
	json_t *json = http_header_to_json(line, strlen(line));

	assert_non_null(json);
	assert_string_equal(json_member_text(json, "name"), name);
	assert_string_equal(json_member_text(json, "value"), value);
	json_decref(json);
}

static void test_headers(void **state)
{
	check_header("Server: nginx\r\n", "Server", "nginx");
	check_header("X-Empty:\r\n", "X-Empty", "");
	check_header("X-Empty: \r\n", "X-Empty", "");
	check_header("a:b:c", "a", "b:c");
	check_header("SET-cookie: session=hush\r\n", "SET-cookie", "(hidden)");
	check_header("Authorization: Basic hush\r\n", "Authorization", "(hidden)");
	assert_null(http_header_to_json("\r\n", 2));
	assert_null(http_header_to_json(": nameless\r\n", 12));
	assert_null(http_header_to_json("", 0));
}

static void test_urls(void **state)
{
	static const char *const refused[] = {
		"",
		"www.example.com",
		"ftp://www.example.com/",
		"file:///etc/passwd",
		"http://user:hush@www.example.com/",
		"http://user@www.example.com/",
		"http://www.example.com:99999/",
	};
	struct http_url url;
	struct error error;

	assert_int_equal(http_url_parse("https://www.example.com/a?b#c", &url, &error), 0);
	assert_string_equal(url.host, "www.example.com");
	assert_int_equal(url.port, 443);
	assert_int_equal(http_url_parse("http://[2001:db8::1]:8080/", &url, &error), 0);
	assert_string_equal(url.host, "2001:db8::1");
	assert_string_equal(url.scheme, "http");
	assert_int_equal(url.port, 8080);
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		assert_true(http_url_parse(refused[i], &url, &error) < 0);
		assert_string_equal(error.parameter, "url");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_urls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
