/*
 * The course of a trace: which probe is sent when, what each answer means for the rest. Pure: time
 * and answers are passed in.
 */
#pragma once

#include "traceroute.h"

struct trace_run {
	struct trace_result result;
	usec_t next_send; /* boottime */
	uint32_t size;	  /* bytes of the packets to send, with their IP header */
};

/* `size`: the packets' at first, with their IP header; of a path MTU trace the link's MTU. */
void trace_run_init(struct trace_run *run, const struct trace_request *request, uint32_t size,
		    usec_t now);

/* True when a probe is to be sent now: its number, and it counts as sent. The hop limit is
 * trace_run_hop(number) + 1, its size run->size. */
bool trace_run_next(struct trace_run *run, usec_t now, unsigned *ret);
unsigned trace_run_hop(const struct trace_run *run, unsigned number); /* from 0 */
const struct trace_probe *trace_run_probe(const struct trace_run *run, unsigned number);

/* What came of a probe. Numbers that were never sent, and answers to what has its outcome, are
 * ignored. "Too large" with an MTU that is smaller has the probe sent again. */
void trace_run_outcome(struct trace_run *run, unsigned number, const struct trace_probe *outcome);

void trace_run_expire(struct trace_run *run, usec_t now); /* gives up what is overdue */
bool trace_run_finished(const struct trace_run *run);
usec_t trace_run_deadline(const struct trace_run *run); /* boottime; 0 when finished */
void trace_run_summarise(struct trace_run *run);	/* loops and path MTU */
