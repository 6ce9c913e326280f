/*
 * aiosnet import: reads another manager's files here, with the caller's own rights, and has the
 * daemon translate them. The layout goes to stdout, what remains to stderr.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"
#include "import/import.h"

#define PATH_MOST 4096

/* Where a format's files are when none are named; what of it is not there is passed over. */
static const struct {
	const char *format;
	const char *paths[4];
} defaults[] = {
	{"netplan", {"/etc/netplan"}},
	{"networkd", {"/etc/systemd/network", "/run/systemd/network"}},
	{"networkmanager", {"/etc/NetworkManager/system-connections"}},
	{"ifupdown", {"/etc/network/interfaces", "/etc/network/interfaces.d"}},
};

struct collection {
	const char *format;
	json_t *files;
	size_t bytes;
};

static int fail(struct error *error, const char *path, int errnum)
{
	return error_set(error, ERROR_PARAMETER_RANGE, "FILE", "%.160s: %s", path,
			 strerror(errnum));
}

static int too_large(struct error *error)
{
	return error_set(error, ERROR_REQUEST_TOO_LARGE, "FILE",
			 "the files are more than %d, or larger than %zu bytes together",
			 IMPORT_FILES_MAX, IMPORT_BYTES_MAX);
}

/* Reads all of a file, up to `most` bytes and one more. */
static int read_whole(int fd, size_t most, char **ret, size_t *ret_length)
{
	_cleanup_(cleanup_free) char *text = malloc(most + 1);
	size_t length = 0;
	ssize_t n = 1;

	while (text && n > 0 && length <= most) {
		n = read(fd, text + length, most + 1 - length);
		if (n < 0)
			return -errno;
		length += (size_t)n;
	}
	if (!text)
		return -ENOMEM;
	*ret = TAKE_PTR(text);
	*ret_length = length;
	return 0;
}

static int add_content(struct collection *collection, const char *path, const char *text,
		       size_t length, struct error *error)
{
	json_t *file;

	if (memchr(text, '\0', length))
		return error_set(error, ERROR_PARAMETER_TYPE, "FILE", "%.160s is not a text", path);
	file = json_pack("{s:s, s:s%}", "name", path, "content", text, length);
	if (!file)
		return error_set(error, ERROR_PARAMETER_TYPE, "FILE", "%.160s is not UTF-8", path);
	collection->bytes += length + strlen(path);
	return json_array_append_new(collection->files, file) < 0
		       ? error_set(error, ERROR_OUT_OF_MEMORY, NULL, "memory is exhausted")
		       : 0;
}

static int add_file(struct collection *collection, const char *path, struct error *error)
{
	_cleanup_(cleanup_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	_cleanup_(cleanup_free) char *text = NULL;
	struct stat status;
	size_t length = 0, left;
	int r;

	if (fd < 0 || fstat(fd, &status) < 0)
		return fail(error, path, errno);
	if (!S_ISREG(status.st_mode) && !S_ISFIFO(status.st_mode))
		return fail(error, path, EINVAL);
	if (collection->bytes >= IMPORT_BYTES_MAX ||
	    json_array_size(collection->files) == IMPORT_FILES_MAX)
		return too_large(error);
	left = IMPORT_BYTES_MAX - collection->bytes;
	r = read_whole(fd, left, &text, &length);
	if (r < 0)
		return fail(error, path, -r);
	return length > left ? too_large(error)
			     : add_content(collection, path, text, length, error);
}

static int add_path(struct collection *collection, const char *path, struct error *error);

static int add_folder(struct collection *collection, const char *path, struct error *error)
{
	struct dirent **entries;
	int count = scandir(path, &entries, NULL, alphasort), r = 0;

	if (count < 0)
		return fail(error, path, errno);
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;
		bool folder = import_reads_folder(collection->format, name);
		char inner[PATH_MOST];
		struct stat status;

		snprintf(inner, sizeof(inner), "%s/%s", path, name);
		if (r == 0 && name[0] != '.' && stat(inner, &status) == 0 &&
		    (S_ISDIR(status.st_mode) ? folder
					     : S_ISREG(status.st_mode) &&
						       import_reads_file(collection->format, name)))
			r = add_path(collection, inner, error);
		free(entries[i]);
	}
	free(entries);
	return r;
}

static int add_path(struct collection *collection, const char *path, struct error *error)
{
	struct stat status;

	if (stat(path, &status) < 0)
		return fail(error, path, errno);
	return S_ISDIR(status.st_mode) ? add_folder(collection, path, error)
				       : add_file(collection, path, error);
}

static int add_defaults(struct collection *collection, struct error *error)
{
	for (unsigned i = 0; i < ARRAY_SIZE(defaults); i++) {
		if (strcmp(defaults[i].format, collection->format) != 0)
			continue;
		for (unsigned k = 0; defaults[i].paths[k]; k++) {
			int r = access(defaults[i].paths[k], F_OK) < 0
					? 0
					: add_path(collection, defaults[i].paths[k], error);

			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int collect(struct collection *collection, int count, char **words, struct error *error)
{
	int r = 0;

	for (int i = 0; r == 0 && i < count; i++)
		r = add_path(collection, words[i], error);
	if (r == 0 && count == 0)
		r = add_defaults(collection, error);
	if (r == 0 && json_array_size(collection->files) == 0)
		r = error_set(error, ERROR_PARAMETER_MISSING, "FILE",
			      "there is no file of this format");
	return r;
}

static int check_format(int count, char **words, struct error *error)
{
	int r;

	for (unsigned i = 0; count > 0 && import_formats[i]; i++)
		if (strcmp(import_formats[i], words[0]) == 0)
			return 0;
	r = error_set(error, count ? ERROR_PARAMETER_RANGE : ERROR_PARAMETER_MISSING, "FORMAT",
		      count ? "\"%.40s\" is no format that can be translated" : "FORMAT is missing",
		      count ? words[0] : "");
	error_hint(error, "netplan, networkd, networkmanager or ifupdown");
	return r;
}

static void print_untranslated(const struct output *out, const json_t *list)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(list, i, entry) {
		output_printf(out, STYLE_BOLD, "%s:%d: ", json_member_text(entry, "file") ?: "",
			      (int)json_member_integer(entry, "line", 0));
		output_printf(out, STYLE_PLAIN, "%s: %s", json_member_text(entry, "setting") ?: "",
			      json_member_text(entry, "why") ?: "");
		output_newline(out);
	}
}

int command_import(struct cli *cli, int count, char **words)
{
	_cleanup_(client_cleanup) struct client *client = NULL;
	_cleanup_json_ json_t *result = NULL, *files = json_array();
	struct collection collection = {.files = files};
	struct error error;
	int r = check_format(count, words, &error);

	if (r < 0)
		return cli_fail(cli, &error);
	collection.format = words[0];
	if (collect(&collection, count - 1, words + 1, &error) < 0)
		return cli_fail(cli, &error);
	r = cli_connect(cli, &client);
	if (r != 0)
		return r;
	r = client_call_tool(client, "net.import",
			     json_pack("{s:s, s:O}", "format", words[0], "files", files), &result,
			     &error);
	if (r != 0)
		return cli_report(cli, r, result, &error);
	if (cli->json)
		return cli_print_json(cli, result);
	print_untranslated(&cli->messages, json_object_get(result, "untranslated"));
	return cli_print_json(cli, json_object_get(result, "document"));
}
