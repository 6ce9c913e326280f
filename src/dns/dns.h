/*
 * dns: where this host's names are resolved.
 *
 * Holds the resource type `resolver` (key LINK, or "global"): the servers and search domains that
 * one link, or an administrator, offers. Of all of them, ordered by metric, resolv.conf is written.
 *
 *     resolver_type.c  the resource type
 *     service.c        the resolvers in force, and the file
 */
#pragma once

#include "core/core.h"

#define RESOLVER_SERVERS_MAX 8
#define RESOLVER_SEARCH_MAX  6
#define RESOLVER_NAME_MAX    254
#define RESOLVER_SEARCH_SIZE 640 /* all of the search list */

struct resolver_spec {
	char link[IFNAMSIZ]; /* or "global" */
	uint32_t metric;     /* lower comes first */
	unsigned servers_count, search_count;
	struct ip_address servers[RESOLVER_SERVERS_MAX];
	char search[RESOLVER_SEARCH_SIZE]; /* text_list_at() */
};

extern const struct resource_type resolver_type;

struct dns_service;

/* `resolv_conf` is the path of the file that is written. Registers the type. */
int dns_service_new(struct dns_service **ret, struct core *core, const char *resolv_conf);
void dns_service_free(struct dns_service *service);
DEFINE_CLEANUP(struct dns_service *, dns_service_cleanup, dns_service_free)

/* The servers in the order of resolv.conf; returns how many of `ret[max]` were filled. */
unsigned dns_service_servers(const struct dns_service *service, struct ip_address *ret,
			     unsigned max);
