#include <string.h>

#include "render-internal.h"

/* The columns that people are shown of well-known lists, for which all would be too many. */
static const struct {
	const char *list, *columns;
} table_columns[] = {
	{"interfaces", "name,kind,state,mtu,mac,addresses,method,uplink"},
	{"routes", "destination,gateway,link,metric,table,origin,owner"},
	{"neighbors", "address,mac,link,state"},
	{"transactions", "number,time,state,tool,owner,reason"},
	{"connections",
	 "protocol,state,local_address,local_port,remote_address,remote_port,process,pid,rtt_ms"},
	{"events", "sequence,time,kind,message"},
	{"steps", "action,resource"},
};

static const char *columns_of(const char *list)
{
	for (size_t i = 0; i < ARRAY_SIZE(table_columns); i++)
		if (strcmp(table_columns[i].list, list) == 0)
			return table_columns[i].columns;
	return NULL;
}

/* ---- objects ---- */

static void render_object(const struct output *output, const json_t *object, const json_t *schema,
			  unsigned indent);

static bool is_rows(const json_t *value)
{
	json_t *each;
	size_t i;

	json_array_foreach(value, i, each)
		if (!json_is_object(each))
			return false;
	return json_array_size(value) > 0;
}

/* Rows that hold lists of objects themselves are no table. */
static bool rows_nest(const json_t *rows, const struct keys *keys)
{
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
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
	json_object_foreach((json_t *)value, key, member)
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
