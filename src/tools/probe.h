/* What the files of probing tools share. */
#pragma once

#include "common.h"

/* The name servers to ask: the argument `server`, or those of this host. How many, or a negative
 * errno with `error` filled. */
int probe_servers(const struct tool_call *call, struct ip_address ret[LOOKUP_SERVERS_MAX],
		  struct error *error);

/* Copies the argument `link` into `ret`, "" where it is absent. 0, or link.unknown. */
int probe_link(const struct tool_call *call, char ret[IFNAMSIZ], struct error *error);

/* An argument in milliseconds as microseconds. */
usec_t probe_milliseconds(const struct tool_call *call, const char *name);

/* A look-up knows its name as "name": an error of it names the tool's own parameter instead. */
void probe_rename_parameter(struct error *error, const char *name);

extern const struct tool_set ping_tools, lookup_tools, connection_tools, bandwidth_tools,
	port_tools, traceroute_tools, http_tools, suggest_tools;
