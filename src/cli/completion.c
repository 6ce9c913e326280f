/*
 * Completion: the shells ask `aiosnet complete WORD...`, which answers from the tool tables. The
 * last word is the one being written. Answers are lines "CANDIDATE<tab>DESCRIPTION".
 */
#include <stdio.h>
#include <string.h>

#include "arguments.h"
#include "catalog.h"
#include "cli.h"

/* A key press does not wait longer. */
#define COMPLETE_TIMEOUT (1 * USEC_PER_SEC)

static const char bash_script[] =
	"_aiosnet() {\n"
	"	local line=${COMP_LINE:0:COMP_POINT} words=() current head IFS=$' \\t\\n'\n"
	"	read -ra words <<<\"$line\"\n"
	"	[[ $line == *[[:space:]] ]] && words+=(\"\")\n"
	"	current=${words[${#words[@]}-1]}\n"
	"	IFS=$'\\n'\n"
	"	COMPREPLY=($(\"$1\" complete \"${words[@]:1}\" 2>/dev/null | cut -f1))\n"
	"	# The shell replaces only what stands behind the last word break.\n"
	"	head=${current%\"${current##*[=:]}\"}\n"
	"	COMPREPLY=(\"${COMPREPLY[@]#\"$head\"}\")\n"
	"	[[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace\n"
	"}\n"
	"complete -F _aiosnet aiosnet\n";

static const char zsh_script[] =
	"#compdef aiosnet\n"
	"_aiosnet() {\n"
	"	local -a candidates plain\n"
	"	local line value text\n"
	"	while IFS=$'\\t' read -r value text; do\n"
	"		if [[ $value == *= ]]; then\n"
	"			plain+=(\"$value\")\n"
	"		else\n"
	"			candidates+=(\"${value//:/\\\\:}:$text\")\n"
	"		fi\n"
	"	done < <(${words[1]} complete \"${(@)words[2,CURRENT]}\" 2>/dev/null)\n"
	"	compadd -S '' -a plain\n"
	"	_describe aiosnet candidates\n"
	"}\n"
	"compdef _aiosnet aiosnet\n";

static const char fish_script[] = "function __aiosnet_complete\n"
				  "	set -l words (commandline -opc)\n"
				  "	set -l current (commandline -ct)\n"
				  "	$words[1] complete $words[2..-1] \"$current\" 2>/dev/null\n"
				  "end\n"
				  "complete -c aiosnet -f -a '(__aiosnet_complete)'\n";

static const struct {
	const char *shell, *script;
} scripts[] = {{"bash", bash_script}, {"zsh", zsh_script}, {"fish", fish_script}};

int command_completion(struct cli *cli, int count, char **words)
{
	struct error error;

	for (size_t i = 0; count == 1 && i < ARRAY_SIZE(scripts); i++)
		if (strcmp(words[0], scripts[i].shell) == 0) {
			fputs(scripts[i].script, cli->out.stream);
			return cli_finish(cli);
		}
	error_set(&error, ERROR_PARAMETER_RANGE, "SHELL", "the shell is bash, zsh or fish");
	return cli_fail(cli, &error);
}

struct completion {
	struct cli *cli;
	struct client *client; /* NULL when there is no daemon */
	json_t *tools;	       /* the same */
	const json_t *tool;    /* whose arguments are being written, or NULL */
	const char *current;   /* the word being written */
};

static void offer(const struct completion *completion, const char *candidate, const char *text)
{
	const struct output *out = &completion->cli->out;

	if (strncmp(candidate, completion->current, strlen(completion->current)) != 0)
		return;
	output_text(out, STYLE_PLAIN, candidate);
	if (text && text[0]) {
		fputc('\t', out->stream);
		output_text(out, STYLE_PLAIN, text);
	}
	output_newline(out);
}

/* Does the property of the current tool hold the name of an interface? Its type is told apart from
 * other texts beside the schema. */
static bool is_link(const struct completion *completion, const json_t *property)
{
	json_t *properties = json_object_get(tool_input(completion->tool), "properties"), *each;
	const json_t *types =
		json_object_get(json_object_get(completion->tool, "_meta"), "aiosnet/parameters");
	const char *name, *type;

	json_object_foreach(properties, name, each) {
		type = json_member_text(json_object_get(types, name), "type");
		if (each == property)
			return type && strcmp(type, "the name of an interface") == 0;
	}
	return false;
}

/* The interfaces that there are now, each behind `prefix`. */
static void offer_links(const struct completion *completion, const char *prefix)
{
	_cleanup_json_ json_t *result = NULL;
	const json_t *interfaces, *interface;
	char candidate[300];
	size_t i;

	if (client_call_tool(completion->client, "net.interfaces", json_object(), &result, NULL) !=
	    0)
		return;
	interfaces = json_object_get(result, "interfaces");
	json_array_foreach(interfaces, i, interface) {
		const char *name = json_member_text(interface, "name");

		snprintf(candidate, sizeof(candidate), "%s%s", prefix, name ?: "");
		offer(completion, candidate, NULL);
	}
}

/* The values of a property, each behind `prefix`. */
static void offer_values(const struct completion *completion, const json_t *property,
			 const char *prefix)
{
	const json_t *values = json_object_get(property, "enum"), *value;
	char candidate[300];
	size_t i;

	if (is_link(completion, property)) {
		offer_links(completion, prefix);
		return;
	}
	if (!values)
		values = json_object_get(json_object_get(property, "items"), "enum");
	json_array_foreach(values, i, value) {
		if (!json_is_string(value))
			continue;
		snprintf(candidate, sizeof(candidate), "%s%s", prefix, json_string_value(value));
		offer(completion, candidate, NULL);
	}
	for (i = 0; arguments_is_flag(property) && i < 2; i++) {
		snprintf(candidate, sizeof(candidate), "%s%s", prefix, i ? "false" : "true");
		offer(completion, candidate, NULL);
	}
}

/* KEY=, and values behind it. */
static void offer_pairs(const struct completion *completion, const json_t *tool)
{
	struct completion of_tool = *completion;
	const json_t *schema = tool_input(tool);
	const char *equals = strchr(completion->current, '='), *name;
	json_t *property;
	char prefix[160];

	of_tool.tool = tool;
	json_object_foreach(json_object_get(schema, "properties"), name, property) {
		snprintf(prefix, sizeof(prefix), "%s=", name);
		if (equals)
			offer_values(&of_tool, property, prefix);
		else
			offer(completion, prefix, json_member_text(property, "description"));
	}
}

static void option_of(const char *name, char *buffer, size_t size)
{
	snprintf(buffer, size, "--%s", name);
	for (; *buffer; buffer++)
		if (*buffer == '_')
			*buffer = '-';
}

static void offer_options(const struct completion *completion, const json_t *schema)
{
	static const char *const common[] = {"--json", "--help", "--no-color"};
	const char *name;
	json_t *property;
	char option[160];

	json_object_foreach(json_object_get(schema, "properties"), name, property) {
		option_of(name, option, sizeof(option));
		offer(completion, option, json_member_text(property, "description"));
	}
	for (size_t i = 0; i < ARRAY_SIZE(common); i++)
		offer(completion, common[i], NULL);
}

/* The property whose option is `word` and which wants a value, or NULL. */
static const json_t *option_wanting_value(const json_t *schema, const char *word)
{
	const char *name;
	json_t *property;
	char option[160];

	json_object_foreach(json_object_get(schema, "properties"), name, property) {
		option_of(name, option, sizeof(option));
		if (strcmp(option, word) == 0)
			return arguments_is_flag(property) ? NULL : property;
	}
	return NULL;
}

/* The arguments of a tool; `words` are those behind its name and before the current one. */
static void offer_arguments(const struct completion *completion, const json_t *tool, int count,
			    char **words)
{
	const json_t *schema = tool_input(tool), *required, *property;
	struct completion of_tool = *completion;
	size_t filled = 0;

	of_tool.tool = tool;
	completion = &of_tool;

	property = count > 0 ? option_wanting_value(schema, words[count - 1]) : NULL;
	if (property) {
		offer_values(completion, property, "");
		return;
	}
	if (completion->current[0] == '-') {
		offer_options(completion, schema);
		return;
	}
	for (int i = 0; i < count; i++) {
		if (words[i][0] != '-')
			filled++;
		else if (option_wanting_value(schema, words[i]))
			i++;
	}
	required = json_array_get(json_object_get(schema, "required"), filled);
	if (required)
		offer_values(completion,
			     arguments_property(schema, json_string_value(required) ?: ""), "");
	if (!completion->current[0])
		offer_options(completion, schema);
}

/* The next words of tools that begin with `words`, each once. */
static void offer_words(const struct completion *completion, int count, char **words)
{
	_cleanup_json_ json_t *below = catalog_below(completion->tools, count, words);
	_cleanup_json_ json_t *offered = json_object();
	size_t skip = 0, i;
	json_t *tool;

	for (int w = 0; w < count; w++)
		skip += strlen(words[w]) + 1;
	json_array_foreach(below, i, tool) {
		const char *rest = tool_name(tool) + skip;
		size_t length = strcspn(rest, ".");
		char word[160];

		snprintf(word, sizeof(word), "%.*s", (int)length, rest);
		if (!word[0] || json_object_get(offered, word))
			continue;
		json_put(offered, word, json_true());
		offer(completion, word, rest[length] ? NULL : json_member_text(tool, "title"));
	}
}

static void offer_tools(const struct completion *completion)
{
	json_t *tool;
	size_t i;

	json_array_foreach(completion->tools, i, tool)
		offer(completion, tool_name(tool), json_member_text(tool, "title"));
}

static void offer_commands(const struct completion *completion)
{
	static const char *const options[] = {"--socket",  "--json", "--no-color",
					      "--timeout", "--help", "--version"};

	for (size_t i = 0; completion->current[0] == '-' && i < ARRAY_SIZE(options); i++)
		offer(completion, options[i], NULL);
	for (const struct command *command = commands; command->name; command++)
		if (command->help)
			offer(completion, command->name, command->help);
	offer_words(completion, 0, NULL);
}

/* Behind a command that names a tool: the tool, then its arguments. */
static void complete_tool_command(const struct completion *completion, int count, char **words)
{
	bool pairs = strcmp(words[0], "call") == 0;
	const json_t *tool;
	int used = 0;

	tool = catalog_match(completion->tools, count - 1, words + 1, &used);
	if (!tool)
		offer_tools(completion);
	else if (pairs)
		offer_pairs(completion, tool);
	else if (strcmp(words[0], "plan") == 0)
		offer_arguments(completion, tool, count - 1 - used, words + 1 + used);
}

static void complete_command(const struct completion *completion, int count, char **words)
{
	static const char *const of_tools[] = {"call", "plan", "help", "tools"};
	const struct command *command = command_find(words[0]);
	const json_t *tool;
	int used = 0;

	for (size_t i = 0; i < ARRAY_SIZE(of_tools); i++)
		if (strcmp(words[0], of_tools[i]) == 0) {
			complete_tool_command(completion, count, words);
			return;
		}
	if (strcmp(words[0], "completion") == 0) {
		for (size_t i = 0; i < ARRAY_SIZE(scripts); i++)
			offer(completion, scripts[i].shell, NULL);
		return;
	}
	if (command) {
		tool = command->tool ? catalog_find(completion->tools, command->tool) : NULL;
		offer_arguments(completion, tool, count - 1, words + 1);
		return;
	}
	tool = catalog_match(completion->tools, count, words, &used);
	if (tool)
		offer_arguments(completion, tool, count - used, words + used);
	if (!tool || used == count)
		offer_words(completion, count, words);
}

/* Passes by the options in front of the command, and obeys --socket; returns how many words. */
static int skip_options(struct cli *cli, int count, char **words)
{
	int i;

	for (i = 0; i < count && words[i][0] == '-'; i++) {
		bool socket = strcmp(words[i], "--socket") == 0 || strcmp(words[i], "-s") == 0;

		if (strncmp(words[i], "--socket=", 9) == 0)
			cli->socket = words[i] + 9;
		if (!socket && strcmp(words[i], "--timeout") != 0)
			continue;
		if (i + 1 < count && socket)
			cli->socket = words[i + 1];
		i++;
	}
	return i;
}

int command_complete(struct cli *cli, int count, char **words)
{
	_cleanup_(client_cleanup) struct client *client = NULL;
	_cleanup_json_ json_t *tools = NULL;
	struct completion completion = {.cli = cli, .current = count > 0 ? words[count - 1] : ""};
	int before = MAX(count - 1, 0), skipped = skip_options(cli, before, words);

	/* The value of an option is being written: file names are the shell's to complete. */
	if (skipped > before)
		return EXIT_DONE;
	/* Without a daemon there are still the commands, and silence about it. */
	if (client_new(&client, cli->socket, COMPLETE_TIMEOUT, NULL) == 0 &&
	    client_list_tools(client, &tools, NULL) == 0)
		completion.tools = tools;
	completion.client = client;
	if (before == skipped)
		offer_commands(&completion);
	else
		complete_command(&completion, before - skipped, words + skipped);
	return cli_finish(cli);
}
