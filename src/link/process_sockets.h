/*
 * The sockets of a process and of those that it descends from: who calls from a shell of SSH
 * descends from the process that holds the connection.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

/* Fills `ret` with the inodes of the sockets that the process and its ancestors have open, at most
 * `most`; returns how many. What this process may not read, or what ends meanwhile, is left out. */
unsigned process_sockets(pid_t process, uint32_t *ret, unsigned most);
