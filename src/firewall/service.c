#include "service.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "compare.h"
#include "cut.h"
#include "decode.h"
#include "encode.h"
#include "field.h"
#include "policy_type.h"
#include "rails.h"

#define ATTEMPTS 3 /* of a batch that another writer came before */

struct firewall_service {
	struct core *core;
	struct firewall_config config;
	struct netfilter *netfilter;
	struct netfilter_watch *watch;
	struct live live;
	struct firewall_policy policy; /* that was loaded last */
	bool loaded;
	uint32_t look; /* number of the look at the kernel: what was seen before it may be gone */
	bool dumped;   /* at this look, all sets were read */
};

struct netfilter *firewall_netfilter(struct firewall_service *service)
{
	return service->netfilter;
}

const struct live *firewall_live(const struct firewall_service *service)
{
	return &service->live;
}

const struct firewall_policy *firewall_policy(const struct firewall_service *service)
{
	return &service->policy;
}

bool firewall_is_loaded(const struct firewall_service *service)
{
	return service->loaded;
}

static void look_anew(struct firewall_service *service)
{
	service->look++;
	service->dumped = false;
}

/* ---- to the kernel ---- */

static int refused(int r, const struct netfilter_refusal *refusal, struct error *error)
{
	enum error_code code = r == -ENOMEM	  ? ERROR_OUT_OF_MEMORY
			       : r == -EOPNOTSUPP ? ERROR_KERNEL_UNSUPPORTED
						  : ERROR_KERNEL_REFUSED;

	return error_set(error, code, NULL, "the kernel refused the firewall's change: %s%s%s",
			 strerror(-r), refusal->words[0] ? ": " : "", refusal->words);
}

static int need_kernel(const struct firewall_service *service, struct error *error)
{
	int r;

	if (service->netfilter)
		return 0;
	r = error_set(error, ERROR_KERNEL_UNSUPPORTED, NULL, "this kernel has no nf_tables");
	error_hint(error, "it is CONFIG_NF_TABLES, and CONFIG_NF_TABLES_INET");
	return r;
}

static int commit(struct firewall_service *service, const struct netfilter_batch *batch,
		  struct netfilter_refusal *refusal)
{
	int r = -EAGAIN;

	for (unsigned i = 0; r == -EAGAIN && i < ATTEMPTS; i++)
		r = netfilter_commit(service->netfilter, batch, 0, refusal);
	return r;
}

int firewall_wanted(struct firewall_service *service, const struct firewall_policy *policy,
		    struct ruleset *ret)
{
	_cleanup_ruleset_ struct ruleset ruleset = {0};
	int r = policy_ruleset(policy, geteuid(), &ruleset);

	if (r >= 0)
		r = live_add_rules(&service->live, &ruleset);
	if (r < 0)
		return r;
	*ret = ruleset;
	ruleset = (struct ruleset){0};
	return 0;
}

/* What intent has, and what is on its way there: at a start nothing of it is live yet. */
static int take_intent(struct firewall_service *service)
{
	const struct resource *resource = NULL;
	int r = 0;

	while (r >= 0 &&
	       (resource = core_next_of_type(service->core, &firewall_rule_type, resource))) {
		const struct firewall_rule_spec *spec =
			(const struct firewall_rule_spec *)resource->spec;

		if (!live_has(&service->live, spec))
			r = live_add(&service->live, spec, NULL);
	}
	return r;
}

static int encode_all(struct firewall_service *service, const struct firewall_policy *policy,
		      struct netfilter_batch *batch)
{
	_cleanup_ruleset_ struct ruleset ruleset = {0};
	int r = take_intent(service);

	if (r >= 0)
		r = firewall_wanted(service, policy, &ruleset);
	if (r >= 0)
		r = ruleset_encode(&ruleset, batch);
	if (r >= 0)
		live_encode(&service->live, batch);
	return r;
}

int firewall_load(struct firewall_service *service, const struct firewall_policy *policy,
		  struct error *error)
{
	_cleanup_batch_ struct netfilter_batch batch = {0};
	struct netfilter_refusal refusal = {0};
	bool off = policy->mode == FIREWALL_OFF;
	int r = need_kernel(service, error);

	if (r < 0)
		return r;
	r = off ? ruleset_encode_removal(FIREWALL_TABLE, &batch)
		: encode_all(service, policy, &batch);
	if (r >= 0)
		r = commit(service, &batch, &refusal);
	if (r < 0)
		return refused(r, &refusal, error);
	service->loaded = !off;
	service->policy = *policy;
	look_anew(service);
	return 0;
}

/* ---- rules ---- */

static int change_kernel(struct firewall_service *service, struct live_change *change,
			 struct netfilter_refusal *refusal)
{
	_cleanup_ruleset_ struct ruleset ruleset = {0};
	int r = change->chains ? firewall_wanted(service, &service->policy, &ruleset) : 0;

	if (r >= 0 && change->chains)
		r = ruleset_encode_rules(&ruleset, &change->batch);
	return r < 0 ? r : commit(service, &change->batch, refusal);
}

/* A denial, and the end of a permission, are also about connections that stand. The rule itself is
 * in the kernel by then, and stays: what could not be cut is told. */
static void cut_what_ended(struct firewall_service *service,
			   const struct firewall_rule_spec *before,
			   const struct firewall_rule_spec *after)
{
	const struct firewall_rule_spec *rule = NULL;
	int r;

	if (after && after->action == ACTION_DENY && !after->keep_established)
		rule = after;
	else if (before && !after && before->action == ACTION_ALLOW && !before->keep_established)
		rule = before;
	if (!rule || !service->loaded)
		return;
	r = firewall_cut(service, service->core, rule);
	if (r < 0)
		core_publish(service->core, "firewall.not_cut", NULL,
			     "connections that a rule ended may live on: %s", strerror(-r));
	else if (r > 0)
		core_publish(service->core, "firewall.cut", json_pack("{s:i}", "connections", r),
			     "%d connections were cut: what let them in has ended", r);
}

int firewall_change_rule(struct firewall_service *service, const struct firewall_rule_spec *before,
			 const struct firewall_rule_spec *after, struct error *error)
{
	_cleanup_live_change_ struct live_change change = {0};
	struct netfilter_refusal refusal = {0};
	bool adds;
	int r = need_kernel(service, error);

	if (r < 0)
		return r;
	if (before)
		r = live_remove(&service->live, before, &change);
	adds = r >= 0 && after && !live_has(&service->live, after);
	if (adds)
		r = live_add(&service->live, after, &change);
	else if (r >= 0 && after)
		live_repeat(&service->live, after, &change);
	if (r >= 0 && service->loaded)
		r = change_kernel(service, &change, &refusal);
	/* The table is gone: somebody flushed it. It comes back with all that stands in it. */
	if (r == -ENOENT)
		return firewall_load(service, &service->policy, error);
	if (r >= 0) {
		cut_what_ended(service, before, after);
		return 0;
	}
	if (adds && live_has(&service->live, after))
		(void)live_remove(&service->live, after, NULL);
	if (before && live_add(&service->live, before, NULL) < 0)
		r = -ENOMEM;
	return refused(r, &refusal, error);
}

/* ---- what the kernel has ---- */

struct marking {
	struct firewall_service *service;
	unsigned set;
};

static int mark(const struct set_element *kernel, void *userdata)
{
	struct marking *marking = userdata;
	struct live_element *element = live_find(&marking->service->live, marking->set, kernel);

	if (element)
		element->seen = marking->service->look;
	return 0;
}

/* All sets at once are read faster than a hundred elements one by one. */
static void look_at_sets(struct firewall_service *service)
{
	char name[RULESET_NAME_MAX];
	int r = 0;

	for (unsigned set = 0; r >= 0 && set < LIVE_SETS; set++) {
		struct marking marking = {.service = service, .set = set};

		r = netfilter_each_element(service->netfilter, FIREWALL_TABLE,
					   live_set_name(set, name), mark, &marking);
	}
	/* What was not seen so is asked for one by one. */
	service->dumped = true;
}

struct seeing {
	struct firewall_service *service;
	usec_t expires;
};

static int see(struct live_element *element, const struct set_element *kernel, void *userdata)
{
	struct seeing *seeing = userdata;
	char name[RULESET_NAME_MAX];
	struct set_element found;
	bool ended = element->expires && element->expires < clock_realtime_usec();
	int r = 1;

	/* What the kernel let expire is there until its rule is removed: then what stands is cut.
	 */
	if (!ended && element->seen != seeing->service->look)
		r = netfilter_get_element(seeing->service->netfilter, FIREWALL_TABLE,
					  live_set_name(element->set, name), kernel, &found);
	if (r > 0)
		element->seen = seeing->service->look;
	seeing->expires = element->expires;
	return r;
}

int firewall_has_rule(struct firewall_service *service, const struct firewall_rule_spec *spec,
		      usec_t *ret_expires)
{
	struct seeing seeing = {.service = service};
	int r;

	*ret_expires = spec->expires;
	/* Elements that another rule holds go with that one. */
	if (!live_has(&service->live, spec))
		return 0;
	if (!service->loaded)
		return 1;
	/* The chains are compared as a whole, with the policy. */
	if (live_has_in_place(&service->live, spec))
		return 1;
	if (!service->dumped)
		look_at_sets(service);
	r = live_each(&service->live, spec, see, &seeing);
	*ret_expires = seeing.expires;
	return r;
}

int firewall_compare(struct firewall_service *service, const struct firewall_policy *policy)
{
	_cleanup_ruleset_ struct ruleset wanted = {0}, read = {0};
	int r;

	if (!service->netfilter)
		return 0;
	r = ruleset_decode(service->netfilter, NFPROTO_INET, FIREWALL_TABLE, &read);
	if (r <= 0) {
		service->loaded = r < 0 && service->loaded;
		return r;
	}
	service->loaded = true;
	if (policy->mode == FIREWALL_OFF)
		return 2;
	r = take_intent(service);
	if (r >= 0)
		r = firewall_wanted(service, policy, &wanted);
	if (r < 0)
		return r;
	if (!ruleset_equal(&wanted, &read))
		return 2;
	r = ruleset_has_elements(service->netfilter, &wanted, "management");
	if (r <= 0)
		return r < 0 ? r : 2;
	service->policy = *policy;
	return 1;
}

int firewall_read(struct firewall_service *service, struct ruleset *ret)
{
	if (!service->netfilter)
		return 0;
	return ruleset_decode(service->netfilter, NFPROTO_INET, FIREWALL_TABLE, ret);
}

/* ---- hits ---- */

struct hit_count {
	struct firewall_service *service;
	struct rule_hits *hits;
};

static int add_hits(struct live_element *element, const struct set_element *kernel, void *userdata)
{
	struct hit_count *counting = userdata;
	struct rule_hits *hits = counting->hits;
	char name[RULESET_NAME_MAX];
	struct set_element found;
	int r = netfilter_get_element(counting->service->netfilter, FIREWALL_TABLE,
				      live_set_name(element->set, name), kernel, &found);

	if (r <= 0)
		return r;
	hits->packets += found.packets;
	hits->bytes += found.bytes;
	return 1;
}

static int hits_in_place(struct firewall_service *service, const struct firewall_rule_spec *spec,
			 struct rule_hits *ret)
{
	_cleanup_ruleset_ struct ruleset read = {0}, wanted = {0};
	struct filter_chain *own = ruleset_add_chain(&wanted, "own");
	int r = own ? firewall_rule_in_place(spec, own) : -ENOMEM;

	ret->in_place = true;
	if (r >= 0)
		r = firewall_read(service, &read);
	own = r > 0 ? ruleset_chain(&wanted, "own") : NULL;
	for (size_t i = 0; own && i < read.chain_count; i++)
		for (size_t k = 0; k < read.chains[i].rule_count; k++)
			for (size_t n = 0; n < own->rule_count; n++) {
				const struct filter_rule *rule = &read.chains[i].rules[k];

				if (!filter_rule_equal(rule, &own->rules[n]) ||
				    strcmp(rule->comment, own->rules[n].comment) != 0)
					continue;
				ret->packets += rule->packets;
				ret->bytes += rule->bytes;
			}
	return r;
}

int firewall_hits(struct firewall_service *service, const struct firewall_rule_spec *spec,
		  struct rule_hits *ret)
{
	struct hit_count counting = {.service = service, .hits = ret};

	*ret = (struct rule_hits){0};
	if (!service->loaded)
		return 0;
	if (live_has_in_place(&service->live, spec))
		return hits_in_place(service, spec, ret);
	return live_each(&service->live, spec, add_hits, &counting);
}

/* ---- others ---- */

static void on_changed(const char *name, void *userdata)
{
	struct firewall_service *service = userdata;

	look_anew(service);
	core_look_at_type(service->core, &firewall_policy_type,
			  "another program changed the firewall");
	core_look_at_type(service->core, &firewall_rule_type,
			  "another program changed the firewall");
}

int firewall_service_new(struct firewall_service **ret, struct core *core,
			 const struct firewall_config *config)
{
	_cleanup_(firewall_service_cleanup) struct firewall_service *service =
		calloc(1, sizeof(*service));
	struct firewall_policy none = {.mode = FIREWALL_OFF};
	int r;

	if (!service)
		return -ENOMEM;
	service->core = core;
	service->config = *config;
	service->look = 1;
	r = netfilter_new(&service->netfilter);
	if (r >= 0)
		r = netfilter_watch_new(&service->watch, core_event(core), on_changed, service);
	if (r >= 0)
		r = firewall_compare(service, &none);
	if (r == -EPROTONOSUPPORT || r == -EINVAL || r == -EOPNOTSUPP) {
		if (service->netfilter)
			netfilter_free(TAKE_PTR(service->netfilter));
		r = 0;
	}
	if (r >= 0)
		r = core_register_type(core, &firewall_policy_type, service);
	if (r >= 0)
		r = core_register_type(core, &firewall_rule_type, service);
	if (r >= 0)
		r = firewall_add_rails(core, &service->config);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(service);
	return 0;
}

void firewall_service_free(struct firewall_service *service)
{
	if (service->watch)
		netfilter_watch_free(service->watch);
	if (service->netfilter)
		netfilter_free(service->netfilter);
	live_clear(&service->live);
	free(service);
}
