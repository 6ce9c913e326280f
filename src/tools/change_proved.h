/*
 * A change that is proved by those who manage this host: who answers before it answers after it, or
 * it is taken back.
 *
 *     ask the peers -> make the change, pending -> ask those that answered -> confirm, or withdraw
 *
 * The kernel's state was compared already (core/transaction.c); this finds what nobody foresaw on
 * the way there and back: a rule, a filter, a neighbour. The change is pending meanwhile, so that a
 * daemon that is killed leaves nothing unproved behind; where the client goes, or the time limit is
 * over, it is withdrawn at once. Nobody confirms it before it is proved. What is changed while
 * another change is being proved is held to the peers of that one, too. A peer that did not
 * answer before proves nothing, and nothing is asked for a dry run or where nobody manages from
 * outside.
 */
#pragma once

#include "fields.h"

/* As change_run(), or TOOL_LATER where there are peers to ask: then the call is ended by itself,
 * with tx.peer_lost where one is not reached any more. */
int change_run_proved(struct tool_call *call, const struct tool *tool, json_t **ret,
		      struct error *error);

/* Refuses what is to be done with a transaction that is still being proved: tx.not_pending. */
int change_check_proved(const struct tool_call *call, uint64_t transaction, struct error *error);
