/*
 * From what is there to a proposal: which links, addresses, routes, rules, resolvers and leases are
 * taken into intent as they are, whose they were, and what is left and why.
 */
#pragma once

#include "managers.h"

#define SURVEY_LINKS_MAX 256

/* A lease that the DHCP client shall know before it begins: an entry of the store. */
struct survey_lease {
	char key[HARDWARE_ADDRESS_TEXT_MAX];
	json_t *json; /* owned */
};

struct survey {
	struct core *core;
	struct proposal *proposal; /* borrowed; resources are added to it */
	const struct manager *managers;
	size_t managers_count;
	const struct manager *ended; /* that ran a while ago; borrowed like the others */
	size_t ended_count;
	const char *resolv_conf;
	bool asked;	    /* by somebody: also what nobody seems to have finished */
	bool while_running; /* take also what a running manager manages */

	/* Results */
	json_t *taken; /* [{resource, type, owner, reason}] */
	json_t *left;  /* [{what, why}] */
	struct survey_lease leases[SURVEY_LINKS_MAX];
	size_t leases_count;
	int links[SURVEY_LINKS_MAX]; /* indexes of those that were taken */
	size_t links_count;
	struct in_addr leased_dns[SURVEY_LINKS_MAX];
	size_t leased_dns_count;
	bool dns_comes_with_lease; /* a lease of which only the address is known yet */
};

void survey_clear(struct survey *survey);

/* Takes what one link has. 1 when anything was taken, 0 when not; negative errno with `error`. */
int survey_link(struct survey *survey, const struct link *link, struct error *error);
/* Takes the rules, and the routes of no link; after all links. */
int survey_rules(struct survey *survey, struct error *error);
/* Takes the name servers of resolv.conf that no lease brings; after all links. */
int survey_resolvers(struct survey *survey, struct error *error);
/* Puts one resource into the proposal; `json` is taken. */
int survey_put(struct survey *survey, const char *type, json_t *json, const char *owner,
	       const char *reason, struct error *error);
/* Tells of something that is left; `why` is a constant. */
int survey_leave(struct survey *survey, const char *what, const char *why, struct error *error);

/* survey_routes.c: takes the routes of the link; where it has a lease (`leased`), not those that
 * come with it: `of_lease` and what clients mark as theirs. */
int survey_routes(struct survey *survey, const struct link *link, const char *owner,
		  const char *reason, bool leased, const struct route *of_lease,
		  struct error *error);
/* Does any route, that is not of the kernel's or of a daemon's making, lead by a gateway? */
bool survey_has_gateway(const struct survey *survey);
/* The default route of a link in the main table, the one of the lowest metric; or NULL. */
const struct route *survey_default_route(const struct survey *survey, const struct link *link);
