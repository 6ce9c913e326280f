/*
 * A ruleset as people read it, in nft's language: `nft -f` makes the same of it.
 */
#pragma once

#include "ruleset.h"

/* Each appends to the buffer; its memory may be exhausted, which text_buffer_failed() says. */
void ruleset_text(const struct ruleset *ruleset, struct text_buffer *buffer);
void filter_rule_text(const struct filter_rule *rule, struct text_buffer *buffer);
void filter_element_text(const struct filter_set *set, const struct filter_element *element,
			 struct text_buffer *buffer);
