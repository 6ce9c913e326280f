/*
 * One value on one line, with the unit that its schema names.
 */
#include <string.h>

#include "render-internal.h"
#include "when.h"

const char *schema_unit(const json_t *schema, char buffer[UNIT_MAX])
{
	const char *text = json_member_text(schema, "description");
	const char *open = text ? strrchr(text, '(') : NULL;
	size_t length = open ? strcspn(open + 1, ")") : 0;

	buffer[0] = '\0';
	if (length > 0 && length < UNIT_MAX && strcmp(open + 1 + length, ")") == 0) {
		memcpy(buffer, open + 1, length);
		buffer[length] = '\0';
	}
	return buffer;
}

static void print_bytes(FILE *stream, double bytes)
{
	static const char *const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
	size_t i = 0;

	for (bytes /= 1000; bytes >= 1000 && i + 1 < ARRAY_SIZE(units); i++)
		bytes /= 1000;
	fprintf(stream, "%.1f %s", bytes, units[i]);
}

static void print_number(FILE *stream, const json_t *value, const json_t *schema)
{
	char buffer[UNIT_MAX];
	const char *unit = schema_unit(schema, buffer);
	double number = json_number_value(value);

	if (strcmp(unit, "bytes") == 0 && number >= BYTES_LARGE) {
		print_bytes(stream, number);
		return;
	}
	if (json_is_integer(value))
		fprintf(stream, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else
		fprintf(stream, "%.10g", number);
	if (unit[0])
		fprintf(stream, " %s", unit);
}

static void print_string(FILE *stream, const json_t *value, const json_t *schema)
{
	const char *format = json_member_text(schema, "format");
	const char *text = json_string_value(value);
	usec_t time = format && strcmp(format, "date-time") == 0 ? when_parse(value) : 0;
	char buffer[40];

	if (time)
		text = when_print(time, clock_realtime_usec(), buffer, sizeof(buffer));
	fputs(text[0] ? text : "-", stream);
}

static void print_line(FILE *stream, const json_t *value, const json_t *schema, unsigned depth)
{
	json_t *each;
	const char *key;
	size_t i, n = 0;

	switch (depth > DEPTH_MAX ? JSON_NULL : json_typeof(value)) {
	case JSON_STRING:
		print_string(stream, value, schema);
		break;
	case JSON_INTEGER:
	case JSON_REAL:
		print_number(stream, value, schema);
		break;
	case JSON_TRUE:
		fputs("yes", stream);
		break;
	case JSON_FALSE:
		fputs("no", stream);
		break;
	case JSON_NULL:
		fputs("-", stream);
		break;
	case JSON_ARRAY:
		if (json_array_size(value) == 0)
			fputs("-", stream);
		json_array_foreach(value, i, each) {
			fputs(i == 0 ? "" : json_is_object(each) ? "; " : ", ", stream);
			print_line(stream, each, json_object_get(schema, "items"), depth + 1);
		}
		break;
	case JSON_OBJECT:
		if (json_object_size(value) == 0)
			fputs("-", stream);
		json_object_foreach((json_t *)value, key, each) {
			const json_t *member =
				json_object_get(json_object_get(schema, "properties"), key);

			fprintf(stream, "%s%s=", n++ ? " " : "", key);
			print_line(stream, each, member, depth + 1);
		}
		break;
	}
}

char *render_line(const json_t *value, const json_t *schema)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	if (!stream)
		return NULL;
	if (value)
		print_line(stream, value, schema, 0);
	else
		fputs("-", stream);
	if (fclose(stream) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
