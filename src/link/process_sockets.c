#include "process_sockets.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"

#define ANCESTORS_MAX	32
#define DESCRIPTORS_MAX 1024 /* of each process */

static unsigned sockets_of(pid_t process, uint32_t *ret, unsigned most)
{
	char path[64], target[64];
	struct dirent *entry;
	unsigned count = 0;
	DIR *directory;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)process);
	directory = opendir(path);
	if (!directory)
		return 0;
	for (unsigned i = 0; count < most && i < DESCRIPTORS_MAX && (entry = readdir(directory));
	     i++) {
		ssize_t length =
			readlinkat(dirfd(directory), entry->d_name, target, sizeof(target) - 1);

		if (length <= 0)
			continue;
		target[length] = '\0';
		if (sscanf(target, "socket:[%" SCNu32 "]", &ret[count]) == 1)
			count++;
	}
	closedir(directory);
	return count;
}

/* 0 for none. The name in /proc/PID/stat may hold anything but ends with the last ')'. */
static pid_t parent_of(pid_t process)
{
	char path[64], text[512];
	const char *end = NULL;
	int parent = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)process);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (fgets(text, sizeof(text), file))
		end = strrchr(text, ')');
	fclose(file);
	return end && sscanf(end, ") %*c %d", &parent) == 1 ? parent : 0;
}

unsigned process_sockets(pid_t process, uint32_t *ret, unsigned most)
{
	unsigned count = 0;

	for (unsigned i = 0; process > 1 && i < ANCESTORS_MAX; i++) {
		count += sockets_of(process, ret + count, most - count);
		process = parent_of(process);
	}
	return count;
}
