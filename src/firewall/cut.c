#include "cut.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "field.h"
#include "prove.h"

/* What would be cut is collected first: the kernel's list is not changed while it is read. */
struct cutting {
	struct core *core;
	const struct firewall_rule_spec *rule;
	struct netfilter_state state;
	struct flow *flows;
	size_t count, room;
};

static bool is_local(const struct core *core, const struct ip_address *address)
{
	const struct address *own = NULL;

	while ((own = observed_next_address(core_observed(core), own)))
		if (ip_address_equal(&own->prefix.address, address))
			return true;
	return ip_address_is_loopback(address);
}

static enum rule_chain chain_of(const struct core *core, const struct flow *flow)
{
	if (is_local(core, &flow->source))
		return CHAIN_OUTPUT;
	return is_local(core, &flow->destination) ? CHAIN_INPUT : CHAIN_FORWARD;
}

static bool prefix_takes(const struct ip_prefix *prefix, const struct ip_address *address)
{
	return !prefix->length || ip_prefix_contains(prefix, address);
}

static bool ports_take(const struct firewall_rule_spec *rule, uint16_t port)
{
	for (unsigned i = 0; i < rule->port_count; i++)
		if (rule->ports[i].low <= port && port <= rule->ports[i].high)
			return true;
	return rule->port_count == 0;
}

/* By which link it came, the kernel does not keep: of a rule that names one, all are taken. */
static bool rule_is_about(const struct cutting *cutting, const struct flow *flow)
{
	const struct firewall_rule_spec *rule = cutting->rule;

	return (!rule->family || rule->family == flow->source.family) &&
	       (!rule->protocol || rule->protocol == flow->protocol) &&
	       ports_take(rule, flow->destination_port) &&
	       prefix_takes(&rule->source, &flow->source) &&
	       prefix_takes(&rule->destination, &flow->destination) &&
	       chain_of(cutting->core, flow) == (enum rule_chain)rule->chain;
}

/* Would its first packet pass today? */
static bool may_begin(const struct cutting *cutting, const struct flow *flow)
{
	static const enum packet_hook hooks[] = {
		[CHAIN_INPUT] = HOOK_INPUT,
		[CHAIN_OUTPUT] = HOOK_OUTPUT,
		[CHAIN_FORWARD] = HOOK_FORWARD,
	};
	const struct firewall_rule_spec *rule = cutting->rule;
	bool outgoing = rule->chain == CHAIN_OUTPUT;
	struct explanation explanation;
	struct packet packet = {
		.family = flow->source.family == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6,
		.protocol = flow->protocol,
		.transport = true,
		.source_port = flow->source_port,
		.destination_port = flow->destination_port,
		.original_port = flow->destination_port,
		.hop_limit = 64,
		.state = STATE_NEW,
		.user = outgoing ? 65534 : PACKET_USER_NONE,
		.source_type = outgoing ? RTN_LOCAL : RTN_UNICAST,
		.destination_type = rule->chain == CHAIN_INPUT ? RTN_LOCAL : RTN_UNICAST,
		.reverse_path = true,
	};

	memcpy(packet.source, flow->source.bytes, ip_family_bytes(flow->source.family));
	memcpy(packet.destination, flow->destination.bytes,
	       ip_family_bytes(flow->destination.family));
	/* Any link but the loopback, which is never asked; or the one that the rule names. */
	if (!outgoing)
		strcpy(packet.in_link, rule->link[0] ? rule->link : "eth0");
	if (rule->chain != CHAIN_INPUT)
		strcpy(packet.out_link, outgoing && rule->link[0] ? rule->link : "eth0");
	explain_packet(&cutting->state, hooks[rule->chain], &packet, &explanation);
	return explanation.fate == FATE_ACCEPTED;
}

static int collect(const struct flow *flow, void *userdata)
{
	struct cutting *cutting = userdata;
	struct flow *grown;

	if (!protocol_has_ports(flow->protocol) || !rule_is_about(cutting, flow) ||
	    may_begin(cutting, flow))
		return 0;
	if (cutting->count == cutting->room) {
		cutting->room = cutting->room ? cutting->room * 2 : 16;
		grown = reallocarray(cutting->flows, cutting->room, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		cutting->flows = grown;
	}
	cutting->flows[cutting->count++] = *flow;
	return 0;
}

static int take_state(struct firewall_service *service, const struct firewall_policy *policy,
		      struct netfilter_state *ret)
{
	_cleanup_ruleset_ struct ruleset ruleset = {0};
	int r = firewall_wanted(service, policy, &ruleset);

	if (r >= 0)
		r = live_add_elements(firewall_live(service), &ruleset);
	return r < 0 ? r : netfilter_state_put(ret, &ruleset);
}

int firewall_cut(struct firewall_service *service, struct core *core,
		 const struct firewall_policy *policy, const struct firewall_rule_spec *rule)
{
	struct netfilter *netfilter = firewall_netfilter(service);
	struct cutting cutting = {.core = core, .rule = rule};
	int r = take_state(service, policy, &cutting.state);

	if (r >= 0)
		r = netfilter_each_flow(netfilter, collect, &cutting);
	for (size_t i = 0; r >= 0 && i < cutting.count; i++)
		r = netfilter_cut_flow(netfilter, &cutting.flows[i]);
	netfilter_state_clear(&cutting.state);
	free(cutting.flows);
	return r < 0 ? r : (int)cutting.count;
}
