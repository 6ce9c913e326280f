/* What the files that render results share. */
#pragma once

#include "render.h"

#define COLUMN_GAP  2
#define COLUMNS_MAX 64
#define DEPTH_MAX   12
#define BYTES_LARGE 100000 /* shown as kB, MB, ... from here on */
#define UNIT_MAX    16

/* render_line.c */

/* A unit ends the description, in parentheses: "Round trip (ms)". "" where there is none. */
const char *schema_unit(const json_t *schema, char buffer[UNIT_MAX]);

/* render_table.c */

struct keys {
	const char *names[COLUMNS_MAX]; /* borrowed from the values or the schema */
	unsigned count;
};

void keys_add_object(struct keys *keys, const json_t *object);
/* The keys under which some row has something: the schema's, then the rows' own; of them only those
 * in `columns` ("name,state"), where that is given. */
void keys_of_rows(struct keys *ret, const json_t *rows, const json_t *schema, const char *columns);

struct table {
	struct keys keys;
	size_t rows;
	char **cells; /* row by row */
	char headings[COLUMNS_MAX][64];
	unsigned widths[COLUMNS_MAX];
	bool numeric[COLUMNS_MAX];
};

/* Fills the cells of the columns in `table->keys`; 0 or -ENOMEM. */
int table_fill(struct table *table, const json_t *rows, const json_t *schema);
void table_clear(struct table *table);
/* Narrows the widest columns until the table fits into `room` cells; false when it cannot. */
bool table_fit(struct table *table, unsigned room);
void table_print(const struct output *output, const struct table *table, unsigned indent);

/* The unit stands in the heading, for all rows. Large numbers of bytes have their own in the cell.
 * Returns the buffer. */
char *heading_of(const char *key, const char *unit, char buffer[64]);
