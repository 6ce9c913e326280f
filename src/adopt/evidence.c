#include "evidence.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

ssize_t evidence_read(const char *path, char *buffer, size_t size)
{
	_cleanup_(cleanup_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t length = 0;
	ssize_t n = 1;

	if (fd < 0)
		return -errno;
	while (length < size && (n = read(fd, buffer + length, size - length)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		length += (size_t)n;
	}
	return (ssize_t)length;
}

bool evidence_member(const char *path, const char *key, char *ret, size_t size)
{
	char text[8192], *rest = text, *line;
	ssize_t length = evidence_read(path, text, sizeof(text) - 1);
	size_t key_length = strlen(key);

	if (length < 0)
		return false;
	text[length] = '\0';
	while ((line = strsep(&rest, "\n")))
		if (strncmp(line, key, key_length) == 0 && line[key_length] == '=')
			return text_copy(ret, size, line + key_length + 1);
	return false;
}

/* ---- who configured it ---- */

static void evidence_set(struct evidence *evidence, const char *owner, const char *reason)
{
	snprintf(evidence->owner, sizeof(evidence->owner), "adopted:%s", owner);
	text_copy(evidence->reason, sizeof(evidence->reason), reason);
}

static bool of_networkd(const struct link *link, struct evidence *ret)
{
	char path[64], file[PROVENANCE_TEXT_MAX], state[32];

	snprintf(path, sizeof(path), "/run/systemd/netif/links/%d", link->index);
	if (!evidence_member(path, "ADMIN_STATE", state, sizeof(state)) ||
	    strcmp(state, "unmanaged") == 0)
		return false;
	if (!evidence_member(path, "NETWORK_FILE", file, sizeof(file)))
		text_copy(file, sizeof(file), path);
	evidence_set(ret, strstr(file, "netplan") ? "netplan" : "networkd", file);
	return true;
}

static bool of_networkmanager(const struct link *link, struct evidence *ret)
{
	char path[64], managed[16];

	snprintf(path, sizeof(path), "/run/NetworkManager/devices/%d", link->index);
	if (!evidence_member(path, "managed", managed, sizeof(managed)) ||
	    strcmp(managed, "true") != 0)
		return false;
	evidence_set(ret, "NetworkManager", path);
	return true;
}

static bool of_ifupdown(const struct link *link, struct evidence *ret)
{
	static const char path[] = "/run/network/ifstate";
	char text[4096], *rest = text, *line;
	ssize_t length = evidence_read(path, text, sizeof(text) - 1);
	size_t name = strlen(link->name);

	if (length < 0)
		return false;
	text[length] = '\0';
	while ((line = strsep(&rest, "\n"))) {
		if (strncmp(line, link->name, name) != 0 || line[name] != '=')
			continue;
		evidence_set(ret, "ifupdown", path);
		return true;
	}
	return false;
}

static bool of_container(struct evidence *ret)
{
	static const char *const paths[] = {"/run/.containerenv", "/.dockerenv",
					    "/run/systemd/container"};

	for (unsigned i = 0; i < ARRAY_SIZE(paths); i++) {
		if (access(paths[i], F_OK) != 0)
			continue;
		evidence_set(ret, "container", paths[i]);
		return true;
	}
	return false;
}

void evidence_of_link(const struct link *link, struct evidence *ret)
{
	static bool (*const managers[])(const struct link *link,
					struct evidence *ret) = {of_networkd, of_networkmanager,
								 of_ifupdown};

	ret->by_manager = true;
	for (unsigned i = 0; i < ARRAY_SIZE(managers); i++)
		if (managers[i](link, ret))
			return;
	ret->by_manager = false;
	if (!of_container(ret))
		evidence_set(ret, "static", "found in the kernel; no manager's traces");
}

/* ---- leases ---- */

struct lease_file {
	const char *path;
	const char *text;
	size_t size;
	usec_t modified; /* realtime */
};

static int parse_networkd(const struct lease_file *file, const struct link *link,
			  struct found_lease *ret)
{
	return found_lease_parse_networkd(file->text, file->size, ret);
}

static int parse_dhclient(const struct lease_file *file, const struct link *link,
			  struct found_lease *ret)
{
	return found_lease_parse_dhclient(file->text, file->size, link->name, &link->mac, ret);
}

static int parse_dhcpcd(const struct lease_file *file, const struct link *link,
			struct found_lease *ret)
{
	return found_lease_parse_dhcpcd(file->text, file->size, file->modified, ret);
}

/* Where clients keep their leases. `%i` in a pattern is the link's index, `%n` its name. */
static const struct {
	const char *client;
	const char *pattern;
	int (*parse)(const struct lease_file *file, const struct link *link,
		     struct found_lease *ret);
} places[] = {
	{"networkd", "/run/systemd/netif/leases/%i", parse_networkd},
	{"NetworkManager", "/var/lib/NetworkManager/internal-*-%n.lease", parse_networkd},
	{"NetworkManager", "/var/lib/NetworkManager/dhclient-*-%n.lease", parse_dhclient},
	{"connman", "/var/lib/connman/ethernet_*/settings", parse_networkd},
	{"dhclient", "/var/lib/dhcp/dhclient*.leases", parse_dhclient},
	{"dhclient", "/var/lib/dhclient/*.lease*", parse_dhclient},
	{"dhclient", "/run/dhclient*.lease*", parse_dhclient},
	{"dhcpcd", "/var/lib/dhcpcd/%n.lease", parse_dhcpcd},
	{"dhcpcd", "/var/lib/dhcpcd/%n-*.lease", parse_dhcpcd},
	{"dhcpcd", "/var/lib/dhcpcd5/dhcpcd-%n.lease", parse_dhcpcd},
};

static void pattern_print(const char *pattern, const struct link *link, char *buffer, size_t size)
{
	size_t length = 0;

	buffer[0] = '\0';
	for (const char *c = pattern; *c && length < size - 1; c++) {
		int n = 1;

		if (c[0] == '%' && c[1] == 'i')
			n = snprintf(buffer + length, size - length, "%d", link->index);
		else if (c[0] == '%' && c[1] == 'n')
			n = snprintf(buffer + length, size - length, "%s", link->name);
		else
			buffer[length] = *c;
		c += c[0] == '%';
		length = MIN(length + (size_t)MAX(n, 0), size - 1);
		buffer[length] = '\0';
	}
}

static bool lease_is_of(const struct found_lease *lease, const struct ip_address *address)
{
	return lease->address.s_addr == address->v4.s_addr &&
	       (!lease->ends || lease->ends > clock_realtime_usec());
}

static bool lease_read(unsigned place, const char *path, const struct link *link,
		       const struct ip_address *address, struct found_lease *ret)
{
	_cleanup_(cleanup_free) char *text = malloc(FOUND_FILE_MAX);
	ssize_t length = text ? evidence_read(path, text, FOUND_FILE_MAX) : -ENOMEM;
	struct lease_file file = {.path = path, .text = text, .size = (size_t)length};
	struct stat status;

	if (length <= 0 || stat(path, &status) < 0)
		return false;
	file.modified = (usec_t)status.st_mtim.tv_sec * USEC_PER_SEC;
	return places[place].parse(&file, link, ret) >= 0 && lease_is_of(ret, address);
}

bool evidence_find_lease(const struct link *link, const struct ip_address *address,
			 struct found_lease *ret, struct evidence *ret_evidence)
{
	bool found = false;

	for (unsigned i = 0; i < ARRAY_SIZE(places) && !found; i++) {
		char pattern[128];
		glob_t files;

		pattern_print(places[i].pattern, link, pattern, sizeof(pattern));
		if (glob(pattern, 0, NULL, &files) != 0)
			continue;
		for (size_t j = 0; j < files.gl_pathc && !found; j++) {
			found = lease_read(i, files.gl_pathv[j], link, address, ret);
			if (found)
				evidence_set(ret_evidence, places[i].client, files.gl_pathv[j]);
		}
		globfree(&files);
	}
	return found;
}
