/* What the resolvers in force make of resolv.conf. */
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "dns/dns.h"
#include "unit.h"

struct world {
	char directory[64], path[96];
	sd_event *event;
	struct core *core;
	struct dns_service *service;
};

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	struct core_config config = {.state_directory = world->directory};
	struct error error;

	strcpy(world->directory, "/tmp/aiosnet-test-XXXXXX");
	assert_non_null(mkdtemp(world->directory));
	snprintf(world->path, sizeof(world->path), "%s/resolv.conf", world->directory);
	assert_int_equal(sd_event_new(&world->event), 0);
	assert_int_equal(core_new(&world->core, world->event, &config, &error), 0);
	assert_int_equal(dns_service_new(&world->service, world->core, world->path), 0);
	assert_int_equal(core_start(world->core, &error), 0);
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	static const char *const files[] = {"aiosnet.db", "aiosnet.db-wal", "resolv.conf"};
	struct world *world = *state;
	char path[128];

	dns_service_free(world->service);
	core_free(world->core);
	sd_event_unref(world->event);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", world->directory, files[i]);
		unlink(path);
	}
	rmdir(world->directory);
	free(world);
	return 0;
}

static int offer(struct world *world, const char *link, int metric, const char *server,
		 const char *search, struct error *error)
{
	_cleanup_proposal_ struct proposal proposal;
	int r;

	proposal_init(&proposal, "test");
	r = proposal_put_json(world->core, &proposal, "resolver",
			      json_pack("{s:s,s:i,s:[s],s:[s]}", "link", link, "metric", metric,
					"servers", server, "search", search),
			      error);
	return r < 0 ? r : transaction_run(world->core, &proposal, false, NULL, error);
}

static void withdraw(struct world *world, const char *id)
{
	_cleanup_proposal_ struct proposal proposal;
	struct error error;

	proposal_init(&proposal, "test");
	assert_int_equal(proposal_remove(&proposal, id), 0);
	assert_int_equal(transaction_run(world->core, &proposal, false, NULL, &error), 0);
}

/* The file without its first line, which is for people. */
static const char *written(struct world *world, char *buffer, size_t size)
{
	FILE *file = fopen(world->path, "r");
	size_t length;

	assert_non_null(file);
	length = fread(buffer, 1, size - 1, file);
	fclose(file);
	buffer[length] = '\0';
	assert_int_equal(buffer[0], '#');
	return strchr(buffer, '\n') + 1;
}

static void test_order_by_metric_each_domain_once(void **state)
{
	struct world *world = *state;
	struct error error;
	char text[512];

	assert_int_equal(offer(world, "b0", 200, "192.0.2.2", "Home.arpa", &error), 0);
	assert_int_equal(offer(world, "a0", 100, "192.0.2.1", "home.arpa", &error), 0);
	assert_int_equal(offer(world, "c0", 300, "192.0.2.1", "example.com", &error), 0);
	assert_string_equal(written(world, text, sizeof(text)),
			    "nameserver 192.0.2.1\nnameserver 192.0.2.2\n"
			    "search home.arpa example.com\n");
	withdraw(world, "resolver/a0");
	assert_string_equal(written(world, text, sizeof(text)),
			    "nameserver 192.0.2.2\nnameserver 192.0.2.1\n"
			    "search Home.arpa example.com\n");
}

static void test_names_cannot_break_the_file(void **state)
{
	static const char *const names[] = {"a\nnameserver 203.0.113.1", "a b", "", "-a", "a;b"};
	struct world *world = *state;
	struct error error;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_true(offer(world, "a0", 1, "192.0.2.1", names[i], &error) < 0);
		assert_int_equal(error.code, ERROR_NAME_INVALID);
	}
	assert_int_equal(core_resource_count(world->core), 0);
}

static void test_file_that_cannot_be_written_rolls_back(void **state)
{
	struct world *world = *state;
	struct error error;
	char text[512];

	assert_int_equal(offer(world, "a0", 1, "192.0.2.1", "example.com", &error), 0);
	assert_int_equal(unlink(world->path), 0);
	assert_int_equal(mkdir(world->path, 0700), 0);
	assert_true(offer(world, "b0", 0, "192.0.2.2", "example.net", &error) < 0);
	assert_int_equal(error.code, ERROR_STORE_FAILED);
	assert_null(core_resource(world->core, "resolver/b0"));
	assert_int_equal(rmdir(world->path), 0);
	assert_int_equal(offer(world, "c0", 2, "192.0.2.3", "example.org", &error), 0);
	assert_string_equal(written(world, text, sizeof(text)),
			    "nameserver 192.0.2.1\nnameserver 192.0.2.3\n"
			    "search example.com example.org\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_order_by_metric_each_domain_once),
		TEST(test_names_cannot_break_the_file),
		TEST(test_file_that_cannot_be_written_rolls_back),
	};

	if (unshare(CLONE_NEWNET) < 0) {
		perror("unshare");
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
