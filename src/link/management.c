#include "management.h"

#include <inttypes.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "sessions.h"
#include "weigh.h"

#define POINTS_MOST 256 /* of a stated prefix, that are looked at */

/* Somebody who must be reached after the change as before. */
struct manager {
	struct correspondent at;
	char words[96];	 /* who it is */
	bool is_stated;	 /* and so must be reached for ever, not until he leaves */
	bool is_strange; /* others speak for him: see is_stranger() */
};

/* What a plan does, from several points of view. */
struct view {
	struct outlook before, after;
	char when[64];		/* that it shows, for a refusal: "" for at once */
	bool is_later;		/* asking him right after the change proves nothing of it */
	enum path_verdict most; /* that it can say */
};

struct judging {
	struct core *core;
	const struct plan *plan;
	struct sessions *sessions;
	struct view now;
	const struct view *view; /* that is judged */
	bool is_proved;		 /* by somebody, if not by all */
	bool knows_some;	 /* who is more than connected */
	struct error *error;
};

/* ---- which steps can do harm ---- */

static bool touches(const struct ip_prefix *destination, const struct ip_prefix *peer)
{
	return destination->length <= peer->length
		       ? ip_prefix_contains(destination, &peer->address)
		       : ip_prefix_contains(peer, &destination->address);
}

static bool has_addresses(const struct observed *observed, const char *name)
{
	const struct link *link = observed_link_by_name(observed, name);
	const struct address *address = NULL;

	while (link && (address = observed_next_address(observed, address)))
		if (address->link == link->index)
			return true;
	return false;
}

/* As boot detection sets a link up, without addresses, it does no harm: that is not weighed, so
 * that nobody asks who is connected. */
static bool link_step_concerns(struct core *core, const struct step *step)
{
	const struct link_spec *before = step->before, *after = step->after;
	const struct observed *observed = core_observed(core);
	unsigned harmless =
		LINK_FIELD_UP | LINK_FIELD_IGNORE_DEAD_ROUTES | LINK_FIELD_PROMOTE_SECONDARIES;

	if (!after || after->settings.fields & ~harmless)
		return true;
	if (after->settings.fields & LINK_FIELD_UP &&
	    (!after->settings.up ||
	     (!(before && before->settings.up) && has_addresses(observed, after->name))))
		return true;
	return (after->settings.fields & LINK_FIELD_IGNORE_DEAD_ROUTES &&
		!after->settings.ignore_dead_routes) ||
	       (after->settings.fields & LINK_FIELD_PROMOTE_SECONDARIES &&
		!after->settings.promote_secondaries);
}

/* Of what is none of ours, such as a resolver, no path depends; of routes only to those that have
 * the peer (NULL: anybody). */
static bool step_concerns(struct core *core, const struct step *step, const struct ip_prefix *peer)
{
	static const struct resource_type *const types[] = {
		&device_type, &port_type, &mtu_type, &setting_type, &address_type, &rule_type,
	};
	const struct route_spec *route = step->after ?: step->before;

	if (step->type == &route_type)
		return !peer || touches(&route->destination, peer);
	if (step->type == &link_type)
		return link_step_concerns(core, step);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (step->type == types[i])
			return true;
	return false;
}

static bool concerns(struct core *core, const struct plan *plan, const struct ip_prefix *peer)
{
	const struct step *step = NULL;

	while ((step = plan_next_any_step(plan, step)))
		if (step_concerns(core, step, peer))
			return true;
	return false;
}

static struct ip_prefix prefix_of(const struct ip_address *address)
{
	return (struct ip_prefix){.address = *address, .length = ip_family_bits(address->family)};
}

/* ---- the counterexample ---- */

/* With the steps up to this one. Where memory is short, the step is not found. */
static enum path_verdict verdict_until(const struct judging *judging, const struct manager *manager,
				       const struct step *until)
{
	const struct view *view = judging->view;
	_cleanup_outlook_ struct outlook after;
	struct finding finding;

	if (outlook_init(&after, judging->core, view->after.plan, until) < 0)
		return PATH_KEPT;
	after.plugged = view->after.plugged;
	weigh(&view->before, &after, &manager->at, &finding);
	return finding.verdict;
}

/* The step after which he is not reached any more, for good: "" where none is found. */
static const char *culprit(const struct judging *judging, const struct manager *manager)
{
	const struct view *view = judging->view;
	const struct ip_prefix peer = prefix_of(&manager->at.remote);
	const struct step *step = NULL, *found = NULL;
	bool was_kept = true;

	while ((step = outlook_next_step(&view->after, step))) {
		bool is_kept;

		if (!step_concerns(judging->core, step, &peer))
			continue;
		is_kept = verdict_until(judging, manager, step) == PATH_KEPT;
		if (was_kept && !is_kept)
			found = step;
		was_kept = is_kept;
	}
	return found ? found->id : "";
}

/* ---- the refusal ---- */

static void hint(const struct judging *judging, const struct finding *finding)
{
	if (finding->verdict == PATH_LOST)
		error_hint(judging->error, "put another way to reach this host into the same "
					   "change, or end the session first");
	else if (plan_asker(judging->plan) == ASKER_ADMINISTRATOR)
		error_hint(
			judging->error,
			"where the peer answers echo requests, the change is proved; else ask "
			"with confirm_within, and confirm it once you are reached by the new way");
	else
		error_hint(judging->error,
			   "where the peer answers echo requests, the change is proved; else keep "
			   "the way that is, or ask an administrator");
}

static int refuse(const struct judging *judging, const struct manager *manager,
		  const struct finding *finding)
{
	char before[PATH_TEXT_MAX], after[PATH_TEXT_MAX];
	bool is_lost = finding->verdict == PATH_LOST;
	int r = error_set(judging->error, is_lost ? ERROR_GUARD_REFUSED : ERROR_GUARD_UNPROVED,
			  NULL, "management.path: %s would %s %s%s; now by %s, then by %s",
			  manager->words, is_lost ? "lose" : "not be known to keep", finding->what,
			  judging->view->when, path_print(&finding->before, before),
			  path_print(&finding->after, after));

	hint(judging, finding);
	error_counterexample(judging->error, "management.path", culprit(judging, manager));
	return r;
}

/* An administrator who says that he will look for himself may go where nobody can see ahead; and
 * what intent says already is made so again, as soon as nobody is at work who would notice. */
static bool may_pass(const struct judging *judging, const struct manager *manager)
{
	if (plan_asker(judging->plan) == ASKER_ADMINISTRATOR &&
	    plan_awaits_confirmation(judging->plan))
		return true;
	if (plan_restores(judging->plan) && (manager->is_stated || manager->is_strange))
		return true;
	return !judging->view->is_later && (plan_is_proved_by(judging->plan, &manager->at.remote) ||
					    (manager->is_strange && judging->is_proved));
}

/* What shows later is no news where it is the way that is now, or that which is judged at once. */
static void weigh_view(const struct judging *judging, const struct manager *manager,
		       struct finding *ret)
{
	const struct outlook *known[] = {&judging->now.before, &judging->now.after};
	const struct view *view = judging->view;

	weigh(&view->before, &view->after, &manager->at, ret);
	for (size_t i = 0; view->is_later && i < ARRAY_SIZE(known); i++) {
		struct finding otherwise;

		if (ret->verdict == PATH_KEPT)
			return;
		weigh(known[i], &view->after, &manager->at, &otherwise);
		if (otherwise.verdict < ret->verdict)
			*ret = otherwise;
	}
	ret->verdict = MIN(ret->verdict, view->most);
}

static int judge(const struct judging *judging, const struct manager *manager)
{
	struct finding finding;

	weigh_view(judging, manager, &finding);
	if (finding.verdict == PATH_KEPT ||
	    (finding.verdict == PATH_UNPROVED && may_pass(judging, manager)))
		return 0;
	return refuse(judging, manager, &finding);
}

/* ---- who is connected ---- */

/* Where peers were stated, they speak for all. */
static bool is_stranger(const struct judging *judging, const struct session *session)
{
	const struct sessions *sessions = judging->sessions;
	bool any = false;

	for (unsigned i = 0; i < sessions->stated_count; i++) {
		const struct ip_prefix *peer = &sessions->stated[i].peer;

		if (ip_address_is_set(&peer->address) && ip_prefix_contains(peer, &session->remote))
			return false;
		any |= ip_address_is_set(&peer->address);
	}
	return any || !session_is_at_work(session);
}

/* A stranger at the door does not keep an administrator from anything, as long as it is known who
 * else manages this host; an agent is held to all. */
static bool may_be_left(const struct judging *judging, const struct session *session)
{
	return judging->knows_some && !session_is_at_work(session) &&
	       plan_asker(judging->plan) != ASKER_AGENT;
}

static int judge_session(const struct judging *judging, const struct session *session)
{
	const struct link *link = observed_link(core_observed(judging->core), session->link);
	struct manager manager = {.at = {.local = session->local, .remote = session->remote},
				  .is_strange = is_stranger(judging, session)};
	const struct ip_prefix remote = prefix_of(&session->remote);
	char text[IP_ADDRESS_TEXT_MAX];

	if (!concerns(judging->core, judging->plan, &remote) || may_be_left(judging, session))
		return 0;
	if (link)
		memcpy(manager.at.link, link->name, sizeof(manager.at.link));
	snprintf(manager.words, sizeof(manager.words), "%s connected to port %u",
		 ip_address_print(&session->remote, text), session->port);
	return judge(judging, &manager);
}

/* ---- who was stated ---- */

static int judge_point(const struct judging *judging, const struct ip_prefix *stated,
		       const struct ip_address *address)
{
	struct manager manager = {.at = {.remote = *address}, .is_stated = true};
	const struct ip_prefix point = prefix_of(address);
	char text[IP_PREFIX_TEXT_MAX];

	if (!concerns(judging->core, judging->plan, &point))
		return 0;
	snprintf(manager.words, sizeof(manager.words), "the stated peer %s",
		 ip_prefix_print(stated, text));
	return judge(judging, &manager);
}

/* The part of the stated prefix that the step treats apart from the rest. */
static const struct ip_prefix *step_part(const struct step *step)
{
	const struct route_spec *route = step->after ?: step->before;
	const struct address_spec *address = step->after ?: step->before;
	const struct rule_spec *rule = step->after ?: step->before;

	if (step->type == &route_type)
		return &route->destination;
	if (step->type == &address_type)
		return &address->prefix;
	return step->type == &rule_type ? &rule->to : NULL;
}

static int too_many_parts(const struct judging *judging, const struct ip_prefix *stated)
{
	char text[IP_PREFIX_TEXT_MAX];
	int r = error_set(judging->error, ERROR_GUARD_UNPROVED, NULL,
			  "management.path: more than %d parts of the stated %s would change",
			  POINTS_MOST, ip_prefix_print(stated, text));

	error_hint(judging->error, "change less at once");
	error_counterexample(judging->error, "management.path", "");
	return r;
}

static int judge_stated(const struct judging *judging, const struct ip_prefix *stated)
{
	const struct step *step = NULL;
	unsigned count = 0;
	int r = judge_point(judging, stated, &stated->address);

	while (r >= 0 && (step = plan_next_any_step(judging->plan, step))) {
		const struct ip_prefix *part = step_part(step);
		struct ip_prefix network;

		if (!part || part->length <= stated->length ||
		    !ip_prefix_contains(stated, &part->address))
			continue;
		if (count++ == POINTS_MOST)
			return too_many_parts(judging, stated);
		network = ip_prefix_network(part);
		r = judge_point(judging, stated, &network.address);
	}
	return r;
}

/* ---- from several points of view ---- */

/* Who manages the host, as far as it matters for the others. */
static void look_at_managers(struct judging *judging)
{
	const struct sessions *sessions = judging->sessions;

	for (unsigned i = 0; i < sessions->count; i++) {
		judging->is_proved |= plan_is_proved_by(judging->plan, &sessions->list[i].remote);
		judging->knows_some |= session_is_at_work(&sessions->list[i]);
	}
	for (unsigned i = 0; i < sessions->stated_count; i++) {
		const struct ip_address *peer = &sessions->stated[i].peer.address;

		judging->is_proved |= plan_is_proved_by(judging->plan, peer);
		judging->knows_some |= ip_address_is_set(peer);
	}
}

static int judge_all(const struct judging *judging)
{
	const struct sessions *sessions = judging->sessions;
	int r = 0;

	for (unsigned i = 0; r >= 0 && i < sessions->count; i++)
		r = judge_session(judging, &sessions->list[i]);
	for (unsigned i = 0; r >= 0 && i < sessions->stated_count; i++)
		if (ip_address_is_set(&sessions->stated[i].peer.address))
			r = judge_stated(judging, &sessions->stated[i].peer);
	return r;
}

static int no_memory(struct error *error)
{
	return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "management.path cannot be judged");
}

static int view_init(const struct judging *judging, const struct plan *before,
		     const struct plan *after, struct view *ret)
{
	int r = outlook_init(&ret->before, judging->core, before, NULL);

	if (r >= 0)
		r = outlook_init(&ret->after, judging->core, after, NULL);
	return r < 0 ? no_memory(judging->error) : 0;
}

static void view_clear(struct view *view)
{
	outlook_clear(&view->before);
	outlook_clear(&view->after);
}

static int judge_now(struct judging *judging)
{
	int r = view_init(judging, NULL, judging->plan, &judging->now);

	judging->now.most = PATH_LOST;
	judging->view = &judging->now;
	return r < 0 ? r : judge_all(judging);
}

static int judge_plugged(struct judging *judging)
{
	_cleanup_(view_clear) struct view view = {.when = " once its cable is in",
						  .is_later = true,
						  .most = PATH_UNPROVED};
	int r = view_init(judging, NULL, judging->plan, &view);

	view.before.plugged = view.after.plugged = true;
	judging->view = &view;
	return r < 0 ? r : judge_all(judging);
}

/* Ends with 1 where it is refused. */
static int judge_withdrawn(const struct plan *withdrawal, const struct plan *both, uint64_t number,
			   void *userdata)
{
	struct judging *judging = userdata;
	_cleanup_(view_clear) struct view view = {.is_later = true, .most = PATH_LOST};
	int r = view_init(judging, withdrawal, both, &view);

	if (number)
		snprintf(view.when, sizeof(view.when),
			 " once transaction %" PRIu64 " is taken back", number);
	else
		snprintf(view.when, sizeof(view.when),
			 " once what awaits confirmation is taken back");
	judging->view = &view;
	return r < 0 || judge_all(judging) < 0;
}

static int judge_withdrawals(struct judging *judging)
{
	int r = plan_each_withdrawal(judging->plan, judge_withdrawn, judging);

	if (r > 0)
		return error_code_errno(judging->error->code);
	return r < 0 ? error_set(judging->error, ERROR_GUARD_REFUSED, NULL,
				 "management.path: what awaits confirmation could not be read: %s",
				 strerror(-r))
		     : 0;
}

static int management_judge(struct judging *judging)
{
	int r;

	look_at_managers(judging);
	r = judge_now(judging);
	if (r >= 0)
		r = judge_plugged(judging);
	if (r >= 0)
		r = judge_withdrawals(judging);
	view_clear(&judging->now);
	return r;
}

/* ---- the guard rail ---- */

/* Who is connected is asked only where it matters: the kernel walks a table of all connections. */
static int management_check(struct core *core, const struct plan *plan, void *userdata,
			    struct error *error)
{
	struct judging judging = {.core = core, .plan = plan, .sessions = userdata, .error = error};
	int r;

	if (!concerns(core, plan, NULL))
		return 0;
	r = sessions_refresh(judging.sessions, SESSIONS_FRESH);
	if (r < 0)
		return error_set(error, ERROR_GUARD_REFUSED, NULL,
				 "management.path: who is connected could not be read: %s",
				 strerror(-r));
	if (!judging.sessions->count && !judging.sessions->stated_count)
		return 0;
	return management_judge(&judging);
}

int management_guard_add(struct core *core, const struct link_manager_config *config,
			 struct sessions **ret)
{
	struct sessions *sessions = calloc(1, sizeof(*sessions));
	const struct guard_rail guard = {
		.name = "management.path",
		.summary = "Nobody who is connected to a management port, or was stated, loses the "
			   "address, link, rule or route that he is reached by",
		.check = management_check,
		.userdata = sessions,
	};
	int r = sessions ? core_add_guard_rail(core, &guard) : -ENOMEM;

	if (sessions)
		sessions->config = config;
	if (r < 0)
		free(sessions);
	else
		*ret = sessions;
	return r;
}
