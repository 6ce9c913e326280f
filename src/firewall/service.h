/*
 * The firewall at work: the table in the kernel, what stands in it, and who else changes it.
 */
#pragma once

#include "live.h"

struct firewall_service;

struct firewall_peer {
	struct ip_address address;
	uint16_t port; /* that it is connected to; 0: either port of management will do */
};

struct firewall_config {
	/* Who manages this host from outside now; returns how many of `ret` were filled. NULL:
	 * nobody. */
	unsigned (*peers)(struct firewall_peer *ret, unsigned most, void *userdata);
	void *userdata;
};

/* Registers the types `firewall` and `firewall_rule` with the core, and follows what others do to
 * the kernel's rulesets. A kernel without nf_tables is no error here: what is asked for then is
 * refused (kernel.unsupported). 0 or a negative errno. */
int firewall_service_new(struct firewall_service **ret, struct core *core,
			 const struct firewall_config *config);
void firewall_service_free(struct firewall_service *service);
DEFINE_CLEANUP(struct firewall_service *, firewall_service_cleanup, firewall_service_free)

/* Borrowed; NULL where the kernel has no nf_tables. */
struct netfilter *firewall_netfilter(struct firewall_service *service);
const struct live *firewall_live(const struct firewall_service *service);
/* The policy that was loaded last. */
const struct firewall_policy *firewall_policy(const struct firewall_service *service);
/* Is the table in the kernel, as far as is known? */
bool firewall_is_loaded(const struct firewall_service *service);

/* What the kernel has to be for the policy and what is allowed and denied, without the elements of
 * sets. 0 or -ENOMEM. */
int firewall_wanted(struct firewall_service *service, const struct firewall_policy *policy,
		    struct ruleset *ret);

/* Makes the kernel's table so, in one batch, with all elements; mode off takes it away. */
int firewall_load(struct firewall_service *service, const struct firewall_policy *policy,
		  struct error *error);
/* 1: the kernel's table is as wanted, 0: there is none, 2: there is another. */
int firewall_compare(struct firewall_service *service, const struct firewall_policy *policy);

/* Changes one rule for another in the kernel; NULL: none. */
int firewall_change_rule(struct firewall_service *service, const struct firewall_rule_spec *before,
			 const struct firewall_rule_spec *after, struct error *error);
/* How often it matched. */
struct rule_hits {
	uint64_t packets, bytes;
	bool in_place;
};

/* 1, or 0 where the kernel does not have it. */
int firewall_hits(struct firewall_service *service, const struct firewall_rule_spec *spec,
		  struct rule_hits *ret);

/* The kernel's table as it is, without the elements of sets: 1, or 0 where there is none. */
int firewall_read(struct firewall_service *service, struct ruleset *ret);

/* Does the kernel have it? 1 and when it ends there (realtime, 0: never), or 0. */
int firewall_has_rule(struct firewall_service *service, const struct firewall_rule_spec *spec,
		      usec_t *ret_expires);
