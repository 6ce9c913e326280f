/*
 * The kinds of devices that can be intent, by table: the members of each, their ranges, what they
 * are when they are not given, and which of them an existing device cannot change.
 */
#pragma once

#include "link.h"

enum option_type {
	OPTION_TRUTH,
	OPTION_NUMBER,
	OPTION_CHOICE,	/* text that stands for a number */
	OPTION_ADDRESS, /* of a host */
	OPTION_GROUP,	/* a multicast address */
	OPTION_LINK,	/* the name of an interface */
};

struct choice {
	const char *text;
	uint32_t value;
};

struct device_option {
	const char *key;
	enum option_type type;
	uint16_t offset; /* in struct device_spec */
	uint8_t size;	 /* of the member, bytes */
	bool network_order;
	bool required;
	bool immutable;
	uint32_t least, most;	      /* of numbers, in the unit of JSON */
	uint32_t scale;		      /* of the kernel's unit: so many make one of JSON's; 0 is 1 */
	uint32_t otherwise;	      /* where it is not given, in the kernel's unit */
	const char *feature;	      /* of the kernel, that other values than `otherwise` need */
	const struct choice *choices; /* ends with NULL */
};

struct device_kind {
	const char *name;
	const char *feature; /* of the kernel, that makes it */
	unsigned rank;	     /* lower is made first: what others lie on */
	const struct device_option *options;
	unsigned options_count;
};

/* NULL for a kind that has no row. */
const struct device_kind *device_kind(const char *name);
/* "bridge, bond, ...". */
const char *device_kind_names(char *buffer, size_t size);

/* Reads the options out of `object` (may be NULL) into `spec`; errors name "KIND.MEMBER". */
int device_options_parse(const struct device_kind *kind, const json_t *object,
			 struct device_spec *spec, struct error *error);
/* The options as a JSON object, or NULL when memory is exhausted. */
json_t *device_options_print(const struct device_kind *kind, const struct device_spec *spec);
/* The first option that asks for a feature of its own, or NULL. */
const struct device_option *device_option_of_feature(const struct device_kind *kind,
						     const struct device_spec *spec);
/* The first option that differs between the two, of the immutable ones or of all; NULL for none.
 * The links that they name are not compared where one is not known. */
const struct device_option *device_options_differing(const struct device_kind *kind,
						     const struct device_spec *a,
						     const struct device_spec *b, bool immutable);
