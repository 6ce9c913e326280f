/* What the files of network tools share. */
#pragma once

#include "descriptor.h"
#include "fields.h"

#include "adopt/adopt.h"
#include "dhcp/service.h"
#include "dns/dns.h"
#include "firewall/firewall.h"
#include "guards/guards.h"
#include "link/link.h"
#include "online/online.h"

#define PROPERTY_COUNT_MOST 5000

/* The parameters limit and offset of every listing; and what says how much there is. */
#define LISTING_PARAMETERS(default_limit)                                                          \
	{"limit",                                                                                  \
	 FIELD_INTEGER,                                                                            \
	 .least = 1,                                                                               \
	 .most = PROPERTY_COUNT_MOST,                                                              \
	 .fallback = default_limit,                                                                \
	 .help = "How many are listed at most"},                                                   \
	{                                                                                          \
		"offset", FIELD_INTEGER, .least = 0, .most = 4294967295.0, .fallback = "0",        \
					 .help = "How many are passed over before"                 \
	}
#define LISTING_TOTAL                                                                              \
	{                                                                                          \
		"total", FIELD_INTEGER, .required = true, .help = "How many match, listed or not"  \
	}

#define LINK_HELP "Name of the interface"

struct listing {
	const void **items; /* borrowed */
	size_t count, capacity;
	bool failed;
};

void listing_clear(struct listing *listing);
#define _cleanup_listing_ _cleanup_(listing_clear)
void listing_add(struct listing *listing, const void *item);

/* The part that limit and offset of the arguments choose, each made by `make`, as
 * {member: [...], "total": N}. Takes what `make` gives. */
int listing_to_json(const struct listing *listing, const struct tool_call *call, const char *member,
		    json_t *(*make)(const struct tool_call *call, const void *item), json_t **ret,
		    struct error *error);

int out_of_memory(struct error *error);

/* The link of a name; link.unknown with the nearest name otherwise. */
int find_link(const struct tool_call *call, const char *name, const struct link **ret,
	      struct error *error);
/* May the caller configure this link? One that somebody else made only with its argument
 * `take_over`; 0 or link.foreign. */
int check_link_ours(const struct tool_call *call, const struct link *link, struct error *error);
const char *link_name_of(const struct tool_call *call, int index); /* "" for none */

/* Text that is left out where it is "". */
int put_text_member(json_t *object, const char *key, const char *text);

/* "main", "local", "default", or the number. `buffer` of 16 bytes; returned. */
const char *route_table_text(uint32_t table, char *buffer);
/* Who makes routes of this rtm_protocol: "the kernel", "a DHCP client", ... */
const char *route_protocol_text(uint8_t protocol);
const char *route_protocol_maker(uint8_t protocol);
const char *route_kind_text(uint8_t type); /* "unicast", "blackhole", ... */

/* The resource of intent that stands behind a kernel object, or NULL. */
const struct resource *resource_of_address(const struct tool_call *call,
					   const struct address *address);
const struct resource *resource_of_route(const struct tool_call *call, const struct route *route);

/* Does the kernel send packets by it? It skips routes of links without carrier, and announces no
 * change of the route's own flags when carrier goes. */
bool route_is_usable(struct core *core, const struct route *route);

/* The default route that the kernel uses now, or NULL. */
const struct route *uplink_route(struct core *core, int family);

/* Parses an argument that validation has already accepted. */
struct ip_address argument_address(const struct tool_call *call, const char *name);
struct ip_prefix argument_prefix(const struct tool_call *call, const char *name);

extern const char *const family_values[]; /* "ipv4", "ipv6" */
/* AF_INET, AF_INET6, or AF_UNSPEC where the argument `family` is absent. */
int argument_family(const struct tool_call *call);

/* ---- content of the resources, and of the tools of the same name ---- */

json_t *status_json(struct core *core, const struct tool_services *services);
json_t *interfaces_json(struct core *core, const struct tool_services *services);
json_t *interface_json(struct core *core, const struct tool_services *services,
		       const struct link *link, bool details);
/* The newest transactions as tx.history lists them; NULL with `error` filled. */
json_t *history_json(struct core *core, uint64_t before, unsigned limit, bool changes,
		     struct error *error);
json_t *events_json(struct core *core, uint64_t after, size_t limit, const char *kind);

extern const struct tool_set status_tools, interface_tools, configure_tools, route_tools,
	route_change_tools, neighbour_tools, explain_tools, transaction_tools, event_tools,
	adopt_tools, import_tools, layout_tools, export_tools, guard_tools, firewall_tools,
	firewall_rule_tools, firewall_explain_tools;

/* tools_adopt.c: another manager that runs, in a result. */
extern const struct field manager_members[];
