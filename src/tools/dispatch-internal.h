/* What the dispatcher and the tools' side of a call share. */
#pragma once

#include "dispatch.h"
#include "users.h"

struct dispatcher {
	struct core *core;
	sd_event *event;
	const struct tool_set *const *sets;
	struct tool_services services;
	struct audit *audit;
	struct users users;
	uint64_t calls;	    /* number of the last one */
	bool record_failed; /* the last call could not be recorded */
	sd_event_source *flush;
	struct proof *proofs;
};

struct tool_call {
	struct dispatcher *dispatcher;
	const struct tool *tool;
	struct caller caller;
	struct dispatch_client client;
	char client_name[64];
	uint64_t number;
	usec_t started;
	json_t *given;		  /* arguments, NULL for none; defaults are filled in later */
	struct text_buffer input; /* what is recorded of them as they came */
	json_t *arguments;	  /* validated */
	uint64_t transaction;
	void *state;
	void (*stop)(void *state);
	sd_event_source *timer;
	bool counted; /* among the calls of its user */
	bool running; /* inside of dispatcher_call() */
	bool ended;   /* answered while running: freed when that returns */
};
