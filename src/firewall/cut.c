#include "cut.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "question.h"

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

/* By which link it came and who sent it, the kernel does not keep: it is the rule's link, where
 * that names one, and nobody with rights of his own. */
static struct firewall_question question_of(const struct cutting *cutting, const struct flow *flow)
{
	struct firewall_question question = {
		.chain = chain_of(cutting->core, flow),
		.protocol = flow->protocol,
		.source = flow->source,
		.destination = flow->destination,
		.source_port = flow->source_port,
		.destination_port = flow->destination_port,
		.user = USER_NOBODY,
	};

	memcpy(question.in_link, cutting->rule->link, sizeof(question.in_link));
	memcpy(question.out_link, cutting->rule->link, sizeof(question.out_link));
	return question;
}

/* Would its first packet pass today? */
static bool may_begin(const struct cutting *cutting, const struct firewall_question *question)
{
	struct explanation explanation;

	firewall_explain(&cutting->state, question, &explanation);
	return explanation.fate == FATE_ACCEPTED;
}

static int collect(const struct flow *flow, void *userdata)
{
	struct cutting *cutting = userdata;
	struct firewall_question question;
	struct flow *grown;

	if (!protocol_has_ports(flow->protocol))
		return 0;
	question = question_of(cutting, flow);
	if (!firewall_rule_takes(cutting->rule, &question) || may_begin(cutting, &question))
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

int firewall_cut(struct firewall_service *service, struct core *core,
		 const struct firewall_rule_spec *rule)
{
	struct netfilter *netfilter = firewall_netfilter(service);
	struct cutting cutting = {.core = core, .rule = rule};
	int r = firewall_state(service, &cutting.state);

	if (r >= 0)
		r = netfilter_each_flow(netfilter, collect, &cutting);
	for (size_t i = 0; r >= 0 && i < cutting.count; i++)
		r = netfilter_cut_flow(netfilter, &cutting.flows[i]);
	netfilter_state_clear(&cutting.state);
	free(cutting.flows);
	return r < 0 ? r : (int)cutting.count;
}
