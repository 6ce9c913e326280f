/*
 * firewall: what may come in, go out and pass through, as nf_tables in the kernel.
 *
 * One table is ours, `inet aios_firewall`; those of others are read and never written. Its ruleset
 * is a value (ruleset.h) with three readers: the kernel (encode.h), people (text.h) and the proof.
 * What somebody allows or denies is an element of a set, so that a look-up costs the same with one
 * rule and with a hundred thousand, and the kernel itself lets it expire.
 *
 *     policy_type.h the resource types: the policy, and what somebody allows or denies (rule.h)
 *     service.h     the table in the kernel, what stands in it (live.h), who else changes it
 *     ruleset.h     a ruleset as a value
 *     default.nft   the ruleset that ships; policy.h fills in what stands open there
 *     parse.h       from nft's language, text.h to it
 *     encode.h      to the kernel, decode.h from it
 *     field.h       the fields of a packet
 *     prove.h       what becomes of packets, decided exactly: guard rails, and why of one packet
 *     audit.h       what does nothing, or is at odds with something else; what a change changes
 *     netfilter_state.h  all tables in the form that proofs walk; packet_set.h its sets
 *     foreign.h     the tables of others, read for the proof
 *     packet_space.h     sets of packets; packet.h one of them
 */
#pragma once

#include "policy_type.h"
#include "service.h"
#include "text.h"
