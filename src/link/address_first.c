#include "address_first.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "kernel_error.h"
#include "routes_kept.h"

#define NETWORK_ADDRESSES_MAX 64
#define ADDRESS_MESSAGE_MAX   256

/* The addresses of one network on a link as the kernel tells them: the first one first. */
struct network {
	int link;
	const struct ip_prefix *prefix;
	struct told {
		_Alignas(NLMSG_ALIGNTO) uint8_t message[ADDRESS_MESSAGE_MAX];
		struct ip_prefix prefix;
	} list[NETWORK_ADDRESSES_MAX];
	unsigned count;
};

static int take_address(const struct nlmsghdr *message, void *userdata)
{
	struct network *network = userdata;
	const struct address *address;
	union object object;
	enum object_kind kind;
	struct told *told = &network->list[network->count];

	if (netlink_parse(message, &kind, &object) != 0 || kind != OBJECT_ADDRESS)
		return 0;
	address = &object.address;
	if (address->link != network->link || address->prefix.length != network->prefix->length ||
	    !ip_prefix_contains(network->prefix, &address->prefix.address))
		return 0;
	if (network->count == NETWORK_ADDRESSES_MAX || message->nlmsg_len > ADDRESS_MESSAGE_MAX)
		return -E2BIG;
	memcpy(told->message, message, message->nlmsg_len);
	told->prefix = address->prefix;
	network->count++;
	return 0;
}

static int request(struct core *core, bool add, struct told *told)
{
	struct nlmsghdr *message = (void *)told->message;

	message->nlmsg_type = add ? RTM_NEWADDR : RTM_DELADDR;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	if (add)
		message->nlmsg_flags |= NLM_F_CREATE | NLM_F_REPLACE;
	message->nlmsg_pid = 0;
	return netlink_request(core_netlink(core), message);
}

/* Takes the first one away. `wanted` is the first one then (NULL: any of the others), and `last`
 * the last (NULL: it is gone): what the kernel took away with it comes back, what it kept stays. */
static int exchange(struct core *core, struct network *network, struct told *wanted,
		    struct told *last)
{
	struct told *first = &network->list[0];
	int r = request(core, false, first);

	if (r >= 0 && wanted)
		r = request(core, true, wanted);
	for (unsigned i = 1; r >= 0 && i < network->count; i++)
		if (&network->list[i] != wanted)
			r = request(core, true, &network->list[i]);
	return r >= 0 && last ? request(core, true, last) : r;
}

static struct told *find(struct network *network, const struct ip_prefix *prefix)
{
	for (unsigned i = 0; i < network->count; i++)
		if (ip_prefix_equal(&network->list[i].prefix, prefix))
			return &network->list[i];
	return NULL;
}

/* Makes the address first, or takes it away where it is. Else nothing is done. */
static int reorder(struct core *core, struct network *network, bool removes)
{
	_cleanup_(routes_kept_clear) struct routes_kept kept = {0};
	char buffer[NETLINK_MESSAGE_MAX];
	struct nlmsghdr *dump = netlink_build_dump(buffer, OBJECT_ADDRESS, network->link);
	struct told *named, *first = &network->list[0];
	int r = netlink_query(core_netlink(core), dump, take_address, network);

	if (r < 0)
		return r;
	named = find(network, network->prefix);
	if (!named || removes != (named == first))
		return 0;
	r = routes_kept_collect_all(core, network->link, &kept);
	if (r >= 0)
		r = removes ? exchange(core, network, NULL, NULL)
			    : exchange(core, network, named, first);
	return r < 0 ? r : routes_kept_put_back(core, &kept);
}

static int reorder_on(struct core *core, const struct link *link, const struct ip_prefix *prefix,
		      bool removes, struct error *error)
{
	_cleanup_(cleanup_free) struct network *network = calloc(1, sizeof(*network));
	int r;

	if (!network)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot order addresses");
	network->link = link->index;
	network->prefix = prefix;
	r = reorder(core, network, removes);
	(void)observed_drain(core_observed(core));
	return r < 0 ? kernel_error(core, r, "ordering addresses", error) : 0;
}

int address_put_first(struct core *core, const char *name, const struct ip_prefix *prefix,
		      struct error *error)
{
	const struct link *link = observed_link_by_name(core_observed(core), name);

	return link && prefix->address.family == AF_INET
		       ? reorder_on(core, link, prefix, false, error)
		       : 0;
}

/* Others of its network that the kernel would take with it. */
static bool takes_others(const struct observed *observed, const struct link *link,
			 const struct ip_prefix *prefix)
{
	const struct address *address = NULL;

	if (prefix->address.family != AF_INET || link->promote_secondaries)
		return false;
	while ((address = observed_next_address(observed, address)))
		if (address->link == link->index && address->flags & IFA_F_SECONDARY &&
		    address->prefix.length == prefix->length &&
		    ip_prefix_contains(prefix, &address->prefix.address))
			return true;
	return false;
}

int address_remove_alone(struct core *core, const struct link *link, const struct ip_prefix *prefix,
			 struct error *error)
{
	return takes_others(core_observed(core), link, prefix)
		       ? reorder_on(core, link, prefix, true, error)
		       : 0;
}
