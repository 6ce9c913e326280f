#include "adopt.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "released.h"
#include "running.h"
#include "survey.h"

struct adopt_service {
	struct core *core;
	struct adopt_config config;
	char *resolv_conf;
	struct running running;
};

static void on_running_changed(bool ended, void *userdata);

int adopt_service_new(struct adopt_service **ret, struct core *core,
		      const struct adopt_config *config)
{
	_cleanup_(adopt_service_cleanup) struct adopt_service *service =
		calloc(1, sizeof(*service));
	int r;

	if (!service)
		return -ENOMEM;
	service->core = core;
	service->config = *config;
	service->resolv_conf = strdup(config->resolv_conf);
	if (!service->resolv_conf)
		return -ENOMEM;
	service->running = (struct running){.core = core,
					    .automatic = config->automatic,
					    .changed = on_running_changed,
					    .userdata = service};
	r = running_init(&service->running);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(service);
	return 0;
}

void adopt_service_free(struct adopt_service *service)
{
	running_clear(&service->running);
	free(service->resolv_conf);
	free(service);
}

/* ---- managers that run ---- */

bool adopt_leaves_alone(const struct link *link, void *userdata)
{
	struct adopt_service *service = userdata;

	return running_manages(&service->running, link) ||
	       released_is_known(service->core, link->name);
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

	for (size_t i = 0; i < service->running.count; i++) {
		const struct manager *manager = &service->running.managers[i];
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

const char *adopt_left_because(const struct adopt_service *service, const struct link *link)
{
	if (is_configured(service->core, link))
		return NULL;
	if (running_manages(&service->running, link))
		return "left to another manager, which runs";
	return released_is_known(service->core, link->name)
		       ? "left as it is: its adoption was undone"
		       : NULL;
}

static bool is_named(const struct adopt_request *request, const struct link *link)
{
	for (size_t i = 0; i < request->links_count; i++)
		if (strcmp(request->links[i], link->name) == 0)
			return true;
	return false;
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
	return request->links ? is_named(request, link) : manager_may_manage(link);
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
	const struct manager *manager = &service->running.managers[0];
	char command[128];
	int r;

	if (survey->links_count || !service->running.count || !json_array_size(survey->left))
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
			     survey->links_count, survey->leases_count, outcome->steps_count);
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

int adopt_survey(struct adopt_service *service, struct proposal *proposal, json_t **ret_taken,
		 struct error *error)
{
	_cleanup_(survey_clear) struct survey survey = {
		.core = service->core,
		.proposal = proposal,
		.resolv_conf = service->resolv_conf,
		.managers = service->running.managers,
		.managers_count = service->running.count,
		.ended = service->running.ended,
		.ended_count = service->running.ended_count,
		.asked = true,
		.while_running = true,
		.taken = json_array(),
		.left = json_array(),
	};
	const struct link *link = NULL;
	int r = 0;

	while (r >= 0 && (link = observed_next_link(core_observed(service->core), link)))
		if (link->kind != LINK_LOOPBACK && spec_link_name_valid(link->name))
			r = survey_link(&survey, link, error);
	if (r >= 0)
		r = survey_rules(&survey, error);
	if (r >= 0)
		*ret_taken = json_incref(survey.taken);
	return r < 0 ? r : 0;
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
		.managers = service->running.managers,
		.managers_count = service->running.count,
		.ended = service->running.ended,
		.ended_count = service->running.ended_count,
		.asked = request->asked,
		.while_running = request->while_running,
		.taken = json_array(),
		.left = json_array(),
	};
	int r;

	proposal_init(&proposal, "net.adopt");
	proposal.provenance = request->provenance;
	proposal.asker = request->asker;
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
	running_look(&service->running);
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

		if (link && manager_may_manage(link) && address->protocol != AIOSNET_PROTOCOL &&
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
		if (manager_may_manage(link))
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
		running_look(&service->running);
	else
		running_wait(&service->running);
	if (found)
		adopt_what_is_there(service, "found at the start");
}

static void on_running_changed(bool ended, void *userdata)
{
	struct adopt_service *service = userdata;

	if (ended)
		core_end_truces(service->core, "another manager has ended");
	if (service->config.automatic && anything_found(service->core))
		adopt_what_is_there(service, ended ? "left by a manager that has ended"
						   : "a manager does not manage it any more");
	service->config.changed(service->config.userdata);
}
