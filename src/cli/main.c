#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"

#define DEFAULT_TIMEOUT (120 * USEC_PER_SEC)

/* clang-format off */
const struct command commands[] = {
	/* name, function or (of an alias) tool, arguments, help */
	{"status", command_status, NULL, NULL,
	 "What the network is: links, uplink, DNS, online or not"},
	{"watch", command_watch, NULL, NULL, "The status, live; or one event a line"},
	{"events", command_events, NULL, "[COUNT]", "What happened last"},
	{"call", command_call, NULL, "TOOL [@FILE] [KEY=VALUE | KEY:=JSON]...", "Call a tool by its name"},
	{"plan", command_plan, NULL, "TOOL [ARGUMENT]...",
	 "What a tool would change, without changing it"},
	{"confirm", NULL, "tx.confirm", "NUMBER", "Make a change stay that awaits confirmation"},
	{"undo", NULL, "tx.undo", "NUMBER", "Take a change back"},
	{"history", NULL, "tx.history", NULL, "The changes, newest first"},
	{"explain", NULL, "net.explain", "THING", "Why something is as it is"},
	{"adopt", NULL, "net.adopt", NULL, "Take over what other managers have configured"},
	{"tools", command_tools, NULL, "[WORD]...", "List the daemon's tools"},
	{"import", command_import, NULL, "FORMAT [FILE | FOLDER]...",
	 "Translate another network manager's files into a layout"},
	{"audit", command_audit, NULL, "verify [--state DIR]",
	 "Check that the record of calls is whole"},
	{"mcp", command_mcp, NULL, NULL, "Speak MCP on stdin and stdout, for an agent",
	 .own_options = true},
	{"completion", command_completion, NULL, "bash | zsh | fish",
	 "Print the completion script of a shell"},
	{"complete", command_complete, .own_options = true},
	{"manual", command_manual, .own_options = true},
	{"help", command_help, NULL, "[COMMAND | TOOL]", "Help on a command or a tool"},
	{"version", command_version, NULL, NULL, "The versions of this program and of the daemon"},
	{.name = NULL},
};
/* clang-format on */

const struct command *command_find(const char *name)
{
	for (const struct command *command = commands; command->name; command++)
		if (strcmp(command->name, name) == 0)
			return command;
	return NULL;
}

/* --json, --no-color and --help mean the same before and after the command. Takes those of `words`
 * out; returns how many are left, and whether help was asked for. */
static int take_common_options(struct cli *cli, int count, char **words, bool *ret_help)
{
	int kept = 0;

	for (int i = 0; i < count; i++) {
		if (strcmp(words[i], "--") == 0) {
			while (i < count)
				words[kept++] = words[i++];
			break;
		}
		if (strcmp(words[i], "--json") == 0)
			cli->json = true;
		else if (strcmp(words[i], "--no-color") == 0)
			cli->out.color = cli->messages.color = false;
		else if (strcmp(words[i], "--help") == 0 || strcmp(words[i], "-h") == 0)
			*ret_help = true;
		else
			words[kept++] = words[i];
	}
	return kept;
}

static int run(struct cli *cli, int count, char **words)
{
	const struct command *command = command_find(words[0]);
	bool help = false;

	if (!command || !command->own_options)
		count = take_common_options(cli, count, words, &help);
	if (help)
		return command_help(cli, count, words);
	if (!command)
		return command_tool_words(cli, count, words);
	if (command->tool)
		return command_tool(cli, command->tool, count - 1, words + 1);
	return command->run(cli, count - 1, words + 1);
}

static int bad_timeout(const struct cli *cli, const char *text)
{
	struct error error;

	error_set(&error, ERROR_PARAMETER_TYPE, "--timeout", "\"%.60s\" is no number of seconds",
		  text);
	return cli_fail(cli, &error);
}

static bool parse_timeout(const char *text, usec_t *ret)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end != '\0' || !(seconds > 0 && seconds < 1e9))
		return false;
	*ret = (usec_t)(seconds * USEC_PER_SEC);
	return true;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"socket", required_argument, NULL, 's'},
		{"json", no_argument, NULL, 'j'},
		{"no-color", no_argument, NULL, 'n'},
		{"timeout", required_argument, NULL, 't'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0},
	};
	const char *socket = getenv("AIOSNET_SOCKET");
	struct cli cli = {.socket = socket && socket[0] ? socket : DEFAULT_SOCKET,
			  .timeout = DEFAULT_TIMEOUT};
	char *help[] = {NULL};
	int option;

	signal(SIGPIPE, SIG_IGN);
	output_init(&cli.out, stdout, false);
	output_init(&cli.messages, stderr, false);
	while ((option = getopt_long(argc, argv, "+s:jh", options, NULL)) != -1) {
		switch (option) {
		case 's':
			cli.socket = optarg;
			break;
		case 'j':
			cli.json = true;
			break;
		case 'n':
			cli.out.color = cli.messages.color = false;
			break;
		case 't':
			if (!parse_timeout(optarg, &cli.timeout))
				return bad_timeout(&cli, optarg);
			break;
		case 'h':
			return command_help(&cli, argc - optind, argv + optind);
		case 'V':
			printf("aiosnet %s\n", AIOSNET_VERSION);
			return cli_finish(&cli);
		default:
			fputs("aiosnet: --help lists the options and commands\n", stderr);
			return EXIT_USAGE;
		}
	}
	if (optind == argc) {
		command_help(&cli, 0, help);
		return EXIT_USAGE;
	}
	return run(&cli, argc - optind, argv + optind);
}
