/* A program that is watched: its start, and the memory of it and all its descendants. */
#pragma once

#include <sys/types.h>

struct process_memory {
	long proportional_kib; /* PSS: shared pages divided by how many share them */
	long private_kib;      /* USS: what would be free without it */
	int processes;
};

void process_memory_read(pid_t root, struct process_memory *ret);

/* Starts a program with its output in the file `log`. `ret_start` gets now_ms() just before:
 * nothing is between the clock and the program but vfork() and exec(). What it leaves behind stays
 * among the caller's descendants. */
pid_t process_start(char **program, const char *log, double *ret_start);
