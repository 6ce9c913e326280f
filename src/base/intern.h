/*
 * Texts that are kept once however many hold them: a thousand resources that one lease or one call
 * brought share its words.
 */
#pragma once

/* The kept text that says the same, with one holder more; never to be written to. "" and NULL are
 * "", and need no memory. NULL when memory is exhausted. */
const char *text_keep(const char *text);
/* One more holder of a text that text_keep() returned; cannot fail. */
const char *text_keep_again(const char *kept);
/* One holder less; the text goes with the last one. */
void text_let_go(const char *kept);
