/*
 * What a command costs as a process.
 *
 *     spawn COUNT PROGRAM [ARGUMENT]...
 *
 * Runs it COUNT times; of an argument ONE|TWO the parts are used in turn. Prints a series in
 * microseconds, from posix_spawn() until the process has ended. One that fails ends the
 * measurement.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "common.h"

#define ARGUMENTS_MAX 32

extern char **environ;

struct command {
	char *arguments[ARGUMENTS_MAX + 1];
};

/* Splits what takes turns. */
static void prepare(struct command commands[2], char **arguments, int count)
{
	for (int i = 0; i < count && i < ARGUMENTS_MAX; i++) {
		char *second = strchr(arguments[i], '|');

		if (second)
			*second++ = '\0';
		commands[0].arguments[i] = arguments[i];
		commands[1].arguments[i] = second ?: arguments[i];
	}
}

static double run(char **arguments, const posix_spawn_file_actions_t *actions)
{
	double start = now_ms();
	int status;
	pid_t pid;

	errno = posix_spawnp(&pid, arguments[0], actions, NULL, arguments, environ);
	if (errno != 0 || waitpid(pid, &status, 0) < 0)
		fail(arguments[0]);
	if (status != 0) {
		fprintf(stderr, "spawn: %s failed with status %d\n", arguments[0], status);
		exit(EXIT_FAILURE);
	}
	return now_ms() - start;
}

int main(int argc, char **argv)
{
	size_t count = argc > 2 ? strtoul(argv[1], NULL, 10) : 0;
	struct command commands[2] = {0};
	posix_spawn_file_actions_t silent;
	double *values;

	if (count == 0) {
		fputs("usage: spawn COUNT PROGRAM [ARGUMENT]...\n", stderr);
		return 2;
	}
	values = calloc(count, sizeof(*values));
	if (!values || posix_spawn_file_actions_init(&silent) != 0 ||
	    posix_spawn_file_actions_addopen(&silent, 1, "/dev/null", O_WRONLY, 0) != 0)
		fail("spawn");
	prepare(commands, argv + 2, argc - 2);
	for (size_t i = 0; i < count; i++)
		values[i] = run(commands[i % 2].arguments, &silent);
	series_print(values, count, 1e3);
	putchar('\n');
	posix_spawn_file_actions_destroy(&silent);
	free(values);
	return 0;
}
