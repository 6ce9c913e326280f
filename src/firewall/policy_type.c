/*
 * Resource type `firewall`: the policy. It comes before all links, so that none is up before the
 * table is there.
 */
#include "policy_type.h"

#include <string.h>

#include "service.h"

const char *const firewall_modes[] = {
	[FIREWALL_OFF] = "off",
	[FIREWALL_OBSERVE] = "observe",
	[FIREWALL_ENFORCE] = "enforce",
	[_FIREWALL_MODE_MAX] = NULL,
};

const char *const outbound_profiles[] = {
	[OUTBOUND_OPEN] = "open",
	[OUTBOUND_PINNED] = "pinned",
	[_OUTBOUND_PROFILE_MAX] = NULL,
};

/* What somebody else made of the table: satisfies nobody. */
#define MODE_OTHER _FIREWALL_MODE_MAX

static int parse_choice(const json_t *object, const char *key, const char *const *texts,
			uint8_t *ret, struct error *error)
{
	const char *text;
	int r = spec_member_text(object, key, &text, error);

	for (unsigned i = 0; r >= 0 && texts[i]; i++) {
		if (strcmp(texts[i], text) == 0) {
			*ret = (uint8_t)i;
			return 0;
		}
	}
	return r < 0 ? r
		     : error_set(error, ERROR_PARAMETER_RANGE, key, "'%.32s' is no %s", text, key);
}

static bool is_covered(const struct firewall_policy *policy, unsigned index)
{
	const struct ip_prefix *prefix = &policy->management[index];

	for (unsigned i = 0; i < policy->management_count; i++) {
		const struct ip_prefix *other = &policy->management[i];

		if (i == index || other->address.family != prefix->address.family ||
		    other->length > prefix->length || !ip_prefix_contains(other, &prefix->address))
			continue;
		/* Of two that are the same, the first stays. */
		if (other->length < prefix->length || i < index)
			return true;
	}
	return false;
}

/* Networks lie within each other or apart: what another one has is left out. */
static void leave_out_covered(struct firewall_policy *policy)
{
	struct firewall_policy kept = *policy;

	kept.management_count = 0;
	memset(kept.management, 0, sizeof(kept.management));
	for (unsigned i = 0; i < policy->management_count; i++)
		if (!is_covered(policy, i))
			kept.management[kept.management_count++] = policy->management[i];
	*policy = kept;
}

static int parse_management(const json_t *object, struct firewall_policy *policy,
			    struct error *error)
{
	const json_t *list = json_object_get(object, "management"), *entry;
	size_t i;
	int r;

	if (json_array_size(list) > MANAGEMENT_NETWORKS_MOST)
		return error_set(error, ERROR_PARAMETER_RANGE, "management",
				 "at most %d management networks are possible",
				 MANAGEMENT_NETWORKS_MOST);
	json_array_foreach(list, i, entry) {
		struct ip_prefix *prefix = &policy->management[policy->management_count++];

		r = ip_network_parse(json_string_value(entry) ?: "", prefix, "management", error);
		if (r < 0)
			return r;
		if (prefix->length == 0) {
			r = error_set(error, ERROR_PARAMETER_RANGE, "management",
				      "Everybody is no management network");
			error_hint(error, "name the networks from which this host is managed");
			return r;
		}
	}
	leave_out_covered(policy);
	return 0;
}

static int policy_parse(const json_t *object, void *ret_spec, struct error *error)
{
	struct firewall_policy *policy = ret_spec;
	int r = parse_choice(object, "mode", firewall_modes, &policy->mode, error);

	if (r >= 0)
		r = parse_choice(object, "outbound", outbound_profiles, &policy->outbound, error);
	return r < 0 ? r : parse_management(object, policy, error);
}

static json_t *policy_print(const void *spec)
{
	const struct firewall_policy *policy = spec;
	bool other = policy->mode == MODE_OTHER;
	_cleanup_json_ json_t *list = json_array();
	int r = list ? 0 : -ENOMEM;

	for (unsigned i = 0; r >= 0 && i < policy->management_count; i++)
		r = json_array_append_new(list, json_prefix(&policy->management[i]));
	if (r < 0)
		return NULL;
	return json_pack("{s:s,s:s,s:O}", "mode", other ? "changed" : firewall_modes[policy->mode],
			 "outbound", outbound_profiles[policy->outbound], "management", list);
}

static void policy_key(const void *spec, char buffer[RESOURCE_KEY_MAX])
{
	(void)text_copy(buffer, RESOURCE_KEY_MAX, "policy");
}

static struct firewall_service *service_of(struct core *core)
{
	return core_type_userdata(core, &firewall_policy_type);
}

static int policy_observe(struct core *core, const void *wanted, void *ret_spec)
{
	const struct firewall_policy *policy = wanted;
	struct firewall_policy *ret = ret_spec;
	int r = firewall_compare(service_of(core), policy);

	*ret = *policy;
	if (r == 0)
		ret->mode = FIREWALL_OFF;
	else if (r == 2)
		ret->mode = MODE_OTHER;
	return r < 0 ? r : 1;
}

static bool policy_satisfied(const void *wanted, const void *observed)
{
	return memcmp(wanted, observed, sizeof(struct firewall_policy)) == 0;
}

static int policy_apply(struct core *core, const void *before, const void *after,
			struct error *error)
{
	static const struct firewall_policy off = {.mode = FIREWALL_OFF};

	return firewall_load(service_of(core), after ?: &off, error);
}

const struct resource_type firewall_policy_type = {
	.name = "firewall",
	.order = 2,
	.spec_size = sizeof(struct firewall_policy),
	.parse = policy_parse,
	.print = policy_print,
	.key = policy_key,
	.observe = policy_observe,
	.satisfied = policy_satisfied,
	.apply = policy_apply,
};
