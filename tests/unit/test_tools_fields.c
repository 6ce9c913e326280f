#include "base/base.h"
#include "tools/fields.h"
#include "unit.h"

static const char *const methods[] = {"dhcp", "static", "auto", "off", NULL};

static const struct field inner[] = {
	{"name", FIELD_TEXT, .required = true, .most = 8, .help = "Name"},
	{"weight", FIELD_NUMBER, .least = 0, .most = 1, .fallback = "0.5", .help = "Weight"},
	FIELD_END,
};

static const struct field own[] = {
	{"link", FIELD_LINK, .required = true, .help = "Name of the interface"},
	{"method", FIELD_TEXT, .values = methods, .fallback = "\"auto\"", .help = "Method"},
	{"count", FIELD_INTEGER, .unit = "packets", .least = 1, .most = 100, .fallback = "4",
	 .help = "How many"},
	{"address", FIELD_ADDRESS, .help = "Address"},
	{"addresses", FIELD_INTERFACE_ADDRESS, .list = true, .items_most = 3, .help = "Addresses"},
	{"destination", FIELD_PREFIX, .help = "Destination"},
	{"mac", FIELD_MAC, .help = "Hardware address"},
	{"things", FIELD_OBJECT, .list = true, .members = inner, .help = "Things"},
	{"psk", FIELD_TEXT, .secret = true, .most = 8, .help = "Secret"},
	{"any", FIELD_OBJECT, .help = "Anything"},
	FIELD_END,
};

static const struct field common[] = {
	{"dry_run", FIELD_BOOLEAN, .fallback = "false", .help = "Plan only"},
	FIELD_END,
};

static const struct field_tables tables = {own, common};

static void test_refusals(void **state)
{
	static const struct {
		const char *arguments, *code, *parameter, *hint; /* hint: a part of it, or NULL */
	} cases[] = {
		{"{}", "parameter.missing", "link", "Name of the interface"},
		{"{'link':null}", "parameter.missing", "link", NULL},
		{"{'link':'eth0','cuont':3}", "parameter.unknown", "cuont",
		 "did you mean \"count\"?"},
		{"{'link':'eth0','zzzzzzz':3}", "parameter.unknown", "zzzzzzz",
		 "there are: link, method"},
		{"{'link':7}", "parameter.type", "link", NULL},
		{"{'link':''}", "name.invalid", "link", NULL},
		{"{'link':'a/b'}", "name.invalid", "link", NULL},
		{"{'link':'..'}", "name.invalid", "link", NULL},
		{"{'link':'sixteen-bytes-xx'}", "name.invalid", "link", NULL},
		{"{'link':'eth0','method':'dchp'}", "parameter.range", "method",
		 "did you mean \"dhcp\"?"},
		{"{'link':'eth0','count':'5'}", "parameter.type", "count", "without quotes"},
		{"{'link':'eth0','count':1.5}", "parameter.type", "count", NULL},
		{"{'link':'eth0','count':0}", "parameter.range", "count", NULL},
		{"{'link':'eth0','count':101}", "parameter.range", "count", NULL},
		{"{'link':'eth0','count':true}", "parameter.type", "count", NULL},
		{"{'link':'eth0','address':'192.0.2.300'}", "address.invalid", "address", NULL},
		{"{'link':'eth0','address':'192.0.2.1/24'}", "address.invalid", "address",
		 "without a prefix"},
		{"{'link':'eth0','addresses':'192.0.2.1/24'}", "parameter.type", "addresses",
		 "brackets"},
		{"{'link':'eth0','addresses':['192.0.2.1/24','x']}", "prefix.invalid",
		 "addresses[1]", NULL},
		{"{'link':'eth0','addresses':['192.0.2.1']}", "prefix.invalid", "addresses[0]",
		 "/32"},
		{"{'link':'eth0','addresses':['1.1.1.1/8','1.1.1.1/8','1.1.1.1/8','1.1.1.1/8']}",
		 "parameter.range", "addresses", NULL},
		{"{'link':'eth0','destination':'192.0.2.1/24'}", "prefix.host_bits", "destination",
		 "192.0.2.0/24"},
		{"{'link':'eth0','mac':'02:00'}", "mac.invalid", "mac", NULL},
		{"{'link':'eth0','things':[{}]}", "parameter.missing", "things[0].name", NULL},
		{"{'link':'eth0','things':[{'name':'a','nmae':1}]}", "parameter.unknown",
		 "things[0].nmae", "name"},
		{"{'link':'eth0','things':[{'name':'123456789'}]}", "parameter.range",
		 "things[0].name", NULL},
		{"{'link':'eth0','dry_run':'yes'}", "parameter.type", "dry_run", NULL},
		{"{'link':'eth0','any':[]}", "parameter.type", "any", NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[256];
		json_t *arguments, *validated = NULL;
		struct error error = {0};

		snprintf(text, sizeof(text), "%s", cases[i].arguments);
		for (char *c = text; *c; c++)
			*c = *c == '\'' ? '"' : *c;
		arguments = json_loads(text, 0, NULL);
		assert_non_null(arguments);
		if (fields_validate(&tables, arguments, &validated, &error) == 0)
			fail_msg("%s passed", text);
		assert_null(validated);
		assert_string_equal(error_code_text(error.code), cases[i].code);
		assert_string_equal(error.parameter, cases[i].parameter);
		assert_true(error.message[0] != '\0');
		if (cases[i].hint && !strstr(error.hint, cases[i].hint))
			fail_msg("%s: hint \"%s\" lacks \"%s\"", text, error.hint, cases[i].hint);
		json_decref(arguments);
	}
}

static void test_secret_is_not_quoted(void **state)
{
	json_t *arguments = json_pack("{ss s[i]}", "link", "eth0", "psk", 31337);
	struct error error = {0};
	json_t *validated;

	assert_true(fields_validate(&tables, arguments, &validated, &error) < 0);
	assert_null(strstr(error.message, "31337"));
	json_decref(arguments);
}

static void test_defaults(void **state)
{
	json_t *arguments = json_loads(
		"{\"link\":\"eth0\",\"count\":5.0,\"things\":[{\"name\":\"a\"}],\"address\":null}",
		0, NULL);
	json_t *validated = NULL, *thing;
	struct error error;

	assert_int_equal(fields_validate(&tables, arguments, &validated, &error), 0);
	assert_string_equal(json_member_text(validated, "method"), "auto");
	assert_int_equal(json_member_integer(validated, "count", 0), 5);
	assert_true(json_is_false(json_object_get(validated, "dry_run")));
	assert_null(json_object_get(validated, "address"));
	thing = json_array_get(json_object_get(validated, "things"), 0);
	assert_true(json_real_value(json_object_get(thing, "weight")) == 0.5);
	/* Not a copy. */
	assert_ptr_equal(validated, arguments);
	json_decref(validated);
	json_decref(arguments);
	arguments = json_array();
	assert_true(fields_validate(&tables, arguments, &validated, &error) < 0);
	assert_string_equal(error.parameter, "arguments");
	json_decref(arguments);
}

static void test_schema(void **state)
{
	json_t *schema = fields_schema(&tables, false), *properties, *count;

	assert_string_equal(json_member_text(schema, "type"), "object");
	assert_true(json_is_false(json_object_get(schema, "additionalProperties")));
	assert_int_equal(json_array_size(json_object_get(schema, "required")), 1);
	properties = json_object_get(schema, "properties");
	assert_int_equal(json_object_size(properties), ARRAY_SIZE(own) - 1 + 1);
	count = json_object_get(properties, "count");
	assert_string_equal(json_member_text(count, "type"), "integer");
	assert_int_equal(json_member_integer(count, "minimum", 0), 1);
	assert_int_equal(json_member_integer(count, "maximum", 0), 100);
	assert_int_equal(json_member_integer(count, "default", 0), 4);
	assert_string_equal(json_member_text(count, "description"), "How many (packets)");
	json_decref(schema);

	/* The output schema allows a result and an error, and nothing between. */
	schema = fields_schema(&tables, true);
	assert_int_equal(json_array_size(json_object_get(schema, "anyOf")), 2);
	assert_null(json_object_get(schema, "required"));
	assert_non_null(json_object_get(json_object_get(schema, "properties"), "error"));
	json_decref(schema);
}

static void test_output(void **state)
{
	static const struct field output[] = {
		{"loss", FIELD_NUMBER, .required = true},
		{"gateway", FIELD_ADDRESS, .nullable = true, .required = true},
		FIELD_END,
	};
	const struct field_tables of_output = {.own = output};
	static const struct {
		const char *result;
		bool matches;
	} cases[] = {
		{"{\"loss\":0,\"gateway\":null}", true},
		{"{\"loss\":0.5,\"gateway\":\"192.0.2.1\"}", true},
		{"{\"loss\":null,\"gateway\":null}", false},
		{"{\"loss\":0}", false},
		{"{\"loss\":0,\"gateway\":null,\"more\":1}", false},
		{"{\"loss\":\"0\",\"gateway\":null}", false},
		{"[]", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		json_t *result = json_loads(cases[i].result, 0, NULL);
		struct error error;

		assert_int_equal(fields_check_output(&of_output, result, &error) == 0,
				 cases[i].matches);
		json_decref(result);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals), cmocka_unit_test(test_secret_is_not_quoted),
		cmocka_unit_test(test_defaults), cmocka_unit_test(test_schema),
		cmocka_unit_test(test_output),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
