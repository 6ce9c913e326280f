#include "tools.h"

#include <string.h>

#include "audit.h"
#include "catalog.h"
#include "common.h"
#include "server.h"

enum { RESOURCE_EVENTS, RESOURCE_STATUS, RESOURCE_INTERFACES };

static const struct mcp_resource resources[] = {
	[RESOURCE_EVENTS] = {"aiosnet://events", "events", "Events",
			     "The newest events, as events.list gives them"},
	[RESOURCE_STATUS] = {"aiosnet://status", "status", "Status",
			     "The network's state, as net.status gives it"},
	[RESOURCE_INTERFACES] = {"aiosnet://interfaces", "interfaces", "Interfaces",
				 "The interfaces, as net.interfaces gives them"},
};

static const struct mcp_resource templates[] = {
	{"aiosnet://interfaces/{name}", "interface", "Interface", "One interface"},
};

static const char instructions[] =
	"aiosnet runs this host's network. Look with net.status first. Every tool that changes "
	"something takes dry_run, and confirm_within, which rolls the change back unless "
	"tx.confirm is "
	"called in time: use it for whatever could cut you off. Give a reason with each change. "
	"Ask "
	"net.explain why something is as it is; take a change back with tx.undo.";

#define EVENTS_SHOWN	 100
#define INTERFACE_PREFIX "aiosnet://interfaces/"

/* What core and mirror call. They have no way to forget a handler, so this outlives the server, and
 * goes with the event loop. */
struct watch {
	struct tools_server *tools; /* NULL when it is gone */
};

struct tools_server {
	struct core *core;
	struct tool_services services;
	struct watch *watch;
	uint64_t last_event;
	struct audit *audit;
	struct dispatcher *dispatcher;
	struct catalog *catalog;
	struct server *server;
	struct mcp_backend backend;
};

/* ---- resources ---- */

static json_t *read_events(const struct tools_server *tools)
{
	uint64_t last = tools->last_event;

	return events_json(tools->core, last > EVENTS_SHOWN ? last - EVENTS_SHOWN : 0, EVENTS_SHOWN,
			   NULL);
}

static json_t *read_interface(const struct tools_server *tools, const char *name)
{
	const struct link *link = observed_link_by_name(core_observed(tools->core), name);

	return link ? interface_json(tools->core, &tools->services, link, true) : NULL;
}

static int read_resource(void *context, const char *uri, json_t **ret, struct error *error)
{
	const struct tools_server *tools = context;
	size_t prefix = strlen(INTERFACE_PREFIX);

	if (strcmp(uri, resources[RESOURCE_EVENTS].uri) == 0)
		*ret = read_events(tools);
	else if (strcmp(uri, resources[RESOURCE_STATUS].uri) == 0)
		*ret = status_json(tools->core, &tools->services);
	else if (strcmp(uri, resources[RESOURCE_INTERFACES].uri) == 0)
		*ret = interfaces_json(tools->core, &tools->services);
	else if (strncmp(uri, INTERFACE_PREFIX, prefix) != 0 ||
		 !observed_link_by_name(core_observed(tools->core), uri + prefix))
		return error_set(error, ERROR_RESOURCE_UNKNOWN, "uri",
				 "There is no resource %.100s", uri);
	else
		*ret = read_interface(tools, uri + prefix);
	return *ret ? 0 : out_of_memory(error);
}

static int list_tools(void *context, const char *cursor, struct mcp_page *ret)
{
	const struct tools_server *tools = context;

	return catalog_page(tools->catalog, cursor, ret);
}

/* ---- changes ---- */

static void on_event(const struct event_record *event, void *userdata)
{
	const struct watch *watch = userdata;

	if (!watch->tools)
		return;
	watch->tools->last_event = event->sequence;
	if (!watch->tools->server)
		return;
	server_resource_changed(watch->tools->server, RESOURCE_EVENTS);
	server_resource_changed(watch->tools->server, RESOURCE_STATUS);
}

static void on_observed(enum object_kind kind, enum observed_change change,
			const union object *before, const union object *after, void *userdata)
{
	const struct watch *watch = userdata;

	if (!watch->tools || !watch->tools->server || kind == OBJECT_RULE ||
	    kind == OBJECT_NEIGHBOUR)
		return;
	server_resource_changed(watch->tools->server, RESOURCE_STATUS);
	if (kind != OBJECT_ROUTE)
		server_resource_changed(watch->tools->server, RESOURCE_INTERFACES);
}

static int on_exit_of_loop(sd_event_source *source, void *userdata)
{
	return 0;
}

static int watch_new(struct tools_server *tools, sd_event *event)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	sd_event_source *source;
	int r;

	if (!watch)
		return -ENOMEM;
	r = sd_event_add_exit(event, &source, on_exit_of_loop, watch);
	if (r < 0) {
		free(watch);
		return r;
	}
	sd_event_source_set_destroy_callback(source, free);
	r = sd_event_source_set_floating(source, true);
	sd_event_source_unref(source);
	if (r < 0)
		return r;
	tools->watch = watch;
	watch->tools = tools;
	r = core_add_event_handler(tools->core, on_event, watch);
	return r < 0 ? r
		     : observed_add_handler(core_observed(tools->core), on_observed, NULL, watch);
}

/* ---- the whole ---- */

static int audit_start(struct tools_server *tools, const char *directory, struct error *error)
{
	const struct audit_config config = {.directory = directory};
	enum audit_opened how;
	char note[256];
	int r = audit_open(&tools->audit, &config, &how, note, error);

	if (r < 0)
		return r;
	if (how == AUDIT_SET_ASIDE)
		core_publish(tools->core, "audit.broken", NULL, "%s", note);
	else if (how == AUDIT_RECOVERED)
		core_publish(tools->core, "audit.recovered", NULL, "%s", note);
	else if (how == AUDIT_ABSENT)
		core_publish(tools->core, "audit.failed", NULL,
			     "Calls are not recorded: %s; changes are refused", note);
	return 0;
}

static int server_start(struct tools_server *tools, const struct tools_server_config *config,
			struct error *error)
{
	const struct server_config server = {
		.socket_path = config->socket_path,
		.agent_uids = config->agent_uids,
		.agent_uids_count = config->agent_uids_count,
		.agent_gids = config->agent_gids,
		.agent_gids_count = config->agent_gids_count,
	};

	tools->backend = (struct mcp_backend){
		.context = tools,
		.list_tools = list_tools,
		.call = server_call,
		.cancel = server_cancel,
		.read_resource = read_resource,
		.resources = resources,
		.resources_count = ARRAY_SIZE(resources),
		.templates = templates,
		.templates_count = ARRAY_SIZE(templates),
		.instructions = instructions,
	};
	return server_new(&tools->server, core_event(tools->core), &server, tools->dispatcher,
			  &tools->backend, error);
}

int tools_server_new(struct tools_server **ret, struct core *core,
		     const struct tools_server_config *config, const struct tool_services *services,
		     struct error *error)
{
	_cleanup_(tools_server_cleanup) struct tools_server *tools = calloc(1, sizeof(*tools));
	const struct event_record *event = NULL;
	int r;

	if (!tools)
		return out_of_memory(error);
	tools->core = core;
	tools->services = *services;
	if (!tools->services.started)
		tools->services.started = clock_boottime_usec();
	while ((event = core_event_after(core, tools->last_event)))
		tools->last_event = event->sequence;
	r = watch_new(tools, core_event(core));
	if (r < 0)
		return error_set(error, ERROR_INTERNAL, NULL, "Cannot watch for changes: %s",
				 strerror(-r));
	if (config->state_directory)
		r = audit_start(tools, config->state_directory, error);
	if (r < 0)
		return r;
	if (dispatcher_new(&tools->dispatcher, core, core_event(core), all_tools, &tools->services,
			   tools->audit) < 0 ||
	    catalog_new(&tools->catalog, tools->dispatcher) < 0)
		return out_of_memory(error);
	r = server_start(tools, config, error);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(tools);
	return 0;
}

void tools_server_free(struct tools_server *tools)
{
	if (tools->watch)
		tools->watch->tools = NULL;
	if (tools->server)
		server_free(tools->server);
	if (tools->catalog)
		catalog_free(tools->catalog);
	if (tools->dispatcher)
		dispatcher_free(tools->dispatcher);
	if (tools->audit)
		audit_close(tools->audit);
	free(tools);
}
