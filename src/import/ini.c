/* Sections, keys and values: one entry a line. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "internal.h"

int ini_open(struct ini *ini, const struct import_file *file, bool continued)
{
	*ini = (struct ini){.file = file->name,
			    .rest = file->content,
			    .continued = continued,
			    .next = 1};
	ini->buffer = malloc(strlen(file->content) + 1);
	return ini->buffer ? 0 : -ENOMEM;
}

void ini_close(struct ini *ini)
{
	free(ini->buffer);
	ini->buffer = NULL;
}

static bool is_comment(const char *line)
{
	line += strspn(line, " \t");
	return *line == '#' || *line == ';';
}

/* Copies a line, and what continues it, into the buffer. The line number is that of its beginning;
 * returns how many lines it took, 0 at the end. */
static unsigned read_line(struct ini *ini)
{
	char *to = ini->buffer;
	unsigned lines = 0;
	bool again;

	if (!*ini->rest)
		return 0;
	do {
		size_t length = strcspn(ini->rest, "\n");

		again = false;
		if (lines > 0 && is_comment(ini->rest)) {
			again = true; /* a comment amid a continued value is passed over */
		} else {
			memcpy(to, ini->rest, length);
			to += length;
			if (ini->continued && length > 0 && to[-1] == '\\') {
				to[-1] = ' ';
				again = true;
			}
		}
		ini->rest += length + (ini->rest[length] == '\n');
		lines++;
		*to = '\0';
		again = again && !(lines == 1 && is_comment(ini->buffer));
	} while (again && *ini->rest);
	return lines;
}

static char *trim(char *text)
{
	char *end;

	text += strspn(text, " \t\r\f\v");
	end = text + strlen(text);
	while (end > text && isspace((unsigned char)end[-1]))
		*--end = '\0';
	return text;
}

enum ini_result ini_next(struct ini *ini)
{
	unsigned lines;

	while ((lines = read_line(ini))) {
		char *text = trim(ini->buffer), *equals = strchr(text, '=');

		ini->line = ini->next;
		ini->next += lines;
		if (!*text || is_comment(text))
			continue;
		if (*text == '[') {
			text[strcspn(text, "]")] = '\0';
			text_copy(ini->name, sizeof(ini->name), text + 1);
			ini->section++;
			continue;
		}
		ini->key = ini->value = "";
		if (!equals)
			return INI_MALFORMED;
		*equals = '\0';
		ini->key = trim(text);
		ini->value = trim(equals + 1);
		return INI_ENTRY;
	}
	return INI_END;
}
