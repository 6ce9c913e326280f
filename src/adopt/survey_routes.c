/*
 * Routes and rules that somebody made by hand or by configuration. Those of the kernel itself, of
 * router advertisements and of routing daemons are theirs.
 */
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "survey.h"

#define RULE_LOCAL   0
#define RULE_MAIN    32766
#define RULE_DEFAULT 32767

static bool is_configured(const struct route *route)
{
	static const uint8_t protocols[] = {RTPROT_BOOT, RTPROT_STATIC, RTPROT_DHCP};

	for (unsigned i = 0; i < ARRAY_SIZE(protocols); i++)
		if (route->protocol == protocols[i])
			return route->table != RT_TABLE_LOCAL && route->tos == 0;
	return false;
}

const struct route *survey_default_route(const struct survey *survey, const struct link *link)
{
	const struct observed *observed = core_observed(survey->core);
	const struct route *route = NULL, *best = NULL;

	while ((route = observed_next_route(observed, route)))
		if (route->link == link->index && route->table == RT_TABLE_MAIN &&
		    route->type == RTN_UNICAST && route->nexthops <= 1 &&
		    route->destination.length == 0 &&
		    route->destination.address.family == AF_INET &&
		    route->protocol != AIOSNET_PROTOCOL && (!best || route->metric < best->metric))
			best = route;
	return best;
}

bool survey_has_gateway(const struct survey *survey)
{
	const struct route *route = NULL;

	while ((route = observed_next_route(core_observed(survey->core), route)))
		if (is_configured(route) &&
		    (ip_address_is_set(&route->gateway) || route->nexthops > 1))
			return true;
	return false;
}

static const char *type_text(uint8_t type)
{
	static const char *const texts[] = {
		[RTN_UNICAST] = "unicast",
		[RTN_BLACKHOLE] = "blackhole",
		[RTN_UNREACHABLE] = "unreachable",
		[RTN_PROHIBIT] = "prohibit",
	};

	return type < ARRAY_SIZE(texts) ? texts[type] : NULL;
}

static json_t *route_json(const struct link *link, const struct route *route)
{
	char text[IP_PREFIX_TEXT_MAX];
	_cleanup_json_ json_t *json =
		json_pack("{s:s,s:s,s:I,s:I}", "destination",
			  ip_prefix_print(&route->destination, text), "type",
			  type_text(route->type), "table", (json_int_t)route->table, "metric",
			  (json_int_t)route->metric);
	int r = json_put_address(json, "gateway", &route->gateway) |
		json_put_address(json, "source", &route->source);

	if (link)
		r |= json_put(json, "link", json_string(link->name));
	if (route->mtu)
		r |= json_put(json, "mtu", json_integer(route->mtu));
	if (route->flags & RTNH_F_ONLINK)
		r |= json_put(json, "onlink", json_true());
	return r < 0 ? NULL : TAKE_PTR(json);
}

/* The lease brings its own: what a client made of it, and what stands beside its default route. */
static bool comes_with_lease(const struct route *route, const struct route *of_lease, bool leased)
{
	return leased && (route->protocol == RTPROT_DHCP || route == of_lease);
}

int survey_routes(struct survey *survey, const struct link *link, const char *owner,
		  const char *reason, bool leased, const struct route *of_lease,
		  struct error *error)
{
	const struct route *route = NULL;
	int r = 0;

	while (r >= 0 && (route = observed_next_route(core_observed(survey->core), route)))
		if (route->link == link->index && route->nexthops <= 1 &&
		    route->type == RTN_UNICAST && is_configured(route) &&
		    !comes_with_lease(route, of_lease, leased))
			r = survey_put(survey, "route", route_json(link, route), owner, reason,
				       error);
	return r;
}

static int put_linkless(struct survey *survey, struct error *error)
{
	const struct route *route = NULL;
	char text[IP_PREFIX_TEXT_MAX];
	int r = 0;

	while (r >= 0 && (route = observed_next_route(core_observed(survey->core), route))) {
		if (!is_configured(route) || (route->type == RTN_UNICAST && route->nexthops <= 1))
			continue;
		if (route->nexthops > 1)
			r = survey_leave(survey, ip_prefix_print(&route->destination, text),
					 "a route of several next hops", error);
		else if (route->destination.address.family == AF_INET && type_text(route->type))
			r = survey_put(survey, "route", route_json(NULL, route),
				       RESOURCE_ADOPTED_PREFIX "static", "found in the kernel",
				       error);
	}
	return r;
}

static const char *action_text(uint8_t action)
{
	static const char *const texts[] = {
		[FR_ACT_TO_TBL] = "lookup",
		[FR_ACT_BLACKHOLE] = "blackhole",
		[FR_ACT_UNREACHABLE] = "unreachable",
		[FR_ACT_PROHIBIT] = "prohibit",
	};

	return action < ARRAY_SIZE(texts) ? texts[action] : NULL;
}

static bool is_the_kernels(const struct rule *rule)
{
	return rule->protocol == RTPROT_KERNEL || rule->priority == RULE_LOCAL ||
	       ((rule->priority == RULE_MAIN || rule->priority == RULE_DEFAULT) &&
		!rule->source.length && !rule->destination.length && !rule->mark);
}

static int put_prefix(json_t *json, const char *key, const struct ip_prefix *prefix)
{
	return prefix->length ? json_put(json, key, json_prefix(prefix)) : 0;
}

static json_t *rule_json(const struct rule *rule)
{
	_cleanup_json_ json_t *json =
		json_pack("{s:s,s:I,s:s}", "family", rule->family == AF_INET6 ? "ipv6" : "ipv4",
			  "priority", (json_int_t)rule->priority, "action",
			  action_text(rule->action));
	int r = put_prefix(json, "from", &rule->source) |
		put_prefix(json, "to", &rule->destination);

	if (rule->input[0])
		r |= json_put(json, "incoming", json_string(rule->input));
	if (rule->output[0])
		r |= json_put(json, "outgoing", json_string(rule->output));
	if (rule->mark)
		r |= json_put(json, "mark", json_integer(rule->mark)) |
		     json_put(json, "mask", json_integer(rule->mask));
	if (rule->action == FR_ACT_TO_TBL)
		r |= json_put(json, "table", json_integer(rule->table));
	return r < 0 ? NULL : TAKE_PTR(json);
}

/* Intent names a rule by its family and priority. */
static bool has_place_alone(const struct survey *survey, const struct rule *rule)
{
	const struct rule *other = NULL;

	while ((other = observed_next_rule(core_observed(survey->core), other)))
		if (other != rule && other->family == rule->family &&
		    other->priority == rule->priority)
			return false;
	return rule->priority < RULE_MAIN;
}

int survey_rules(struct survey *survey, struct error *error)
{
	const struct rule *rule = NULL;
	int r = put_linkless(survey, error);

	while (r >= 0 && (rule = observed_next_rule(core_observed(survey->core), rule))) {
		char what[32];

		if (is_the_kernels(rule) || rule->protocol == AIOSNET_PROTOCOL)
			continue;
		snprintf(what, sizeof(what), "rule %u", rule->priority);
		if (rule->others || rule->invert || !action_text(rule->action))
			r = survey_leave(survey, what, "it selects by what intent cannot say",
					 error);
		else if (!has_place_alone(survey, rule))
			r = survey_leave(survey, what, "its priority is another rule's too", error);
		else
			r = survey_put(survey, "rule", rule_json(rule),
				       RESOURCE_ADOPTED_PREFIX "static", "found in the kernel",
				       error);
	}
	return r;
}
