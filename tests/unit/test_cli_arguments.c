#include <string.h>

#include "base/base.h"
#include "cli/arguments.h"
#include "unit.h"

static const char schema_text[] =
	"{\"type\": \"object\", \"additionalProperties\": false, \"required\": [\"host\", "
	"\"peers\"],"
	" \"properties\": {"
	"  \"host\": {\"type\": \"string\"},"
	"  \"count\": {\"type\": \"integer\"},"
	"  \"interval\": {\"type\": \"number\"},"
	"  \"dry_run\": {\"type\": \"boolean\"},"
	"  \"gateway\": {\"type\": [\"string\", \"null\"]},"
	"  \"either\": {\"anyOf\": [{\"type\": \"integer\"}, {\"type\": \"string\"}]},"
	"  \"servers\": {\"type\": \"array\", \"items\": {\"type\": \"string\"}},"
	"  \"ports\": {\"type\": \"array\", \"items\": {\"type\": \"integer\"}},"
	"  \"options\": {\"type\": \"object\", \"properties\": {\"mtu\": {\"type\": \"integer\"}}},"
	"  \"peers\": {\"type\": \"array\", \"items\": {\"type\": \"object\", \"properties\": {"
	"    \"key\": {\"type\": \"string\"}, \"port\": {\"type\": \"integer\"}}}}"
	" }}";

static json_t *schema(void)
{
	json_t *value = json_loads(schema_text, 0, NULL);

	assert_non_null(value);
	return value;
}

struct example {
	const char *words[6];
	const char *wanted; /* JSON, or NULL for an error */
	const char *code;   /* of the error */
	const char *parameter;
};

typedef int (*parser_t)(const json_t *schema, int count, char *const *words, json_t **ret,
			struct error *error);

static void check(parser_t parse, const struct example *example)
{
	_cleanup_json_ json_t *tables = schema(), *wanted = NULL, *got = NULL;
	struct error error;
	int count = 0, r;

	while (count < (int)ARRAY_SIZE(example->words) && example->words[count])
		count++;
	r = parse(tables, count, (char *const *)example->words, &got, &error);
	if (example->wanted) {
		wanted = json_loads(example->wanted, 0, NULL);
		if (r < 0)
			fail_msg("%s: %s", example->words[0], error.message);
		if (!json_equal(got, wanted))
			fail_msg("%s: not %s", example->words[0], example->wanted);
		return;
	}
	assert_true(r < 0);
	assert_string_equal(error_code_text(error.code), example->code);
	assert_string_equal(error.parameter, example->parameter);
}

static void test_pairs(void **state)
{
	/* clang-format off */
	static const struct example examples[] = {
		{{"host=a=b", "count=-3"}, "{\"host\": \"a=b\", \"count\": -3}"},
		{{"host=1"}, "{\"host\": \"1\"}"},
		{{"host="}, "{\"host\": \"\"}"},
		{{"interval=0.25"}, "{\"interval\": 0.25}"},
		{{"dry_run=yes"}, "{\"dry_run\": true}"},
		{{"dry_run=off"}, "{\"dry_run\": false}"},
		{{"gateway=null"}, "{\"gateway\": null}"},
		{{"gateway=192.0.2.1"}, "{\"gateway\": \"192.0.2.1\"}"},
		{{"either=7"}, "{\"either\": 7}"},
		{{"either=seven"}, "{\"either\": \"seven\"}"},
		{{"servers=1.1.1.1,8.8.8.8"}, "{\"servers\": [\"1.1.1.1\", \"8.8.8.8\"]}"},
		{{"servers=a", "servers=b"}, "{\"servers\": [\"a\", \"b\"]}"},
		{{"servers="}, "{\"servers\": []}"},
		{{"servers=[\"a,b\"]"}, "{\"servers\": [\"a,b\"]}"},
		{{"ports=1,2"}, "{\"ports\": [1, 2]}"},
		{{"options.mtu=1400"}, "{\"options\": {\"mtu\": 1400}}"},
		{{"options={\"mtu\": 9}"}, "{\"options\": {\"mtu\": 9}}"},
		{{"options:={\"mtu\": 9}"}, "{\"options\": {\"mtu\": 9}}"},
		{{"count:=5"}, "{\"count\": 5}"},
		{{"host:=\"x\""}, "{\"host\": \"x\"}"},
		{{"peers.0.key=k", "peers.0.port=1", "peers.1.key=l"},
		 "{\"peers\": [{\"key\": \"k\", \"port\": 1}, {\"key\": \"l\"}]}"},
		{{"peers:=[{\"key\": \"k\"}]"}, "{\"peers\": [{\"key\": \"k\"}]}"},
		{{NULL}, "{}"},
		{{"count=three"}, NULL, "parameter.type", "count"},
		{{"count=3.0"}, NULL, "parameter.type", "count"},
		{{"count=0x10"}, NULL, "parameter.type", "count"},
		{{"count="}, NULL, "parameter.type", "count"},
		{{"count=99999999999999999999"}, NULL, "parameter.type", "count"},
		{{"interval=inf"}, NULL, "parameter.type", "interval"},
		{{"dry_run=maybe"}, NULL, "parameter.type", "dry_run"},
		{{"ports=1,x"}, NULL, "parameter.type", "ports"},
		{{"options=5"}, NULL, "parameter.type", "options"},
		{{"options:={"}, NULL, "parameter.type", "options"},
		{{"host=\xff"}, NULL, "parameter.type", "host"},
		{{"nothing=1"}, NULL, "parameter.unknown", "nothing"},
		{{"word"}, NULL, "parameter.unknown", ""},
		{{"=1"}, NULL, "parameter.unknown", ""},
		{{"host=a", "host=b"}, NULL, "parameter.conflict", "host"},
		{{"peers.1.key=k"}, NULL, "parameter.conflict", "peers.1.key"},
		{{"host=a", "host.b=c"}, NULL, "parameter.unknown", "host.b"},
	};
	/* clang-format on */

	for (size_t i = 0; i < ARRAY_SIZE(examples); i++)
		check(arguments_parse_pairs, &examples[i]);
}

static void test_options(void **state)
{
	/* clang-format off */
	static const struct example examples[] = {
		{{"a", "peers:=[]"}, "{\"host\": \"a\", \"peers\": []}"},
		{{"a", "[]", "--count", "3"}, "{\"host\": \"a\", \"peers\": [], \"count\": 3}"},
		{{"--count=3", "a", "[]"}, "{\"host\": \"a\", \"peers\": [], \"count\": 3}"},
		{{"--dry-run", "a", "[]"}, "{\"host\": \"a\", \"peers\": [], \"dry_run\": true}"},
		{{"a", "[]", "--no-dry-run"}, "{\"host\": \"a\", \"peers\": [], \"dry_run\": false}"},
		{{"a", "[]", "--dry_run=no"}, "{\"host\": \"a\", \"peers\": [], \"dry_run\": false}"},
		{{"--count", "-3", "a", "[]"}, "{\"host\": \"a\", \"peers\": [], \"count\": -3}"},
		{{"--host", "a", "[]"}, "{\"host\": \"a\", \"peers\": []}"},
		{{"--", "--a", "[]"}, "{\"host\": \"--a\", \"peers\": []}"},
		{{"a=b", "[]"}, "{\"host\": \"a=b\", \"peers\": []}"},
		{{"host=a=b", "[]"}, "{\"host\": \"a=b\", \"peers\": []}"},
		{{"a", "[{\"key\": \"k\"}]", "[{\"key\": \"l\"}]"},
		 "{\"host\": \"a\", \"peers\": [{\"key\": \"k\"}, {\"key\": \"l\"}]}"},
		{{"a", "--peers.0.key", "k"}, "{\"host\": \"a\", \"peers\": [{\"key\": \"k\"}]}"},
		{{"a"}, NULL, "parameter.missing", "peers"},
		{{NULL}, NULL, "parameter.missing", "host"},
		{{"a", "[]", "--count"}, NULL, "parameter.missing", "count"},
		{{"a", "[]", "--cuont", "3"}, NULL, "parameter.unknown", "cuont"},
		{{"a", "[]", "--count", "x"}, NULL, "parameter.type", "count"},
	};
	/* clang-format on */

	for (size_t i = 0; i < ARRAY_SIZE(examples); i++)
		check(arguments_parse_options, &examples[i]);
}

static void test_too_many_words(void **state)
{
	_cleanup_json_ json_t *tables =
		json_loads("{\"properties\": {\"host\": {\"type\": \"string\"}},"
			   " \"required\": [\"host\"]}",
			   0, NULL);
	char *words[] = {(char[]){"a"}, (char[]){"b"}};
	json_t *got = NULL;
	struct error error;

	assert_true(arguments_parse_options(tables, 2, words, &got, &error) < 0);
	assert_int_equal(error.code, ERROR_PARAMETER_UNKNOWN);
	assert_non_null(strstr(error.message, "one word too many"));
}

static void test_suggestion(void **state)
{
	_cleanup_json_ json_t *tables = schema();
	char *words[] = {(char[]){"serves=1.1.1.1"}};
	json_t *got = NULL;
	struct error error;

	assert_true(arguments_parse_pairs(tables, 1, words, &got, &error) < 0);
	assert_string_equal(error.hint, "did you mean servers?");
}

static void test_without_schema(void **state)
{
	char *words[] = {(char[]){"a=1"}, (char[]){"b=x"}, (char[]){"c=true"}, (char[]){"d.e=[1]"}};
	_cleanup_json_ json_t *got = NULL, *wanted = NULL;

	assert_int_equal(arguments_parse_pairs(NULL, 4, words, &got, NULL), 0);
	wanted = json_pack("{s:i, s:s, s:b, s:{s:[i]}}", "a", 1, "b", "x", "c", 1, "d", "e", 1);
	assert_true(json_equal(got, wanted));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs),	       cmocka_unit_test(test_options),
		cmocka_unit_test(test_too_many_words), cmocka_unit_test(test_suggestion),
		cmocka_unit_test(test_without_schema),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
