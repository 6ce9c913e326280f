#include "options.h"

#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

enum option_number {
	OPTION_STATE = 256,
	OPTION_SOCKET,
	OPTION_RESOLV_CONF,
	OPTION_HOST,
	OPTION_NO_BOOT_DETECTION,
	OPTION_AGENT_USER,
	OPTION_AGENT_GROUP,
	OPTION_LOG_LEVEL,
	OPTION_RECEIVE_BUFFER,
	OPTION_PING_TARGET,
	OPTION_LOOKUP_NAME,
	OPTION_HELP,
	OPTION_VERSION,
};

static const struct {
	struct option option;
	const char *argument;
	const char *help;
} table[] = {
	{{"state", required_argument, NULL, OPTION_STATE},
	 "DIR",
	 "where intent, leases and history are kept (/var/lib/aios/net)"},
	{{"socket", required_argument, NULL, OPTION_SOCKET},
	 "PATH",
	 "where agents and people connect (/run/aios/net.sock)"},
	{{"resolv-conf", required_argument, NULL, OPTION_RESOLV_CONF},
	 "PATH",
	 "the resolv.conf to write (with --host /etc/resolv.conf, else in DIR)"},
	{{"host", no_argument, NULL, OPTION_HOST},
	 NULL,
	 "manage the host's own network, not that of a namespace"},
	{{"no-boot-detection", no_argument, NULL, OPTION_NO_BOOT_DETECTION},
	 NULL,
	 "leave links alone that intent does not name"},
	{{"agent-user", required_argument, NULL, OPTION_AGENT_USER},
	 "NAME",
	 "a user who may change the network, by name or number; may be repeated"},
	{{"agent-group", required_argument, NULL, OPTION_AGENT_GROUP},
	 "NAME",
	 "the same for all whose primary group it is"},
	{{"log-level", required_argument, NULL, OPTION_LOG_LEVEL},
	 "LEVEL",
	 "error, warning, notice, info or debug (info)"},
	{{"receive-buffer", required_argument, NULL, OPTION_RECEIVE_BUFFER},
	 "BYTES",
	 "socket buffer for the kernel's announcements"},
	{{"ping-target", required_argument, NULL, OPTION_PING_TARGET},
	 "ADDRESS",
	 "who is asked whether packets come back (1.1.1.1)"},
	{{"lookup-name", required_argument, NULL, OPTION_LOOKUP_NAME},
	 "NAME",
	 "the name that must resolve (api.anthropic.com)"},
	{{"help", no_argument, NULL, OPTION_HELP}, NULL, "this text"},
	{{"version", no_argument, NULL, OPTION_VERSION}, NULL, "the version"},
};

static void print_help(void)
{
	puts("aiosnetd: the network of this host, run by an agent\n\nusage: aiosnetd "
	     "[OPTION]...\n");
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		char left[40];

		snprintf(left, sizeof(left), "--%s %s", table[i].option.name,
			 table[i].argument ?: "");
		printf("  %-24s %s\n", left, table[i].help);
	}
}

static int parse_log_level(const char *text, enum log_level *ret, struct error *error)
{
	static const char *const names[] = {"error", "warning", "notice", "info", "debug"};

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(names[i], text) == 0) {
			*ret = LOG_LEVEL_ERROR + i;
			return 0;
		}
	}
	return error_set(error, ERROR_PARAMETER_RANGE, "--log-level", "'%.32s' is no log level",
			 text);
}

static int parse_bytes(const char *text, int *ret, struct error *error)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (*text == '\0' || *end != '\0' || value < 0 || value > INT32_MAX / 2)
		return error_set(error, ERROR_PARAMETER_RANGE, "--receive-buffer",
				 "'%.32s' is no number of bytes", text);
	*ret = (int)value;
	return 0;
}

static int parse_number(const char *text, id_t *ret)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0' || value >= UINT32_MAX)
		return -EINVAL;
	*ret = (id_t)value;
	return 0;
}

static int too_many_agents(const char *parameter, struct error *error)
{
	return error_set(error, ERROR_PARAMETER_RANGE, parameter, "at most %u can be named",
			 AGENTS_MAX);
}

static int parse_agent_user(const char *text, struct options *options, struct error *error)
{
	const struct passwd *user;
	id_t number;

	if (options->agent_uids_count == AGENTS_MAX)
		return too_many_agents("--agent-user", error);
	if (parse_number(text, &number) < 0) {
		user = getpwnam(text);
		if (!user)
			return error_set(error, ERROR_NAME_INVALID, "--agent-user",
					 "there is no user '%.32s'", text);
		number = user->pw_uid;
	}
	options->agent_uids[options->agent_uids_count++] = number;
	return 0;
}

static int parse_agent_group(const char *text, struct options *options, struct error *error)
{
	const struct group *group;
	id_t number;

	if (options->agent_gids_count == AGENTS_MAX)
		return too_many_agents("--agent-group", error);
	if (parse_number(text, &number) < 0) {
		group = getgrnam(text);
		if (!group)
			return error_set(error, ERROR_NAME_INVALID, "--agent-group",
					 "there is no group '%.32s'", text);
		number = group->gr_gid;
	}
	options->agent_gids[options->agent_gids_count++] = number;
	return 0;
}

static int take(int option, struct options *options, struct error *error)
{
	switch (option) {
	case OPTION_STATE:
		options->state_directory = optarg;
		return 1;
	case OPTION_SOCKET:
		options->socket_path = optarg;
		return 1;
	case OPTION_RESOLV_CONF:
		options->resolv_conf = optarg;
		return 1;
	case OPTION_HOST:
		options->host = true;
		return 1;
	case OPTION_NO_BOOT_DETECTION:
		options->configure_new = false;
		return 1;
	case OPTION_AGENT_USER:
		return parse_agent_user(optarg, options, error) ?: 1;
	case OPTION_AGENT_GROUP:
		return parse_agent_group(optarg, options, error) ?: 1;
	case OPTION_LOG_LEVEL:
		return parse_log_level(optarg, &options->log_level, error) ?: 1;
	case OPTION_RECEIVE_BUFFER:
		return parse_bytes(optarg, &options->receive_buffer, error) ?: 1;
	case OPTION_PING_TARGET:
		return ip_address_parse(optarg, &options->online.ping_target, "--ping-target",
					error)
			       ?: 1;
	case OPTION_LOOKUP_NAME:
		if (text_copy(options->online.lookup_name, sizeof(options->online.lookup_name),
			      optarg))
			return 1;
		return error_set(error, ERROR_NAME_INVALID, "--lookup-name",
				 "the name is too long");
	case OPTION_HELP:
		print_help();
		return 0;
	case OPTION_VERSION:
		puts("aiosnetd " AIOSNET_VERSION);
		return 0;
	}
	return error_set(error, ERROR_PARAMETER_UNKNOWN, NULL, "see aiosnetd --help");
}

int options_parse(int argc, char **argv, struct options *ret, struct error *error)
{
	struct option long_options[ARRAY_SIZE(table) + 1] = {0};
	int option;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		long_options[i] = table[i].option;
	*ret = (struct options){
		.state_directory = "/var/lib/aios/net",
		.socket_path = "/run/aios/net.sock",
		.configure_new = true,
		.log_level = LOG_LEVEL_INFO,
		.online = {.ping_target = ip_address_v4(htonl(0x01010101)),
			   .lookup_name = "api.anthropic.com"},
	};
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		int r = take(option, ret, error);

		if (r <= 0)
			return r;
	}
	if (optind < argc)
		return error_set(error, ERROR_PARAMETER_UNKNOWN, NULL,
				 "'%.64s' is not an option; see aiosnetd --help", argv[optind]);
	return 1;
}
