/*
 * Other managers of the network that run in this network namespace, and the links that they manage.
 */
#pragma once

#include "core/core.h"

#define MANAGERS_MAX 32

struct manager_kind;

struct manager {
	const struct manager_kind *kind;
	pid_t pid;
	char arguments[256]; /* of its command line, separated by spaces */
};

/* Is there anything (a directory, a pid file) that says that one may run? Cheap. */
bool managers_are_likely(void);

/* Looks through all processes; returns how many of `ret` were filled. */
size_t managers_scan(struct manager ret[MANAGERS_MAX]);

const char *manager_name(const struct manager *manager); /* "networkd" */
const char *manager_note(const struct manager *manager); /* before it is stopped; NULL for none */
/* The command that stops it, and keeps it from coming back; addresses stay where it can be told so.
 * `buffer` is returned. */
const char *manager_stop_command(const struct manager *manager, char *buffer, size_t size);
/* A link as managers take one by themselves: not made by somebody, nor a part of what somebody
 * made.
 */
bool manager_may_manage(const struct link *link);
/* Does it manage the link, or will it soon? In doubt yes. */
bool manager_manages(const struct manager *manager, const struct link *link);
