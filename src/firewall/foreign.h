/*
 * The tables of others, read for the proof.
 */
#pragma once

#include "netfilter/netfilter.h"
#include "netfilter_state.h"

/* Puts all tables of this network namespace but `ours` (of family inet) into the state, with the
 * elements of their sets. Where something cannot be read, as of a bridge's or a device's table, it
 * is unknown. Returns 0, -ENOMEM, -EAGAIN when it changed meanwhile, or another negative errno. */
int netfilter_state_read(struct netfilter_state *state, struct netfilter *netfilter,
			 const char *ours);
