/*
 * Core, links and DHCP together, in a network namespace whose kernel changes at the worst moment:
 * a resource type of the test's own does to it, in the middle of a transaction, what others may do
 * at any time.
 */
#include <arpa/inet.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <linux/rtnetlink.h>

#include "core/core.h"
#include "dhcp/lease.h"
#include "dhcp/service.h"
#include "link/link.h"
#include "unit.h"

struct world {
	char directory[64];
	sd_event *event;
	struct core *core;
	struct link_manager *links;
	struct dhcp_service *dhcp;
	char there[4][16];	  /* names of acts that are done */
	const char *command;	  /* what the next application of an act does */
	const char *refused_link; /* the DHCP client of this one is refused */
};

static void run(const char *command)
{
	assert_int_equal(system(command), 0);
}

/* ---- a type that acts: "act" runs a command; a "dhcp" that is refused on one link ---- */

struct act_spec {
	char link[IFNAMSIZ];
	uint32_t metric;
};

static int act_parse(const json_t *object, void *ret_spec, struct error *error)
{
	struct act_spec *spec = ret_spec;

	text_copy(spec->link, sizeof(spec->link), json_member_text(object, "link"));
	spec->metric = (uint32_t)json_member_integer(object, "metric", 0);
	return 0;
}

static json_t *act_print(const void *data)
{
	const struct act_spec *spec = data;

	return json_pack("{s:s,s:i}", "link", spec->link, "metric", (int)spec->metric);
}

static void act_key(const void *data, char buffer[RESOURCE_KEY_MAX])
{
	text_copy(buffer, RESOURCE_KEY_MAX, ((const struct act_spec *)data)->link);
}

static bool act_satisfied(const void *wanted, const void *observed)
{
	return true;
}

static int act_observe(struct core *core, const void *wanted, void *ret_spec);
static int act_apply(struct core *core, const void *before, const void *after, struct error *error);

#define ACT_TYPE(type_name)                                                                        \
	{                                                                                          \
		.name = type_name, .order = 40, .spec_size = sizeof(struct act_spec),              \
		.parse = act_parse, .print = act_print, .key = act_key, .observe = act_observe,    \
		.satisfied = act_satisfied, .apply = act_apply,                                    \
	}

/* A lease's name servers become a resource of this name: so the act is part of its transaction. */
static const struct resource_type act_type = ACT_TYPE("resolver");
static const struct resource_type refusing_type = ACT_TYPE("dhcp");

static struct world *the_world(struct core *core)
{
	return core_type_userdata(core, &act_type);
}

/* The place of an act, or the first vacant one for "". */
static char *act_place(struct world *world, const char *link)
{
	for (unsigned i = 0; i < ARRAY_SIZE(world->there); i++)
		if (strcmp(world->there[i], link) == 0)
			return world->there[i];
	return NULL;
}

static int act_observe(struct core *core, const void *wanted, void *ret_spec)
{
	struct world *world = the_world(core);
	const struct act_spec *spec = wanted;

	memcpy(ret_spec, wanted, sizeof(*spec));
	return !world->command && act_place(world, spec->link);
}

static int act_apply(struct core *core, const void *before, const void *after, struct error *error)
{
	struct world *world = the_world(core);
	const struct act_spec *spec = after ?: before;
	char *place;

	if (world->command)
		run(TAKE_PTR(world->command));
	if (after && strcmp(spec->link, world->refused_link ?: "") == 0)
		return error_set(error, ERROR_KERNEL_REFUSED, NULL, "told to refuse");
	place = spec ? act_place(world, spec->link) : NULL;
	if (place && !after)
		place[0] = '\0';
	else if (!place && after)
		text_copy(act_place(world, ""), sizeof(world->there[0]), spec->link);
	return 0;
}

/* ---- the world ---- */

static void world_open(struct world *world, bool dhcp, bool configure_new)
{
	struct core_config config = {.state_directory = world->directory};
	struct link_manager_config link = {.configure_new = configure_new};
	struct error error;

	assert_int_equal(sd_event_new(&world->event), 0);
	if (core_new(&world->core, world->event, &config, &error) < 0)
		fail_msg("%s", error.message);
	assert_int_equal(link_manager_new(&world->links, world->core, &link), 0);
	assert_int_equal(core_register_type(world->core, &act_type, world), 0);
	if (dhcp)
		assert_int_equal(dhcp_service_new(&world->dhcp, world->core), 0);
	else
		assert_int_equal(core_register_type(world->core, &refusing_type, world), 0);
	if (core_start(world->core, &error) < 0)
		fail_msg("%s", error.message);
}

static void world_close(struct world *world)
{
	if (world->dhcp)
		dhcp_service_free(TAKE_PTR(world->dhcp));
	if (world->links)
		link_manager_free(TAKE_PTR(world->links));
	if (world->core)
		core_free(TAKE_PTR(world->core));
	world->event = sd_event_unref(world->event);
}

/* Runs the event loop for so long. */
static void pass(struct world *world, usec_t time)
{
	usec_t end = clock_boottime_usec() + time;

	while (clock_boottime_usec() < end)
		assert_true(sd_event_run(world->event, end - clock_boottime_usec()) >= 0);
}

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	run("ip link set lo up");
	run("ip link add eth0 type veth peer name far0");
	run("ip link set eth0 up && ip link set far0 up");
	strcpy(world->directory, "/tmp/aiosnet-test-XXXXXX");
	assert_non_null(mkdtemp(world->directory));
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;
	static const char *const files[] = {"aiosnet.db", "aiosnet.db-wal", "aiosnet.db-shm"};
	char path[128];

	world_close(world);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", world->directory, files[i]);
		unlink(path);
	}
	(void)umount(world->directory);
	rmdir(world->directory);
	free(world);
	return 0;
}

static void begin(struct proposal *proposal)
{
	proposal_init(proposal, "test");
	strcpy(proposal->provenance.owner, "tester");
}

static int finish(struct world *world, struct proposal *proposal, struct error *error)
{
	int r = transaction_run(world->core, proposal, false, NULL, error);

	proposal_clear(proposal);
	return r;
}

static const struct link *link_named(struct world *world, const char *name)
{
	return observed_link_by_name(core_observed(world->core), name);
}

/* ---- DHCP ---- */

/* Makes the store know a lease of eth0 that is in use, as a run before this one would have. */
static void keep_lease(struct world *world)
{
	usec_t now = clock_boottime_usec();
	struct dhcp_lease lease = {
		.prefix_length = 24,
		.obtained = now,
		.renew = now + 1800 * USEC_PER_SEC,
		.rebind = now + 3000 * USEC_PER_SEC,
		.expires = now + 3600 * USEC_PER_SEC,
		.dns_count = 1,
	};
	char key[HARDWARE_ADDRESS_TEXT_MAX];
	_cleanup_json_ json_t *json = NULL;

	inet_pton(AF_INET, "192.0.2.10", &lease.address);
	inet_pton(AF_INET, "192.0.2.1", &lease.server);
	inet_pton(AF_INET, "192.0.2.1", &lease.dns[0]);
	json = lease_to_json(&lease);
	hardware_address_print(&link_named(world, "eth0")->mac, key);
	assert_int_equal(store_put(core_store(world->core), "lease", key, json), 0);
	run("ip addr add 192.0.2.10/24 dev eth0");
}

static void run_client(struct world *world, const char *link, uint32_t metric)
{
	struct dhcp_spec spec = dhcp_spec_default(link);
	struct proposal proposal;
	struct error error;

	spec.metric = metric;
	begin(&proposal);
	assert_int_equal(proposal_put(&proposal, &dhcp_type, &spec), 0);
	assert_int_equal(finish(world, &proposal, &error), 0);
}

/* A world in which the client of eth0 goes on with a lease of the run before. */
static void resume_lease(struct world *world)
{
	world_open(world, true, false);
	keep_lease(world);
	world_close(world);
	world_open(world, true, false);
	run_client(world, "eth0", 100);
	pass(world, 20 * USEC_PER_MSEC);
	assert_non_null(core_resource(world->core, "address/eth0/192.0.2.10/24"));
}

static void test_link_vanishes_while_its_lease_is_followed(void **state)
{
	struct world *world = *state;

	resume_lease(world);
	world->command = "ip link del eth0";
	run_client(world, "eth0", 200);
	pass(world, 50 * USEC_PER_MSEC);
	assert_null(world->command);
	assert_null(link_named(world, "eth0"));
	assert_null(dhcp_service_status(world->dhcp, "eth0"));
}

/* A name server that cannot be written down, whatever the reason. */
static void test_lease_is_used_without_the_part_that_is_refused(void **state)
{
	struct world *world = *state;
	const struct resource *address;

	world->refused_link = "eth0";
	world_open(world, true, false);
	keep_lease(world);
	world_close(world);
	world_open(world, true, false);
	run_client(world, "eth0", 100);
	pass(world, 50 * USEC_PER_MSEC);
	address = core_resource(world->core, "address/eth0/192.0.2.10/24");
	assert_non_null(address);
	assert_string_equal(address->parent, "dhcp/eth0");
	assert_null(core_resource(world->core, "resolver/eth0"));

	/* It is had as soon as it can be. */
	world->refused_link = NULL;
	pass(world, 1500 * USEC_PER_MSEC);
	assert_non_null(core_resource(world->core, "resolver/eth0"));
}

/* ---- a damaged disk ---- */

static void test_damage_that_shows_late_keeps_no_daemon_from_starting(void **state)
{
	struct world *world = *state;
	struct act_spec act = {.link = "act"};
	struct proposal proposal;
	struct error error;
	char command[256];

	world_open(world, false, false);
	begin(&proposal);
	assert_int_equal(proposal_put(&proposal, &act_type, &act), 0);
	assert_int_equal(finish(world, &proposal, &error), 0);
	world_close(world);
	/* The first page, with the schema, is whole. */
	snprintf(command, sizeof(command),
		 "dd if=/dev/urandom of=%s/aiosnet.db bs=4096 seek=1 count=4 conv=notrunc "
		 "2>/dev/null",
		 world->directory);
	run(command);
	world_open(world, false, false);
	begin(&proposal);
	assert_int_equal(proposal_put(&proposal, &act_type, &act), 0);
	assert_int_equal(finish(world, &proposal, &error), 0);
	snprintf(command, sizeof(command), "rm %s/aiosnet.db.damaged*", world->directory);
	run(command);
}

/* ---- a full disk ---- */

static void small_disk(struct world *world)
{
	char command[160];

	assert_int_equal(unshare(CLONE_NEWNS), 0);
	assert_int_equal(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	snprintf(command, sizeof(command), "mount -t tmpfs -o size=512k none %s", world->directory);
	run(command);
}

static void fill_disk(struct world *world, bool full)
{
	char command[160];

	snprintf(command, sizeof(command),
		 full ? "dd if=/dev/zero of=%s/filler bs=1k 2>/dev/null || true" : "rm %s/filler",
		 world->directory);
	run(command);
}

static const char *last_state(struct world *world, char buffer[32])
{
	_cleanup_json_ json_t *history = NULL;
	struct error error;

	assert_int_equal(transaction_history(world->core, 0, 1, false, &history, &error), 0);
	text_copy(buffer, 32, json_member_text(json_array_get(history, 0), "state"));
	return buffer;
}

static void test_full_disk_costs_no_lease(void **state)
{
	struct world *world = *state;
	char buffer[32];

	small_disk(world);
	world_open(world, true, false);
	keep_lease(world);
	run_client(world, "eth0", 100);
	world_close(world);
	fill_disk(world, true);
	world_open(world, true, false);
	pass(world, 50 * USEC_PER_MSEC);
	assert_non_null(core_resource(world->core, "address/eth0/192.0.2.10/24"));

	/* What somebody asks for is refused, since it would not last. */
	{
		struct act_spec act = {.link = "act"};
		struct proposal proposal;
		struct error error;

		begin(&proposal);
		proposal.durable = true;
		assert_int_equal(proposal_put(&proposal, &act_type, &act), 0);
		assert_int_equal(finish(world, &proposal, &error), -EIO);
		assert_int_equal(error.code, ERROR_STORE_FAILED);
	}

	/* With room again, intent is written down with the next change. */
	fill_disk(world, false);
	run_client(world, "eth0", 200);
	pass(world, 20 * USEC_PER_MSEC);
	world_close(world);
	world_open(world, true, false);
	assert_non_null(core_resource(world->core, "address/eth0/192.0.2.10/24"));
	assert_string_equal(last_state(world, buffer), "committed");
}

static void test_unconfirmed_is_taken_back_on_a_full_disk(void **state)
{
	struct world *world = *state;
	struct act_spec act = {.link = "act"};
	struct proposal proposal;
	struct error error;
	char buffer[32];

	small_disk(world);
	world_open(world, false, false);
	begin(&proposal);
	proposal.durable = true;
	proposal.confirm_within = 200 * USEC_PER_MSEC;
	assert_int_equal(proposal_put(&proposal, &act_type, &act), 0);
	assert_int_equal(finish(world, &proposal, &error), 0);
	fill_disk(world, true);
	pass(world, 500 * USEC_PER_MSEC);
	assert_null(core_resource(world->core, "resolver/act"));

	/* It does not come back with a restart that finds room again. */
	fill_disk(world, false);
	world_close(world);
	world_open(world, false, false);
	pass(world, 100 * USEC_PER_MSEC);
	assert_null(core_resource(world->core, "resolver/act"));
	assert_string_not_equal(last_state(world, buffer), "pending");
}

/* ---- links ---- */

static void test_one_refused_link_keeps_no_other_from_the_network(void **state)
{
	struct world *world = *state;

	run("ip link set eth0 down && ip link set far0 name veth0");
	run("ip link add eth1 type veth peer name veth1");
	world->refused_link = "eth1";
	world_open(world, false, true);
	world->command = "true";
	link_manager_start(world->links);
	pass(world, 50 * USEC_PER_MSEC);
	assert_true(link_named(world, "eth0")->flags & IFF_UP);
	assert_non_null(core_resource(world->core, "dhcp/eth0"));
}

/* The kernel takes bytes that are no text, and controls, for a name; JSON and terminals do not. */
static void test_name_that_cannot_be_written_is_left_alone(void **state)
{
	struct world *world = *state;

	run("ip link set eth0 down");
	run("ip link add \"$(printf 'b\\377\\033')\" type veth peer name veth1");
	world_open(world, false, true);
	link_manager_start(world->links);
	assert_true(link_named(world, "eth0")->flags & IFF_UP);
	assert_int_equal(link_ownership(world->core, link_named(world, "b\377\033"), NULL),
			 LINK_FOREIGN);
}

static void test_link_that_appears_during_a_transaction_is_seen(void **state)
{
	struct world *world = *state;
	struct link_spec link = {.name = "late0",
				 .settings = {.fields = LINK_FIELD_UP, .up = true}};
	struct act_spec act = {.link = "act"};
	struct proposal proposal;
	struct error error;

	world_open(world, false, false);
	begin(&proposal);
	assert_int_equal(proposal_put(&proposal, &link_type, &link), 0);
	assert_int_equal(finish(world, &proposal, &error), 0);

	world->command = "ip link add late0 type veth peer name late1";
	begin(&proposal);
	assert_int_equal(proposal_put(&proposal, &act_type, &act), 0);
	assert_int_equal(finish(world, &proposal, &error), 0);
	pass(world, 100 * USEC_PER_MSEC);
	assert_non_null(link_named(world, "late0"));
	assert_true(link_named(world, "late0")->flags & IFF_UP);
}

/* What lies between the members of a specification is no part of it. */
static void test_same_again_whatever_lies_between(void **state)
{
	struct world *world = *state;
	struct address_spec spec;
	struct proposal proposal;
	struct error error;
	unsigned char *bytes = (unsigned char *)&spec;

	world_open(world, false, false);
	for (unsigned i = 0; i < 2; i++) {
		_cleanup_outcome_ struct outcome outcome = {0};

		/* All but the members: they are written after. */
		memset(bytes, i ? 0xff : 0, sizeof(spec));
		memset(spec.link, 0, sizeof(spec.link));
		text_copy(spec.link, sizeof(spec.link), "eth0");
		assert_int_equal(ip_prefix_parse("198.51.100.7/24", &spec.prefix, NULL, NULL), 0);
		spec.broadcast.family = 0;
		memset(spec.broadcast.bytes, 0, sizeof(spec.broadcast.bytes));
		spec.metric = 0;
		spec.valid_until = USEC_INFINITY;
		spec.foreign = false;
		spec.protocol = 0;
		begin(&proposal);
		assert_int_equal(proposal_put(&proposal, &address_type, &spec), 0);
		assert_int_equal(transaction_run(world->core, &proposal, false, &outcome, &error),
				 0);
		proposal_clear(&proposal);
		assert_int_equal(outcome.state, i ? TRANSACTION_UNCHANGED : TRANSACTION_COMMITTED);
	}
}

/* ---- the management path ---- */

struct manager {
	pid_t pid;
	int listening, session;
};

/* Another host on the far end of eth0, 192.0.2.99, that connects to port 22 here. */
static struct manager manager_connect(void)
{
	struct manager manager = {.listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(22)};
	char command[64], go;
	int ready[2], moved[2], yes = 1;

	run("ip addr add 192.0.2.10/24 dev eth0");
	inet_pton(AF_INET, "192.0.2.10", &here.sin_addr);
	setsockopt(manager.listening, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	assert_int_equal(bind(manager.listening, (struct sockaddr *)&here, sizeof(here)), 0);
	assert_int_equal(listen(manager.listening, 1), 0);
	assert_int_equal(pipe(ready) | pipe(moved), 0);
	manager.pid = fork();
	if (manager.pid == 0) {
		int fd;

		if (unshare(CLONE_NEWNET) < 0 || write(ready[1], "", 1) != 1 ||
		    read(moved[0], &go, 1) != 1 ||
		    system("ip link set far0 up && ip addr add 192.0.2.99/24 dev far0") != 0)
			_exit(1);
		fd = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(fd, (struct sockaddr *)&here, sizeof(here)) < 0)
			_exit(1);
		_exit(read(fd, &go, 1) < 0);
	}
	assert_int_equal(read(ready[0], &go, 1), 1);
	snprintf(command, sizeof(command), "ip link set far0 netns %d", (int)manager.pid);
	run(command);
	assert_int_equal(write(moved[1], "", 1), 1);
	manager.session = accept(manager.listening, NULL, NULL);
	assert_true(manager.session >= 0);
	for (unsigned i = 0; i < 2; i++) {
		close(ready[i]);
		close(moved[i]);
	}
	return manager;
}

static void manager_leave(struct manager *manager)
{
	close(manager->session);
	close(manager->listening);
	assert_int_equal(waitpid(manager->pid, NULL, 0), manager->pid);
}

/* Would the guard rails let the resource be put? */
static int judge(struct world *world, const struct resource_type *type, const void *spec)
{
	struct proposal proposal;
	struct error error;
	int r;

	begin(&proposal);
	assert_int_equal(proposal_put(&proposal, type, spec), 0);
	r = transaction_run(world->core, &proposal, true, NULL, &error);
	proposal_clear(&proposal);
	return r;
}

static struct route_spec route_to(const char *destination, uint8_t type, const char *link)
{
	struct route_spec spec = {.table = RT_TABLE_MAIN, .type = type};

	assert_int_equal(ip_network_parse(destination, &spec.destination, NULL, NULL), 0);
	text_copy(spec.link, sizeof(spec.link), link);
	return spec;
}

static void test_nobody_is_locked_out_by_what_is_added(void **state)
{
	struct world *world = *state;
	struct manager manager = manager_connect();
	struct address_spec own = {.link = "eth0", .valid_until = USEC_INFINITY};
	struct link_spec down = {.name = "eth0", .settings = {.fields = LINK_FIELD_UP}};
	struct route_spec route;

	run("ip link add spare type veth peer name spare1 && ip link set spare up");
	world_open(world, false, false);
	/* What drops the answers. */
	route = route_to("192.0.2.99/32", RTN_BLACKHOLE, "");
	assert_int_equal(judge(world, &route_type, &route), -EPERM);
	route = route_to("192.0.2.64/26", RTN_UNREACHABLE, "");
	assert_int_equal(judge(world, &route_type, &route), -EPERM);
	/* What sends them by a link without carrier. */
	route = route_to("192.0.2.99/32", RTN_UNICAST, "spare");
	assert_int_equal(judge(world, &route_type, &route), -EPERM);
	/* Nobody is sent packets by who has his address himself. */
	assert_int_equal(ip_prefix_parse("192.0.2.99/32", &own.prefix, NULL, NULL), 0);
	assert_int_equal(judge(world, &address_type, &own), -EPERM);
	assert_int_equal(judge(world, &link_type, &down), -EPERM);

	/* What is less specific, leads elsewhere, or is as it was does no harm. */
	route = route_to("192.0.0.0/16", RTN_BLACKHOLE, "");
	assert_int_equal(judge(world, &route_type, &route), 0);
	route = route_to("198.51.100.0/24", RTN_BLACKHOLE, "");
	assert_int_equal(judge(world, &route_type, &route), 0);
	route = route_to("192.0.2.99/32", RTN_UNICAST, "eth0");
	assert_int_equal(judge(world, &route_type, &route), 0);
	/* Of another table is none of this. */
	route = route_to("192.0.2.99/32", RTN_BLACKHOLE, "");
	route.table = 100;
	assert_int_equal(judge(world, &route_type, &route), 0);
	manager_leave(&manager);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_link_vanishes_while_its_lease_is_followed),
		TEST(test_lease_is_used_without_the_part_that_is_refused),
		TEST(test_damage_that_shows_late_keeps_no_daemon_from_starting),
		TEST(test_full_disk_costs_no_lease),
		TEST(test_unconfirmed_is_taken_back_on_a_full_disk),
		TEST(test_one_refused_link_keeps_no_other_from_the_network),
		TEST(test_name_that_cannot_be_written_is_left_alone),
		TEST(test_link_that_appears_during_a_transaction_is_seen),
		TEST(test_same_again_whatever_lies_between),
		TEST(test_nobody_is_locked_out_by_what_is_added),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
