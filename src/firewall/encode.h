/*
 * From a ruleset to the messages by which the kernel makes it. decode.h leads back.
 */
#pragma once

#include "netfilter/netfilter.h"
#include "ruleset.h"

/* Adds messages to the batch that make the table anew, whatever there was of it: chains, sets with
 * their elements, counters. 0 or -ENOMEM. */
int ruleset_encode(const struct ruleset *ruleset, struct netfilter_batch *batch);

/* Adds messages that give the chains these rules, in the place of those that they have; sets
 * and their elements stay. */
int ruleset_encode_rules(const struct ruleset *ruleset, struct netfilter_batch *batch);

/* Adds a message that takes the table away; it may not be there. */
int ruleset_encode_removal(const char *table, struct netfilter_batch *batch);

/* The key of an element in the kernel's form. */
void filter_element_encode(const struct filter_set *set, const struct filter_element *element,
			   struct set_element *ret);
/* The same the other way, of a set of values or of concatenated ranges. */
void filter_element_decode(const struct filter_set *set, const struct set_element *kernel,
			   struct filter_element *ret);
/* Passes on what it is in the kernel, until `call` returns other than 0: a plain interval is two.
 */
int filter_element_each(const struct filter_set *set, const struct filter_element *element,
			int (*call)(const struct set_element *kernel, void *userdata),
			void *userdata);
