#include "path.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

/* ---- rules ---- */

static bool prefix_matches(const struct ip_prefix *prefix, const struct ip_address *address)
{
	return prefix->length == 0 ||
	       (ip_address_is_set(address) && ip_prefix_contains(prefix, address));
}

/* What this host sends comes "in" by the loopback (fib_rules.c, fib_rule_match()). */
static bool selectors_match(const struct path_world *world, const struct rule *rule,
			    const struct flow *flow)
{
	if (rule->input[0] && strcmp(rule->input, "lo") != 0)
		return false;
	if (rule->output[0] && strcmp(rule->output, flow->link) != 0)
		return false;
	if (rule->mark & rule->mask)
		return false;
	if (rule->others && !world->others_match)
		return false;
	return prefix_matches(&rule->source, &flow->local) &&
	       prefix_matches(&rule->destination, &flow->remote);
}

static bool rule_matches(const struct path_world *world, const struct rule *rule,
			 const struct flow *flow)
{
	return rule->family == flow->remote.family &&
	       selectors_match(world, rule, flow) != rule->invert;
}

/* ---- routes ---- */

static bool is_better(const struct way *way, const struct way *best)
{
	if (way->destination.length != best->destination.length)
		return way->destination.length > best->destination.length;
	return way->metric < best->metric;
}

static bool is_as_good(const struct way *way, const struct way *best)
{
	return way->destination.length == best->destination.length && way->metric == best->metric;
}

static void add_hops(struct way *best, const struct way *way)
{
	for (unsigned i = 0; i < way->hops_count && best->hops_count < PATH_HOPS_MAX; i++)
		best->hops[best->hops_count++] = way->hops[i];
}

/* Only unicast routes have links that may be down. */
static bool is_passed_over(const struct way *way)
{
	for (unsigned i = 0; i < way->hops_count; i++)
		if (way->hops[i].state != HOP_PASSED_OVER)
			return false;
	return way->type == RTN_UNICAST;
}

static void drop_passed_over(struct way *way)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < way->hops_count; i++)
		if (way->hops[i].state != HOP_PASSED_OVER)
			way->hops[kept++] = way->hops[i];
	way->hops_count = kept;
}

void path_consider(struct way *best, const struct way *way)
{
	struct way usable;

	if (is_passed_over(way))
		return;
	usable = *way;
	drop_passed_over(&usable);
	if (best->type == RTN_UNSPEC || is_better(&usable, best))
		*best = usable;
	else if (is_as_good(&usable, best) && best->type == RTN_UNICAST &&
		 usable.type == RTN_UNICAST)
		add_hops(best, &usable);
}

static bool carries(const struct hop *hop)
{
	return hop->state == HOP_CARRIES || hop->state == HOP_DOUBTFUL;
}

static enum path_end end_of(const struct way *way)
{
	if (way->type == RTN_LOCAL)
		return PATH_HERE;
	if (way->type != RTN_UNICAST)
		return PATH_REFUSED;
	for (unsigned i = 0; i < way->hops_count; i++)
		if (carries(&way->hops[i]))
			return PATH_SENT;
	return PATH_DEAD;
}

/* Does the table settle it? */
static bool table_decides(const struct path_world *world, const struct rule *rule,
			  const struct flow *flow, struct path *ret)
{
	struct way best = {.type = RTN_UNSPEC};

	if (rule->table == RT_TABLE_LOCAL && world->is_own(&flow->remote, world->userdata)) {
		ret->end = PATH_HERE;
		return true;
	}
	world->table(rule->table, flow, &best, world->userdata);
	if (best.type == RTN_UNSPEC || best.type == RTN_THROW)
		return false;
	/* A route that refuses is no success that a rule could suppress. */
	if (best.type == RTN_UNICAST && best.destination.length < rule->least_length)
		return false;
	ret->way = best;
	ret->end = end_of(&best);
	return true;
}

/* A rule that says "go to" is taken for none: where it leads the mirror does not know. */
static bool rule_decides(const struct path_world *world, const struct rule *rule,
			 const struct flow *flow, struct path *ret)
{
	switch (rule->action) {
	case FR_ACT_TO_TBL:
		return table_decides(world, rule, flow, ret);
	case FR_ACT_BLACKHOLE:
	case FR_ACT_UNREACHABLE:
	case FR_ACT_PROHIBIT:
		ret->end = PATH_REFUSED;
		return true;
	default:
		return false;
	}
}

void path_find(const struct path_world *world, const struct flow *flow, struct path *ret)
{
	*ret = (struct path){.end = PATH_NOWHERE};
	for (unsigned i = 0; i < world->rules_count; i++) {
		const struct rule *rule = world->rules[i];

		if (!rule_matches(world, rule, flow) || !rule_decides(world, rule, flow, ret))
			continue;
		ret->priority = rule->priority;
		ret->table = rule->action == FR_ACT_TO_TBL ? rule->table : 0;
		return;
	}
}

/* ---- before and after ---- */

static bool same_gateway(const struct hop *a, const struct hop *b)
{
	if (!ip_address_is_set(&a->gateway) || !ip_address_is_set(&b->gateway))
		return ip_address_is_set(&a->gateway) == ip_address_is_set(&b->gateway);
	return ip_address_equal(&a->gateway, &b->gateway);
}

enum path_verdict path_compare(const struct path *before, const struct path *after,
			       bool (*same_wire)(const char *before, const char *after,
						 void *userdata),
			       void *userdata)
{
	if (before->end != PATH_SENT)
		return PATH_KEPT;
	if (after->end != PATH_SENT)
		return PATH_LOST;
	/* Whichever of them the kernel takes for this flow. */
	for (unsigned i = 0; i < after->way.hops_count; i++) {
		const struct hop *hop = &after->way.hops[i];
		bool known = false;

		for (unsigned k = 0; !known && k < before->way.hops_count; k++) {
			const struct hop *was = &before->way.hops[k];

			known = same_gateway(was, hop) && hop->state <= was->state &&
				same_wire(was->link, hop->link, userdata);
		}
		if (!known)
			return PATH_UNPROVED;
	}
	return PATH_KEPT;
}

bool path_is_accepted(const struct path *back, const char *link, int32_t rp_filter)
{
	if (back->end == PATH_HERE)
		return false;
	if (rp_filter == 0)
		return true;
	if (back->end != PATH_SENT && back->end != PATH_DEAD)
		return false;
	for (unsigned i = 0; i < back->way.hops_count; i++)
		if (strcmp(back->way.hops[i].link, link) == 0)
			return true;
	return rp_filter != 1;
}

/* ---- words ---- */

static const char *type_text(uint8_t type)
{
	static const char *const texts[] = {[RTN_BLACKHOLE] = "blackhole ",
					    [RTN_UNREACHABLE] = "unreachable ",
					    [RTN_PROHIBIT] = "prohibit "};

	return type < ARRAY_SIZE(texts) && texts[type] ? texts[type] : "";
}

static void way_print(const struct way *way, char buffer[PATH_TEXT_MAX])
{
	char destination[IP_PREFIX_TEXT_MAX], gateway[IP_ADDRESS_TEXT_MAX];
	const struct hop *hop = &way->hops[0];
	int at = snprintf(buffer, PATH_TEXT_MAX, "%s%s", type_text(way->type),
			  way->destination.length ? ip_prefix_print(&way->destination, destination)
						  : "default");

	if (way->hops_count && ip_address_is_set(&hop->gateway))
		at += snprintf(buffer + at, (size_t)(PATH_TEXT_MAX - at), " via %s",
			       ip_address_print(&hop->gateway, gateway));
	if (way->hops_count)
		snprintf(buffer + at, (size_t)(PATH_TEXT_MAX - at), " on %s%s%s", hop->link,
			 hop->state == HOP_DEAD ? ", which carries nothing" : "",
			 way->hops_count > 1 ? " and others" : "");
}

const char *path_print(const struct path *path, char buffer[PATH_TEXT_MAX])
{
	size_t length;

	switch (path->end) {
	case PATH_NOWHERE:
		snprintf(buffer, PATH_TEXT_MAX, "no route");
		return buffer;
	case PATH_HERE:
		snprintf(buffer, PATH_TEXT_MAX, "an address of this host");
		return buffer;
	default:
		break;
	}
	if (!path->way.type) {
		snprintf(buffer, PATH_TEXT_MAX, "refused by rule %u", path->priority);
		return buffer;
	}
	way_print(&path->way, buffer);
	length = strlen(buffer);
	snprintf(buffer + length, PATH_TEXT_MAX - length, " (table %u, rule %u)", path->table,
		 path->priority);
	return buffer;
}
