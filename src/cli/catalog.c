#include "catalog.h"

#include <limits.h>
#include <string.h>

#include "output.h"

#define NAME_MAX_BYTES 160

const char *tool_name(const json_t *tool)
{
	return json_member_text(tool, "name") ?: "";
}

const json_t *tool_input(const json_t *tool)
{
	return json_object_get(tool, "inputSchema");
}

const json_t *catalog_find(const json_t *tools, const char *name)
{
	json_t *tool;
	size_t i;

	json_array_foreach(tools, i, tool)
		if (strcmp(tool_name(tool), name) == 0)
			return tool;
	return NULL;
}

/* All that separates words becomes a dot. */
static void normalise(char *text)
{
	for (; *text; text++)
		if (strchr("._- ", *text))
			*text = '.';
}

/* The first `count` words, joined and normalised; false when they are too long to be a name. */
static bool join(int count, char *const *words, char buffer[NAME_MAX_BYTES])
{
	size_t used = 0;

	buffer[0] = '\0';
	for (int i = 0; i < count; i++) {
		int n = snprintf(buffer + used, NAME_MAX_BYTES - used, "%s%s", i ? "." : "",
				 words[i]);

		if (n < 0 || (size_t)n >= NAME_MAX_BYTES - used)
			return false;
		used += (size_t)n;
	}
	normalise(buffer);
	return true;
}

static void normal_name(const json_t *tool, char buffer[NAME_MAX_BYTES])
{
	snprintf(buffer, NAME_MAX_BYTES, "%s", tool_name(tool));
	normalise(buffer);
}

const json_t *catalog_match(const json_t *tools, int count, char *const *words, int *ret_used)
{
	char wanted[NAME_MAX_BYTES], name[NAME_MAX_BYTES];
	const json_t *found = NULL;
	json_t *tool;
	size_t i;

	for (int used = 1; used <= count && words[used - 1][0] != '-'; used++) {
		if (!join(used, words, wanted))
			break;
		json_array_foreach(tools, i, tool) {
			normal_name(tool, name);
			if (strcmp(name, wanted) == 0) {
				found = tool;
				*ret_used = used;
			}
		}
	}
	return found;
}

json_t *catalog_below(const json_t *tools, int count, char *const *words)
{
	char wanted[NAME_MAX_BYTES], name[NAME_MAX_BYTES];
	json_t *below = json_array(), *tool;
	size_t length, i;

	if (!join(count, words, wanted))
		return below;
	length = strlen(wanted);
	json_array_foreach(tools, i, tool) {
		normal_name(tool, name);
		if (strncmp(name, wanted, length) == 0 && (length == 0 || name[length] == '.') &&
		    json_array_append(below, tool) < 0)
			break;
	}
	return below;
}

const char *catalog_nearest(const json_t *tools, const char *name)
{
	char wanted[NAME_MAX_BYTES], candidate[NAME_MAX_BYTES];
	const char *nearest = NULL;
	unsigned best = UINT_MAX;
	json_t *tool;
	size_t i;

	snprintf(wanted, sizeof(wanted), "%s", name);
	normalise(wanted);
	json_array_foreach(tools, i, tool) {
		unsigned distance;

		normal_name(tool, candidate);
		distance = text_distance(wanted, candidate);
		if (distance < best) {
			best = distance;
			nearest = tool_name(tool);
		}
	}
	return best <= 1 + strlen(name) / 3 ? nearest : NULL;
}
