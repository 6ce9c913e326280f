/* What the files of the inference share; no other room's business. Addresses in host byte order. */
#pragma once

#include "address_table.h"
#include "infer.h"

struct inference {
	const struct observation *observations;
	size_t count;
	const struct hardware_address *mac;
	struct proxies proxies;
	struct address_table table;
	struct suggestion *suggestion;
};

struct gateway_score {
	const struct known_address *address;
	double score;
	bool virtual_mac, advertises, capability, told;
	const struct known_address *rival; /* about as likely */
};

/* Gathers and joins the addresses. */
void infer_gather(struct inference *inference, const struct observation *observations, size_t count,
		  const struct hardware_address *mac, struct suggestion *suggestion);
/* Takes for no host what only a proxy answered for, and nobody else asked for. Before subnets are
 * joined. */
void infer_proxies(struct inference *inference);
/* A line of `evidence`. */
void infer_evidence(struct suggestion *suggestion, const char *format, ...) _printf_(2, 3);
/* The likeliest gateway of a subnet; without `address` where there is none. */
struct gateway_score infer_gateway(const struct inference *inference, unsigned subnet,
				   unsigned prefix);
/* What contradicts a subnet, and the address that was chosen there: the factor by which it is less
 * likely. With `told`, `evidence` says what it is. */
double infer_doubts(const struct inference *inference, unsigned subnet, struct in_addr address,
		    const struct gateway_score *gateway, bool told);
/* An address as text, in a buffer of IP_ADDRESS_TEXT_MAX. */
const char *infer_print(uint32_t address, char *buffer);
/*
 * The prefix of a subnet: between the shortest whose last address is the broadcast address that was
 * seen (`broadcast`, 0 for none), and the longest that holds all that was heard, the commonest one.
 */
uint8_t infer_prefix(const struct address_table *table, unsigned subnet, uint32_t *broadcast);
/* An address of the prefix around `near` that nobody was heard to use; 0 for none. `proved` is the
 * prefix that surely holds what was heard: the real one may be longer than `prefix`. Another `salt`
 * gives another address. */
uint32_t infer_address(const struct inference *inference, uint32_t near, unsigned proved,
		       unsigned prefix, unsigned salt);
/* An address of 169.254.0.0/16 (RFC 3927 2.1), the same one for the same MAC. */
uint32_t infer_link_local(const struct inference *inference);
/* Tells why the best subnet, which is `subnet` of the table, is suggested. */
void infer_tell_subnet(const struct inference *inference, unsigned subnet);
/* Tells what was heard besides, and puts it into the suggestion. */
void infer_tell_link(const struct inference *inference);
