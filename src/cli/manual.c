/* The manual page aiosnet(1), with the commands from their table: written when the project is
 * built. */
#include <stdio.h>

#include "cli.h"

static const char before[] = ".Dd November 25, 2026\n"
			     ".Dt AIOSNET 1\n"
			     ".Os\n"
			     ".Sh NAME\n"
			     ".Nm aiosnet\n"
			     ".Nd show and change the network of this host\n"
			     ".Sh SYNOPSIS\n"
			     ".Nm\n"
			     ".Op Ar option ...\n"
			     ".Ar command\n"
			     ".Op Ar argument ...\n"
			     ".Sh DESCRIPTION\n"
			     ".Nm\n"
			     "is a client of\n"
			     ".Xr aiosnetd 8 .\n"
			     "It knows no tool itself: it asks the daemon for its tools, makes "
			     "their arguments of words, and shows\n"
			     "their results.\n"
			     ".Sh COMMANDS\n";

static const char after[] = ".It Ar tool Op Ar argument ...\n"
			    "Any tool by its words, such as\n"
			    ".Dq net ping 192.0.2.1 \\-\\-count 3 ;\n"
			    ".Xr aiosnet-tools 7\n"
			    "describes them.\n"
			    ".El\n"
			    ".Sh OPTIONS\n"
			    ".Bl -tag -width Ds\n"
			    ".It Fl s , Fl \\-socket Ar path\n"
			    "The daemon's socket.\n"
			    ".It Fl \\-json\n"
			    "Results as JSON.\n"
			    ".It Fl \\-no\\-color\n"
			    "Plain text.\n"
			    ".It Fl \\-timeout Ar seconds\n"
			    "How long the daemon may take for an answer (120).\n"
			    ".It Fl h , Fl \\-help\n"
			    "Help, also on a command or tool.\n"
			    ".It Fl \\-version\n"
			    "The version of this program.\n"
			    ".El\n"
			    ".Sh ENVIRONMENT\n"
			    ".Bl -tag -width Ds\n"
			    ".It Ev AIOSNET_SOCKET\n"
			    "The daemon's socket, where no option names one.\n"
			    ".El\n"
			    ".Sh FILES\n"
			    ".Bl -tag -width Ds\n"
			    ".It Pa /run/aios/net.sock\n"
			    "The daemon's socket.\n"
			    ".El\n"
			    ".Sh EXIT STATUS\n"
			    ".Bl -tag -width Ds\n"
			    ".It 0\n"
			    "Done.\n"
			    ".It 1\n"
			    "The tool failed, or the daemon refused.\n"
			    ".It 2\n"
			    "The command line was wrong.\n"
			    ".It 3\n"
			    "The daemon could not be reached, or did not answer in time.\n"
			    ".El\n"
			    ".Sh EXAMPLES\n"
			    ".Bd -literal\n"
			    "aiosnet status\n"
			    "aiosnet net traceroute www.example.com\n"
			    "aiosnet net check_port 192.0.2.1 443\n"
			    "aiosnet net http_probe https://www.example.com/\n"
			    "aiosnet plan net route_add 10.0.0.0/8 \\-\\-gateway 192.0.2.1\n"
			    ".Ed\n"
			    ".Sh SEE ALSO\n"
			    ".Xr aiosnet-tools 7 ,\n"
			    ".Xr aiosnetd 8\n";

/* What stands in a table as text for mdoc(7). */
static void print_text(FILE *stream, const char *text)
{
	for (; *text; text++) {
		if (*text == '-')
			fputc('\\', stream);
		fputc(*text, stream);
	}
}

int command_manual(struct cli *cli, int count, char **words)
{
	FILE *stream = cli->out.stream;

	fputs(before, stream);
	fputs(".Bl -tag -width Ds\n", stream);
	for (const struct command *command = commands; command->name; command++) {
		if (!command->help)
			continue;
		fprintf(stream, ".It Cm %s", command->name);
		if (command->arguments) {
			fputs(" No ", stream);
			print_text(stream, command->arguments);
		}
		fputc('\n', stream);
		print_text(stream, command->help);
		fputs(".\n", stream);
	}
	fputs(after, stream);
	return cli_finish(cli);
}
