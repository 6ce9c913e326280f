/* What the files of the netplan format share. */
#pragma once

#include "yaml.h"

#define SECTION_MAX 64

struct netplan {
	struct import *import;
	json_t *names; /* of each definition: an array of the links that it is */
};

/* One definition on its way. */
struct definition {
	struct netplan *netplan;
	const char *kind; /* "ethernets" */
	const char *id;
	json_t *link;	/* what is laid over its links */
	const char *at; /* for the list: "ethernets.eth0" */
	bool manual;	/* brought up by nobody */
};

typedef void (*node_function_t)(struct definition *definition, const struct place *place,
				json_t *target, const json_t *node);

/* A key whose value is a list or a map. */
struct node_setting {
	const char *section, *key;
	node_function_t handle;
};

extern const struct setting netplan_settings[];
extern const struct node_setting netplan_nodes[];

/* Handles every key of a map; `section` chooses the rows. */
void netplan_walk(struct definition *definition, const char *section, const char *at,
		  json_t *target, const json_t *map);
/* "eth0: {...}" is at this place. */
struct place netplan_place(const json_t *node, const char *at, const char *key);
