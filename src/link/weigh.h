/*
 * What a change would do to somebody who manages this host from outside: is he reached still, by
 * what he was reached by, and do his packets arrive? Both ways are weighed: the answers, by rules,
 * tables, routes and links; and what he sends, by the address that it goes to, the check of the
 * reverse path and the answers to ARP.
 */
#pragma once

#include "outlook.h"

struct correspondent {
	struct ip_address local; /* that he is connected to; unset: any will do */
	struct ip_address remote;
	char link[IFNAMSIZ]; /* that the connection is bound to, "" for none */
};

struct finding {
	enum path_verdict verdict;
	char what[96]; /* that he would lose, or that is not known: "the route back" */
	struct path before, after;
};

void weigh(const struct outlook *before, const struct outlook *after,
	   const struct correspondent *peer, struct finding *ret);
