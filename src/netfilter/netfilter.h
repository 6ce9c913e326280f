/*
 * netfilter: how we speak with nf_tables, conntrack and NFLOG in the kernel, on libmnl.
 *
 * nf_tables takes changes as a *batch*: all of its messages, or none. The kernel works it off
 * inside sendmsg() and has queued what it says about it when that returns. A batch may state the
 * generation of the ruleset that it was made for: when somebody else changed anything meanwhile, it
 * is refused as a whole, and made anew.
 *
 * What a rule is, this room does not know: that is the room `firewall`.
 *
 *     batch.c      messages that the kernel takes all or none of
 *     elements.c   elements of sets: adding, removing, reading
 *     flows.c      connections that are tracked: reading and cutting them
 *     watch.c      that somebody else changed the ruleset
 */
#pragma once

#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <systemd/sd-event.h>

#include "base/base.h"
#include "netlink/netlink.h"

struct netfilter;

/* Opens the sockets, in the present network namespace. -EPROTONOSUPPORT: a kernel without it. */
int netfilter_new(struct netfilter **ret);
void netfilter_free(struct netfilter *netfilter);
DEFINE_CLEANUP(struct netfilter *, netfilter_cleanup, netfilter_free)

/* For what is only asked. */
struct netlink_socket *netfilter_socket(struct netfilter *netfilter);

/* A dump of NFT_MSG_GET* of a family at the front of `buffer`, for netlink_query(). */
struct nlmsghdr *netfilter_query_begin(void *buffer, uint16_t type, uint8_t family);

/* The generation of the ruleset, and of which process the last change was. */
int netfilter_generation(struct netfilter *netfilter, uint32_t *ret);

/* ---- batches ---- */

/* The messages that a batch holds are numbered from 0 in the order in which they were added. */
struct netfilter_batch {
	uint8_t *bytes;
	size_t size, room;
	uint32_t count;	   /* of messages */
	uint32_t capacity; /* of the message that was begun last, in bytes */
	bool failed;	   /* memory was exhausted; netfilter_commit() says so */
};

void netfilter_batch_clear(struct netfilter_batch *batch);
#define _cleanup_batch_ _cleanup_(netfilter_batch_clear)

#define NETFILTER_MESSAGE_MAX (16u * 1024) /* bytes, of one that netfilter_batch_begin() began */

/* Begins a message NFT_MSG_* of a family (NFPROTO_*); flags NLM_F_CREATE, ... Attributes are put
 * into it, at most NETFILTER_MESSAGE_MAX bytes; then netfilter_batch_end(). NULL without memory. */
struct nlmsghdr *netfilter_batch_begin(struct netfilter_batch *batch, uint16_t type, uint8_t family,
				       uint16_t flags);
void netfilter_batch_end(struct netfilter_batch *batch, struct nlmsghdr *message);

/* What the kernel said of a batch that it refused. */
struct netfilter_refusal {
	uint32_t message; /* number in the batch, UINT32_MAX where it is about all */
	char words[120];  /* of the kernel, or "" */
};

/*
 * Sends the batch. 0, or a negative errno and nothing of it was done: -EAGAIN when `generation`
 * (0: any) is no longer that of the ruleset. An empty batch is 0.
 */
int netfilter_commit(struct netfilter *netfilter, const struct netfilter_batch *batch,
		     uint32_t generation, struct netfilter_refusal *ret);

/* ---- elements of sets ---- */

#define ELEMENT_KEY_MAX	 64 /* bytes of a concatenation */
#define ELEMENT_DATA_MAX 32
#define ELEMENT_NOTE_MAX 16

/* As the kernel has it. Each field of a concatenation fills whole words of four bytes. */
struct set_element {
	uint8_t key[ELEMENT_KEY_MAX], end[ELEMENT_KEY_MAX], data[ELEMENT_DATA_MAX];
	uint8_t key_size, end_size, data_size; /* bytes; `end_size` 0: it is one value */
	uint8_t note_size;
	uint8_t note[ELEMENT_NOTE_MAX]; /* ours, which the kernel keeps ("user data") */
	bool interval_end; /* the first value behind the one before (plain intervals) */
	uint64_t timeout;  /* ms after which it goes, 0 for never */
	/* Of what was read. */
	uint64_t expires; /* ms left */
	uint64_t packets, bytes;
};

/* Adds messages that add the elements to the set of a table of family NFPROTO_INET, or remove them:
 * many go into one message. */
struct element_writer {
	struct netfilter_batch *batch;
	const char *table, *set;
	bool removes;
	struct nlmsghdr *message;
	struct nlattr *list;
};

void netfilter_elements_begin(struct element_writer *writer, struct netfilter_batch *batch,
			      const char *table, const char *set, bool removes);
void netfilter_elements_put(struct element_writer *writer, const struct set_element *element);
void netfilter_elements_end(struct element_writer *writer);

/* Passes each element of the set on until `receive` returns other than 0, which is then returned;
 * -ENOENT without the set; -EAGAIN when it changed meanwhile. */
int netfilter_each_element(struct netfilter *netfilter, const char *table, const char *set,
			   int (*receive)(const struct set_element *element, void *userdata),
			   void *userdata);
/* The same of a table of another family. */
int netfilter_each_element_of(struct netfilter *netfilter, uint8_t family, const char *table,
			      const char *set,
			      int (*receive)(const struct set_element *element, void *userdata),
			      void *userdata);
/* The element of this key: 1 and `ret` filled, 0 where there is none. */
int netfilter_get_element(struct netfilter *netfilter, const char *table, const char *set,
			  const struct set_element *key, struct set_element *ret);

/* ---- connections ---- */

/* A connection that the kernel tracks, by its first packet. */
struct flow {
	struct ip_address source, destination;
	uint8_t protocol;
	uint16_t source_port, destination_port; /* 0 where the protocol has none */
	uint32_t status;			/* bits IPS_* */
	uint32_t id;				/* the kernel's */
	uint16_t zone;
};

/* Passes each connection on until `receive` returns other than 0, which is then returned. */
int netfilter_each_flow(struct netfilter *netfilter,
			int (*receive)(const struct flow *flow, void *userdata), void *userdata);
/* Ends the tracking of a connection of a protocol with ports: its next packet is a first one. One
 * that is gone is no error. */
int netfilter_cut_flow(struct netfilter *netfilter, const struct flow *flow);

/* ---- watch ---- */

struct netfilter_watch;

/*
 * Tells after each change of the ruleset that another process made, of any table; elements that are
 * added or removed are not told one by one. `name` is the process, as it calls itself; NULL
 * when something was lost. The loop is borrowed.
 */
int netfilter_watch_new(struct netfilter_watch **ret, sd_event *event,
			void (*changed)(const char *name, void *userdata), void *userdata);
void netfilter_watch_free(struct netfilter_watch *watch);
DEFINE_CLEANUP(struct netfilter_watch *, netfilter_watch_cleanup, netfilter_watch_free)
