/* What the files that read nft's language share. */
#pragma once

#include "parse.h"
#include "tokens.h"

/* Reads a rule up to the end of its statement and adds it to the chain, a rule for each combination
 * of the values of its lists. -EINVAL and no rule when a part of it is not understood. */
int parse_rule(struct tokens *tokens, struct filter_chain *chain);
