/* Who was heard and who was asked for, gathered from observations. Addresses in host byte order. */
#pragma once

#include "observation.h"

#define ADDRESS_TABLE_MAX 256 /* a busier link says enough with the first ones */
#define ASKERS_MAX	  32

struct known_address {
	uint32_t address;
	struct hardware_address mac; /* unset: only asked for */
	bool alive;		     /* sent something itself, or answered */
	uint32_t askers[ASKERS_MAX]; /* who asked for it, each once */
	unsigned askers_count;
	uint32_t broadcast; /* directed broadcast it sent to, 0 for none */
	bool router_group;  /* spoke to a group of routing protocols */
	unsigned subnet;    /* index of the first address of the same subnet */
};

struct address_table {
	struct known_address entries[ADDRESS_TABLE_MAX];
	unsigned count;
};

/* Gathers all; what the link `own` sent itself is left out. */
void address_table_gather(struct address_table *table, const struct observation *observations,
			  size_t count, const struct hardware_address *own);
/* Joins addresses that talk to each other directly, so that `subnet` tells them apart. */
void address_table_join(struct address_table *table);
struct known_address *address_table_find(struct address_table *table, uint32_t address);
/* Bits that all living addresses of the subnet have in common with its own `broadcast`, and which
 * make none of them the first or last of the prefix. */
unsigned address_table_common(const struct address_table *table, unsigned subnet);
unsigned prefix_common(uint32_t a, uint32_t b);
