/*
 * A change that is proved by those who manage this host: who answers before it answers after it, or
 * it is taken back.
 *
 *     ask the peers -> make the change, pending -> ask those that answered -> confirm, or withdraw
 *
 * The kernel's state was compared already (core/transaction.c); this finds what nobody foresaw on
 * the way there and back: a rule, a filter, a neighbour. The change is pending meanwhile, so that a
 * daemon that is killed leaves nothing unproved behind; where the client goes, or the time limit is
 * over, it is withdrawn at once. Nobody confirms it before it is proved, and the time to confirm it
 * (`confirm_within`) begins then. What is changed while another change is being proved is held to
 * the peers of that one, too. A peer that did not answer before proves nothing, and nothing is
 * asked for a dry run or where nobody manages from outside.
 *
 * Who is asked: the peers that were stated, and those connected from the prefixes that were; where
 * none was, whoever is connected to a management port, those first to whom the most was sent. The
 * connection that the caller comes by is asked in any case.
 *
 * Who is reached: who answers an echo request, or acknowledges data on a connection later than
 * TRY_TIME after the change. Who of those must be: each that was stated, the caller's, and each
 * that is at work (link/sessions.h). One that is merely connected may be a stranger: its silence
 * counts only where none of the others is reached.
 */
#pragma once

#include "fields.h"

#define CHANGE_PROVERS_MOST 16

/* Who would be asked; returns how many. For a dry run, which asks nobody. */
unsigned change_provers(const struct tool_call *call, struct ip_address ret[CHANGE_PROVERS_MOST]);

/* As change_run(), or TOOL_LATER where there are peers to ask: then the call is ended by itself,
 * with tx.peer_lost where one is not reached any more. */
int change_run_proved(struct tool_call *call, json_t **ret, struct error *error);

/* Makes a change, to be proved or not, and its answer; as change_run(). */
typedef int (*change_make_t)(struct tool_call *call, const struct proving *proving, json_t **ret,
			     struct error *error);

/* The same for what is no proposal. */
int change_make_proved(struct tool_call *call, change_make_t make, json_t **ret,
		       struct error *error);
