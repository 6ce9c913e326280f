/*
 * resolv.conf(5) as somebody else wrote it.
 */
#pragma once

#include "base/base.h"

#define RESOLV_CONF_SERVERS_MAX 8
#define RESOLV_CONF_SEARCH_MAX	6
#define RESOLV_CONF_NAME_MAX	254

struct resolv_conf {
	bool ours;  /* this program wrote it */
	bool local; /* it names a resolver on this host, which stands between */
	unsigned servers_count, search_count;
	struct ip_address servers[RESOLV_CONF_SERVERS_MAX]; /* others than local ones */
	char search[RESOLV_CONF_SEARCH_MAX][RESOLV_CONF_NAME_MAX];
};

/* A pure function; what makes no sense is left out. */
void resolv_conf_parse(const char *text, size_t size, struct resolv_conf *ret);
