#include "managers.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "evidence.h"

struct manager_kind {
	const char *name;
	const char *command; /* as the kernel shows it: 15 bytes at most */
	const char *program; /* the last part of its first or second argument, NULL for any */
	const char *stop;    /* %d: its pid */
	bool (*manages)(const struct manager *manager, const struct link *link);
	const char *note; /* what to know before it is stopped, NULL for nothing */
};

/* ---- whose links ---- */

/* A member of a state file that a manager keeps for each link, by index. */
static bool state_is(const char *directory, const struct link *link, const char *key,
		     const char *value)
{
	char path[64], found[64];

	snprintf(path, sizeof(path), "%s/%d", directory, link->index);
	return evidence_member(path, key, found, sizeof(found)) && strcmp(found, value) == 0;
}

static bool networkd_manages(const struct manager *manager, const struct link *link)
{
	return !state_is("/run/systemd/netif/links", link, "ADMIN_STATE", "unmanaged");
}

static bool networkmanager_manages(const struct manager *manager, const struct link *link)
{
	return !state_is("/run/NetworkManager/devices", link, "managed", "false");
}

static bool named_in_arguments(const struct manager *manager, const struct link *link)
{
	size_t length = strlen(link->name);

	for (const char *at = manager->arguments; (at = strstr(at, link->name)); at++) {
		bool begins = at == manager->arguments || at[-1] == ' ' || at[-1] == '=' ||
			      (at > manager->arguments + 1 && at[-1] == 'i' && at[-2] == '-');

		if (begins && (at[length] == '\0' || at[length] == ' '))
			return true;
	}
	return false;
}

/* One process for all links shows none of their names. */
static bool dhcpcd_manages(const struct manager *manager, const struct link *link)
{
	return named_in_arguments(manager, link) || strstr(manager->arguments, "[manager]") ||
	       strstr(manager->arguments, "[master]");
}

static bool connman_manages(const struct manager *manager, const struct link *link)
{
	return link->kind == LINK_ETHERNET || link->kind == LINK_VETH || link->kind == LINK_WIFI;
}

static const struct manager_kind kinds[] = {
	{"networkd", "systemd-network", NULL,
	 "systemctl disable --now systemd-networkd.service systemd-networkd.socket",
	 networkd_manages,
	 "it takes a lease's address away as it ends, for a moment, unless its .network file has "
	 "KeepConfiguration=dhcp-on-stop"},
	{"NetworkManager", "NetworkManager", NULL, "systemctl disable --now NetworkManager.service",
	 networkmanager_manages},
	{"connman", "connmand", NULL, "systemctl disable --now connman.service", connman_manages},
	/* Both take the address away when they are asked to end (dhclient -x, dhcpcd -x). */
	{"dhclient", "dhclient", NULL, "kill -KILL %d", named_in_arguments},
	{"dhcpcd", "dhcpcd", NULL, "kill -KILL %d", dhcpcd_manages},
	{"udhcpc", "udhcpc", NULL, "kill %d", named_in_arguments},
	{"udhcpc", "busybox", "udhcpc", "kill %d", named_in_arguments},
};

const char *manager_name(const struct manager *manager)
{
	return manager->kind->name;
}

const char *manager_stop_command(const struct manager *manager, char *buffer, size_t size)
{
	const char *stop = manager->kind->stop, *number = strstr(stop, "%d");

	if (number)
		snprintf(buffer, size, "%.*s%d", (int)(number - stop), stop, manager->pid);
	else
		snprintf(buffer, size, "%s", stop);
	return buffer;
}

const char *manager_note(const struct manager *manager)
{
	return manager->kind->note;
}

bool manager_may_manage(const struct link *link)
{
	return !link->master &&
	       (link->kind == LINK_ETHERNET || link->kind == LINK_VETH || link->kind == LINK_WIFI);
}

bool manager_manages(const struct manager *manager, const struct link *link)
{
	return link->kind != LINK_LOOPBACK && manager->kind->manages(manager, link);
}

/* ---- the processes ---- */

bool managers_are_likely(void)
{
	static const char *const patterns[] = {
		"/run/systemd/netif/links/*",
		"/run/NetworkManager/*",
		"/run/connman/*",
		"/run/dhcpcd*",
		"/run/dhclient*",
		"/run/udhcpc*",
		"/var/lib/dhcp/*.leases",
		"/var/lib/dhcpcd/*.lease",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(patterns); i++) {
		glob_t found;
		bool any = glob(patterns[i], GLOB_NOSORT, NULL, &found) == 0;

		globfree(&found);
		if (any)
			return true;
	}
	return false;
}

static const struct manager_kind *kind_of(const char *command)
{
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(kinds[i].command, command) == 0)
			return &kinds[i];
	return NULL;
}

/* Does the word, without its directories, stand among the first two arguments? */
static bool program_is(const char *arguments, const char *program)
{
	char first[128] = "", second[128] = "";

	sscanf(arguments, "%127s %127s", first, second);
	for (const char *word = first;; word = second) {
		const char *slash = strrchr(word, '/');

		if (strcmp(slash ? slash + 1 : word, program) == 0)
			return true;
		if (word == second)
			return false;
	}
}

static void arguments_read(pid_t pid, char *buffer, size_t size)
{
	char path[64];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	length = evidence_read(path, buffer, size - 1);
	if (length < 0)
		length = 0;
	for (ssize_t i = 0; i < length; i++)
		if (buffer[i] == '\0')
			buffer[i] = ' ';
	while (length > 0 && buffer[length - 1] == ' ')
		length--;
	buffer[length] = '\0';
}

/* Reads one process; true when it is a manager of our network namespace. */
static bool process_read(pid_t pid, const struct stat *ours, struct manager *ret)
{
	char path[64], command[32];
	struct stat theirs;
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	length = evidence_read(path, command, sizeof(command) - 1);
	if (length <= 0)
		return false;
	command[length] = '\0';
	command[strcspn(command, "\n")] = '\0';
	ret->kind = kind_of(command);
	if (!ret->kind)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	if (stat(path, &theirs) < 0 || theirs.st_ino != ours->st_ino ||
	    theirs.st_dev != ours->st_dev)
		return false;
	ret->pid = pid;
	arguments_read(pid, ret->arguments, sizeof(ret->arguments));
	return !ret->kind->program || program_is(ret->arguments, ret->kind->program);
}

static pid_t parent_of(pid_t pid)
{
	char path[64], stat[256];
	const char *name_end;
	ssize_t length;
	int parent = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	length = evidence_read(path, stat, sizeof(stat) - 1);
	stat[length > 0 ? length : 0] = '\0';
	name_end = strrchr(stat, ')');
	return name_end && sscanf(name_end, ") %*c %d", &parent) == 1 ? parent : 0;
}

/* A process that a manager has started, for a script or as its helper, is none: it ends with it. */
static bool is_helper(const struct manager *manager, const struct stat *ours)
{
	pid_t parent = parent_of(manager->pid);
	struct manager found;

	return parent && process_read(parent, ours, &found) && found.kind == manager->kind;
}

size_t managers_scan(struct manager ret[MANAGERS_MAX])
{
	DIR *directory = opendir("/proc");
	struct dirent *entry;
	struct stat ours;
	size_t count = 0;

	if (!directory)
		return 0;
	if (stat("/proc/self/ns/net", &ours) == 0)
		while (count < MANAGERS_MAX && (entry = readdir(directory)))
			if (isdigit((unsigned char)entry->d_name[0]) &&
			    process_read((pid_t)strtol(entry->d_name, NULL, 10), &ours,
					 &ret[count]) &&
			    !is_helper(&ret[count], &ours))
				count++;
	closedir(directory);
	return count;
}
