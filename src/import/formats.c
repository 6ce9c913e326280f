/* Which formats there are, and which files of a folder are theirs. Apart from all else, so that a
 * program that only collects files need not be linked with what reads them. */
#include <fnmatch.h>
#include <string.h>

#include "import.h"

const char *const import_formats[] = {"netplan", "networkd", "networkmanager", "ifupdown", NULL};

static const struct {
	const char *format;
	const char *files[4], *folders[4];
} patterns[] = {
	{"netplan", {"*.yaml", "*.yml"}},
	{"networkd",
	 {"*.network", "*.netdev", "*.link", "*.conf"},
	 {"*.network.d", "*.netdev.d", "*.link.d"}},
	{"networkmanager", {"*.nmconnection"}},
	{"ifupdown", {"[a-zA-Z0-9_]*"}, {"interfaces.d"}},
};

static bool is_of(const char *format, const char *name, bool folder)
{
	const char *slash = strrchr(name, '/'), *pattern;

	name = slash ? slash + 1 : name;
	for (unsigned i = 0; i < ARRAY_SIZE(patterns); i++)
		for (unsigned k = 0; strcmp(patterns[i].format, format) == 0 && k < 4; k++) {
			pattern = folder ? patterns[i].folders[k] : patterns[i].files[k];
			if (pattern && fnmatch(pattern, name, FNM_PERIOD) == 0)
				return true;
		}
	return false;
}

bool import_reads_file(const char *format, const char *name)
{
	return is_of(format, name, false);
}

bool import_reads_folder(const char *format, const char *name)
{
	return is_of(format, name, true);
}
