/*
 * cli: the program `aiosnet`, a client of the daemon's socket.
 *
 * It knows no tool: sub-commands, options, help and completion come from the tables that the daemon
 * lists, and results are shown as their schemas say. Only what is looked at every day (status) has
 * a form of its own.
 *
 *     main.c        options and the table of commands
 *     client.h      MCP with the daemon, over connection.h
 *     catalog.h     the daemon's tools; arguments.h: from words to a tool's arguments
 *     render.h      any result for people; status.h: that of net.status
 *     output.h      text on a terminal; when.h: times
 *     call.c watch.c audit.c pump.c help.c import.c completion.c
 *     manual.c      the manual page
 */
#pragma once

#include "base/base.h"
#include "client.h"
#include "output.h"

#define DEFAULT_SOCKET "/run/aios/net.sock"
#define EVENTS_URI     "aiosnet://events"

enum {
	EXIT_DONE = 0,
	EXIT_REFUSED = 1,     /* the tool, or the daemon, said no */
	EXIT_USAGE = 2,	      /* the command line was wrong */
	EXIT_UNREACHABLE = 3, /* no daemon, or no answer in time */
};

struct cli {
	const char *socket;
	bool json;
	usec_t timeout;
	struct output out, messages; /* stdout and stderr */
};

/* A command: its words after the name; returns the exit status. */
typedef int (*command_function_t)(struct cli *cli, int count, char **words);

struct command {
	const char *name;
	command_function_t run;
	const char *tool;      /* of an alias: the tool that it stands for, `run` is NULL then */
	const char *arguments; /* for the usage line */
	const char *help;
	bool own_options; /* words are not searched for --json and --help */
};

/* All commands that have a name of their own, ended by one without a name. */
extern const struct command commands[];
const struct command *command_find(const char *name);

int command_status(struct cli *cli, int count, char **words);
int command_watch(struct cli *cli, int count, char **words);
int command_events(struct cli *cli, int count, char **words);
int command_call(struct cli *cli, int count, char **words);
int command_plan(struct cli *cli, int count, char **words);
int command_audit(struct cli *cli, int count, char **words);
int command_tools(struct cli *cli, int count, char **words);
int command_help(struct cli *cli, int count, char **words);
int command_version(struct cli *cli, int count, char **words);
int command_import(struct cli *cli, int count, char **words);
int command_mcp(struct cli *cli, int count, char **words);
int command_completion(struct cli *cli, int count, char **words);
int command_complete(struct cli *cli, int count, char **words);
int command_manual(struct cli *cli, int count, char **words);

/* Any other words: those of a tool. */
int command_tool_words(struct cli *cli, int count, char **words);
/* A tool by name, with the words of a command as its arguments. */
int command_tool(struct cli *cli, const char *name, int count, char **words);

/* ---- what all commands need ---- */

/* Connects; on failure says why. 0 or an exit status. */
int cli_connect(const struct cli *cli, struct client **ret);
/* Connects and lists the tools. 0 or an exit status. */
int cli_connect_with_tools(const struct cli *cli, struct client **ret, json_t **ret_tools);
/* Says what is wrong on stderr; returns the exit status that belongs to it. */
int cli_fail(const struct cli *cli, const struct error *error);
/* The same of what the daemon refused. */
int cli_refused(const struct cli *cli, const json_t *refusal);
/* Either of them, by what a function of client.h returned (other than 0). */
int cli_report(const struct cli *cli, int r, const json_t *refusal, const struct error *error);
/* Writes JSON to stdout: indented on a terminal and ASCII there, else one line. */
int cli_print_json(const struct cli *cli, const json_t *value);
/* Flushes stdout: EXIT_DONE, or EXIT_REFUSED when it could not be written. */
int cli_finish(const struct cli *cli);
