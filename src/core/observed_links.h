/*
 * The two orders in which links are looked for besides their index: sorted, and by name.
 */
#pragma once

#include "netlink/netlink.h"

struct link_name;

struct link_index {
	int *sorted; /* indexes */
	size_t count, size;
	struct link_name *names; /* by hash */
};

void link_index_clear(struct link_index *index);
int link_index_add(struct link_index *index, const struct link *link);
void link_index_remove(struct link_index *index, const struct link *link);
int link_index_rename(struct link_index *index, const struct link *before,
		      const struct link *after);

/* 0 where there is none. */
int link_index_by_name(const struct link_index *index, const char *name);
int link_index_after(const struct link_index *index, int link);
