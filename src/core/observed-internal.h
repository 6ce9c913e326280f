/*
 * The mirror itself, shared by the half that follows the kernel (observed.c) and the half that
 * answers (observed_query.c).
 */
#pragma once

#include "observed.h"
#include "observed_links.h"
#include "observed_table.h"

struct handler {
	observed_handler_t changed;
	observed_synchronised_t synchronised;
	void *userdata;
};

struct observed {
	struct netlink_monitor *monitor;
	struct table tables[_OBJECT_KIND_MAX];
	struct link_index links;
	struct handler *handlers;
	size_t handler_count;
	bool synchronised, synchronised_once;
	usec_t told_at;
	int ethtool_fd; /* -1 until it is needed */
};
