#include "listener.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define BACKLOG 128

static int fail(struct error *error, const char *path, const char *what, int errnum)
{
	error_set(error, ERROR_STORE_FAILED, "socket", "Cannot %s %s: %s", what, path,
		  strerror(errnum));
	return -errnum;
}

/* 0 when nobody listens at the address. */
static int check_abandoned(const struct sockaddr_un *address, struct error *error)
{
	_cleanup_(cleanup_close) int fd =
		socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat status;
	int r;

	if (lstat(address->sun_path, &status) < 0)
		return errno == ENOENT ? 0 : fail(error, address->sun_path, "look at", errno);
	if (!S_ISSOCK(status.st_mode))
		return fail(error, address->sun_path, "replace what is no socket at", EEXIST);
	if (fd < 0)
		return fail(error, address->sun_path, "open a socket for", errno);
	/* A full backlog (EAGAIN) is a living daemon too. */
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
	    errno == EAGAIN) {
		r = error_set(error, ERROR_DAEMON_RUNNING, "socket", "A daemon answers at %s",
			      address->sun_path);
		error_hint(error, "give another socket and state directory to run a second one");
		return r;
	}
	if (errno != ECONNREFUSED)
		return fail(error, address->sun_path, "connect to", errno);
	if (unlink(address->sun_path) < 0)
		return fail(error, address->sun_path, "remove the abandoned", errno);
	return 0;
}

static int make_parent(const char *path, struct error *error)
{
	char parent[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char *slash;

	text_copy(parent, sizeof(parent), path);
	slash = strrchr(parent, '/');
	if (!slash || slash == parent)
		return 0;
	*slash = '\0';
	if (mkdir(parent, 0755) < 0 && errno != EEXIST)
		return fail(error, parent, "make the directory", errno);
	return 0;
}

int listener_open(const char *path, struct error *error)
{
	_cleanup_(cleanup_close) int fd = -1;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int r;

	if (!text_copy(address.sun_path, sizeof(address.sun_path), path))
		return fail(error, path, "bind", ENAMETOOLONG);
	r = make_parent(path, error);
	if (r == 0)
		r = check_abandoned(&address, error);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail(error, path, "open a socket for", errno);
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		r = errno;
		if (r == EADDRINUSE)
			return error_set(error, ERROR_DAEMON_RUNNING, "socket",
					 "Another daemon just took %s", path);
		return fail(error, path, "bind", r);
	}
	/* Nobody can connect before listen(), so the mode never is a narrower one for a peer. */
	if (chmod(path, 0666) < 0 || listen(fd, BACKLOG) < 0)
		return fail(error, path, "listen at", errno);
	return TAKE_FD(fd);
}
