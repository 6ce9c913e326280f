/* Calling tools: by name, by their words, by an alias, and as a plan. */

#include "arguments.h"
#include "catalog.h"
#include "cli.h"
#include "document.h"
#include "render.h"

static int unknown_tool(const struct cli *cli, const json_t *tools, const char *name)
{
	const char *nearest = catalog_nearest(tools, name);
	struct error error;

	error_set(&error, ERROR_TOOL_UNKNOWN, NULL, "there is no command and no tool \"%.100s\"",
		  name);
	if (nearest)
		error_hint(&error, "did you mean %s?", nearest);
	else
		error_hint(&error, "aiosnet help lists the commands, aiosnet tools the tools");
	return cli_fail(cli, &error);
}

static int missing_word(const struct cli *cli, const char *what)
{
	struct error error;

	error_set(&error, ERROR_PARAMETER_MISSING, what, "%s is missing", what);
	error_hint(&error, "aiosnet tools lists the tools");
	return cli_fail(cli, &error);
}

/* Calls and shows; takes `arguments`. `tool` may be NULL when the daemon lists no such tool. */
static int call_and_show(const struct cli *cli, struct client *client, const char *name,
			 const json_t *tool, json_t *arguments)
{
	_cleanup_json_ json_t *result = NULL;
	struct error error;
	int r = client_call_tool(client, name, arguments, &result, &error);

	if (r != 0)
		return cli_report(cli, r, result, &error);
	if (cli->json)
		return cli_print_json(cli, result);
	render_value(&cli->out, result, json_object_get(tool, "outputSchema"));
	return cli_finish(cli);
}

static int call_with_words(const struct cli *cli, struct client *client, const json_t *tool,
			   int count, char **words)
{
	json_t *arguments = NULL;
	struct error error;

	if (document_or_words(arguments_parse_options, tool_input(tool), count, words, &arguments,
			      &error) < 0)
		return cli_fail(cli, &error);
	return call_and_show(cli, client, tool_name(tool), tool, arguments);
}

int command_call(struct cli *cli, int count, char **words)
{
	_cleanup_(client_cleanup) struct client *client = NULL;
	_cleanup_json_ json_t *tools = NULL;
	json_t *arguments = NULL;
	const json_t *tool;
	struct error error;
	int r;

	if (count == 0)
		return missing_word(cli, "TOOL");
	r = cli_connect_with_tools(cli, &client, &tools);
	if (r != 0)
		return r;
	/* A tool that is not listed is asked for all the same: the daemon says why not. */
	tool = catalog_find(tools, words[0]);
	if (document_or_words(arguments_parse_pairs, tool_input(tool), count - 1, words + 1,
			      &arguments, &error) < 0)
		return cli_fail(cli, &error);
	return call_and_show(cli, client, words[0], tool, arguments);
}

int command_tool(struct cli *cli, const char *name, int count, char **words)
{
	_cleanup_(client_cleanup) struct client *client = NULL;
	_cleanup_json_ json_t *tools = NULL;
	const json_t *tool;
	int r = cli_connect_with_tools(cli, &client, &tools);

	if (r != 0)
		return r;
	tool = catalog_find(tools, name);
	if (!tool)
		return unknown_tool(cli, tools, name);
	return call_with_words(cli, client, tool, count, words);
}

/* A tool by words; a few words that many tools begin with list these. */
int command_tool_words(struct cli *cli, int count, char **words)
{
	_cleanup_(client_cleanup) struct client *client = NULL;
	_cleanup_json_ json_t *tools = NULL, *below = NULL;
	const json_t *tool;
	int used = 0, r = cli_connect_with_tools(cli, &client, &tools);

	if (r != 0)
		return r;
	tool = catalog_match(tools, count, words, &used);
	if (tool)
		return call_with_words(cli, client, tool, count - used, words + used);
	below = catalog_below(tools, count, words);
	if (json_array_size(below) > 0) {
		r = command_tools(cli, count, words);
		return r == EXIT_DONE ? EXIT_USAGE : r;
	}
	if (count > 1 && catalog_nearest(tools, words[0]) == NULL) {
		char both[160];

		snprintf(both, sizeof(both), "%s.%s", words[0], words[1]);
		return unknown_tool(cli, tools, both);
	}
	return unknown_tool(cli, tools, words[0]);
}

/* The words after `plan` name a tool and its arguments, as if it were called. */
int command_plan(struct cli *cli, int count, char **words)
{
	_cleanup_(client_cleanup) struct client *client = NULL;
	_cleanup_json_ json_t *tools = NULL;
	json_t *arguments = NULL;
	const json_t *tool;
	struct error error;
	int used = 0, r;

	if (count == 0)
		return missing_word(cli, "TOOL");
	r = cli_connect_with_tools(cli, &client, &tools);
	if (r != 0)
		return r;
	tool = catalog_match(tools, count, words, &used);
	if (!tool)
		return unknown_tool(cli, tools, words[0]);
	if (document_or_words(arguments_parse_options, tool_input(tool), count - used, words + used,
			      &arguments, &error) < 0)
		return cli_fail(cli, &error);
	return call_and_show(cli, client, "tx.plan", catalog_find(tools, "tx.plan"),
			     json_pack("{s:s, s:o}", "tool", tool_name(tool), "arguments",
				       arguments));
}

int command_tools(struct cli *cli, int count, char **words)
{
	_cleanup_(client_cleanup) struct client *client = NULL;
	_cleanup_json_ json_t *tools = NULL, *below = NULL;
	unsigned width = 0;
	json_t *tool;
	size_t i;
	int r = cli_connect_with_tools(cli, &client, &tools);

	if (r != 0)
		return r;
	below = catalog_below(tools, count, words);
	if (json_array_size(below) == 0 && count > 0)
		return unknown_tool(cli, tools, words[0]);
	if (cli->json)
		return cli_print_json(cli, below);
	json_array_foreach(below, i, tool)
		width = MAX(width, text_width(tool_name(tool)));
	json_array_foreach(below, i, tool) {
		output_cell(&cli->out, STYLE_ACCENT, tool_name(tool), width, false);
		output_spaces(&cli->out, 2);
		output_wrapped(&cli->out, STYLE_PLAIN,
			       json_member_text(tool, "title")
				       ?: json_member_text(tool, "description") ?: "",
			       width + 2);
		output_newline(&cli->out);
	}
	return cli_finish(cli);
}
