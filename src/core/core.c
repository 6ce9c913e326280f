#include "core.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <utlist.h>

#include "core-internal.h"
#include "store-internal.h"

#define REQUEST_TIMEOUT (2 * USEC_PER_SEC)

/* A disk that is full or read-only must not keep a host off the network: then the database is in
 * memory, until store_catch_up() can have it on the disk. */
static int open_store(struct core *core, const char *directory, struct error *error)
{
	struct error reason;
	int r = store_open(&core->store, directory, &reason);

	if (r >= 0)
		return 0;
	r = store_open_in_memory(&core->store, directory, error);
	if (r >= 0)
		store_fall_behind(core, "the start", &reason);
	return r;
}

int core_new(struct core **ret, sd_event *event, const struct core_config *config,
	     struct error *error)
{
	_cleanup_(core_cleanup) struct core *core = calloc(1, sizeof(*core));
	int r;

	if (!core)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot start");
	core->event = sd_event_ref(event);
	r = observed_new(&core->observed, event, config->receive_buffer);
	if (r >= 0)
		r = netlink_socket_new(&core->netlink, NETLINK_ROUTE, REQUEST_TIMEOUT);
	if (r < 0)
		return error_set(error, ERROR_KERNEL_REFUSED, NULL, "cannot open netlink: %s",
				 strerror(-r));
	r = open_store(core, config->state_directory, error);
	if (r < 0)
		return r;
	r = convergence_watch(core);
	if (r < 0)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot start");
	*ret = TAKE_PTR(core);
	return 0;
}

/* Where the resources of its type begin. */
static struct resource **first_of_type(struct core *core, const struct resource_type *type)
{
	unsigned i = 0;

	while (core->types[i].type != type)
		i++;
	return &core->types[i].first;
}

void intent_add(struct core *core, struct resource *resource)
{
	struct resource **first = first_of_type(core, resource->type);

	HASH_ADD_KEYPTR(hh, core->intent, resource->id, strlen(resource->id), resource);
	DL_APPEND(*first, resource);
	dependents_add(core, resource);
}

void intent_remove(struct core *core, struct resource *resource)
{
	struct resource **first = first_of_type(core, resource->type);

	HASH_DEL(core->intent, resource);
	DL_DELETE(*first, resource);
	dependents_remove(core, resource);
	attention_end(core, resource);
}

const struct resource *intent_next_maker(const struct core *core, const struct resource *cursor)
{
	bool passed = !cursor;

	if (cursor && cursor->next)
		return cursor->next;
	for (unsigned i = 0; i < core->types_count; i++) {
		if (passed && core->types[i].type->makes && core->types[i].first)
			return core->types[i].first;
		passed = passed || core->types[i].type == cursor->type;
	}
	return NULL;
}

static void intent_clear(struct core *core)
{
	struct resource *resource, *next;

	HASH_ITER(hh, core->intent, resource, next) {
		intent_remove(core, resource);
		resource_free(resource);
	}
}

void core_free(struct core *core)
{
	sd_event_source_disable_unref(core->convergence);
	sd_event_source_disable_unref(core->deadlines);
	intent_clear(core);
	for (unsigned i = 0; i < EVENT_KEPT; i++)
		json_decref(core->events[i].data);
	if (core->store)
		store_close(core->store);
	if (core->netlink)
		netlink_socket_free(core->netlink);
	if (core->observed)
		observed_free(core->observed);
	sd_event_unref(core->event);
	free(core);
}

int core_register_type(struct core *core, const struct resource_type *type, void *userdata)
{
	if (core->types_count == TYPES_MAX)
		return -ENOMEM;
	core->types[core->types_count].type = type;
	core->types[core->types_count++].userdata = userdata;
	return 0;
}

const struct resource_type *core_type(const struct core *core, const char *name)
{
	for (unsigned i = 0; i < core->types_count; i++)
		if (strcmp(core->types[i].type->name, name) == 0)
			return core->types[i].type;
	return NULL;
}

void *core_type_userdata(const struct core *core, const struct resource_type *type)
{
	for (unsigned i = 0; i < core->types_count; i++)
		if (core->types[i].type == type)
			return core->types[i].userdata;
	return NULL;
}

static int intent_load_row(json_t *row, void *userdata)
{
	struct core *core = userdata;
	struct resource *resource;
	struct error error;

	/* What another boot had derived, if the database refused to forget it. */
	if (!core->same_boot && (json_member_text(row, "parent") ?: "")[0] != '\0')
		return 0;
	/* One resource that does not read must not keep the others from the network. */
	if (resource_from_json(core, row, &resource, &error) < 0) {
		core_publish(core, "intent.unreadable", json_incref(row), "%s: %s",
			     json_member_text(row, "id") ?: "a resource", error.message);
		return 0;
	}
	/* What names it may have been something else in an older version. */
	if (strcmp(json_member_text(row, "id") ?: "", resource->id) != 0)
		core->store_behind = true;
	if (core_resource(core, resource->id)) {
		core_publish(core, "intent.unreadable", json_incref(row), "%s is there twice",
			     resource->id);
		resource_free(resource);
		return 0;
	}
	intent_add(core, resource);
	return 0;
}

/* The boot and the network namespace that this is, as one text. */
static int boot_identity(char *buffer, size_t size)
{
	_cleanup_(cleanup_close) int fd =
		open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	char boot[37] = "";
	struct stat namespace;

	if (fd < 0 || read(fd, boot, 36) != 36 || stat("/proc/self/ns/net", &namespace) < 0)
		return -errno;
	snprintf(buffer, size, "%s/%llu/%llu", boot, (unsigned long long)namespace.st_dev,
		 (unsigned long long)namespace.st_ino);
	return 0;
}

static int boot_recognise(struct core *core, char *identity, size_t size, struct error *error)
{
	_cleanup_json_ json_t *last = NULL;
	int r = boot_identity(identity, size);

	if (r < 0)
		return error_set(error, ERROR_INTERNAL, NULL, "cannot tell which boot this is: %s",
				 strerror(-r));
	r = store_get(core->store, "core", "boot", &last);
	if (r < 0 && r != -ENOENT && r != -EUCLEAN)
		return store_failed(core->store, "cannot read the last boot", error);
	core->same_boot = strcmp(json_member_text(last, "identity") ?: "", identity) == 0;
	return 0;
}

/* What another boot had derived is gone with its kernel; only then is this boot recorded. */
static int boot_record(struct core *core, const char *identity, struct error *error)
{
	_cleanup_json_ json_t *now = NULL;
	int r;

	if (core->same_boot)
		return 0;
	r = journal_forget_derived(core->store, error);
	if (r < 0)
		return r;
	now = json_pack("{s:s}", "identity", identity);
	if (!now || store_put(core->store, "core", "boot", now) < 0)
		return error_set(error, ERROR_STORE_FAILED, NULL, "cannot record this boot");
	return 0;
}

static int state_load(struct core *core, struct error *error)
{
	char identity[96];
	int r = boot_recognise(core, identity, sizeof(identity), error);

	if (r >= 0)
		r = recovery_run(core, error);
	if (r >= 0 && boot_record(core, identity, error) < 0)
		store_fall_behind(core, "this start", error);
	if (r >= 0)
		r = journal_each_resource(core->store, intent_load_row, core, error);
	return r;
}

int core_start(struct core *core, struct error *error)
{
	int r = observed_wait_synchronised(core->observed, 5 * USEC_PER_SEC);

	if (r < 0)
		return error_set(error, ERROR_KERNEL_REFUSED, NULL,
				 "cannot read the kernel's state: %s", strerror(-r));
	r = state_load(core, error);
	/* Damage shows where it is read. */
	if (r < 0 && error->code == ERROR_STORE_CORRUPT) {
		intent_clear(core);
		r = store_renew(&core->store, error);
		if (r >= 0)
			r = state_load(core, error);
	}
	if (r < 0)
		return r;
	if (journal_prune(core->store, HISTORY_KEPT, error) < 0)
		store_fall_behind(core, "this start", error);

	core->started = true;
	r = deadlines_meet(core);
	if (r < 0)
		return error_set(error, ERROR_INTERNAL, NULL, "cannot set deadlines: %s",
				 strerror(-r));
	r = transaction_converge(core, "the daemon started", error);
	return r < 0 ? r : 0;
}

bool core_same_boot(const struct core *core)
{
	return core->same_boot;
}

sd_event *core_event(const struct core *core)
{
	return core->event;
}

struct observed *core_observed(const struct core *core)
{
	return core->observed;
}

struct netlink_socket *core_netlink(const struct core *core)
{
	return core->netlink;
}

struct store *core_store(const struct core *core)
{
	return core->store;
}

const struct resource *core_resource(const struct core *core, const char *id)
{
	struct resource *resource;

	HASH_FIND_STR(core->intent, id, resource);
	return resource;
}

const struct resource *core_next_resource(const struct core *core, const struct resource *cursor)
{
	return cursor ? cursor->hh.next : core->intent;
}

const struct resource *core_next_of_type(const struct core *core, const struct resource_type *type,
					 const struct resource *cursor)
{
	if (cursor)
		return cursor->next;
	for (unsigned i = 0; i < core->types_count; i++)
		if (core->types[i].type == type)
			return core->types[i].first;
	return NULL;
}

size_t core_resource_count(const struct core *core)
{
	return HASH_COUNT(core->intent);
}
