/* The host that a probing tool is to reach: an address, or a name that is asked for first. */
#pragma once

#include "probe.h"

#define PROBE_ADDRESSES_MAX 8

/* Called from the event loop: 0 with at least one address, or a negative errno with `error`. */
typedef void (*probe_target_found_t)(int r, const struct error *error, void *userdata);

struct probe_target {
	/* Filled in by the tool. */
	struct tool_call *call;
	char host[256];
	char interface[IFNAMSIZ]; /* "" for any */
	int family;		  /* AF_UNSPEC for either, IPv4 first */
	bool all;		  /* the addresses of both families are wanted */

	struct ip_address addresses[PROBE_ADDRESSES_MAX];
	unsigned count;

	struct ip_address servers[LOOKUP_SERVERS_MAX];
	unsigned servers_count;
	uint16_t types[2]; /* record types still to ask for, 0 for no more */
	struct lookup *lookup;
	probe_target_found_t found;
	void *userdata;
};

/* 1: the host is an address, and known; 0: `found` will be called; else a negative errno with
 * `error` filled, its parameter "host". */
int probe_target_start(struct probe_target *target, probe_target_found_t found, void *userdata,
		       struct error *error);

/* Ends it without calling `found`. */
void probe_target_stop(struct probe_target *target);
