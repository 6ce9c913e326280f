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

/* What a value is written with: the table of its members, and, where another tool's arguments are
 * carried in its member "arguments", that tool. */
struct redaction {
	const struct dispatcher *dispatcher;
	const struct field_tables *tables;
	const struct tool *carried;
};

static void print(struct text_buffer *text, const json_t *value, const struct redaction *by);

static void print_arguments(struct text_buffer *text, const struct dispatcher *dispatcher,
			    const struct tool *tool, const json_t *given)
{
	const struct field_tables tables = tool_parameters(tool);
	const char *name = json_member_text(given, "tool");
	const struct redaction by = {
		.dispatcher = dispatcher,
		.tables = &tables,
		/* A call of tx.plan: the other tool's table knows its secrets. */
		.carried = name ? dispatcher_tool(dispatcher, name, NULL) : NULL,
	};

	print(text, given, &by);
}

static void print_member(struct text_buffer *text, const char *name, const json_t *value,
			 const struct redaction *by)
{
	const struct field *field = find_field(by->tables, name);
	const struct field_tables members = {.own = field ? field->members : NULL};
	const struct redaction below = {.dispatcher = by->dispatcher, .tables = &members};

	if (name_is_secret(name) || (field && field->secret))
		text_buffer_quote(text, redacted, strlen(redacted));
	else if (by->carried && strcmp(name, "arguments") == 0)
		print_arguments(text, by->dispatcher, by->carried, value);
	else
		print(text, value, &below);
}

static void print_object(struct text_buffer *text, const json_t *object, const struct redaction *by)
{
	const char *name, *separator = "{";
	json_t *value;

	json_object_foreach((json_t *)object, name, value) {
		text_buffer_put(text, separator);
		text_buffer_quote(text, name, strlen(name));
		text_buffer_put(text, ":");
		print_member(text, name, value, by);
		separator = ",";
	}
	text_buffer_put(text, json_object_size(object) ? "}" : "{}");
}

static void print_array(struct text_buffer *text, const json_t *array, const struct redaction *by)
{
	json_t *value;
	size_t i;

	json_array_foreach(array, i, value) {
		text_buffer_put(text, i ? "," : "[");
		print(text, value, by);
	}
	text_buffer_put(text, json_array_size(array) ? "]" : "[]");
}

static void print(struct text_buffer *text, const json_t *value, const struct redaction *by)
{
	if (json_is_object(value))
		print_object(text, value, by);
	else if (json_is_array(value))
		print_array(text, value, by);
	else
		text_buffer_json(text, value);
}

void record_redact(const struct dispatcher *dispatcher, const struct tool *tool,
		   const json_t *given, struct text_buffer *ret)
{
	print_arguments(ret, dispatcher, tool, given);
}
