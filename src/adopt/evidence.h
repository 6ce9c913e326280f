/*
 * Who configured a link, by what they left in the file system, and the lease that they hold.
 */
#pragma once

#include "core/core.h"
#include "found_lease.h"

struct evidence {
	char owner[PROVENANCE_TEXT_MAX];  /* "adopted:networkd" */
	char reason[PROVENANCE_TEXT_MAX]; /* where that is known from */
	bool by_manager;		  /* that configures links whole */
};

/* Reads a file's beginning; returns the length, or a negative errno. */
ssize_t evidence_read(const char *path, char *buffer, size_t size);
/* The value of KEY=VALUE in a small file; false when there is none. */
bool evidence_member(const char *path, const char *key, char *ret, size_t size);

/* Who configured the link; in doubt "adopted:static". */
void evidence_of_link(const struct link *link, struct evidence *ret);
/* The lease of `address` on the link that a client's file tells of and that has not ended. */
bool evidence_find_lease(const struct link *link, const struct ip_address *address,
			 struct found_lease *ret, struct evidence *ret_evidence);
