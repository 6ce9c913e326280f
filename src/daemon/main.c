/*
 * aiosnetd: starts the rooms, in the order in which they need each other, and runs the event loop.
 *
 * The order is also the order of urgency. A host that nobody configured is online the sooner the
 * sooner its links are up and its DHCP clients ask; the socket for agents and the connectivity
 * check come after, while the server's answer is on its way.
 */
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "adopt/adopt.h"
#include "dhcp/service.h"
#include "dns/dns.h"
#include "firewall/firewall.h"
#include "guards/guards.h"
#include "link/link.h"
#include "namespace.h"
#include "online/online.h"
#include "options.h"
#include "tools/tools.h"

struct daemon {
	sd_event *event;
	struct core *core;
	struct link_manager *link_manager;
	struct dhcp_service *dhcp;
	struct dns_service *dns;
	struct adopt_service *adopt;
	struct firewall_service *firewall;
	struct online_service *online;
	struct tools_server *tools;
	usec_t started; /* boottime */
	const struct options *options;
	sd_event_source *services; /* to be started; off once they are */
	sd_event_source *trim;	   /* free memory goes back to the system */
	struct error failure;	   /* why the loop was left, or ERROR_NONE */
};

/* The services wait for the first lease, but no longer than this. */
#define SERVICES_WAIT (20 * USEC_PER_MSEC)

/* A look at the heap takes some 10 ms after a large transaction: others are over by then. */
#define TRIM_WAIT (1 * USEC_PER_SEC)

static void daemon_clear(struct daemon *daemon)
{
	sd_event_source_disable_unref(daemon->services);
	sd_event_source_disable_unref(daemon->trim);
	if (daemon->tools)
		tools_server_free(daemon->tools);
	if (daemon->online)
		online_service_free(daemon->online);
	if (daemon->adopt)
		adopt_service_free(daemon->adopt);
	if (daemon->dhcp)
		dhcp_service_free(daemon->dhcp);
	if (daemon->dns)
		dns_service_free(daemon->dns);
	if (daemon->firewall)
		firewall_service_free(daemon->firewall);
	if (daemon->link_manager)
		link_manager_free(daemon->link_manager);
	if (daemon->core)
		core_free(daemon->core);
	sd_event_unref(daemon->event);
}

static int stage_failed(const char *stage, int r, struct error *error)
{
	return error_set(error, r == -ENOMEM ? ERROR_OUT_OF_MEMORY : ERROR_INTERNAL, NULL,
			 "cannot start %s: %s", stage, strerror(-r));
}

static unsigned servers_in_use(void *userdata, struct ip_address *ret, unsigned max)
{
	return dns_service_servers(userdata, ret, max);
}

static bool leaves_alone(const struct link *link, void *userdata)
{
	struct daemon *daemon = userdata;

	return adopt_leaves_alone(link, daemon->adopt);
}

/* The guards of kind management say who must reach this host. */
static unsigned stated(struct management_stated ret[MANAGEMENT_STATED_MAX], void *userdata)
{
	struct daemon *daemon = userdata;
	const struct resource *resource = NULL;
	unsigned count = 0;

	while (count < MANAGEMENT_STATED_MAX &&
	       (resource = guards_next(daemon->core, GUARD_MANAGEMENT, resource))) {
		const struct guard_spec *guard = guard_spec_of(resource);

		ret[count].peer = guard->peer;
		ret[count++].port = guard->port;
	}
	return count;
}

/* Those whose way in counts: a stranger who is merely connected does only where nobody else is. */
static unsigned peers(struct firewall_peer *ret, unsigned most, void *userdata)
{
	struct daemon *daemon = userdata;
	struct management_peer found[MANAGEMENT_STATED_MAX];
	unsigned count = link_manager_peers(daemon->link_manager, 0, found,
					    MIN(most, (unsigned)ARRAY_SIZE(found)));
	unsigned taken = 0;

	/* Those that count most come first. */
	for (unsigned i = 0; i < count; i++) {
		if (found[i].standing == PEER_CONNECTED && found[0].standing != PEER_CONNECTED)
			break;
		ret[taken].address = found[i].address;
		ret[taken++].port = found[i].port;
	}
	return taken;
}

static void on_adoptable(void *userdata)
{
	struct daemon *daemon = userdata;

	link_manager_look(daemon->link_manager);
}

static int rooms_start(struct daemon *daemon, const struct options *options, struct error *error)
{
	struct core_config core = {.state_directory = options->state_directory,
				   .receive_buffer = options->receive_buffer};
	struct link_manager_config link = {.configure_new = options->configure_new,
					   .leaves_alone = leaves_alone,
					   .stated = stated,
					   .userdata = daemon};
	struct adopt_config adopt = {.automatic = options->configure_new,
				     .changed = on_adoptable,
				     .userdata = daemon};
	struct firewall_config firewall = {.peers = peers, .userdata = daemon};
	char fallback[4096];
	const char *resolv_conf = options->resolv_conf;
	int r;

	if (!resolv_conf && options->host)
		resolv_conf = "/etc/resolv.conf";
	if (!resolv_conf) {
		snprintf(fallback, sizeof(fallback), "%s/resolv.conf", options->state_directory);
		resolv_conf = fallback;
	}
	r = core_new(&daemon->core, daemon->event, &core, error);
	if (r < 0)
		return r;
	if ((r = guards_register(daemon->core)) < 0)
		return stage_failed("the guard rails", r, error);
	if ((r = firewall_service_new(&daemon->firewall, daemon->core, &firewall)) < 0)
		return stage_failed("the firewall", r, error);
	if ((r = link_manager_new(&daemon->link_manager, daemon->core, &link)) < 0)
		return stage_failed("the link manager", r, error);
	if ((r = dns_service_new(&daemon->dns, daemon->core, resolv_conf)) < 0)
		return stage_failed("the resolver", r, error);
	if ((r = dhcp_service_new(&daemon->dhcp, daemon->core)) < 0)
		return stage_failed("the DHCP client", r, error);
	adopt.resolv_conf = resolv_conf;
	if ((r = adopt_service_new(&daemon->adopt, daemon->core, &adopt)) < 0)
		return stage_failed("adoption", r, error);
	r = core_start(daemon->core, error);
	if (r < 0)
		return r;
	adopt_service_start(daemon->adopt);
	link_manager_start(daemon->link_manager);
	return 0;
}

static int services_start(struct daemon *daemon, struct error *error)
{
	const struct options *options = daemon->options;
	struct tool_services services = {
		.link_manager = daemon->link_manager,
		.dhcp = daemon->dhcp,
		.dns = daemon->dns,
		.adopt = daemon->adopt,
		.firewall = daemon->firewall,
		.started = daemon->started,
	};
	struct tools_server_config config = {
		.socket_path = options->socket_path,
		.agent_uids = options->agent_uids,
		.agent_uids_count = options->agent_uids_count,
		.agent_gids = options->agent_gids,
		.agent_gids_count = options->agent_gids_count,
		.state_directory = options->state_directory,
	};
	struct online_config online = options->online;
	int r;

	online.started = daemon->started;
	r = online_service_new(&daemon->online, daemon->core, &online, servers_in_use, daemon->dns);
	if (r < 0)
		return stage_failed("the connectivity check", r, error);
	services.online = daemon->online;
	return tools_server_new(&daemon->tools, daemon->core, &config, &services, error);
}

static int on_services(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct daemon *daemon = userdata;
	int r = services_start(daemon, &daemon->failure);

	if (r < 0)
		return sd_event_exit(daemon->event, r);
	/* Nobody may be listening: then there is nothing to notify. */
	(void)sd_notify(0, "READY=1");
	return 0;
}

/* What a large transaction builds to plan and to write it down is freed in pieces, between what
 * stays: a hundred megabytes for ten thousand routes, which free() gives back only from the end. */
static int on_trim(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)malloc_trim(0);
	return 0;
}

static void trim_soon(struct daemon *daemon)
{
	usec_t when = usec_add(clock_boottime_usec(), TRIM_WAIT);
	int enabled = SD_EVENT_OFF, r;

	if (!daemon->trim) {
		r = sd_event_add_time(daemon->event, &daemon->trim, CLOCK_BOOTTIME, when, 0,
				      on_trim, daemon);
	} else {
		r = sd_event_source_get_enabled(daemon->trim, &enabled);
		if (r >= 0 && enabled == SD_EVENT_OFF)
			r = sd_event_source_set_time(daemon->trim, when);
		if (r >= 0 && enabled == SD_EVENT_OFF)
			r = sd_event_source_set_enabled(daemon->trim, SD_EVENT_ONESHOT);
	}
	if (r < 0)
		log_debug("free memory is kept: %s", strerror(-r));
}

/* The first lease is in use: whether packets come back can be asked, and others may ask us. */
static void on_event(const struct event_record *event, void *userdata)
{
	struct daemon *daemon = userdata;

	if (strncmp(event->kind, "tx.", 3) == 0)
		trim_soon(daemon);
	if (!daemon->tools && strcmp(event->kind, "tx.committed") == 0 &&
	    strcmp(json_member_text(event->data, "tool") ?: "", "dhcp") == 0 &&
	    sd_event_source_set_time(daemon->services, 0) < 0)
		log_error("the services cannot be started at once");
}

/* Starts the services when the first lease is there, or soon: what they open takes longer than a
 * DHCP server needs for its answer. At once where no answer is on its way: after a restart. */
static int services_schedule(struct daemon *daemon, struct error *error)
{
	usec_t wait = dhcp_service_asks(daemon->dhcp) ? SERVICES_WAIT : 0;
	int r = sd_event_add_time(daemon->event, &daemon->services, CLOCK_BOOTTIME,
				  clock_boottime_usec() + wait, 1, on_services, daemon);

	if (r >= 0)
		r = sd_event_source_set_priority(daemon->services, SD_EVENT_PRIORITY_IDLE);
	if (r >= 0)
		r = core_add_event_handler(daemon->core, on_event, daemon);
	return r < 0 ? stage_failed("the services", r, error) : 0;
}

static int signals_attach(sd_event *event)
{
	static const int ending[] = {SIGTERM, SIGINT};
	sigset_t mask;
	int r = 0;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&mask);
	for (unsigned i = 0; i < ARRAY_SIZE(ending); i++)
		sigaddset(&mask, ending[i]);
	if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
		return -errno;
	for (unsigned i = 0; r >= 0 && i < ARRAY_SIZE(ending); i++)
		r = sd_event_add_signal(event, NULL, ending[i], NULL, NULL);
	return r;
}

static int run(struct daemon *daemon, const struct options *options, struct error *error)
{
	int r = namespace_check(options->host, error);

	if (r < 0)
		return r;
	daemon->options = options;
	r = sd_event_new(&daemon->event);
	if (r >= 0)
		r = signals_attach(daemon->event);
	if (r < 0)
		return stage_failed("the event loop", r, error);
	r = rooms_start(daemon, options, error);
	if (r >= 0)
		r = services_schedule(daemon, error);
	if (r < 0)
		return r;
	r = sd_event_loop(daemon->event);
	(void)sd_notify(0, "STOPPING=1");
	if (daemon->failure.code) {
		*error = daemon->failure;
		return r;
	}
	return r < 0 ? stage_failed("the event loop", r, error) : 0;
}

int main(int argc, char **argv)
{
	struct daemon daemon = {.started = clock_boottime_usec()};
	struct options options;
	struct error error;
	int r = options_parse(argc, argv, &options, &error);

	if (r == 0)
		return EXIT_SUCCESS;
	if (r > 0) {
		log_setup(options.log_level, getenv("JOURNAL_STREAM"));
		/* One thread, one heap; what is free goes back to the system. */
		mallopt(M_ARENA_MAX, 1);
		mallopt(M_TRIM_THRESHOLD, 64 * 1024);
		r = run(&daemon, &options, &error);
	}
	if (r < 0)
		log_error("%s: %s%s%s", error_code_text(error.code), error.message,
			  error.hint[0] ? "; " : "", error.hint);
	daemon_clear(&daemon);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
