/*
 * What becomes of one packet here and now, and by whose rule.
 */
#pragma once

#include "prove.h"
#include "service.h"

#define USER_NOBODY 65534u /* who has no rights */

/* A first packet of a connection, as somebody asks for it. */
struct firewall_question {
	enum rule_chain chain;
	uint8_t protocol; /* IPPROTO_* */
	struct ip_address source, destination;
	uint16_t source_port, destination_port; /* ICMP: its type in the first one's high byte */
	char in_link[IFNAMSIZ], out_link[IFNAMSIZ];
	uint32_t user; /* of output: who sends it */
};

/* Our table as it stands and those of others: what decides of packets. 0 or a negative errno. */
int firewall_state(struct firewall_service *service, struct netfilter_state *ret);

void firewall_explain(const struct netfilter_state *state, const struct firewall_question *question,
		      struct explanation *ret);

/* The first rule of intent that is about the packet and allows, or denies, it; NULL: none. */
const struct resource *firewall_rule_about(const struct core *core,
					   const struct firewall_question *question,
					   enum rule_action action);
/* Is the rule about such a packet? */
bool firewall_rule_takes(const struct firewall_rule_spec *rule,
			 const struct firewall_question *question);
