/* Resource type `firewall_rule`: what somebody allows or denies. */
#include "policy_type.h"
#include "service.h"

/* The kernel counts in milliseconds from when it was told, and the clock may have been set. */
#define TIME_TOLERANCE (2 * USEC_PER_SEC)

static struct firewall_service *service_of(struct core *core)
{
	return core_type_userdata(core, &firewall_rule_type);
}

static int rule_observe(struct core *core, const void *wanted, void *ret_spec)
{
	struct firewall_rule_spec *ret = ret_spec;

	*ret = *(const struct firewall_rule_spec *)wanted;
	return firewall_has_rule(service_of(core), wanted, &ret->expires);
}

static bool rule_satisfied(const void *wanted, const void *observed)
{
	const struct firewall_rule_spec *w = wanted, *o = observed;
	usec_t apart = w->expires > o->expires ? w->expires - o->expires : o->expires - w->expires;

	return firewall_rule_same(w, o) && w->keep_established == o->keep_established &&
	       (w->expires == o->expires || (w->expires && o->expires && apart <= TIME_TOLERANCE));
}

static int rule_apply(struct core *core, const void *before, const void *after, struct error *error)
{
	return firewall_change_rule(service_of(core), before, after, error);
}

const struct resource_type firewall_rule_type = {
	.name = "firewall_rule",
	.order = 3,
	.spec_size = sizeof(struct firewall_rule_spec),
	.parse = firewall_rule_parse,
	.print = firewall_rule_print,
	.key = firewall_rule_key,
	.observe = rule_observe,
	.satisfied = rule_satisfied,
	.apply = rule_apply,
};
