/*
 * Lists of objects as tables: which columns, how wide, and their rows.
 */
#include <ctype.h>
#include <string.h>

#include "render-internal.h"

#define COLUMN_LEAST 8 /* a column is not cut below this */

/* ---- order of keys ---- */

static void keys_add(struct keys *keys, const char *name)
{
	for (unsigned i = 0; i < keys->count; i++)
		if (strcmp(keys->names[i], name) == 0)
			return;
	if (keys->count < COLUMNS_MAX)
		keys->names[keys->count++] = name;
}

void keys_add_object(struct keys *keys, const json_t *object)
{
	const char *key;
	json_t *member;

	json_object_foreach((json_t *)object, key, member)
		keys_add(keys, key);
}

/* Is there a row that has something under the key? */
static bool rows_have(const json_t *rows, const char *key)
{
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) {
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

void keys_of_rows(struct keys *ret, const json_t *rows, const json_t *schema, const char *columns)
{
	struct keys all = {.count = 0};
	json_t *row;
	size_t i;

	keys_add_object(&all, json_object_get(schema, "properties"));
	json_array_foreach(rows, i, row)
		keys_add_object(&all, row);
	*ret = (struct keys){.count = 0};
	for (i = 0; i < all.count; i++)
		if (rows_have(rows, all.names[i]))
			ret->names[ret->count++] = all.names[i];
	if (columns)
		keys_choose(ret, columns);
}

/* ---- tables ---- */

void table_clear(struct table *table)
{
	for (size_t i = 0; table->cells && i < table->rows * table->keys.count; i++)
		free(table->cells[i]);
	free(table->cells);
}

char *heading_of(const char *key, const char *unit, char buffer[64])
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

	json_array_foreach(rows, i, row) {
		const json_t *value = json_object_get(row, key);

		if (value && !json_is_number(value) && !json_is_null(value))
			return false;
	}
	return true;
}

int table_fill(struct table *table, const json_t *rows, const json_t *schema)
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

bool table_fit(struct table *table, unsigned room)
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

void table_print(const struct output *output, const struct table *table, unsigned indent)
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
