/* What the files of the networkd format share. */
#pragma once

#include "internal.h"

/* A .network, .netdev or .link file with its drop-ins. */
struct unit {
	struct import *import;
	const struct import_file *file;
	json_t *link;  /* what it makes; "networkd" in it holds what is no part of the document */
	json_t *match; /* [Match]: key to value */
	bool resolvable;
	bool fitted; /* some link is of it */
};

/* Rows of .network, .netdev and .link files: their sections tell them apart. */
extern const struct setting network_settings[];
extern const struct setting netdev_settings[];
extern const struct setting link_settings[];

/* [Address], [Route] and such: what may be there several times, and is judged as a whole. */
struct repeated_section {
	const char *name;
	void (*finish)(struct unit *unit, const struct place *place, json_t *section);
};
extern const struct repeated_section repeated_sections[];
