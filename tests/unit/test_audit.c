#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/base.h"
#include "tools/audit_chain.h"
#include "unit.h"

/* One state directory a test. */
struct fixture {
	char directory[64];
	struct audit *audit;
	enum audit_opened how;
	char note[256];
};

static const struct audit_config small = {.file_size = 4096, .files = 3};

static int open_with(struct fixture *fixture, const struct audit_config *config)
{
	struct audit_config whole = *config;
	struct error error;
	int r;

	whole.directory = fixture->directory;
	r = audit_open(&fixture->audit, &whole, &fixture->how, fixture->note, &error);
	return r;
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	strcpy(fixture->directory, "/tmp/aiosnet-audit-XXXXXX");
	assert_non_null(mkdtemp(fixture->directory));
	assert_int_equal(open_with(fixture, &(struct audit_config){0}), 0);
	assert_int_equal(fixture->how, AUDIT_CREATED);
	*state = fixture;
	return 0;
}

static void close_audit(struct fixture *fixture)
{
	if (fixture->audit)
		audit_close(TAKE_PTR(fixture->audit));
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	char command[128];

	close_audit(fixture);
	snprintf(command, sizeof(command), "rm -r %s", fixture->directory);
	assert_int_equal(system(command), 0);
	free(fixture);
	return 0;
}

static void append(struct fixture *fixture, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct audit_record record = {
			.kind = "call",
			.call = i,
			.uid = 1000,
			.gid = 1000,
			.pid = 42,
			.role = "agent",
			.client = "tester",
			.tool = "net.ping",
			.input = "{\"host\":\"192.0.2.1\"}",
			.input_length = 20,
			.output = "{\"loss\":0}",
			.output_length = 10,
			.result = "ok",
			.reason = "to see",
			.duration = 1234,
			.transaction = 7,
		};
		struct error error = {0};

		assert_int_equal(audit_append(fixture->audit, &record, &error), 0);
	}
}

static char *file_path(const struct fixture *fixture, const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/audit/%s", fixture->directory, name);
	return path;
}

static char *read_all(const struct fixture *fixture, const char *name, size_t *ret_size)
{
	FILE *file = fopen(file_path(fixture, name), "r");
	char *text = calloc(1, 1 << 20);

	assert_non_null(file);
	*ret_size = fread(text, 1, 1 << 20, file);
	fclose(file);
	return text;
}

static void write_all(const struct fixture *fixture, const char *name, const char *text,
		      size_t size)
{
	FILE *file = fopen(file_path(fixture, name), "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

static int verify(const struct fixture *fixture, struct audit_report *ret)
{
	struct error error;
	int r = audit_verify(fixture->directory, ret, &error);

	if (r < 0)
		assert_int_equal(error.code, ERROR_AUDIT_BROKEN);
	return r;
}

#define FIRST "00000001.jsonl"

static void test_verifies(void **state)
{
	struct fixture *fixture = *state;
	struct audit_report report, again;

	append(fixture, 10);
	assert_int_equal(verify(fixture, &report), 0);
	assert_int_equal(report.records, 11); /* the note of the start too */
	assert_int_equal(report.unanchored, 0);
	assert_false(report.torn);
	close_audit(fixture);
	assert_int_equal(verify(fixture, &again), 0);
	assert_string_equal(report.head, again.head);

	assert_int_equal(open_with(fixture, &(struct audit_config){0}), 0);
	assert_int_equal(fixture->how, AUDIT_CONTINUED);
	append(fixture, 3);
	assert_int_equal(verify(fixture, &report), 0);
	assert_int_equal(report.records, 15);
}

/* Every byte of every line is covered: each of them is changed in turn. */
static void test_every_byte(void **state)
{
	struct fixture *fixture = *state;
	struct audit_report report;
	size_t size;
	char *text;

	append(fixture, 3);
	close_audit(fixture);
	text = read_all(fixture, FIRST, &size);
	for (size_t i = 0; i < size; i++) {
		text[i] ^= 1;
		write_all(fixture, FIRST, text, size);
		if (verify(fixture, &report) == 0)
			fail_msg("byte %zu '%c' is not covered", i, text[i] ^ 1);
		text[i] ^= 1;
	}
	write_all(fixture, FIRST, text, size);
	assert_int_equal(verify(fixture, &report), 0);
	free(text);
}

static void test_every_field_is_there(void **state)
{
	static const char *const fields[] = {"\"sequence\":2",	   "\"time\":\"",
					     "\"kind\":\"call\"",  "\"uid\":1000",
					     "\"gid\":1000",	   "\"pid\":42",
					     "\"role\":\"agent\"", "\"client\":\"tester\"",
					     "\"call\":0",	   "\"tool\":\"net.ping\"",
					     "\"input\":{",	   "\"output\":{",
					     "\"result\":\"ok\"",  "\"reason\":\"to see\"",
					     "\"transaction\":7",  "\"duration_us\":1234",
					     "\"chain\":\""};
	struct fixture *fixture = *state;
	size_t size;
	char *text;

	append(fixture, 1);
	text = read_all(fixture, FIRST, &size);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (!strstr(text, fields[i]))
			fail_msg("%s is not in %s", fields[i], text);
	free(text);
}

/* The start of line `number` (from 0) in a text. */
static char *line_at(char *text, unsigned number)
{
	while (number-- > 0)
		text = strchr(text, '\n') + 1;
	return text;
}

static void test_lines_removed_swapped_repeated(void **state)
{
	struct fixture *fixture = *state;
	struct audit_report report;
	char *text, *changed, *second, *third, *fourth;
	size_t size;

	append(fixture, 4);
	close_audit(fixture);
	text = read_all(fixture, FIRST, &size);
	changed = calloc(1, size * 2);
	second = line_at(text, 1);
	third = line_at(text, 2);
	fourth = line_at(text, 3);

	/* the second line removed */
	memcpy(changed, text, (size_t)(second - text));
	memcpy(changed + (second - text), third, size - (size_t)(third - text));
	write_all(fixture, FIRST, changed, size - (size_t)(third - second));
	assert_true(verify(fixture, &report) < 0);

	/* the second and the third swapped */
	memcpy(changed + (second - text), third, (size_t)(fourth - third));
	memcpy(changed + (second - text) + (fourth - third), second, (size_t)(third - second));
	memcpy(changed + (fourth - text), fourth, size - (size_t)(fourth - text));
	write_all(fixture, FIRST, changed, size);
	assert_true(verify(fixture, &report) < 0);

	/* the last one repeated, and a line of an outsider's making */
	memcpy(changed, text, size);
	memcpy(changed + size, line_at(text, 4), size - (size_t)(line_at(text, 4) - text));
	write_all(fixture, FIRST, changed, size + size - (size_t)(line_at(text, 4) - text));
	assert_true(verify(fixture, &report) < 0);
	memcpy(changed, text, size);
	memcpy(changed + size, "{\"sequence\":6}\n", 15);
	write_all(fixture, FIRST, changed, size + 15);
	assert_true(verify(fixture, &report) < 0);

	free(changed);
	free(text);
}

/* Every cut shows, at each line and inside of each. */
static void test_truncation(void **state)
{
	struct fixture *fixture = *state;
	struct audit_report report;
	size_t size;
	char *text;

	append(fixture, 3);
	close_audit(fixture);
	text = read_all(fixture, FIRST, &size);
	for (size_t cut = 0; cut < size; cut++) {
		write_all(fixture, FIRST, text, cut);
		if (verify(fixture, &report) == 0)
			fail_msg("a cut to %zu of %zu bytes does not show", cut, size);
	}
	/* And the start after it does not go on as if nothing had been. */
	write_all(fixture, FIRST, text, (size_t)(line_at(text, 2) - text));
	assert_int_equal(open_with(fixture, &(struct audit_config){0}), 0);
	assert_int_equal(fixture->how, AUDIT_SET_ASIDE);
	assert_int_equal(verify(fixture, &report), 0);
	assert_int_equal(report.set_aside, 1);
	free(text);
}

static void test_anchor(void **state)
{
	struct fixture *fixture = *state;
	struct audit_report report;
	char *anchor, *older;
	size_t size;

	append(fixture, 3);
	older = read_all(fixture, "anchor", &size);
	append(fixture, 3);
	close_audit(fixture);
	anchor = read_all(fixture, "anchor", &size);
	assert_int_equal(size, 512);
	for (size_t i = 0; i < 430; i++) {
		anchor[i] ^= 1;
		write_all(fixture, "anchor", anchor, size);
		if (verify(fixture, &report) == 0)
			fail_msg("byte %zu of the anchor is not covered", i);
		anchor[i] ^= 1;
	}
	/* An old anchor put back makes more than one line unanchored. */
	write_all(fixture, "anchor", older, size);
	assert_true(verify(fixture, &report) < 0);
	assert_int_equal(unlink(file_path(fixture, "anchor")), 0);
	assert_true(verify(fixture, &report) < 0);
	free(anchor);
	free(older);
}

/* Killed between a line and its anchor, or within a line: that is no damage. */
static void test_crash_between_line_and_anchor(void **state)
{
	struct fixture *fixture = *state;
	struct audit_report report;
	char *anchor, *text;
	size_t size, whole;

	append(fixture, 3);
	anchor = read_all(fixture, "anchor", &size);
	append(fixture, 1);
	close_audit(fixture);
	text = read_all(fixture, FIRST, &whole);
	write_all(fixture, "anchor", anchor, size);
	assert_int_equal(verify(fixture, &report), 0);
	assert_int_equal(report.unanchored, 1);

	write_all(fixture, FIRST, text, whole - 20);
	assert_int_equal(verify(fixture, &report), 0);
	assert_true(report.torn);
	assert_int_equal(report.records, 4);

	/* The next start takes it in, and goes on. */
	assert_int_equal(open_with(fixture, &(struct audit_config){0}), 0);
	assert_int_equal(fixture->how, AUDIT_CONTINUED);
	append(fixture, 2);
	assert_int_equal(verify(fixture, &report), 0);
	assert_int_equal(report.records, 7);
	assert_false(report.torn);
	free(anchor);
	free(text);
}

static void test_rotation(void **state)
{
	struct fixture *fixture = *state;
	struct audit_report report;
	struct stat status;
	char *text;
	size_t size;

	close_audit(fixture);
	assert_int_equal(open_with(fixture, &small), 0);
	append(fixture, 200);
	assert_int_equal(verify(fixture, &report), 0);
	assert_true(report.first > 1);
	assert_int_equal(report.last, 202);
	assert_int_equal(report.files, 3);
	assert_true(stat(file_path(fixture, FIRST), &status) < 0);
	close_audit(fixture);
	assert_int_equal(open_with(fixture, &small), 0);
	append(fixture, 50);
	assert_int_equal(verify(fixture, &report), 0);
	assert_int_equal(report.last, 253);
	close_audit(fixture);

	/* A whole file removed from the middle shows. */
	for (unsigned i = 1; i < 100; i++) {
		char name[32];

		snprintf(name, sizeof(name), "%08u.jsonl", i);
		if (stat(file_path(fixture, name), &status) < 0)
			continue;
		snprintf(name, sizeof(name), "%08u.jsonl", i + 1);
		text = read_all(fixture, name, &size);
		assert_int_equal(unlink(file_path(fixture, name)), 0);
		assert_true(verify(fixture, &report) < 0);
		write_all(fixture, name, text, size);
		assert_int_equal(verify(fixture, &report), 0);
		free(text);
		break;
	}
}

static void test_long_texts(void **state)
{
	struct fixture *fixture = *state;
	char *input = malloc(100002);
	struct audit_record record = {.kind = "call",
				      .tool = "net.ping",
				      .input = input,
				      .input_length = 100001,
				      .output = input,
				      .output_length = 100001,
				      .reason = input};
	struct audit_report report;
	struct error error;
	size_t size;
	char *text;

	memset(input, 'x', 100001);
	input[0] = input[100000] = '"';
	input[100001] = '\0';
	assert_int_equal(audit_append(fixture->audit, &record, &error), 0);
	assert_int_equal(verify(fixture, &report), 0);
	text = read_all(fixture, FIRST, &size);
	assert_true(size < AUDIT_RECORD_MAX);
	assert_non_null(strstr(text, "\"bytes\":100001"));
	for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
		json_t *json = json_loadb(line, (size_t)(end - line), 0, NULL);

		assert_non_null(json);
		json_decref(json);
	}
	free(text);
	free(input);
}

static void test_one_writer(void **state)
{
	struct fixture *fixture = *state, second = *fixture;

	assert_true(open_with(&second, &(struct audit_config){0}) < 0);
}

static void test_key_changed(void **state)
{
	struct fixture *fixture = *state;
	struct audit_report report;
	char path[128];
	int fd;

	close_audit(fixture);
	snprintf(path, sizeof(path), "%s/audit.key", fixture->directory);
	fd = open(path, O_WRONLY);
	assert_int_equal(write(fd, "another", 7), 7);
	close(fd);
	assert_true(verify(fixture, &report) < 0);
}

/* Makes the anchor one of an earlier boot, as after a power cut. */
static void forget_boot(struct fixture *fixture)
{
	struct audit_anchor anchor;
	struct audit_key key;
	struct error error;
	size_t size;
	char *bytes = read_all(fixture, "anchor", &size);

	assert_int_equal(audit_key_load(fixture->directory, false, &key, &error), 0);
	assert_int_equal(audit_anchor_parse(bytes, size, &key, &anchor), 0);
	anchor.boot[0] = anchor.boot[0] == '0' ? '1' : '0';
	audit_anchor_print(&anchor, &key, bytes);
	write_all(fixture, "anchor", bytes, size);
	free(bytes);
}

/* Another boot may lack what was never flushed, and says how much; what was flushed it may not. */
static void test_power_cut(void **state)
{
	struct fixture *fixture = *state;
	struct audit_report report;
	char *text, *anchor;
	size_t size, anchor_size;

	append(fixture, 2);
	assert_int_equal(audit_sync(fixture->audit), 0);
	append(fixture, 3);
	anchor = read_all(fixture, "anchor", &anchor_size);
	text = read_all(fixture, FIRST, &size);
	close_audit(fixture);
	write_all(fixture, "anchor", anchor, anchor_size);

	/* Two of three unflushed lines are gone, and a third is torn. */
	write_all(fixture, FIRST, text, (size_t)(line_at(text, 4) - text) + 30);
	assert_true(verify(fixture, &report) < 0);
	forget_boot(fixture);
	assert_int_equal(verify(fixture, &report), 0);
	assert_int_equal(report.lost, 2);
	assert_true(report.torn);

	/* A flushed one gone is damage in any boot. */
	write_all(fixture, FIRST, text, (size_t)(line_at(text, 2) - text));
	assert_true(verify(fixture, &report) < 0);

	/* The next start says what is missing, and goes on. */
	write_all(fixture, FIRST, text, (size_t)(line_at(text, 4) - text) + 30);
	assert_int_equal(open_with(fixture, &(struct audit_config){0}), 0);
	assert_int_equal(fixture->how, AUDIT_RECOVERED);
	assert_non_null(strstr(fixture->note, "took 2 lines"));
	append(fixture, 1);
	assert_int_equal(verify(fixture, &report), 0);
	assert_int_equal(report.lost, 0);
	free(text);
	free(anchor);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_verifies),
		TEST(test_every_byte),
		TEST(test_every_field_is_there),
		TEST(test_lines_removed_swapped_repeated),
		TEST(test_truncation),
		TEST(test_anchor),
		TEST(test_crash_between_line_and_anchor),
		TEST(test_rotation),
		TEST(test_long_texts),
		TEST(test_one_writer),
		TEST(test_key_changed),
		TEST(test_power_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
