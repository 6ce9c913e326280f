/*
 * What the kernel has, as a ruleset: our own table to be compared, those of others to be part of
 * the proof. What does not fit is unknown.
 */
#pragma once

#include "netfilter/netfilter.h"
#include "ruleset.h"

/* Reads a table, without the elements of its sets. 1 and `ret` filled, 0: there is none; -EAGAIN
 * when it changed meanwhile. */
int ruleset_decode(struct netfilter *netfilter, uint8_t family, const char *table,
		   struct ruleset *ret);
