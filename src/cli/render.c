#include "render.h"

#include <ctype.h>
#include <string.h>

#include "when.h"

#define COLUMN_LEAST 8 /* a column is not cut below this */
#define COLUMN_GAP   2
#define COLUMNS_MAX  64
#define DEPTH_MAX    12
#define BYTES_LARGE  100000 /* shown as kB, MB, ... from here on */

/* The columns that people are shown of well-known lists, for which all would be too many. */
static const struct {
	const char *list, *columns;
} table_columns[] = {
	{"interfaces",   "name,kind,state,mtu,mac,addresses,method,uplink"			},
	{"routes",	   "destination,gateway,link,metric,table,origin,owner"		       },
	{"neighbors",    "address,mac,link,state"					       },
	{"transactions", "number,time,state,tool,owner,reason"				      },
	{"connections",
	 "protocol,state,local_address,local_port,remote_address,remote_port,process,pid,rtt_ms"},
	{"events",	   "sequence,time,kind,message"					       },
	{"steps",	  "action,resource"						      },
};

static const char *columns_of(const char *list)
{
	for (size_t i = 0; i < ARRAY_SIZE(table_columns); i++)
		if (strcmp(table_columns[i].list, list) == 0)
			return table_columns[i].columns;
	return NULL;
}

/* ---- one value on one line ---- */

#define UNIT_MAX 16

/* A unit ends the description, in parentheses: "Round trip (ms)". "" where there is none. */
static const char *schema_unit(const json_t *schema, char buffer[UNIT_MAX])
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
		json_array_foreach (value, i, each) {
			fputs(i == 0 ? "" : json_is_object(each) ? "; " : ", ", stream);
			print_line(stream, each, json_object_get(schema, "items"), depth + 1);
		}
		break;
	case JSON_OBJECT:
		if (json_object_size(value) == 0)
			fputs("-", stream);
		json_object_foreach ((json_t *)value, key, each) {
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

/* ---- order of keys ---- */

struct keys {
	const char *names[COLUMNS_MAX]; /* borrowed from the values or the schema */
	unsigned count;
};

static void keys_add(struct keys *keys, const char *name)
{
	for (unsigned i = 0; i < keys->count; i++)
		if (strcmp(keys->names[i], name) == 0)
			return;
	if (keys->count < COLUMNS_MAX)
		keys->names[keys->count++] = name;
}

static void keys_add_object(struct keys *keys, const json_t *object)
{
	const char *key;
	json_t *member;

	json_object_foreach ((json_t *)object, key, member)
		keys_add(keys, key);
}

/* Is there a row that has something under the key? */
static bool rows_have(const json_t *rows, const char *key)
{
	json_t *row;
	size_t i;

	json_array_foreach (rows, i, row) {
		const json_t *value = json_object_get(row, key);

		if (value && !json_is_null(value) &&
		    !(json_is_array(value) && json_array_size(value) == 0) &&
		    !(json_is_string(value) && json_string_length(value) == 0))
			return true;
	}
	return false;
}

static bool is_chosen(const char *columns, const char *key)
{
	size_t length = strlen(key);

	for (const char *at = columns; (at = strstr(at, key)); at += length)
		if ((at == columns || at[-1] == ',') && (at[length] == ',' || at[length] == '\0'))
			return true;
	return false;
}

static void keys_choose(struct keys *keys, const char *columns)
{
	struct keys chosen = {.count = 0};

	for (unsigned i = 0; i < keys->count; i++)
		if (is_chosen(columns, keys->names[i]))
			chosen.names[chosen.count++] = keys->names[i];
	if (chosen.count > 1)
		*keys = chosen;
}

static void keys_of_rows(struct keys *ret, const json_t *rows, const json_t *schema,
			 const char *columns)
{
	struct keys all = {.count = 0};
	json_t *row;
	size_t i;

	keys_add_object(&all, json_object_get(schema, "properties"));
	json_array_foreach (rows, i, row)
		keys_add_object(&all, row);
	*ret = (struct keys){.count = 0};
	for (i = 0; i < all.count; i++)
		if (rows_have(rows, all.names[i]))
			ret->names[ret->count++] = all.names[i];
	if (columns)
		keys_choose(ret, columns);
}

/* ---- tables ---- */

struct table {
	struct keys keys;
	size_t rows;
	char **cells; /* row by row */
	char headings[COLUMNS_MAX][64];
	unsigned widths[COLUMNS_MAX];
	bool numeric[COLUMNS_MAX];
};

static void table_clear(struct table *table)
{
	for (size_t i = 0; table->cells && i < table->rows * table->keys.count; i++)
		free(table->cells[i]);
	free(table->cells);
}

/* The unit stands in the heading, for all rows. Large numbers of bytes have their own in the cell.
 */
static char *heading_of(const char *key, const char *unit, char buffer[64])
{
	size_t i;

	for (i = 0; key[i] && i < 40; i++)
		buffer[i] = key[i] == '_' ? ' ' : (char)toupper((unsigned char)key[i]);
	buffer[i] = '\0';
	if (unit[0] && strcmp(unit, "bytes") != 0)
		snprintf(buffer + i, 64 - i, " (%s)", unit);
	return buffer;
}

static char *cell_of(const json_t *value, const json_t *schema)
{
	char unit[UNIT_MAX];

	if (json_is_number(value) && (strcmp(schema_unit(schema, unit), "bytes") != 0 ||
				      json_number_value(value) < BYTES_LARGE))
		schema = NULL;
	return render_line(value, schema);
}

static bool table_is_numeric(const json_t *rows, const char *key)
{
	json_t *row;
	size_t i;

	json_array_foreach (rows, i, row) {
		const json_t *value = json_object_get(row, key);

		if (value && !json_is_number(value) && !json_is_null(value))
			return false;
	}
	return true;
}

static int table_fill(struct table *table, const json_t *rows, const json_t *schema)
{
	const json_t *properties = json_object_get(schema, "properties");

	table->rows = json_array_size(rows);
	table->cells = calloc(table->rows * table->keys.count + 1, sizeof(char *));
	if (!table->cells)
		return -ENOMEM;
	for (unsigned c = 0; c < table->keys.count; c++) {
		const char *key = table->keys.names[c];
		const json_t *property = json_object_get(properties, key);
		char unit[UNIT_MAX];

		table->numeric[c] = table_is_numeric(rows, key);
		schema_unit(table->numeric[c] ? property : NULL, unit);
		table->widths[c] = text_width(heading_of(key, unit, table->headings[c]));
		for (size_t r = 0; r < table->rows; r++) {
			const json_t *value = json_object_get(json_array_get(rows, r), key);
			char *cell = cell_of(value, property);

			if (!cell)
				return -ENOMEM;
			table->cells[r * table->keys.count + c] = cell;
			table->widths[c] = MAX(table->widths[c], text_width(cell));
		}
	}
	return 0;
}

/* Narrows the widest columns until the table fits; false when it cannot. */
static bool table_fit(struct table *table, unsigned room)
{
	unsigned total = 0;

	for (unsigned c = 0; c < table->keys.count; c++)
		total += table->widths[c] + (c ? COLUMN_GAP : 0);
	while (total > room) {
		unsigned widest = 0;

		for (unsigned c = 1; c < table->keys.count; c++)
			if (!table->numeric[c] &&
			    (table->numeric[widest] || table->widths[c] > table->widths[widest]))
				widest = c;
		if (table->numeric[widest] || table->widths[widest] <= COLUMN_LEAST)
			return false;
		table->widths[widest]--;
		total--;
	}
	return true;
}

static void table_print_row(const struct output *output, const struct table *table,
			    char *const *cells, unsigned indent)
{
	output_spaces(output, indent);
	for (unsigned c = 0; c < table->keys.count; c++) {
		bool last = c + 1 == table->keys.count;
		enum style style = strcmp(cells[c], "-") == 0 ? STYLE_DIM : STYLE_PLAIN;

		/* No spaces behind the last column. */
		if (last && !table->numeric[c] && text_width(cells[c]) <= table->widths[c])
			output_text(output, style, cells[c]);
		else
			output_cell(output, style, cells[c], table->widths[c], table->numeric[c]);
		if (!last)
			output_spaces(output, COLUMN_GAP);
	}
	output_newline(output);
}

static void table_print(const struct output *output, const struct table *table, unsigned indent)
{
	output_spaces(output, indent);
	for (unsigned c = 0; c < table->keys.count; c++) {
		const char *heading = table->headings[c];
		bool last = c + 1 == table->keys.count;

		output_cell(output, STYLE_BOLD, heading,
			    last && !table->numeric[c] ? MIN(text_width(heading), table->widths[c])
						       : table->widths[c],
			    table->numeric[c]);
		if (!last)
			output_spaces(output, COLUMN_GAP);
	}
	output_newline(output);
	for (size_t r = 0; r < table->rows; r++)
		table_print_row(output, table, table->cells + r * table->keys.count, indent);
}

/* ---- objects ---- */

static void render_object(const struct output *output, const json_t *object, const json_t *schema,
			  unsigned indent);

static bool is_rows(const json_t *value)
{
	json_t *each;
	size_t i;

	json_array_foreach (value, i, each)
		if (!json_is_object(each))
			return false;
	return json_array_size(value) > 0;
}

/* Rows that hold lists of objects themselves are no table. */
static bool rows_nest(const json_t *rows, const struct keys *keys)
{
	json_t *row;
	size_t i;

	json_array_foreach (rows, i, row)
		for (unsigned c = 0; c < keys->count; c++)
			if (is_rows(json_object_get(row, keys->names[c])))
				return true;
	return false;
}

static void render_rows(const struct output *output, const json_t *rows, const json_t *schema,
			const char *columns, unsigned indent)
{
	_cleanup_(table_clear) struct table table = {.cells = NULL};
	unsigned room = output->width > indent ? output->width - indent : UINT32_MAX;

	keys_of_rows(&table.keys, rows, schema, columns);
	if (table_fill(&table, rows, schema) < 0)
		return;
	if (!rows_nest(rows, &table.keys) && table_fit(&table, room)) {
		table_print(output, &table, indent);
		return;
	}
	for (size_t i = 0; i < table.rows; i++) {
		if (i)
			output_newline(output);
		render_object(output, json_array_get(rows, i), schema, indent);
	}
}

static bool is_block(const json_t *value)
{
	return is_rows(value) || (json_is_object(value) && json_object_size(value) > 0);
}

static void render_block(const struct output *output, const json_t *value, const json_t *schema,
			 const char *columns, unsigned indent)
{
	if (is_rows(value))
		render_rows(output, value, json_object_get(schema, "items"), columns, indent);
	else if (indent / 2 < DEPTH_MAX)
		render_object(output, value, schema, indent);
}

static void render_pair(const struct output *output, const char *key, const json_t *value,
			const json_t *schema, unsigned indent, unsigned width)
{
	_cleanup_(cleanup_free) char *text = render_line(value, schema);
	char name[64];
	size_t i;

	for (i = 0; key[i] && i < sizeof(name) - 1; i++)
		name[i] = key[i] == '_' ? ' ' : key[i];
	name[i] = '\0';
	output_spaces(output, indent);
	output_cell(output, STYLE_DIM, name, width, false);
	output_spaces(output, COLUMN_GAP);
	output_wrapped(output, STYLE_PLAIN, text ?: "", indent + width + COLUMN_GAP);
	output_newline(output);
}

static void render_object(const struct output *output, const json_t *object, const json_t *schema,
			  unsigned indent)
{
	const json_t *properties = json_object_get(schema, "properties");
	struct keys keys = {.count = 0};
	unsigned width = 0, lines = 0;

	keys_add_object(&keys, properties);
	keys_add_object(&keys, object);
	for (unsigned i = 0; i < keys.count; i++)
		if (!is_block(json_object_get(object, keys.names[i])))
			width = MAX(width, text_width(keys.names[i]));
	for (unsigned i = 0; i < keys.count; i++) {
		const json_t *value = json_object_get(object, keys.names[i]);

		if (!value || is_block(value))
			continue;
		render_pair(output, keys.names[i], value,
			    json_object_get(properties, keys.names[i]), indent, MIN(width, 63U));
		lines++;
	}
	for (unsigned i = 0; i < keys.count; i++) {
		const json_t *value = json_object_get(object, keys.names[i]);
		char heading[64];
		bool alone = lines == 0 && json_object_size(object) == 1 && indent == 0;

		if (!is_block(value))
			continue;
		if (lines++ && indent == 0)
			output_newline(output);
		if (!alone) {
			output_spaces(output, indent);
			output_text(output, STYLE_BOLD, heading_of(keys.names[i], "", heading));
			output_newline(output);
		}
		render_block(output, value, json_object_get(properties, keys.names[i]),
			     columns_of(keys.names[i]), alone ? indent : indent + 2);
	}
}

/* A result that is nothing but an empty list says so in words. */
static bool render_nothing(const struct output *output, const json_t *value)
{
	const char *key;
	json_t *member;

	if (json_object_size(value) != 1)
		return false;
	json_object_foreach ((json_t *)value, key, member)
		if (json_is_array(member) && json_array_size(member) == 0) {
			output_printf(output, STYLE_DIM, "no %s", key);
			output_newline(output);
			return true;
		}
	return false;
}

void render_value(const struct output *output, const json_t *value, const json_t *schema)
{
	_cleanup_(cleanup_free) char *line = NULL;

	if (is_block(value)) {
		if (!render_nothing(output, value))
			render_block(output, value, schema, NULL, 0);
		return;
	}
	line = render_line(value, schema);
	output_text(output, STYLE_PLAIN, line ?: "");
	output_newline(output);
}
