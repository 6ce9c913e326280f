/* The memory of a process and all its descendants, as /proc tells it. */
#pragma once

#include <sys/types.h>

struct process_memory {
	long proportional_kib; /* PSS: shared pages divided by how many share them */
	long private_kib;      /* USS: what would be free without it */
	int processes;
};

void process_memory_read(pid_t root, struct process_memory *ret);
