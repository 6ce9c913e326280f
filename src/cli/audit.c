/* `aiosnet audit verify`: reads the record of calls itself, so it needs no daemon. */
#include <string.h>

#include "tools/audit.h"

#include "cli.h"

#define DEFAULT_STATE "/var/lib/aios/net"

static int audit_usage(const struct cli *cli)
{
	struct error error;

	error_set(&error, ERROR_PARAMETER_MISSING, NULL,
		  "the command is audit verify [--state DIR]");
	return cli_fail(cli, &error);
}

static json_t *report_json(const struct audit_report *report)
{
	return json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:b, s:I, s:I, s:s}", "intact", 1,
			 "records", (json_int_t)report->records, "first", (json_int_t)report->first,
			 "last", (json_int_t)report->last, "files", (json_int_t)report->files,
			 "unanchored", (json_int_t)report->unanchored, "torn", report->torn, "lost",
			 (json_int_t)report->lost, "set_aside", (json_int_t)report->set_aside,
			 "head", report->head);
}

/* What is not wrong, but worth knowing. */
static void print_remarks(const struct output *out, const struct audit_report *report)
{
	const struct {
		uint64_t count;
		const char *text;
	} remarks[] = {
		{report->unanchored, "lines beyond the anchor: written just before a kill"},
		{report->torn, "last line incomplete: a kill while it was written"},
		{report->lost, "lines lost in a power cut"},
		{report->set_aside, "older records set aside as broken"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(remarks); i++) {
		if (remarks[i].count == 0)
			continue;
		output_printf(out, STYLE_WARN, "  %" PRIu64 " %s", remarks[i].count,
			      remarks[i].text);
		output_newline(out);
	}
}

static int audit_print(const struct cli *cli, const struct audit_report *report)
{
	const struct output *out = &cli->out;

	if (cli->json) {
		_cleanup_json_ json_t *json = report_json(report);

		return cli_print_json(cli, json);
	}
	output_text(out, STYLE_GOOD, "intact");
	output_printf(out, STYLE_PLAIN,
		      "  %" PRIu64 " records in %u files, %" PRIu64 " to %" PRIu64, report->records,
		      report->files, report->first, report->last);
	output_newline(out);
	output_printf(out, STYLE_DIM, "head    %s", report->head);
	output_newline(out);
	print_remarks(out, report);
	return cli_finish(cli);
}

int command_audit(struct cli *cli, int count, char **words)
{
	const char *directory = DEFAULT_STATE;
	struct audit_report report;
	struct error error;

	if (count == 0 || strcmp(words[0], "verify") != 0)
		return audit_usage(cli);
	if (count == 3 && strcmp(words[1], "--state") == 0)
		directory = words[2];
	else if (count == 2 && strncmp(words[1], "--state=", 8) == 0)
		directory = words[1] + 8;
	else if (count != 1)
		return audit_usage(cli);
	if (audit_verify(directory, &report, &error) < 0)
		return cli_fail(cli, &error);
	return audit_print(cli, &report);
}
