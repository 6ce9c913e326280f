/* What the files that speak with the kernel share. */
#pragma once

#include "encode.h"

/* A message that adds the rule at the end of the chain. */
int encode_rule(const struct ruleset *ruleset, const struct filter_chain *chain,
		const struct filter_rule *rule, struct netfilter_batch *batch);
/* A message that removes all rules of the chain. */
int encode_flush(const struct ruleset *ruleset, const struct filter_chain *chain,
		 struct netfilter_batch *batch);
