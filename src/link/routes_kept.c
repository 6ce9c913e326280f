#include "routes_kept.h"

#include <linux/rtnetlink.h>
#include <string.h>

void routes_kept_clear(struct routes_kept *kept)
{
	free(kept->messages);
	*kept = (struct routes_kept){0};
}

static bool is_last_address(const struct observed *observed, int link,
			    const struct ip_prefix *prefix)
{
	const struct address *address = NULL;
	unsigned others = 0;

	if (prefix->address.family != AF_INET || !observed_address(observed, link, prefix))
		return false;
	while ((address = observed_next_address(observed, address)))
		others += address->link == link && address->prefix.address.family == AF_INET;
	return others == 1;
}

/* The kernel's own follow from the address, what is sent from it goes with it, and those by a
 * nexthop object stay. `prefix` is NULL for an address that comes back at once. */
static bool needs_no_address(const struct route *route, int link, const struct ip_prefix *prefix)
{
	return route->link == link && route->destination.address.family == AF_INET &&
	       route->nexthops <= 1 && route->protocol != RTPROT_KERNEL &&
	       !(route->flags & ROUTE_BY_OBJECT) &&
	       !(prefix && ip_address_equal(&route->source, &prefix->address));
}

struct collection {
	struct routes_kept *kept;
	int link;
	const struct ip_prefix *prefix;
};

/* The dumped message as a request, without what is only told. Routes to one destination with one
 * metric come in the order in which the kernel asks them, so that each goes behind those before it
 * (fib_trie.c, fib_table_insert()); one that is there already is refused. */
static int append(struct routes_kept *kept, const struct nlmsghdr *told)
{
	size_t room = NLMSG_ALIGN(told->nlmsg_len);
	uint8_t *grown = realloc(kept->messages, kept->length + room);
	struct nlmsghdr *message;
	struct rtmsg *route;

	if (!grown)
		return -ENOMEM;
	kept->messages = grown;
	message = (void *)(grown + kept->length);
	memset(message, 0, room);
	memcpy(message, told, told->nlmsg_len);
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_APPEND;
	message->nlmsg_pid = 0;
	route = NLMSG_DATA(message);
	route->rtm_flags &= RTNH_F_ONLINK;
	kept->length += room;
	return 0;
}

static int take_route(const struct nlmsghdr *message, void *userdata)
{
	struct collection *collection = userdata;
	union object object;
	enum object_kind kind;

	if (netlink_parse(message, &kind, &object) != 0 || kind != OBJECT_ROUTE ||
	    !needs_no_address(&object.route, collection->link, collection->prefix))
		return 0;
	return append(collection->kept, message);
}

static int collect(struct core *core, int link, const struct ip_prefix *prefix,
		   struct routes_kept *ret)
{
	struct collection collection = {ret, link, prefix};
	uint8_t buffer[NETLINK_MESSAGE_MAX];
	int r;

	*ret = (struct routes_kept){0};
	r = netlink_query(core_netlink(core), netlink_build_link_routes_dump(buffer, AF_INET, link),
			  take_route, &collection);
	/* Interrupted by what changed meanwhile, it has what did not. */
	return r == -EAGAIN ? 0 : r;
}

int routes_kept_collect(struct core *core, int link, const struct ip_prefix *prefix,
			struct routes_kept *ret)
{
	*ret = (struct routes_kept){0};
	/* What the steps before this one did is in the mirror only now. */
	(void)observed_drain(core_observed(core));
	return is_last_address(core_observed(core), link, prefix) ? collect(core, link, prefix, ret)
								  : 0;
}

int routes_kept_collect_all(struct core *core, int link, struct routes_kept *ret)
{
	return collect(core, link, NULL, ret);
}

static bool is_gone_by_itself(int r)
{
	return r == -EEXIST || r == -ENETUNREACH || r == -EHOSTUNREACH || r == -EINVAL ||
	       r == -ENETDOWN || r == -ENODEV;
}

int routes_kept_put_back(struct core *core, const struct routes_kept *kept)
{
	int first = 0;

	for (size_t at = 0; at < kept->length;) {
		struct nlmsghdr *message = (void *)(kept->messages + at);
		int r = netlink_request(core_netlink(core), message);

		at += NLMSG_ALIGN(message->nlmsg_len);
		if (r < 0 && !is_gone_by_itself(r) && first == 0)
			first = r;
	}
	return first;
}
