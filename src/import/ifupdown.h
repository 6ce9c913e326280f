/* What the files of the ifupdown format share. */
#pragma once

#include "internal.h"

/* The options of a stanza; "stanza.*" holds what waits for its end. */
extern const struct setting ifupdown_settings[];

struct ifupdown_reader {
	struct import *import;
	const char *file;
	const char *rest;
	char *line; /* without its continuations */
	unsigned number, next;
	json_t *automatic, *patterns; /* what is brought up: {name, file, line, used} */
	bool collecting;	      /* the first pass, which only looks for these */

	/* the stanza */
	json_t *settings; /* NULL outside of one */
	char name[IFNAMSIZ], family[8], method[16];
	unsigned begins;
	bool foreign; /* within a mapping: its lines belong to it */
};

struct place place_at(const struct ifupdown_reader *reader, unsigned line, const char *key);

/* Makes of the stanza what can be made of it; nothing outside of one. */
void finish_stanza(struct ifupdown_reader *reader);
