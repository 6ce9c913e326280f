#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "cli/render.h"
#include "cli/status.h"
#include "cli/when.h"
#include "unit.h"

struct page {
	struct output output;
	char *text;
	size_t size;
};

static void page_open(struct page *page, unsigned width)
{
	/* The locale, for the width of characters. */
	output_init(&page->output, stdout, true);
	page->output = (struct output){.unicode = true, .width = width};
	page->output.stream = open_memstream(&page->text, &page->size);
	assert_non_null(page->output.stream);
}

static const char *page_text(struct page *page)
{
	fflush(page->output.stream);
	return page->text;
}

static void page_close(struct page *page)
{
	fclose(page->output.stream);
	free(page->text);
}

static void check_render(const char *value, const char *schema, unsigned width, const char *wanted)
{
	_cleanup_json_ json_t *json = json_loads(value, JSON_DECODE_ANY, NULL);
	_cleanup_json_ json_t *tables = schema ? json_loads(schema, 0, NULL) : NULL;
	_cleanup_(page_close) struct page page;

	page_open(&page, width);
	assert_non_null(json);
	render_value(&page.output, json, tables);
	assert_string_equal(page_text(&page), wanted);
}

static void test_simple_values(void **state)
{
	check_render("\"ok\"", NULL, 0, "ok\n");
	check_render("{\"b\": true, \"long_name\": null, \"n\": 2.5}", NULL, 0,
		     "b          yes\nlong name  -\nn          2.5\n");
	check_render("{\"list\": [\"a\", \"b\"], \"none\": []}", NULL, 0, "list  a, b\nnone  -\n");
	check_render("{\"routes\": []}", NULL, 0, "no routes\n");
	check_render("{}", NULL, 0, "-\n");
}

static void test_schema_order_and_units(void **state)
{
	static const char schema[] =
		"{\"properties\": {\"z\": {\"description\": \"Round trip (ms)\"},"
		" \"a\": {\"description\": \"Sent (bytes)\"}}}";

	check_render("{\"a\": 1234567, \"z\": 4}", schema, 0, "z  4 ms\na  1.2 MB\n");
}

static void test_table(void **state)
{
	static const char rows[] = "{\"links\": [{\"name\": \"eth0\", \"mtu\": 1500, \"extra\": 1},"
				   " {\"name\": \"wlan0\", \"mtu\": 900, \"none\": null}]}";

	check_render(rows, NULL, 0, "NAME    MTU  EXTRA\neth0   1500      1\nwlan0   900      -\n");
}

static void test_columns_of_well_known_lists(void **state)
{
	check_render("{\"steps\": [{\"action\": \"create\", \"resource\": \"r\", \"after\": {}}]}",
		     NULL, 0, "ACTION  RESOURCE\ncreate  r\n");
	/* A list of the same name that has other members is shown all the same. */
	check_render("{\"steps\": [{\"number\": 1}]}", NULL, 0, "NUMBER\n     1\n");
}

static void test_rows_with_rows(void **state)
{
	check_render("{\"things\": [{\"name\": \"a\", \"causes\": [{\"why\": \"b\"}]}, {\"name\": "
		     "\"c\"}]}",
		     NULL, 0, "name  a\n\nCAUSES\n  WHY\n  b\n\nname  c\n");
}

static void test_table_is_cut_to_the_width(void **state)
{
	static const char rows[] = "[{\"a\": \"0123456789012345678901234567890\", \"b\": \"x\"}]";

	check_render(rows, NULL, 20, "A                  B\n0123456789012345\xe2\x80\xa6  x\n");
}

static void test_narrow_table_becomes_blocks(void **state)
{
	static const char rows[] = "[{\"alpha\": \"0123456789\", \"beta\": \"0123456789\", "
				   "\"gamma\": \"0123456789\"}]";

	check_render(rows, NULL, 25, "alpha  0123456789\nbeta   0123456789\ngamma  0123456789\n");
}

static void test_nested(void **state)
{
	check_render("{\"x\": 1, \"inner\": {\"y\": 2}, \"rows\": [{\"k\": \"v\"}]}", NULL, 0,
		     "x  1\n\nINNER\n  y  2\n\nROWS\n  K\n  v\n");
}

/* What comes from the wire must not reach the terminal as a command. */
static void test_no_escapes(void **state)
{
	static const char *const evil[] = {
		"\x1b[31mred",
		"\x1b]0;title\x07",
		"a\nb",
		"a\rb",
		"\xc2\x9b"
		"31m",
		"\xe2\x80\xae"
		"rtl",
		"\xe2\x80\xa8line",
		"\x7f",
		"\x08\x08"
		"back",
		"\xef\xbb\xbf",
	};

	for (size_t i = 0; i < ARRAY_SIZE(evil); i++) {
		_cleanup_(page_close) struct page page;
		_cleanup_json_ json_t *value =
			json_pack("{s:s, s:[{s:s}]}", "name", evil[i], "rows", "k", evil[i]);
		const char *text;

		page_open(&page, 0);
		render_value(&page.output, value, NULL);
		text = page_text(&page);
		for (const char *c = text; *c; c++)
			assert_true((unsigned char)*c >= 0x20 || *c == '\n');
		assert_null(strchr(text, 0x7f));
		assert_null(strstr(text, "\xc2\x9b"));
		assert_null(strstr(text, "\xe2\x80\xae"));
		assert_null(strstr(text, "\xe2\x80\xa8"));
		assert_non_null(strstr(text, "\xef\xbf\xbd"));
	}
}

static void test_width(void **state)
{
	_cleanup_(page_close) struct page page;

	page_open(&page, 0);
	assert_int_equal(text_width("abc"), 3);
	assert_int_equal(text_width("\xc3\xa4"), 1);
	assert_int_equal(text_width("\xe6\x97\xa5"), 2);
	assert_int_equal(text_width("\x1b"), 1);
	/* Bytes that are no UTF-8 count one by one, and end the text where it ends. */
	assert_int_equal(text_width("\xff\xe6"), 2);
	output_cell(&page.output, STYLE_PLAIN, "\xe6\x97\xa5\xe6\x9c\xac", 3, false);
	assert_string_equal(page_text(&page), "\xe6\x97\xa5\xe2\x80\xa6");
}

static void test_wrapping(void **state)
{
	_cleanup_(page_close) struct page page;

	page_open(&page, 20);
	output_wrapped(&page.output, STYLE_PLAIN, "one two three four five", 4);
	assert_string_equal(page_text(&page), "one two three\n    four five");
}

static void test_times(void **state)
{
	static const struct {
		usec_t span;
		const char *wanted;
	} spans[] = {
		{4200, "4.2 ms"},
		{250 * USEC_PER_MSEC, "250 ms"},
		{4200 * USEC_PER_MSEC, "4.2 s"},
		{59 * USEC_PER_SEC, "59 s"},
		{180 * USEC_PER_SEC, "3 min"},
		{7500 * USEC_PER_SEC, "2 h 5 min"},
		{356400 * USEC_PER_SEC, "4 d 3 h"},
	};
	_cleanup_json_ json_t *time = json_string("1970-01-02T00:00:01.250Z");
	_cleanup_json_ json_t *local = json_string("1970-01-02T00:00:01");
	char buffer[40];

	assert_int_equal(when_parse(time), UINT64_C(86401250000));
	assert_int_equal(when_parse(local), 0);
	assert_int_equal(when_parse(NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(spans); i++)
		assert_string_equal(when_print_span(spans[i].span, buffer, sizeof(buffer)),
				    spans[i].wanted);
}

static void test_status_of_anything(void **state)
{
	static const char *const values[] = {
		"{}",
		"{\"links\": 5, \"online\": [], \"uplinks\": 3, \"dns\": \"x\", \"changes\": {}}",
		"{\"links\": [1, null, {}], \"changes\": [{}, 7], \"dns\": [1], \"troubles\": "
		"[{}], \"uplinks\": [{\"in_use\": true}]}",
		"[]",
	};

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		_cleanup_(page_close) struct page page;
		_cleanup_json_ json_t *value = json_loads(values[i], 0, NULL);

		page_open(&page, 40);
		status_print(&page.output, value, 0);
		assert_non_null(strstr(page_text(&page), "unknown"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_simple_values),
		cmocka_unit_test(test_schema_order_and_units),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_columns_of_well_known_lists),
		cmocka_unit_test(test_rows_with_rows),
		cmocka_unit_test(test_table_is_cut_to_the_width),
		cmocka_unit_test(test_narrow_table_becomes_blocks),
		cmocka_unit_test(test_nested),
		cmocka_unit_test(test_no_escapes),
		cmocka_unit_test(test_width),
		cmocka_unit_test(test_wrapping),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_status_of_anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
