/*
 * /etc/network/interfaces: lines of words; `auto` and its like name what is brought up, `iface`
 * begins a stanza of options. interfaces(5).
 */
#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "core/spec.h"
#include "ifupdown.h"

#define PATTERNS_MAX 64

/* ---- lines ---- */

static bool read_line(struct ifupdown_reader *reader)
{
	char *to = reader->line;
	bool again = true;

	if (!*reader->rest)
		return false;
	reader->number = reader->next;
	while (again && *reader->rest) {
		size_t length = strcspn(reader->rest, "\n");

		memcpy(to, reader->rest, length);
		to += length;
		again = length > 0 && to[-1] == '\\';
		if (again)
			to[-1] = ' ';
		reader->rest += length + (reader->rest[length] == '\n');
		reader->next++;
	}
	*to = '\0';
	return true;
}

struct place place_at(const struct ifupdown_reader *reader, unsigned line, const char *key)
{
	return (struct place){.file = reader->file, .line = line, .key = key};
}

static void remain(struct ifupdown_reader *reader, const char *key, const char *why)
{
	struct place place = place_at(reader, reader->number, key);

	if (!reader->collecting)
		import_remain(reader->import, &place, why);
}

/* ---- keywords ---- */

static void begin_iface(struct ifupdown_reader *reader, const char *words)
{
	char name[WORD_MAX], family[WORD_MAX] = "", method[WORD_MAX] = "", more[WORD_MAX];
	bool named = next_word(&words, " \t", name);

	reader->foreign = true; /* until it is known to be a stanza that is understood */
	if (!named)
		return remain(reader, "iface", "names no interface");
	name[strcspn(name, ":")] = '\0'; /* eth0:1 is a label of an address */
	if (has_pattern(name) || name[0] == '/' || !spec_link_name_valid(name))
		return remain(reader, "iface", "is not the name of one interface");
	if (next_word(&words, " \t", family) && strcmp(family, "inherits") != 0)
		next_word(&words, " \t", method);
	if (strcmp(family, "inherits") == 0 || next_word(&words, " \t", more))
		return remain(reader, "iface", "stanzas that inherit have no equivalent");
	if (reader->collecting)
		return;
	reader->foreign = false;
	text_copy(reader->name, sizeof(reader->name), name);
	text_copy(reader->family, sizeof(reader->family), family);
	text_copy(reader->method, sizeof(reader->method), method);
	reader->begins = reader->number;
	reader->settings = json_object();
	reader->import->failed |= !reader->settings;
}

static void take_automatic(struct ifupdown_reader *reader, const char *words)
{
	char name[WORD_MAX];

	while (reader->collecting && next_word(&words, " \t", name)) {
		json_t *entry = json_pack("{s:o, s:o, s:i}", "name",
					  json_text_from_bytes(name, strlen(name)), "file",
					  json_text_from_bytes(reader->file, strlen(reader->file)),
					  "line", (int)reader->number);
		bool plain = spec_link_name_valid(name) && !has_pattern(name);

		if (plain)
			reader->import->failed |= json_put(reader->automatic, name, entry) < 0;
		else if (json_array_size(reader->patterns) < PATTERNS_MAX)
			reader->import->failed |=
				json_array_append_new(reader->patterns, entry) < 0;
		else {
			struct place place = place_at(reader, reader->number, "auto");

			json_decref(entry);
			import_remain(reader->import, &place, "is one pattern too many");
		}
	}
}

static void remain_unused_name(struct import *import, const json_t *entry)
{
	struct place place = {.file = json_member_text(entry, "file"),
			      .line = (unsigned)json_member_integer(entry, "line", 0),
			      .key = "auto"};

	if (!json_member_true(entry, "used") && strcmp(json_member_text(entry, "name"), "lo") != 0)
		import_remain(import, &place, "names no interface that a stanza is for");
}

static void remain_unused_names(const struct ifupdown_reader *reader)
{
	json_t *entry;
	const char *name;
	size_t i;

	json_object_foreach(reader->automatic, name, entry)
		remain_unused_name(reader->import, entry);
	json_array_foreach(reader->patterns, i, entry)
		remain_unused_name(reader->import, entry);
}

static void begin_mapping(struct ifupdown_reader *reader, const char *words)
{
	reader->foreign = true;
	remain(reader, "mapping", "a script that chooses a configuration has no equivalent");
}

static void take_source(struct ifupdown_reader *reader, const char *words)
{
	const struct import_request *request = reader->import->request;
	char pattern[WORD_MAX], within[WORD_MAX + 4];
	const char *tail;

	if (!next_word(&words, " \t", pattern) ||
	    !import_spend(reader->import, request->files_count))
		return;
	snprintf(within, sizeof(within), "%s/*", pattern);
	tail = strstr(pattern, "interfaces.d");
	for (size_t i = 0; i < request->files_count; i++) {
		const char *name = request->files[i].name;

		if (fnmatch(pattern, name, 0) == 0 || fnmatch(within, name, 0) == 0 ||
		    (tail && strstr(name, "interfaces.d/")))
			return;
	}
	remain(reader, "source", "no file that it names is among those given");
}

static void take_nothing(struct ifupdown_reader *reader, const char *words)
{
}

static void take_unknown_class(struct ifupdown_reader *reader, const char *words)
{
	remain(reader, "allow-*", "only auto and allow-hotplug say what is brought up");
}

static void take_rename(struct ifupdown_reader *reader, const char *words)
{
	remain(reader, "rename", "names of interfaces are not changed here");
}

static const struct {
	const char *word;
	void (*take)(struct ifupdown_reader *reader, const char *words);
} keywords[] = {
	{"iface", begin_iface},		 {"auto", take_automatic},
	{"allow-auto", take_automatic},	 {"allow-hotplug", take_automatic},
	{"allow-*", take_unknown_class}, {"mapping", begin_mapping},
	{"source", take_source},	 {"source-directory", take_source},
	{"no-auto-down", take_nothing},	 {"no-scripts", take_nothing},
	{"rename", take_rename},
};

/* Does the line begin something new? */
static bool take_keyword(struct ifupdown_reader *reader, const char *word, const char *words)
{
	for (unsigned i = 0; i < ARRAY_SIZE(keywords); i++) {
		if (fnmatch(keywords[i].word, word, 0) != 0)
			continue;
		finish_stanza(reader);
		reader->foreign = false;
		keywords[i].take(reader, words);
		return true;
	}
	return false;
}

static void take_line(struct ifupdown_reader *reader)
{
	const char *rest = reader->line;
	char word[WORD_MAX], key[WORD_MAX];
	struct place place;
	char *end;

	if (!next_word(&rest, " \t\r", word) || word[0] == '#')
		return;
	if (take_keyword(reader, word, rest) || reader->collecting)
		return;
	text_copy(key, sizeof(key), word);
	for (char *c = key; *c; c++)
		if (*c == '_')
			*c = '-';
	rest += strspn(rest, " \t");
	end = reader->line + strlen(reader->line);
	while (end > rest && isspace((unsigned char)end[-1]))
		*--end = '\0';
	place = place_at(reader, reader->number, key);
	if (reader->settings)
		setting_apply(reader->import, ifupdown_settings, &place, reader->settings, rest);
	else
		import_remain(reader->import, &place,
			      reader->foreign ? "belongs to what was left out above"
					      : "stands outside of any stanza");
}

static void read_file(struct ifupdown_reader *reader, const struct import_file *file)
{
	reader->file = file->name;
	reader->rest = file->content;
	reader->next = 1;
	reader->foreign = false;
	while (read_line(reader))
		take_line(reader);
	finish_stanza(reader);
}

int import_ifupdown(struct import *import)
{
	_cleanup_json_ json_t *automatic = json_object(), *patterns = json_array();
	_cleanup_(cleanup_free) char *line = malloc(IMPORT_BYTES_MAX + 1);
	struct ifupdown_reader reader = {.import = import,
					 .automatic = automatic,
					 .patterns = patterns,
					 .line = line};

	if (!automatic || !patterns || !line)
		return -ENOMEM;
	for (unsigned pass = 0; pass < 2; pass++) {
		reader.collecting = pass == 0;
		for (size_t i = 0; i < import->request->files_count; i++)
			read_file(&reader, &import->request->files[i]);
	}
	if (!import->failed)
		remain_unused_names(&reader);
	return 0;
}
