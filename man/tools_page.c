/*
 * Writes the manual page aiosnet-tools(7) from the tables of the tools: built and run when the
 * project is compiled, so that the page says what the daemon does.
 */
#include <stdio.h>
#include <string.h>

#include "tools/catalog.h"
#include "tools/fields.h"

/* Text of a table as mdoc(7) text: a dot or quote in front would be a request. */
static void print_text(const char *text)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", stdout);
	for (; *text; text++) {
		if (*text == '\\')
			fputs("\\e", stdout);
		else if (*text == '-')
			fputs("\\-", stdout);
		else
			putchar(*text);
		/* A sentence ends its line, as the formatter wants to know. */
		if (*text == '.' && text[1] == ' ') {
			putchar('\n');
			text++;
		}
	}
}

static void print_values(const char *const *values)
{
	for (size_t i = 0; values[i]; i++) {
		fputs(i ? ", " : "", stdout);
		print_text(values[i]);
	}
}

/* The type, with its unit, range and default. */
static void print_type(const struct field *field, bool input)
{
	printf("%s", field->list ? "list: " : "");
	if (field->values)
		print_values(field->values);
	else
		print_text(field_type_text(field->type));
	if (field->unit)
		printf(" in %s", field->unit);
	if ((field->least != 0 || field->most != 0) && field->type != FIELD_TEXT)
		printf(", %.10g to %.10g", field->least, field->most);
	if (field->fallback) {
		printf("; default ");
		print_text(field->fallback);
	}
	if (input && field->required)
		printf("; required");
}

static void print_fields(const struct field_tables *tables, bool input)
{
	const struct field *field;

	puts(".Bl -tag -width Ds");
	for (size_t i = 0; (field = field_tables_at(tables, i)); i++) {
		printf(".It Sy %s\n", field->name);
		print_text(field->help);
		fputs("\n.Pq ", stdout);
		print_type(field, input);
		putchar('\n');
	}
	puts(".El");
}

static void print_tool(const struct tool *tool)
{
	const struct field_tables parameters = tool_parameters(tool), output = tool_output(tool);

	printf(".Ss %s\n", tool->name);
	print_text(tool->description);
	printf("\n.Pp\nFor the role %s; risk %s; %s%s.\n", tool_role_text(tool->role),
	       tool_risk_text(tool->risk),
	       tool->hints & HINT_READ_ONLY ? "it only reads" : "it changes something",
	       tool->undoable ? ", which tx.undo takes back" : "");
	if (field_tables_at(&parameters, 0)) {
		puts(".Pp\nParameters:");
		print_fields(&parameters, true);
	}
	if (field_tables_at(&output, 0)) {
		puts(".Pp\nIts result:");
		print_fields(&output, false);
	}
}

int main(void)
{
	puts(".Dd $Mdocdate$\n.Dt AIOSNET-TOOLS 7\n.Os\n.Sh NAME\n.Nm aiosnet-tools\n"
	     ".Nd the tools of aiosnetd\n.Sh DESCRIPTION\n"
	     "Each tool can be called by\n.Xr aiosnet 1\nwith its words, or over the Model Context "
	     "Protocol on the socket of\n.Xr aiosnetd 8 .\n.Sh TOOLS");
	for (size_t set = 0; all_tools[set]; set++)
		for (size_t i = 0; i < all_tools[set]->count; i++)
			print_tool(&all_tools[set]->tools[i]);
	puts(".Sh SEE ALSO\n.Xr aiosnet 1 ,\n.Xr aiosnetd 8");
	return ferror(stdout) || fflush(stdout) != 0;
}
