/*
 * Events: what happened, in order, for all who listen. The newest EVENT_KEPT are kept in memory.
 */
#pragma once

#include "base/base.h"

struct core;

#define EVENT_KEPT 1024

struct event_record {
	uint64_t sequence; /* from 1, without gaps */
	usec_t time;	   /* realtime */
	const char *kind;  /* "link.carrier_lost", "tx.committed"; a constant of the program */
	char message[200]; /* one sentence */
	json_t *data;	   /* object, may be NULL; owned by the ring */
};

/* Publishes an event: takes `data` (may be NULL), writes the sentence to the log at notice level.
 */
void core_publish(struct core *core, const char *kind, json_t *data, const char *format, ...)
	_printf_(4, 5);

typedef void (*event_handler_t)(const struct event_record *event, void *userdata);

/* Handlers are called in order; they may not publish. Returns 0 or -ENOMEM. */
int core_add_event_handler(struct core *core, event_handler_t handler, void *userdata);

/* The kept event after `sequence` (0: the oldest), or NULL when there is none yet. */
const struct event_record *core_event_after(const struct core *core, uint64_t sequence);

json_t *event_to_json(const struct event_record *event);
