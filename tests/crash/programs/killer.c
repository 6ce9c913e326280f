/*
 * Preloaded into the daemon under test: counts the system calls that change something outside of
 * the process, and ends the process with SIGKILL before or after the n-th, or makes it fail.
 *
 * The test drives it through a file, named by CRASH_CONTROL, that both have mapped.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define RECORDS	    1024
#define RECORD_SIZE 128
#define MATCH_SIZE  64

/* As tests/crash/control.py has it. */
struct control {
	uint32_t armed;		/* nothing is counted while 0 */
	uint32_t count;		/* calls so far */
	uint32_t at;		/* the call that is struck, from 1; 0 for none */
	uint32_t after;		/* kill after the call instead of before */
	uint32_t error;		/* the errno that it fails with instead of killing */
	uint32_t failures;	/* how many calls fail, from `at` on */
	uint32_t steps_only;	/* packets on the wire are not counted */
	char match[MATCH_SIZE]; /* only calls on paths that contain this; "" for all */
	char records[RECORDS][RECORD_SIZE];
};

static struct control *control;

__attribute__((constructor)) static void control_open(void)
{
	const char *path = getenv("CRASH_CONTROL");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *map =
		fd < 0 ? MAP_FAILED
		       : mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED) {
		static const char words[] = "the crash control cannot be opened\n";

		if (write(STDERR_FILENO, words, sizeof(words) - 1) >= 0)
			_exit(97);
		_exit(98);
	}
	close(fd);
	control = map;
}

static const char *socket_family(int fd)
{
	static const char *const names[] = {[AF_UNIX] = "unix",
					    [AF_INET] = "inet",
					    [AF_INET6] = "inet6",
					    [AF_NETLINK] = "netlink",
					    [AF_PACKET] = "packet"};
	socklen_t length = sizeof(int);
	int family = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &length) < 0 || family < 0 ||
	    (size_t)family >= sizeof(names) / sizeof(names[0]))
		return NULL;
	return names[family];
}

/* The path that is spoken of, else the family of a socket, else what descriptor `fd` is. */
static void place_print(int fd, const char *path, char *buffer, size_t size)
{
	const char *family = path ? NULL : socket_family(fd);
	char link[32], target[PATH_MAX];
	ssize_t n;

	if (path || family) {
		snprintf(buffer, size, "%s", path ? path : family);
		return;
	}
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, target, sizeof(target) - 1);
	target[n < 0 ? 0 : n] = '\0';
	snprintf(buffer, size, "%.*s", (int)size - 1, target);
}

/* When a packet is sent is for the clock to decide. */
static int is_wire(const char *place)
{
	return strcmp(place, "packet") == 0 || strcmp(place, "inet") == 0;
}

enum verdict { PASS, KILL_AFTER, FAIL };

/* Counts a call on `path`, or on `fd` where there is none. */
static enum verdict step(const char *call, int fd, const char *path)
{
	char place[RECORD_SIZE - 20];
	uint32_t n;

	if (!control || !control->armed || (!path && fd == STDERR_FILENO))
		return PASS;
	place_print(fd, path, place, sizeof(place));
	if (control->steps_only && is_wire(place))
		return PASS;
	if (control->match[0] && !strstr(place, control->match))
		return PASS;
	n = ++control->count;
	if (n <= RECORDS)
		snprintf(control->records[n - 1], RECORD_SIZE, "%s %s", call, place);
	if (control->error)
		return control->at && n >= control->at && n - control->at < control->failures
			       ? FAIL
			       : PASS;
	if (n != control->at)
		return PASS;
	if (control->after)
		return KILL_AFTER;
	raise(SIGKILL);
	return PASS;
}

#define NEXT(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))

/* Defines the call `name` with these parameters; `fd` and `path` say what it works on. */
#define COUNTED(type, name, parameters, arguments, fd, path)                                       \
	type name parameters                                                                       \
	{                                                                                          \
		static __typeof__(name) *next;                                                     \
		enum verdict verdict = step(#name, fd, path);                                      \
		type result;                                                                       \
                                                                                                   \
		if (!next)                                                                         \
			next = NEXT(name);                                                         \
		if (verdict == FAIL) {                                                             \
			errno = (int)control->error;                                               \
			return -1;                                                                 \
		}                                                                                  \
		result = next arguments;                                                           \
		if (verdict == KILL_AFTER)                                                         \
			raise(SIGKILL);                                                            \
		return result;                                                                     \
	}

COUNTED(ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size), fd, NULL)
COUNTED(ssize_t, pwrite64, (int fd, const void *data, size_t size, off64_t offset),
	(fd, data, size, offset), fd, NULL)
COUNTED(ssize_t, send, (int fd, const void *data, size_t size, int flags), (fd, data, size, flags),
	fd, NULL)
COUNTED(ssize_t, sendto,
	(int fd, const void *data, size_t size, int flags, const struct sockaddr *address,
	 socklen_t length),
	(fd, data, size, flags, address, length), fd, NULL)
COUNTED(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags),
	fd, NULL)
COUNTED(int, fsync, (int fd), (fd), fd, NULL)
COUNTED(int, fdatasync, (int fd), (fd), fd, NULL)
COUNTED(int, ftruncate64, (int fd, off64_t size), (fd, size), fd, NULL)
COUNTED(int, fallocate64, (int fd, int mode, off64_t offset, off64_t size),
	(fd, mode, offset, size), fd, NULL)
COUNTED(int, rename, (const char *from, const char *to), (from, to), -1, to)
COUNTED(int, unlink, (const char *path), (path), -1, path)
COUNTED(int, mkdir, (const char *path, mode_t mode), (path, mode), -1, path)
COUNTED(int, chmod, (const char *path, mode_t mode), (path, mode), -1, path)
COUNTED(int, fchown, (int fd, uid_t user, gid_t group), (fd, user, group), fd, NULL)
COUNTED(int, bind, (int fd, const struct sockaddr *address, socklen_t length),
	(fd, address, length), fd, NULL)

static mode_t mode_of(int flags, va_list arguments)
{
	return flags & (O_CREAT | __O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
}

/* Opening changes something only when it makes or empties a file. */
static enum verdict step_open(const char *call, const char *path, int flags)
{
	return flags & (O_CREAT | O_TRUNC) ? step(call, -1, path) : PASS;
}

int openat64(int directory, const char *path, int flags, ...)
{
	enum verdict verdict = step_open("open", path, flags);
	va_list arguments;
	mode_t mode;
	int fd;

	va_start(arguments, flags);
	mode = mode_of(flags, arguments);
	va_end(arguments);
	if (verdict == FAIL) {
		errno = (int)control->error;
		return -1;
	}
	fd = NEXT(openat64)(directory, path, flags, mode);
	if (verdict == KILL_AFTER)
		raise(SIGKILL);
	return fd;
}

int open64(const char *path, int flags, ...)
{
	va_list arguments;
	mode_t mode;

	va_start(arguments, flags);
	mode = mode_of(flags, arguments);
	va_end(arguments);
	return openat64(AT_FDCWD, path, flags, mode);
}
