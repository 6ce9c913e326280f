#include "parse.h"

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>

/* ---- addresses ---- */

struct address_message {
	struct address address;
	struct ip_address local;
	bool has_flags;
	uint32_t flags;
};

static int read_flags(struct cursor payload, void *object)
{
	struct address_message *message = object;

	cursor_copy(&payload, &message->flags, sizeof(message->flags));
	message->has_flags = true;
	return cursor_ok(&payload) ? 0 : -EBADMSG;
}

static int read_lifetimes(struct cursor payload, void *object)
{
	struct address_message *message = object;
	struct ifa_cacheinfo info;

	cursor_copy(&payload, &info, sizeof(info));
	message->address.preferred = info.ifa_prefered;
	message->address.valid = info.ifa_valid;
	return cursor_ok(&payload) ? 0 : -EBADMSG;
}

static const struct attribute address_rows[] = {
	[IFA_ADDRESS] = ATTRIBUTE(IP, struct address_message, address.prefix.address),
	[IFA_LOCAL] = ATTRIBUTE(IP, struct address_message, local),
	[IFA_BROADCAST] = ATTRIBUTE(IP, struct address_message, address.broadcast),
	[IFA_CACHEINFO] = ATTRIBUTE_CALLED(read_lifetimes),
	[IFA_FLAGS] = ATTRIBUTE_CALLED(read_flags),
	[IFA_RT_PRIORITY] = ATTRIBUTE(U32, struct address_message, address.metric),
	[IFA_PROTO] = ATTRIBUTE(U8, struct address_message, address.protocol),
};
static const struct attribute_table address_table = ATTRIBUTE_TABLE(address_rows);

int netlink_parse_address(struct cursor body, void *object)
{
	struct address_message message = {};
	struct address *address = &message.address;
	struct ifaddrmsg header;
	int r;

	if (!parse_header(&body, &header, sizeof(header)))
		return -EBADMSG;
	if (!ip_family_bits(header.ifa_family))
		return 1;

	memset(&message, 0, sizeof(message));
	address->preferred = address->valid = UINT32_MAX;
	r = attribute_read(body, &address_table, &message);
	if (r < 0)
		return r;

	/* IFA_ADDRESS is the peer where IFA_LOCAL differs from it (if_addr.h). */
	if (ip_address_is_set(&message.local) &&
	    !ip_address_equal(&message.local, &address->prefix.address)) {
		address->peer = address->prefix.address;
		address->prefix.address = message.local;
	}
	if (address->prefix.address.family != header.ifa_family ||
	    header.ifa_prefixlen > ip_family_bits(header.ifa_family) || (int)header.ifa_index <= 0)
		return -EBADMSG;
	address->prefix.length = header.ifa_prefixlen;
	address->link = (int)header.ifa_index;
	address->scope = header.ifa_scope;
	address->flags = message.has_flags ? message.flags : header.ifa_flags;
	memcpy(object, address, sizeof(*address));
	return 0;
}

/* ---- rules ---- */

#define FNV_OFFSET 0x811c9dc5u
#define FNV_PRIME  0x01000193u

static uint32_t digest(uint32_t hash, const void *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		hash = (hash ^ ((const uint8_t *)bytes)[i]) * FNV_PRIME;
	return hash;
}

static void digest_unknown(uint16_t number, struct cursor payload, void *object)
{
	struct rule *rule = object;

	rule->others = digest(rule->others ?: FNV_OFFSET, &number, sizeof(number));
	rule->others = digest(rule->others, payload.data, payload.size);
}

/* The kernel states it of each rule, as -1 where it is none. */
static int read_suppressed(struct cursor payload, void *object)
{
	uint32_t longest;

	cursor_copy(&payload, &longest, sizeof(longest));
	((struct rule *)object)->least_length = longest + 1;
	return cursor_ok(&payload) ? 0 : -EBADMSG;
}

static const struct attribute rule_rows[] = {
	[FRA_DST] = ATTRIBUTE(IP, struct rule, destination.address),
	[FRA_SRC] = ATTRIBUTE(IP, struct rule, source.address),
	[FRA_IIFNAME] = ATTRIBUTE(TEXT, struct rule, input),
	[FRA_OIFNAME] = ATTRIBUTE(TEXT, struct rule, output),
	[FRA_PRIORITY] = ATTRIBUTE(U32, struct rule, priority),
	[FRA_FWMARK] = ATTRIBUTE(U32, struct rule, mark),
	[FRA_FWMASK] = ATTRIBUTE(U32, struct rule, mask),
	[FRA_TABLE] = ATTRIBUTE(U32, struct rule, table),
	[FRA_SUPPRESS_PREFIXLEN] = ATTRIBUTE_CALLED(read_suppressed),
	[FRA_PROTOCOL] = ATTRIBUTE(U8, struct rule, protocol),
};
const struct attribute_table netlink_rule_attributes = {.rows = rule_rows,
							.count = ARRAY_SIZE(rule_rows),
							.unknown = digest_unknown};

int netlink_parse_rule(struct cursor body, void *object)
{
	struct rule *rule = object;
	struct fib_rule_hdr header;
	unsigned bits;
	int r;

	if (!parse_header(&body, &header, sizeof(header)))
		return -EBADMSG;
	bits = ip_family_bits(header.family);
	if (!bits)
		return 1;

	rule->table = header.table;
	if (header.tos)
		rule->others = digest(FNV_OFFSET, &header.tos, sizeof(header.tos));
	r = attribute_read(body, &netlink_rule_attributes, rule);
	if (r < 0)
		return r;
	if (header.src_len > bits || header.dst_len > bits)
		return -EBADMSG;
	rule->family = header.family;
	rule->action = header.action;
	rule->invert = header.flags & FIB_RULE_INVERT;
	rule->source.length = header.src_len;
	rule->destination.length = header.dst_len;
	return 0;
}

/* ---- neighbours ---- */

static const struct attribute neighbour_rows[] = {
	[NDA_DST] = ATTRIBUTE(IP, struct neighbour, address),
	[NDA_LLADDR] = ATTRIBUTE(MAC, struct neighbour, mac),
};
static const struct attribute_table neighbour_table = ATTRIBUTE_TABLE(neighbour_rows);

int netlink_parse_neighbour(struct cursor body, void *object)
{
	struct neighbour *neighbour = object;
	struct ndmsg header;
	int r;

	if (!parse_header(&body, &header, sizeof(header)))
		return -EBADMSG;
	/* Bridges announce their forwarding table as neighbours of AF_BRIDGE. */
	if (!ip_family_bits(header.ndm_family) || header.ndm_flags & NTF_PROXY)
		return 1;
	r = attribute_read(body, &neighbour_table, neighbour);
	if (r < 0)
		return r;
	if (neighbour->address.family != header.ndm_family || header.ndm_ifindex <= 0)
		return -EBADMSG;
	/* A group's entry is arithmetic, not something that was learned. */
	if (ip_address_is_multicast(&neighbour->address))
		return 1;
	neighbour->link = header.ndm_ifindex;
	neighbour->state = header.ndm_state;
	neighbour->flags = header.ndm_flags;
	return 0;
}

/* ---- all ---- */

#define MESSAGES(name, kind, function)                                                             \
	[RTM_NEW##name - RTM_BASE] = {kind, function}, [RTM_DEL##name - RTM_BASE] = {kind, function}

static const struct {
	enum object_kind kind;
	int (*parse)(struct cursor body, void *object);
} messages[] = {
	MESSAGES(LINK, OBJECT_LINK, netlink_parse_link),
	MESSAGES(ADDR, OBJECT_ADDRESS, netlink_parse_address),
	MESSAGES(ROUTE, OBJECT_ROUTE, netlink_parse_route),
	MESSAGES(RULE, OBJECT_RULE, netlink_parse_rule),
	MESSAGES(NEIGH, OBJECT_NEIGHBOUR, netlink_parse_neighbour),
};

int netlink_parse(const struct nlmsghdr *message, enum object_kind *kind, union object *ret)
{
	unsigned type = message->nlmsg_type - RTM_BASE;

	if (message->nlmsg_len < sizeof(*message))
		return -EBADMSG;
	if (type >= ARRAY_SIZE(messages) || !messages[type].parse)
		return 1;
	*kind = messages[type].kind;
	memset(ret, 0, object_size(*kind));
	return messages[type].parse(CURSOR(message + 1, message->nlmsg_len - sizeof(*message)),
				    ret);
}

int parse_error(const struct nlmsghdr *message)
{
	struct cursor body = CURSOR(message + 1, message->nlmsg_len - sizeof(*message));
	int error;

	cursor_copy(&body, &error, sizeof(error));
	return MIN(error, 0);
}
