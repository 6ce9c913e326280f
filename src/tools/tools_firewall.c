/* firewall.configure, firewall.status, firewall.rules: the firewall as a whole. */
#include <stdio.h>
#include <string.h>

#include "common.h"

/* ---- firewall.configure ---- */

static const struct field configure_parameters[] = {
	{"mode", FIELD_TEXT, .values = firewall_modes,
	 .help = "enforce: what is not allowed does not pass; observe: it passes, counted and "
		 "logged; off: no table"},
	{"outbound", FIELD_TEXT, .values = outbound_profiles,
	 .help = "open: DNS, HTTPS and time to anybody; pinned: only to those that are named"},
	{"management", FIELD_PREFIX, .list = true, .items_most = MANAGEMENT_NETWORKS_MOST,
	 .help = "Networks from which ports 22 and 9090 are reached; without any, that of the "
		 "uplink"},
	FIELD_END,
};

static struct firewall_policy present_policy(const struct tool_call *call)
{
	struct firewall_policy none = {.mode = FIREWALL_ENFORCE};
	const struct resource *resource = core_resource(tool_call_core(call), "firewall/policy");

	return resource ? *(const struct firewall_policy *)resource->spec : none;
}

static uint8_t choice(const json_t *arguments, const char *key, const char *const *texts,
		      uint8_t present)
{
	const char *text = json_member_text(arguments, key);

	for (uint8_t i = 0; text && texts[i]; i++)
		if (strcmp(texts[i], text) == 0)
			return i;
	return present;
}

/* The network of the first address of the link that leads out. */
static int uplink_network(const struct tool_call *call, json_t *list)
{
	struct core *core = tool_call_core(call);
	const struct route *route = uplink_route(core, AF_INET) ?: uplink_route(core, AF_INET6);
	const struct address *address = NULL;

	while (route && (address = observed_next_address(core_observed(core), address))) {
		struct ip_prefix network = ip_prefix_network(&address->prefix);

		if (address->link != route->link ||
		    ip_address_is_link_local(&address->prefix.address))
			continue;
		return json_array_append_new(list, json_prefix(&network));
	}
	return 0;
}

static json_t *management_of(const struct tool_call *call, const struct firewall_policy *policy)
{
	const json_t *given = json_object_get(tool_call_arguments(call), "management");
	_cleanup_json_ json_t *list = json_array();
	int r = list ? 0 : -ENOMEM;

	if (r >= 0 && given)
		r = json_array_extend(list, (json_t *)given);
	for (unsigned i = 0; r >= 0 && !given && i < policy->management_count; i++)
		r = json_array_append_new(list, json_prefix(&policy->management[i]));
	if (r >= 0 && json_array_size(list) == 0)
		r = uplink_network(call, list);
	return r < 0 ? NULL : TAKE_PTR(list);
}

static int propose_configure(struct tool_call *call, struct proposal *proposal, struct error *error)
{
	const json_t *arguments = tool_call_arguments(call);
	struct firewall_policy present = present_policy(call), policy = {0};
	_cleanup_json_ json_t *object =
		json_pack("{s:s,s:s,s:o}", "mode",
			  firewall_modes[choice(arguments, "mode", firewall_modes, present.mode)],
			  "outbound",
			  outbound_profiles[choice(arguments, "outbound", outbound_profiles,
						   present.outbound)],
			  "management", management_of(call, &present));
	int r;

	if (!object)
		return out_of_memory(error);
	r = firewall_policy_type.parse(object, &policy, error);
	if (r < 0)
		return r;
	if (policy.mode == FIREWALL_ENFORCE && policy.management_count == 0) {
		r = error_set(error, ERROR_PARAMETER_MISSING, "management",
			      "Nobody would reach this host: there is no network of management");
		error_hint(error, "name the networks from which it is managed");
		return r;
	}
	return proposal_put(proposal, &firewall_policy_type, &policy) < 0 ? out_of_memory(error)
									  : 0;
}

/* ---- firewall.status ---- */

static const struct field counter_members[] = {
	{"name", FIELD_TEXT, .required = true, .help = "in_drop, out_reject, fwd_drop, ..."},
	{"packets", FIELD_INTEGER, .required = true, .unit = "packets", .help = "So many"},
	{"bytes", FIELD_INTEGER, .required = true, .unit = "bytes", .help = "So many"},
	FIELD_END,
};

static const struct field status_output[] = {
	{"mode", FIELD_TEXT, .required = true, .values = firewall_modes, .help = "As intended"},
	{"loaded", FIELD_BOOLEAN, .required = true, .help = "Is the table in the kernel?"},
	{"outbound", FIELD_TEXT, .values = outbound_profiles, .help = "What may be sent"},
	{"management", FIELD_PREFIX, .list = true, .required = true,
	 .help = "Networks from which this host is managed"},
	{"rules", FIELD_INTEGER, .required = true, .help = "How many rules intent has"},
	{"counters", FIELD_OBJECT, .list = true, .required = true, .members = counter_members,
	 .help = "What was dropped and refused, by why"},
	FIELD_END,
};

static json_t *counters_json(const struct ruleset *ruleset)
{
	_cleanup_json_ json_t *list = json_array();
	int r = list ? 0 : -ENOMEM;

	for (size_t i = 0; r >= 0 && i < ruleset->counter_count; i++) {
		const struct filter_counter *counter = &ruleset->counters[i];

		r = json_array_append_new(list, json_pack("{ss sI sI}", "name", counter->name,
							  "packets", (json_int_t)counter->packets,
							  "bytes", (json_int_t)counter->bytes));
	}
	return r < 0 ? NULL : TAKE_PTR(list);
}

static unsigned count_rules(struct core *core)
{
	const struct resource *resource = NULL;
	unsigned count = 0;

	while ((resource = core_next_of_type(core, &firewall_rule_type, resource)))
		count++;
	return count;
}

static int call_status(struct tool_call *call, json_t **ret, struct error *error)
{
	struct core *core = tool_call_core(call);
	const struct resource *resource = core_resource(core, "firewall/policy");
	_cleanup_ruleset_ struct ruleset read = {0};
	_cleanup_json_ json_t *spec = resource ? firewall_policy_type.print(resource->spec) : NULL;
	struct firewall_service *service = tool_call_services(call)->firewall;
	int loaded = service ? firewall_read(service, &read) : 0;
	const char *outbound = json_member_text(spec, "outbound");

	if (loaded < 0)
		return error_set(error, ERROR_KERNEL_REFUSED, NULL,
				 "the kernel's ruleset cannot be read: %s", strerror(-loaded));
	*ret = json_pack("{ss sb sO? sI so}", "mode",
			 json_member_text(spec, "mode") ?: firewall_modes[FIREWALL_OFF], "loaded",
			 loaded > 0, "management", json_object_get(spec, "management"), "rules",
			 (json_int_t)count_rules(core), "counters", counters_json(&read));
	if (*ret && !spec && json_put(*ret, "management", json_array()) < 0)
		json_decref(TAKE_PTR(*ret));
	if (*ret && outbound && json_put(*ret, "outbound", json_string(outbound)) < 0)
		json_decref(TAKE_PTR(*ret));
	return *ret ? 0 : out_of_memory(error);
}

static char *summarise_status(const json_t *result)
{
	char *text;

	if (asprintf(&text, "The firewall is %s%s; %" PRId64 " rules.",
		     json_member_text(result, "mode"),
		     json_member_true(result, "loaded") ? "" : ", and not in the kernel",
		     json_member_integer(result, "rules", 0)) < 0)
		return NULL;
	return text;
}

/* ---- firewall.rules ---- */

static const char *const chain_values[] = {"input", "output", "forward", NULL};

static const struct field rules_parameters[] = {
	{"chain", FIELD_TEXT, .values = chain_values, .help = "Only of this one"},
	LISTING_PARAMETERS("100"),
	FIELD_END,
};

static const struct field listed_members[] = {
	{"rule", FIELD_TEXT, .required = true, .help = "Id, for firewall.remove"},
	{"action", FIELD_TEXT, .required = true, .help = "allow or deny"},
	{"chain", FIELD_TEXT, .required = true, .help = "input, output or forward"},
	{"protocol", FIELD_TEXT, .required = true, .help = "tcp, udp, ..., or any"},
	{"ports", FIELD_TEXT, .list = true, .help = "Destination ports and ranges"},
	{"source", FIELD_PREFIX, .help = "That it comes from"},
	{"destination", FIELD_PREFIX, .help = "That it goes to"},
	{"family", FIELD_TEXT, .help = "ipv4 or ipv6"},
	{"link", FIELD_TEXT, .help = "Interface"},
	{"in_kernel", FIELD_BOOLEAN, .required = true, .help = "Does it stand?"},
	{"in_place", FIELD_BOOLEAN, .required = true,
	 .help = "A rule of its own, because no set can say it"},
	{"packets", FIELD_INTEGER, .required = true, .unit = "packets",
	 .help = "First packets of connections that it decided"},
	{"bytes", FIELD_INTEGER, .required = true, .unit = "bytes", .help = "Of those"},
	{"keep_established", FIELD_BOOLEAN, .help = "Its end cuts no connection"},
	{"expires", FIELD_TIME, .help = "When it ends"},
	{"expires_in", FIELD_INTEGER, .unit = "s", .help = "And how long that is"},
	{"owner", FIELD_TEXT, .help = "Who wanted it"},
	{"reason", FIELD_TEXT, .help = "Why"},
	{"goal", FIELD_TEXT, .help = "For which goal"},
	FIELD_END,
};

static const struct field rules_output[] = {
	{"rules", FIELD_OBJECT, .list = true, .required = true, .members = listed_members,
	 .help = "What is allowed and denied"},
	LISTING_TOTAL,
	FIELD_END,
};

static int put_expiry(json_t *entry, const struct resource *resource)
{
	usec_t now = clock_realtime_usec();

	if (resource->expires == USEC_INFINITY)
		return 0;
	return json_put(entry, "expires", json_realtime(resource->expires)) |
	       json_put(entry, "expires_in",
			json_integer(
				(json_int_t)((resource->expires - MIN(now, resource->expires)) /
					     USEC_PER_SEC)));
}

static json_t *rule_json(const struct tool_call *call, const void *item)
{
	struct firewall_service *service = tool_call_services(call)->firewall;
	const struct resource *resource = item;
	_cleanup_json_ json_t *entry = resource->type->print(resource->spec);
	struct rule_hits hits = {0};
	int stands = service ? firewall_hits(service, (const void *)resource->spec, &hits) : 0;
	int r;

	/* A kernel that cannot be asked now has no hits to tell of. */
	if (stands < 0)
		hits = (struct rule_hits){0};
	r = json_put(entry, "rule", json_string(resource->id)) |
	    json_put(entry, "in_kernel", json_boolean(stands > 0)) |
	    json_put(entry, "in_place", json_boolean(hits.in_place)) |
	    json_put(entry, "packets", json_integer((json_int_t)hits.packets)) |
	    json_put(entry, "bytes", json_integer((json_int_t)hits.bytes)) |
	    put_text_member(entry, "owner", resource->provenance.owner) |
	    put_text_member(entry, "reason", resource->provenance.reason) |
	    put_text_member(entry, "goal", resource->provenance.goal);
	if (entry)
		(void)json_object_del(entry, "expires");
	r |= put_expiry(entry, resource);
	return r < 0 ? NULL : TAKE_PTR(entry);
}

static int call_rules(struct tool_call *call, json_t **ret, struct error *error)
{
	const char *chain = json_member_text(tool_call_arguments(call), "chain");
	_cleanup_listing_ struct listing listing = {0};
	const struct resource *resource = NULL;

	while ((resource =
			core_next_of_type(tool_call_core(call), &firewall_rule_type, resource))) {
		const struct firewall_rule_spec *spec = (const void *)resource->spec;

		if (!chain || strcmp(firewall_chain_text(spec->chain), chain) == 0)
			listing_add(&listing, resource);
	}
	return listing_to_json(&listing, call, "rules", rule_json, ret, error);
}

static char *summarise_rules(const json_t *result)
{
	char *text;

	if (asprintf(&text, "%" PRId64 " rules.", json_member_integer(result, "total", 0)) < 0)
		return NULL;
	return text;
}

static const struct tool tools[] = {
	{
		.name = "firewall.configure",
		.title = "Configure the firewall",
		.description =
			"Turns the firewall on or off and says what may be sent and from where "
			"this host is managed. What is not given stays as it is. Administrators "
			"alone.",
		.parameters = configure_parameters,
		.hints = HINT_DESTRUCTIVE | HINT_IDEMPOTENT,
		.risk = RISK_HIGH,
		.role = ROLE_ADMIN,
		.time_limit = 10000,
		.undoable = true,
		.propose = propose_configure,
	},
	{
		.name = "firewall.status",
		.title = "State of the firewall",
		.description = "Says whether the firewall stands, from where this host is managed, "
			       "and how much was dropped and refused, by why.",
		.output = status_output,
		.hints = HINT_READ_ONLY | HINT_IDEMPOTENT,
		.role = ROLE_OBSERVER,
		.time_limit = 1000,
		.call = call_status,
		.summarise = summarise_status,
	},
	{
		.name = "firewall.rules",
		.title = "List the firewall's rules",
		.description =
			"Lists what is allowed and denied: who wanted it and why, how often it "
			"decided, and how long it still stands.",
		.parameters = rules_parameters,
		.output = rules_output,
		.hints = HINT_READ_ONLY | HINT_IDEMPOTENT,
		.role = ROLE_OBSERVER,
		.time_limit = 5000,
		.call = call_rules,
		.summarise = summarise_rules,
	},
};

const struct tool_set firewall_tools = {tools, ARRAY_SIZE(tools)};
