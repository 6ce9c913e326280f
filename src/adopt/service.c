#include "adopt.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>

#include "released.h"
#include "survey.h"

/* While another manager runs: what it manages may change, and another may have started. */
#define LOOK_AGAIN (5 * USEC_PER_SEC)
/* While none does: one may be started. */
#define LOOK_RARELY (60 * USEC_PER_SEC)

/* A manager that runs, and the event of its end. */
struct watched {
	struct manager manager;
	sd_event_source *end;
};

struct adopt_service {
	struct core *core;
	struct adopt_config config;
	char *resolv_conf;
	struct watched watched[MANAGERS_MAX];
	size_t watched_count;
	struct manager ended[MANAGERS_MAX]; /* of those that were watched, the last */
	size_t ended_count;
	sd_event_source *again;	   /* a look while managers run */
	sd_event_source *deferred; /* a manager ended */
};

static int on_again(sd_event_source *source, uint64_t usec, void *userdata);
static int on_deferred(sd_event_source *source, void *userdata);

int adopt_service_new(struct adopt_service **ret, struct core *core,
		      const struct adopt_config *config)
{
	_cleanup_(adopt_service_cleanup) struct adopt_service *service =
		calloc(1, sizeof(*service));

	if (!service)
		return -ENOMEM;
	service->core = core;
	service->config = *config;
	service->resolv_conf = strdup(config->resolv_conf);
	if (!service->resolv_conf)
		return -ENOMEM;
	*ret = TAKE_PTR(service);
	return 0;
}

static void forget_managers(struct adopt_service *service)
{
	for (size_t i = 0; i < service->watched_count; i++)
		sd_event_source_disable_unref(service->watched[i].end);
	service->watched_count = 0;
}

void adopt_service_free(struct adopt_service *service)
{
	forget_managers(service);
	sd_event_source_disable_unref(service->again);
	sd_event_source_disable_unref(service->deferred);
	free(service->resolv_conf);
	free(service);
}

/* ---- managers that run ---- */

static int on_manager_end(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct adopt_service *service = userdata;
	int r;

	sd_event_source_set_enabled(source, SD_EVENT_OFF);
	r = service->deferred ? sd_event_source_set_enabled(service->deferred, SD_EVENT_ONESHOT)
			      : sd_event_add_defer(core_event(service->core), &service->deferred,
						   on_deferred, service);
	if (r < 0)
		log_error("cannot look at what a manager left: %s", strerror(-r));
	return 0;
}

static bool is_known(const struct watched *known, size_t count, const struct manager *manager)
{
	for (size_t i = 0; i < count; i++)
		if (known[i].manager.pid == manager->pid)
			return true;
	return false;
}

static void tell_of(struct core *core, const struct manager *manager)
{
	char command[128];

	manager_stop_command(manager, command, sizeof(command));
	core_publish(core, "manager.running",
		     json_pack("{s:s,s:i,s:s}", "name", manager_name(manager), "pid",
			       (int)manager->pid, "command", command),
		     "%s runs (pid %d): its links are left alone, but for those in intent; stop it "
		     "with: "
		     "%s",
		     manager_name(manager), (int)manager->pid, command);
}

/* Its end is an event: a look every few seconds would find it late. */
static void watch_end(struct adopt_service *service, struct watched *watched)
{
	int fd = pidfd_open(watched->manager.pid, 0), r;

	if (fd < 0)
		return; /* it has ended, or the kernel cannot tell: the next look does */
	r = sd_event_add_io(core_event(service->core), &watched->end, fd, EPOLLIN, on_manager_end,
			    service);
	if (r < 0 || sd_event_source_set_io_fd_own(watched->end, true) < 0) {
		close(fd);
		watched->end = sd_event_source_disable_unref(watched->end);
	}
}

static void arm_again(struct adopt_service *service)
{
	usec_t pause = service->watched_count ? LOOK_AGAIN : LOOK_RARELY;
	usec_t when = usec_add(clock_boottime_usec(), pause);
	int r;

	if (!service->again) {
		r = sd_event_add_time(core_event(service->core), &service->again, CLOCK_BOOTTIME,
				      when, USEC_PER_SEC, on_again, service);
	} else {
		r = sd_event_source_set_time(service->again, when);
		if (r >= 0)
			r = sd_event_source_set_enabled(service->again, SD_EVENT_ONESHOT);
	}
	if (r < 0)
		log_error("cannot look at other managers again: %s", strerror(-r));
}

static void remember_ended(struct adopt_service *service, const struct watched *known,
			   size_t known_count)
{
	for (size_t i = 0; i < known_count; i++) {
		if (is_known(service->watched, service->watched_count, &known[i].manager))
			continue;
		if (service->ended_count == MANAGERS_MAX)
			memmove(service->ended, service->ended + 1,
				--service->ended_count * sizeof(service->ended[0]));
		service->ended[service->ended_count++] = known[i].manager;
	}
}

static void look_for_managers(struct adopt_service *service)
{
	struct watched known[MANAGERS_MAX];
	struct manager found[MANAGERS_MAX];
	size_t known_count = service->watched_count, count = managers_scan(found);

	memcpy(known, service->watched, sizeof(known));
	forget_managers(service);
	for (size_t i = 0; i < count; i++) {
		struct watched *watched = &service->watched[service->watched_count++];

		*watched = (struct watched){.manager = found[i]};
		watch_end(service, watched);
		if (!is_known(known, known_count, &found[i]))
			tell_of(service->core, &found[i]);
	}
	remember_ended(service, known, known_count);
	arm_again(service);
}

bool adopt_leaves_alone(const struct link *link, void *userdata)
{
	struct adopt_service *service = userdata;

	for (size_t i = 0; i < service->watched_count; i++)
		if (manager_manages(&service->watched[i].manager, link))
			return true;
	return released_is_known(service->core, link->name);
}

static json_t *links_of(const struct adopt_service *service, const struct manager *manager)
{
	_cleanup_json_ json_t *list = json_array();
	const struct link *link = NULL;

	while ((link = observed_next_link(core_observed(service->core), link)))
		if (manager_manages(manager, link) &&
		    json_array_append_new(list,
					  json_text_from_bytes(link->name, strlen(link->name))) < 0)
			return NULL;
	return TAKE_PTR(list);
}

json_t *adopt_managers(const struct adopt_service *service)
{
	_cleanup_json_ json_t *list = json_array();

	for (size_t i = 0; i < service->watched_count; i++) {
		const struct manager *manager = &service->watched[i].manager;
		char command[128];
		json_t *entry =
			json_pack("{s:s,s:i,s:s,s:o,s:s*}", "name", manager_name(manager), "pid",
				  (int)manager->pid, "command",
				  manager_stop_command(manager, command, sizeof(command)), "links",
				  links_of(service, manager), "note", manager_note(manager));

		if (json_array_append_new(list, entry) < 0)
			return NULL;
	}
	return TAKE_PTR(list);
}

/* ---- adoption ---- */

static bool is_configured(const struct core *core, const struct link *link)
{
	char id[IFNAMSIZ + 8];

	snprintf(id, sizeof(id), "link/%s", link->name);
	if (core_resource(core, id))
		return true;
	snprintf(id, sizeof(id), "dhcp/%s", link->name);
	return core_resource(core, id);
}

static bool is_named(const struct adopt_request *request, const struct link *link)
{
	for (size_t i = 0; i < request->links_count; i++)
		if (strcmp(request->links[i], link->name) == 0)
			return true;
	return false;
}

/* Made by somebody, or a part of what somebody made: only by name. */
static bool is_found(const struct link *link)
{
	return !link->master &&
	       (link->kind == LINK_ETHERNET || link->kind == LINK_VETH || link->kind == LINK_WIFI);
}

static bool is_wanted(const struct adopt_service *service, const struct adopt_request *request,
		      const struct link *link)
{

	if (link->kind == LINK_LOOPBACK || is_configured(service->core, link) ||
	    !spec_link_name_valid(link->name))
		return false;
	/* What was given up stays so until somebody asks. */
	if (!request->asked && released_is_known(service->core, link->name))
		return false;
	return request->links ? is_named(request, link) : is_found(link);
}

static int check_names(const struct adopt_service *service, const struct adopt_request *request,
		       struct error *error)
{
	for (size_t i = 0; i < request->links_count; i++)
		if (!observed_link_by_name(core_observed(service->core), request->links[i]))
			return error_set(error, ERROR_LINK_UNKNOWN, "links",
					 "there is no interface '%s'", request->links[i]);
	return 0;
}

static int survey_all(const struct adopt_service *service, const struct adopt_request *request,
		      struct survey *survey, struct error *error)
{
	const struct link *link = NULL;
	int r = check_names(service, request, error);

	while (r >= 0 && (link = observed_next_link(core_observed(service->core), link)))
		if (is_wanted(service, request, link))
			r = survey_link(survey, link, error);
	if (r >= 0 && survey->links_count)
		r = survey_rules(survey, error);
	return r < 0 ? r : survey_resolvers(survey, error);
}

/* Nothing could be taken since somebody else manages it: that is no success. */
static int refuse_running(const struct adopt_service *service, const struct survey *survey,
			  struct error *error)
{
	const struct manager *manager = &service->watched[0].manager;
	char command[128];
	int r;

	if (survey->links_count || !service->watched_count || !json_array_size(survey->left))
		return 0;
	r = error_set(error, ERROR_MANAGER_RUNNING, NULL,
		      "%s (pid %d) still runs, and two managers would fight", manager_name(manager),
		      (int)manager->pid);
	error_hint(error, "stop it with: %s",
		   manager_stop_command(manager, command, sizeof(command)));
	return r;
}

static int leases_keep(struct core *core, const struct survey *survey, struct error *error)
{
	for (size_t i = 0; i < survey->leases_count; i++)
		if (store_put(core_store(core), "lease", survey->leases[i].key,
			      survey->leases[i].json) < 0)
			return error_set(error, ERROR_STORE_FAILED, NULL,
					 "a lease could not be kept");
	return 0;
}

static void leases_forget(struct core *core, const struct survey *survey)
{
	for (size_t i = 0; i < survey->leases_count; i++)
		if (store_delete(core_store(core), "lease", survey->leases[i].key) < 0)
			log_warning("a lease that was not adopted could not be forgotten");
}

static void remember_links(struct core *core, const struct survey *survey)
{
	for (size_t i = 0; i < survey->links_count; i++) {
		const struct link *link = observed_link(core_observed(core), survey->links[i]);

		if (link)
			released_remember(core, link->name);
	}
}

/* The leases come first: the DHCP clients, which the transaction starts, ask for them. */
static int take(struct adopt_service *service, const struct adopt_request *request,
		const struct survey *survey, struct outcome *outcome, struct error *error)
{
	struct core *core = service->core;
	int r = request->dry_run ? 0 : leases_keep(core, survey, error);

	if (r >= 0)
		r = transaction_run(core, survey->proposal, request->dry_run, outcome, error);
	if (request->dry_run)
		return r;
	if (r < 0) {
		leases_forget(core, survey);
		return r;
	}
	remember_links(core, survey);
	if (survey->links_count)
		core_publish(core, "adopt.taken",
			     json_pack("{s:I,s:i}", "transaction", (json_int_t)outcome->transaction,
				       "links", (int)survey->links_count),
			     "%zu links adopted as they are, with %zu leases; %zu changes",
			     survey->links_count, survey->leases_count,
			     json_array_size(outcome->steps));
	return 0;
}

static json_t *answer(const struct adopt_service *service, const struct survey *survey,
		      const struct outcome *outcome)
{
	_cleanup_json_ json_t *json =
		json_pack("{s:s,s:O,s:O,s:O,s:o*}", "state", transaction_state_text(outcome->state),
			  "taken", survey->taken, "left", survey->left, "changes", outcome->steps,
			  "managers", adopt_managers(service));

	if (outcome->transaction &&
	    json_put(json, "transaction", json_integer((json_int_t)outcome->transaction)) < 0)
		return NULL;
	return TAKE_PTR(json);
}

static int run(struct adopt_service *service, const struct adopt_request *request, json_t **ret,
	       struct error *error)
{
	_cleanup_proposal_ struct proposal proposal;
	_cleanup_outcome_ struct outcome outcome = {0};
	_cleanup_(survey_clear) struct survey survey = {
		.core = service->core,
		.proposal = &proposal,
		.resolv_conf = service->resolv_conf,
		.asked = request->asked,
		.while_running = request->while_running,
		.taken = json_array(),
		.left = json_array(),
	};
	struct manager managers[MANAGERS_MAX];
	int r;

	for (size_t i = 0; i < service->watched_count; i++)
		managers[i] = service->watched[i].manager;
	survey.managers = managers;
	survey.managers_count = service->watched_count;
	survey.ended = service->ended;
	survey.ended_count = service->ended_count;
	proposal_init(&proposal, "net.adopt");
	proposal.provenance = request->provenance;
	r = survey_all(service, request, &survey, error);
	if (r >= 0 && request->asked && !request->dry_run)
		r = refuse_running(service, &survey, error);
	if (r >= 0)
		r = take(service, request, &survey, &outcome, error);
	if (r < 0 || !ret)
		return r;
	*ret = answer(service, &survey, &outcome);
	return *ret ? 0 : error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot tell");
}

int adopt_run(struct adopt_service *service, const struct adopt_request *request, json_t **ret,
	      struct error *error)
{
	look_for_managers(service);
	return run(service, request, ret, error);
}

/* ---- by itself ---- */

/* Has any link an address that we did not make? */
static bool anything_found(const struct core *core)
{
	const struct observed *observed = core_observed(core);
	const struct address *address = NULL;

	while ((address = observed_next_address(observed, address))) {
		const struct link *link = observed_link(observed, address->link);

		if (link && is_found(link) && address->protocol != AIOSNET_PROTOCOL &&
		    !ip_address_is_link_local(&address->prefix.address) &&
		    !is_configured(core, link))
			return true;
	}
	return false;
}

/* One by one after a failure of all: what is refused must not keep the others out. */
static void adopt_what_is_there(struct adopt_service *service, const char *why)
{
	struct adopt_request request = {.provenance = {.owner = "adopt"}};
	const char *names[SURVEY_LINKS_MAX];
	struct error error;
	size_t count = 0;
	const struct link *link = NULL;

	text_copy(request.provenance.reason, sizeof(request.provenance.reason), why);
	if (run(service, &request, NULL, &error) >= 0)
		return;
	core_publish(service->core, "adopt.failed", NULL, "not all could be adopted: %s",
		     error.message);
	while (count < SURVEY_LINKS_MAX &&
	       (link = observed_next_link(core_observed(service->core), link)))
		if (is_found(link))
			names[count++] = link->name;
	for (size_t i = 0; i < count; i++) {
		request.links = &names[i];
		request.links_count = 1;
		if (run(service, &request, NULL, &error) < 0)
			log_warning("%s is not adopted: %s", names[i], error.message);
	}
}

void adopt_service_start(struct adopt_service *service)
{
	bool found = anything_found(service->core);

	if (!service->config.automatic)
		return;
	if (found || managers_are_likely())
		look_for_managers(service);
	else
		arm_again(service);
	if (found)
		adopt_what_is_there(service, "found at the start");
}

static void look(struct adopt_service *service, const char *why)
{
	look_for_managers(service);
	if (service->config.automatic && anything_found(service->core))
		adopt_what_is_there(service, why);
	service->config.changed(service->config.userdata);
}

static int on_again(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct adopt_service *service = userdata;

	if (service->watched_count || managers_are_likely())
		look(service, "a manager does not manage it any more");
	else
		arm_again(service);
	return 0;
}

static int on_deferred(sd_event_source *source, void *userdata)
{
	struct adopt_service *service = userdata;

	core_publish(service->core, "manager.ended", NULL,
		     "a manager of the network has ended; what it left is taken over");
	look(service, "left by a manager that has ended");
	return 0;
}
