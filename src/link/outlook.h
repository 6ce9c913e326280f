/*
 * The network as it would be: what the kernel has, with the steps of a plan on top. For those who
 * judge a plan before it is applied. Links are named, since those that the plan makes have no index
 * yet.
 *
 *     outlook.c         links
 *     outlook_hosts.c   addresses and settings
 *     outlook_routes.c  rules, routes, and the way to an address
 */
#pragma once

#include "link.h"
#include "path.h"

#define IPV6_MTU_MIN 1280 /* RFC 8200 section 5 */

struct outlook {
	struct core *core;
	const struct plan *plan;  /* NULL: as it is */
	const struct step *until; /* the last step that counts; NULL: all do */
	bool plugged; /* as if every cable were in, and all that something waits for were there */
	bool others_match;	   /* see struct path_world */
	struct rule *added;	   /* owned: the rules of the plan, */
	const struct rule **rules; /* owned: and all that there would be, in their order */
	unsigned rules_count;
};

/* Reads the rules: 0 or -ENOMEM. What is NULL, zero or false beforehand may be set afterwards, but
 * for plan and until. */
int outlook_init(struct outlook *outlook, struct core *core, const struct plan *plan,
		 const struct step *until);
void outlook_clear(struct outlook *outlook);
#define _cleanup_outlook_ _cleanup_(outlook_clear)

/* Iteration over the steps that count. */
const struct step *outlook_next_step(const struct outlook *outlook, const struct step *cursor);
/* The step of the resource "TYPE/KEY", or NULL. */
const struct step *outlook_step(const struct outlook *outlook, const struct resource_type *type,
				const char *key);

/* ---- links ---- */

bool outlook_link_is_there(const struct outlook *outlook, const char *name);
bool outlook_link_is_up(const struct outlook *outlook, const char *name);
/* What becomes of packets that are sent by it. */
enum hop_state outlook_link_state(const struct outlook *outlook, const char *name);
/* Is it of the loopback's kind: what has addresses that no cable leads to? */
bool outlook_link_is_inner(const struct outlook *outlook, const char *name);
/* Does what is sent by the one link before leave by the cable of the other after? */
bool outlook_same_wire(const struct outlook *before, const struct outlook *after,
		       const char *link_before, const char *link_after);

/* ---- addresses and settings ---- */

/* The name of a link that would hold the address, of several `preferred` (may be NULL); NULL where
 * none would. Borrowed from the mirror or the plan. */
const char *outlook_holder(const struct outlook *outlook, const struct ip_address *address,
			   const char *preferred);
/* A setting of the link as it would be; 0 where it cannot be read. */
int32_t outlook_setting(const struct outlook *outlook, const char *link, const char *name);
/* The same of all links. */
int32_t outlook_setting_of_all(const char *name);
/* Would the kernel cease to hear router advertisements there? */
bool outlook_link_turns_from_routers(const struct outlook *outlook, const char *link);

/* ---- the way to an address ---- */

/* By the rules and tables that there would be; of the routes that the mirror leaves out the kernel
 * is asked. */
void outlook_path(const struct outlook *outlook, const struct flow *flow, struct path *ret);

/* ---- of rule_type.c ---- */

/* The rule as the kernel would announce it: 0 or -EINVAL. */
int rule_of_spec(const struct rule_spec *spec, struct rule *ret);
