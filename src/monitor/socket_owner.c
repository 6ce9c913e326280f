#include "socket_owner.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define ENTRIES_PER_CLOCK 32 /* descriptors looked at between two looks at the clock */

struct socket_owner_search {
	struct connection **by_inode;
	size_t count;
	uint32_t only; /* pid, 0 for all */
	bool started;
	DIR *processes;
	DIR *descriptors; /* of the process at hand, NULL between two */
	uint32_t pid;
	char comm[17];
	size_t hidden;
};

static int compare_inode(const void *a, const void *b)
{
	const struct connection *const *first = a, *const *second = b;

	return ((*first)->inode > (*second)->inode) - ((*first)->inode < (*second)->inode);
}

int socket_owner_search_new(struct socket_owner_search **ret, struct connection *connections,
			    size_t count, uint32_t pid)
{
	_cleanup_(socket_owner_search_cleanup) struct socket_owner_search *search =
		calloc(1, sizeof(*search));

	if (!search)
		return -ENOMEM;
	search->by_inode = calloc(MAX(count, (size_t)1), sizeof(*search->by_inode));
	search->processes = opendir("/proc");
	if (!search->by_inode || !search->processes)
		return search->by_inode ? -errno : -ENOMEM;
	/* Sockets without an inode belong to the kernel by now (TIME_WAIT). */
	for (size_t i = 0; i < count; i++)
		if (connections[i].inode)
			search->by_inode[search->count++] = &connections[i];
	qsort(search->by_inode, search->count, sizeof(*search->by_inode), compare_inode);
	search->only = pid;
	*ret = TAKE_PTR(search);
	return 0;
}

void socket_owner_search_free(struct socket_owner_search *search)
{
	if (search->descriptors)
		closedir(search->descriptors);
	if (search->processes)
		closedir(search->processes);
	free(search->by_inode);
	free(search);
}

size_t socket_owner_search_hidden(const struct socket_owner_search *search)
{
	return search->hidden;
}

static void read_comm(struct socket_owner_search *search)
{
	_cleanup_(cleanup_close) int fd = -1;
	char path[32];
	ssize_t n;

	snprintf(path, sizeof(path), "%" PRIu32 "/comm", search->pid);
	fd = openat(dirfd(search->processes), path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, search->comm, sizeof(search->comm) - 1);
	search->comm[MAX(n, (ssize_t)0)] = '\0';
	search->comm[strcspn(search->comm, "\n")] = '\0';
}

static void open_process(struct socket_owner_search *search, uint32_t pid)
{
	char path[32];
	int fd;

	search->pid = pid;
	snprintf(path, sizeof(path), "%" PRIu32 "/fd", pid);
	fd = openat(dirfd(search->processes), path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		/* One that has ended meanwhile hides nothing. */
		search->hidden += errno == EACCES || errno == EPERM;
		return;
	}
	search->descriptors = fdopendir(fd);
	if (!search->descriptors) {
		close(fd);
		return;
	}
	read_comm(search);
}

/* The next process: 1, or 0 when there is none. */
static int next_process(struct socket_owner_search *search)
{
	struct dirent *entry;

	if (search->only) {
		if (search->started)
			return 0;
		search->started = true;
		open_process(search, search->only);
		return 1;
	}
	entry = readdir(search->processes);
	if (!entry)
		return 0;
	if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
		open_process(search, (uint32_t)strtoul(entry->d_name, NULL, 10));
	return 1;
}

static void take_owner(struct socket_owner_search *search, uint32_t inode)
{
	size_t low = 0, high = search->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (search->by_inode[middle]->inode < inode)
			low = middle + 1;
		else
			high = middle;
	}
	/* The first process counts; those that inherited the socket come later. */
	if (low == search->count || search->by_inode[low]->inode != inode ||
	    search->by_inode[low]->pid)
		return;
	search->by_inode[low]->pid = search->pid;
	memcpy(search->by_inode[low]->comm, search->comm, sizeof(search->comm));
}

static void next_descriptor(struct socket_owner_search *search)
{
	struct dirent *entry = readdir(search->descriptors);
	char target[64];
	uint32_t inode;
	ssize_t n;

	if (!entry) {
		closedir(TAKE_PTR(search->descriptors));
		return;
	}
	n = readlinkat(dirfd(search->descriptors), entry->d_name, target, sizeof(target) - 1);
	if (n < 0)
		return;
	target[n] = '\0';
	if (sscanf(target, "socket:[%" SCNu32 "]", &inode) == 1)
		take_owner(search, inode);
}

int socket_owner_search_step(struct socket_owner_search *search, usec_t budget)
{
	usec_t end = clock_boottime_usec() + budget;

	if (search->count == 0)
		return 0;
	do {
		for (unsigned i = 0; i < ENTRIES_PER_CLOCK; i++) {
			if (search->descriptors)
				next_descriptor(search);
			else if (next_process(search) == 0)
				return 0;
		}
	} while (clock_boottime_usec() < end);
	return 1;
}
