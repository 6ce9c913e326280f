/*
 * Resource type `rule`: which table is asked for which packets. A rule of ours is known by its
 * protocol; one that somebody else made, and that says the same, is taken into intent as it is and
 * left when it is released. The kernel changes no rule: the new one is added before the old one
 * goes.
 */
#include <linux/fib_rules.h>
#include <stdio.h>
#include <string.h>

#include "kernel_error.h"
#include "outlook.h"

#define PRIORITY_MAIN 32766 /* after it nothing is asked, as a rule */

static const struct {
	const char *text;
	uint8_t action;
} actions[] = {
	{"lookup", FR_ACT_TO_TBL},
	{"blackhole", FR_ACT_BLACKHOLE},
	{"unreachable", FR_ACT_UNREACHABLE},
	{"prohibit", FR_ACT_PROHIBIT},
};

static const struct {
	const char *text;
	uint8_t family;
} families[] = {{"ipv4", AF_INET}, {"ipv6", AF_INET6}};

static const char *family_text(uint8_t family)
{
	return families[family == AF_INET6].text;
}

static int action_parse(const json_t *object, struct rule_spec *spec, struct error *error)
{
	const char *text = "lookup";
	int r = json_object_get(object, "action") ? spec_member_text(object, "action", &text, error)
						  : 0;

	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		if (strcmp(actions[i].text, text) == 0) {
			spec->action = actions[i].action;
			return 0;
		}
	}
	r = error_set(error, ERROR_PARAMETER_RANGE, "action", "'%.32s' is no action of a rule",
		      text);
	error_hint(error, "one of lookup, blackhole, unreachable, prohibit");
	return r;
}

static int family_parse(const json_t *object, struct rule_spec *spec, struct error *error)
{
	const char *text;
	int r = spec_member_text(object, "family", &text, error);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		if (strcmp(families[i].text, text) == 0) {
			spec->family = families[i].family;
			return 0;
		}
	}
	return error_set(error, ERROR_PARAMETER_RANGE, "family", "'%.32s' is neither ipv4 nor ipv6",
			 text);
}

static int prefix_parse(const json_t *object, const char *key, uint8_t family,
			struct ip_prefix *ret, struct error *error)
{
	const char *text;
	int r;

	if (!json_object_get(object, key))
		return 0;
	r = spec_member_text(object, key, &text, error);
	if (r >= 0)
		r = ip_network_parse(text, ret, key, error);
	if (r < 0)
		return r;
	if (ret->address.family != family)
		return error_set(error, ERROR_PARAMETER_CONFLICT, key, "'%s' is not of %s", key,
				 family_text(family));
	/* All of the family is any. */
	if (ret->length == 0)
		*ret = (struct ip_prefix){0};
	return 0;
}

static int optional_link(const json_t *object, const char *key, char ret[IFNAMSIZ],
			 struct error *error)
{
	return json_object_get(object, key) ? spec_member_link(object, key, ret, error) : 0;
}

static int numbers_parse(const json_t *object, struct rule_spec *spec, struct error *error)
{
	int r = spec_member_u32(object, "priority", &spec->priority, error);

	if (r >= 0)
		r = spec_member_u32(object, "table", &spec->table, error);
	if (r >= 0)
		r = spec_member_u32(object, "mark", &spec->mark, error);
	if (r >= 0)
		r = spec_member_u32(object, "mask", &spec->mask, error);
	if (r < 0)
		return r;
	if (!json_object_get(object, "priority"))
		return error_set(error, ERROR_PARAMETER_MISSING, "priority",
				 "'priority' is missing: it is the rule's place");
	if (spec->priority == 0) {
		r = error_set(error, ERROR_PARAMETER_RANGE, "priority",
			      "'priority' 0 is the place of the kernel's own addresses");
		error_hint(error, "a number below %u, that of the main table", PRIORITY_MAIN);
		return r;
	}
	if (json_object_get(object, "mark") && !json_object_get(object, "mask"))
		spec->mask = UINT32_MAX;
	if (spec->mark & ~spec->mask)
		return error_set(error, ERROR_PARAMETER_CONFLICT, "mark",
				 "'mark' has bits that 'mask' leaves out");
	if (spec->action != FR_ACT_TO_TBL && spec->table)
		return error_set(error, ERROR_PARAMETER_CONFLICT, "table",
				 "only a rule that looks up has a table");
	if (spec->action == FR_ACT_TO_TBL && !spec->table)
		spec->table = RT_TABLE_MAIN;
	return 0;
}

static int rule_parse(const json_t *object, void *ret_spec, struct error *error)
{
	struct rule_spec *spec = ret_spec;
	const json_t *protocol = json_object_get(object, "protocol");
	int r = family_parse(object, spec, error);

	if (r >= 0)
		r = action_parse(object, spec, error);
	if (r >= 0)
		r = numbers_parse(object, spec, error);
	if (r >= 0)
		r = prefix_parse(object, "from", spec->family, &spec->from, error);
	if (r >= 0)
		r = prefix_parse(object, "to", spec->family, &spec->to, error);
	if (r >= 0)
		r = optional_link(object, "incoming", spec->incoming, error);
	if (r >= 0)
		r = optional_link(object, "outgoing", spec->outgoing, error);
	spec->foreign = json_is_integer(protocol);
	spec->protocol = (uint8_t)json_integer_value(protocol);
	return r < 0 ? r : 0;
}

static const char *action_text(uint8_t action)
{
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
		if (actions[i].action == action)
			return actions[i].text;
	return "other";
}

static json_t *rule_print(const void *data)
{
	const struct rule_spec *spec = data;
	_cleanup_json_ json_t *json =
		json_pack("{s:s,s:I,s:s}", "family", family_text(spec->family), "priority",
			  (json_int_t)spec->priority, "action", action_text(spec->action));
	int r = 0;

	if (spec->table)
		r |= json_put(json, "table", json_integer(spec->table));
	if (spec->from.length)
		r |= json_put(json, "from", json_prefix(&spec->from));
	if (spec->to.length)
		r |= json_put(json, "to", json_prefix(&spec->to));
	if (spec->incoming[0])
		r |= json_put(json, "incoming", json_string(spec->incoming));
	if (spec->outgoing[0])
		r |= json_put(json, "outgoing", json_string(spec->outgoing));
	if (spec->mask)
		r |= json_put(json, "mark", json_integer(spec->mark)) |
		     json_put(json, "mask", json_integer(spec->mask));
	if (spec->foreign)
		r |= json_put(json, "protocol", json_integer(spec->protocol));
	return r < 0 ? NULL : TAKE_PTR(json);
}

static void rule_key(const void *data, char buffer[RESOURCE_KEY_MAX])
{
	const struct rule_spec *spec = data;

	snprintf(buffer, RESOURCE_KEY_MAX, "%s/%u", family_text(spec->family), spec->priority);
}

/* ---- the kernel's side ---- */

static struct nlmsghdr *rule_message(void *buffer, bool add, const struct rule_spec *spec)
{
	struct rule rule = {
		.family = spec->family,
		.action = spec->action,
		.protocol = spec->foreign ? spec->protocol : AIOSNET_PROTOCOL,
		.priority = spec->priority,
		.table = spec->table,
		.mark = spec->mark,
		.mask = spec->mask,
		.source = spec->from,
		.destination = spec->to,
	};

	memcpy(rule.input, spec->incoming, sizeof(rule.input));
	memcpy(rule.output, spec->outgoing, sizeof(rule.output));
	return netlink_build_rule(buffer, add, &rule);
}

static void rule_spec_of(const struct rule *rule, struct rule_spec *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->family = rule->family;
	ret->action = rule->action;
	ret->priority = rule->priority;
	ret->table = rule->table;
	ret->mark = rule->mark;
	ret->mask = rule->mask;
	ret->from = rule->source;
	ret->to = rule->destination;
	memcpy(ret->incoming, rule->input, sizeof(ret->incoming));
	memcpy(ret->outgoing, rule->output, sizeof(ret->outgoing));
	ret->foreign = rule->protocol != AIOSNET_PROTOCOL;
	ret->protocol = rule->protocol;
}

/* So that rules compare whole. */
int rule_of_spec(const struct rule_spec *spec, struct rule *ret)
{
	char buffer[NETLINK_MESSAGE_MAX];
	enum object_kind kind;
	union object object;

	if (netlink_parse(rule_message(buffer, true, spec), &kind, &object) != 0)
		return -EINVAL;
	memcpy(ret, &object.rule, sizeof(*ret));
	return 0;
}

static int rule_observe(struct core *core, const void *wanted, void *ret_spec)
{
	const struct rule *rule = NULL, *same = NULL;
	struct rule sought;
	int r = rule_of_spec(wanted, &sought);

	while (r >= 0 && (rule = observed_next_rule(core_observed(core), rule))) {
		bool ours = rule->protocol == AIOSNET_PROTOCOL;

		if (rule->family != sought.family || rule->priority != sought.priority)
			continue;
		sought.protocol = rule->protocol;
		if (ours || object_same(OBJECT_RULE, rule, &sought))
			same = rule;
		if (ours)
			break;
	}
	if (same)
		rule_spec_of(same, ret_spec);
	return r < 0 ? r : same != NULL;
}

static int rule_place(struct core *core, const union object *object, void *ret_spec)
{
	rule_spec_of(&object->rule, ret_spec);
	return 1;
}

/* Who made it does not matter. */
static bool rule_satisfied(const void *wanted, const void *observed)
{
	const struct rule_spec *w = wanted, *o = observed;

	return w->action == o->action && w->table == o->table && w->mark == o->mark &&
	       w->mask == o->mask && ip_prefix_equal(&w->from, &o->from) &&
	       ip_prefix_equal(&w->to, &o->to) && strcmp(w->incoming, o->incoming) == 0 &&
	       strcmp(w->outgoing, o->outgoing) == 0;
}

static void rule_restore(const void *previous, const void *baseline, void *wanted)
{
	struct rule_spec *w = wanted;

	if (!w->priority)
		*w = *(const struct rule_spec *)baseline;
}

static int rule_request(struct core *core, bool add, const struct rule_spec *spec,
			struct error *error)
{
	char buffer[NETLINK_MESSAGE_MAX], what[64];
	int r = netlink_request(core_netlink(core), rule_message(buffer, add, spec));

	if (r >= 0 || r == (add ? -EEXIST : -ENOENT))
		return 0;
	snprintf(what, sizeof(what), "%s the %s rule %u", add ? "adding" : "removing",
		 family_text(spec->family), spec->priority);
	return kernel_error(core, r, what, error);
}

static int rule_apply(struct core *core, const void *before, const void *after, struct error *error)
{
	int r = after ? rule_request(core, true, after, error) : 0;

	if (r >= 0 && before && !(after && rule_satisfied(after, before)))
		r = rule_request(core, false, before, error);
	return r;
}

const struct resource_type rule_type = {
	.name = "rule",
	.order = 35,
	.spec_size = sizeof(struct rule_spec),
	.parse = rule_parse,
	.print = rule_print,
	.key = rule_key,
	.observe = rule_observe,
	.place = rule_place,
	.kind = OBJECT_RULE,
	.satisfied = rule_satisfied,
	.restore = rule_restore,
	.removable = true,
	.apply = rule_apply,
};
