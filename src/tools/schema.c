#include "fields.h"

/* How each type looks in a JSON Schema. */
static const struct {
	const char *json;
	const char *text;
	const char *format;
} field_types[_FIELD_TYPE_MAX] = {
	[FIELD_TEXT] = {"string", "text"},
	[FIELD_INTEGER] = {"integer", "an integer"},
	[FIELD_NUMBER] = {"number", "a number"},
	[FIELD_BOOLEAN] = {"boolean", "true or false"},
	[FIELD_ADDRESS] = {"string", "an IP address"},
	[FIELD_INTERFACE_ADDRESS] = {"string", "ADDRESS/LENGTH"},
	[FIELD_PREFIX] = {"string", "NETWORK/LENGTH"},
	[FIELD_LINK] = {"string", "the name of an interface"},
	[FIELD_MAC] = {"string", "a hardware address"},
	[FIELD_TIME] = {"string", "a time", "date-time"},
	[FIELD_OBJECT] = {"object", "an object"},
};

const char *field_type_text(enum field_type type)
{
	return field_types[type].text;
}

const struct field *field_tables_at(const struct field_tables *tables, size_t index)
{
	const struct field *const parts[] = {tables->own, tables->common};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		for (const struct field *field = parts[i]; field && field->name; field++)
			if (index-- == 0)
				return field;
	return NULL;
}

static int put_text(json_t *schema, const char *key, const char *text)
{
	return text ? json_put(schema, key, json_string(text)) : 0;
}

static int put_limit(json_t *schema, const struct field *field, const char *key, double limit)
{
	return json_put(schema, key,
			field->type == FIELD_NUMBER ? json_real(limit)
						    : json_integer((json_int_t)limit));
}

static int put_limits(json_t *schema, const struct field *field)
{
	bool text = field->type == FIELD_TEXT;
	int r;

	if (field->least == 0 && field->most == 0)
		return 0;
	r = put_limit(schema, field, text ? "minLength" : "minimum", field->least);
	if (r < 0)
		return r;
	return put_limit(schema, field, text ? "maxLength" : "maximum", field->most);
}

static int put_values(json_t *schema, const struct field *field)
{
	json_t *values;

	if (!field->values)
		return 0;
	values = json_array();
	for (const char *const *value = field->values; *value; value++)
		if (json_array_append_new(values, json_string(*value)) < 0)
			goto fail;
	if (field->nullable && json_array_append_new(values, json_null()) < 0)
		goto fail;
	return json_put(schema, "enum", values);
fail:
	json_decref(values);
	return -ENOMEM;
}

static int put_members(json_t *schema, const struct field_tables *tables)
{
	json_t *properties = json_object(), *required = json_array();
	const struct field *field;
	int r = json_put(schema, "properties", properties);

	if (json_put(schema, "required", required) < 0 || r < 0)
		return -ENOMEM;
	for (size_t i = 0; (field = field_tables_at(tables, i)); i++)
		if (field->required &&
		    json_array_append_new(required, json_string(field->name)) < 0)
			return -ENOMEM;
	return json_put(schema, "additionalProperties", json_false());
}

static json_t *field_schema(const struct field *field);

static int put_properties(json_t *schema, const struct field_tables *tables)
{
	json_t *properties = json_object_get(schema, "properties");
	const struct field *field;

	for (size_t i = 0; (field = field_tables_at(tables, i)); i++)
		if (json_put(properties, field->name, field_schema(field)) < 0)
			return -ENOMEM;
	return 0;
}

/* The type with its limits, without what belongs to the list around it. */
static int put_one_type(json_t *schema, const struct field *field, bool nullable)
{
	const char *name = field_types[field->type].json;
	const struct field_tables members = {.own = field->members};
	int r = json_put(schema, "type",
			 nullable ? json_pack("[ss]", name, "null") : json_string(name));

	if (r < 0 || put_text(schema, "format", field_types[field->type].format) < 0 ||
	    put_limits(schema, field) < 0 || put_values(schema, field) < 0)
		return -ENOMEM;
	if (field->type != FIELD_OBJECT || !field->members)
		return 0;
	return put_members(schema, &members) < 0 ? -ENOMEM : put_properties(schema, &members);
}

/* Of several types only null may stand beside another: strict validators refuse the rest. */
static int put_type(json_t *schema, const struct field *field, bool nullable)
{
	json_t *object;

	if (!field->or_truth)
		return put_one_type(schema, field, nullable);
	object = json_object();
	if (!object || put_one_type(object, field, false) < 0) {
		json_decref(object);
		return -ENOMEM;
	}
	return json_put(schema, "anyOf", json_pack("[o {ss}]", object, "type", "boolean"));
}

static int put_description(json_t *schema, const struct field *field)
{
	if (!field->help)
		return put_text(schema, "description", field->unit);
	if (!field->unit)
		return put_text(schema, "description", field->help);
	return json_put(schema, "description", json_sprintf("%s (%s)", field->help, field->unit));
}

static int put_list(json_t *schema, const struct field *field)
{
	json_t *items = json_object();

	if (json_put(schema, "items", items) < 0 ||
	    json_put(schema, "type",
		     field->nullable ? json_pack("[ss]", "array", "null") : json_string("array")) <
		    0)
		return -ENOMEM;
	if (field->items_most && json_put(schema, "maxItems", json_integer(field->items_most)) < 0)
		return -ENOMEM;
	return put_type(items, field, false);
}

static json_t *field_schema(const struct field *field)
{
	_cleanup_json_ json_t *schema = json_object();
	int r = field->list ? put_list(schema, field) : put_type(schema, field, field->nullable);

	if (r < 0 || put_description(schema, field) < 0)
		return NULL;
	if (field->fallback &&
	    json_put(schema, "default", json_loads(field->fallback, JSON_DECODE_ANY, NULL)) < 0)
		return NULL;
	return TAKE_PTR(schema);
}

/* What stands in place of a result when a tool fails. */
static const struct field error_members[] = {
	{"code", FIELD_TEXT, .required = true, .help = "Stable code of the error"},
	{"message", FIELD_TEXT, .required = true, .help = "What was wrong"},
	{"parameter", FIELD_TEXT, .help = "The parameter it is about"},
	{"hint", FIELD_TEXT, .help = "What to do about it"},
	{"guard", FIELD_TEXT, .help = "Name of the guard rail that refused"},
	{"resource", FIELD_TEXT,
	 .help = "The counterexample: what the guard rail will not have changed so"},
	FIELD_END,
};

static const struct field error_field = {"error", FIELD_OBJECT, .members = error_members,
					 .help = "Only when the tool failed"};

/*
 * Clients check a failed call's structuredContent against the output schema too, so the schema
 * allows both forms: all the required members, or `error`.
 */
static int allow_error(json_t *schema)
{
	json_t *required = json_object_get(schema, "required");
	json_t *either = json_pack("[{sO}{s[s]}]", "required", required, "required", "error");

	if (json_put(schema, "anyOf", either) < 0 || json_object_del(schema, "required") < 0)
		return -ENOMEM;
	return json_put(json_object_get(schema, "properties"), error_field.name,
			field_schema(&error_field));
}

json_t *fields_schema(const struct field_tables *tables, bool output)
{
	_cleanup_json_ json_t *schema = json_pack("{ss}", "type", "object");

	if (!schema || put_members(schema, tables) < 0 || put_properties(schema, tables) < 0)
		return NULL;
	if (output && allow_error(schema) < 0)
		return NULL;
	return TAKE_PTR(schema);
}
