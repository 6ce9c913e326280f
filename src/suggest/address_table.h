/* Who was heard and who was asked for, gathered from observations. Addresses in host byte order. */
#pragma once

#include "proxies.h"

#define USUAL_PREFIX	  24  /* the commonest */
#define ADDRESS_TABLE_MAX 256 /* a busier link says enough with the first ones */
#define PREFIX_SHORTEST	  8   /* no private network is larger */
#define PREFIX_LONGEST	  30
#define ASKERS_MAX	  16
#define CLAIMS_DOUBTED	  3  /* addresses of one MAC on which it is not believed any more */
#define CLAIMS_MAX	  24 /* addresses that one MAC brings into the table */

/* Who asked for an address. A MAC is kept with no more than CLAIMS_DOUBTED addresses. */
struct asker {
	uint32_t address;
	uint8_t mac[6];
	uint16_t times;
};

struct known_address {
	uint32_t address;
	struct hardware_address mac;   /* the first that had it; unset: only asked for */
	uint8_t introducer[6];	       /* the MAC that named it first */
	bool alive;		       /* sent something itself, or answered */
	bool spoke;		       /* alive by more than answers */
	bool named;		       /* told of by somebody, and not heard itself */
	bool answered;		       /* an ARP reply */
	bool probed;		       /* we asked for it */
	struct hardware_address proxy; /* a proxy answered for it, unset for none */
	bool contested;		       /* another MAC claimed it, too */
	struct asker askers[ASKERS_MAX];
	unsigned askers_count;
	unsigned witnesses; /* distinct MACs among the askers, but for its own */
	unsigned asked;	    /* how often by them */
	bool chats;	    /* speaks to groups as hosts do */
	uint32_t broadcast; /* directed broadcast it sent to, 0 for none */
	bool router_group;  /* spoke to a group of routing protocols */
	unsigned subnet;    /* index of the first address of the same subnet */
};

/* What address_table_join() needs to know of each subnet. */
struct subnet_facts {
	bool known, has_gateway; /* one that two hosts ask for */
	uint8_t common;
	uint32_t broadcast;
};

struct address_table {
	struct known_address entries[ADDRESS_TABLE_MAX];
	unsigned count;
	struct subnet_facts facts[ADDRESS_TABLE_MAX]; /* by subnet, while it is joined */
};

/* Gathers all; what the link `own` sent itself is left out, and what a proxy answers counts only
 * for an address that others ask for. A MAC is one witness, however many addresses it claims, and
 * of one that claims too many only the first counts as alive. */
void address_table_gather(struct address_table *table, const struct observation *observations,
			  size_t count, const struct hardware_address *own,
			  const struct proxies *proxies);
/* Joins addresses that talk to each other directly, so that `subnet` tells them apart. */
void address_table_join(struct address_table *table);
struct known_address *address_table_find(struct address_table *table, uint32_t address);
/* The broadcast address that most hosts of the subnet use, 0 for none; `conflict` when others use
 * another one. */
uint32_t address_table_broadcast(const struct address_table *table, unsigned subnet,
				 bool *conflict);
/* The shortest prefix whose last address can be that. */
unsigned address_table_shortest(uint32_t broadcast);
/* Bits that all living addresses of the subnet have in common with its broadcast address, and which
 * make none of them the first or last of the prefix. */
unsigned address_table_common(const struct address_table *table, unsigned subnet);
/* How many distinct MACs the living addresses of a subnet have. */
unsigned address_table_living(const struct address_table *table, unsigned subnet);
unsigned prefix_common(uint32_t a, uint32_t b);
