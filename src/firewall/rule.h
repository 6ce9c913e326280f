/*
 * A rule of intent: what somebody allows or denies, and where in the ruleset it stands.
 */
#pragma once

#include <net/if.h>

#include "core/core.h"
#include "policy.h"

#define RULE_PORTS_MOST	   15
#define RULE_ELEMENTS_MOST (2 * RULE_PORTS_MOST)

struct port_range {
	uint16_t low, high; /* ends included */
};

/* Type "firewall_rule": key CHAIN/ACTION/PROTOCOL and what else it says. */
struct firewall_rule_spec {
	uint8_t chain;	       /* enum rule_chain */
	uint8_t action;	       /* enum rule_action */
	uint8_t family;	       /* AF_INET, AF_INET6, AF_UNSPEC: both */
	uint8_t protocol;      /* IPPROTO_*, 0: all */
	bool keep_established; /* what the rule's end or beginning covers is not cut */
	uint8_t port_count;
	struct port_range ports[RULE_PORTS_MOST]; /* of the destination; none: all */
	struct ip_prefix source, destination;	  /* unset: any */
	char link[IFNAMSIZ]; /* it comes in by, of output goes out by; "": any */
	usec_t expires;	     /* realtime, 0: never */
};

extern const struct resource_type firewall_rule_type;

int firewall_rule_parse(const json_t *object, void *ret_spec, struct error *error);
json_t *firewall_rule_print(const void *spec);
void firewall_rule_key(const void *spec, char buffer[RESOURCE_KEY_MAX]);
/* The same tuple? When it ends does not count. */
bool firewall_rule_same(const struct firewall_rule_spec *a, const struct firewall_rule_spec *b);
/* Does every packet that `narrow` is about fall under `wide`, which stands at least as long? */
bool firewall_rule_covers(const struct firewall_rule_spec *wide,
			  const struct firewall_rule_spec *narrow);

/* "80" or "8000-8080": 0, or -EINVAL with `error` filled, which names the parameter "port". */
int port_range_parse(const char *text, struct port_range *ret, struct error *error);
const char *port_range_print(const struct port_range *range, char buffer[16]);
/* In their order, and those that touch as one: so that the same ports are the same rule. */
void port_ranges_normalise(struct firewall_rule_spec *spec);
bool protocol_has_ports(uint8_t protocol);

/* One element that a rule is in the kernel. */
struct rule_element {
	enum rule_shape shape;
	struct filter_element element;
};

/* The elements that say the same as the rule; 0 where no set can say it: then it is rules. */
unsigned firewall_rule_elements(const struct firewall_rule_spec *spec,
				struct rule_element ret[RULE_ELEMENTS_MOST]);
/* The rules that say the same, added to the chain. 0 or -ENOMEM. */
int firewall_rule_in_place(const struct firewall_rule_spec *spec, struct filter_chain *chain);
