/*
 * What was heard on a link, within bounds: repeats are one observation with their
 * number, and when it is full there
 * is still room for whatever names an address that we asked for. A pure object.
 */
#pragma once

#include "observation.h"

#define RECORD_MAX	1024
#define RECORD_RESERVED 256 /* of them for what names an address that we asked for */
#define RECORD_ASKED	64

struct record {
	struct observation observations[RECORD_MAX]; /* `count` of them, in no order */
	size_t count;
	struct in_addr asked[RECORD_ASKED]; /* targets of our own questions */
	unsigned asked_count;
	size_t replaced; /* where the reserve is written anew */
};

/* Puts one observation, or the time of a repeat. One of our own questions is always kept; of what
 * names an address that was asked for before, the newest. */
void record_put(struct record *record, const struct observation *observation);
