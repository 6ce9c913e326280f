#include "processes.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common.h"

#define DEPTH_MAX 32

/* The sum of the values of the lines of a file in /proc that begin with `key`. */
static long proc_value(pid_t pid, const char *file, const char *key)
{
	char path[64], line[256];
	long sum = 0;
	FILE *stream;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	stream = fopen(path, "re");
	if (!stream)
		return 0; /* it has ended meanwhile */
	while (fgets(line, sizeof(line), stream)) {
		if (strncmp(line, key, strlen(key)) == 0)
			sum += atol(line + strlen(key));
	}
	fclose(stream);
	return sum;
}

static bool descends_from(pid_t pid, pid_t root)
{
	for (int depth = 0; depth < DEPTH_MAX && pid > 1; depth++) {
		if (pid == root)
			return true;
		pid = (pid_t)proc_value(pid, "status", "PPid:");
	}
	return false;
}

void process_memory_read(pid_t root, struct process_memory *ret)
{
	DIR *directory = opendir("/proc");
	struct dirent *entry;

	*ret = (struct process_memory){0};
	if (!directory)
		fail("/proc");
	while ((entry = readdir(directory))) {
		pid_t pid = atoi(entry->d_name);

		if (pid <= 0 || !descends_from(pid, root))
			continue;
		ret->proportional_kib += proc_value(pid, "smaps_rollup", "Pss:");
		ret->private_kib += proc_value(pid, "smaps_rollup", "Private_Clean:") +
				    proc_value(pid, "smaps_rollup", "Private_Dirty:");
		ret->processes++;
	}
	closedir(directory);
}

pid_t process_start(char **program, const char *log, double *ret_start)
{
	int output = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	int streams[] = {dup(STDOUT_FILENO), dup(STDERR_FILENO)};
	pid_t pid;

	if (output < 0 || streams[0] < 0 || streams[1] < 0)
		fail(log);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	fcntl(streams[0], F_SETFD, FD_CLOEXEC);
	fcntl(streams[1], F_SETFD, FD_CLOEXEC);
	dup2(output, STDOUT_FILENO);
	dup2(output, STDERR_FILENO);
	*ret_start = now_ms();
	pid = vfork();
	if (pid == 0) {
		execvp(program[0], program);
		_exit(127);
	}
	dup2(streams[0], STDOUT_FILENO);
	dup2(streams[1], STDERR_FILENO);
	if (pid < 0)
		fail("vfork");
	close(output);
	close(streams[0]);
	close(streams[1]);
	return pid;
}
