#include "cli.h"

#include <string.h>

/* Codes of our own that do not exit with EXIT_REFUSED. */
static const struct {
	enum error_code code;
	int status;
} exit_statuses[] = {
	{ERROR_TOOL_UNKNOWN, EXIT_USAGE},
	{ERROR_PARAMETER_UNKNOWN, EXIT_USAGE},
	{ERROR_PARAMETER_MISSING, EXIT_USAGE},
	{ERROR_PARAMETER_TYPE, EXIT_USAGE},
	{ERROR_PARAMETER_CONFLICT, EXIT_USAGE},
	{ERROR_PARAMETER_RANGE, EXIT_USAGE},
	{ERROR_DAEMON_UNREACHABLE, EXIT_UNREACHABLE},
	{ERROR_TIMEOUT, EXIT_UNREACHABLE},
};

static void say(const struct output *output, const char *label, const char *text)
{
	if (!text || !text[0])
		return;
	output_printf(output, STYLE_DIM, "  %-10s", label);
	output_wrapped(output, STYLE_PLAIN, text, 12);
	output_newline(output);
}

int cli_refused(const struct cli *cli, const json_t *refusal)
{
	const struct output *output = &cli->messages;
	const char *code = json_member_text(refusal, "code");

	if (cli->json) {
		_cleanup_json_ json_t *wrapped = json_pack("{s:O}", "error", (json_t *)refusal);

		json_dumpf(wrapped, stderr, JSON_COMPACT | JSON_ENSURE_ASCII);
		fputc('\n', stderr);
		return EXIT_REFUSED;
	}
	output_text(output, STYLE_BAD, "aiosnet: ");
	output_text(output, STYLE_BOLD, code ?: "tool.failed");
	output_text(output, STYLE_PLAIN, ": ");
	output_text(output, STYLE_PLAIN, json_member_text(refusal, "message") ?: "");
	output_newline(output);
	say(output, "parameter", json_member_text(refusal, "parameter"));
	say(output, "hint", json_member_text(refusal, "hint"));
	return EXIT_REFUSED;
}

int cli_fail(const struct cli *cli, const struct error *error)
{
	_cleanup_json_ json_t *refusal =
		json_pack("{s:s, s:s}", "code", error_code_text(error->code), "message",
			  "not text");
	const struct {
		const char *key, *text;
	} members[] = {{"message", error->message},
		       {"parameter", error->parameter},
		       {"hint", error->hint}};

	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		if (members[i].text[0])
			json_put(refusal, members[i].key,
				 json_text_from_bytes(members[i].text, strlen(members[i].text)));
	cli_refused(cli, refusal);
	for (size_t i = 0; i < ARRAY_SIZE(exit_statuses); i++)
		if (exit_statuses[i].code == error->code)
			return exit_statuses[i].status;
	return EXIT_REFUSED;
}

int cli_report(const struct cli *cli, int r, const json_t *refusal, const struct error *error)
{
	return r == CLIENT_REFUSED ? cli_refused(cli, refusal) : cli_fail(cli, error);
}

int cli_connect(const struct cli *cli, struct client **ret)
{
	struct error error;

	return client_new(ret, cli->socket, cli->timeout, &error) < 0 ? cli_fail(cli, &error) : 0;
}

int cli_connect_with_tools(const struct cli *cli, struct client **ret, json_t **ret_tools)
{
	_cleanup_(client_cleanup) struct client *client = NULL;
	_cleanup_json_ json_t *tools = NULL;
	struct error error;
	int r = cli_connect(cli, &client);

	if (r != 0)
		return r;
	r = client_list_tools(client, &tools, &error);
	if (r != 0)
		return cli_report(cli, r, tools, &error);
	*ret = TAKE_PTR(client);
	*ret_tools = TAKE_PTR(tools);
	return 0;
}

int cli_print_json(const struct cli *cli, const json_t *value)
{
	/* A terminal may take some characters beyond ASCII for control codes. */
	size_t flags = cli->out.terminal ? JSON_INDENT(2) | JSON_ENSURE_ASCII : JSON_COMPACT;

	json_dumpf(value, cli->out.stream, flags | JSON_ENCODE_ANY);
	fputc('\n', cli->out.stream);
	return cli_finish(cli);
}

int cli_finish(const struct cli *cli)
{
	return fflush(cli->out.stream) != 0 || ferror(cli->out.stream) ? EXIT_REFUSED : EXIT_DONE;
}
