/* Status and events: once, and live. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>

#include "arguments.h"
#include "cli.h"
#include "status.h"
#include "when.h"

#define REDRAW_LEAST (100 * USEC_PER_MSEC) /* between two redraws */
#define REDRAW_MOST  (5 * USEC_PER_SEC)	   /* spans of time grow without events too */

#define EVENTS_AT_ONCE 1024 /* as many as the daemon keeps */

#define SCREEN_ENTER "\033[?1049h\033[?25l"
#define SCREEN_LEAVE "\033[?25h\033[?1049l"
#define SCREEN_CLEAR "\033[H\033[J"

static int no_words(const struct cli *cli, const char *command, int count, char **words)
{
	struct error error;

	if (count == 0)
		return 0;
	error_set(&error, ERROR_PARAMETER_UNKNOWN, NULL, "%s takes no argument \"%.60s\"", command,
		  words[0]);
	return cli_fail(cli, &error);
}

int command_status(struct cli *cli, int count, char **words)
{
	_cleanup_(client_cleanup) struct client *client = NULL;
	_cleanup_json_ json_t *status = NULL;
	struct error error;
	int r = no_words(cli, "status", count, words);

	if (r == 0)
		r = cli_connect(cli, &client);
	if (r != 0)
		return r;
	r = client_call_tool(client, "net.status", json_object(), &status, &error);
	if (r != 0)
		return cli_report(cli, r, status, &error);
	if (cli->json)
		return cli_print_json(cli, status);
	status_print(&cli->out, status, clock_realtime_usec());
	return cli_finish(cli);
}

/* ---- events ---- */

static int print_event(const struct cli *cli, const json_t *event)
{
	const char *kind = json_member_text(event, "kind");
	usec_t time = when_parse(json_object_get(event, "time"));
	char buffer[40];

	if (cli->json) {
		json_dumpf(event, cli->out.stream, JSON_COMPACT | JSON_ENSURE_ASCII);
		output_newline(&cli->out);
		return cli_finish(cli);
	}
	if (time)
		when_print(time, clock_realtime_usec(), buffer, sizeof(buffer));
	output_cell(&cli->out, STYLE_DIM, time ? buffer : "", 12, false);
	output_spaces(&cli->out, 2);
	output_cell(&cli->out, STYLE_ACCENT, kind ?: "", 24, false);
	output_spaces(&cli->out, 2);
	output_wrapped(&cli->out, STYLE_PLAIN, json_member_text(event, "message") ?: "", 40);
	output_newline(&cli->out);
	return cli_finish(cli);
}

int command_events(struct cli *cli, int count, char **words)
{
	_cleanup_(client_cleanup) struct client *client = NULL;
	_cleanup_json_ json_t *resource = NULL, *limit = NULL;
	static const char number[] = "{\"type\": \"integer\"}";
	_cleanup_json_ json_t *schema = json_loads(number, 0, NULL);
	struct error error;
	size_t size, first = 0;
	json_t *events;
	int r;

	/* The tool of the same words. */
	if (count > 0 && strcmp(words[0], "list") == 0)
		return command_tool(cli, "events.list", count - 1, words + 1);
	if (count > 0 && argument_value(schema, "COUNT", words[0], &limit, &error) < 0)
		return cli_fail(cli, &error);
	r = no_words(cli, "events", count > 0 ? count - 1 : 0, words + 1);
	if (r == 0)
		r = cli_connect(cli, &client);
	if (r != 0)
		return r;
	r = client_read_resource(client, EVENTS_URI, &resource, &error);
	if (r != 0)
		return cli_report(cli, r, resource, &error);
	events = json_object_get(resource, "events");
	size = json_array_size(events);
	if (limit && json_integer_value(limit) >= 0 && size > (size_t)json_integer_value(limit))
		first = size - (size_t)json_integer_value(limit);
	for (size_t i = first; i < size; i++) {
		r = print_event(cli, json_array_get(events, i));
		if (r != 0)
			return r;
	}
	return cli_finish(cli);
}

/* ---- live ---- */

struct watch {
	struct cli *cli;
	struct client *client;
	int signals;
	bool page; /* the status is redrawn; else a line an event */
	bool stale;
	json_int_t seen; /* sequence of the newest event that was shown */
	usec_t drawn;	 /* boottime */
};

/* Back to the screen that was there before. */
static void watch_leave(struct watch *watch)
{
	if (!watch->page)
		return;
	fputs(SCREEN_LEAVE, watch->cli->out.stream);
	fflush(watch->cli->out.stream);
	watch->page = false;
}

static int watch_report(struct watch *watch, int r, const json_t *refusal,
			const struct error *error)
{
	watch_leave(watch);
	return cli_report(watch->cli, r, refusal, error);
}

/* Takes note of what happened before. */
static int watch_skip_events(struct watch *watch)
{
	_cleanup_json_ json_t *resource = NULL;
	struct error error;
	int r = client_read_resource(watch->client, EVENTS_URI, &resource, &error);

	if (r != 0)
		return watch_report(watch, r, resource, &error);
	watch->seen = json_member_integer(resource, "last", 0);
	return 0;
}

/* Shows the events that are new. */
static int watch_events(struct watch *watch)
{
	_cleanup_json_ json_t *result = NULL;
	struct error error;
	json_int_t missed;
	json_t *event;
	size_t i;
	int r = client_call_tool(watch->client, "events.list",
				 json_pack("{s:I, s:i}", "after", watch->seen, "limit",
					   EVENTS_AT_ONCE),
				 &result, &error);

	if (r != 0)
		return watch_report(watch, r, result, &error);
	missed = json_member_integer(result, "missed", 0);
	if (missed > 0)
		fprintf(watch->cli->messages.stream,
			"aiosnet: %" JSON_INTEGER_FORMAT " events were no longer kept\n", missed);
	json_array_foreach(json_object_get(result, "events"), i, event) {
		r = print_event(watch->cli, event);
		if (r != 0)
			return r;
	}
	watch->seen = json_member_integer(result, "last", watch->seen);
	return 0;
}

static int watch_redraw(struct watch *watch)
{
	const struct output *out = &watch->cli->out;
	_cleanup_json_ json_t *status = NULL;
	struct error error;
	int r = client_call_tool(watch->client, "net.status", json_object(), &status, &error);

	if (r != 0)
		return watch_report(watch, r, status, &error);
	fputs(SCREEN_CLEAR, out->stream);
	status_print(out, status, clock_realtime_usec());
	watch->stale = false;
	watch->drawn = clock_boottime_usec();
	return cli_finish(watch->cli);
}

/* Takes all notifications that are there. Returns 1 when there were any, 0, or a negative errno. */
static int watch_drain(struct watch *watch, struct error *error)
{
	int any = 0;

	for (;;) {
		_cleanup_json_ json_t *notification = NULL;
		const char *method;
		int r = client_next_notification(watch->client, 0, &notification, error);

		if (r != 0)
			return r < 0 ? r : any;
		method = json_member_text(notification, "method");
		if (method && strcmp(method, "notifications/resources/updated") == 0)
			any = 1;
	}
}

/* Milliseconds to wait at most, -1 for ever. */
static int watch_patience(const struct watch *watch)
{
	usec_t span = watch->stale ? REDRAW_LEAST : REDRAW_MOST;
	usec_t left = usec_sub(usec_add(watch->drawn, span), clock_boottime_usec());

	return watch->page ? (int)((left + USEC_PER_MSEC - 1) / USEC_PER_MSEC) : -1;
}

/* A signal: true when it ends the program. */
static bool watch_signal(struct watch *watch)
{
	struct signalfd_siginfo signal;

	if (read(watch->signals, &signal, sizeof(signal)) != sizeof(signal))
		return false;
	if (signal.ssi_signo != SIGWINCH)
		return true;
	output_measure(&watch->cli->out);
	watch->stale = true;
	return false;
}

static int watch_run(struct watch *watch)
{
	struct pollfd descriptors[] = {
		{.fd = client_descriptor(watch->client), .events = POLLIN},
		{.fd = watch->signals, .events = POLLIN},
		/* Who reads our lines may go away while there is nothing to write. */
		{.fd = fileno(watch->cli->out.stream), .events = 0},
	};
	struct error error;
	int r;

	for (;;) {
		r = watch_drain(watch, &error);
		if (r < 0)
			return watch_report(watch, r, NULL, &error);
		if (r == 1 && watch->page)
			watch->stale = true;
		else if (r == 1 && (r = watch_events(watch)) != 0)
			return r;
		else if (r == 1)
			continue;
		if (watch->page && watch_patience(watch) == 0 && (r = watch_redraw(watch)) != 0)
			return r;
		if (poll(descriptors, ARRAY_SIZE(descriptors), watch_patience(watch)) < 0) {
			if (errno == EINTR)
				continue;
			return EXIT_REFUSED;
		}
		if (descriptors[1].revents && watch_signal(watch))
			return EXIT_DONE;
		if (descriptors[2].revents)
			return EXIT_DONE;
	}
}

static int watch_begin(struct watch *watch)
{
	struct error error;
	int r = client_subscribe(watch->client, EVENTS_URI, &error);

	if (r < 0)
		return watch_report(watch, r, NULL, &error);
	return watch->page ? watch_redraw(watch) : watch_skip_events(watch);
}

int command_watch(struct cli *cli, int count, char **words)
{
	_cleanup_(client_cleanup) struct client *client = NULL;
	_cleanup_(cleanup_close) int signals = -1;
	struct watch watch = {.cli = cli, .page = cli->out.terminal && !cli->json};
	sigset_t set;
	int r = no_words(cli, "watch", count, words);

	if (r == 0)
		r = cli_connect(cli, &client);
	if (r != 0)
		return r;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGWINCH);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0)
		return EXIT_REFUSED;
	watch.client = client;
	watch.signals = signals;
	if (watch.page)
		fputs(SCREEN_ENTER, cli->out.stream);
	r = watch_begin(&watch);
	if (r == 0)
		r = watch_run(&watch);
	watch_leave(&watch);
	return r;
}
