/* The command line of aiosnetd. */
#pragma once

#include <sys/types.h>

#include "base/base.h"
#include "online/online.h"

#define AGENTS_MAX 16

struct options {
	uid_t agent_uids[AGENTS_MAX]; /* who may change the network besides root */
	gid_t agent_gids[AGENTS_MAX];
	size_t agent_uids_count, agent_gids_count;
	const char *state_directory;
	const char *socket_path;
	const char *resolv_conf; /* NULL: STATE/resolv.conf, or /etc/resolv.conf with `host` */
	bool host;		 /* may manage the initial network namespace */
	bool configure_new;
	enum log_level log_level;
	int receive_buffer; /* bytes, 0 for the default */
	struct online_config online;
};

/* Returns 1 to go on, 0 when all was said (--help, --version), or a negative errno with `error`. */
int options_parse(int argc, char **argv, struct options *ret, struct error *error);
