/*
 * A ruleset as a value: chains of rules over sets, in the terms of nftables.
 *
 * One description has three readers: what is sent to the kernel (encode.c), what people read
 * (text.c) and what is proved (prove.h). So what is proved is what is loaded. The fourth way leads
 * back: what the kernel has is decoded into the same (decode.c), ours to be compared, that of
 * others to be part of the proof.
 *
 * The vocabulary is small on purpose: a match is a range, a prefix, some bits, or a look-up in a
 * named set. What of somebody else's ruleset does not fit is kept as "unknown", and nothing that
 * depends on it is then said to hold.
 */
#pragma once

#include <netinet/in.h>

#include <linux/netfilter.h>

#include "base/base.h"

#define RULESET_NAME_MAX    32 /* of chains and sets, with the zero at its end */
#define MATCH_FIELDS_MAX    4
#define RULE_MATCHES_MAX    8
#define PACKET_VALUE_MAX    16 /* bytes */
#define CHAIN_PRIORITY_RAW  (-300)
#define CHAIN_PRIORITY_DNAT (-100)
#define CHAIN_PRIORITY_SNAT 100

/* What a rule can ask of a packet. field.c has how each is loaded, printed and how wide it is. */
enum packet_field {
	FIELD_FAMILY,	/* NFPROTO_IPV4 or NFPROTO_IPV6 */
	FIELD_IN_LINK,	/* name of the link it came by */
	FIELD_OUT_LINK, /* name of the link it leaves by */
	FIELD_SOURCE4,	/* as in the header; such a match implies the family */
	FIELD_DESTINATION4,
	FIELD_SOURCE6,
	FIELD_DESTINATION6,
	FIELD_PROTOCOL, /* IPPROTO_* of the transport header */
	FIELD_SOURCE_PORT,
	FIELD_DESTINATION_PORT,
	FIELD_ORIGINAL_PORT, /* the destination port before translation, of a connection */
	FIELD_ICMP_TYPE,     /* first byte of the transport header, of either ICMP */
	FIELD_HOP_LIMIT,     /* IPv6 */
	FIELD_STATE,	     /* one bit of enum packet_state */
	FIELD_STATUS,	     /* bits IPS_* of the connection: IPS_DST_NAT */
	FIELD_USER,	     /* uid of the local sender */
	FIELD_MARK,	     /* of the packet */
	FIELD_PACKET_TYPE,   /* PACKET_HOST, PACKET_BROADCAST, PACKET_MULTICAST, PACKET_OTHERHOST */
	FIELD_SOURCE_TYPE,   /* RTN_* of the source address on this host: RTN_LOCAL */
	FIELD_DESTINATION_TYPE,
	FIELD_REVERSE_PATH, /* 1: the best route to the source leaves by the link it came by */
	_FIELD_MAX
};

/* Bits of FIELD_STATE, as the kernel has them (NF_CT_STATE_BIT). */
enum packet_state {
	STATE_INVALID = 1 << 0,
	STATE_ESTABLISHED = 1 << 1,
	STATE_RELATED = 1 << 2,
	STATE_NEW = 1 << 3,
	STATE_UNTRACKED = 1 << 6,
};

/* In network byte order where it is of a header, big-endian too where it is a number; left-aligned;
 * names of links are padded with zeros. */
struct packet_value {
	uint8_t bytes[PACKET_VALUE_MAX];
};

enum match_kind {
	MATCH_RANGE,   /* low <= field <= high, bytewise */
	MATCH_BITS,    /* (field & mask) == value; a prefix of an address */
	MATCH_ANY_BIT, /* (field & mask) != 0; of FIELD_STATE and FIELD_STATUS */
	MATCH_SET,     /* the concatenation of the fields is in the named set */
	MATCH_UNKNOWN, /* somebody else's, and beyond this vocabulary */
};

struct match {
	enum match_kind kind;
	bool negated;
	uint8_t field_count; /* 1, but for MATCH_SET */
	uint8_t fields[MATCH_FIELDS_MAX];
	union {
		struct {
			struct packet_value low, high;
		} range;
		struct {
			struct packet_value mask, value;
		} bits;
		char set[RULESET_NAME_MAX];
	};
};

enum rule_verdict {
	RULE_CONTINUE, /* it only counts or logs */
	RULE_ACCEPT,   /* ends this base chain; other tables' still see the packet */
	RULE_DROP,
	RULE_REJECT_RESET,	/* TCP reset */
	RULE_REJECT_PROHIBITED, /* ICMP administratively prohibited */
	RULE_REJECT,		/* somebody else's, of another kind */
	RULE_JUMP,
	RULE_GOTO,
	RULE_RETURN,
	RULE_DESTINATION_NAT,
	RULE_SOURCE_NAT, /* masquerading, too */
	RULE_UNKNOWN,	 /* somebody else's: anything may become of the packet */
};

struct filter_rule {
	struct match matches[RULE_MATCHES_MAX];
	uint8_t match_count;
	bool counts;	      /* an anonymous counter */
	uint32_t limit_rate;  /* packets a second up to which it matches, 0 for no limit */
	uint32_t limit_burst; /* packets */
	uint16_t log_group;   /* of NFLOG, 0 for no log */
	char log_prefix[32];
	char counter[RULESET_NAME_MAX]; /* name of the counter that counts it, or "" */
	enum rule_verdict verdict;
	char target[RULESET_NAME_MAX]; /* the chain of RULE_JUMP and RULE_GOTO; the map of
					  RULE_DESTINATION_NAT */
	char comment[64];
	/* Of a decoded one: */
	uint64_t handle;	 /* the kernel's */
	uint64_t packets, bytes; /* of its own counter */
};

enum packet_hook {
	HOOK_NONE, /* a chain that is only jumped to */
	HOOK_PREROUTING,
	HOOK_INPUT,
	HOOK_FORWARD,
	HOOK_OUTPUT,
	HOOK_POSTROUTING,
	HOOK_OTHER, /* ingress, egress: of somebody else */
	_HOOK_MAX
};

struct filter_chain {
	char name[RULESET_NAME_MAX];
	enum packet_hook hook;
	bool nat; /* of type nat: sees the first packet of a connection only */
	int priority;
	bool drops; /* the policy of a base chain */
	struct filter_rule *rules;
	size_t rule_count;
};

/* One element of a set: a value or a range for each field of its key. Ends are included. */
struct filter_element {
	struct packet_value low[MATCH_FIELDS_MAX], high[MATCH_FIELDS_MAX];
	uint64_t id; /* of the rule of intent that it stands for, 0 for none */
};

struct filter_set {
	char name[RULESET_NAME_MAX];
	uint8_t field_count;
	uint8_t fields[MATCH_FIELDS_MAX];
	bool intervals; /* its elements are ranges */
	bool timeouts;	/* its elements may expire */
	bool counters;	/* each element counts what it matched */
	bool unknown;	/* somebody else's, whose elements could not all be read */
	struct filter_element *elements;
	size_t element_count;
};

/* A counter of the table that rules name. */
struct filter_counter {
	char name[RULESET_NAME_MAX];
	uint64_t packets, bytes; /* of a decoded one */
};

struct ruleset {
	char table[RULESET_NAME_MAX];
	uint8_t family; /* NFPROTO_INET, NFPROTO_IPV4, NFPROTO_IPV6 */
	struct filter_chain *chains;
	size_t chain_count;
	struct filter_set *sets;
	size_t set_count;
	struct filter_counter *counters;
	size_t counter_count;
};

void ruleset_clear(struct ruleset *ruleset);
#define _cleanup_ruleset_ _cleanup_(ruleset_clear)

/* Each adds one at the end, zeroed but for what is given, and returns it, borrowed until the next
 * is added; NULL without memory. */
struct filter_chain *ruleset_add_chain(struct ruleset *ruleset, const char *name);
struct filter_rule *filter_chain_add_rule(struct filter_chain *chain);
struct filter_set *ruleset_add_set(struct ruleset *ruleset, const char *name);
struct filter_element *filter_set_add_element(struct filter_set *set);
struct filter_counter *ruleset_add_counter(struct ruleset *ruleset, const char *name);

/* By name, borrowed, or NULL. */
struct filter_chain *ruleset_chain(const struct ruleset *ruleset, const char *name);
struct filter_set *ruleset_set(const struct ruleset *ruleset, const char *name);

/* Takes out the match of a family that another match implies. */
void filter_rule_normalise(struct filter_rule *rule);

/* Do two rules say the same? Comments and handles do not count. */
bool filter_rule_equal(const struct filter_rule *a, const struct filter_rule *b);
