/*
 * The course of a ping: which probe is sent when, when each is given up, what came of all. Pure:
 * time and answers are passed in.
 */
#pragma once

#include "ping.h"

struct ping_run {
	struct ping_result result;
	usec_t next_send; /* boottime; USEC_INFINITY when all are sent */
	unsigned pending; /* probes without an outcome */
	unsigned duplicates;
	bool answered;
};

void ping_run_init(struct ping_run *run, const struct ping_request *request, usec_t now);

/* True when a probe is to be sent now; `ret` is then its number and it counts as sent. */
bool ping_run_next(struct ping_run *run, usec_t now, unsigned *ret);

/* An outcome for probe `number`, other than PING_PENDING. One that has its outcome already keeps
 * it; a second answer counts as duplicate. Numbers that were never sent are ignored. */
void ping_run_outcome(struct ping_run *run, unsigned number, const struct ping_probe *outcome);

/* Gives up what is overdue. */
void ping_run_expire(struct ping_run *run, usec_t now);

bool ping_run_finished(const struct ping_run *run);

/* Boottime at which ping_run_next() or ping_run_expire() has something to do; 0 when finished. */
usec_t ping_run_deadline(const struct ping_run *run);

void ping_run_summarise(struct ping_run *run); /* fills result.statistics */
