/*
 * The floor of a durable change: what the kernel and the disk take by themselves.
 *
 *     change DIRECTORY INTERFACE COUNT
 *
 * Adds and removes an address over rtnetlink, and appends 4 KiB to a file in DIRECTORY followed by
 * fdatasync(), COUNT times each. Prints {"address": series, "fdatasync": series} in microseconds.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common.h"

#define PAGE_SIZE 4096

static int open_file(const char *directory)
{
	int fd = open(directory, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

	if (fd < 0)
		fail(directory);
	return fd;
}

static double change_address(int rtnetlink, int index, uint16_t type)
{
	double start = now_ms();

	if (address_change(rtnetlink, type, index, inet_addr("192.0.2.77"), 24) < 0)
		fail("address");
	return now_ms() - start;
}

static double append(int fd)
{
	static const char page[PAGE_SIZE];
	double start = now_ms();

	if (write(fd, page, sizeof(page)) != sizeof(page) || fdatasync(fd) < 0)
		fail("write");
	return now_ms() - start;
}

int main(int argc, char **argv)
{
	size_t count = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
	double *address, *sync;
	int fd, index, rtnetlink;

	if (count == 0) {
		fputs("usage: change DIRECTORY INTERFACE COUNT\n", stderr);
		return 2;
	}
	fd = open_file(argv[1]);
	index = (int)if_nametoindex(argv[2]);
	rtnetlink = rtnetlink_open(0);
	address = calloc(count, sizeof(*address));
	sync = calloc(count, sizeof(*sync));
	if (!address || !sync)
		fail("calloc");
	for (size_t i = 0; i < count; i++) {
		address[i] = change_address(rtnetlink, index, i % 2 ? RTM_DELADDR : RTM_NEWADDR);
		sync[i] = append(fd);
	}
	if (count % 2)
		change_address(rtnetlink, index, RTM_DELADDR);
	printf("{\"address\": ");
	series_print(address, count, 1e3);
	printf(", \"fdatasync\": ");
	series_print(sync, count, 1e3);
	puts("}");
	free(address);
	free(sync);
	return 0;
}
