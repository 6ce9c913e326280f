/*
 * The kinds of links that can be made, one row each: the kernel's name, which attribute of its data
 * is which option, and what the options are when the kernel is not told.
 */
#pragma once

#include "attribute.h"
#include "types.h"

struct link_maker {
	const char *kind;	      /* IFLA_INFO_KIND */
	struct attribute_table table; /* of union link_options */
	union link_options initial;
	uint16_t peer; /* the attribute that holds the other end, 0 for none */
	bool on_lower; /* IFLA_LINK names the link that it lies on */
};

/* NULL for a kind that has no row. */
const struct link_maker *link_maker(const char *kind);
