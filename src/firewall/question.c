#include "question.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "field.h"
#include "foreign.h"

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

/* Of a question that names no link, all are taken. */
static bool link_takes(const struct firewall_rule_spec *rule,
		       const struct firewall_question *question)
{
	const char *link = rule->chain == CHAIN_OUTPUT ? question->out_link : question->in_link;

	return !rule->link[0] || !link[0] || strcmp(rule->link, link) == 0;
}

bool firewall_rule_takes(const struct firewall_rule_spec *rule,
			 const struct firewall_question *question)
{
	return rule->chain == question->chain &&
	       (!rule->family || rule->family == question->source.family) &&
	       (!rule->protocol || rule->protocol == question->protocol) &&
	       ports_take(rule, question->destination_port) &&
	       prefix_takes(&rule->source, &question->source) &&
	       prefix_takes(&rule->destination, &question->destination) &&
	       link_takes(rule, question);
}

const struct resource *firewall_rule_about(const struct core *core,
					   const struct firewall_question *question,
					   enum rule_action action)
{
	const struct resource *resource = NULL;

	while ((resource = core_next_of_type(core, &firewall_rule_type, resource))) {
		const struct firewall_rule_spec *rule = (const void *)resource->spec;

		if (rule->action == action && firewall_rule_takes(rule, question))
			return resource;
	}
	return NULL;
}

/* Any link but the loopback, where none was named. */
static void put_link(char ret[PACKET_VALUE_MAX], const char *link)
{
	memset(ret, 0, PACKET_VALUE_MAX);
	memcpy(ret, link[0] ? link : "eth0",
	       strnlen(link[0] ? link : "eth0", PACKET_VALUE_MAX - 1));
}

void firewall_explain(const struct netfilter_state *state, const struct firewall_question *question,
		      struct explanation *ret)
{
	static const enum packet_hook hooks[] = {
		[CHAIN_INPUT] = HOOK_INPUT,
		[CHAIN_OUTPUT] = HOOK_OUTPUT,
		[CHAIN_FORWARD] = HOOK_FORWARD,
	};
	bool outgoing = question->chain == CHAIN_OUTPUT;
	struct packet packet = {
		.family = question->source.family == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6,
		.protocol = question->protocol,
		.transport = true,
		.source_port = question->source_port,
		.destination_port = question->destination_port,
		.original_port = question->destination_port,
		.hop_limit = 64,
		.state = STATE_NEW,
		.user = outgoing ? question->user : PACKET_USER_NONE,
		.source_type = outgoing ? RTN_LOCAL : RTN_UNICAST,
		.destination_type = question->chain == CHAIN_INPUT ? RTN_LOCAL : RTN_UNICAST,
		.reverse_path = true,
	};

	memcpy(packet.source, question->source.bytes, ip_family_bytes(question->source.family));
	memcpy(packet.destination, question->destination.bytes,
	       ip_family_bytes(question->destination.family));
	if (!outgoing)
		put_link(packet.in_link, question->in_link);
	if (question->chain != CHAIN_INPUT)
		put_link(packet.out_link, question->out_link);
	explain_packet(state, hooks[question->chain], &packet, ret);
}

/* The tables of others may change while they are read. */
#define READINGS_MOST 5

int firewall_state(struct firewall_service *service, struct netfilter_state *ret)
{
	_cleanup_ruleset_ struct ruleset ruleset = {0};
	int r = -EAGAIN;

	for (unsigned i = 0; r == -EAGAIN && i < READINGS_MOST; i++)
		r = firewall_netfilter(service)
			    ? netfilter_state_read(ret, firewall_netfilter(service), FIREWALL_TABLE)
			    : 0;
	if (r < 0 || !firewall_is_loaded(service))
		return r;
	r = firewall_wanted(service, firewall_policy(service), &ruleset);
	if (r >= 0)
		r = live_add_elements(firewall_live(service), &ruleset);
	return r < 0 ? r : netfilter_state_put(ret, &ruleset);
}
