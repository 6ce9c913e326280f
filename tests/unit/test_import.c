/*
 * Other managers' configuration as a layout. Each folder of tests/data/import/FORMAT/ is a case:
 * the files, links.json with what the host has (where the case needs it), and expected.json with
 * the document and the list. IMPORT_DATA names the folder; IMPORT_REWRITE=1 writes the answers
 * down, for a person to read the difference.
 */
#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>

#include "import/import.h"
#include "layout.h"
#include "unit.h"

#define FILES_MAX 64
#define LINKS_MAX 32

struct example {
	char *names[FILES_MAX], *contents[FILES_MAX];
	struct import_file files[FILES_MAX];
	size_t count;
	json_t *links;
	struct import_link host[LINKS_MAX];
};

static struct example *example; /* that nftw() fills: it has no argument for us */
static size_t prefix;

static char *read_whole(const char *path)
{
	FILE *stream = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;

	assert_non_null(stream);
	if (getdelim(&text, &size, '\0', stream) < 0) {
		free(text);
		text = strdup("");
	}
	fclose(stream);
	return text;
}

static int add_file(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	if (type != FTW_F || strstr(path, "/expected.json") || strstr(path, "/links.json"))
		return 0;
	assert_true(example->count < FILES_MAX);
	example->names[example->count] = strdup(path + prefix);
	example->contents[example->count] = read_whole(path);
	example->count++;
	return 0;
}

static void sort_files(struct example *it)
{
	for (size_t i = 0; i < it->count; i++)
		it->files[i] = (struct import_file){it->names[i], it->contents[i]};
	for (size_t i = 1; i < it->count; i++)
		for (size_t k = i; k > 0 && strcmp(it->files[k - 1].name, it->files[k].name) > 0;
		     k--) {
			struct import_file swapped = it->files[k];

			it->files[k] = it->files[k - 1];
			it->files[k - 1] = swapped;
		}
}

static size_t read_links(struct example *it, const char *folder)
{
	char path[512];
	json_t *link;
	size_t i;

	snprintf(path, sizeof(path), "%s/links.json", folder);
	it->links = json_load_file(path, 0, NULL);
	json_array_foreach(it->links, i, link)
		it->host[i] = (struct import_link){
			.name = json_member_text(link, "name"),
			.mac = json_member_text(link, "mac") ?: "",
			.permanent_mac = json_member_text(link, "permanent_mac") ?: "",
			.driver = json_member_text(link, "driver") ?: "",
			.kind = json_member_text(link, "kind") ?: "ethernet",
		};
	return json_array_size(it->links);
}

static void check_secrets(const json_t *answer)
{
	_cleanup_(cleanup_free) char *text = json_dumps(answer, 0);

	assert_null(strstr(text, "a-secret"));
	assert_null(strstr(text, "A-SECRET"));
}

static void run_example(const char *format, const char *folder)
{
	_cleanup_json_ json_t *document = NULL, *untranslated = NULL, *expected = NULL, *answer;
	struct example it = {0};
	struct import_request request = {.format = format};
	struct error error = {0};
	char path[512];

	example = &it;
	prefix = strlen(folder) + 1;
	assert_int_equal(nftw(folder, add_file, 8, FTW_PHYS), 0);
	sort_files(&it);
	request.files = it.files;
	request.files_count = it.count;
	request.links_count = read_links(&it, folder);
	request.links = it.host;
	assert_int_equal(import_translate(&request, &document, &untranslated, &error), 0);
	layout_check(document, untranslated);
	answer = json_pack("{s:O, s:O}", "document", document, "untranslated", untranslated);
	snprintf(path, sizeof(path), "%s/expected.json", folder);
	if (getenv("IMPORT_REWRITE"))
		json_dump_file(answer, path, JSON_INDENT(2));
	expected = json_load_file(path, 0, NULL);
	if (!json_equal(answer, expected)) {
		json_dumpf(answer, stderr, JSON_INDENT(2));
		fail_msg("%s: not as expected", folder);
	}
	check_secrets(answer);
	for (size_t i = 0; i < it.count; i++) {
		free(it.names[i]);
		free(it.contents[i]);
	}
	json_decref(it.links);
}

static void run_format(const char *format)
{
	char folder[256], path[512];
	struct dirent *entry;
	unsigned count = 0;
	DIR *directory;

	snprintf(folder, sizeof(folder), "%s/%s", getenv("IMPORT_DATA"), format);
	directory = opendir(folder);
	assert_non_null(directory);
	while ((entry = readdir(directory))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		run_example(format, path);
		count++;
	}
	closedir(directory);
	assert_true(count > 0);
}

static void test_examples(void **state)
{
	for (size_t i = 0; import_formats[i]; i++)
		run_format(import_formats[i]);
}

static void translate(const char *format, const char *name, const char *content,
		      json_t **ret_document, json_t **ret_untranslated)
{
	struct import_file file = {name, content};
	struct import_request request = {.format = format, .files = &file, .files_count = 1};

	assert_int_equal(import_translate(&request, ret_document, ret_untranslated, NULL), 0);
	layout_check(*ret_document, *ret_untranslated);
}

static void test_ifupdown_lines(void **state)
{
	_cleanup_json_ json_t *document = NULL, *untranslated = NULL;
	const json_t *entry;

	translate("ifupdown", "interfaces",
		  "auto eth0\niface eth0 inet static\n  address 192.0.2.1/24\n  colour\\\n  blue\n"
		  "  strange value\n",
		  &document, &untranslated);
	assert_int_equal(json_array_size(untranslated), 2);
	entry = json_array_get(untranslated, 0);
	assert_string_equal(json_member_text(entry, "setting"), "colour");
	assert_int_equal(json_member_integer(entry, "line", 0), 4);
	entry = json_array_get(untranslated, 1);
	assert_string_equal(json_member_text(entry, "setting"), "strange");
	assert_int_equal(json_member_integer(entry, "line", 0), 6);
}

static void test_limits(void **state)
{
	_cleanup_(cleanup_free) char *content = malloc(IMPORT_BYTES_MAX + 1);
	struct import_file file = {"interfaces", content};
	struct import_request request = {.format = "ifupdown", .files = &file, .files_count = 1};
	json_t *document, *untranslated;
	struct error error;

	memset(content, 'a', IMPORT_BYTES_MAX);
	content[IMPORT_BYTES_MAX] = '\0';
	assert_true(import_translate(&request, &document, &untranslated, &error) < 0);
	assert_int_equal(error.code, ERROR_REQUEST_TOO_LARGE);
	content[0] = '\0';
	request.format = "netplans";
	assert_true(import_translate(&request, &document, &untranslated, &error) < 0);
	assert_int_equal(error.code, ERROR_PARAMETER_RANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_ifupdown_lines),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
