/* Help on the program, its commands, and the tools, which describe themselves. */
#include <string.h>

#include "arguments.h"
#include "catalog.h"
#include "cli.h"
#include "render.h"

static void print_row(const struct output *out, const char *left, const char *right, unsigned width)
{
	unsigned indent = 2 + width + 2;

	output_spaces(out, 2);
	if (text_width(left) > width) {
		output_text(out, STYLE_ACCENT, left);
		output_newline(out);
		output_spaces(out, indent);
	} else {
		output_cell(out, STYLE_ACCENT, left, width, false);
		output_spaces(out, 2);
	}
	output_wrapped(out, STYLE_PLAIN, right, indent);
	output_newline(out);
}

static void print_heading(const struct output *out, const char *text)
{
	output_newline(out);
	output_text(out, STYLE_BOLD, text);
	output_newline(out);
}

static int help_program(const struct cli *cli)
{
	static const struct {
		const char *option, *help;
	} options[] =
		{
			{"-s, --socket PATH",
			 "The daemon's socket; else AIOSNET_SOCKET, else " DEFAULT_SOCKET},
			{"-j, --json", "JSON on stdout; errors as JSON on stderr"},
			{"--no-color", "No colours; NO_COLOR in the environment does the same"},
			{"--timeout SECONDS", "How long the daemon may take for an answer (120)"},
			{"-h, --help", "This text, or that of a command or tool"},
			{"--version", "The version of this program"},
		},
	  statuses[] = {
		  {"0", "Done"},
		  {"1", "The tool failed, or the daemon refused"},
		  {"2", "The command line was wrong"},
		  {"3", "The daemon could not be reached, or did not answer in time"},
	  };
	const struct output *out = &cli->out;

	output_text(out, STYLE_PLAIN, "aiosnet [OPTION]... COMMAND [ARGUMENT]...");
	output_newline(out);
	print_heading(out, "Commands");
	for (const struct command *command = commands; command->name; command++) {
		char usage[120];

		if (!command->help)
			continue;
		snprintf(usage, sizeof(usage), "%s%s%s", command->name,
			 command->arguments ? " " : "", command->arguments ?: "");
		print_row(out, usage, command->help, 22);
	}
	print_row(out, "TOOL [ARGUMENT]...",
		  "Any tool by its words, such as \"net ping 1.1.1.1 --count 3\"", 22);
	print_heading(out, "Options");
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		print_row(out, options[i].option, options[i].help, 22);
	print_heading(out, "Exit status");
	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++)
		print_row(out, statuses[i].option, statuses[i].help, 22);
	return cli_finish(cli);
}

/* "TYPE" as a person would say it: the values, or the type with its range. */
static void describe_type(FILE *stream, const json_t *property)
{
	const json_t *values = json_object_get(property, "enum"), *value;
	const json_t *least = json_object_get(property, "minimum");
	const json_t *most = json_object_get(property, "maximum");
	const json_t *types = json_object_get(property, "type");
	size_t i;

	if (arguments_has_type(property, "array")) {
		fputs("list of ", stream);
		describe_type(stream, json_object_get(property, "items"));
		return;
	}
	json_array_foreach(values, i, value) {
		_cleanup_(cleanup_free) char *text = render_line(value, NULL);

		fprintf(stream, "%s%s", i ? " | " : "", text ?: "");
	}
	if (values)
		return;
	fputs(json_string_value(types) ?: json_string_value(json_array_get(types, 0)) ?: "any",
	      stream);
	if (least && most)
		fprintf(stream, " %.10g..%.10g", json_number_value(least), json_number_value(most));
	else if (least)
		fprintf(stream, " from %.10g", json_number_value(least));
	else if (most)
		fprintf(stream, " up to %.10g", json_number_value(most));
}

static void describe_property(FILE *stream, const json_t *property, bool required)
{
	const json_t *fallback = json_object_get(property, "default");
	_cleanup_(cleanup_free) char *text = render_line(fallback, NULL);

	fprintf(stream, "%s [", json_member_text(property, "description") ?: "");
	describe_type(stream, property);
	if (fallback)
		fprintf(stream, "; %s unless given", text ?: "");
	if (required)
		fputs("; required", stream);
	fputc(']', stream);
}

static bool is_required(const json_t *schema, const char *name)
{
	const json_t *each;
	size_t i;

	json_array_foreach(json_object_get(schema, "required"), i, each)
		if (strcmp(json_string_value(each) ?: "", name) == 0)
			return true;
	return false;
}

static void print_property(const struct output *out, const json_t *schema, const char *name,
			   const json_t *property)
{
	_cleanup_(cleanup_free) char *text = NULL;
	char option[80];
	size_t size, i;
	FILE *stream = open_memstream(&text, &size);

	if (!stream)
		return;
	describe_property(stream, property, is_required(schema, name));
	if (fclose(stream) != 0)
		return;
	snprintf(option, sizeof(option), "--%s", name);
	for (i = 0; option[i]; i++)
		if (option[i] == '_')
			option[i] = '-';
	print_row(out, option, text, 22);
}

/* The words by which the tool is called, and its required parameters. */
static void print_usage(const struct output *out, const json_t *tool)
{
	const json_t *schema = tool_input(tool), *name;
	char words[160];
	size_t i;

	snprintf(words, sizeof(words), "%s", tool_name(tool));
	for (i = 0; words[i]; i++)
		if (words[i] == '.')
			words[i] = ' ';
	output_printf(out, STYLE_PLAIN, "aiosnet %s", words);
	json_array_foreach(json_object_get(schema, "required"), i, name)
		output_printf(out, STYLE_PLAIN, " <%s>", json_string_value(name) ?: "");
	if (json_object_size(json_object_get(schema, "properties")) >
	    json_array_size(json_object_get(schema, "required")))
		output_text(out, STYLE_PLAIN, " [OPTION]...");
	output_newline(out);
}

static void print_hints(const struct output *out, const json_t *tool)
{
	static const struct {
		const char *key, *text;
	} hints[] = {
		{"readOnlyHint", "It only reads."},
		{"destructiveHint", "It may take away what was there."},
		{"idempotentHint", "Called again, it changes nothing more."},
		{"openWorldHint", "It speaks with other hosts."},
	};
	const json_t *annotations = json_object_get(tool, "annotations");
	const char *separator = "";

	for (size_t i = 0; i < ARRAY_SIZE(hints); i++)
		if (json_member_true(annotations, hints[i].key)) {
			output_printf(out, STYLE_DIM, "%s%s", separator, hints[i].text);
			separator = " ";
		}
	if (separator[0])
		output_newline(out);
}

static int help_tool(const struct cli *cli, const json_t *tool)
{
	const struct output *out = &cli->out;
	const json_t *schema = tool_input(tool);
	json_t *properties = json_object_get(schema, "properties"), *property;
	const char *name;

	if (cli->json)
		return cli_print_json(cli, tool);
	print_usage(out, tool);
	output_newline(out);
	output_text(out, STYLE_BOLD, json_member_text(tool, "title") ?: tool_name(tool));
	output_newline(out);
	output_wrapped(out, STYLE_PLAIN, json_member_text(tool, "description") ?: "", 0);
	output_newline(out);
	print_hints(out, tool);
	if (json_object_size(properties) > 0)
		print_heading(out, "Parameters");
	json_object_foreach(properties, name, property)
		print_property(out, schema, name, property);
	return cli_finish(cli);
}

static int help_of_tool_words(struct cli *cli, int count, char **words)
{
	_cleanup_(client_cleanup) struct client *client = NULL;
	_cleanup_json_ json_t *tools = NULL;
	const json_t *tool;
	int used, r = cli_connect_with_tools(cli, &client, &tools);

	if (r != 0)
		return r;
	tool = catalog_match(tools, count, words, &used);
	return tool ? help_tool(cli, tool) : command_tools(cli, count, words);
}

int command_help(struct cli *cli, int count, char **words)
{
	const struct command *command = count > 0 ? command_find(words[0]) : NULL;
	char *tool[1];

	if (count == 0)
		return help_program(cli);
	if (!command)
		return help_of_tool_words(cli, count, words);
	if (command->tool) {
		tool[0] = (char *)command->tool;
		return help_of_tool_words(cli, 1, tool);
	}
	output_printf(&cli->out, STYLE_PLAIN, "aiosnet %s %s", command->name,
		      command->arguments ?: "");
	output_newline(&cli->out);
	output_newline(&cli->out);
	output_text(&cli->out, STYLE_PLAIN, command->help ?: "");
	output_newline(&cli->out);
	return cli_finish(cli);
}

/* The daemon's name and version, as it states them in its answers; absent when it is not there. */
static json_t *daemon_information(const struct cli *cli)
{
	_cleanup_(client_cleanup) struct client *client = NULL;
	_cleanup_json_ json_t *result = NULL;
	json_t *information;
	struct error error;

	if (client_new(&client, cli->socket, cli->timeout, &error) < 0 ||
	    client_request(client, "server/discover", NULL, &result, &error) != 0)
		return NULL;
	information = json_object_get(json_object_get(result, "_meta"),
				      "io.modelcontextprotocol/serverInfo");
	return json_incref(information ?: json_object_get(result, "serverInfo"));
}

int command_version(struct cli *cli, int count, char **words)
{
	_cleanup_json_ json_t *daemon = daemon_information(cli);
	const char *version = json_member_text(daemon, "version");

	if (cli->json) {
		_cleanup_json_ json_t *both =
			json_pack("{s:s, s:s?}", "aiosnet", AIOSNET_VERSION, "daemon", version);

		return cli_print_json(cli, both);
	}
	output_printf(&cli->out, STYLE_PLAIN, "aiosnet %s", AIOSNET_VERSION);
	output_newline(&cli->out);
	output_printf(&cli->out, version ? STYLE_PLAIN : STYLE_DIM, "daemon  %s",
		      version ?: "not reached");
	output_newline(&cli->out);
	return cli_finish(cli);
}
