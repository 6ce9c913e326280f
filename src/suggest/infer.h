/*
 * What the observations of a link say of its IPv4 network. Pure: no socket, no clock; the same
 * observations and hardware address give the same suggestion.
 */
#pragma once

#include "observation.h"

#define SUGGESTION_EVIDENCE_MAX	    16
#define SUGGESTION_ALTERNATIVES_MAX 3
#define SUGGESTION_TEXT_MAX	    192
#define SUGGESTION_CONFIDENCE_MAX   0.95 /* hearsay is never certain */
#define INFER_GUESSES_MAX	    6
#define INFER_PROBES_MAX	    24

struct suggested_subnet {
	struct in_addr network, gateway, address; /* 0.0.0.0 for none */
	uint8_t prefix;
	double confidence; /* 0 to SUGGESTION_CONFIDENCE_MAX */
};

struct suggestion {
	struct suggested_subnet best; /* without evidence: 169.254.0.0/16 (RFC 3927) */
	struct suggested_subnet alternatives[SUGGESTION_ALTERNATIVES_MAX];
	unsigned alternatives_count;
	struct in_addr dns;
	bool proxy_arp;	  /* somebody answers for addresses of others */
	bool dhcp_server; /* one was overheard: asking it is better */
	char evidence[SUGGESTION_EVIDENCE_MAX][SUGGESTION_TEXT_MAX];
	unsigned evidence_count;
};

/* Does an answer of that MAC prove that an address of the subnet is taken? Not that of a proxy,
 * where the address is known that it has in the subnet itself. */
bool infer_answer_counts(const struct observation *observations, size_t count,
			 const struct suggested_subnet *subnet, const struct hardware_address *mac);

/* `mac` is the link's own; what it sent is no evidence. */
void infer_suggestion(const struct observation *observations, size_t count,
		      const struct hardware_address *mac, struct suggestion *ret);

/* Addresses worth an ARP probe, the likeliest gateways of what was heard first; without evidence
 * those of the commonest private networks. Returns their number, at most INFER_PROBES_MAX. */
unsigned infer_probes(const struct observation *observations, size_t count,
		      const struct hardware_address *mac, struct in_addr ret[INFER_PROBES_MAX]);

/* Addresses of the likeliest subnets that nobody should have: who answers for three of them is a
 * proxy (proxies.h). Returns their number. */
unsigned infer_guesses(const struct observation *observations, size_t count,
		       const struct hardware_address *mac, struct in_addr ret[INFER_GUESSES_MAX]);
