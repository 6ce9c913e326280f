/* What the writing and the opening of the audit record share. */
#pragma once

#include "audit_chain.h"

struct audit {
	char *directory;
	off_t file_size;
	unsigned files;
	struct audit_key key;
	struct audit_anchor anchor; /* its `last` is where the next line goes */
	int fd, anchor_fd;	    /* -1 while the record could not be opened */
	off_t reserved;		    /* the file has blocks up to here */
	unsigned unsynced;
};

/* Opens the record when it could not be opened before. 0, or why it still cannot. */
int audit_ensure(struct audit *audit, struct error *error);
/* store.failed: the record cannot be `what` ("written"); returns -errnum. */
int audit_failed(const char *what, int errnum, struct error *error);
int audit_write_anchor(struct audit *audit, struct error *error);
/* The descriptor of the file of this number, for reading and appending, or a negative errno. */
int audit_open_file(const struct audit *audit, unsigned file, int flags);
/* A new file is there after a power cut only when its directory says so. */
int audit_sync_directory(const struct audit *audit);
