#include "record.h"

#include <string.h>

#include "fields.h"

static const char redacted[] = "[redacted]";

/* A member whose name has one of these in it holds a secret, whatever its table says. */
static const char *const secret_words[] = {"password",	 "passwd", "passphrase",
					   "token",	 "secret", "key",
					   "credential", "psk",	   "authorization"};

static bool name_is_secret(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(secret_words); i++)
		if (strcasestr(name, secret_words[i]))
			return true;
	return false;
}

static const struct field *find_field(const struct field_tables *tables, const char *name)
{
	const struct field *field;

	for (size_t i = 0; tables && (field = field_tables_at(tables, i)); i++)
		if (strcmp(field->name, name) == 0)
			return field;
	return NULL;
}

static json_t *redact(const json_t *value, const struct field_tables *tables);

static json_t *redact_object(const json_t *object, const struct field_tables *tables)
{
	_cleanup_json_ json_t *copy = json_object();
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)object, name, value) {
		const struct field *field = find_field(tables, name);
		const struct field_tables members = {.own = field ? field->members : NULL};
		bool secret = name_is_secret(name) || (field && field->secret);

		if (json_put(copy, name, secret ? json_string(redacted) : redact(value, &members)) <
		    0)
			return NULL;
	}
	return TAKE_PTR(copy);
}

static json_t *redact_array(const json_t *array, const struct field_tables *tables)
{
	_cleanup_json_ json_t *copy = json_array();
	json_t *value;
	size_t i;

	json_array_foreach(array, i, value) {
		if (json_array_append_new(copy, redact(value, tables)) < 0)
			return NULL;
	}
	return TAKE_PTR(copy);
}

static json_t *redact(const json_t *value, const struct field_tables *tables)
{
	if (json_is_object(value))
		return redact_object(value, tables);
	if (json_is_array(value))
		return redact_array(value, tables);
	return json_incref((json_t *)value);
}

/* A call of tx.plan carries another tool's arguments: that tool's table knows their secrets. */
static int redact_carried(const struct dispatcher *dispatcher, const json_t *given, json_t *copy)
{
	const char *name = json_member_text(given, "tool");
	const struct tool *tool = name ? dispatcher_tool(dispatcher, name, NULL) : NULL;
	const json_t *carried = json_object_get(given, "arguments");

	if (!tool || !carried)
		return 0;
	return json_put(copy, "arguments", record_redact(dispatcher, tool, carried));
}

json_t *record_redact(const struct dispatcher *dispatcher, const struct tool *tool,
		      const json_t *given)
{
	const struct field_tables tables = tool_parameters(tool);
	_cleanup_json_ json_t *copy = redact(given, &tables);

	if (!copy || (json_is_object(copy) && redact_carried(dispatcher, given, copy) < 0))
		return NULL;
	return TAKE_PTR(copy);
}

void record_call(struct audit *audit, const struct dispatcher *dispatcher, const struct tool *tool,
		 const json_t *given, const struct audit_record *record, struct error *error)
{
	_cleanup_text_buffer_ struct text_buffer input = {0};
	struct audit_record whole = *record;

	if (!audit)
		return;
	if (given) {
		_cleanup_json_ json_t *shown = record_redact(dispatcher, tool, given);

		text_buffer_json(&input, shown);
		if (!text_buffer_ok(&input)) {
			error_set(error, ERROR_OUT_OF_MEMORY, NULL, "Memory is exhausted");
			return;
		}
		whole.input = input.data;
		whole.input_length = input.length;
	}
	(void)audit_append(audit, &whole, error);
}
