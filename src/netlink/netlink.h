/*
 * netlink: how we speak with the kernel, on libmnl.
 *
 * Two ways, since the kernel works in two ways:
 *
 *  - A *request socket* asks for one thing and gets the answer in the same call. The kernel does
 *    the work inside sendmsg() and has queued the answer when that returns, so waiting costs
 *    nothing; the receive timeout is there only for a kernel that never answers. All changes go
 *    this way.
 *
 *  - A *monitor* follows rtnetlink's multicast groups on the event loop and keeps a mirror of the
 *    kernel true: it dumps each kind of object once, passes on what changes afterwards, and when
 *    the kernel says that something was lost (ENOBUFS, NLM_F_DUMP_INTR, a truncated datagram) it
 *    dumps again, bounded and without blocking the loop.
 *
 * Parsers turn one message into one value of types.h. They are pure functions of their bytes: the
 * kernel is trusted to be the kernel, but not to send only the attributes that we know.
 *
 *     types.h       what the kernel has, as values
 *     socket.c      the request socket
 *     monitor.c     the monitor; resync.h decides when it dumps what, filter.h what it leaves out
 *     parse*.c      from messages to values, by the tables of attribute.h
 *     build*.c      from values to messages
 *     link_maker.h  the kinds of links that can be made
 *     watch.c       what is announced and not mirrored
 *     wireless.c    which links are wireless, which only nl80211 says
 */
#pragma once

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <systemd/sd-event.h>

#include "base/base.h"
#include "types.h"

/* ---- request socket ---- */

struct netlink_socket;

/* `protocol` is NETLINK_ROUTE, NETLINK_SOCK_DIAG, ... Answers are waited for `timeout` at most. */
int netlink_socket_new(struct netlink_socket **ret, int protocol, usec_t timeout);
void netlink_socket_free(struct netlink_socket *socket);
DEFINE_CLEANUP(struct netlink_socket *, netlink_socket_cleanup, netlink_socket_free)

/*
 * Sends one request (NLM_F_ACK and the sequence number are filled in) and waits for its answer.
 * Returns 0 or the kernel's negative errno; -ETIMEDOUT when no answer came. What the kernel said in
 * words (extended ack) is then in netlink_socket_words().
 */
int netlink_request(struct netlink_socket *socket, struct nlmsghdr *message);

/* As netlink_request(), and passes each answering message to `receive` until it returns other than
 * 0; dumps (NLM_F_DUMP) included. -EAGAIN when the kernel says that the dump was interrupted. */
typedef int (*netlink_receive_t)(const struct nlmsghdr *message, void *userdata);
int netlink_query(struct netlink_socket *socket, struct nlmsghdr *message,
		  netlink_receive_t receive, void *userdata);

/* Many requests, done by the kernel in this order, sent in one go. Starts zeroed. */
struct netlink_batch {
	uint8_t *messages; /* owned */
	size_t length;
	unsigned count;
};

#define NETLINK_BATCH_MOST 128 /* their announcements fit into the buffer of a monitor */

/* Copies the message. -EMSGSIZE when the batch is full: it is to be sent first; or -ENOMEM. */
int netlink_batch_add(struct netlink_batch *batch, const struct nlmsghdr *message);
/* Sends what was added, waits for the answer, and empties the batch. The kernel goes on after one
 * that it refuses: then the errno of the first of these is returned, and `ret_failed` is its index
 * in the batch; the others may have been done or not. */
int netlink_batch_send(struct netlink_socket *socket, struct netlink_batch *batch,
		       unsigned *ret_failed);
void netlink_batch_clear(struct netlink_batch *batch);
#define _cleanup_netlink_batch_ _cleanup_(netlink_batch_clear)

/* The kernel's words on the last failed request, or ""; valid until the next request. */
const char *netlink_socket_words(const struct netlink_socket *socket);

/* ---- building rtnetlink requests; `buffer` holds at least NETLINK_MESSAGE_MAX bytes ---- */

#define NETLINK_MESSAGE_MAX 1024

/* What to set on a link; only the members whose bit is in `fields` count. The kernel announces a
 * change of the last two only while the link is up (see observed_refresh_link()). */
enum link_field {
	LINK_FIELD_UP = 1 << 0,
	LINK_FIELD_MTU = 1 << 1,
	LINK_FIELD_MAC = 1 << 2,
	LINK_FIELD_IGNORE_DEAD_ROUTES = 1 << 3, /* ipv4 ignore_routes_with_linkdown */
	LINK_FIELD_PROMOTE_SECONDARIES = 1 << 4,
};

struct link_settings {
	unsigned fields;
	bool up;
	uint32_t mtu; /* bytes */
	struct hardware_address mac;
	bool ignore_dead_routes;
	bool promote_secondaries;
};

/* All return the message, which lies at the front of `buffer`. Members that are zero or unset are
 * left to the kernel, but for `type` of a route, which is then RTN_UNICAST. A route is deleted by
 * what is set; metric 0 matches any. */
struct nlmsghdr *netlink_build_link_set(void *buffer, int index,
					const struct link_settings *settings);
/* Makes a link of `link`'s name, MAC, kind, options and link below (`lower`); `peer` has the name
 * and the MAC of a veth's other end, else it is NULL. NULL for a kind that nothing is known of. */
struct nlmsghdr *netlink_build_link_new(void *buffer, const struct link *link,
					const struct link *peer);
/* Changes the options of link `before` to those of `after`, of the same kind. */
struct nlmsghdr *netlink_build_link_options(void *buffer, const struct link *before,
					    const union link_options *after);
struct nlmsghdr *netlink_build_link_delete(void *buffer, int index);
/* `master` 0: of none. */
struct nlmsghdr *netlink_build_link_master(void *buffer, int index, int master);
/* Puts the VLANs `first` to `last` of the bridge's port `index` as `vlans` has them, or takes them
 * away. A range is of VLANs that are alike, and holds no PVID beside others. */
struct nlmsghdr *netlink_build_port_vlans(void *buffer, bool add, int index,
					  const struct port_vlans *vlans, unsigned first,
					  unsigned last);
/* A dump of the VLANs of the port `index`; -EOPNOTSUPP without CONFIG_BRIDGE_VLAN_FILTERING. */
struct nlmsghdr *netlink_build_port_vlans_dump(void *buffer, int index);
struct nlmsghdr *netlink_build_address(void *buffer, bool add, const struct address *address);
struct nlmsghdr *netlink_build_route(void *buffer, bool add, const struct route *route);
/* With several nexthops, in the place of the route's own link and gateway. */
struct nlmsghdr *netlink_build_multipath_route(void *buffer, const struct route *route,
					       const struct nexthops *nexthops);
/* A dump of the routes of one family and table (0: of all). -ENOENT when there is no such table. */
struct nlmsghdr *netlink_build_table_dump(void *buffer, int family, uint32_t table);
/* A dump of the routes of one family, of all tables, that lead to the link. */
struct nlmsghdr *netlink_build_link_routes_dump(void *buffer, int family, int link);
/* The message says as much as the kernel's own, so that netlink_parse() makes of it what it will
 * make of the rule's announcement. A rule is deleted by what is set, its protocol included. */
struct nlmsghdr *netlink_build_rule(void *buffer, bool add, const struct rule *rule);
/* Asks by which route the kernel would send to `address`; the answer is that route as a dump has
 * it, not a clone for the address. An error (-ENETUNREACH, -EINVAL, ...) where none leads there. */
struct nlmsghdr *netlink_build_route_get(void *buffer, const struct ip_address *address);
/* A dump of one kind; `index` other than 0 asks the kernel to filter by link where it can: for
 * addresses, routes and neighbours. */
struct nlmsghdr *netlink_build_dump(void *buffer, enum object_kind kind, int index);
struct nlmsghdr *netlink_build_link_get(void *buffer, int index);
/* -ENOENT when there is none (NUD_NONE counts as none). */
struct nlmsghdr *netlink_build_neighbour_get(void *buffer, int link,
					     const struct ip_address *address);

/* ---- wireless ---- */

/*
 * Does nl80211 know the link? rtnetlink itself does not tell a wireless link from another Ethernet.
 * Asked over generic netlink: sysfs may show another network namespace's links, and the old
 * wireless extensions are compiled out or refuse newer hardware. A few system calls, so only to be
 * asked for a new link of kind LINK_ETHERNET.
 */
bool netlink_link_is_wireless(int index);

/* ---- watch ---- */

struct netlink_watch;

/* Passes on what is announced to the multicast groups (RTNLGRP_*, ended by 0), of which the mirror
 * keeps nothing; NULL when something was lost. The event loop is borrowed. */
int netlink_watch_new(struct netlink_watch **ret, sd_event *event, const int *groups,
		      void (*heard)(const struct nlmsghdr *message, void *userdata),
		      void *userdata);
void netlink_watch_free(struct netlink_watch *watch);
DEFINE_CLEANUP(struct netlink_watch *, netlink_watch_cleanup, netlink_watch_free)

/* The link that an announcement of RTNLGRP_IPV4_NETCONF or RTNLGRP_IPV6_NETCONF is about, 0 where
 * it is about none, -EBADMSG. */
int netlink_parse_netconf_link(const struct nlmsghdr *message);

/* ---- parsing ---- */

/*
 * Parses an rtnetlink message into the object of `kind`. Returns 0; 1 when the message is of a kind
 * or family that the mirror does not keep (not an error); -EBADMSG when it contradicts itself.
 *
 * Not kept: what bridges say of their ports and forwarding tables, the routes of the local table
 * (they repeat the addresses) and of the route cache, proxy and multicast neighbours, and families
 * other than IPv4 and IPv6.
 */
int netlink_parse(const struct nlmsghdr *message, enum object_kind *kind, union object *ret);

/* The nexthops of a route's message; none of one that states a single gateway. Returns 0, or
 * -EBADMSG. */
int netlink_parse_nexthops(const struct nlmsghdr *message, struct nexthops *ret);

/* Adds the VLANs that the message, an answer to netlink_build_port_vlans_dump(), tells of port
 * `index` to `ret`. Returns 0, or -EBADMSG. */
int netlink_parse_port_vlans(const struct nlmsghdr *message, int index, struct port_vlans *ret);

/* ---- monitor ---- */

struct netlink_monitor;

enum netlink_announcement {
	NETLINK_DUMPED,	   /* by a dump: it is there */
	NETLINK_OUTDATED,  /* by a dump, but an event since may have said otherwise */
	NETLINK_ANNOUNCED, /* by an event: it is there, perhaps changed */
	NETLINK_REPLACES,  /* by an event: it is there, in the place of another route */
	NETLINK_GONE,
};

struct netlink_monitor_handlers {
	void (*object)(enum object_kind kind, const union object *object,
		       enum netlink_announcement announcement, void *userdata);
	/* A nexthop object is gone. It takes its routes along, of which IPv4 says nothing. */
	void (*nexthop_gone)(void *userdata);
	/* A dump of `kind` begins: whatever neither it nor an event names again until its end is
	 * gone. A dump in which something was lost does not end; it begins anew. */
	void (*dump_begins)(enum object_kind kind, void *userdata);
	void (*dump_ends)(enum object_kind kind, void *userdata);
	/* All kinds were dumped without loss: the mirror is true from here on. Called at the first
	 * synchronisation and after each resynchronisation. */
	void (*synchronised)(void *userdata);
	/* Something was lost; a resynchronisation is under way. `reason` is a short phrase. */
	void (*lost)(const char *reason, void *userdata);
};

struct netlink_monitor_statistics {
	uint64_t messages;
	uint64_t overruns;    /* ENOBUFS */
	uint64_t interrupted; /* NLM_F_DUMP_INTR */
	uint64_t truncated;   /* datagrams that were larger than the buffer */
	uint64_t malformed;   /* messages that did not parse */
	uint64_t doubts;      /* events whose effect only the kernel knows */
	uint64_t refused;     /* dumps that the kernel answered with an error */
	uint64_t stalled;     /* dumps that the kernel did not finish in time */
	uint64_t resynchronisations;
};

/*
 * Opens the monitor and begins the first dumps. `handlers` is copied; `receive_buffer` is the
 * socket buffer in bytes (0: 1 MiB, of which the kernel
 * takes only what is queued). The event loop is borrowed.
 */
int netlink_monitor_new(struct netlink_monitor **ret, sd_event *event, int receive_buffer,
			const struct netlink_monitor_handlers *handlers, void *userdata);
void netlink_monitor_free(struct netlink_monitor *monitor);

/* Reads what the kernel has queued, now, outside of the loop: after a change of ours its own
 * announcement is already there. Returns 0, or 1 while a resynchronisation is still under way;
 * -EBUSY from inside a handler. */
int netlink_monitor_drain(struct netlink_monitor *monitor);

/* Is what was told of the kind known to be true? */
bool netlink_monitor_knows(const struct netlink_monitor *monitor, enum object_kind kind);

/* Drains until all kinds are synchronised; -ETIMEDOUT after `timeout`. For the start of the daemon,
 * and for who must know after netlink_monitor_drain() returned 1. */
int netlink_monitor_wait_synchronised(struct netlink_monitor *monitor, usec_t timeout);

/*
 * Neighbours are left out but for those of these addresses, on any link (filter.h); the list takes
 * the place of the one before. What the kernel has of them at present is not told: see
 * netlink_build_neighbour_get().
 */
int netlink_monitor_follow_neighbours(struct netlink_monitor *monitor,
				      const struct ip_address *addresses, size_t count);

/* Which routes the mirror keeps: see filter.h. */
struct filter;
const struct filter *netlink_monitor_filter(const struct netlink_monitor *monitor);
/* Leaves out the routes of the protocol, too, from here on; but for default routes. Those that are
 * in the mirror are gone from it at the end of the resynchronisation that this begins. */
void netlink_monitor_leave_out(struct netlink_monitor *monitor, uint8_t protocol);

/* Dumps `kind` again: for a mirror that an event left in doubt. `reason` as in `lost`. */
void netlink_monitor_doubt(struct netlink_monitor *monitor, enum object_kind kind,
			   const char *reason);

const struct netlink_monitor_statistics *netlink_monitor_statistics(
	const struct netlink_monitor *monitor);
