/*
 * The guard rails of the firewall: what it must let in whatever is asked for, proved for all
 * packets at once before anything changes.
 */
#include "rails.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <unistd.h>

#include "field.h"
#include "live.h"
#include "policy_type.h"
#include "prove.h"

#define PEERS_MOST  16
#define PORT_TELNET 23

static const uint16_t management_ports[] = {22, 9090};

/* The firewall as it would be. */
struct outlook {
	const struct plan *plan;
	const struct change *change; /* the first of the firewall's */
	struct firewall_policy policy;
	struct netfilter_state state;
	const char *rail;
	struct error *error;
};

/* ---- what would be ---- */

static bool is_ours(const struct resource_type *type)
{
	return type == &firewall_policy_type || type == &firewall_rule_type;
}

static const struct change *first_change(const struct plan *plan)
{
	const struct change *change = NULL;

	while ((change = plan_next_change(plan, change)))
		if (is_ours((change->before ?: change->after)->type))
			return change;
	return NULL;
}

static void take_policy(struct core *core, struct outlook *outlook)
{
	const struct resource *resource = core_resource(core, "firewall/policy");
	const struct change *change = NULL;

	while ((change = plan_next_change(outlook->plan, change)))
		if ((change->before ?: change->after)->type == &firewall_policy_type)
			resource = change->after;
	if (resource)
		outlook->policy = *(const struct firewall_policy *)resource->spec;
}

static int take_rules(struct core *core, const struct plan *plan, struct live *live)
{
	const struct resource *resource = NULL;
	const struct change *change = NULL;
	int r = 0;

	while (r >= 0 && (resource = core_next_of_type(core, &firewall_rule_type, resource)))
		r = live_add(live, (const void *)resource->spec, NULL);
	while (r >= 0 && (change = plan_next_change(plan, change))) {
		if ((change->before ?: change->after)->type != &firewall_rule_type)
			continue;
		if (change->before)
			r = live_remove(live, (const void *)change->before->spec, NULL);
		if (r >= 0 && change->after)
			r = live_add(live, (const void *)change->after->spec, NULL);
	}
	return r;
}

static int take_state(struct core *core, struct outlook *outlook)
{
	_cleanup_ruleset_ struct ruleset ruleset = {0};
	struct live live = {0};
	int r = take_rules(core, outlook->plan, &live);

	if (r >= 0)
		r = policy_ruleset(&outlook->policy, geteuid(), &ruleset);
	if (r >= 0)
		r = live_add_rules(&live, &ruleset);
	if (r >= 0)
		r = live_add_elements(&live, &ruleset);
	if (r >= 0)
		r = netfilter_state_put(&outlook->state, &ruleset);
	live_clear(&live);
	return r;
}

/* ---- questions ---- */

static int narrow(struct packet_region *region, enum packet_field field, uint32_t number,
		  bool negated)
{
	struct match match = {.kind = MATCH_RANGE,
			      .negated = negated,
			      .field_count = 1,
			      .fields = {(uint8_t)field}};

	match.range.low = match.range.high = packet_value_number(field, number);
	return packet_region_match(region, &match);
}

static int narrow_source(struct packet_region *region, const struct ip_prefix *prefix, bool negated)
{
	bool v4 = prefix->address.family == AF_INET;
	struct match match = {.kind = MATCH_RANGE,
			      .negated = negated,
			      .field_count = 1,
			      .fields = {v4 ? FIELD_SOURCE4 : FIELD_SOURCE6}};

	packet_value_prefix(prefix, &match.range.low, &match.range.high);
	return packet_region_match(region, &match);
}

/* First packets of TCP connections to a port of this host that come by a cable. */
static int region_of_port(struct packet_region *region, uint16_t port)
{
	struct match loopback = {.kind = MATCH_RANGE,
				 .negated = true,
				 .field_count = 1,
				 .fields = {FIELD_IN_LINK}};
	int r;

	loopback.range.low = loopback.range.high = packet_value_text("lo");
	packet_region_of_hook(HOOK_INPUT, region);
	r = narrow(region, FIELD_PROTOCOL, IPPROTO_TCP, false);
	if (r >= 0)
		r = narrow(region, FIELD_DESTINATION_PORT, port, false);
	if (r >= 0)
		r = narrow(region, FIELD_STATE, STATE_NEW, false);
	if (r >= 0)
		r = narrow(region, FIELD_SOURCE_TYPE, RTN_UNICAST, false);
	return r < 0 ? r : packet_region_match(region, &loopback);
}

/* Do all of the prefix reach the port? */
static int ask_reached(struct outlook *outlook, const struct ip_prefix *prefix, uint16_t port,
		       struct proof *ret)
{
	_cleanup_region_ struct packet_region region = {0};
	int r = region_of_port(&region, port);

	if (r >= 0)
		r = narrow_source(&region, prefix, false);
	return r < 0 ? r : prove_always(&outlook->state, HOOK_INPUT, &region, ret);
}

static int refuse(struct outlook *outlook, const struct proof *proof, const char *what,
		  const char *hint)
{
	_cleanup_text_buffer_ struct text_buffer text = {0};
	int r;

	if (proof->answer == PROOF_VIOLATED)
		packet_describe(&proof->packet, &text);
	else
		text_buffer_put(&text, proof_doubt_text(proof->doubt));
	r = error_set(outlook->error, ERROR_GUARD_REFUSED, NULL, "%s: %s: %.*s", outlook->rail,
		      what, text_buffer_ok(&text) ? (int)text.length : 0, text.data ?: "");
	error_hint(outlook->error, "%s", hint);
	error_counterexample(outlook->error, outlook->rail, outlook->change->id);
	return r;
}

/* ---- firewall.management ---- */

/* An agent keeps the whole networks; an administrator may narrow them. */
static int check_networks(struct outlook *outlook)
{
	for (unsigned i = 0; i < outlook->policy.management_count; i++) {
		for (size_t k = 0; k < ARRAY_SIZE(management_ports); k++) {
			struct proof proof;
			int r = ask_reached(outlook, &outlook->policy.management[i],
					    management_ports[k], &proof);

			if (r < 0)
				return r;
			if (proof.answer != PROOF_HOLDS)
				return refuse(outlook, &proof,
					      "management would not come in any more",
					      "an administrator may deny what is of a "
					      "management network");
		}
	}
	return 0;
}

static int ask_peer(struct outlook *outlook, const struct firewall_peer *peer, struct proof *ret)
{
	struct ip_prefix host = {peer->address, (uint8_t)ip_family_bits(peer->address.family)};
	int r;

	if (peer->port)
		return ask_reached(outlook, &host, peer->port, ret);
	for (size_t i = 0; i < ARRAY_SIZE(management_ports); i++) {
		r = ask_reached(outlook, &host, management_ports[i], ret);
		if (r < 0 || ret->answer == PROOF_HOLDS)
			return r;
	}
	return 0;
}

/* Who manages this host now comes in again. */
static int check_peers(struct outlook *outlook, const struct firewall_config *config)
{
	struct firewall_peer peers[PEERS_MOST];
	unsigned count = config->peers ? config->peers(peers, PEERS_MOST, config->userdata) : 0;

	for (unsigned i = 0; i < count; i++) {
		struct proof proof;
		int r = ask_peer(outlook, &peers[i], &proof);

		if (r < 0)
			return r;
		if (proof.answer != PROOF_HOLDS)
			return refuse(outlook, &proof,
				      "who manages this host now would not come in again",
				      "add its network to management of firewall.configure first");
	}
	return 0;
}

/* ---- firewall.telnet ---- */

static int check_telnet(struct outlook *outlook)
{
	_cleanup_region_ struct packet_region region = {0};
	struct proof proof;
	int r = region_of_port(&region, PORT_TELNET);

	for (unsigned i = 0; r >= 0 && i < outlook->policy.management_count; i++)
		r = narrow_source(&region, &outlook->policy.management[i], true);
	if (r >= 0)
		r = prove_never(&outlook->state, HOOK_INPUT, &region, &proof);
	if (r < 0 || proof.answer == PROOF_HOLDS)
		return r;
	return refuse(outlook, &proof,
		      "port 23 would be open, and what passes there is not encrypted",
		      "use ssh; or allow it from a management network only");
}

/* ---- the rails ---- */

static int check(struct core *core, const struct plan *plan, const char *rail,
		 const struct firewall_config *config, struct error *error)
{
	struct outlook outlook = {.plan = plan, .rail = rail, .error = error};
	bool agent = plan_asker(plan) == ASKER_AGENT;
	bool telnet = strcmp(rail, "firewall.telnet") == 0;
	int r = 0;

	outlook.change = first_change(plan);
	if (!outlook.change || plan_asker(plan) == ASKER_DAEMON || (telnet && !agent))
		return 0;
	take_policy(core, &outlook);
	if (outlook.policy.mode != FIREWALL_OFF)
		r = take_state(core, &outlook);
	if (r >= 0 && outlook.policy.mode != FIREWALL_OFF) {
		if (telnet)
			r = outlook.policy.mode == FIREWALL_ENFORCE ? check_telnet(&outlook) : 0;
		else
			r = check_peers(&outlook, config);
		if (r >= 0 && !telnet && agent)
			r = check_networks(&outlook);
	}
	netfilter_state_clear(&outlook.state);
	if (r == -ENOMEM)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "Memory is exhausted");
	return r;
}

static int management_check(struct core *core, const struct plan *plan, void *userdata,
			    struct error *error)
{
	return check(core, plan, "firewall.management", userdata, error);
}

static int telnet_check(struct core *core, const struct plan *plan, void *userdata,
			struct error *error)
{
	return check(core, plan, "firewall.telnet", userdata, error);
}

int firewall_add_rails(struct core *core, const struct firewall_config *config)
{
	const struct guard_rail rails[] = {
		{
			.name = "firewall.management",
			.summary = "Who manages this host now can connect anew to port 22 or 9090; "
				   "and "
				   "no agent keeps any of the management networks from either",
			.check = management_check,
			.userdata = (void *)config,
		},
		{
			.name = "firewall.telnet",
			.summary = "No agent opens port 23 to anybody outside of the management "
				   "networks",
			.check = telnet_check,
			.userdata = (void *)config,
		},
	};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(rails); i++)
		r = core_add_guard_rail(core, &rails[i]);
	return r;
}
