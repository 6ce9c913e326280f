/*
 * IP addresses, prefixes and hardware addresses as values: parse, print, compare.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

struct ip_address {
	uint8_t family; /* AF_INET, AF_INET6, or AF_UNSPEC for none */
	union {
		uint8_t bytes[16]; /* network byte order; unused bytes are zero */
		struct in_addr v4;
		struct in6_addr v6;
	};
};

struct ip_prefix {
	struct ip_address address; /* may have host bits: an interface address is a prefix too */
	uint8_t length;		   /* bits, 0..32 or 0..128 */
};

#define HARDWARE_ADDRESS_MAX 20 /* InfiniBand's is the longest */

struct hardware_address {
	uint8_t length; /* bytes, 0 for none */
	uint8_t bytes[HARDWARE_ADDRESS_MAX];
};

#define IP_ADDRESS_TEXT_MAX	  INET6_ADDRSTRLEN
#define IP_PREFIX_TEXT_MAX	  (INET6_ADDRSTRLEN + 4)
#define HARDWARE_ADDRESS_TEXT_MAX (HARDWARE_ADDRESS_MAX * 3)

struct ip_address ip_address_v4(uint32_t network_order);
struct ip_address ip_address_from_bytes(int family, const void *bytes);
unsigned ip_family_bits(int family);  /* 32, 128, or 0 */
unsigned ip_family_bytes(int family); /* 4, 16, or 0 */

bool ip_address_is_set(const struct ip_address *address);
bool ip_address_equal(const struct ip_address *a, const struct ip_address *b);
bool ip_address_is_unspecified(const struct ip_address *address);
bool ip_address_is_loopback(const struct ip_address *address);
bool ip_address_is_multicast(const struct ip_address *address);
bool ip_address_is_link_local(const struct ip_address *address);

bool ip_prefix_equal(const struct ip_prefix *a, const struct ip_prefix *b);
bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip_address *address);
bool ip_prefix_has_host_bits(const struct ip_prefix *prefix);
struct ip_prefix ip_prefix_network(const struct ip_prefix *prefix); /* host bits cleared */

/* Prefix length of a contiguous IPv4 netmask in network byte order, or -EINVAL. */
int ip_netmask_to_length(uint32_t netmask);
uint32_t ip_length_to_netmask(unsigned length);

/* Text forms. Buffers are of the *_TEXT_MAX sizes; the buffer is returned. */
const char *ip_address_print(const struct ip_address *address, char *buffer);
const char *ip_prefix_print(const struct ip_prefix *prefix, char *buffer);
const char *hardware_address_print(const struct hardware_address *address, char *buffer);

/* Parse text of `parameter`. Return 0 or a negative errno with `error` filled (address.invalid,
 * prefix.invalid, prefix.host_bits, mac.invalid). */
int ip_address_parse(const char *text, struct ip_address *ret, const char *parameter,
		     struct error *error);
/* ADDRESS/LENGTH; a plain address is taken as a host prefix; host bits are allowed. */
int ip_prefix_parse(const char *text, struct ip_prefix *ret, const char *parameter,
		    struct error *error);
/* As ip_prefix_parse(), but host bits are an error; "default" is 0.0.0.0/0. */
int ip_network_parse(const char *text, struct ip_prefix *ret, const char *parameter,
		     struct error *error);
int hardware_address_parse(const char *text, struct hardware_address *ret, const char *parameter,
			   struct error *error);
bool hardware_address_equal(const struct hardware_address *a, const struct hardware_address *b);
