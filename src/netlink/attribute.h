/*
 * Netlink attributes by table: which attribute goes into, or comes from, which member of a struct.
 *
 * A table is an array indexed by the attribute's number. Rows that it does not state are skipped: a
 * newer kernel says more than we know.
 */
#pragma once

#include <libmnl/libmnl.h>

#include "base/base.h"

enum attribute_type {
	ATTRIBUTE_UNKNOWN, /* rows that a table leaves out */
	ATTRIBUTE_U8,
	ATTRIBUTE_U16,
	ATTRIBUTE_U32,
	ATTRIBUTE_TEXT, /* char[size]; what does not fit is cut */
	ATTRIBUTE_IP,	/* struct ip_address */
	ATTRIBUTE_IPV4, /* the same, where each family has an attribute of its own */
	ATTRIBUTE_IPV6,
	ATTRIBUTE_MAC,	/* struct hardware_address */
	ATTRIBUTE_NEST, /* attributes inside, by the table `nest` */
	ATTRIBUTE_CALL, /* what no row can say, by the function `call` */
};

struct attribute_table;

struct attribute {
	uint8_t type;
	uint8_t size; /* of text */
	uint16_t offset;
	union {
		const struct attribute_table *nest;
		int (*call)(struct cursor payload, void *object);
	};
};

struct attribute_table {
	const struct attribute *rows;
	uint16_t count;
	/* Called with what the rows do not state; may be NULL. */
	void (*unknown)(uint16_t number, struct cursor payload, void *object);
};

#define ATTRIBUTE(kind, structure, member)                                                         \
	{                                                                                          \
		.type = ATTRIBUTE_##kind, .size = sizeof(((structure *)0)->member),                \
		.offset = offsetof(structure, member)                                              \
	}

#define ATTRIBUTE_NESTED(table)                                                                    \
	{                                                                                          \
		.type = ATTRIBUTE_NEST, .nest = (table)                                            \
	}

#define ATTRIBUTE_CALLED(function)                                                                 \
	{                                                                                          \
		.type = ATTRIBUTE_CALL, .call = (function)                                         \
	}

#define ATTRIBUTE_TABLE(array)                                                                     \
	{                                                                                          \
		.rows = (array), .count = ARRAY_SIZE(array)                                        \
	}

/* Reads all attributes of `attributes` into `object`. Returns 0, or -EBADMSG when one leaves the
 * buffer or is shorter than its type. */
int attribute_read(struct cursor attributes, const struct attribute_table *table, void *object);

/* Puts each member of U8 to U32 and IPV4 to IPV6 that differs from `before`, zeros too. */
void attribute_put_differing(struct nlmsghdr *message, const struct attribute_table *table,
			     const void *before, const void *after);

/* Puts each member that is not zero, in the order of the rows' numbers. Only U8 to MAC are put. */
void attribute_put(struct nlmsghdr *message, const struct attribute_table *table,
		   const void *object);
